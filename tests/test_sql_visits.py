"""What fold_visits() counts is what a plain recount of the sessions gives, whatever came when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from facts import ANCHORS, TIME_ZONE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.visits import ENERGIES, LENGTHS
from sql.database import Connection, connect
from sql.queries import load_queries
from tests.finance_rows import post
from tests.web import add_evse, add_site

ZONE = ZoneInfo(TIME_ZONE)
queries, revenue = load_queries("visits"), load_queries("revenue")
TOKENS = (None, "TAG1", "tag1", "TAG2", "TAG3")
PHONES = (None, b"one", b"two")


@dataclass
class Charged:
    """A session as the test remembers it."""

    started: datetime
    minutes: int | None
    energy_wh: int
    site: int | None
    token: str | None
    phone: bytes | None = None
    channel: str | None = None

    @property
    def day(self) -> date:
        return self.started.astimezone(ZONE).date()

    @property
    def who(self) -> object:
        if self.channel == "guest":
            return ("guest", self.phone or id(self))
        return ("token", self.token.lower()) if self.token else None


class Street:
    """Sessions in the database and in memory, changed together."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.sites = [add_site(connection, "Lund"), add_site(connection, "Malmö"), None]
        self.evses = [
            add_evse(connection, site, f"S{n}", f"K{n}") for n, site in enumerate(self.sites)
        ]
        self.sessions: dict[int, Charged] = {}
        self.count = 0

    def clear(self) -> None:
        self.connection.execute("DELETE FROM payment")
        self.connection.execute("DELETE FROM session")
        self.sessions.clear()

    def add(self, place: int, one: Charged) -> int:
        one.site = self.sites[place]
        self.count += 1
        row = self.connection.execute(
            "INSERT INTO session (operator_id, site_id, station_id, evse_id, evse_key,"
            " transaction_id, id_token, started_at, ended_at, energy_wh)"
            " VALUES (1, %s, %s, 1, %s, %s, %s, %s, %s, %s) RETURNING session_id",
            [
                one.site,
                f"S{place}",
                self.evses[place],
                f"t{self.count}",
                one.token,
                one.started,
                self._end(one),
                one.energy_wh,
            ],
        ).fetchone()
        assert row
        self.sessions[row[0]] = one
        return int(row[0])

    def _end(self, one: Charged) -> datetime | None:
        return None if one.minutes is None else one.started + timedelta(minutes=one.minutes)

    def write(self, number: int) -> None:
        one = self.sessions[number]
        self.connection.execute(
            "UPDATE session SET started_at = %s, ended_at = %s, energy_wh = %s, id_token = %s"
            " WHERE session_id = %s",
            [one.started, self._end(one), one.energy_wh, one.token, number],
        )

    def pay(self, number: int, phone: bytes | None, channel: str = "guest") -> None:
        """Somebody pays, perhaps long after the session was counted."""
        one = self.sessions[number]
        one.phone, one.channel = phone, channel
        self.connection.execute("DELETE FROM payment WHERE session_id = %s", [number])
        self.connection.execute(
            "INSERT INTO payment (reference, channel, operator_id, evse_key, session_id, state,"
            " currency, hold, owner_hash) SELECT lpad((session_id %% 10000)::text, 4, '0') || '-'"
            " || substr(upper(md5(session_id::text || clock_timestamp())), 1, 4), %s, 1, evse_key,"
            " session_id, 'settled', 'SEK', 1, %s FROM session WHERE session_id = %s",
            [channel, phone, number],
        )

    def drop(self, number: int) -> None:
        self.connection.execute("DELETE FROM payment WHERE session_id = %s", [number])
        self.connection.execute("DELETE FROM session WHERE session_id = %s", [number])
        del self.sessions[number]

    def fold(self, at_most: int = 10_000) -> None:
        while self.connection.execute("SELECT fold_visits(%s)", [at_most]).fetchone() != (0,):
            pass

    # -- the plain recount ------------------------------------------------------------------------

    def ended(self, scope: int) -> list[Charged]:
        return [
            one
            for one in self.sessions.values()
            if one.minutes is not None and scope in (0, one.site or -1)
        ]

    def within(self, scope: int, first: date, until: date) -> list[Charged]:
        return [one for one in self.ended(scope) if first <= one.day < until]

    def users(self, scope: int, first: date, until: date) -> tuple[int, int]:
        """Distinct users, and those of them whose first day lies within the period."""
        here = {one.who for one in self.within(scope, first, until) if one.who}
        begun = {who: min(o.day for o in self.ended(scope) if o.who == who) for who in here}
        return len(here), sum(first <= day < until for day in begun.values())

    def totals(
        self, scope: int, first: date, until: date
    ) -> dict[tuple[str, str], tuple[int, ...]]:
        found: dict[tuple[str, str], tuple[int, ...]] = {}
        for one in self.within(scope, first, until):
            minutes = one.minutes or 0
            keys = {
                "length": str(_bin(LENGTHS, minutes)),
                "energy": str(_bin(ENERGIES, one.energy_wh)),
                "hour": str(one.started.astimezone(ZONE).hour),
                "channel": one.channel or "none",
            }
            for key in keys.items():
                old = found.get(key, (0, 0, 0))
                found[key] = (old[0] + 1, old[1] + one.energy_wh, old[2] + 60 * minutes)
        return found


