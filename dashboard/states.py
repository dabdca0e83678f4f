"""The words for states: one list for board, map, station page and public page.

`state` is a value of the view `evse_state`, for staff of `evse_watched`; a shape and a colour of
the same name exist in assets/icons/states.svg and assets/tokens.css.
"""

from dataclasses import dataclass
from datetime import datetime

from dashboard.format import Format
from dashboard.i18n import mark, t

# Order of harm: maps draw their rings and lists sort their rows in it.
STATES = (
    "faulted", "unknown", "unavailable", "silent", "derated", "finished", "suspended",
    "preparing", "reserved", "charging", "available", "unconnected",
)  # fmt: skip

STAFF = {
    "available": mark("Available"),
    "silent": mark("Available but silent"),
    "preparing": mark("Plugged in, not started"),
    "charging": mark("Charging"),
    "suspended": mark("Car not drawing power"),
    "finished": mark("Finished, cable still in"),
    "reserved": mark("Reserved"),
    "derated": mark("Reduced power"),
    "faulted": mark("Fault"),
    "unavailable": mark("Out of service"),
    "unknown": mark("No contact"),
    "unconnected": mark("Not connected yet"),
}

# OCPP 1.6 ChargePointErrorCode in plain words; 2.0.1 stations report components instead.
FAULTS = {
    "ConnectorLockFailure": mark("connector lock failed"),
    "EVCommunicationError": mark("no communication with the car"),
    "GroundFailure": mark("ground failure"),
    "HighTemperature": mark("too hot"),
    "InternalError": mark("internal error"),
    "LocalListConflict": mark("local token list out of step"),
    "OtherError": mark("unspecified error"),
    "OverCurrentFailure": mark("over-current"),
    "OverVoltage": mark("mains voltage too high"),
    "PowerMeterFailure": mark("energy meter failed"),
    "PowerSwitchFailure": mark("power switch failed"),
    "ReaderFailure": mark("card reader failed"),
    "ResetFailure": mark("restart failed"),
    "UnderVoltage": mark("mains voltage too low"),
    "WeakSignal": mark("weak mobile signal"),
}


@dataclass(frozen=True)
class DriverState:
    """What a driver sees. `kind` names shape and colour: free busy idle fault unknown closed."""

    kind: str
    word: str
    detail: str = ""


def state_word(state: str) -> str:
    """The bare staff word, for legends, filters and charts."""
    return t(STAFF.get(state, STAFF["unknown"]))


def fault_words(error_code: str | None) -> str:
    """Plain words for a station's error code; one we do not know is quoted as it came."""
    if not error_code or error_code == "NoError":
        return ""
    return t(FAULTS[error_code]) if error_code in FAULTS else error_code


def staff_words(
    state: str,
    form: Format,
    *,
    power_w: float | None = None,
    error_code: str | None = None,
    charging_state: str | None = None,
    since: datetime | None = None,
    now: datetime | None = None,
) -> str:
    """The staff sentence for one evse: what it is doing, how much, since when it is missing."""
    if state == "charging" and power_w is not None:
        return t("Charging {power}", power=form.kw(power_w))
    if state == "suspended" and charging_state == "SuspendedEVSE":
        return t("Paused by charger")
    if state == "faulted" and fault_words(error_code):
        return t("Fault: {fault}", fault=fault_words(error_code))
    if state == "unknown" and since and now:
        return t("No contact since {time}", time=form.since(since, now))
    if state == "silent" and since and now:
        return t("Available but silent since {time}", time=form.since(since, now))
    return state_word(state)


def driver_state(
    state: str,
    form: Format,
    *,
    charging_state: str | None = None,
    since: datetime | None = None,
    now: datetime | None = None,
) -> DriverState:
    """The same state as a driver should read it: never a cause, always whether it can be used."""
    kind, word, detail = DRIVER.get(state, DRIVER["preparing"])
    shown = form.since(since, now) if since and now else ""
    told = t(detail) if detail else ""
    if state == "charging" and shown:
        told = t("charging since {time}", time=shown)
    elif state == "unknown" and shown:
        told = t("no contact since {time}", time=shown)
    elif state == "suspended" and charging_state == "SuspendedEVSE":
        told = t("paused")
    return DriverState(kind, t(word), told)


def driver_kind(state: str) -> str:
    """Only the shape and colour of `driver_state`."""
    return DRIVER.get(state, DRIVER["preparing"])[0]


# state -> shape and colour, word, detail; driver_state adds times to some of them
DRIVER = {
    "available": ("free", mark("Available"), ""),
    "silent": ("free", mark("Available"), ""),
    "derated": ("free", mark("Available"), mark("reduced power right now")),
    "preparing": ("busy", mark("In use"), ""),
    "charging": ("busy", mark("In use"), ""),
    "suspended": ("idle", mark("In use"), mark("car not charging")),
    "finished": ("idle", mark("In use"), mark("finished")),
    "reserved": ("busy", mark("In use"), mark("reserved")),
    "faulted": ("fault", mark("Out of order"), ""),
    "unavailable": ("closed", mark("Closed for maintenance"), ""),
    "unknown": ("unknown", mark("Cannot be started from the phone right now"), mark("no contact")),
    "unconnected": ("closed", mark("Not opened yet"), ""),
}
