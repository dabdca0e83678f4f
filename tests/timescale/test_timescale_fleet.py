"""The fleet on TimescaleDB: the same answers, late data into the columnstore, retention."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from conftest import client_side, wasm_server
from facts import ANCHORS, TIME_ZONE, Fact, insert, random_facts
from fleet import energy_answers

from sql.database import Connection, connect
from sql.migrate import migrate

pytestmark = [pytest.mark.node, pytest.mark.timescale]
REFRESH = "CALL refresh_rollups('2023-01-01', now())"
FLEET = "SELECT bucket, energy_wh, peak_power_w FROM {} WHERE bucket < now() ORDER BY 1"
READINGS = """
SELECT time_bucket('15 minutes', measured_at), coalesce(sum(energy_delta_wh), 0)::bigint,
    max(power_w) FILTER (WHERE flags IS NULL)
FROM meter_value WHERE evse_id > 0 AND measured_at >= %s AND measured_at < %s
GROUP BY 1 ORDER BY 1"""


def fleet(connection: Connection, level: str) -> list[tuple[Any, ...]]:
    return connection.execute(FLEET.format(level).encode()).fetchall()


def of_year(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """What the first test writes; others write at other times."""
    first, last = min(ANCHORS) - timedelta(days=9), max(ANCHORS) + timedelta(days=2)
    return [row for row in rows if first <= row[0] < last]


@pytest.fixture(scope="module")
def own_url() -> Iterator[str]:
    """A TimescaleDB in WebAssembly for this file: the fleet is everybody's readings."""
    with wasm_server() as url:
        migrate(url, TIME_ZONE)
        yield url


@pytest.fixture
def wasm(own_url: str) -> Iterator[Connection]:
    with client_side(own_url) as connection:
        yield connection


def test_the_fleet_says_the_same_on_both_engines(wasm: Connection, plain_database: str) -> None:
    facts = random_facts(21, 700)
    with connect(plain_database) as plain:
        for connection in (plain, wasm):
            insert(connection, facts[::2])
            connection.execute(REFRESH)
            insert(connection, facts[1::2])
            connection.execute(
                "INSERT INTO rollup_refresh_request (from_at, to_at) VALUES ('2023-01-01', now())"
            )
            connection.execute("CALL process_refresh_requests()")
        for level in ("energy_fleet_15min", "energy_fleet_day"):
            assert of_year(fleet(wasm, level)) == of_year(fleet(plain, level))
    for period in energy_answers(wasm):
        assert period.answer == period.expected, period.what


def test_what_is_not_materialized_yet_counts_too(wasm: Connection) -> None:
    now = datetime.now(UTC)
    before = sum(row[1] for row in fleet(wasm, "energy_fleet_15min"))
    facts = [f for f in random_facts(22, 7200, [now]) if f["measured_at"] < now.isoformat()]
    newest = [f | {"measured_at": now.isoformat()} for f in facts]
    wasm.execute("CALL refresh_rollups(now() - interval '2 days', now() - interval '20 minutes')")
    insert(wasm, newest)
    after = sum(row[1] for row in fleet(wasm, "energy_fleet_15min"))
    assert after - before == sum(f["energy_delta_wh"] or 0 for f in newest if f["evse_id"])


def test_sites_have_what_their_stations_have_counted(wasm: Connection) -> None:
    """Readings that are there before their station is known, and a station that moves."""
    facts = random_facts(23, 8100)[:60]
    energy = sum(fact["energy_delta_wh"] or 0 for fact in facts if fact["evse_id"])
    insert(wasm, facts)
    wasm.execute(REFRESH)
    wasm.execute("INSERT INTO site (site_id, operator_id, name) VALUES (81, 1, 'A'), (82, 1, 'B')")
    wasm.execute("INSERT INTO station (station_id, site_id) VALUES (%s, 81)",
                 [facts[0]["station_id"]])  # fmt: skip
    assert _of_sites(wasm) == {81: energy}
    wasm.execute("UPDATE station SET site_id = 82 WHERE site_id = 81")
    assert _of_sites(wasm) == {82: energy}


