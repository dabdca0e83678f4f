"""Id tokens (RFID tags, app tokens): added, blocked, listed."""

from datetime import datetime
from typing import Any

from sql import fields
from sql.admin import audit, queries
from sql.database import Connection
from sql.fields import RefusedError

STATUSES = ("Accepted", "Blocked", "Expired", "Invalid")
CHECKS: dict[str, fields.Check] = {
    "id_token": fields.plain(255),
    "status": fields.one_of(*STATUSES),
    "parent": fields.plain(255),
}


def put_token(
    connection: Connection,
    actor: str,
    id_token: str,
    status: str,
    parent: str | None,
    *,
    concurrent: bool,
    expires_at: datetime | None = None,
) -> bool:
    """Added, or changed if it exists in any spelling of its letters; False: it was like that."""
    after = {
        "status": status, "parent": parent, "is_concurrent": concurrent,
        "expires_at": expires_at.isoformat() if expires_at else None,
    }  # fmt: skip
    with connection.transaction():
        before = queries.token_now(connection, id_token=id_token)
        if before == after:
            return False
        queries.put_token(
            connection, id_token=id_token, status=status, parent=parent,
            is_concurrent=concurrent, expires_at=expires_at,
        )  # fmt: skip
        action = "token.change" if before else "token.add"
        audit(connection, actor, action, id_token, before, after)
    return True


def block_token(connection: Connection, actor: str, id_token: str) -> None:
    _set_status(connection, actor, id_token, "Blocked", "token.block")


def unblock_token(connection: Connection, actor: str, id_token: str) -> None:
    _set_status(connection, actor, id_token, "Accepted", "token.unblock")


def _set_status(
    connection: Connection, actor: str, id_token: str, status: str, action: str
) -> None:  # fmt: skip
    with connection.transaction():
        before = queries.token_now(connection, id_token=id_token)
        if before is None:
            raise RefusedError("no id token {token}; see: python app.py token list", token=id_token)
        queries.set_token_status(connection, id_token=id_token, status=status)
        after = {**before, "status": status}
        audit(connection, actor, action, id_token, before, after)


def list_tokens(connection: Connection) -> list[Any]:
    """(id_token, status, expires_at, parent_id_token)."""
    return list(queries.list_tokens(connection))
