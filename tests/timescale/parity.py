"""One world on two engines: the same rows carried over, the same questions asked, and answers that
can be compared."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from facts import TIME_ZONE
from prepared import prepared

from dashboard.periods import Period, spans
from sql.database import Connection
from sql.queries import load_queries

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
DASHBOARD = Path(__file__).parents[2] / "dashboard"
UNKNOWN = "nothing was compared: no values are known for"
WRITES = re.compile(r"\b(INSERT INTO|UPDATE \w+|DELETE FROM|pg_notify|nextval)\b")
VALUES_AT_ONCE, CHARACTERS = 2_000, 40_000  # a statement; beyond 64 KiB WebAssembly dies


# -- carrying rows over ----------------------------------------------------------------------------

TABLES = """
SELECT format('%I.%I', n.nspname, c.relname), h.hypertable_name IS NOT NULL,
    array_agg(format('%I', a.attname) ORDER BY a.attnum)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname IN ('public', 'rollup')
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    AND a.attgenerated = ''
LEFT JOIN timescaledb_information.hypertables h
    ON (h.hypertable_schema, h.hypertable_name) = (n.nspname, c.relname)
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND c.relname NOT IN ('migration', 'installation')
GROUP BY 1, 2 ORDER BY 2 DESC, 1
"""


def _pieces(rows: Sequence[Sequence[str | None]]) -> Iterator[list[Sequence[str | None]]]:
    """Some rows at a time: WebAssembly takes no long statements."""
    some: list[Sequence[str | None]] = []
    length = 0
    for row in rows:
        length += sum(len(value or "") + 8 for value in row)
        if some and (length > CHARACTERS or len(some) * len(row) >= VALUES_AT_ONCE):
            yield some
            some, length = [], sum(len(value or "") + 8 for value in row)
        some.append(row)
    if some:
        yield some


NUMBERED = """
SELECT format('%I.%I', n.nspname, c.relname), a.attname
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname IN ('public', 'rollup')
WHERE a.attidentity <> ''
"""


def carry_over(source: Connection, target: Connection, now: datetime = NOW) -> dict[str, int]:
    """Every row of every table that both have, as it is; how many of each.

    Rollups of readings are not carried over: each engine makes its own. All other triggers of the
    target stay silent, as what they would write is carried over, too.
    """
    counts = {}
    for table, is_hypertable, columns in target.execute(TABLES.encode()).fetchall():
        if source.execute("SELECT to_regclass(%s)", [table]).fetchone() == (None,):
            continue  # how one engine keeps its rollups
        role = "origin" if is_hypertable else "replica"
        target.execute(f"SET session_replication_role = {role}".encode())
        target.execute(f"DELETE FROM {table}".encode())  # noqa: S608
        counts[table] = _carry(source, target, table, columns)
    assert counts["public.meter_value"]
    target.execute("SET session_replication_role = origin")
    for table, column in target.execute(NUMBERED.encode()).fetchall():
        go_on = f"SELECT setval(pg_get_serial_sequence(%s, %s), max({column})) FROM {table}"  # noqa: S608
        target.execute(go_on.encode(), [table, column])
    target.execute("CALL refresh_rollups('2020-01-01', %s)", [now])
    target.execute("DELETE FROM rollup_refresh_request")
    return counts


def _carry(source: Connection, target: Connection, table: str, columns: Sequence[str]) -> int:
    names = ", ".join(columns)
    texts = ", ".join(f"{column}::text" for column in columns)
    rows = source.execute(f"SELECT {texts} FROM {table}".encode()).fetchall()  # noqa: S608
    mark = f"({', '.join(['%s'] * len(columns))})"
    for some in _pieces(rows):
        insert = f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE VALUES "  # noqa: S608
        values = [value for row in some for value in row]
        target.execute((insert + ", ".join([mark] * len(some))).encode(), values)
    return len(rows)


RELATIONS = """
SELECT format('%I', relname) FROM pg_class c
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'r', 'p') AND NOT relispartition
    AND (relkind = 'v' OR relname ~ '^energy|_total$|_day$')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1
