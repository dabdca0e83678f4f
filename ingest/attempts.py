"""Attempts to charge, folded from a station's raw facts. Pure; docs/attempts.md has the rules.

Every fact chooses by itself, from facts near it in time, what it belongs to: a remote start its
session; an authorization its session or remote start; a cable its session, remote start or
authorization. What belongs to nothing is an attempt of its own. Nothing depends on the order of
arrival, and nothing on facts further away than `REACH`, so that a part of the past can be folded
again by itself.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, TypeVar

import msgspec

from ingest.attempt_facts import Charge, Evidence, Plug, Start, Tap, plugs_of, tap_key

K = TypeVar("K")

SAME_GO = timedelta(seconds=60)  # what one action tells through several messages
START_WINDOW = timedelta(minutes=5)  # from authorization or remote start to the session
KNOWN_START_WINDOW = timedelta(minutes=15)  # the same where the session names its start
PLUGGED_LONG_AGO = timedelta(minutes=15)  # a cable that was in before that is somebody else's
REACH = timedelta(minutes=20)
LONGEST = timedelta(days=7)  # a session older than that has nothing to do with an authorization
OVERLAPS = 3  # sessions of one evse that may go on at once: there should be one
SUCCESS_WH = 100  # PEOPLE.md, figure 3: at least 0.1 kWh

Stage = Literal["authorise", "plug_in", "remote_start", "start", "charge"]
Outcome = Literal["open", "succeeded", "failed", "refused", "abandoned"]


class Ending(NamedTuple):
    """How a try ended, or that it goes on (`decide_at`: until time alone decides)."""

    stage: Stage
    is_authorised: bool
    outcome: Outcome
    reason: str | None
    ended_at: datetime | None
    decide_at: datetime | None = None


class Try(msgspec.Struct):
    """What belongs together: a root (session, else start, else tap, else plug) and the rest."""

    key: str
    at: datetime
    evse_key: int | None
    id_token: str | None = None
    charge: Charge | None = None
    starts: list[Start] = []
    taps: list[Tap] = []
    plugs: list[Plug] = []

    @property
    def refusal(self) -> Tap | None:
        return next((tap for tap in self.taps if tap.status != "Accepted"), None)

    @property
    def payment_id(self) -> int | None:
        paid = [self.charge.payment_id] if self.charge else []
        return next((p for p in (*paid, *(s.payment_id for s in self.starts)) if p), None)

    @property
    def owner(self) -> str | None:
        known = [self.charge.owner] if self.charge else []
        return next((o for o in (*known, *(s.owner for s in self.starts)) if o), None)

    @property
    def who(self) -> str:
        """Attempts of the same one are retries: the payer, the token, or whoever is there."""
        if self.owner:
            return self.owner
        return f"token:{self.id_token.lower()}" if self.id_token else f"evse:{self.evse_key}"

    @property
    def started_at(self) -> datetime:
        return min([self.at, *(start.at for start in self.starts), *(tap.at for tap in self.taps)])


def fold(evidence: Evidence) -> list[Try]:
    """All tries the facts tell of; how each ended is for `outcomes.judge` to say."""
    return _Fold(evidence).run()


class _Fold:
    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.charges = sorted(set(evidence.charges), key=_in_order)
        self.by_token = _grouped(self.charges, lambda c: _folded(c.id_token))
        self.by_stopper = _grouped(self.charges, lambda c: _folded(c.stopped_by))
        self.of_evse = _grouped(self.charges, lambda c: c.evse_key)
        self.tries: dict[str, Try] = {}
        self.of_charge: dict[int, Try] = {}

    def run(self) -> list[Try]:
        for charge in self.charges:
            self._add_charge(charge)
        starts = sorted(set(self.evidence.starts), key=lambda s: (s.at, s.key))
        self.starting = [(start, self._place_start(start)) for start in starts]
        self.start_times = [start.at for start in starts]
        taps = sorted(set(self.evidence.taps))
        self.tapping = [made for tap in taps if (made := self._place_tap(tap)) is not None]
        plugs = plugs_of(self.evidence.changes)
        self._place_plugs(plugs)
        return list(self.tries.values())

    def _add_charge(self, charge: Charge) -> None:
        key = f"session:{charge.session_id}"
        evse_key = charge.evse_key if charge.evse_id else None
        made = Try(key, charge.started_at, evse_key, charge.id_token, charge)
        self.tries[key] = self.of_charge[charge.session_id] = made

    # -- remote starts ---------------------------------------------------------------------

    def _place_start(self, start: Start) -> Try:
        charge = self._session_of_start(start)
        if charge is None:
            evse_key = self.evidence.evses.get(start.evse_id or 0)
            made = Try(start.key, start.at, evse_key, start.id_token, starts=[start])
            self.tries[start.key] = made
            return made
        found = self.of_charge[charge.session_id]
        found.starts.append(start)
        found.id_token = found.id_token or start.id_token
        return found

    def _session_of_start(self, start: Start) -> Charge | None:
        """The session that names the start, else the first of its token at its evse."""
        near = _between(self.charges, start.at - KNOWN_START_WINDOW, start.at + KNOWN_START_WINDOW)
        for charge in near:
            if _names(charge, start):
                return charge
        if start.answer == "rejected" or start.id_token is None:
            return None
        same = self.by_token.get(start.id_token.lower(), [])
        for charge in _between(same, start.at - SAME_GO, start.at + START_WINDOW):
            at_another = charge.evse_id and start.evse_id and charge.evse_id != start.evse_id
            if charge.remote_start_id is None and not at_another:
                return charge
        return None

    # -- authorizations --------------------------------------------------------------------

    def _place_tap(self, tap: Tap) -> Try | None:
        """The try it makes by itself, or None: it belongs to one that is there."""
        found = self._session_of_tap(tap) or self._start_of_tap(tap)
        if found is not None:
            found.taps.append(tap)
            return None
        key = tap_key(self.evidence.station_id, tap)
        self.tries[key] = made = Try(key, tap.at, None, tap.id_token, taps=[tap])
        return made

    def _session_of_tap(self, tap: Tap) -> Try | None:
        token = tap.id_token.lower()
        ahead = START_WINDOW if tap.status == "Accepted" else SAME_GO
        charge = (
            _last(self.by_token.get(token, ()), tap.at + ahead, lambda c: self._is_on(c, tap.at))
            or _last(self.by_stopper.get(token, ()), tap.at,
                     lambda c: _is_stopped(c, tap.at) and self._is_recent(c, tap.at))
            or _last(self.by_token.get(None, ()), tap.at + SAME_GO,
                     lambda c: c.flowed_wh < SUCCESS_WH and self._is_on(c, tap.at))
        )  # fmt: skip
        return self.of_charge[charge.session_id] if charge else None

    def _is_on(self, charge: Charge, at: datetime) -> bool:
        return _is_on(charge, at) and self._is_recent(charge, at)

    def _is_recent(self, charge: Charge, at: datetime) -> bool:
        """Of the newest at its evse: an end that came with a wrong clock may lie days away."""
        same = self.of_evse[charge.evse_key]
        place = bisect_left(same, (charge.started_at, charge.session_id), key=_in_order)
        return bisect_right(same, at, key=_started) - place <= OVERLAPS

    def _start_of_tap(self, tap: Tap) -> Try | None:
        """1.6's AuthorizeRemoteTxRequests: the station asks about the token it was given."""
        first = bisect_left(self.start_times, tap.at - START_WINDOW)
        last = bisect_right(self.start_times, tap.at + SAME_GO)
        for start, made in reversed(self.starting[first:last]):
            if start.answer != "rejected" and _folded(start.id_token) == tap.id_token.lower():
                return made
        return None

    # -- cables ----------------------------------------------------------------------------

    def _place_plugs(self, plugs: list[Plug]) -> None:
        idle = []
        for plug in plugs:
            charge = _during(self.of_evse.get(plug.evse_key, []), plug)
            if charge is None:
                idle.append(plug)
            else:
                self.of_charge[charge.session_id].plugs.append(plug)
        given = [_give_plug(made, idle) for made in self._without_session()]
        for plug in idle:
            if plug not in given:
                made = Try(plug.key, plug.at, plug.evse_key, plugs=[plug])
                self.tries[plug.key] = made

    def _without_session(self) -> Iterable[Try]:
        yield from (made for _, made in self.starting if made.charge is None)
        yield from self.tapping