def _of_sites(connection: Connection) -> dict[int, int]:
    """Energy of the two sites, the same on all levels."""
    connection.execute("CALL process_refresh_requests()")
    found = [
        connection.execute(
            f"SELECT site_id, sum(energy_wh)::bigint FROM energy_site_{level}".encode()  # noqa: S608
            + b" WHERE site_id IN (81, 82) GROUP BY 1"
        ).fetchall()
        for level in ("15min", "day", "load")
    ]
    assert found[0] == found[1] == found[2]
    return dict(found[0])


def compressed(connection: Connection, at: datetime) -> int:
    """Move the chunk of an instant into the columnstore; how many chunks that were."""
    row = connection.execute(
        "SELECT count(compress_chunk(c)) FROM show_chunks('meter_value', newer_than => %s,"
        " older_than => %s) c",
        [at - timedelta(days=8), at + timedelta(days=8)],
    ).fetchone()
    assert row
    return int(row[0])


def test_late_readings_reach_the_columnstore_once_and_all_rollups(wasm: Connection) -> None:
    """Older than any refresh window: a month's chunk is compressed, then half of it arrives."""
    at = datetime(2025, 8, 20, 12, tzinfo=UTC)
    facts = random_facts(23, 7300, [at])
    random.Random(23).shuffle(facts)
    insert(wasm, facts[:50])
    wasm.execute(REFRESH)
    assert compressed(wasm, at) > 0
    insert(wasm, facts)  # the first half for the second time
    count = "SELECT count(*) FROM meter_value WHERE evse_key IN (7301, 7302, 7303, -7300)"
    assert wasm.execute(count).fetchone() == (len(facts),)
    wasm.execute(
        "INSERT INTO rollup_refresh_request (from_at, to_at) VALUES (%s, %s)",
        [_first(facts), _last(facts)],
    )
    wasm.execute("CALL process_refresh_requests()")
    between = (at - timedelta(days=3), at + timedelta(days=3))
    wanted = wasm.execute(READINGS.encode(), between).fetchall()
    found = [r for r in fleet(wasm, "energy_fleet_15min") if between[0] <= r[0] < between[1]]
    assert found == wanted
    sums = [
        wasm.execute(
            f"SELECT sum(energy_wh)::bigint FROM {level} WHERE evse_key BETWEEN 7301 AND 7303"  # noqa: S608
        ).fetchone()
        for level in ("energy_15min", "energy_hour", "energy_day", "energy_month")
    ]
    assert set(sums) == {(sum(f["energy_delta_wh"] or 0 for f in facts if f["evse_id"]),)}


def _first(facts: list[Fact]) -> str:
    return min(fact["measured_at"] for fact in facts)


def _last(facts: list[Fact]) -> str:
    return max(fact["measured_at"] for fact in facts)


def test_retention_refuses_while_a_session_of_that_time_is_not_settled(wasm: Connection) -> None:
    at = datetime(2023, 2, 1, tzinfo=UTC)
    insert(wasm, random_facts(24, 7400, [at]))
    wasm.execute(
        "INSERT INTO session (station_id, evse_id, evse_key, transaction_id, started_at)"
        " VALUES ('station-7400', 1, 7401, 'never ended', %s)",
        [at],
    )
    keep = datetime.now(UTC) - at - timedelta(days=30)
    count = "SELECT count(*) FROM meter_value WHERE evse_key = 7401"
    before = wasm.execute(count).fetchone()
    with pytest.raises(psycopg.errors.ObjectInUse, match=r"1 session .*has not ended"):
        wasm.execute("CALL enforce_retention(%s)", [keep])
    assert wasm.execute(count).fetchone() == before
    wasm.execute(
        "UPDATE session SET ended_at = started_at + interval '1 hour' WHERE evse_key = 7401"
    )
    wasm.execute("CALL enforce_retention(%s)", [keep])
    assert wasm.execute(count).fetchone() == (0,)
