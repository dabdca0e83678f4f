"""Books in few words: paid sessions with their papers, and a Stripe that is told by hand."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from psycopg.types.json import Jsonb

from billing import postings
from billing.ledger import accounts_of, book
from billing.postings import About
from billing.vat import VatLine, gross_of, share_of
from sql.database import Connection

AT = datetime(2026, 6, 10, 12, tzinfo=UTC)
STANDARD = Decimal(25)


def line(net: int, rate: Decimal = STANDARD) -> VatLine:
    """A sale with the VAT of its rate, which here comes out even or is rounded down."""
    return VatLine(rate, net, int(net * rate / 100))


def value(connection: Connection, query: str, *parameters: Any) -> Any:
    row = connection.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return row[0]


class Books:
    """One operator, some stations; every session gets CDR, receipt, payment and journals."""

    def __init__(self, connection: Connection, stations: int = 2) -> None:
        self.connection = connection
        self.accounts = accounts_of(connection)
        self.stripe = Stripe()
        self.sites = [self._insert("site", name=f"Site {n}", operator_id=1) for n in (1, 2)]
        self.evses = [self._station(n) for n in range(stations)]
        self.count = 0

    def _insert(self, table: str, **columns: Any) -> int:
        names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
        key = {"evse": "evse_key"}.get(table, f"{table}_id")
        query = f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING {key}"  # noqa: S608
        return value(self.connection, query, *columns.values())  # type: ignore[no-any-return]

    def _station(self, number: int) -> tuple[int, str, int]:
        site, station = self.sites[number % 2], f"ST-{number}"
        self._insert("station", station_id=station, site_id=site)
        return self._insert("evse", station_id=station, evse_id=1), station, site

    def session(self, *lines: VatLine, at: datetime = AT, channel: str = "guest") -> "Sold":
        """A session that ended at `at`: priced, its receipt issued, earned in the books."""
        self.count += 1
        evse_key, station, site = self.evses[self.count % len(self.evses)]
        session_id = self._insert(
            "session", operator_id=1, site_id=site, station_id=station, evse_id=1,
            evse_key=evse_key, transaction_id=str(self.count), started_at=at - timedelta(hours=1),
            ended_at=at, energy_wh=10000,
        )  # fmt: skip
        sold = Sold(self, self.count, tuple(lines), at, session_id)
        money = {"net": sold.net, "vat": sold.gross - sold.net, "gross": sold.gross,
                 "currency": "SEK"}  # fmt: skip
        sold.payment_id = self._insert(
            "payment", reference=sold.reference, channel=channel, operator_id=1, hold=sold.gross,
            evse_key=evse_key, session_id=session_id, state="completed", currency="SEK",
            created_at=at - timedelta(hours=1), state_at=at,
        )  # fmt: skip
        sold.cdr_id = self._insert(
            "cdr",
            session_id=session_id,
            document=Jsonb({}),
            energy_wh=10000,
            created_at=at,
            **money,
        )
        sold.receipt_id = self.receipt(sold, sold.cdr_id, None, at, money)
        self.set(sold, cdr_id=sold.cdr_id)
        sold.about = About(1, site, station, channel, session_id, sold.payment_id, sold.cdr_id,
                           sold.receipt_id)  # fmt: skip
        self.book(postings.earned, f"earned:{sold.cdr_id}", sold.about, lines, at)
        return sold

    def receipt(
        self, sold: "Sold", cdr_id: int | None, credited: int | None, at: datetime, money: Any
    ) -> int:
        number = value(
            self.connection,
            "INSERT INTO receipt_series AS s VALUES ('2026', 1, 1) ON CONFLICT (series) DO UPDATE "
            "SET last_number = s.last_number + 1 RETURNING last_number",
        )
        return self._insert(
            "receipt", series="2026", number=number, session_id=sold.session_id,
            payment_id=sold.payment_id, cdr_id=cdr_id, issued_at=at, due=money["gross"],
            credits_receipt_id=credited, document=Jsonb({}), secret=f"secret {number}", **money,
        )  # fmt: skip

    def set(self, sold: "Sold", **columns: Any) -> None:
        changes = ", ".join(f"{name} = %s" for name in columns)
        query = f"UPDATE payment SET {changes} WHERE payment_id = %s"  # noqa: S608
        self.connection.execute(query.encode(), [*columns.values(), sold.payment_id])

    def book(self, make: Any, key: str, about: About, what: Any, at: datetime) -> int:
        return book(self.connection, make(key, about, what, "SEK", self.accounts), at)


class Sold:
    """A session that was sold, and what happens to its money."""

    def __init__(
        self, books: Books, number: int, lines: tuple[VatLine, ...], at: datetime, session_id: int
    ) -> None:
        self.books, self.number, self.lines, self.at = books, number, lines, at
        self.session_id = session_id
        self.reference = f"{number:04d}-AA"
        self.charge_id, self.refunded = f"ch_{number}", 0
        self.net, self.gross = sum(each.net for each in lines), gross_of(lines)
        self.payment_id = self.cdr_id = self.receipt_id = 0
        self.about = About(1)

    def capture(self, amount: int | None = None, fee: int = 0) -> "Sold":
        """The card is charged, what exceeds it written off; Stripe says the same."""
        amount = self.gross if amount is None else amount
        about = self.about_of(self.charge_id)
        self.books.book(postings.captured, f"captured:{self.payment_id}", about, amount, self.at)
        if lost := self.gross - amount:
            shares = share_of(self.lines, lost)
            self.books.book(postings.written_off, f"lost:{self.payment_id}", about, shares, self.at)
        self.books.set(
            self, captured=amount, written_off=lost, charge_id=self.charge_id, state="settled",
            held=0, captured_at=self.at,
        )  # fmt: skip
        self.books.connection.execute(
            "UPDATE receipt SET paid = %s, written_off = %s, due = 0 WHERE receipt_id = %s",
            [amount, lost, self.receipt_id],
        )
        self.books.stripe.move("charge", amount, self.charge_id, self.at, fee)
        return self

    def refund(self, amount: int) -> str:
        """Credit note, booking, and Stripe's refund."""
        self.refunded += amount
        refund_id = f"re_{self.number}_{self.refunded}"
        shares = share_of(self.lines, amount)
        net = -sum(each.net for each in shares)
        money = {"net": net, "vat": -amount - net, "gross": -amount, "currency": "SEK"}
        note = self.books.receipt(self, None, self.receipt_id, self.at, money)
        about = self.about_of(refund_id, receipt_id=note)
        self.books.book(postings.refunded, f"refund:{refund_id}", about, shares, self.at)
        self.books.set(self, refunded=self.refunded, state="partly_refunded")
        self.books.stripe.move("refund", -amount, refund_id, self.at)
        return refund_id

    def about_of(self, external_id: str, **more: Any) -> About:
        known = {name: getattr(self.about, name) for name in About.__struct_fields__}
        return About(**{**known, "external_id": external_id, **more})