def _give_plug(made: Try, plugs: Sequence[Plug]) -> Plug | None:
    """The cable of a try that got no session: the one that came in nearest to it, if any did."""
    at = made.at
    low = bisect_left(plugs, at - PLUGGED_LONG_AGO, key=_plugged)
    high = bisect_right(plugs, at + START_WINDOW, key=_plugged)
    near = [
        plug
        for plug in plugs[low:high]
        if (plug.until is None or plug.until >= at) and made.evse_key in (None, plug.evse_key)
    ]
    chosen = min(near, key=lambda p: (abs(p.at - at), p.key), default=None)
    if chosen is not None:
        made.plugs.append(chosen)
        made.evse_key = chosen.evse_key
    return chosen


def _names(charge: Charge, start: Start) -> bool:
    """By 2.x's remoteStartId, by the one-time token of a payment, or by the payment's row."""
    if start.remote_start_id is not None and charge.remote_start_id == start.remote_start_id:
        return True
    if start.payment_id is None:
        return False
    one_time = start.id_token is not None and _folded(charge.id_token) == start.id_token.lower()
    return one_time or charge.payment_id == start.payment_id


def _is_on(charge: Charge, at: datetime) -> bool:
    return charge.ended_at is None or at <= charge.ended_at + SAME_GO


