"""Whose payment it is: a random secret in a cookie, of which the database knows only the hash."""

import hashlib
import re
import secrets
from datetime import datetime
from typing import Any

from flask import request
from werkzeug.wrappers import Response

from dashboard.deps import Deps
from dashboard.public.faces import Payment
from sql.queries import load_queries

queries = load_queries("driver")
COOKIE = "payer"
YEAR = 365 * 24 * 3600
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
REFERENCE = re.compile(r"[0-9A-Z]{4}-[0-9A-Z]{2,4}")
LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # read out on the phone: no 0 O 1 I L


def secret() -> str | None:
    """The caller's secret, if the cookie holds one of ours."""
    found = request.cookies.get(COOKIE, "")
    return found if SECRET.fullmatch(found) else None


def owner_hash(of: str | None = None) -> bytes | None:
    """What `payment.owner_hash` holds for the caller (or for a new secret)."""
    known = of or secret()
    return hashlib.sha256(known.encode()).digest() if known else None


def new_secret() -> str:
    return secrets.token_urlsafe(32)


def remember(response: Response, known: str, public_url: str) -> Response:
    """A year, for scripts unreadable, never sent along with another site's requests for parts."""
    response.set_cookie(
        COOKIE, known, max_age=YEAR, httponly=True, samesite="Lax",
        secure=request.is_secure or public_url.startswith("https:"),
    )  # fmt: skip
    return response


def new_reference() -> str:
    """What a payer quotes on the phone: 8F3K-27."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(6))
    return f"{letters[:4]}-{letters[4:]}"


def named_reference() -> str:
    """The payment that an address or a form names; the card payment sends people back with it."""
    given = (request.values.get(name) for name in ("paid", "back", "reference"))
    found = next(filter(None, given), "")
    return found if REFERENCE.fullmatch(found) else ""


def own_payment(deps: Deps, evse_key: int) -> Payment | None:
    """The caller's payment at an evse, as the query `own_payment` chooses it."""
    owner = owner_hash()
    if owner is None:
        return None
    with deps.connection() as connection:
        row: dict[str, Any] | None = queries.own_payment(
            connection, owner_hash=owner, evse_key=evse_key, reference=named_reference()
        )
    return Payment(**row) if row else None


def curve_points(deps: Deps, payment: Payment, now: datetime) -> list[tuple[float, float]]:
    """(seconds since the start, watts) of a payment's session."""
    if payment.session_id is None or payment.started_at is None:
        return []
    with deps.connection() as connection:
        rows = queries.power_curve(
            connection, evse_key=payment.evse_key, session_id=payment.session_id,
            started_at=payment.started_at, now=now,
        )  # fmt: skip
    return [(row["seconds"], row["power_w"]) for row in rows]
