"""The OpenAPI 3.1 description of /api/v1; /api/v1/docs shows the same."""

from typing import Any

JSON = dict[str, Any]
INTEGER, NUMBER, BOOLEAN = {"type": "integer"}, {"type": "number"}, {"type": "boolean"}
TEXT, INSTANT = {"type": "string"}, {"type": "string", "format": "date-time"}
WHEN = (
    "An instant such as 2026-11-22T14:00:00Z; a day such as 2026-11-22 begins in the operator's"
    " time zone"
)


def nullable(schema: JSON) -> JSON:
    """The same, or null."""
    return {**schema, "type": [schema["type"], "null"]}


def _object(**properties: JSON) -> JSON:
    return {"type": "object", "properties": properties}


def _list_of(name: str, **more: JSON) -> JSON:
    items = {"type": "array", "items": {"$ref": f"#/components/schemas/{name.capitalize()}"}}
    plural = {"Energy": "energy", "Uptime": "uptime"}.get(name.capitalize(), f"{name}s")
    return _object(**{plural: items}, **more)


SCHEMAS: JSON = {
    "Site": _object(
        site_id=INTEGER, name=TEXT, address=nullable(TEXT), city=nullable(TEXT), country=TEXT,
        latitude=nullable(NUMBER), longitude=nullable(NUMBER), time_zone=TEXT, currency=TEXT,
        grid_limit_w=nullable(INTEGER), help_phone=nullable(TEXT), evses=INTEGER,
        available=INTEGER,
    ),
    "Evse": _object(
        evse_id=INTEGER, public_code=nullable(TEXT), max_power_w=nullable(INTEGER),
        state={"type": "string", "enum": [
            "available", "preparing", "charging", "suspended", "finished", "reserved", "faulted",
            "unavailable", "unknown", "unconnected"]},
        state_since=nullable(INSTANT), error_code=nullable(TEXT),
        connectors={"type": ["array", "null"], "items": nullable(TEXT)},
        session_id=nullable(INTEGER), power_w=nullable(NUMBER), energy_wh=nullable(INTEGER),
        soc_pct=nullable(NUMBER),
    ),
    "Station": _object(
        station_id=TEXT, site_id=nullable(INTEGER), vendor=nullable(TEXT), model=nullable(TEXT),
        serial_number=nullable(TEXT), firmware_version=nullable(TEXT),
        ocpp_version=nullable(TEXT), is_online=BOOLEAN, last_seen_at=nullable(INSTANT),
        registration_status=TEXT,
        evses={"type": "array", "items": {"$ref": "#/components/schemas/Evse"}},
    ),
    "Session": _object(
        session_id=INTEGER, site_id=nullable(INTEGER), station_id=TEXT, evse_id=INTEGER,
        connector_id=nullable(INTEGER), transaction_id=TEXT, id_token=nullable(TEXT),
        started_at=INSTANT, ended_at=nullable(INSTANT), meter_start_wh=nullable(INTEGER),
        meter_stop_wh=nullable(INTEGER), energy_wh=INTEGER, stop_reason=nullable(TEXT),
        flags={"type": "array", "items": TEXT},
    ),
    "Energy": _object(
        bucket=INSTANT, station_id=TEXT, evse_id=INTEGER, energy_wh=INTEGER,
        peak_power_w=nullable(NUMBER),
    ),
    "Counted": _object(
        in_service_seconds=INTEGER, outage_seconds=INTEGER, excluded_seconds=INTEGER,
        without_contact_seconds=INTEGER, uptime=nullable(NUMBER),
        uptime_without_exclusions=nullable(NUMBER), connected=nullable(NUMBER),
    ),
    "Uptime": _object(
        station_id=TEXT, evse_id=INTEGER, month={"$ref": "#/components/schemas/Counted"},
        year={"$ref": "#/components/schemas/Counted"},
    ),
    "Order": {
        "type": "object", "required": ["action"], "additionalProperties": False,
        "properties": {"action": TEXT, "payload": {"type": "object"}},
        "example": {"action": "Reset", "payload": {"type": "Soft"}},
    },
    "Outcome": _object(
        command_id=INTEGER,
        status={"type": "string",
                "enum": ["queued", "claimed", "answered", "unknown", "refused"]},
        response=nullable({"type": "object"}),
    ),
    "Error": _object(error=_object(
        code=TEXT, message=TEXT, field=TEXT, expected=TEXT, got={})),
}  # fmt: skip


