"""The verdict: one sentence that says how the station is, since when, and what to do next."""

from collections.abc import Sequence
from datetime import datetime

from dash import html

from dashboard import commands
from dashboard.components import Child, glyph
from dashboard.data import Row, Station
from dashboard.i18n import formatter, t, tn
from dashboard.pages.frame import named
from dashboard.pages.station_attempts import reason_words
from dashboard.states import STATES, staff_words
from dashboard.station_data import Tries

HARMFUL = ("faulted", "unknown", "unavailable")
DOUBTFUL = ("silent", "derated")  # can be used, but its own record speaks against it
STREAK = 3  # starts that failed one after the other: from here on it is the evse, not the driver


def verdict(found: Station, now: datetime, tries: Tries) -> Child:
    """Red for a fault, amber for no contact, plain otherwise; the action's guard beside it."""
    nothing = "unknown" if found.has_connected else "unconnected"
    worst = min((evse["state"] for evse in found.evses), key=STATES.index, default=nothing)
    refusing = refusing_evse(found, tries)
    worst = "faulted" if refusing and worst != "unknown" else worst
    state = worst if worst in (*HARMFUL, *DOUBTFUL) else "available"
    line = refusal(found, tries, refusing, now) if refusing else sentence(found, now)
    told = " ".join(part for part in (pattern(tries, refusing), evidence(found, now)) if part)
    words = html.Div([html.P(line, className="verdict-line"), html.P(told, className="mut")])
    kind = {"faulted": " crit", "unknown": " warn", "silent": " warn"}.get(state, "")
    parts: list[Child] = [html.Div([glyph(worst, 20), words], className="verdict-words")]
    action, reason = suggestion(found, refusing)
    parts.append(
        html.Div(
            [html.P(t("Suggested action"), className="faint"), html.P(action, className="strong"),
             guard(found, refusing) or html.P(reason, className="mut")],
            className="verdict-action",
        )
    )  # fmt: skip
    label = named(t("Verdict"))
    return html.Section(parts, className=f"panel verdict{kind}", **label)


def refusing_evse(found: Station, tries: Tries) -> int | None:
    """The evse whose last starts all failed, though it says that it works; the worst of them."""
    fine = [evse for evse in found.evses
            if evse["state"] not in HARMFUL and evse["session_id"] is None]  # fmt: skip
    runs = {evse["evse_id"]: len(tries.streak(evse["evse_id"])) for evse in fine}
    worst = max(runs, key=lambda evse_id: runs[evse_id], default=None)
    return worst if worst is not None and runs[worst] >= STREAK else None


def refusal(found: Station, tries: Tries, evse_id: int, now: datetime) -> str:
    since = formatter().since(tries.streak(evse_id)[-1]["started_at"], now)
    text = t("Evse {n} has failed every start since {time}.", n=evse_id, time=since)
    bad = [evse for evse in found.evses
           if evse["evse_id"] == evse_id or evse["state"] in (*HARMFUL, *DOUBTFUL)]  # fmt: skip
    return f"{text} {_others(found.evses, bad)}".strip()


def pattern(tries: Tries, evse_id: int | None) -> str:
    """4 of the last 5 attempts failed, mostly for one reason."""
    if evse_id is None:
        return ""
    rows, streak = tries.of(evse_id), tries.streak(evse_id)
    why = reason_words(streak[0]["reason"])
    text = t("{n} of the last {all} attempts here failed", n=len(streak), all=len(rows))
    return f"{text}, {why}." if why else f"{text}."


