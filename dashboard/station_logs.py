"""Log files of stations: an address that takes one file, and the file for those who asked.

Stations upload by HTTP, as GetDiagnostics (1.6) and GetLog (2.x) say: PUT or POST, the file as body
or as a form's field, perhaps with its name behind the address. The address holds a secret of 192
bits, works once and for six hours; nobody without one gets anything stored.
"""

import hashlib
import secrets
from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, request
from psycopg.types.json import Jsonb

from dashboard import commands
from dashboard.auth import require_role
from dashboard.commands import Call
from dashboard.data import Row, deps, new_start_id, station
from dashboard.files import disposition

MOST_BYTES = 32 * 1024 * 1024
SEEING = ("operator",)  # and admins: logs may name people


def create_blueprint() -> Blueprint:
    """/logs/<secret> for stations, /app/station-log/<id> for staff."""
    routes = Blueprint("station_logs", __name__)
    put = {"methods": ["PUT", "POST"]}
    routes.add_url_rule("/logs/<secret>", "take", take, **put)  # type: ignore[arg-type]
    routes.add_url_rule("/logs/<secret>/<path:name>", "take_named", take, **put)  # type: ignore[arg-type]
    routes.add_url_rule("/app/station-log/<int:log_id>", "file", require_role(*SEEING)(file))
    return routes


def take(secret: str, name: str = "") -> Response:
    """A station's file. 404: no such address; 410: it has had its file, or its time is over."""
    with deps().connection() as connection:
        found = station.expected_log(connection, token_hash=_hashed(secret))
    if found is None:
        abort(404)
    if not found["is_open"]:
        abort(410)
    request.max_content_length = MOST_BYTES
    content, given = _read()
    if not content:
        abort(400)
    kept = {"log_id": found["log_id"], "remote": request.remote_addr, "content": content,
            "file_name": _plain(name or given)}  # fmt: skip
    with deps().transaction() as connection:
        if station.keep_log(connection, **kept) is None:
            abort(410)
    return Response("", 201)


def _read() -> tuple[bytes, str]:
    """The body, or the first file of a form; werkzeug answers 413 to more than may come."""
    first = next(iter(request.files.values()), None)
    if first is not None:
        return first.read(MOST_BYTES + 1), first.filename or ""
    return request.get_data(cache=False), ""


def _plain(name: str) -> str | None:
    """The last part of a name, of letters that names have."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c for c in last if c.isascii() and (c.isalnum() or c in "-_. "))
    return kept.strip(". ")[:200] or None


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def file(log_id: int) -> Response:
    """A log as a file that no browser opens."""
    if log_id >= 2**63:
        abort(404)
    with deps().connection() as connection:
        row = station.log_file(connection, log_id=log_id)
    if row is None:
        abort(404)
    response = Response(bytes(row["content"]), mimetype="application/octet-stream")
    name = row["file_name"] or f"{row['station_id']}-{log_id}.log"
    response.headers["Content-Disposition"] = disposition(name)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def ask(found: Row, requested_by: str) -> int:
    """Ask a station for its log; the command's id. The command, its place and the audit log's
    line, or none of them."""
    secret = secrets.token_urlsafe(24)
    call = _call(found["ocpp_version"], f"{address()}/logs/{secret}")
    row = {"station_id": found["station_id"], "requested_by": requested_by}
    with deps().transaction() as connection:
        command_id = station.enqueue(
            connection, action=call.action, payload=Jsonb(call.payload), **row
        )
        station.expect_log(connection, command_id=command_id, token_hash=_hashed(secret), **row)
        detail = Jsonb({"command_id": command_id})
        station.audit(connection, actor=requested_by, action=call.action,
                      subject=found["station_id"], detail=detail)  # fmt: skip
    return int(command_id)


def _call(ocpp_version: str | None, location: str) -> Call:
    if commands.is_16(ocpp_version):
        return Call("GetDiagnostics", {"location": location, "retries": 2, "retryInterval": 60})
    return Call(
        "GetLog",
        {"logType": "DiagnosticsLog", "requestId": new_start_id(), "retries": 2,
         "retryInterval": 60, "log": {"remoteLocation": location}},
    )  # fmt: skip


def address() -> str:
    """Where stations reach us: PUBLIC_URL, else as this page was reached."""
    settings = deps().settings
    return (settings.public_url or request.host_url).rstrip("/")


def is_reachable() -> bool:
    """Whether another machine can reach that address."""
    host = urlsplit(address()).hostname or ""
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"
