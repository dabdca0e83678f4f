"""The rules of attempts: what belongs together, how it ended; in any order, however often told."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.attempt_facts import Change, Charge, Evidence, Start, Tap
from ingest.attempt_rows import Recorded, Row, Station, plan, start_answer, start_payload
from ingest.attempting import book_attempts, differences
from ingest.outcomes import ABNORMAL
from sql.database import Connection

BEGIN = datetime(2026, 10, 24, 20, tzinfo=UTC)  # over a night of 25 hours
NOW = BEGIN + timedelta(hours=12)
EVSES = {1: 11, 2: 12}
STATION = Station("S1", 7, 3, 1, EVSES)
TOKENS = ("A", "a", "B")


def after(minutes: float) -> datetime:
    return BEGIN + timedelta(minutes=minutes)


def charge(began: float, ended: float | None = None, wh: int = 5000, **more: Any) -> Charge:
    given = {
        "evse_id": 1, "site_id": 3, "id_token": "A", "stop_reason": "Local", "stopped_by": None,
        "flags": (), "remote_start_id": None, "payment_id": None, "owner": None,
        "session_id": int(began * 10) + 1,
    } | more  # fmt: skip
    return Charge(
        evse_key=EVSES.get(given["evse_id"], -7), started_at=after(began),
        ended_at=None if ended is None else after(ended), energy_wh=wh, **given,
    )  # fmt: skip


def ordered(at: float, answer: str = "accepted", **more: Any) -> Start:
    given = {"evse_id": 1, "id_token": "A", "remote_start_id": None, "reason": None} | more
    return Start(
        command_id=int(at * 10) + 1, at=after(at), answer=answer, answered_at=after(at), **given
    )


def tap(at: float, id_token: str = TOKENS[0], status: str = "Accepted") -> Tap:
    return Tap(after(at), id_token, status)


def change(at: float, status: str, charging_state: str | None = None, **more: Any) -> Change:
    given = {"evse_key": 11, "connector_id": 1, "error_code": None} | more
    return Change(at=after(at), status=status, charging_state=charging_state, **given)


def cable(first: float, last: float, ending: str = "Available", **more: Any) -> list[Change]:
    return [change(first, "Occupied", "EVConnected"), change(last, ending, **more)]


def booked(*facts: Any, now: datetime = NOW) -> list[Row]:
    """The attempts that these facts tell of."""
    kinds: dict[type, list[Any]] = {Charge: [], Start: [], Tap: [], Change: []}
    for fact in facts:
        kinds[type(fact)].append(fact)
    evidence = Evidence("S1", 7, EVSES, *kinds.values())
    rows = plan(STATION, evidence, [], (BEGIN - timedelta(days=9), None), now).added
    return sorted(rows, key=lambda row: (row.started_at, row.key))


def ends(*facts: Any, now: datetime = NOW) -> list[tuple[str, str, str | None]]:
    return [(row.stage, row.outcome, row.reason) for row in booked(*facts, now=now)]


SUCCESS = ("charge", "succeeded", "Local")


def test_authorisation_cable_start_and_session_are_one() -> None:
    facts = [*cable(0, 60), tap(1), ordered(2), tap(2.1), charge(3, 50)]
    (row,) = booked(*facts)
    assert (row.stage, row.outcome, row.reason) == SUCCESS
    assert (row.key, row.started_at, row.command_id) == ("session:31", after(1), 21)
    assert row.evidence == [
        "authorize:S1:2026-10-24T20:01:00Z:A",
        "authorize:S1:2026-10-24T20:02:06Z:A",
        "command:21",
        "plug:11:1:2026-10-24T20:00:00Z",
    ]


@pytest.mark.parametrize("reason", [*sorted(ABNORMAL)])
def test_a_charge_that_the_station_broke_off_failed(reason: str) -> None:
    assert ends(charge(0, 9, stop_reason=reason)) == [("charge", "failed", reason)]


@pytest.mark.parametrize(
    "reason",
    ["EVDisconnected", "Remote", "UnlockCommand", "SOCLimitReached", "StoppedByEV", "Other", None],
)
def test_a_normal_end_with_enough_energy_is_a_success(reason: str | None) -> None:
    assert ends(charge(0, 9, 100, stop_reason=reason)) == [("charge", "succeeded", reason)]
    assert ends(charge(0, 9, 99, stop_reason=reason))[0][1] == "failed"


@pytest.mark.parametrize("flag", ["stop_lost", "ghost"])
def test_an_end_that_nobody_told_is_no_success(flag: str) -> None:
    facts = charge(0, 9, flags=(flag,), stop_reason=None)
    assert ends(facts) == [("charge", "failed", flag)]


def test_an_open_session_is_open_whatever_it_has_delivered() -> None:
    assert ends(charge(0, None, 9000)) == [("charge", "open", None)]
    assert booked(charge(0, None, 9000))[0].energy_wh == 0


def test_the_error_that_was_reported_meanwhile_is_the_reason() -> None:
    failed = charge(0, 2, 0, stop_reason="EVDisconnected")
    told = change(1, "Faulted", error_code="GroundFailure")
    of_station = change(1, "Faulted", error_code="InternalError", evse_key=-7, connector_id=0)
    assert ends(failed) == [("start", "failed", "EVDisconnected")]
    assert ends(failed, told, of_station) == [("start", "failed", "GroundFailure")]
    assert ends(failed, of_station) == [("start", "failed", "InternalError")]


def test_what_the_driver_may_not_is_refused() -> None:
    assert ends(tap(0, status="Blocked")) == [("authorise", "refused", "Blocked")]
    started = charge(0, 1, 0, flags=("token_expired",))
    assert ends(started) == [("authorise", "refused", "token_expired")]
    assert ends(charge(0, 9, 900, stop_reason="DeAuthorized"))[0][:2] == ("authorise", "refused")
    # 2.x begins with the cable: the session has no token, and the driver's is refused
    plugged = charge(0, 3, 0, id_token=None, stop_reason="EVDisconnected")
    assert ends(plugged, tap(1, "X", "Invalid")) == [("authorise", "refused", "Invalid")]
    assert ends(plugged) == [("plug_in", "abandoned", "EVDisconnected")]
    # the station asks about the token it was told to start with
    assert ends(ordered(0), tap(0.1, "A", "Expired")) == [("authorise", "refused", "Expired")]


def test_a_refused_token_is_a_try_of_its_own_before_one_that_works() -> None:
    facts = [tap(0, "A", "Invalid"), tap(2, "A"), charge(3, 20)]
    assert ends(*facts) == [("authorise", "refused", "Invalid"), SUCCESS]


def test_a_rejected_start_and_the_next_one_are_two_tries() -> None:
    facts = [ordered(0, "rejected", reason="Rejected"), ordered(1), charge(1.5, 20)]
    assert ends(*facts) == [("remote_start", "failed", "Rejected"), SUCCESS]


def test_an_unknown_answer_is_a_failure_unless_a_session_came() -> None:
    unknown = ordered(0, "unknown", reason="Timeout")
    assert ends(unknown) == [("remote_start", "failed", "Timeout")]
    assert ends(unknown, charge(1, 20)) == [SUCCESS]


def test_a_session_that_names_its_start_is_found_whatever_its_clock_says() -> None:
    named = charge(-8, 20, remote_start_id=5)
    assert ends(ordered(0, remote_start_id=5), named) == [SUCCESS]
    assert len(ends(ordered(0, remote_start_id=6), named)) == 2


def test_a_remote_start_takes_no_session_of_another_evse_or_token() -> None:
    for other in (charge(1, 9, evse_id=2), charge(1, 9, id_token="B"), charge(6, 9)):
        assert len(ends(ordered(0), other)) == 2


def test_who_never_plugs_in_has_walked_away() -> None:
    gone = [("plug_in", "abandoned", "EVConnectTimeout")]
    assert ends(ordered(0)) == ends(tap(0)) == gone
    assert ends(ordered(0), *cable(20, 30)) == [*gone, ("plug_in", "abandoned", "EVDisconnected")]
    timed_out = charge(0, 2, 0, stop_reason="Timeout")  # 2.x
    assert ends(timed_out) == gone


def test_a_cable_without_a_session_makes_it_the_stations_failure() -> None:
    for asked in (ordered(2), tap(2)):
        assert ends(asked, *cable(0, 9)) == [("start", "failed", "NoSession")]
    assert booked(tap(2), *cable(0, 9))[0].evse_id == 1


def test_a_cable_alone_is_a_try() -> None:
    assert ends(*cable(0, 9)) == [("plug_in", "abandoned", "EVDisconnected")]
    assert ends(change(0, "Occupied")) == [("plug_in", "open", None)]  # 2.x says no more
    failed = cable(0, 9, "Faulted", error_code="OverCurrentFailure")
    assert ends(*failed) == [("plug_in", "failed", "OverCurrentFailure")]
    # it was charging, and told of no session
    assert ends(change(0, "Occupied", "Charging"), change(9, "Available")) == [
        ("start", "failed", "NoSession")
    ]
    # only the end of a session, told again after a restart
    assert ends(change(0, "Occupied", "Idle"), change(9, "Available")) == []


def test_time_decides_what_nothing_followed() -> None:
    (row,) = booked(ordered(0), now=after(4.9))
    assert (row.outcome, row.decide_at) == ("open", after(5))
    assert booked(ordered(0), now=after(5))[0].outcome == "abandoned"


def test_a_payment_given_back_before_the_start_is_a_failed_try_unless_the_driver_did_it() -> None:
    def unstarted(failure: str) -> Start:
        return Start(None, BEGIN, 1, "P1", None, "rejected", failure, BEGIN, 9, "owner:x", failure)

    assert ends(unstarted("station_offline")) == [("remote_start", "failed", "station_offline")]
    assert ends(unstarted("cancelled")) == [("plug_in", "abandoned", "cancelled")]
    (row,) = booked(unstarted("station_offline"))
    assert (row.key, row.visitor, row.is_authorised) == ("payment:9", "site 3 owner:x", True)


def test_who_pays_or_taps_is_the_visitor_else_the_evse() -> None:
    assert booked(tap(0, "aB"))[0].visitor == "site 3 token:ab"
    paid = charge(0, 9, id_token="ONCE", payment_id=5, owner="owner:y")
    assert booked(paid)[0].visitor == "site 3 owner:y"
    assert booked(*cable(0, 9))[0].visitor == "site 3 evse:11"


def test_an_attempt_stays_itself_when_more_becomes_known() -> None:
    first = booked(*cable(0, 60))[0]
    known = [Recorded(1, first)]
    evidence = Evidence("S1", 7, EVSES, [charge(1, 50)], [], [], cable(0, 60))
    changes = plan(STATION, evidence, known, (BEGIN, None), NOW)
    assert (changes.dropped, changes.added) == ([], [])
    ((old, row),) = changes.changed
    assert (old.attempt_id, row.key) == (1, "session:11")


@pytest.mark.parametrize(
    ("status", "response", "answer"),
    [
        ("queued", None, ("open", None)),
        ("claimed", None, ("open", None)),
        ("answered", {"status": "Accepted"}, ("accepted", None)),
        ("answered", {"status": "Rejected"}, ("rejected", "Rejected")),
        ("answered", {"error": "NotSupported", "detail": ""}, ("rejected", "NotSupported")),
        ("answered", [1], ("rejected", None)),
        ("unknown", {"error": "Timeout"}, ("unknown", "Timeout")),
        ("refused", {"error": "Expired"}, ("rejected", "Expired")),
    ],
)
def test_a_commands_row_is_read(status: str, response: Any, answer: Any) -> None:
    assert start_answer(status, response) == answer


@pytest.mark.parametrize(
    "payload", [None, [], {}, {"connectorId": {}, "idTag": 7}, {"idToken": []}]
)
def test_a_payload_that_was_refused_may_hold_anything(payload: Any) -> None:
    assert start_payload(payload) == (None, None, None)


# -- any order ---------------------------------------------------------------------------------

MINUTES = st.integers(0, 400).map(lambda half: half / 2)


@st.composite
def charges(draw: st.DrawFn) -> Charge:
    began = draw(MINUTES)
    ended = draw(st.none() | st.integers(0, 90).map(lambda minutes: began + minutes))
    return charge(
        began, ended, draw(st.sampled_from([0, 99, 100, 5000])),
        session_id=draw(st.integers(1, 10**6)), evse_id=draw(st.sampled_from([0, 1, 2])),
        id_token=draw(st.sampled_from([*TOKENS, None])),
        stopped_by=draw(st.sampled_from([*TOKENS, None])),
        stop_reason=draw(st.sampled_from(["Local", "PowerLoss", "Timeout", "DeAuthorized"])),
        remote_start_id=draw(st.sampled_from([None, None, 1, 2])),
        flags=draw(st.sampled_from([(), (), ("token_blocked",), ("stop_lost",)])),
    )  # fmt: skip


@st.composite
def starts(draw: st.DrawFn) -> Start:
    answer = draw(st.sampled_from(["accepted", "rejected", "unknown", "open"]))
    made = ordered(
        draw(MINUTES), answer, evse_id=draw(st.sampled_from([None, 1, 2])),
        id_token=draw(st.sampled_from(TOKENS)),
        remote_start_id=draw(st.sampled_from([None, 1, 2])),
    )  # fmt: skip
    return made._replace(command_id=draw(st.integers(1, 10**6)))


taps = st.builds(tap, MINUTES, st.sampled_from(TOKENS), st.sampled_from(["Accepted", "Invalid"]))
changes = st.builds(
    change, MINUTES,
    st.sampled_from(["Occupied", "Occupied", "Available", "Faulted", "Unavailable"]),
    st.sampled_from([None, "EVConnected", "Charging", "Idle"]),
    evse_key=st.sampled_from([11, 12, -7]), connector_id=st.sampled_from([1, 2]),
    error_code=st.sampled_from([None, None, "GroundFailure"]),
)  # fmt: skip
facts_of_a_day = st.lists(
    st.one_of(charges(), starts(), taps, changes), max_size=25,
    unique_by=lambda f: (type(f), getattr(f, "session_id", None) or getattr(f, "command_id", f)),
)  # fmt: skip


@given(facts=facts_of_a_day, seed=st.integers(0, 2**32), minutes=st.integers(0, 720))
@settings(deadline=None)
def test_any_order_and_any_repetition_give_the_same_attempts(
    facts: list[Any], seed: int, minutes: int
) -> None:
    rng = random.Random(seed)
    again = [*facts, *rng.choices(facts, k=len(facts))] if facts else []
    rng.shuffle(again)
    now = after(minutes)
    rows = booked(*facts, now=now)
    assert booked(*again, now=now) == rows
    assert len({row.key for row in rows}) == len(rows)
    told = sorted(key for row in rows for key in (row.key, *row.evidence))
    assert {f"session:{f.session_id}" for f in facts if isinstance(f, Charge)} <= set(told)
    # every start and every authorization is in exactly one attempt
    points = [key for key in told if not key.startswith(("plug", "session"))]
    assert len(points) == len(set(points))
    assert len(points) == len({f for f in facts if isinstance(f, Start | Tap)})


INSERTS: dict[type, str] = {
    Charge: """INSERT INTO session (session_id, station_id, evse_id, evse_key, transaction_id,
        id_token, started_at, ended_at, energy_wh, stop_reason, stopped_by, flags, remote_start_id)
        VALUES (%(session_id)s, 'S1', %(evse_id)s, %(evse_key)s, %(session_id)s::text,
        %(id_token)s, %(started_at)s, %(ended_at)s, %(energy_wh)s, %(stop_reason)s,
        %(stopped_by)s, %(flags)s, %(remote_start_id)s)""",
    Start: """INSERT INTO command (command_id, station_id, action, payload, status, response,
        requested_at, finished_at) VALUES (%(command_id)s, 'S1', 'RequestStartTransaction',
        jsonb_build_object('evseId', %(evse_id)s::int, 'idToken',
            jsonb_build_object('idToken', %(id_token)s::text),
            'remoteStartId', %(remote_start_id)s::int),
        CASE %(answer)s WHEN 'open' THEN 'queued' WHEN 'unknown' THEN 'unknown' ELSE 'answered' END,
        jsonb_build_object('status', initcap(%(answer)s)), %(at)s, %(at)s)""",
    Tap: """INSERT INTO authorization_history (station_id, at, id_token, status)
        VALUES ('S1', %(at)s, %(id_token)s, %(status)s) ON CONFLICT DO NOTHING""",
    Change: """WITH known AS (INSERT INTO connector (evse_key, connector_id)
            SELECT %(evse_key)s, %(connector_id)s WHERE %(evse_key)s > 0 ON CONFLICT DO NOTHING)
        INSERT INTO status_history (evse_key, station_id, evse_id, connector_id, status,
            charging_state, status_at, received_at, error_code) VALUES (%(evse_key)s, 'S1', 1,
            %(connector_id)s, %(status)s, %(charging_state)s, %(at)s, %(at)s, %(error_code)s)
        ON CONFLICT DO NOTHING""",
}
TABLES = (
    "session, command, authorization_history, status_history, connector, attempt, attempt_request,"
    " attempt_total, session_day_total, timeline_request"
)


def put(connection: Connection, fact: Any) -> None:
    values = fact._asdict()
    if isinstance(fact, Charge):
        values["flags"] = list(fact.flags)
        # its key differs from the station's own in this database
        values["evse_key"] = fact.evse_key if fact.evse_id else -1
    elif isinstance(fact, Change) and fact.evse_key < 0:
        values["evse_key"] = -1
    connection.execute(INSERTS[type(fact)].encode(), values)


@given(facts=facts_of_a_day, data=st.data())
@settings(
    max_examples=20, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
def test_folding_piece_by_piece_books_what_folding_all_at_once_does(
    connection: Connection, facts: list[Any], data: st.DataObject
) -> None:
    """In any order, with corrections, as time passes: parts of the past are folded again."""
    connection.execute("INSERT INTO station (station_id) VALUES ('S1') ON CONFLICT DO NOTHING")
    connection.execute("INSERT INTO evse (evse_key, station_id, evse_id) VALUES (11, 'S1', 1),"
                       " (12, 'S1', 2) ON CONFLICT DO NOTHING")  # fmt: skip
    connection.execute(f"TRUNCATE {TABLES} CASCADE".encode())
    for fact in data.draw(st.permutations(facts)):
        put(connection, fact)
        if data.draw(st.booleans()):
            book_attempts(connection, after(data.draw(st.integers(0, 720))))
        if isinstance(fact, Charge) and data.draw(st.booleans()):
            move = timedelta(minutes=data.draw(st.integers(-30, 30)))
            connection.execute(
                "UPDATE session SET started_at = started_at + %s, ended_at = ended_at + 2 * %s::"
                "interval, energy_wh = energy_wh + 50 WHERE session_id = %s"
                " AND ended_at + 2 * %s::interval >= started_at + %s",
                [move, move, fact.session_id, move, move],
            )
    book_attempts(connection, NOW)
    first, last = BEGIN - timedelta(days=40), BEGIN + timedelta(days=20)
    assert differences(connection, first, last, NOW) == []
    counted = connection.execute("SELECT count(*) FROM attempt").fetchone()
    summed = connection.execute(
        "SELECT coalesce(sum(open + succeeded + failed + refused + abandoned), 0)::bigint"
        " FROM attempt_fleet_day"
    ).fetchone()
    assert counted == summed


def test_a_station_that_is_due_is_folded_from_its_earliest_request_on(
    connection: Connection,
) -> None:
    """A session that began later than booked, and a start to decide twenty minutes after it."""
    connection.execute("INSERT INTO station (station_id) VALUES ('S1') ON CONFLICT DO NOTHING")
    put(connection, charge(0, 0, 0, session_id=2, evse_id=0))
    put(connection, ordered(40.5, "accepted")._replace(command_id=6))
    book_attempts(connection, after(41))
    connection.execute("UPDATE session SET started_at = started_at + interval '1 minute',"
                       " ended_at = ended_at + interval '2 minutes'")  # fmt: skip
    book_attempts(connection, after(90))
    begun = connection.execute(
        "SELECT started_at FROM attempt WHERE key = 'session:2'").fetchone()  # fmt: skip
    assert begun == (after(1),)