class Stripe:
    """A `Source`: recorded objects with Stripe's fields; pays out on demand."""

    def __init__(self) -> None:
        self.transactions: list[SimpleNamespace] = []
        self.paid_out: list[SimpleNamespace] = []
        self.inside: dict[str, list[SimpleNamespace]] = {}

    def move(
        self, kind: str, amount: int, source: str | None, at: datetime, fee: int = 0
    ) -> SimpleNamespace:
        seconds = int(at.timestamp())
        told = SimpleNamespace(
            id=f"txn_{len(self.transactions) + 1}", type=kind, source=source, amount=amount,
            fee=fee, net=amount - fee, currency="sek", created=seconds,
            available_on=seconds + 172800,
        )  # fmt: skip
        self.transactions.append(told)
        return told

    def pay_out(self, at: datetime) -> SimpleNamespace:
        """Everything that is not in a payout yet goes to the bank."""
        gone = {told.id for inside in self.inside.values() for told in inside}
        inside = [t for t in self.transactions if t.id not in gone and t.type != "payout"]
        amount, payout_id = sum(told.net for told in inside), f"po_{len(self.paid_out) + 1}"
        payout = SimpleNamespace(
            id=payout_id, amount=amount, currency="sek", status="paid", automatic=True,
            created=int(at.timestamp()), arrival_date=int(at.timestamp()),
        )  # fmt: skip
        self.paid_out.append(payout)
        self.inside[payout_id] = inside
        self.move("payout", -amount, payout_id, at)
        return payout

    def balance_transactions(self, since: datetime) -> Iterable[Any]:
        newest_first = reversed(self.transactions)
        return (told for told in newest_first if told.created >= since.timestamp())

    def payouts(self, since: datetime) -> Iterable[Any]:
        return (told for told in reversed(self.paid_out) if told.created >= since.timestamp())

    def payout_transactions(self, payout_id: str) -> Iterable[Any]:
        return iter(self.inside[payout_id])

    def balance(self) -> Any:
        amount = sum(told.net for told in self.transactions)
        return SimpleNamespace(
            available=[SimpleNamespace(amount=amount, currency="sek")],
            pending=[SimpleNamespace(amount=0, currency="sek")],
        )
