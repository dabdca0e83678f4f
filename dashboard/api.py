"""The JSON API `/api/v1`: reading with scope `read`, commands with scope `command`.

Tokens are bearer tokens; the database keeps their SHA-256 only. Errors are
`{"error": {"code", "message", "field", "expected", "got"}}`. openapi() describes it all.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from flask import Blueprint, Response, g, make_response, render_template, request
from flask.json import dumps
from psycopg.errors import DataError
from psycopg.errors import Error as DatabaseError
from psycopg.types.json import Jsonb
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge

from dashboard.admin import token_hash
from dashboard.api_input import (
    MOST_ROWS,
    Problem,
    cursor_after,
    cursor_of,
    energy_period,
    grain_of,
    month_of,
    order_of,
    period,
    place_of,
    timeout_of,
    whole,
    wrong,
)
from dashboard.api_wait import wait_for_command
from dashboard.deps import Deps, Rows
from dashboard.openapi import openapi
from dashboard.periods import month
from dashboard.public.responses import harden
from dashboard.uptime import counted
from sql import DatabaseError as UnreachableError
from sql.queries import load_queries

log = logging.getLogger(__name__)
queries = load_queries("api")
uptime_queries = load_queries("uptime")
auth_queries = load_queries("auth")
MOST_BUCKETS = 50_000
MOST_BODY_BYTES = 100_000
FINISHED = ("answered", "unknown", "refused")
P = ParamSpec("P")
Answer = tuple[dict[str, Any], int]
View = Callable[Concatenate[Deps, P], Answer]


def create_blueprint(deps: Deps) -> Blueprint:
    """Everything under /api/v1."""
    routes = Blueprint("api", __name__, url_prefix="/api/v1", template_folder="public/templates")
    views: list[tuple[str, View[...]]] = [
        ("/sites", sites),
        ("/stations", stations),
        ("/stations/<path:station_id>", station),
        ("/sessions", sessions),
        ("/energy", energy),
        ("/uptime", uptime),
        ("/commands/<int:command_id>", command),
    ]
    for rule, view in views:
        routes.add_url_rule(rule, view.__name__, _json(deps, "read", view))
    rule = "/stations/<path:station_id>/commands"
    routes.add_url_rule(rule, "order", _json(deps, "command", order), methods=["POST"])
    routes.add_url_rule("/openapi.json", "openapi", _openapi)
    routes.add_url_rule("/docs", "docs", _docs)
    routes.after_request(harden)
    routes.app_errorhandler(405)(_wrong_method)
    routes.add_url_rule("/<path:rest>", "nothing", _nothing)
    return routes


def _json(deps: Deps, scope: str, view: View[P]) -> Callable[P, Response]:
    """Check the token, run the view, answer in JSON whatever happens."""

    @wraps(view)
    def answered(*args: P.args, **kwargs: P.kwargs) -> Response:
        try:
            g.token = _token(deps, scope)
            return _respond(*view(deps, *args, **kwargs))
        except Problem as problem:
            return _respond(problem.body, problem.status)
        except (DataError, OverflowError):
            return _respond(wrong("request", "values that can be kept", request.path).body, 422)
        except (DatabaseError, UnreachableError):
            log.exception("the database did not answer %s", request.path)
            return _respond(Problem(503, "unavailable", "no database, try again later").body, 503)

    return answered


def _respond(body: dict[str, Any], status: int) -> Response:
    response = Response(_encoded(body) + "\n", status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="kilowatch"'
    return response


def _encoded(body: dict[str, Any]) -> str:
    """Instants in ISO 8601 with Z, not in the format of HTTP dates."""

    def instant(value: Any) -> str:
        return str(value.isoformat()).replace("+00:00", "Z")

    return dumps(body, default=instant, ensure_ascii=False, sort_keys=False)


def _token(deps: Deps, scope: str) -> dict[str, Any]:
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not secret.strip():
        raise Problem(401, "unauthorized", "send the header Authorization: Bearer <token>")
    with deps.connection() as connection:
        token: dict[str, Any] | None = queries.token(
            connection, token_hash=token_hash(secret.strip())
        )
        if token is None:
            raise Problem(401, "unauthorized", "this token is unknown or has been revoked")
        queries.token_used(connection, api_token_id=token["api_token_id"])
    if scope not in token["scopes"]:
        raise Problem(403, "forbidden", f"this token lacks the scope {scope}", expected=scope)
    return token


def sites(deps: Deps) -> Answer:
    """All sites."""
    with deps.connection() as connection:
        return {"sites": queries.sites(connection)}, 200


def stations(deps: Deps) -> Answer:
    """Stations in order of their ids, page by page."""
    limit = whole(request.args, "limit", 500, MOST_ROWS)
    site_id = whole(request.args, "site_id", 1, 2**31 - 1) if "site_id" in request.args else None
    after = request.args.get("cursor", "")
    rows = _stations(deps, None, site_id, after, limit + 1)
    more = rows[limit - 1]["station_id"] if len(rows) > limit else None
    return {"stations": rows[:limit], "next_cursor": more}, 200


def station(deps: Deps, station_id: str) -> Answer:
    """One station."""
    rows = _stations(deps, station_id, None, "", 1)
    if not rows:
        raise _unknown_station(station_id)
    return rows[0], 200


def _stations(
    deps: Deps, station_id: str | None, site_id: int | None, after: str, limit: int
) -> Rows:
    with deps.connection() as connection:
        rows: Rows = queries.stations(
            connection, station_id=station_id, site_id=site_id, after=after, limit=limit
        )
    return rows


def _unknown_station(station_id: str) -> Problem:
    return Problem(404, "unknown_station", f"no station is called {station_id}", field="station_id")


def sessions(deps: Deps) -> Answer:
    """Sessions by their start, newest first, page by page."""
    limit = whole(request.args, "limit", 100, MOST_ROWS)
    since, until = period(request.args, deps.settings.zone)
    cursor_at, cursor_id = cursor_of(request.args)
    with deps.connection() as connection:
        rows = queries.sessions(
            connection, station_id=request.args.get("station_id"), since=since, until=until,
            cursor_at=cursor_at, cursor_id=cursor_id, limit=limit + 1,
        )  # fmt: skip
    more = cursor_after(rows[limit - 1]) if len(rows) > limit else None
    return {"sessions": rows[:limit], "next_cursor": more}, 200


def energy(deps: Deps) -> Answer:
    """Energy per bucket and evse."""
    grain = grain_of(request.args)
    since, until = energy_period(request.args, grain, deps.settings.zone)
    read = {
        "hour": queries.energy_hour,
        "day": queries.energy_day,
        "month": queries.energy_month,
    }[grain]
    station_id = request.args.get("station_id")
    with deps.connection() as connection:
        rows = read(connection, since=since, until=until, station_id=station_id,
                    limit=MOST_BUCKETS + 1)  # fmt: skip
    if len(rows) > MOST_BUCKETS:
        raise wrong("to", f"a range of at most {MOST_BUCKETS} buckets", request.args.get("to"))
    return {"grain": grain, "from": since, "to": until, "energy": rows}, 200


def uptime(deps: Deps) -> Answer:
    """Uptime per evse of a month and of the twelve months that end with it."""
    limit, zone = whole(request.args, "limit", 500, MOST_ROWS), deps.settings.zone
    first = month_of(request.args, datetime.now(UTC).astimezone(zone).date())
    one, (station_id, evse_id) = month(first, zone), place_of(request.args)
    with deps.connection() as connection:
        evses = uptime_queries.timed_evses(
            connection, station_id=request.args.get("station_id"), after_station=station_id,
            after_evse=evse_id, limit=limit + 1,
        )  # fmt: skip
        keys = [row["evse_key"] for row in evses[:limit]]
        rows = uptime_queries.evse_uptime(
            connection, evse_keys=keys, month=one.start, start=one.year().start, end=one.end
        )
    known = {row["evse_key"]: row for row in rows}
    last = evses[limit - 1] if len(evses) > limit else None
    more = f"{last['station_id']} {last['evse_id']}" if last else None
    told = [_uptime(evse, known.get(evse["evse_key"], {})) for evse in evses[:limit]]
    return {"month": f"{first:%Y-%m}", "uptime": told, "next_cursor": more}, 200


def _uptime(evse: dict[str, Any], row: dict[str, int]) -> dict[str, Any]:
    names = ("in_service", "down", "excluded", "unknown")
    return {
        "station_id": evse["station_id"], "evse_id": evse["evse_id"],
        "month": counted(*(row.get(name, 0) for name in names)),
        "year": counted(*(row.get(f"year_{name}", 0) for name in names)),
    }  # fmt: skip


def command(deps: Deps, command_id: int) -> Answer:
    """A command and what became of it."""
    with deps.connection() as connection:
        row: dict[str, Any] | None = queries.command(connection, command_id=command_id)
    if row is None:
        raise Problem(404, "unknown_command", f"there is no command {command_id}")
    return row, 200


def order(deps: Deps, station_id: str) -> Answer:
    """Queue a command and wait for what becomes of it."""
    seconds = timeout_of(request.args)
    ordered = order_of(_body())
    with deps.connection() as connection:
        if queries.station_exists(connection, station_id=station_id) is None:
            raise _unknown_station(station_id)

    def insert() -> int:
        with deps.transaction() as connection:
            row = queries.insert_command(
                connection, station_id=station_id, action=ordered.action,
                payload=Jsonb(ordered.payload), requested_by=_caller(),
            )  # fmt: skip
            _audit(connection, station_id, ordered.action, row["command_id"])
            return int(row["command_id"])

    command_id = wait_for_command(deps, insert, seconds)
    return _outcome(command(deps, command_id)[0])


def _caller() -> str:
    return f"api:{g.token['name']}"


def _audit(connection: Any, station_id: str, action: str, command_id: int) -> None:
    detail = Jsonb({"action": action, "command_id": command_id, "address": request.remote_addr})
    auth_queries.audit(
        connection, actor=_caller(), action="command", subject=station_id, detail=detail
    )


def _outcome(row: dict[str, Any]) -> Answer:
    """The HTTP status a command's own status deserves."""
    body = {name: row[name] for name in ("command_id", "status", "response")}
    if row["status"] not in FINISHED:
        return body, 202
    if row["status"] != "refused":
        return body, 200
    why = (row["response"] or {}).get("error", "")
    detail = (row["response"] or {}).get("detail", why)
    if why == "InvalidPayload":
        error = {"code": "invalid_payload", "field": "payload", "message": detail}
        return {**body, "error": error}, 422
    error = {"code": "station_offline" if why == "StationOffline" else "refused", "message": detail}
    return {**body, "error": error}, 409


def _body() -> object:
    request.max_content_length = MOST_BODY_BYTES  # also of a body that comes in chunks
    try:
        return request.get_json(force=True)
    except RequestEntityTooLarge:
        message = f"a body has at most {MOST_BODY_BYTES} bytes"
        raise Problem(413, "too_large", message) from None
    except (BadRequest, RecursionError):
        raise wrong("body", 'JSON such as {"action": "Reset", "payload": {}}', "no JSON") from None


def _wrong_method(error: HTTPException) -> Response | HTTPException:
    """Routing fails before a blueprint is chosen, so the app asks us for every 405."""
    if not request.path.startswith("/api/v1/"):
        return error
    message = f"{request.path} does not know {request.method}"
    return _respond(Problem(405, "method_not_allowed", message).body, 405)


def _nothing(rest: str) -> Response:
    message = f"there is no /api/v1/{rest[:60]}; see /api/v1/docs"
    return _respond(Problem(404, "not_found", message).body, 404)


def _openapi() -> Response:
    response = _respond(openapi(request.host_url), 200)
    response.headers["Cache-Control"] = "no-cache"
    return response


def _docs() -> Response:
    return make_response(render_template("api.html", api=openapi(request.host_url)))