"""


def rollups(connection: Connection) -> list[str]:
    """All views and rollups: what Grafana and psql read."""
    return [row[0] for row in connection.execute(RELATIONS.encode())]


def columns_of(connection: Connection, relation: str) -> str:
    """Its columns in the order of their names: the engines may have them in another."""
    row = connection.execute(
        "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attname) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        [relation],
    ).fetchone()
    return str(row[0]) if row else ""


# -- asking ----------------------------------------------------------------------------------------


def questions() -> Iterator[tuple[str, str]]:
    """The parts and names of all queries behind pages that only read."""
    parts: set[str] = set()
    for path in DASHBOARD.rglob("*.py"):
        parts.update(re.findall(r'load_queries\("(\w+)"\)', path.read_text()))
    for part in sorted(parts):
        for name, text in load_queries(part).texts.items():
            if not WRITES.search(text):
                yield part, name


def answer(connection: Connection, text: str, given: dict[str, Any]) -> list[str]:
    """The rows as text, sorted: engines may differ in the order of equals."""
    with connection.transaction(force_rollback=True):
        rows = connection.execute(text.encode(), given or None).fetchall()
    return sorted(map(str, map(_told, rows)))


def _told(row: Iterable[Any]) -> tuple[Any, ...]:
    """Sums of floats depend on their order: nine digits are what any of them is good for."""
    return tuple(float(f"{v:.9g}") if isinstance(v, float) else v for v in row)


# -- parameters ------------------------------------------------------------------------------------

DAY = timedelta(days=1)
ZONE = ZoneInfo(TIME_ZONE)


def windows(now: datetime) -> list[tuple[datetime, datetime]]:
    """Around DST nights, over month ends, the last day, everything."""
    return [
        (datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)),
        (datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC)),
        (datetime(2026, 4, 30, 22, tzinfo=UTC), datetime(2026, 6, 30, 22, tzinfo=UTC)),
        (datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 10, 31, 23, tzinfo=UTC)),
        (now - 2 * DAY, now),
        (datetime(2025, 12, 31, 23, tzinfo=UTC), now + DAY),
    ]


BEGINS = {"start", "from_at", "since", "since_at", "from", "kept_from"}
ENDS = {"end", "until", "until_at", "to_at", "before_at", "cursor_at"}
# Parameters that are no column, or not of what one holds.
VALUES: dict[str, list[Any]] = {
    "zone": ["Europe/Stockholm"],
    "time_zone": ["Europe/Stockholm"],
    "at_most": [5, 100],
    "limit": [5, 100],
    "before_id": [0, 2**62],
    "cursor_id": [0, 2**62],
    "after": ["", "N1"],
    "after_station": ["", "N0"],
    "after_evse": [0],
    "after_line": [-1, 0],
    "q": ["", "n"],
    "show": ["", "pending", "retired"],
    "wanted": ["", "Accepted"],
    "who": ["", "ada"],
    "what": ["", "import.ask"],
    "whom": ["", "IMPORT"],
    "direction": ["", "in"],
    "action": ["", "Transaction"],
    "errors_only": [False, True],
    "hide_heartbeats": [True, False],
    "credits_only": [False, True],
    "month": [date(2026, 10, 1), date(2026, 8, 1), date(2026, 7, 1), None],
    "channel": [None, "guest"],
    "site_id": [None, 701, 702],
    "station_ids": [None, ["N0"], ["N1", "N2", "N3"]],
    "currency": ["SEK"],
    "first_day": [date(2026, 3, 29), date(2026, 10, 12), date(2026, 1, 1), date(2025, 12, 31)],
    "until_day": [date(2026, 3, 30), date(2026, 11, 3), date(2026, 11, 1), date(2026, 12, 1)],
    "scope": [0, 701, 702, -1],
    "level": ["day", "month"],
    "of_site": [None, 701, None, 702],
    "of_station": [None, None, None, "N1"],
    "of_evse": [None],
    "of_token": [None],
    "of_operator": [None, 1],
    "of_channel": [None, "guest", "none", None, None],
    "of_tariff": [None],
    "of_hour": [None, None, None, 13],
    "is_open": [False, False, False, True],
    "is_ended": [False, True],
    "is_flagged": [False, False, True],
    "is_doubted": [False, False, False, False, True],
    "flag": [None],
    "least_wh": [None, 100],
    "most_wh": [None, None, 30_000],
    "least_seconds": [None, 60],
    "most_seconds": [None, None, 7200],
    "looked_at": [1000, 30],
    "words": [None, None, "n1"],
    "stations": [[], ["N1"]],
    "after_place": [0, 3],
    "address": ["127.0.0.1"],
    "operator_id": [1],
    "email": ["carol@example.org", "dave@example.org"],
    "number": [None, 1],
    "series": [None, "2026"],
    "card": ["4242"],
    "amount": [None],
    "evse_keys": [None, list(range(100))],
    "sort": ["time", "length", "cost"],
    "severity": [None, "high"],
    "kind": [None, "offline"],
    "owner": [None, "Carol"],
    "pattern": [None, "%N%"],
    "step": ["expected", "connected", "proven"],
    "first_key": [1],
    "weekday": [1, 3, 7],
    "hour": [8, 12, 17],
    "rates": [[0.5] * 100],
}
# Where a parameter's name says too little: what its values are.
MEANT: dict[str, dict[str, str]] = {
    "search/stations": {
        "folded": "SELECT lower(station_id) FROM station ORDER BY 1",
        "begins": "SELECT lower(left(station_id, 1)) || '%' FROM station ORDER BY station_id",
        "patterns": "SELECT ARRAY['%' || lower(right(station_id, 1)) || '%'] FROM station"
        " ORDER BY station_id",
    },
    "search/sites": {
        "begins": "SELECT lower(left(name, 2)) || '%' FROM site ORDER BY name",
        "patterns": "SELECT ARRAY['%' || lower(left(name, 3)) || '%'] FROM site ORDER BY name",
    },
    "search/towns": {
        "begins": "SELECT lower(left(city, 2)) || '%' FROM site WHERE city <> '' ORDER BY city"
    },
    "search/evses": {
        "begin": "SELECT lower(left(replace(public_code, '-', ''), 3)) FROM evse"
        " WHERE public_code IS NOT NULL ORDER BY public_code"
    },
    "search/sessions": {
        "number": "SELECT session_id FROM session ORDER BY session_id",
        "exact": "SELECT transaction_id FROM session ORDER BY session_id DESC",
    },
    "search/token_sessions": {
        "folded": "SELECT DISTINCT lower(id_token) FROM session"
        " WHERE id_token IS NOT NULL ORDER BY 1"
    },
    "search/tokens": {"folded": "SELECT lower(left(id_token, 2)) FROM id_token ORDER BY id_token"},
    "search/incidents": {"number": "SELECT incident_id FROM incident ORDER BY incident_id"},
    "search/references": {
        "begin": "SELECT lower(left(replace(reference, '-', ''), 4))"
        " FROM payment ORDER BY payment_id"
    },
    "search/receipts": {"number": "SELECT number FROM receipt ORDER BY receipt_id"},
    "station/expected_log": {"token_hash": "SELECT token_hash FROM station_log"},
    "station/log_file": {"log_id": "SELECT log_id FROM station_log"},
    "station/told_reports": {"station_id": "SELECT DISTINCT station_id FROM station_note"},
    "station/told_answers": {"station_id": "SELECT DISTINCT station_id FROM station_note"},
    "station/log_status": {"station_id": "SELECT DISTINCT station_id FROM station_note"},
    "station/logs": {"station_id": "SELECT DISTINCT station_id FROM station_note"},
    "station/certificate": {"station_id": "SELECT DISTINCT station_id FROM station_note"},
    "administration/import_request": {"request_id": "SELECT request_id FROM import_request"},
    "administration/refused_rows": {"run_id": "SELECT run_id FROM import_row"},
    "account/good_link": {"token_hash": "SELECT token_hash FROM login_link"},
    "account/invoice_by_secret": {"secret": "SELECT secret FROM invoice"},
    "account/payment_to_pay": {"secret": "SELECT pay_secret FROM payment"},
    "account/statement_of": {
        "driver_id": "SELECT driver_id FROM statement ORDER BY statement_id",
        "statement_id": "SELECT statement_id FROM statement ORDER BY statement_id",
    },
    "api/token": {"token_hash": "SELECT token_hash FROM api_token"},
    "driver/receipt_by_secret": {"secret": "SELECT secret FROM receipt"},
    "account/papers_of": {
        "driver_id": "SELECT driver_id FROM payment WHERE channel = 'registered'"
    },
    "doubts/decisions_about": {"session_ids": "SELECT ARRAY[session_id] FROM session_decision"},
    "driver/unpaid_payments": {
        name: f"SELECT {name} FROM payment WHERE state = 'created' ORDER BY payment_id"  # noqa: S608
        for name in ("owner_hash", "evse_key")
    },
    **{
        f"finance/{query}": {
            "file_id": "SELECT file_request_id FROM file_request",
            "requested_by": "SELECT requested_by FROM file_request",
        }
        for query in ("file", "file_state")
    },
    "uptime/same_exclusion": {
        name: f"SELECT {name} FROM outage_exclusion ORDER BY exclusion_id"  # noqa: S608
        for name in ("site_id", "station_id", "evse_key", "from_at", "until_at", "reason")
    },
    "revenue/tariff_names": {"tariff_hashes": "SELECT ARRAY[hash] FROM tariff"},
    "sessions/attempts": {
        name: f"SELECT {name} FROM attempt WHERE session_id IS NOT NULL ORDER BY attempt_id"  # noqa: S608
        for name in ("station_id", "session_id")
    },
    "sessions/authorizations": {
        name: f"SELECT {column} FROM authorization_history ORDER BY at, id_token, station_id"  # noqa: S608
        for name, column in (("station_id", "station_id"), ("of_token", "id_token"))
    },
    "sessions/cdr_document": {"session_id": "SELECT session_id FROM cdr ORDER BY cdr_id"},
    "sessions/commands": {"station_id": "SELECT station_id FROM command ORDER BY command_id"},
    "sessions/imported": {"session_id": "SELECT session_id FROM import_row"},
    "sessions/messages": {
        "station_id": "SELECT DISTINCT station_id FROM message_log ORDER BY 1",
        "transaction_id": "SELECT 'none'",
    },
    **{
        f"sessions/{query}": {
            "session_id": "SELECT DISTINCT session_id FROM meter_value"
            " WHERE session_id IS NOT NULL ORDER BY 1 DESC LIMIT 40"
        }
        for query in ("readings", "reading_sums")
    },
    "sessions/signed": {"session_id": "SELECT session_id FROM signed_meter_value"},
    "sessions/states": {"session_id": "SELECT session_id FROM session_state ORDER BY 1"},
    "sessions/statuses": {
        "evse_key": "SELECT DISTINCT evse_key FROM status_history WHERE evse_key > 0 ORDER BY 1"
    },
    "finance/disputes_of": {"payment_id": "SELECT payment_id FROM dispute"},
    "incidents/deeds_of": {
        name: f"SELECT {column} FROM audit_log WHERE subject LIKE 'incident %'"  # noqa: S608
        for name, column in (("subject", "subject"), ("since", "at"))
    },
    "incidents/past": {
        "before_id": "SELECT * FROM (VALUES (1::bigint), (2^62::bigint)) v",
        "site_id": "SELECT NULL::integer",
    },
    "incidents/evses_of_site": {"site_id": "SELECT site_id FROM site ORDER BY site_id"},
    "incidents/alerts_of": {"incident_id": "SELECT incident_id FROM alert"},
    "incidents/notes_of": {"incident_ids": "SELECT array_agg(incident_id) FROM incident"},
    "incidents/messages_of": {
        "incident_id": "SELECT incident_id FROM delivery WHERE incident_id IS NOT NULL"
    },
    "rollout/stations": {"site_id": "SELECT NULL::integer", "after": "SELECT ''"},
    "rules/deliveries": {"before_id": "SELECT 2^62::bigint"},
}


def period_of(begin: datetime, end: datetime) -> Period:
    """The days that these instants begin, as the pages' periods have them."""
    return Period(begin.astimezone(ZONE).date(), end.astimezone(ZONE).date() + DAY, ZONE)


