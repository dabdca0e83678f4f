"""Who is told of an incident, of what and when."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.telling import (
    RANKS,
    Incident,
    Message,
    Receiver,
    Rule,
    applies,
    is_quiet,
    messages,
    released,
    resolved_at,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ZONES = ("Europe/Stockholm", "Europe/London", "UTC", "America/St_Johns", "Asia/Kathmandu")
NIGHT = Receiver(1, time(22), time(7))
ALWAYS, BOSS = Receiver(1, None, None), Receiver(2, None, None)


def incident(**changes: object) -> Incident:
    base = Incident(7, "offline", "high", 3, "Europe/Stockholm", NOW, 0, False)
    return base._replace(**changes)  # type: ignore[arg-type]


def rule(**changes: object) -> Rule:
    base = Rule(5, None, "low", None, 0, 1, None, None, NOW - timedelta(days=9))
    return base._replace(**changes)  # type: ignore[arg-type]


def said(
    about: Incident, rules: list[Rule], *receivers: Receiver, after: int = 0,
    told: frozenset[int] = frozenset(),
) -> list[tuple[str, int, float]]:  # fmt: skip
    """(event, receiver, seconds after it was noticed) as of so many seconds after that."""
    people = {one.receiver_id: one for one in receivers}
    found = messages(about, rules, people, told, NOW + timedelta(seconds=after))
    return [(one.event, one.receiver_id, (one.at - NOW).total_seconds()) for one in found]


def test_a_rule_tells_its_receiver_at_once() -> None:
    assert said(incident(), [rule()], ALWAYS) == [("raised", 1, 0)]


@pytest.mark.parametrize(
    ("changes", "is_about_it"),
    [
        ({"kind": "offline"}, True), ({"kind": "faulted"}, False),
        ({"site_id": 3}, True), ({"site_id": 4}, False),
        ({"severity": "high"}, True), ({"severity": "critical"}, False),
        ({"active_from": NOW}, True), ({"active_from": NOW + timedelta(seconds=1)}, False),
    ],
)  # fmt: skip
def test_a_rule_is_about_its_kind_site_and_severity_and_about_no_old_news(
    changes: dict[str, object], is_about_it: bool
) -> None:
    assert applies(rule(**changes), incident()) is is_about_it
    assert bool(said(incident(), [rule(**changes)], ALWAYS)) is is_about_it


def test_a_delay_waits_for_what_is_over_soon() -> None:
    assert said(incident(), [rule(delay_seconds=300)], ALWAYS, after=299) == []
    assert said(incident(), [rule(delay_seconds=300)], ALWAYS, after=300) == [("raised", 1, 300)]


def test_who_is_told_by_several_rules_is_told_once_and_as_early_as_any_says() -> None:
    rules = [rule(delay_seconds=60), rule(rule_id=6), rule(rule_id=7, delay_seconds=30)]
    assert said(incident(), rules, ALWAYS, after=600) == [("raised", 1, 0)]


def test_what_nobody_acknowledges_goes_to_the_second() -> None:
    rules = [rule(delay_seconds=60, escalate_after_seconds=600, escalate_to=2)]
    assert said(incident(), rules, ALWAYS, BOSS, after=659) == [("raised", 1, 60)]
    both = [("raised", 1, 60), ("escalated", 2, 660)]
    assert said(incident(), rules, ALWAYS, BOSS, after=660) == both
    assert said(incident(is_acknowledged=True), rules, ALWAYS, BOSS, after=660) == both[:1]
    # the first was switched off: the second is told all the same
    assert said(incident(), rules, BOSS, after=660) == both[1:]


def test_escalation_counts_from_the_end_of_quiet_hours() -> None:
    late = NOW.replace(hour=22)  # 23:00 in Stockholm
    about = incident(noticed_at=late)
    rules = [rule(escalate_after_seconds=600, escalate_to=2)]
    people = {1: NIGHT, 2: BOSS}
    morning = datetime(2026, 11, 24, 6, tzinfo=UTC)
    (held,) = messages(about, rules, people, frozenset(), morning + timedelta(seconds=599))
    assert (held.event, held.at) == ("raised", morning)
    _, second = messages(about, rules, people, frozenset(), morning + timedelta(seconds=600))
    assert (second.event, second.at) == ("escalated", morning + timedelta(seconds=600))


def test_what_is_critical_waits_for_nothing() -> None:
    late = NOW.replace(hour=23)
    assert released(NIGHT, "critical", "Europe/Stockholm", late) == late
    assert released(NIGHT, "high", "Europe/Stockholm", late) > late


def test_who_has_not_heard_that_it_was_over_is_not_told_again_that_it_is_back() -> None:
    again = incident(round=1)
    assert said(again, [rule()], ALWAYS, told=frozenset({1})) == []
    assert said(again, [rule()], ALWAYS) == [("raised", 1, 0)]


def test_the_end_of_what_comes_and_goes_is_told_after_a_while_of_calm() -> None:
    def after(times: int) -> float:
        return (resolved_at(ALWAYS, "high", "UTC", NOW, times) - NOW).total_seconds()

    assert [after(times) for times in range(4)] == [0, 0, 900, 900]


@pytest.mark.parametrize(
    ("night", "at", "until"),
    [
        # the clock jumps from 02:00 to 03:00: 02:30 does not come, 03:00 does
        ((time(22), time(2, 30)), (2026, 3, 29, 0, 59), (2026, 3, 29, 1, 0)),
        # the clock shows 02:30 twice: it is the first that ends the quiet
        ((time(22), time(2, 30)), (2026, 10, 25, 0, 0), (2026, 10, 25, 0, 30)),
        ((time(22), time(7)), (2026, 10, 24, 21, 0), (2026, 10, 25, 6, 0)),
        ((time(12), time(13)), (2026, 7, 1, 10, 30), (2026, 7, 1, 11, 0)),
    ],
)
def test_quiet_hours_follow_the_clock_on_the_wall(
    night: tuple[time, time], at: tuple[int, ...], until: tuple[int, ...]
) -> None:
    receiver = Receiver(1, *night)
    began, ended = datetime(*at, tzinfo=UTC), datetime(*until, tzinfo=UTC)  # type: ignore[misc]
    assert released(receiver, "high", "Europe/Stockholm", began) == ended


instants = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
clocks = st.times().map(lambda t: t.replace(second=0, microsecond=0))
hours = st.tuples(clocks, clocks).filter(lambda pair: pair[0] != pair[1])


@given(hours, instants, st.sampled_from(ZONES), st.sampled_from(["low", "high"]))
@settings(max_examples=150, deadline=None)
def test_a_message_is_released_at_the_first_instant_that_is_not_quiet(
    night: tuple[time, time], at: datetime, zone: str, severity: str
) -> None:
    end = released(Receiver(1, *night), severity, zone, at)

    def quiet(when: datetime) -> bool:
        return is_quiet(*night, when.astimezone(ZoneInfo(zone)).time())

    assert end >= at
    assert not quiet(end)
    assert end - at <= timedelta(hours=25)
    assert end == at or quiet(end - timedelta(microseconds=1))
    assert end == at or quiet(at)


@given(hours, st.times())
def test_every_instant_is_quiet_or_lies_in_the_quiet_hours_turned_round(
    night: tuple[time, time], clock: time
) -> None:
    assert is_quiet(*night, clock) is not is_quiet(night[1], night[0], clock)


receivers = st.builds(
    lambda number, night: Receiver(number, *night),
    st.integers(1, 4), st.one_of(st.just((None, None)), hours),
)  # fmt: skip
rules = st.builds(
    lambda *given: Rule(*given[:7], given[7] if given[6] else None, NOW),
    st.integers(1, 9), st.sampled_from([None, "offline", "faulted"]), st.sampled_from([*RANKS]),
    st.sampled_from([None, 3, 4]), st.integers(0, 900), st.integers(1, 4),
    st.one_of(st.none(), st.integers(60, 900)), st.integers(1, 4),
)  # fmt: skip
incidents = st.builds(
    lambda severity, acked, zone, shift: incident(
        severity=severity, is_acknowledged=acked, zone=zone, noticed_at=NOW + shift
    ),
    st.sampled_from([*RANKS]), st.booleans(), st.sampled_from(ZONES),
    st.timedeltas(timedelta(), timedelta(days=2)),
)  # fmt: skip


@given(incidents, st.lists(rules, max_size=5), st.lists(receivers, max_size=4),
       st.timedeltas(timedelta(), timedelta(days=3)))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_whatever_the_rules_say(
    about: Incident, given_rules: list[Rule], people: list[Receiver], passed: timedelta
) -> None:
    known = {one.receiver_id: one for one in people}
    now = about.noticed_at + passed
    found = messages(about, given_rules, known, frozenset(), now)
    # once per receiver and event, to people there are, never before it was noticed
    assert len({one[:4] for one in found}) == len(found)
    assert {one.receiver_id for one in found} <= set(known)
    assert all(one.at >= about.noticed_at for one in found)
    if about.severity == "critical":
        assert all(one.at <= now for one in found)
    if about.is_acknowledged:
        assert {one.event for one in found} <= {"raised"}
    # nobody is told by a rule that is about something else
    assert {one.rule_id for one in found} <= {
        one.rule_id for one in given_rules if applies(one, about)
    }
    # what was to be said stays so: time only adds to it
    later = messages(about, given_rules, known, frozenset(), now + timedelta(hours=1))
    assert {(m.receiver_id, m.event) for m in found} <= {(m.receiver_id, m.event) for m in later}
    first: dict[tuple[int, str], Message] = {(m.receiver_id, m.event): m for m in later}
    assert all(first[m.receiver_id, m.event].at <= m.at for m in found)