def _bin(edges: Iterable[int], value: int) -> int:
    return sum(value >= edge for edge in edges) - 1


@pytest.fixture
def street(plain_database: str) -> Any:
    with connect(plain_database) as connection:
        yield Street(connection)


PERIODS = [
    (date(2025, 12, 1), date(2026, 12, 1)),
    (date(2026, 3, 29), date(2026, 3, 30)),
    (date(2026, 3, 15), date(2026, 6, 2)),
    (date(2026, 2, 10), date(2026, 2, 20)),
    (date(2026, 3, 1), date(2026, 4, 1)),
    (date(2025, 12, 31), date(2026, 10, 26)),
    (date(2026, 1, 1), date(2026, 1, 2)),
    (date(2020, 1, 1), date(2030, 1, 1)),
]


def compare(street: Street) -> None:
    """Every period and place, against the recount."""
    for scope in (0, *(site or -1 for site in street.sites)):
        for first, until in PERIODS:
            days = {"first_day": first, "until_day": until, "scope": scope}
            assert queries.users(street.connection, **days) == street.users(scope, first, until)
            rows = queries.totals(street.connection, **days)
            shown = {(row[0], row[1]): row[2:] for row in rows if any(row[2:])}
            assert shown == street.totals(scope, first, until)
    for first, until in PERIODS:
        rows = queries.users_by_site(street.connection, first_day=first, until_day=until)
        found = {row[0]: row[1:] for row in rows if row[1]}
        told = {site or -1: street.users(site or -1, first, until) for site in street.sites}
        assert found == {site: users for site, users in told.items() if users[0]}