def sentence(found: Station, now: datetime) -> str:
    """What is wrong and since when; else what the station is doing."""
    form = formatter()
    row = found.row
    if not found.has_connected:
        return t("Not connected yet")
    if not found.evses:
        return t("This station has not reported any evse yet.")
    if not row["is_online"]:
        since = form.since(row["contact_changed_at"] or row["last_seen_at"], now)
        return t("No contact since {time}.", time=since)
    bad = [evse for evse in found.evses if evse["state"] in HARMFUL]
    bad = bad or [evse for evse in found.evses if evse["state"] in DOUBTFUL]
    if not bad:
        return _healthy(found)
    first = min(bad, key=lambda evse: STATES.index(evse["state"]))
    what = staff_words(first["state"], form, error_code=first["error_code"])
    text = t("Evse {n}: {what} since {time}.", n=first["evse_id"], what=what,
             time=form.since(first["state_since"], now))  # fmt: skip
    others = _others(found.evses, bad) if first["state"] in HARMFUL else ""
    return f"{text} {others}".strip()


def _healthy(found: Station) -> str:
    busy = sum(evse["session_id"] is not None for evse in found.evses)
    if not busy:
        return tn("The evse works and is free.", "All {n} evses work and none is in use.",
                  len(found.evses))  # fmt: skip
    return t("Everything works: {busy} of {n} evses in use.", busy=busy, n=len(found.evses))


def _others(evses: Sequence[Row], bad: Sequence[Row]) -> str:
    fine = [str(evse["evse_id"]) for evse in evses if evse not in bad]
    if not fine:
        return t("No evse here works.") if len(bad) > 1 else ""
    return tn("Evse {names} works.", "Evses {names} work.", len(fine), names=", ".join(fine))


def evidence(found: Station, now: datetime) -> str:
    """The last proof that the station can charge, and what it last said."""
    if not found.has_connected:
        return t("This station has never been in contact. Nothing is wrong with it.")
    form = formatter()
    parts = []
    success = found.last_success
    if success:
        at = success["ended_at"] or success["started_at"]
        time, energy = form.since(at, now), form.kwh(success["energy_wh"])
        words = t(
            "Last success: evse {n}, {time}, {energy}.",
            n=success["evse_id"],
            time=time,
            energy=energy,
        )
        parts.append(words)
    else:
        parts.append(t("No session has delivered energy here yet."))
    cause = found.row["offline_cause"]
    if not found.row["is_online"] and cause == "csms":
        parts.append(t("Our platform was not receiving; the station may be fine."))
    if found.row["booted_at"]:
        parts.append(t("Booted {time}.", time=form.since(found.row["booted_at"], now)))
    return " ".join(parts)


def suggestion(found: Station, refusing: int | None = None) -> tuple[str, str]:
    """What to try first."""
    if refusing and found.row["is_online"] and not commands.is_16(found.row["ocpp_version"]):
        return (t("Restart evse {n} only, then watch for a real session", n=refusing),
                t("The other evses go on meanwhile."))  # fmt: skip
    states = set(found.states.values())
    if not found.has_connected:
        return t("Connect it"), t("Type what stands below into the station.")
    if not found.row["is_online"]:
        phone = found.row["help_phone"]
        return t("Check power and network on site"), t("Site: {phone}", phone=phone or "\u2013")
    if refusing or states & {"faulted", "silent"}:
        return t("Restart, then watch for a real session"), t("Nothing is charging here.")
    if states == {"unavailable"}:
        return t("Put back into service when the work is done"), ""
    return t("Nothing to do"), t("Nothing is charging here.") if not _charging(found) else ""


def _charging(found: Station) -> list[Row]:
    return [evse for evse in found.evses if evse["session_id"] is not None]


def guard(found: Station, refusing: int | None = None) -> Child | None:
    """Said before anything is pressed: who would be interrupted."""
    if refusing and _charging(found) and not commands.is_16(found.row["ocpp_version"]):
        words = t("Cars charge at other evses. Restarting the whole station will interrupt them.")
        return html.P([glyph("charging"), html.Span(words)], className="guard")
    running = _charging(found)
    if not running:
        return None
    energy = formatter().kwh(sum(evse["energy_wh"] or 0 for evse in running))
    words = tn("A car is charging here ({energy}). Restart will interrupt it.",
               "{n} cars are charging here ({energy}). Restart will interrupt them.",
               len(running), energy=energy)  # fmt: skip
    return html.P([glyph("charging"), html.Span(words)], className="guard")
