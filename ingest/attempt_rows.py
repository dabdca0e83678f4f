"""From folded tries to rows of `attempt`, and what that changes in those that are booked. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import msgspec

from ingest.attempt_facts import Evidence, tap_key
from ingest.attempts import Try, fold
from ingest.outcomes import Judge

T = TypeVar("T")


class Station(NamedTuple):
    """A station as it is now: what new attempts are stamped with."""

    station_id: str
    station_key: int
    site_id: int | None
    build_id: int
    evses: dict[int, int]


class Row(msgspec.Struct, frozen=True):
    """The columns of `attempt` that come from facts; its visit comes from its neighbours."""

    station_id: str
    key: str
    evse_id: int | None
    evse_key: int | None
    site_id: int | None
    build_id: int
    id_token: str | None
    payment_id: int | None
    command_id: int | None
    session_id: int | None
    started_at: datetime
    ended_at: datetime | None
    decide_at: datetime | None
    stage: str
    is_authorised: bool
    outcome: str
    reason: str | None
    energy_wh: int
    evidence: list[str]
    visitor: str


class Recorded(NamedTuple):
    """A booked attempt."""

    attempt_id: int
    row: Row


class Plan(msgspec.Struct):
    """What is to be written so that what is booked is what the facts say."""

    dropped: list[Recorded] = []
    changed: list[tuple[Recorded, Row]] = []
    added: list[Row] = []

    def touched(self) -> Iterator[tuple[str, datetime]]:
        """Visitors, and from when on their visits may be others."""
        for recorded in self.dropped:
            yield recorded.row.visitor, recorded.row.started_at
        for recorded, row in self.changed:
            yield recorded.row.visitor, recorded.row.started_at
            yield row.visitor, row.started_at
        for row in self.added:
            yield row.visitor, row.started_at

    def add(self, recorded: Recorded | None, row: Row) -> None:
        if recorded is None:
            self.added.append(row)
        elif recorded.row != row:
            self.changed.append((recorded, row))


def plan(
    station: Station,
    evidence: Evidence,
    recorded: Sequence[Recorded],
    period: tuple[datetime, datetime | None],
    now: datetime,
) -> Plan:
    """Compare the attempts that begin in the period (from, until) with those booked.

    `evidence` must reach `attempts.REACH` further back, with what goes on then.
    """
    first, last = period
    tries = [
        (made, made.started_at)
        for made in fold(evidence)
        if made.started_at >= first and (last is None or made.started_at < last)
    ]
    pairs = _paired(station.station_id, [made for made, _ in tries], recorded)
    result = Plan(dropped=_left_over(recorded, pairs.values()))
    judge = Judge(evidence, now)
    for made, started_at in tries:
        known = pairs.get(made.key)
        result.add(known, _row(station, made, judge, started_at, known.row if known else None))
    return result


def _paired(
    station_id: str, tries: Sequence[Try], recorded: Sequence[Recorded]
) -> dict[str, Recorded]:
    """Who is who: by the fact it stands on, else by one that it has taken in since."""
    by_key = {one.row.key: one for one in recorded}
    pairs = {made.key: by_key.pop(made.key) for made in tries if made.key in by_key}
    for made in tries:
        if made.key not in pairs and by_key:
            old = next((key for key in _facts(station_id, made) if key in by_key), None)
            if old is not None:
                pairs[made.key] = by_key.pop(old)
    return pairs


def _left_over(recorded: Sequence[Recorded], kept: Iterable[Recorded]) -> list[Recorded]:
    ids = {one.attempt_id for one in kept}
    return [one for one in recorded if one.attempt_id not in ids]


def _row(station: Station, made: Try, judge: Judge, started_at: datetime, known: Row | None) -> Row:
    end, charge = judge.judge(made), made.charge
    site_id = charge.site_id if charge else None
    if site_id is None:  # as of then, which is when it was first booked
        site_id = known.site_id if known else station.site_id
    place = f"station {station.station_id}" if site_id is None else f"site {site_id}"
    return Row(
        station_id=station.station_id,
        key=made.key,
        evse_id=_evse_id(station, made),
        evse_key=made.evse_key,
        site_id=site_id,
        build_id=known.build_id if known else station.build_id,
        id_token=made.id_token,
        payment_id=made.payment_id,
        command_id=next((s.command_id for s in made.starts if s.command_id), None),
        session_id=charge.session_id if charge else None,
        started_at=started_at,
        ended_at=end.ended_at,
        decide_at=end.decide_at,
        stage=end.stage,
        is_authorised=end.is_authorised,
        outcome=end.outcome,
        reason=end.reason,
        energy_wh=charge.flowed_wh if charge else 0,
        evidence=_facts(station.station_id, made),
        visitor=f"{place} {made.who}",
    )


def _evse_id(station: Station, made: Try) -> int | None:
    if made.charge and made.charge.evse_id:
        return made.charge.evse_id
    return next((i for i, key in station.evses.items() if key == made.evse_key), None)


def _facts(station_id: str, made: Try) -> list[str]:
    """The keys of the facts that belong to a try besides the one it stands on."""
    keys = [
        *(start.key for start in made.starts),
        *(tap_key(station_id, tap) for tap in made.taps),
        *(plug.key for plug in made.plugs),
    ]
    return sorted(key for key in keys if key != made.key)


def start_payload(payload: Any) -> tuple[int | None, str | None, int | None]:
    """evse_id, id token and remoteStartId of a remote start, as its version spells them; what was
    refused as no valid payload may hold anything."""
    given = payload if isinstance(payload, dict) else {}
    token = given.get("idToken")
    id_token = token.get("idToken") if isinstance(token, dict) else given.get("idTag")
    return (
        _if(int, given.get("evseId", given.get("connectorId"))),
        _if(str, id_token),
        _if(int, given.get("remoteStartId")),
    )


def _if(wanted: type[T], value: Any) -> T | None:
    return value if isinstance(value, wanted) else None


def start_answer(status: str, response: Any) -> tuple[str, str | None]:
    """What a command's row says of a remote start: accepted | rejected | unknown | open, and the
    wire's word for it."""
    said = response if isinstance(response, dict) else {}
    word = _if(str, said.get("error")) or _if(str, said.get("status"))
    if status in ("queued", "claimed"):
        return "open", None
    if status == "unknown":
        return "unknown", word
    if status == "answered" and said.get("status") == "Accepted":
        return "accepted", None
    return "rejected", word