COLUMNS = """
SELECT table_schema || '.' || table_name, array_agg(column_name::text)
FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema = 'public' AND table_type = 'BASE TABLE' GROUP BY 1 ORDER BY 1
"""


class Parameters:
    """Realistic parameters for any query: from rows that are there, where they are a row's."""

    def __init__(self, connection: Connection, now: datetime, combinations: int = 12) -> None:
        self.connection, self.now, self.count = connection, now, combinations
        found = connection.execute(COLUMNS.encode()).fetchall()
        self.sizes = {table: self._size(table) for table, _ in found}
        self.columns = {table: set(columns) for table, columns in found if self.sizes[table]}

    def _size(self, table: str) -> int:
        query = f"SELECT count(*) FROM {table}"  # noqa: S608
        return int(self.connection.execute(query.encode()).fetchone()[0])  # type: ignore[index]

    def of(self, part: str, query: str) -> list[dict[str, Any]]:
        """Some combinations. Raises LookupError, naming the parameter nobody knows values for."""
        wanted = set(prepared(self.connection, load_queries(part).texts[query]))
        hard = windows(self.now)
        meant = {
            name: [row[0] for row in self.connection.execute(values.encode()).fetchall()]
            for name, values in MEANT.get(f"{part}/{query}", {}).items()
        }
        if not all(meant.values()):
            raise LookupError(
                f"nothing was compared: {part}/{query} asks for rows that are not there"
            )
        given: list[dict[str, Any]] = [{} for _ in range(self.count)]
        for n, one in enumerate(given):
            begin, end = hard[n % len(hard)]
            one.update(dict.fromkeys(wanted & {"now"}, self.now))
            one.update(dict.fromkeys(wanted & BEGINS, begin) | dict.fromkeys(wanted & ENDS, end))
            whole = spans(period_of(begin, end), self.now.date())
            one.update({name: whole[name] for name in wanted & (whole.keys() - BEGINS - ENDS)})
            for place, name in enumerate(sorted(wanted & VALUES.keys())):
                choices = VALUES[name]
                one[name] = choices[(n // (1 + place)) % len(choices)]
            one.update({name: values[n % len(values)] for name, values in meant.items()})
        left = wanted - given[0].keys()
        while left:
            left -= self._from_rows(left, given)
        return given

    def _from_rows(self, left: set[str], given: list[dict[str, Any]]) -> set[str]:
        """Values of the relation that has most of them, of one row each time."""
        plural = {name: name.removesuffix("s") for name in left}
        plural |= {"keys": "evse_key"} if "keys" in left else {}
        asked = {*left, *plural.values()}
        table, columns = max(self.columns.items(), key=lambda item: self._fitness(*item, asked))
        shared = {name for name in left if name in columns or plural[name] in columns}
        if not shared:
            raise LookupError(f"{UNKNOWN} {sorted(left)}: see VALUES in parity.py")
        names = sorted(shared)
        picked = ", ".join(name if name in columns else plural[name] for name in names)
        query = f"SELECT DISTINCT {picked} FROM {table} ORDER BY {picked} DESC LIMIT 40"  # noqa: S608
        rows = self.connection.execute(query.encode()).fetchall()
        for n, one in enumerate(given):
            row = rows[n * max(1, len(rows) // self.count) % len(rows)]
            one.update({
                name: value if name in columns else [value]
                for name, value in zip(names, row, strict=True)
            })  # fmt: skip
        return shared

    def _fitness(self, table: str, columns: set[str], asked: set[str]) -> tuple[int, bool, int]:
        """Knows most of them; else: a parameter is named after it; else: the longest."""
        named = f"{table.removeprefix('public.')}_id" in asked
        return len(columns & asked), named, self.sizes[table]
