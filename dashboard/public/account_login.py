"""Signing in by a link in a mail, and staying signed in by a secret in a cookie.

Whether an address has an account is told to nobody: everybody gets the same answer and a link that
makes an account when there is none. Mail scanners open links, so opening one changes nothing; the
button on its page does. The database knows hashes of links and secrets only.
"""

import hashlib
import re
import secrets
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from flask import Blueprint, abort, make_response, redirect, render_template, request
from msgspec import Struct
from psycopg.types.json import Jsonb
from werkzeug.exceptions import TooManyRequests
from werkzeug.wrappers import Response as AnyResponse

from dashboard.deps import Deps
from dashboard.i18n import language
from dashboard.public.guard import not_too_often, own_page_only
from dashboard.public.receipts import ADDRESS
from sql.queries import load_queries

queries = load_queries("account")
COOKIE = "driver"
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
LINK_LIFE, SESSION_LIFE = timedelta(minutes=30), timedelta(days=180)
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class Driver(Struct, frozen=True, kw_only=True):
    """Who is signed in: the columns of the query `signed_in`."""

    driver_id: int
    email: str
    name: str | None
    language: str
    company_id: int | None
    company: str | None
    has_card: bool
    card_brand: str | None
    card_last4: str | None
    card_expires: date | None
    blocked_at: datetime | None
    seen_at: datetime


def add_routes(routes: Blueprint, deps: Deps) -> None:
    routes.add_url_rule("/my/login", "login", partial(_login, deps))
    routes.add_url_rule("/my/login", "send", partial(_send, deps), methods=["POST"])
    routes.add_url_rule("/my/link/<token>", "link", partial(_link, deps))
    routes.add_url_rule("/my/link/<token>", "enter", partial(_enter, deps), methods=["POST"])
    for name, everywhere in (("sign-out", False), ("sign-out-everywhere", True)):
        view = partial(_sign_out, deps, everywhere)
        routes.add_url_rule(f"/my/{name}", name, view, methods=["POST"])


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _secret() -> str | None:
    found = request.cookies.get(COOKIE, "")
    return found if SECRET.fullmatch(found) else None


def driver_of(deps: Deps) -> Driver | None:
    """Who is signed in here, if anybody."""
    secret, now = _secret(), datetime.now(UTC)
    if secret is None:
        return None
    with deps.connection() as connection:
        row = queries.signed_in(connection, secret_hash=digest(secret), now=now)
        if row and now - row["seen_at"] > timedelta(hours=1):
            queries.note_seen(connection, secret_hash=digest(secret), now=now)
    return Driver(**row) if row else None


def posting(deps: Deps) -> Driver:
    """Who has pressed a button on one of our pages: 403 for another site's, sign in first."""
    own_page_only(deps)
    return driver_of(deps) or abort(redirect("/my/login", 303))


# -- the link --------------------------------------------------------------------------------


def _login(deps: Deps) -> AnyResponse:
    if driver_of(deps) is not None:
        return redirect("/my/account", 303)
    return _page("account/login.html", sent=request.args.get("sent") == "1", wrong=False)


def _page(template: str, status: int = 200, **values: Any) -> AnyResponse:
    page = make_response(render_template(template, **values), status)
    page.headers["Cache-Control"] = "private, no-store"
    return page


def _send(deps: Deps) -> AnyResponse:
    own_page_only(deps)
    not_too_often(deps, "login")
    email = request.form.get("email", "").strip()
    if not ADDRESS.fullmatch(email) or not email.isprintable():
        return _page("account/login.html", 400, sent=False, wrong=True)
    try:
        not_too_often(deps, "login_mail", f"mail {email.lower()}")
    except TooManyRequests:
        pass  # its mailbox is full of links by now; and nobody learns more from another answer
    else:
        _mail(deps, email, datetime.now(UTC))
    return redirect("/my/login?sent=1", 303)


def _mail(deps: Deps, email: str, now: datetime) -> None:
    token, until = secrets.token_urlsafe(32), now + LINK_LIFE
    about = {"path": f"/my/link/{token}", "valid_until": until.isoformat()}
    told: dict[str, Any] = {"email": email, "language": language(), "now": now}
    with deps.transaction() as connection:
        queries.add_link(connection, token_hash=digest(token), expires_at=until, **told)
        queries.mail_link(connection, parameters=Jsonb(about), **told)


def _link(deps: Deps, token: str) -> AnyResponse:
    """For whom it is, and a button: whoever is sent another's link sees it."""
    with deps.connection() as connection:
        link = queries.good_link(connection, token_hash=digest(token), now=datetime.now(UTC))
    return _page("account/link.html", 200 if link else 410, link=link, token=token)


def _enter(deps: Deps, token: str) -> AnyResponse:
    own_page_only(deps)
    not_too_often(deps, "login")
    now, secret = datetime.now(UTC), secrets.token_urlsafe(32)
    with deps.transaction() as connection:
        email = queries.use_link(connection, token_hash=digest(token), now=now)
        if email is not None:
            _sign_in(connection, email, secret, now)
    if email is None:
        return _page("account/link.html", 410, link=None, token=token)
    response = redirect("/my/account", 303)
    response.set_cookie(
        COOKIE, secret, max_age=int(SESSION_LIFE.total_seconds()), httponly=True, samesite="Lax",
        secure=request.is_secure or deps.settings.public_url.startswith("https:"), path="/my",
    )  # fmt: skip
    return response


def _sign_in(connection: Any, email: str, secret: str, now: datetime) -> None:
    driver_id = queries.put_driver(connection, email=email, language=language(), now=now)
    app_token = "KWA" + "".join(secrets.choice(LETTERS) for _ in range(17))
    queries.put_app_token(connection, driver_id=driver_id, id_token=app_token, now=now)
    queries.add_session(
        connection, secret_hash=digest(secret), driver_id=driver_id, now=now,
        expires_at=now + SESSION_LIFE,
    )  # fmt: skip


def _sign_out(deps: Deps, everywhere: bool) -> AnyResponse:
    own_page_only(deps)
    driver, secret, now = driver_of(deps), _secret(), datetime.now(UTC)
    with deps.connection() as connection:
        if driver is not None and everywhere:
            queries.end_sessions(connection, driver_id=driver.driver_id, now=now)
        elif secret is not None:
            queries.end_session(connection, secret_hash=digest(secret), now=now)
    return signed_out(redirect("/my/login", 303))


def signed_out(response: AnyResponse) -> AnyResponse:
    response.delete_cookie(COOKIE, path="/my")
    return response
