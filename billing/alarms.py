"""Letters about incidents to staff; who gets them and when is decided in `ingest.telling`."""

from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from billing import BillingError
from billing.sheet import Row
from billing.words import Tongue
from sql.alarms import NEXT, RESOLUTIONS, SEVERITIES, TITLES, headline, said
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("alerting")

MOST = 10  # stations named one by one


class Alarm(NamedTuple):
    """An incident as messages tell it."""

    incident_id: int
    kind: str
    severity: str
    grouped_by: str
    detail: dict[str, Any]
    site_id: int | None
    site: str | None
    zone: str
    opened_at: datetime
    noticed_at: datetime
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    resolution: str | None
    cause: str | None
    stations: int
    station_ids: list[str]
    alerts: list[dict[str, Any]]


class Told(NamedTuple):
    """What a letter about it consists of."""

    subject: str
    rows: tuple[Row, ...]
    texts: tuple[str, ...]


def told(connection: Connection, incident_id: int, event: str, language: str) -> Told:
    """Raises BillingError: there is no such incident."""
    row = queries.alarm(connection, incident_id=incident_id)
    if row is None:
        raise BillingError(f"incident {incident_id}: there is none")
    about = Alarm(*row)
    t = Tongue(language, ZoneInfo(about.zone))
    subject = headline(event, about.severity, about.kind, about.site or "", language)
    return Told(subject, tuple(_rows(t, about)), tuple(_texts(t, about, event)))


def _rows(t: Tongue, about: Alarm) -> list[Row]:
    detail = about.detail
    build = " ".join(filter(None, map(detail.get, ("vendor", "model", "firmware_version"))))
    what = [said(TITLES, detail[key], t.language) for key in ("alert_kind",) if key in detail]
    rows = [
        (t.say("site"), about.site),
        (t.say("alarm_router"), detail.get("router")),
        (t.say("alarm_build"), build),
        (t.say("alarm_failure"), "".join(what)),
        (t.say("alarm_severity"), said(SEVERITIES, about.severity, t.language)),
        (t.say("alarm_since"), t.day_and_time(about.opened_at)),
        *_end(t, about),
    ]
    return [(label, value) for label, value in rows if value]


def _end(t: Tongue, about: Alarm) -> list[tuple[str, str | None]]:
    if about.resolved_at is None:
        return []
    return [
        (t.say("alarm_until"), t.day_and_time(about.resolved_at)),
        (t.say("alarm_how"), said(RESOLUTIONS, about.resolution or "over", t.language)),
    ]


def _texts(t: Tongue, about: Alarm, event: str) -> list[str]:
    """What nobody does, what to do next, and where."""
    texts = [t.say("mail_alert_escalated")] if event == "escalated" else []
    if about.resolved_at is None:
        texts.append(f"{t.say('alarm_next')}: {said(NEXT, about.kind, t.language)}.")
    stations = _stations(t, about)
    return [*texts, f"{t.say('alarm_stations')}: {stations}"] if stations else texts


def _stations(t: Tongue, about: Alarm) -> str:
    shown = ", ".join(about.station_ids[:MOST])
    more = about.stations - MOST
    return f"{shown} {t.say('alarm_more', str(more))}" if more > 0 else shown
