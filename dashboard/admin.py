"""What an administrator does to people and API tokens from the command line."""

import hashlib
import hmac
import secrets

from dashboard.auth import hash_password, verify
from sql import RequestError
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("people")

ROLES = ("operator", "manager", "finance", "admin")
SCOPES = ("read", "command")
SHORTEST_PASSWORD = 10


def put_user(connection: Connection, email: str, name: str, role: str, password: str) -> None:
    """Add a person, or give an existing one a new role and password (which ends their sessions)."""
    if len(password) < SHORTEST_PASSWORD:
        raise RequestError(f"password: expected at least {SHORTEST_PASSWORD} characters")
    if "@" not in email:
        raise RequestError(f"EMAIL: expected an address, got {email}")
    queries.put_user(
        connection, email=email, name=name, role=role, password_hash=hash_password(password)
    )
    queries.note(connection, action="user.add", subject=email)


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
    """What the database keeps of an API token: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def add_api_token(connection: Connection, name: str, scopes: tuple[str, ...]) -> str:
    """Create a token; returns it, for the only time."""
    token = "kw_" + secrets.token_urlsafe(32)
    if not queries.add_api_token(
        connection, name=name, token_hash=token_hash(token), scopes=list(scopes)
    ):
        raise RequestError(f"an API token called {name} exists; choose another name")
    queries.note(connection, action="api_token.add", subject=name)
    return token
