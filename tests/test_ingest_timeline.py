"""An evse's time is folded from raw facts into gapless whole seconds, in any order."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.evidence import Charge, Contact, Evidence, Exclusion, Status, Try
from ingest.outages import midnight, outages, pieces
from ingest.timeline import Segment, fold

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
END = NOON + timedelta(days=3)
STOCKHOLM = ZoneInfo("Europe/Stockholm")


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def told(evidence: Evidence, until: float = 100) -> list[tuple[str, float, str | None]]:
    """(state, minutes, cause) of each segment from noon on."""
    return [(s.state, s.seconds / 60, s.cause) for s in fold(evidence, NOON, at(until))]


def online(**more: object) -> Evidence:
    return Evidence(contacts=[Contact(NOON, True, None)], statuses=[free(0)], **more)  # type: ignore[arg-type]


def free(minutes: float, connector_id: int = 1) -> Status:
    return Status(at(minutes), connector_id, "Available", None, None)


def occupied(minutes: float, charging_state: str | None = None) -> Status:
    return Status(at(minutes), 1, "Occupied", charging_state, None)


def faulted(minutes: float, connector_id: int = 1) -> Status:
    return Status(at(minutes), connector_id, "Faulted", None, "GroundFailure")


def test_a_visit_is_preparing_charging_suspended_finished_and_available_again() -> None:
    evidence = online(charges=[Charge(1, at(10), at(60), at(40))])
    evidence.statuses += [
        occupied(8, "EVConnected"), occupied(10, "Charging"), occupied(41, "SuspendedEV"),
        occupied(60, "Idle"), free(65),
    ]  # fmt: skip
    assert told(evidence) == [
        ("available", 8, None), ("preparing", 2, None), ("charging", 30, None),
        ("suspended", 20, None), ("finished", 5, None), ("available", 35, None),
    ]  # fmt: skip


def test_a_full_vehicle_that_its_station_calls_charging_is_idle_after_the_last_energy() -> None:
    evidence = online(charges=[Charge(1, at(10), at(60), at(40))])
    assert told(evidence)[1:3] == [("charging", 30, None), ("suspended", 20, None)]


def test_a_running_session_is_believed() -> None:
    evidence = online(charges=[Charge(1, at(10), None, at(40))])
    assert told(evidence)[1:] == [("charging", 90, None)]


def test_charging_states_of_2_x_come_with_the_session() -> None:
    states = [(at(10), "EVConnected"), (at(12), "Charging"), (at(30), "SuspendedEVSE")]
    evidence = online(charges=[Charge(1, at(10), at(50), at(50), states)])
    evidence.statuses += [occupied(9), free(50)]
    assert [one[:2] for one in told(evidence)] == [
        ("available", 9), ("preparing", 3), ("charging", 18), ("suspended", 20), ("available", 50)
    ]  # fmt: skip


def test_occupied_after_a_session_is_finished_and_before_one_preparing() -> None:
    evidence = online(charges=[Charge(1, at(10), at(20), at(20))])
    evidence.statuses += [occupied(5), free(30), occupied(40)]
    assert [one[:2] for one in told(evidence)] == [
        ("available", 5), ("preparing", 5), ("charging", 10), ("finished", 10), ("available", 10),
        ("preparing", 60),
    ]  # fmt: skip


@pytest.mark.parametrize(("cause", "named"), [("station", "network"), ("csms", "csms")])
def test_time_without_contact_is_unknown_and_down(cause: str, named: str) -> None:
    evidence = online()
    evidence.contacts += [Contact(at(20), False, cause), Contact(at(50), True, None)]
    segments = fold(evidence, NOON, at(100))
    assert [(s.state, s.seconds, s.cause) for s in segments[1:]] == [
        ("unknown", 1800, named), ("available", 3000, None)
    ]  # fmt: skip
    assert segments[1].excluded_because == ("csms" if cause == "csms" else None)


def test_energy_that_was_delivered_without_contact_proves_that_it_worked() -> None:
    evidence = online(charges=[Charge(1, at(30), at(45), at(40))])
    evidence.contacts += [Contact(at(20), False, "station"), Contact(at(60), True, None)]
    assert told(evidence)[1:4] == [
        ("unknown", 10, "network"), ("charging", 10, None), ("unknown", 20, "network")
    ]  # fmt: skip


def test_one_usable_plug_is_enough_and_the_station_s_own_fault_counts_for_all() -> None:
    evidence = online()
    evidence.statuses += [free(0, 2), faulted(10, 1), faulted(20, 2), free(30, 2), faulted(40, 0)]
    assert told(evidence) == [
        ("available", 20, None), ("faulted", 10, "hardware"), ("available", 10, None),
        ("faulted", 60, "hardware"),
    ]  # fmt: skip


def test_the_third_failed_attempt_in_a_row_makes_an_evse_down_until_one_succeeds() -> None:
    tries = [Try(at(m), m, m in {5, 60}) for m in (5, 10, 20, 30, 40, 60, 70)]
    evidence = online(tries=tries)
    assert told(evidence) == [
        ("available", 30, None), ("available", 30, "failed_starts"), ("available", 40, None)
    ]  # fmt: skip


def test_what_people_exclude_is_marked_and_stays_in_the_time() -> None:
    evidence = online(exclusions=[Exclusion(at(20), at(40), "scheduled_maintenance", "bob")])
    evidence.statuses += [faulted(10), free(50)]
    segments = fold(evidence, NOON, at(100))
    assert [(s.seconds, s.excluded_because) for s in segments if s.cause] == [
        (600, None), (1200, "scheduled_maintenance"), (600, None)
    ]  # fmt: skip
    (outage,) = outages(segments, at(100))
    assert (outage.started_at, outage.ended_at) == (at(10), at(50))
    assert (outage.excluded_seconds, outage.excluded_because) == (1200, None)
    assert outage.began[0]["error_code"] == "GroundFailure"
    assert outage.ended[0]["status"] == "Available"


def test_nothing_is_counted_of_a_station_that_has_left() -> None:
    evidence = online(decommissioned_at=at(30))
    assert told(evidence) == [("available", 30, None)]
    evidence.statuses.append(faulted(10))
    (outage,) = outages(fold(evidence, NOON, at(100)), at(100))
    assert outage.ended_at == at(30)


def test_an_outage_that_goes_on_has_no_end() -> None:
    evidence = online()
    evidence.statuses.append(faulted(10))
    (outage,) = outages(fold(evidence, NOON, at(100)), at(100))
    assert outage.ended_at is None


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_midnights_are_those_of_the_clock_on_the_wall(day: str, hours: int) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=STOCKHOLM).astimezone(UTC)
    whole = Segment(start, start + timedelta(hours=60), "available", None, None, None, ())
    first, *_ = pieces([whole], STOCKHOLM)
    assert first.seconds == hours * 3600
    assert midnight(start + timedelta(hours=20), STOCKHOLM) == start


instants = st.floats(-2000, 4000, allow_nan=False).map(at)
durations = st.floats(0, 500, allow_nan=False)


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    contacts = st.builds(Contact, instants, st.booleans(), st.sampled_from(["station", "csms"]))
    statuses = st.builds(
        Status, instants, st.integers(0, 2),
        st.sampled_from(["Available", "Occupied", "Reserved", "Unavailable", "Faulted"]),
        st.sampled_from([None, "Charging", "EVConnected", "SuspendedEV", "Idle"]), st.none(),
    )  # fmt: skip
    starts = draw(st.lists(st.tuples(instants, durations, durations, st.booleans()), max_size=6))
    charges = [
        Charge(n, start, start + timedelta(minutes=length) if ended else None,
               start + timedelta(minutes=flowed) if flowed else None)
        for n, (start, length, flowed, ended) in enumerate(starts)
    ]  # fmt: skip
    tries = st.builds(Try, instants, st.integers(), st.booleans())
    spans = draw(st.lists(st.tuples(instants, durations), max_size=3))
    return Evidence(
        draw(st.lists(contacts, max_size=8)), draw(st.lists(statuses, max_size=12)), charges,
        draw(st.lists(tries, max_size=8)),
        [Exclusion(a, a + timedelta(minutes=d), "vandalism", "bob") for a, d in spans],
    )  # fmt: skip


@given(evidences(), st.randoms(use_true_random=False))
def test_segments_leave_no_second_out_and_count_none_twice(
    evidence: Evidence, dice: random.Random
) -> None:
    segments = fold(evidence, NOON, END)
    assert segments[0].started_at == NOON
    assert segments[-1].ended_at == END
    for before, after in pairwise(segments):
        assert before.ended_at == after.started_at
        assert before[2:6] != after[2:6]
    assert sum(s.seconds for s in segments) == 3 * 86_400
    assert all(s.seconds > 0 and s.started_at.microsecond == 0 for s in segments)
    assert sum(p.seconds for p in pieces(segments, STOCKHOLM)) == 3 * 86_400
    dice.shuffle(evidence.charges)
    assert [s[:5] for s in fold(evidence, NOON, END)] == [s[:5] for s in segments]


@given(evidences(), st.integers(1, 3 * 86_400 - 1))
def test_a_refold_from_any_later_instant_says_the_same(evidence: Evidence, seconds: int) -> None:
    whole, middle = fold(evidence, NOON, END), NOON + timedelta(seconds=seconds)
    rest = [s._replace(started_at=max(s.started_at, middle)) for s in whole if s.ended_at > middle]
    assert [s[:5] for s in fold(evidence, middle, END)] == [s[:5] for s in rest]