def _is_stopped(charge: Charge, at: datetime) -> bool:
    end = charge.ended_at
    return end is not None and end - START_WINDOW <= at <= end + SAME_GO


def _during(charges: Sequence[Charge], plug: Plug) -> Charge | None:
    """The first session to begin at the evse while the cable was in, else one that went on."""
    low = bisect_left(charges, plug.at - SAME_GO, key=_started)
    if low < len(charges):
        first = charges[low]
        if plug.until is None or first.started_at <= plug.until + SAME_GO:
            return first
    for charge in reversed(charges[max(0, low - OVERLAPS) : low]):
        if charge.ended_at is None or charge.ended_at >= plug.at - SAME_GO:
            return charge
    return None


def _between(charges: Sequence[Charge], first: datetime, last: datetime) -> Sequence[Charge]:
    low = bisect_left(charges, first, key=_started)
    return charges[low : bisect_right(charges, last, key=_started)]


def _last(
    charges: Sequence[Charge], until: datetime, is_right: Callable[[Charge], bool]
) -> Charge | None:
    """The last to begin up to then that is right."""
    near = _between(charges, until - LONGEST, until)
    return next((charge for charge in reversed(near) if is_right(charge)), None)


def _plugged(plug: Plug) -> datetime:
    return plug.at


def _started(charge: Charge) -> datetime:
    return charge.started_at


def _in_order(charge: Charge) -> tuple[datetime, int]:
    return charge.started_at, charge.session_id


def _grouped(charges: Iterable[Charge], key: Callable[[Charge], K]) -> dict[K, list[Charge]]:
    groups: dict[K, list[Charge]] = defaultdict(list)
    for charge in charges:
        groups[key(charge)].append(charge)
    return groups


def _folded(id_token: str | None) -> str | None:
    """OCPP compares id tokens without regard to case."""
    return id_token.lower() if id_token else None
