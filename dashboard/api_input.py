"""What callers of the API may send, and how they are told what was wrong. Pure.

Every problem names the field, what was expected and what came.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dashboard.periods import shifted

MOST_ROWS = 1000
MOST_SECONDS, USUAL_SECONDS = 120.0, 30.0
INSTANT = "an instant such as 2026-11-22T14:00:00Z, or a day such as 2026-11-22"
# grain -> (range when none is given, longest range)
GRAINS = {
    "hour": (timedelta(days=1), timedelta(days=31)),
    "day": (timedelta(days=31), timedelta(days=366)),
    "month": (timedelta(days=366), timedelta(days=3660)),
}


class Problem(Exception):  # noqa: N818 - it is what the caller reads
    """An answer other than the one hoped for: HTTP status, code, and the field at fault."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"code": code, "message": message, **more}}


def wrong(field: str, expected: str, got: object) -> Problem:
    """A field that can't be used."""
    shown = got if isinstance(got, str | int | float | bool | None) else type(got).__name__
    message = f"{field}: expected {expected}"
    return Problem(422, "invalid_value", message, field=field, expected=expected, got=shown)


def whole(arguments: Mapping[str, str], field: str, usual: int, most: int) -> int:
    """A whole number from 1 to `most`."""
    text = arguments.get(field, str(usual))
    if not text.isdecimal() or len(text) > 9 or not 1 <= int(text) <= most:
        raise wrong(field, f"a whole number from 1 to {most}", text)
    return int(text)


def instant(arguments: Mapping[str, str], field: str, zone: ZoneInfo) -> datetime | None:
    """An ISO 8601 instant; a bare day means its first moment in the operator's time zone."""
    text = arguments.get(field)
    if text is None:
        return None
    try:
        # a plus sign in a query string arrives as a blank
        found = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise wrong(field, INSTANT, text) from None
    if found.tzinfo is None and len(text) > 10:
        raise wrong(field, INSTANT + "; a time needs its offset", text)
    return found if found.tzinfo else found.replace(tzinfo=zone)


def period(arguments: Mapping[str, str], zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
    """`from` (inclusive) and `to` (exclusive)."""
    since, until = instant(arguments, "from", zone), instant(arguments, "to", zone)
    if since and until and since >= until:
        raise wrong("to", "an instant after from", arguments["to"])
    return since, until


def energy_period(
    arguments: Mapping[str, str], grain: str, zone: ZoneInfo
) -> tuple[datetime, datetime]:
    """As `period`, always closed and never longer than the grain allows."""
    usual, longest = GRAINS[grain]
    since, until = period(arguments, zone)
    end = until or (since + usual if since else datetime.now(UTC))
    begin = since or end - usual
    if end - begin > longest:
        raise wrong("to", f"at most {longest.days} days after from for grain={grain}",
                    arguments.get("to"))  # fmt: skip
    return begin, end


def grain_of(arguments: Mapping[str, str]) -> str:
    grain = arguments.get("grain", "day")
    if grain not in GRAINS:
        raise wrong("grain", "hour, day or month", grain)
    return grain


def month_of(arguments: Mapping[str, str], today: date) -> date:
    """The first of a month written 2026-10; the last full month when none is given."""
    text = arguments.get("month")
    if text is None:
        return shifted(today, -1)
    try:
        found = date.fromisoformat(f"{text}-01")
    except ValueError:
        raise wrong("month", "a month such as 2026-10", text) from None
    if not date(2000, 1, 1) <= found <= today:
        raise wrong("month", "a month from 2000-01 up to this one", text)
    return found


def place_of(arguments: Mapping[str, str]) -> tuple[str, int]:
    """The evse after which a page of evses goes on: "station evse", as `next_cursor` said it."""
    text = arguments.get("cursor")
    if text is None:
        return "", 0
    station_id, _, number = text.rpartition(" ")
    if not station_id or not number.isdecimal() or len(number) > 9:
        raise wrong("cursor", "a next_cursor of an earlier answer", text)
    return station_id, int(number)


def timeout_of(arguments: Mapping[str, str]) -> float:
    """Seconds to wait for a station's answer."""
    text = arguments.get("timeout", str(USUAL_SECONDS))
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MOST_SECONDS:
        raise wrong("timeout", f"seconds from 0 to {MOST_SECONDS:.0f}", text)
    return seconds


def cursor_of(arguments: Mapping[str, str]) -> tuple[datetime | None, int | None]:
    """Where the last page ended, as `next_cursor` said it."""
    text = arguments.get("cursor")
    if text is None:
        return None, None
    try:
        at, _, number = base64.urlsafe_b64decode(text.encode()).decode().partition("|")
        return datetime.fromisoformat(at), int(number[:18])
    except (ValueError, binascii.Error):
        raise wrong("cursor", "a next_cursor of an earlier answer", text) from None


def cursor_after(row: Mapping[str, Any]) -> str:
    """The cursor that goes on after a session."""
    place = f"{row['started_at'].isoformat()}|{row['session_id']}"
    return base64.urlsafe_b64encode(place.encode()).decode()


@dataclass(frozen=True)
class Order:
    """A command as ordered: OCPP action and payload in the spelling of the station's version."""

    action: str
    payload: dict[str, Any]


def order_of(body: object) -> Order:
    """The body of POST .../commands."""
    if not isinstance(body, dict):
        raise wrong("body", 'a JSON object such as {"action": "Reset", "payload": {}}', body)
    action, payload = body.get("action"), body.get("payload", {})
    if not isinstance(action, str) or not action.isalnum() or len(action) > 50:
        raise wrong("action", "the name of an OCPP action, such as Reset", action)
    if not isinstance(payload, dict):
        raise wrong("payload", "a JSON object", payload)
    unknown = sorted(body.keys() - {"action", "payload"})
    if unknown:
        raise wrong(unknown[0], "only action and payload", body[unknown[0]])
    return Order(action, payload)
