"""What incidents are called and what is said of them: the words that assets/staff/incidents.js
writes on live lists, for pages that the server draws."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dashboard.data import Row
from dashboard.format import UNKNOWN, Format
from dashboard.i18n import formatter, mark, t
from dashboard.pages.kind_words import KINDS
from dashboard.pages.words import WORDS
from dashboard.states import FAULTS, fault_words

SEVERITIES = {"critical": mark("critical"), "high": mark("high"), "low": mark("low")}
# the shape that explains it
SHAPES = {
    "site_dark": "unknown", "offline": "unknown", "platform": "unknown", "faulted": "faulted",
    "router_down": "unknown", "firmware": "faulted", "payment_stuck": "derated",
    "job_failed": "derated", "certificate": "silent", "undelivered": "silent",
    "token_guessing": "silent", "silent_evse": "silent", "failing_starts": "faulted",
    "no_energy": "suspended", "meter_frozen": "derated", "derated": "derated",
    "stuck_preparing": "preparing", "ghost_session": "unknown", "clock_off": "silent",
    "rejected_connections": "unknown", "audit": "derated",
}  # fmt: skip


# what a title may name of an incident's detail
NAMED = ("router", "alert_kind", "vendor", "model", "firmware_version")


def kind_words(kind: str) -> str:
    """A kind that we have no word for is quoted as it stands."""
    return t(KINDS[kind]) if kind in KINDS else kind.replace("_", " ")


def severity_words(severity: str) -> str:
    return t(SEVERITIES.get(severity, severity))


def shape(kind: str) -> str:
    return SHAPES.get(kind, "derated")


def title_words(row: Row, now: datetime) -> str:
    """What happened, where and since when; `row` has kind, site, station_id, stations, evses."""
    form = formatter()
    stations = row.get("stations") or 0
    key = f"incident.{row['kind']}"
    key = f"{key}_n" if stations > 1 and f"{key}_n" in WORDS else key
    if key not in WORDS:
        return f"{row['site'] or t('Without a site')}: {kind_words(row['kind'])}"
    detail = dict.fromkeys(NAMED, UNKNOWN) | (row.get("detail") or {})
    if "alert_kind" in (row.get("detail") or {}):
        detail["alert_kind"] = kind_words(detail["alert_kind"])
    values = {
        "site": row["site"] or t("Without a site"), "station": row.get("station_id") or "",
        "stations": form.number(stations), "n": form.number(row.get("evses") or 0),
        "time": form.since(row["opened_at"], now),
    }  # fmt: skip
    return t(WORDS[key]).format(**detail | values)


def cause_words(row: Row, detail: Mapping[str, Any] | None, now: datetime) -> str:
    """Why, with the numbers behind it; a sentence that lacks a number is left out."""
    key = f"cause.{row['kind']}"
    if key in WORDS:
        try:
            return t(WORDS[key]).format(**numbers(detail or {}, formatter(), now))
        except KeyError:
            return ""
    cause = row["cause"] or ""
    if cause in FAULTS:
        return fault_words(cause)
    return "" if row["kind"] in SHAPES else cause


def next_words(row: Row) -> str:
    """Our own kinds have words in both languages; what a person wrote stands as written."""
    key = f"next.{row['kind']}"
    return t(WORDS[key]) if key in WORDS else row["next_step"] or ""


def numbers(detail: Mapping[str, Any], form: Format, now: datetime) -> dict[str, str]:
    """The numbers of an alert as its sentence names them: times, lengths, power, energy."""
    found: dict[str, str] = {}
    for name, value in {**detail, **_of_jobs(detail)}.items():
        if isinstance(value, str) and name.endswith(("_at", "_after")):
            at = _instant(value)
            found[name] = _point(name, at, now)
            found[f"{name[:-3]}_age"] = form.duration((now - at).total_seconds()) if at else UNKNOWN
        else:
            found[name] = _number(name, value, form)
    return found


def _of_jobs(detail: Mapping[str, Any]) -> dict[str, Any]:
    """The first of several jobs speaks for them."""
    jobs = detail.get("jobs")
    if not isinstance(jobs, list) or not jobs:
        return {}
    return {"job": jobs[0].get("job"), "error": jobs[0].get("error") or t("stands still")}


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _point(name: str, at: datetime | None, now: datetime) -> str:
    """What is to come is a date, what was is a time as people say it."""
    form = formatter()
    return form.date(at, year=True) if name.endswith("_after") else form.since(at, now)


def _number(name: str, value: Any, form: Format) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if name.endswith("_seconds"):
        return form.duration(abs(value))
    if name.endswith("_wh"):
        return form.kwh(value)
    return form.kw(value) if name.endswith("_w") else form.number(value)
