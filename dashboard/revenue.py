"""What the page Revenue reads: sales, VAT, refunds, fees as they are booked; whole minor units.

Three sums that are kept apart by the bookings themselves are held against each other: the ledger's
accounts, sales by tariff, sales by station. Currencies stand side by side and are never added.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision

from dashboard.data import Row, deps
from dashboard.periods import Period
from dashboard.visits import firsts, grain_of, last_of
from sql.queries import load_queries

queries = load_queries("revenue")
SOLD = ("earned", "credit", "refund", "adjustment")
BACK = ("credit", "refund")


@dataclass(frozen=True)
class Place:
    """Which part of the books: a legal entity, a site, a channel; None: all of them."""

    operator: int | None = None
    site: int | None = None
    channel: str | None = None

    @property
    def keys(self) -> dict[str, Any]:
        return {"of_operator": self.operator, "of_site": self.site, "of_channel": self.channel}


@dataclass(frozen=True)
class Money:
    """Sums in one currency; `back` (with VAT) is part of net and VAT already, and negative."""

    net: int = 0
    vat: int = 0
    back: int = 0
    fee: int = 0
    sessions: int = 0
    energy_wh: int = 0

    @property
    def gross(self) -> int:
        return self.net + self.vat

    def per_kwh(self, currency: str, *, gross: bool = False) -> Decimal | None:
        """The price that was really paid for a kWh, in the currency's main unit; exact."""
        if self.energy_wh <= 0:
            return None
        minor = Decimal(self.gross if gross else self.net)
        return minor.scaleb(-int(get_currency_precision(currency))) * 1000 / self.energy_wh


@dataclass(frozen=True)
class Sales:
    """A period: rows of the ledger (kind, channel, site, currency) and of the sales by tariff."""

    books: list[Row]
    sold: list[Row]
    stations: list[Row] | None = None

    @property
    def currencies(self) -> list[str]:
        found = {row["currency"] for row in (*self.books, *self.sold)}
        return sorted(found, key=lambda name: (-abs(self.money(name).gross), name))

    def money(self, currency: str, where: Callable[[Row], bool] = lambda _: True) -> Money:
        """Net, VAT, refunds and fees as the ledger has them; sessions and kWh beside them."""
        books = [r for r in self.books if r["currency"] == currency and where(r)]
        sold = [r for r in self.sold if r["currency"] == currency and where(r)]
        sales = [r for r in books if r["kind"] in SOLD]
        return Money(
            sum(r["net"] for r in sales),
            sum(r["vat"] for r in sales),
            sum(r["net"] + r["vat"] for r in sales if r["kind"] in BACK),
            sum(r["fee"] for r in books),
            sum(r["sessions"] for r in sold),
            sum(r["energy_wh"] for r in sold),
        )

    def by(self, name: str, currency: str) -> list[tuple[Any, Money]]:
        """Per site or channel, most first."""
        keys = {r[name] for r in (*self.books, *self.sold) if r["currency"] == currency}
        found = [(key, self.money(currency, lambda row, key=key: row[name] == key)) for key in keys]  # type: ignore[misc]
        return sorted(
            (one for one in found if one[1] != Money()), key=lambda one: (-one[1].net, str(one[0]))
        )

    def by_tariff(self, currency: str) -> list[tuple[str, Money]]:
        """Per tariff; the accounts know of none, so refunds are only in net, and fees nowhere."""
        found: dict[str, Money] = {}
        for row in self.sold:
            if row["currency"] == currency:
                found[row["tariff_hash"]] = _added(found.get(row["tariff_hash"], Money()), row)
        return sorted(found.items(), key=lambda one: (-one[1].net, one[0]))

    def witnesses(self, currency: str) -> dict[str, int]:
        """The same gross from each of the sums that the bookings keep."""
        found = {"ledger": self.money(currency).gross, "tariffs": _gross(self.sold, currency)}
        if self.stations is not None:
            found["stations"] = _gross(self.stations, currency)
        return found


def _added(one: Money, row: Row) -> Money:
    return Money(
        one.net + row["net"],
        one.vat + row["vat"],
        0,
        0,
        one.sessions + row["sessions"],
        one.energy_wh + row["energy_wh"],
    )


def _gross(rows: Iterable[Row], currency: str) -> int:
    return sum(row["net"] + row["vat"] for row in rows if row["currency"] == currency)


def read_sales(period: Period, place: Place) -> Sales:
    """Sales by station are a witness only where nothing but days and channels are asked for."""
    days = {"first_day": period.first, "until_day": period.until}
    with deps().connection() as connection:
        books = queries.books(connection, **days, **place.keys)
        sold = queries.sold(connection, **days, **place.keys)
        stations = None
        if place.operator is None and place.site is None:
            stations = queries.stations_sold(connection, **days, of_channel=place.channel)
    return Sales(books, sold, stations)


@dataclass(frozen=True)
class Bucket:
    """A day or month of one currency."""

    first: date
    money: Money = field(default_factory=Money)


def read_buckets(period: Period, place: Place) -> dict[str, list[Bucket]]:
    """Per currency every day or month of a period, those without sales too; only the period's own
    days count, also in a month that it begins within."""
    starts = firsts(period)
    asked = {"level": grain_of(period), "first_day": period.first, "until_day": period.until}
    with deps().connection() as connection:
        rows = queries.buckets(connection, **asked, **place.keys)
    found: dict[str, dict[date, Money]] = {}
    for row in rows:
        found.setdefault(row["currency"], {})[row["bucket"]] = _added(Money(), row)
    return {
        name: [Bucket(first, known.get(first, Money())) for first in starts]
        for name, known in found.items()
    }


def edges(first: date, period: Period) -> tuple[date, date]:
    """First and last day of a bucket, within the period."""
    last = min(last_of(first, period), period.until - timedelta(days=1))
    return max(first, period.first), last


def tariff_names(hashes: Iterable[str]) -> dict[str, Row]:
    with deps().connection() as connection:
        rows = queries.tariff_names(connection, tariff_hashes=sorted(set(hashes) - {""}))
    return {row["hash"]: row for row in rows}


def site_names() -> dict[int, str]:
    with deps().connection() as connection:
        return {row["site_id"]: row["name"] for row in queries.site_names(connection)}


def first_day() -> date | None:
    """When the books begin."""
    with deps().connection() as connection:
        found: date | None = queries.first_day(connection)
    return found