moments = st.builds(
    lambda anchor, minutes: anchor + timedelta(minutes=minutes),
    st.sampled_from(ANCHORS),
    st.integers(-3 * 1440, 3 * 1440),
)
lengths = st.one_of(st.none(), st.integers(0, 800))
energies = st.one_of(st.sampled_from(ENERGIES), st.integers(0, 120_000))
deeds = st.lists(
    st.one_of(
        st.tuples(
            st.just("add"), st.integers(0, 2), moments, lengths, energies, st.sampled_from(TOKENS)
        ),
        st.tuples(st.just("change"), st.integers(0, 99), moments, lengths, energies),
        st.tuples(
            st.just("pay"),
            st.integers(0, 99),
            st.sampled_from(PHONES),
            st.sampled_from(["guest", "free"]),
        ),
        st.tuples(st.just("drop"), st.integers(0, 99)),
        st.tuples(st.just("fold"), st.integers(1, 3)),
    ),
    min_size=6,
    max_size=30,
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(deeds=deeds)
def test_counts_are_those_of_a_plain_recount(street: Street, deeds: list[tuple[Any, ...]]) -> None:
    street.clear()
    for deed, *told in deeds:
        happen(street, deed, told)
    street.fold()
    compare(street)


def happen(street: Street, deed: str, told: list[Any]) -> None:
    numbers = list(street.sessions)
    if deed == "add":
        place, at, minutes, energy_wh, token = told
        street.add(place, Charged(at, minutes, energy_wh, None, token))
    elif deed == "fold":
        street.connection.execute("SELECT fold_visits(%s)", told)
    elif numbers:
        number = numbers[told[0] % len(numbers)]
        if deed == "drop":
            street.drop(number)
        elif deed == "pay":
            street.pay(number, *told[1:])
        else:
            one = street.sessions[number]
            one.started, one.minutes, one.energy_wh = told[1:]
            street.write(number)


def test_a_payer_who_becomes_known_later_is_one_person(street: Street) -> None:
    at = datetime(2026, 3, 10, 12, tzinfo=UTC)
    first = street.add(0, Charged(at, 30, 9_000, None, "X1"))
    second = street.add(1, Charged(at + timedelta(days=40), 30, 9_000, None, "X2"))
    street.fold()
    days = {"first_day": date(2026, 1, 1), "until_day": date(2027, 1, 1), "scope": 0}
    assert queries.users(street.connection, **days) == (2, 2)
    for number in (first, second):
        street.pay(number, b"a phone")
    street.fold()
    assert queries.users(street.connection, **days) == (1, 1)
    april = {"first_day": date(2026, 4, 1), "until_day": date(2026, 5, 1), "scope": 0}
    assert queries.users(street.connection, **april) == (1, 0)


def test_a_payment_that_is_gone_leaves_the_token(street: Street) -> None:
    number = street.add(0, Charged(datetime(2026, 3, 10, 12, tzinfo=UTC), 30, 9_000, None, "X1"))
    street.pay(number, b"a phone")
    street.fold()
    street.connection.execute("DELETE FROM payment")
    street.sessions[number].channel = None
    street.fold()
    compare(street)


def test_a_price_that_is_corrected_counts_once(street: Street) -> None:
    at = datetime(2026, 3, 10, 12, tzinfo=UTC)
    number = street.add(0, Charged(at, 30, 9_000, None, "X1"))

    def price(gross: int, corrects: int | None = None, is_credit: bool = False) -> int:
        row = street.connection.execute(
            "INSERT INTO cdr (session_id, document, net, vat, gross, currency, energy_wh,"
            " corrects_cdr_id, is_credit) VALUES (%s, '{}', %s, 0, %s, 'SEK', 9000, %s, %s)"
            " RETURNING cdr_id",
            [number, gross, gross, corrects, is_credit],
        ).fetchone()
        assert row
        return int(row[0])

    days = {"first_day": date(2026, 1, 1), "until_day": date(2027, 1, 1), "scope": 0}
    record = price(5_000)
    street.fold()
    assert queries.sales(street.connection, **days) == [("none", "SEK", 1, 5_000)]
    credit = price(-5_000, record, True)
    street.fold()
    price(4_000, credit)
    street.fold()
    assert queries.sales(street.connection, **days) == [("none", "SEK", 1, 4_000)]


def test_nothing_is_left_over_when_everything_is_gone(street: Street) -> None:
    at = datetime(2026, 3, 10, 12, tzinfo=UTC)
    number = street.add(0, Charged(at, 30, 9_000, None, "X1"))
    street.fold()
    street.drop(number)
    street.fold()
    for table in ("visit", "visitor_day", "visitor_gap", "visit_change"):
        row = street.connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()  # noqa: S608
        assert row == (0,), table


def test_two_who_fold_at_once_count_once(street: Street, plain_database: str) -> None:
    street.add(0, Charged(datetime(2026, 3, 10, 12, tzinfo=UTC), 30, 9_000, None, "X1"))
    with connect(plain_database) as other, street.connection.transaction():
        assert street.connection.execute("SELECT fold_visits(10)").fetchone() == (1,)
        assert other.execute("SELECT fold_visits(10)").fetchone() == (0,)
    street.fold()
    days = {"first_day": date(2026, 1, 1), "until_day": date(2027, 1, 1), "scope": 0}
    assert queries.users(street.connection, **days) == (1, 1)


sales = st.lists(
    st.tuples(st.sampled_from(ANCHORS), st.integers(-2000, 2000), st.integers(100, 90_000),
              st.sampled_from(["guest", "company"]), st.integers(0, 100), st.integers(0, 2)),
    min_size=1, max_size=8,
)  # fmt: skip


@settings(max_examples=6, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(sales=sales)
def test_sales_by_tariff_are_the_entries_recounted(
    street: Street, sales: list[tuple[Any, ...]]
) -> None:
    """Around clock changes and the ends of months; refunds on later days; tariffs by the record."""
    for anchor, minutes, net, channel, back, tariff in sales:
        sell(street, anchor + timedelta(minutes=minutes), net, channel, net * back // 100, tariff)
    told: dict[Any, list[int]] = {}
    for at, kind, site, channel_, amount, account, tariff_, line in street.connection.execute(
        "SELECT booked_at, kind, j.site_id, channel, amount, account, tariff_hash, line"
        " FROM journal j JOIN entry USING (journal_id) JOIN cdr USING (cdr_id)"
    ).fetchall():
        day = at.astimezone(ZONE).date()
        sums = told.setdefault((day, site, channel_, tariff_), [0, 0, 0])
        sums[0] -= amount if account == "3001" else 0
        sums[1] -= amount if account == "2611" else 0
        sums[2] += kind == "earned" and line == 1
    for first, until in PERIODS:
        within = {key: sums for key, sums in told.items() if first <= key[0] < until}
        asked = {"first_day": first, "until_day": until, "of_operator": None, "of_site": None,
                 "of_channel": None}  # fmt: skip
        rows = revenue.sold(street.connection, **asked)
        found = {(row[0], row[1], row[3]): list(row[4:7]) for row in rows}
        expected: dict[Any, list[int]] = {}
        for key, sums in within.items():
            old = expected.setdefault(key[1:], [0, 0, 0])
            expected[key[1:]] = [a + b for a, b in zip(old, sums, strict=True)]
        assert found == expected
        books = revenue.books(street.connection, **asked)
        assert sum(row[4] for row in books) == sum(sums[0] for sums in within.values())
        assert sum(row[5] for row in books) == sum(sums[1] for sums in within.values())


def sell(street: Street, at: datetime, net: int, channel: str, back: int, tariff: int) -> None:
    """A session that is priced and booked, and perhaps given back in part two days later."""
    number = street.add(0, Charged(at - timedelta(minutes=40), 40, 9_000, None, "X"))
    row = street.connection.execute(
        "INSERT INTO cdr (session_id, tariff_hash, document, net, vat, gross, currency, energy_wh)"
        " VALUES (%s, %s, '{}', %s, %s, %s, 'SEK', 9000) RETURNING cdr_id",
        [number, f"tariff {tariff}", net, net // 4, net + net // 4],
    ).fetchone()
    assert row
    about = {"site_id": street.sites[0], "station_id": "S0", "channel": channel,
             "session_id": number, "cdr_id": row[0]}  # fmt: skip
    lines = [("1510", net + net // 4, None), ("3001", -net, 25), ("2611", -(net // 4), 25)]
    post(street.connection, "earned", at, [one for one in lines if one[1]], **about)
    if back:
        lines = [("1510", -back, None), ("3001", back, 25)]
        post(street.connection, "credit", at + timedelta(days=2), lines, **about)
