"""Who may see and do what: accounts, sessions, roles, and the throttle on guessing passwords.

Sessions are signed cookies. The signed id holds the account's `session_salt`, which changes with
the password, so a changed password ends every session of the account.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import Flask, Response, abort, redirect, request
from flask_login import LoginManager, current_user
from gevent import get_hub, monkey
from psycopg.types.json import Jsonb
from werkzeug.wrappers import Response as AnyResponse

from dashboard.deps import Deps
from dashboard.i18n import configure
from sql.queries import load_queries
from sql.settings import secret_key

ROLES = ("operator", "manager", "finance", "admin")
SESSION_SECONDS = 12 * 3600
FAILURES_OF_ACCOUNT, FAILURES_OF_ADDRESS = 5, 50  # within 15 minutes

P = ParamSpec("P")
R = TypeVar("R")
queries = load_queries("auth")
hasher = PasswordHasher()


@dataclass(frozen=True)
class User:
    """A signed-in account, as flask-login wants it."""

    user_id: int
    email: str
    name: str
    role: str
    salt: str
    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        return f"{self.user_id}:{self.salt}"

    def has_role(self, *roles: str) -> bool:
        """Admins may do everything."""
        return self.role == "admin" or self.role in roles


class Throttled(Exception):  # noqa: N818 - a state, not a mistake
    """Too many wrong passwords; wait up to a quarter of an hour."""


def install(app: Flask, deps: Deps) -> None:
    """Give a Flask app its secret, its cookies, its languages and its accounts."""
    settings = deps.settings
    app.secret_key = secret_key(settings)
    app.config.update(
        SESSION_COOKIE_NAME="kilowatch",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.public_url.startswith("https:"),
        PERMANENT_SESSION_LIFETIME=SESSION_SECONDS,
        WTF_CSRF_TIME_LIMIT=SESSION_SECONDS,
        MAX_FORM_MEMORY_SIZE=64_000,
    )
    configure(app, settings.language, settings.time_zone)
    manager = LoginManager(app)
    manager.session_protection = "basic"
    manager.user_loader(partial(load_user, deps))
    app.before_request(guard)


def guard() -> AnyResponse | None:
    """Everything under /app needs a login: pages go to the login page, scripts get 401."""
    inside = request.path == "/app" or request.path.startswith("/app/")
    if not inside or request.path.startswith("/app/assets/") or current_user.is_authenticated:
        return None
    if request.method == "GET" and request.accept_mimetypes.accept_html:
        wanted = request.full_path.rstrip("?")
        return redirect("/login" if wanted == "/app/" else f"/login?next={quote(wanted, safe='/')}")
    return Response("sign in first\n", 401, mimetype="text/plain")


def require_role(*roles: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """For views and Dash callbacks: 401 without a login, 403 without one of the roles.

    Without roles any signed-in account will do.
    """

    def protect(work: Callable[P, R]) -> Callable[P, R]:
        @wraps(work)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            if not current_user.is_authenticated:
                abort(401)
            if roles and not current_user.has_role(*roles):
                abort(403)
            return work(*args, **kwargs)

        return guarded

    return protect


def load_user(deps: Deps, session_id: str) -> User | None:
    """The account of a session, unless it was closed or its password has changed."""
    number, _, salt = session_id.partition(":")
    if not number.isdecimal():
        return None
    with deps.connection() as connection:
        row = queries.user_by_id(connection, user_id=int(number))
    return _user(row) if row and row["session_salt"] == salt else None


def check_password(deps: Deps, email: str, password: str, address: str) -> User | None:
    """The account, or None for a wrong address or password; each failure is noted.

    Raises:
        Throttled: five failures of this account from this address, or fifty of the address.
    """
    with deps.connection() as connection:
        failures = queries.failed_logins(connection, email=email, address=address)
        row = queries.user_by_email(connection, email=email)
    if (
        failures["of_account"] >= FAILURES_OF_ACCOUNT
        or failures["of_address"] >= FAILURES_OF_ADDRESS
    ):
        raise Throttled
    # an unknown address costs the same time as a wrong password
    if not verify(row["password_hash"] if row else NOBODY, password) or row is None:
        audit(deps, "anonymous", "login_failed", email.lower(), address=address)
        return None
    if hasher.check_needs_rehash(row["password_hash"]):
        with deps.connection() as connection:
            stronger = hasher.hash(password)
            queries.replace_hash(connection, user_id=row["user_id"], password_hash=stronger)
    with deps.connection() as connection:
        queries.note_login(connection, user_id=row["user_id"])
    audit(deps, row["email"], "login", row["email"], address=address)
    return _user(row)


def verify(password_hash: str, password: str) -> bool:
    """Whether a password is the one that a hash was made of."""

    def check() -> bool:
        try:
            return hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    return beside(check)


def hash_password(password: str) -> str:
    """What app_user.password_hash holds: argon2id with its parameters and salt."""
    return beside(lambda: hasher.hash(password))


def beside(work: Callable[[], R]) -> R:
    """Do argon2's work in a real thread: it costs tens of milliseconds that live streams feel."""
    if monkey.is_module_patched("threading"):
        done: R = get_hub().threadpool.apply(work)
        return done
    return work()


def audit(deps: Deps, actor: str, action: str, subject: str, **detail: Any) -> None:
    """Write one line of the audit log."""
    with deps.connection() as connection:
        queries.audit(connection, actor=actor, action=action, subject=subject, detail=Jsonb(detail))


def end_sessions(deps: Deps, user: User) -> None:
    """Cookies given out so far open nothing any more, on whatever device they are."""
    with deps.connection() as connection:
        queries.new_salt(connection, user_id=user.user_id)


def own_path(wanted: str | None, fallback: str) -> str:
    """Where to go next: only a path of ours, never another host (//host, /\\host, https:...)."""
    if not wanted or not wanted.startswith("/") or wanted[1:2] in ("/", "\\"):
        return fallback
    return wanted if wanted.isprintable() and "\\" not in wanted else fallback


def _user(row: dict[str, Any]) -> User:
    return User(row["user_id"], row["email"], row["name"], row["role"], row["session_salt"])


NOBODY = hasher.hash("nobody has this password")
