"""Why a session is implausible, a sentence each, with the numbers it was found by."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from dashboard.data import Row
from dashboard.format import UNKNOWN
from dashboard.i18n import formatter, mark, t

# what is said where the numbers are not known, too
SENTENCES = {
    "register_decreased": mark("The meter went backwards."),
    "register_jumped": mark("The meter jumped further than the evse can deliver."),
    "register_negative": mark("The meter showed less than nothing."),
    "interval_implausible": mark("A reading tells of more energy than the evse can deliver."),
    "energy_from_power": mark("No meter reading came: the energy is estimated from power."),
    "signature_invalid": mark("The signature of a meter reading is not genuine."),
    "signed_register_differs": mark("The signed meter reading says otherwise."),
    "energy_negative": mark("The energy is less than nothing."),
    "too_much_energy": mark("More energy than the evse can deliver in the time."),
    "beyond_vehicle": mark("More energy than any vehicle takes in."),
    "meter_stands_still": mark("Power flowed, but the meter stood still."),
    "start_missing": mark("The start of the session is missing: what came before is not counted."),
    "times_reversed": mark("The session ended before it began."),
    "too_long": mark("The session lasted longer than a month."),
    "in_future": mark("The session lies in the future."),
    "overlaps": mark("Another session was charging at the same evse at the same time."),
}
WITH_NUMBERS = {
    "register_decreased": mark(
        "The meter went backwards: from {before} at {before_at} to {after} at {after_at}."
    ),
    "register_jumped": mark(
        "The meter jumped from {before} at {before_at} to {after} at {after_at}; the evse delivers"
        " {limit} at most."
    ),
    "energy_negative": mark("The energy is less than nothing: {energy}."),
    "too_much_energy": mark("{energy} in {length}: at {limit} it can have been {most} at most."),
    "beyond_vehicle": mark("{energy} is more than any vehicle takes in ({most})."),
    "meter_stands_still": mark("Power readings add up to {power}, the meter counted {energy}."),
    "too_long": mark("The session lasted {length}, longer than a month."),
    "in_future": mark("The session lies in the future: {at}."),
    "overlaps": mark("Session {session} was charging at the same evse for {length} of the time."),
}
NEEDED = {
    "register_decreased": "before_wh", "register_jumped": "before_wh",
    "energy_negative": "energy_wh", "too_much_energy": "energy_wh", "beyond_vehicle": "energy_wh",
    "meter_stands_still": "power_wh", "too_long": "seconds", "in_future": "at",
    "overlaps": "session_id",
}  # fmt: skip
DECISIONS = {
    "accept": mark("Accepted as measured"), "correct": mark("Corrected"), "void": mark("Voided"),
}  # fmt: skip


def sentence(doubt: Row) -> str:
    """The doubt in words; a reason without words is shown as it is, never hidden."""
    reason, detail = doubt["reason"], doubt["detail"] or {}
    if reason not in SENTENCES:
        return str(reason).replace("_", " ")
    if detail.get(NEEDED.get(reason, "")) is None:
        return t(SENTENCES[reason])
    return t(WITH_NUMBERS[reason], **_numbers(detail))


def _numbers(detail: dict[str, Any]) -> dict[str, str]:
    form = formatter()
    shown: dict[str, Callable[[Any], str]] = {
        "before": register, "after": register, "energy": form.kwh, "most": form.kwh,
        "power": form.kwh, "length": form.duration, "limit": _limit, "session": str,
        "before_at": _at, "after_at": _at, "at": _at,
    }  # fmt: skip
    names = {"before": "before_wh", "after": "after_wh", "energy": "energy_wh", "most": "most_wh",
             "power": "power_wh", "length": "seconds", "limit": "limit_w",
             "session": "session_id"}  # fmt: skip
    return {name: words(detail.get(names.get(name, name))) for name, words in shown.items()}


def register(wh: int | None) -> str:
    """A register to the Wh, as the meter showed it."""
    return formatter().kwh(wh, 3)


def _limit(watts: int | None) -> str:
    return formatter().rating(watts or 1_000_000)


def _at(text: str | None) -> str:
    """To the second; which year, the session's figures say."""
    if text is None:
        return UNKNOWN
    form, at = formatter(), datetime.fromisoformat(text)
    return f"{form.date(at)} {form.time(at, seconds=True)}"


def decision_words(row: Row) -> str:
    """Corrected, 12.00 kWh to 9.00 kWh: by whom, when, why."""
    form = formatter()
    what = t(DECISIONS[row["decision"]])
    if row["applied_at"] is not None:
        what += f", {old_and_new(row['old_wh'], row['new_wh'])}"
    return t("{what}: {who}, {time}, {reason}", what=what, who=row["decided_by"],
             time=form.stamp(row["decided_at"], seconds=False), reason=row["reason"])  # fmt: skip


def old_and_new(old_wh: int, new_wh: int) -> str:
    form = formatter()
    if old_wh == new_wh:
        return form.kwh(new_wh, 3)
    return f"{form.kwh(old_wh, 3)} → {form.kwh(new_wh, 3)}"