def _parameter(name: str, description: str, schema: JSON, where: str = "query") -> JSON:
    return {"name": name, "in": where, "description": description, "schema": schema,
            "required": where == "path"}  # fmt: skip


STATION = _parameter("station_id", "Only this station", TEXT)
STATION_PATH = _parameter("station_id", "The station's id", TEXT, "path")
FROM = _parameter("from", f"Inclusive. {WHEN}", TEXT)
TO = _parameter("to", f"Exclusive. {WHEN}", TEXT)
CURSOR = _parameter("cursor", "next_cursor of the answer before", TEXT)
NEXT = nullable(TEXT)
MONTH = _parameter("month", "A month such as 2026-10 in the operator's time zone; the last full one"
                   " when it is left out", TEXT)  # fmt: skip


def limit(usual: int) -> JSON:
    """The parameter that bounds a page."""
    schema = {"type": "integer", "minimum": 1, "maximum": 1000, "default": usual}
    return _parameter("limit", "Rows of a page", schema)


def _answer(description: str, schema: JSON) -> JSON:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _ref(name: str) -> JSON:
    return {"$ref": f"#/components/schemas/{name}"}


def _get(summary: str, schema: JSON, *parameters: JSON, missing: str = "") -> JSON:
    answers = {"200": _answer("Found", schema), "401": _answer("No valid token", _ref("Error")),
               "422": _answer("A value can't be used", _ref("Error"))}  # fmt: skip
    if missing:
        answers["404"] = _answer(missing, _ref("Error"))
    return {"get": {"summary": summary, "parameters": list(parameters), "responses": answers}}


def _order() -> JSON:
    seconds = {"type": "number", "minimum": 0, "maximum": 120, "default": 30}
    return {"post": {
        "summary": "Send an OCPP call to a station and wait for its answer",
        "description": "Needs a token with the scope command. action and payload are spelled as in"
        " the OCPP version the station speaks.",
        "parameters": [STATION_PATH, _parameter("timeout", "Seconds to wait", seconds)],
        "requestBody": {"required": True,
                        "content": {"application/json": {"schema": _ref("Order")}}},
        "responses": {
            "200": _answer("The station answered, or its answer was lost (unknown)",
                           _ref("Outcome")),
            "202": _answer("Still open: ask GET /commands/{command_id}", _ref("Outcome")),
            "403": _answer("The token lacks the scope", _ref("Error")),
            "404": _answer("Unknown station", _ref("Error")),
            "409": _answer("The station is offline; nothing was sent", _ref("Outcome")),
            "422": _answer("The payload does not fit the action", _ref("Outcome")),
        },
    }}  # fmt: skip


def openapi(server: str) -> JSON:
    """The whole description; `server` is the address it was asked at."""
    grain = _parameter("grain", "Length of a bucket", {"enum": ["hour", "day", "month"]})
    number = _parameter("command_id", "The command's id", INTEGER, "path")
    site = _parameter("site_id", "Only stations of this site", INTEGER)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Kilowatch", "version": "1",
                 "description": "Stations, sessions, energy and commands. Energy is in Wh, power in"
                 " W, instants are ISO 8601 in UTC. Make a token with: python app.py api-token add"
                 " NAME --scope read"},
        "servers": [{"url": f"{server.rstrip('/')}/api/v1"}],
        "security": [{"token": []}],
        "components": {"schemas": SCHEMAS,
                       "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "paths": {
            "/sites": _get("All sites", _list_of("site")),
            "/stations": _get("Stations and their evses", _list_of("station", next_cursor=NEXT),
                              site, limit(500), CURSOR),
            "/stations/{station_id}": _get("One station", _ref("Station"), STATION_PATH,
                                           missing="Unknown station"),
            "/stations/{station_id}/commands": _order(),
            "/sessions": _get("Sessions, newest first", _list_of("session", next_cursor=NEXT),
                              STATION, FROM, TO, limit(100), CURSOR),
            "/energy": _get("Energy per bucket and evse", _list_of("energy"), grain, STATION,
                            FROM, TO),
            "/uptime": _get("Uptime per evse of a month and of the twelve months that end with it:"
                            " (in service - (outage - excluded)) / in service, by the second;"
                            " null without service",
                            _list_of("uptime", month=TEXT, next_cursor=NEXT), MONTH, STATION,
                            limit(500), CURSOR),
            "/commands/{command_id}": _get("What became of a command", _ref("Outcome"), number,
                                           missing="Unknown command"),
        },
    }  # fmt: skip
