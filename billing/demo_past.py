"""The demo's books: the last weeks' fast charging, paid by card, closed and booked as it would have
been, with the same charges at the double. Nothing of it is invented beside the sessions."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from billing import ledger, postings
from billing.closing import Closed, ToClose, close_many, note_paid
from billing.demo import FASTEST_W
from billing.double import Double
from billing.double.seeding import Past
from billing.vat import share_of
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("demo")

BATCH = 20  # receipts of a batch are issued together: small, so that their times look alive
LONGEST = timedelta(days=31)
LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
HOLDS = (20000, 30000, 30000, 30000, 50000)
LEAST = 300  # Stripe captures no less
CARDS = ("4242424242424242", "4242424242424242", "5555555555554444")
AFTER_MONTH_BEGAN = timedelta(days=14)  # so far back at least


class Charged(NamedTuple):
    """A past session that was paid by card."""

    session_id: int
    evse_key: int
    operator_id: int
    site_id: int | None
    station_id: str
    tariff_hash: str
    started_at: datetime
    ended_at: datetime

    @property
    def intent_id(self) -> str:
        return f"pi_demo{self.session_id:010d}"


class Bill(NamedTuple):
    """What it cost."""

    one: Charged
    payment_id: int
    hold: int
    closed: Closed

    @property
    def at(self) -> datetime:
        """When it was booked."""
        return self.one.ended_at + timedelta(minutes=1)

    @property
    def captured(self) -> int:
        return min(self.hold, self.closed.gross) if self.closed.gross >= LEAST else 0

    @property
    def lost(self) -> int:
        return self.closed.gross - self.captured


def add_past(connection: Connection, double_file: Path, key: str, now: datetime) -> int:
    """Bill the past once: this month's fast charging, or two weeks'; how many sessions."""
    if queries.has_payments(connection):
        return 0
    double_file.unlink(missing_ok=True)  # left by a start that was interrupted
    since = max(min(now.replace(day=1, hour=0), now - AFTER_MONTH_BEGAN), now - LONGEST)
    rows = queries.past_to_bill(connection, since=since, until=now, power_w=FASTEST_W)
    sessions = iter([Charged(*row) for row in rows])
    rng = random.Random("books")  # noqa: S311 - the same past at every first start
    bills: list[Bill] = []
    with connection.transaction():
        while batch := list(islice(sessions, BATCH)):
            bills += _close(connection, batch, rng)
        charges = _tell_double(double_file, key, [bill for bill in bills if bill.captured], rng)
        _book(connection, bills, charges)
    return len(bills)


def _close(connection: Connection, batch: Sequence[Charged], rng: random.Random) -> list[Bill]:
    """CDRs and receipts, as of the last session's end."""
    at = batch[-1].ended_at + timedelta(minutes=1)
    holds = [rng.choice(HOLDS) for _ in batch]
    payments = [
        queries.add_past_payment(
            connection, reference=_reference(rng), hold=hold, intent_id=one.intent_id, **_about(one)
        )
        for one, hold in zip(batch, holds, strict=True)
    ]
    wanted = [ToClose(one.session_id, one.tariff_hash, "guest", payment_id)
              for one, payment_id in zip(batch, payments, strict=True)]  # fmt: skip
    closed = close_many(connection, wanted, at)
    return [Bill(*each) for each in zip(batch, payments, holds, closed, strict=True)]


def _about(one: Charged) -> dict[str, object]:
    names = ("session_id", "evse_key", "operator_id", "tariff_hash", "started_at", "ended_at")
    return {name: getattr(one, name) for name in names}


def _reference(rng: random.Random) -> str:
    return "".join(rng.choices(LETTERS, k=4)) + "-" + "".join(rng.choices(LETTERS, k=3))


def _tell_double(
    file: Path, key: str, bills: Sequence[Bill], rng: random.Random
) -> dict[str, dict[str, Any]]:
    """The same at Stripe, with the payouts since then; charges by intent."""
    past = [
        Past(bill.one.intent_id, bill.captured, bill.one.ended_at, held=bill.hold,
             card=rng.choice(CARDS), metadata={"evse": str(bill.one.evse_key)})
        for bill in bills
    ]  # fmt: skip
    with Double(database=file, key=key) as double:
        return {charge["payment_intent"]: charge for charge in double.seed(past)}


def _book(
    connection: Connection, bills: Sequence[Bill], charges: dict[str, dict[str, Any]]
) -> None:
    accounts = ledger.accounts_of(connection)
    dated = []
    for bill in bills:
        charge = charges.get(bill.one.intent_id)
        _settle(connection, bill, charge)
        dated += [(one, bill.at) for one in _journals(accounts, bill, charge)]
    ledger.book_dated(connection, dated)


def _journals(
    accounts: postings.Accounts, bill: Bill, charge: dict[str, Any] | None
) -> Iterator[postings.Posting]:
    one, closed, currency = bill.one, bill.closed, bill.closed.currency
    if not closed.gross:
        return
    about = postings.About(one.operator_id, one.site_id, one.station_id, "guest", one.session_id,
                           bill.payment_id, closed.cdr_id, closed.receipt_id)  # fmt: skip
    lines = closed.vat_lines
    yield postings.earned(f"earned:{closed.cdr_id}", about, lines, currency, accounts)
    if charge:
        about = replace(about, external_id=charge["id"])
        key = f"captured:{bill.payment_id}"
        yield postings.captured(key, about, bill.captured, currency, accounts)
    if bill.lost:
        key, lost = f"write_off:{bill.payment_id}", share_of(lines, bill.lost)
        yield postings.written_off(key, about, lost, currency, accounts)


def _settle(connection: Connection, bill: Bill, charge: dict[str, Any] | None) -> None:
    card = charge["payment_method_details"]["card"] if charge else {}
    closed = bill.closed
    queries.settle_past(
        connection, payment_id=bill.payment_id, gross=closed.gross, captured=bill.captured,
        written_off=bill.lost, cdr_id=closed.cdr_id, receipt_id=closed.receipt_id,
        energy_wh=closed.energy_wh, state="settled" if charge else "released",
        at=bill.one.ended_at, charge_id=charge and charge["id"], brand=card.get("brand"),
        last4=card.get("last4"),
    )  # fmt: skip
    if closed.receipt_id:
        note_paid(connection, closed.receipt_id, bill.captured, bill.lost)
