"""What administrators do to people and API tokens, on the command line and in the browser.

Everything is one transaction with its line in the audit log: who, what, to whom, what it was before
and what it is now. No secret stands there.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg

from dashboard.auth import ROLES, hash_password, verify
from sql import fields
from sql.admin import COMMAND_LINE, audit
from sql.database import Connection
from sql.fields import FieldError, RefusedError
from sql.queries import load_queries

queries = load_queries("people")

SCOPES = ("read", "command")
SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 1000
LINK_GOOD_FOR = timedelta(days=3)
KEEPS_AN_ADMIN = "app_user_keeps_an_admin"
PERSON: dict[str, fields.Check] = {
    "email": fields.email, "name": fields.plain(100), "role": fields.one_of(*ROLES),
}  # fmt: skip


def check_password(password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise FieldError("password", "", "at least {least} characters", least=SHORTEST_PASSWORD)
    return password


def put_user(
    connection: Connection, email: str, name: str, role: str, password: str,
    actor: str = COMMAND_LINE,
) -> None:  # fmt: skip
    """Add a person, or give an existing one a new role and password (which ends their sessions)."""
    check_password(password)
    fields.email("email", email)
    password_hash = hash_password(password)
    with _keeping_an_admin(), connection.transaction():
        before = queries.user_now(connection, email=email)
        queries.put_user(connection, email=email, name=name, role=role, password_hash=password_hash)
        after = {"name": name, "role": role, "is_active": True}
        audit(connection, actor, "user.change" if before else "user.add", email, before, after)


def add_user(
    connection: Connection, actor: str, person: dict[str, str], password: str | None
) -> int:
    """A new person; returns the number. Without a password nobody can sign in as them until a link
    is used. Raises FieldError: the address is somebody's."""
    # nobody knows this one
    password_hash = hash_password(password or secrets.token_urlsafe(32))
    with connection.transaction():
        user_id = queries.add_user(connection, password_hash=password_hash, **person)
        if user_id is None:
            raise FieldError("email", person["email"], "an address that no other account has")
        after = {"name": person["name"], "role": person["role"]}
        audit(connection, actor, "user.add", person["email"], after=after)
    return int(user_id)


def change_user(
    connection: Connection, actor: str, user_id: int, values: dict[str, Any]
) -> dict[str, Any]:
    """Change name, role, is_active; at once, as every request asks for them. Returns who it is.

    Raises RefusedError: nobody has that number, or it is the last administrator.
    """
    with _keeping_an_admin(), connection.transaction():
        who = _user(connection, user_id)
        before = {name: who[name] for name in ("name", "role", "is_active")}
        after = {**before, **values}
        if after != before:
            queries.change_user(connection, user_id=user_id, **after)
            audit(connection, actor, "user.change", who["email"], before, after)
    return {**who, **after}


def reset_password(connection: Connection, actor: str, user_id: int, password: str) -> str:
    """A new password, which ends the person's sessions; returns whose it is."""
    password_hash = hash_password(check_password(password))
    with connection.transaction():
        email = str(_user(connection, user_id)["email"])
        queries.set_user_password(connection, user_id=user_id, password_hash=password_hash)
        audit(connection, actor, "user.password", email)
    return email


def make_link(connection: Connection, actor: str, user_id: int, now: datetime) -> str:
    """A token for /password/<token>, good once and for three days; older ones are good no more."""
    token = secrets.token_urlsafe(32)
    expires_at = now + LINK_GOOD_FOR
    with connection.transaction():
        email = _user(connection, user_id)["email"]
        queries.end_links(connection, user_id=user_id, at=now)
        queries.add_link(
            connection, token_hash=token_hash(token), user_id=user_id, created_by=actor,
            expires_at=expires_at,
        )  # fmt: skip
        after = {"good_until": expires_at.isoformat(timespec="seconds")}
        audit(connection, actor, "user.link", email, after=after)
    return token


def use_link(connection: Connection, token: str, password: str, now: datetime) -> str | None:
    """Set the password a link is for; returns whose, None: it is used, too old, or none."""
    password_hash = hash_password(check_password(password))
    with connection.transaction():
        user_id = queries.use_link(connection, token_hash=token_hash(token), at=now)
        if user_id is None:
            return None
        email = str(_user(connection, int(user_id))["email"])
        queries.set_user_password(connection, user_id=user_id, password_hash=password_hash)
        audit(connection, email, "user.password", email)
    return email


def _user(connection: Connection, user_id: int) -> dict[str, Any]:
    found: dict[str, Any] | None = queries.user_of(connection, user_id=user_id)
    if found is None:
        raise RefusedError("no account has the number {number}", number=user_id)
    return found


@contextmanager
def _keeping_an_admin() -> Iterator[None]:
    """The database refuses to lose the last administrator: say so."""
    try:
        yield
    except psycopg.errors.CheckViolation as error:
        if error.diag.constraint_name != KEEPS_AN_ADMIN:
            raise
        raise LastAdminError("this is the last administrator: make another one first") from None


class LastAdminError(RefusedError):
    """Somebody must be able to let others in."""


DEMO_USERS = {
    "alice@demo.kilowatch": ("Alice Berg", "operator"),
    "bob@demo.kilowatch": ("Bob Lind", "manager"),
    "carol@demo.kilowatch": ("Carol Ek", "finance"),
    "ada@demo.kilowatch": ("Ada Nord", "admin"),
}


def put_demo_user(connection: Connection, email: str, secret_key: str) -> str:
    """Add one of the demo's people; returns the password, which follows from the secret key."""
    name, role = DEMO_USERS[email]
    password = hmac.new(secret_key.encode(), f"demo {email}".encode(), "sha256").hexdigest()[:12]
    if not verify(queries.password_hash(connection, email=email) or "", password):
        put_user(connection, email, name, role, password)
    return password


def token_hash(token: str) -> bytes:
    """What the database keeps of an API token or a link: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def add_api_token(
    connection: Connection, name: str, scopes: tuple[str, ...], actor: str = COMMAND_LINE
) -> str:
    """Create a token; returns it, for the only time. Raises FieldError: the name is taken."""
    token = "kw_" + secrets.token_urlsafe(32)
    with connection.transaction():
        if not queries.add_api_token(
            connection, name=name, token_hash=token_hash(token), scopes=list(scopes)
        ):
            raise FieldError("name", name, "a name that no other API token has or had")
        audit(connection, actor, "api_token.add", name, after={"scopes": list(scopes)})
    return token


def revoke_api_token(connection: Connection, actor: str, api_token_id: int, now: datetime) -> bool:
    """It opens nothing from now on; False when it was revoked already."""
    with connection.transaction():
        name = queries.revoke_api_token(connection, api_token_id=api_token_id, at=now)
        if name is not None:
            audit(connection, actor, "api_token.revoke", name)
    return name is not None
