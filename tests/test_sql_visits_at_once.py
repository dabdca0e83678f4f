"""Sessions that change while they are counted are counted once, as the audit of them says."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from test_sql_visits import Charged, Street

from sql.database import Connection, connect
from sql.queries import load_queries

rollups = load_queries("audit_rollups")
LATE_MARCH, DAY = datetime(2026, 3, 27, 12, tzinfo=UTC), timedelta(days=1)


def _charge(connection: Connection, first: list[int], half: int) -> None:
    for n, number in enumerate(3 * first[half::2]):
        end = LATE_MARCH + timedelta(hours=17 * n % 90)
        connection.execute(
            "UPDATE session SET started_at = %s, ended_at = %s, energy_wh = %s"
            " WHERE session_id = %s",
            [end - timedelta(minutes=n), None if n % 11 == 5 else end, n * 700, number],
        )
    connection.execute("DELETE FROM session WHERE session_id = %s", [first[half]])


def _pay(connection: Connection, first: list[int], _: int) -> None:
    for number in first[2:]:
        connection.execute(
            "INSERT INTO payment (reference, channel, operator_id, evse_key, session_id, state,"
            " currency, hold, owner_hash) VALUES (lpad((%s %% 10000)::text, 4, '0') || '-AAAA',"
            " 'guest', 1, 1, %s, 'settled', 'SEK', 1, %s)",
            [number, number, b"phone %d" % (number % 3)],
        )
        connection.execute(
            "INSERT INTO cdr (session_id, document, net, vat, gross, currency, energy_wh)"
            " VALUES (%s, '{}', 80, 20, 100, 'SEK', 9000)",
            [number],
        )


def _fold(connection: Connection, _first: list[int], _: int) -> None:
    for _n in range(40):
        connection.execute("SELECT fold_visits(7)")


def test_writers_payers_and_the_job_at_once_lose_nothing(
    plain_database: str,
) -> None:
    """Two who charge, correct and take back; one who prices and pays; the job all the while."""
    with connect(plain_database) as connection:
        street = Street(connection)
        first = [
            street.add(n % 3, Charged(LATE_MARCH, None, 0, None, f"T{n % 4}")) for n in range(24)
        ]

        def run(job: tuple[Any, int]) -> None:
            with connect(plain_database) as mine:
                job[0](mine, first, job[1])

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(run, [(_charge, 0), (_charge, 1), (_pay, 0), (_fold, 0)]))
        street.fold()
        edges = {"from_at": LATE_MARCH - 400 * DAY, "until_at": LATE_MARCH + 400 * DAY}
        for check in ("visits", "visit_total", "visit_sale", "visitor_day", "visitor_gap"):
            rows = getattr(rollups, check)(street.connection, **edges)
            assert rows[0][0] > 0, check
            assert [row[1:] for row in rows if row[1]] == [], check
