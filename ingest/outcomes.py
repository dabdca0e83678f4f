"""How tries to charge ended. Pure; docs/attempts.md has the same rules in sentences."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from ingest.attempt_facts import Change, Charge, Evidence, Plug, Start
from ingest.attempts import LONGEST, SAME_GO, START_WINDOW, SUCCESS_WH, Ending, Outcome, Stage, Try

# Reason of 1.6 (7.36), ReasonEnumType of 2.0.1 (3.74) and 2.1: the station ended it, not the
# driver. `Other` tells nothing, so it is no failure; nor is what a driver or a limit decides.
ABNORMAL = frozenset({
    "EmergencyStop", "GroundFault", "HardReset", "ImmediateReset", "OvercurrentFault", "PowerLoss",
    "PowerQuality", "Reboot", "ReqEnergyTransferRejected", "SoftReset",
})  # fmt: skip
# flags of sessions whose end nobody told us: a normal one is not proven
END_UNKNOWN = ("stop_lost", "ghost")
REFUSED = "DeAuthorized"
NOBODY_CAME = "EVConnectTimeout"  # TriggerReasonEnumType of 2.0.1
UNPLUGGED = "EVDisconnected"
NOTHING_CAME = "NoSession"  # ours: accepted, a cable in, and no session
# why payments end before a start: the driver's doing
DRIVERS_DOING = frozenset({"cancelled", "paid_too_late", "checkout_expired"})


class Judge:
    """Says how the tries of one station ended; `now` decides what is still open."""

    def __init__(self, evidence: Evidence, now: datetime) -> None:
        self.now, self.station_key = now, evidence.station_key
        self.errors = _errors(evidence.changes)

    def judge(self, made: Try) -> Ending:
        if made.charge is not None:
            return self._charge(made, made.charge)
        if made.starts:
            return self._start(made, made.starts[0])
        if made.taps:
            return self._tap(made)
        return self._plug(made.plugs[0])

    # -- a session --------------------------------------------------------------------------

    def _charge(self, made: Try, charge: Charge) -> Ending:
        if charge.ended_at is None:
            return Ending("charge", made.id_token is not None, "open", None, None)
        flag = next((f for f in charge.flags if f.startswith("token_")), None)
        if charge.energy_wh < SUCCESS_WH:
            return self._nothing_flowed(made, charge, charge.ended_at, flag)
        if charge.stop_reason == REFUSED:
            return Ending("authorise", False, "refused", REFUSED, charge.ended_at)
        why = _abnormal(charge)
        outcome: Outcome = "failed" if why else "succeeded"
        return Ending("charge", True, outcome, why or charge.stop_reason, charge.ended_at)

    def _nothing_flowed(
        self, made: Try, charge: Charge, ended_at: datetime, flag: str | None
    ) -> Ending:
        refusal = made.refusal
        if refusal or flag or charge.stop_reason == REFUSED:
            told = refusal.status if refusal else (flag or REFUSED)
            return Ending("authorise", False, "refused", told, ended_at)
        if made.id_token is None and made.payment_id is None:
            # a 2.x transaction that began with the cable: nobody ever asked to charge
            why = self._error(made.evse_key, charge.started_at, ended_at)
            if why:
                return Ending("plug_in", False, "failed", why, ended_at)
            return Ending("plug_in", False, "abandoned", charge.stop_reason, ended_at)
        if charge.stop_reason == "Timeout":
            return Ending("plug_in", True, "abandoned", NOBODY_CAME, ended_at)
        why = _abnormal(charge) or self._error(made.evse_key, charge.started_at, ended_at)
        stage: Stage = "charge" if charge.energy_wh > 0 else "start"
        return Ending(stage, True, "failed", why or charge.stop_reason or NOTHING_CAME, ended_at)

    # -- no session -------------------------------------------------------------------------

    def _start(self, made: Try, start: Start) -> Ending:
        over = start.answered_at or start.at
        if made.refusal:
            tap = made.refusal
            return Ending("authorise", False, "refused", tap.status, tap.at)
        if start.failure in DRIVERS_DOING:
            return Ending("plug_in", True, "abandoned", start.failure, over)
        if start.answer == "rejected":
            return Ending("remote_start", True, "failed", start.reason, over)
        if (due := start.at + START_WINDOW) > self.now:
            return Ending("remote_start", True, "open", None, None, due)
        if start.answer != "accepted" and not made.plugs:
            return Ending("remote_start", True, "failed", start.reason or "NoAnswer", due)
        return self._nothing_came(made, due)

    def _tap(self, made: Try) -> Ending:
        tap = made.taps[0]
        if tap.status != "Accepted":
            return Ending("authorise", False, "refused", tap.status, tap.at)
        if (due := tap.at + START_WINDOW) > self.now:
            return Ending("authorise", True, "open", None, None, due)
        return self._nothing_came(made, due)

    def _nothing_came(self, made: Try, due: datetime) -> Ending:
        """The driver was let in, and no session began: the station's doing if a cable was in or
        a fault is known, else nobody plugged in."""
        why = self._error(made.evse_key, made.at, due) if made.evse_key else None
        if why or made.plugs:
            return Ending("start", True, "failed", why or NOTHING_CAME, due)
        return Ending("plug_in", True, "abandoned", NOBODY_CAME, due)

    def _plug(self, plug: Plug) -> Ending:
        end = plug.ended_by
        if end is None:
            return Ending("plug_in", False, "open", None, None)
        if plug.was_used:
            # it said that it charged, and told of no session
            return Ending("start", False, "failed", NOTHING_CAME, end.at)
        if end.status in ("Faulted", "Unavailable"):
            why = end.error_code or end.status
            return Ending("plug_in", False, "failed", why, end.at)
        return Ending("plug_in", False, "abandoned", UNPLUGGED, end.at)

    def _error(self, evse_key: int | None, first: datetime, last: datetime) -> str | None:
        """The last error code that the evse, else the station, reported meanwhile."""
        for key in (evse_key, -self.station_key):
            known = self.errors.get(key or 0, [])
            low = bisect_left(known, first - SAME_GO, key=_at)
            high = bisect_right(known, min(last, first + LONGEST) + SAME_GO, key=_at)
            if high > low:
                return known[high - 1].error_code
        return None


def _abnormal(charge: Charge) -> str | None:
    """The reason, if the end was not a normal one."""
    if charge.stop_reason in ABNORMAL:
        return charge.stop_reason
    return next((flag for flag in END_UNKNOWN if flag in charge.flags), None)


def _errors(changes: Iterable[Change]) -> dict[int, list[Change]]:
    found: dict[int, list[Change]] = defaultdict(list)
    for change in sorted((c for c in set(changes) if c.error_code), key=_in_order):
        found[change.evse_key].append(change)
    return found


def _in_order(change: Change) -> tuple[datetime, int, str]:
    return change.at, change.connector_id, change.error_code or ""


def _at(change: Change) -> datetime:
    return change.at
