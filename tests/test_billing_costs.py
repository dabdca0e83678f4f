"""What was used, when: from stored readings to charging periods and a running cost."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from billing_shorthand import component, element, tariff
from charged import NOON, add, after, charged, place, plain, reading
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.cdrs import checked
from billing.closing import close_session
from billing.costs import ClosingError, cdr_of_session, facts_of, running_cost
from billing.periods import cdr_of
from billing.pricing import Plan, plan_of, price
from billing.records import price_cdr
from billing.usage import Course, Fact, Usage, course_of
from sql.database import Connection

ZONE = ZoneInfo("Europe/Stockholm")
MINUTE = timedelta(minutes=1)
PLAIN = plan_of(tariff(element(component("ENERGY", 4))))
PER_MINUTE = plan_of(
    tariff(element(component("ENERGY", 4), component("TIME", 60), component("PARKING_TIME", 120)))
)


def usage(
    *readings: tuple[float, int] | tuple[float, int, float | None] | tuple[float, int, None, str],
    ended: float | None = 60,
    energy_wh: int | None = None,
    states: Iterable[tuple[float, str]] = (),
) -> Usage:
    """Readings are (minute, Wh since the one before, W, source)."""
    full = [(*each, None, "meter")[:4] if len(each) < 4 else each for each in readings]
    facts = tuple(Fact(after(r[0]), r[1], r[3] or "meter", r[2]) for r in map(_full, full))
    return Usage(
        NOON,
        None if ended is None else after(ended),
        sum(fact.energy_wh for fact in facts) if energy_wh is None else energy_wh,
        facts[-1].at if facts else None,
        facts,
        tuple((after(at), state) for at, state in states),
    )


def _full(given: Any) -> tuple[float, int, float | None, str]:
    minute, wh, watts, source = (*given, *(None, "meter")[len(given) - 2 :])
    return minute, wh, watts, source if isinstance(source, str) else "meter"


def minutes(course: Course) -> dict[str, float]:
    return {
        kind: course.seconds(kind) / MINUTE
        for kind in ("charging", "waiting", "parking")
        if course.seconds(kind)
    }


def course(*readings: Any, until: float = 60, **more: Any) -> Course:
    return course_of(usage(*readings, **more), after(until))


# -- charging, waiting, parking -------------------------------------------------------------------


def test_time_runs_to_the_last_energy_and_parking_from_there() -> None:
    found = course((10, 1000), (40, 3000), (50, 0), (60, 0))
    assert minutes(found) == {"charging": 40, "parking": 20}


def test_a_pause_in_the_middle_is_neither() -> None:
    found = course((10, 1000), (25, 0), (40, 3000))
    assert minutes(found) == {"charging": 25, "waiting": 35}
    # nothing says what happened in the last 20 minutes: they are not sold either
    assert [each.kind for each in found.intervals] == ["charging", "waiting", "charging", "waiting"]


def test_a_coarse_register_that_stands_still_under_power_is_no_pause() -> None:
    found = course((10, 1000), (20, 0, 11_000.0), (30, 1000), ended=30)
    assert minutes(found) == {"charging": 30}


def test_a_car_that_still_draws_power_does_not_park() -> None:
    found = course((10, 1000), (20, 0, 4_000.0), (30, 0, 3.0), ended=30)
    assert minutes(found) == {"charging": 10, "waiting": 10, "parking": 10}


def test_what_the_charger_causes_is_not_parking() -> None:
    found = course(
        (10, 1000), (20, 0), (60, 0), states=[(20, "SuspendedEVSE"), (30, "SuspendedEV")]
    )
    assert minutes(found) == {"charging": 10, "parking": 40, "waiting": 10}
    found = course((10, 1000), (20, 0), (60, 0), states=[(30, "Faulted")])
    assert minutes(found) == {"charging": 10, "parking": 20, "waiting": 30}


def test_a_state_is_a_sign_of_parking_without_readings() -> None:
    found = course((10, 1000), states=[(15, "SuspendedEV")])
    assert minutes(found) == {"charging": 10, "waiting": 5, "parking": 45}


def test_a_running_session_does_not_park_before_a_sign_of_it() -> None:
    assert minutes(course((10, 1000), ended=None)) == {"charging": 10, "waiting": 50}
    parked = course((10, 1000), (20, 0), ended=None)
    assert minutes(parked) == {"charging": 10, "parking": 50}


def test_a_session_without_energy_sells_nothing() -> None:
    assert minutes(course((10, 0), (60, 0))) == {"waiting": 60}
    assert minutes(course()) == {"waiting": 60}


def test_a_session_that_is_only_a_row_charges_to_its_last_register() -> None:
    row = Usage(NOON, after(60), 4_000, after(40))
    assert minutes(course_of(row, after(60))) == {"charging": 40, "waiting": 20}
    assert minutes(course_of(Usage(NOON, after(60), 4_000), after(60))) == {"charging": 60}


def test_split_energy_lies_after_its_date_and_a_reading_s_before() -> None:
    found = course(
        (10, 600), (10, 500, None, "split"), (15, 1500, None, "split"), (40, 900), ended=40
    )
    assert [(each.end - NOON, each.energy_wh) for each in found.intervals] == [
        (10 * MINUTE, 600),
        (15 * MINUTE, 500),
        (30 * MINUTE, 1500),
        (40 * MINUTE, 900),
    ]


# -- whatever was stored ---------------------------------------------------------------------------


def test_a_correction_below_zero_takes_from_its_neighbours() -> None:
    found = course((10, 1000), (20, 2000), (20, -2500, None, "adjustment"), (30, 700), ended=30)
    assert [each.energy_wh for each in found.intervals] == [500, 0, 700]
    first = course((10, 100), (10, -300, None, "adjustment"), (30, 700), ended=30)
    assert [each.energy_wh for each in first.intervals] == [0, 500]


@pytest.mark.parametrize(("energy_wh", "last"), [(3_500, 2_500), (2_500, 1_500), (500, 0), (0, 0)])
def test_the_session_s_own_energy_is_what_is_sold(energy_wh: int, last: int) -> None:
    found = course((10, 1000), (20, 2000), energy_wh=energy_wh, ended=20)
    assert found.intervals[-1].energy_wh == last
    assert sum(each.energy_wh for each in found.intervals) == energy_wh
    assert "readings_incomplete" in found.notes


def test_readings_outside_of_the_session_are_moved_to_its_bounds() -> None:
    found = course((-5, 100), (10, 1000), (90, 50), ended=60)
    assert sum(each.energy_wh for each in found.intervals) == 1_150
    assert found.notes == ("readings_outside",)
    assert (found.start, found.end) == (NOON, after(60))


@pytest.mark.parametrize("ended", [0.0, -30.0])
def test_a_session_without_length_has_its_energy(ended: float) -> None:
    found = course((10, 1000), ended=ended)
    assert found.start == found.end == NOON
    assert [each.energy_wh for each in found.intervals] == [1000]
    assert ("end_before_start" in found.notes) == (ended < 0)
    assert price_cdr(PER_MINUTE, cdr_of(found, "SEK", ZONE, PER_MINUTE), ZONE).total_vat == 1


def test_a_session_of_years_is_cut() -> None:
    found = course((10, 1000), ended=3 * 366 * 1440)
    assert found.end - found.start == timedelta(days=366)
    assert found.notes == ("longer_than_a_year",)


def test_energy_below_zero_is_nothing() -> None:
    found = course((10, 1000), energy_wh=-5)
    assert sum(each.energy_wh for each in found.intervals) == 0
    assert "negative_energy" in found.notes


# -- periods --------------------------------------------------------------------------------------


def many(count: int = 1000) -> Usage:
    """A reading every 6 seconds, all with energy."""
    return usage(*((n / 10, 7) for n in range(1, count + 1)), ended=count / 10 + 5)


def test_a_thousand_readings_at_a_plain_price_are_two_periods() -> None:
    cdr = cdr_of(course_of(many(), after(0)), "SEK", ZONE, PLAIN)
    assert len(cdr.charging_periods) == 2
    assert cdr.charging_periods[0].volume("ENERGY") == 7
    assert len(cdr_of(course_of(many(), after(0)), "SEK", ZONE).charging_periods) == 1001


def test_periods_meet_where_the_clock_changes_the_price() -> None:
    night = element(component("ENERGY", 1), end_time="12:30")
    plan = plan_of(tariff(night, element(component("ENERGY", 3))))
    cdr = cdr_of(course_of(many(), after(0)), "SEK", ZONE, plan)
    assert len(cdr.charging_periods) == 3
    assert price(plan, cdr, ZONE).total_cost_excl_vat == Decimal("2.10") + Decimal("14.70")


def test_every_reading_counts_where_power_changes_the_price() -> None:
    fast = element(component("ENERGY", 5), min_power=11)
    plan = plan_of(tariff(fast, element(component("ENERGY", 1))))
    cdr = cdr_of(course((10, 1000), (20, 4000), ended=20), "SEK", ZONE, plan)
    assert len(cdr.charging_periods) == 2
    assert price(plan, cdr, ZONE).total_cost_excl_vat == 1 + 4 * 5


def test_whole_seconds_are_not_rounded_up_by_a_decimal() -> None:
    """1,234 s of charging beside a pause: as hours a third of them never ends."""
    found = course((1234 / 60, 100), (30, 0), (50, 100), ended=50)
    result = price_cdr(PER_MINUTE, cdr_of(found, "SEK", ZONE, PER_MINUTE), ZONE)
    billed = sum(line.billed_volume for line in result.breakdown if line.type == "TIME")
    assert round(result.total_cost_excl_vat * 60) == 48 + 1234 + 1200
    assert abs(billed * 3600 - 2434) < Decimal("0.01")


amounts = st.integers(-400, 4000)
facts = st.lists(
    st.tuples(
        st.integers(-20, 200), amounts, st.sampled_from([None, 0.0, 50.0, 11_000.0]),
        st.sampled_from(["meter", "meter", "meter", "split", "adjustment"]),
    ),
    max_size=25,
)  # fmt: skip
marks = st.lists(
    st.tuples(st.integers(0, 200), st.sampled_from(["SuspendedEVSE", "SuspendedEV", "Charging"])),
    max_size=4,
)
RICH = plan_of(
    tariff(
        element(component("ENERGY", 2), component("TIME", 7), end_time="12:41"),
        element(component("ENERGY", 3, step_size=10), max_kwh=9, max_duration=5000),
        element(
            component("ENERGY", 5),
            component("PARKING_TIME", 11, step_size=60),
            component("FLAT", 1),
        ),
    )
)


@settings(max_examples=200, deadline=None)
@given(facts, marks, st.integers(-10, 240) | st.none(), st.integers(0, 40_000) | st.none())
def test_any_session_gives_a_valid_record_of_its_energy(
    given_facts: list[Any], given_states: list[Any], ended: int | None, energy_wh: int | None
) -> None:
    """Merged for the tariff or not: the same price, energy to the Wh, times within the session."""
    given = sorted(given_facts, key=lambda fact: fact[0])
    stored = usage(*given, ended=ended, energy_wh=energy_wh, states=sorted(given_states))
    found = course_of(stored, after(100))
    sold = max(0, stored.energy_wh)
    assert sum(each.energy_wh for each in found.intervals) == sold
    assert all(each.energy_wh >= 0 for each in found.intervals)
    assert sum((each.length for each in found.intervals), timedelta()) == found.end - found.start
    for plan in (PLAIN, PER_MINUTE, RICH):
        merged = checked(cdr_of(found, "SEK", ZONE, plan))
        whole = checked(cdr_of(found, "SEK", ZONE))
        assert sum(p.volume("ENERGY") or 0 for p in merged.charging_periods) == Decimal(sold) / 1000
        assert _totals(plan, merged) == _totals(plan, whole)


def _totals(plan: Plan, cdr: Any) -> tuple[Decimal, Decimal]:
    result = price_cdr(plan, cdr, ZONE)
    return result.total_cost_excl_vat, result.total_cost_incl_vat


# -- from the database ----------------------------------------------------------------------------


@pytest.fixture
def evse(connection: Connection) -> int:
    return place(connection)


def timed(connection: Connection) -> str:
    parts = [
        {"type": kind, "price": Decimal(price), "vat": 25, "step_size": 1}
        for kind, price in (("ENERGY", "4"), ("TIME", "60"), ("PARKING_TIME", "120"))
    ]
    return add(connection, plain(id="timed", elements=[{"price_components": parts}]))


def test_the_running_cost_grows_with_what_is_measured(connection: Connection, evse: int) -> None:
    tariff = timed(connection)
    session = charged(connection, [(10, 2_000, 12_000.0)], minutes=None)
    cost = running_cost(connection, session, tariff, after(10))
    assert (cost.energy_wh, cost.net, cost.gross) == (2_000, 800 + 1000, 2250)
    # no sign of anything since: it costs no more
    assert running_cost(connection, session, tariff, after(15)).net == 1800
    reading(connection, session, 20, 0)
    assert running_cost(connection, session, tariff, after(30)).net == 1800 + 20 * 200


def test_running_and_closed_cost_the_same(connection: Connection, evse: int) -> None:
    tariff = timed(connection)
    session = charged(connection, [(10, 2_000), (20, 0), (25, 1_111), (40, 0)], minutes=45)
    cost = running_cost(connection, session, tariff, after(90))
    closed = close_session(
        connection, session, tariff, payment_id=None, channel="guest", now=after(90)
    )
    assert (closed.net, closed.gross, closed.energy_wh) == (cost.net, cost.gross, cost.energy_wh)


def test_a_charger_s_own_pause_is_known_after_the_session_has_ended(
    connection: Connection, evse: int
) -> None:
    """2.0.1 tells its states within the transaction, and the session row forgets them."""
    tariff = timed(connection)
    session = charged(connection, [(10, 2_000), (40, 0)], minutes=None)
    told = "INSERT INTO session_state (session_id, state_at, charging_state) VALUES (%s, %s, %s)"
    connection.execute(told, [session, after(12), "SuspendedEVSE"])
    connection.execute(told, [session, after(20), "SuspendedEV"])
    connection.execute("UPDATE session SET charging_state = NULL, ended_at = %s", [after(40)])
    # parking: minutes 10 to 12 and 20 to 40
    assert running_cost(connection, session, tariff, after(90)).net == 800 + 1000 + 22 * 200


def test_states_of_1_6_count_as_well(connection: Connection, evse: int) -> None:
    tariff = timed(connection)
    session = charged(connection, [(10, 2_000), (40, 0)], minutes=40)
    for minute, status, state in ((12, "Occupied", "SuspendedEVSE"), (20, "Faulted", None)):
        connection.execute(
            "INSERT INTO status_history (evse_key, station_id, evse_id, connector_id, status,"
            " charging_state, status_at, received_at) VALUES (11, 'CP1', 1, 1, %s, %s, %s, now())",
            [status, state, after(minute)],
        )
    assert running_cost(connection, session, tariff, after(90)).net == 800 + 1000 + 2 * 200


def test_facts_are_only_those_of_the_session(connection: Connection, evse: int) -> None:
    first = charged(connection, [(5, 100)])
    second = charged(connection, [(5, 900), (7, 1)])
    found = facts_of(connection, [first, second, 99])
    assert {key: len(each.usage.facts) for key, each in found.items()} == {first: 1, second: 2}
    assert found[first].zone == ZONE


def test_periods_of_a_stored_session(connection: Connection, evse: int) -> None:
    session = charged(connection, [(5, 6_000), (20, 20_000), (25, 5_420)])
    cdr = cdr_of_session(connection, session, after(30))
    assert [period.volume("ENERGY") for period in cdr.charging_periods] == [
        6, 20, Decimal("5.42"),
    ]  # fmt: skip
    assert len(cdr_of_session(connection, session, after(30), PLAIN).charging_periods) == 1


def test_what_is_not_there_is_named(connection: Connection, evse: int) -> None:
    tariff = add(connection, plain())
    for hash_ in (tariff, timed(connection)):
        with pytest.raises(ClosingError, match="session 99: there is none"):
            running_cost(connection, 99, hash_, NOON)
    with pytest.raises(ClosingError, match="tariff nonsense: there is none"):
        running_cost(connection, 99, "nonsense", NOON)


def test_the_running_cost_is_one_query(connection: Connection, evse: int) -> None:
    session = charged(connection, [(n, 100) for n in range(1, 21)], minutes=None)
    asked: list[Any] = []
    for hash_ in (add(connection, plain()), timed(connection)):
        running_cost(connection, session, hash_, after(21))  # reads the tariff, once for ever
        counted: Any = _Counting(connection, asked)
        running_cost(counted, session, hash_, after(21))
    assert len(asked) == 2


class _Counting:
    """A connection that notes what it is asked."""

    def __init__(self, connection: Connection, asked: list[Any]) -> None:
        self._connection, self._asked = connection, asked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def cursor(self, *args: Any, **more: Any) -> Any:
        self._asked.append(args)
        return self._connection.cursor(*args, **more)


def test_shares_add_up() -> None:
    from billing.shares import shared  # noqa: PLC0415 - only here

    third = Fraction(100, 3)
    assert shared(100, [third] * 3) == [34, 33, 33]
    assert shared(-100, [-third] * 3) == [-33, -33, -34]
    assert shared(5, []) == []
    assert sum(shared(7, [Fraction(-3, 2), Fraction(17, 2)])) == 7
