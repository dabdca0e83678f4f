"""Rows as billing leaves them: sessions paid by card, their receipts, bookings and payouts."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from sql.database import Connection
from tests.web import PASSWORD, add_user

CAROL = "carol@example.org"
HOLD = 30_000
__all__ = ["CAROL", "PASSWORD", "Paid", "add_carol", "add_payout", "add_review", "check",
           "paid_session", "post", "refund"]  # fmt: skip


@dataclass(frozen=True)
class Paid:
    """What `paid_session` made."""

    payment_id: int
    session_id: int
    receipt_id: int
    reference: str
    number: str


def add_carol(connection: Connection, role: str = "finance") -> None:
    """Carol keeps the books."""
    add_user(connection, CAROL, role)


def post(
    connection: Connection, kind: str, at: datetime, lines: list[tuple[str, int, Any]], **about: Any
) -> int:
    """Book a journal; lines are (account, amount, VAT rate)."""
    key = f"{kind}:{json.dumps(about, sort_keys=True, default=str)}:{at.isoformat()}"
    columns = {"booked_at": at, "idempotency_key": key, "kind": kind, "operator_id": 1,
               "payload_hash": hashlib.sha256(key.encode()).digest(), **about}  # fmt: skip
    with connection.transaction():
        names = ", ".join(columns)
        marks = ", ".join(f"%({name})s" for name in columns)
        row = connection.execute(
            f"INSERT INTO journal ({names}) VALUES ({marks}) RETURNING journal_id".encode(),  # noqa: S608
            columns,
        ).fetchone()
        assert row
        for line, (account, amount, rate) in enumerate(lines, 1):
            connection.execute(
                "INSERT INTO entry VALUES (%s, %s, %s, %s, 'SEK', %s)",
                [row[0], line, account, amount, rate],
            )
    return int(row[0])


def _one(connection: Connection, statement: str, parameters: list[Any]) -> int:
    row = connection.execute(statement.encode(), parameters).fetchone()
    assert row
    return int(row[0])


def paid_session(
    connection: Connection, evse_key: int, number: int, at: datetime, *, gross: int = 14_291,
    net: int | None = None, energy_wh: int = 28_640, channel: str = "guest", fee: int = 394,
    payout: str | None = None, card: str = "4242",
) -> Paid:  # fmt: skip
    """A session that ended at `at`, was paid by card and booked; perhaps paid out."""
    net = round(gross / 1.25) if net is None else net
    vat, begun = gross - net, at - timedelta(minutes=41)
    reference = f"{number % 10_000:04}-{number % 89 + 10}"
    station, evse_id, site_id = connection.execute(
        "SELECT station_id, evse_id, site_id FROM evse JOIN station USING (station_id)"
        " WHERE evse_key = %s",
        [evse_key],
    ).fetchone()  # type: ignore[misc]
    session_id = _one(
        connection,
        "INSERT INTO session (operator_id, site_id, station_id, evse_id, evse_key, transaction_id,"
        " id_token, started_at, ended_at, meter_start_wh, meter_stop_wh, energy_wh, stop_reason)"
        " VALUES (1, %s, %s, %s, %s, %s, 'X', %s, %s, 213420, %s, %s, 'EVDisconnected')"
        " RETURNING session_id",
        [site_id, station, evse_id, evse_key, f"t{number}", begun, at, 213_420 + energy_wh,
         energy_wh],
    )  # fmt: skip
    payment_id = _one(
        connection,
        "INSERT INTO payment (reference, channel, operator_id, evse_key, session_id, state,"
        " created_at, currency, hold, captured, intent_id, charge_id, card_brand, card_last4,"
        " email, energy_wh, cost, authorised_at, captured_at)"
        " VALUES (%s, %s, 1, %s, %s, 'settled', %s, 'SEK', %s, %s,"
        " %s, %s, 'visa', %s, 'dave@example.org', %s, %s, %s, %s) RETURNING payment_id",
        [reference, channel, evse_key, session_id, begun, max(HOLD, gross), gross,
         f"pi_3Qk{number:05}abcdefgh8Zr", f"ch_3Qk{number:05}abcdefgh8Zr", card, energy_wh, gross,
         begun, at + timedelta(seconds=26)],
    )  # fmt: skip
    for version, (before, after, why) in enumerate(
        [("created", "awaiting_payment", "checkout made"),
         ("awaiting_payment", "authorised", "intent verified"),
         ("authorised", "start_requested", "start sent"),
         ("start_requested", "charging", "started"),
         ("charging", "stopping", "stop asked by driver"),
         ("stopping", "completed", "final reading"),
         ("completed", "capturing", "priced"), ("capturing", "settled", "captured")], 1,
    ):  # fmt: skip
        connection.execute(
            "INSERT INTO payment_event VALUES (%s, %s, %s, %s, %s, %s)",
            [payment_id, version, begun + timedelta(minutes=5 * version), before, after, why],
        )
    kwh, price = energy_wh / 1000, 3.992
    line = {"period": 0, "type": "ENERGY", "element": 0, "unit": "kWh", "volume": kwh,
            "billed_volume": kwh, "step_size": 1, "price": price, "vat": 25,
            "cost_excl_vat": round(kwh * price, 6),
            "cost_incl_vat": round(kwh * price * 1.25, 6)}  # fmt: skip
    how = {"rules": 1, "breakdown": [line], "limited_by": None, "limit": {"excl_vat": 0},
           "rounding": {"excl_vat": round(net / 100 - kwh * price, 6)}, "flags": [], "notes": [],
           "seconds": {"charging": 2460, "parking": 0, "waiting": 0},
           "stop_reason": "EVDisconnected"}  # fmt: skip
    cdr_id = _one(
        connection,
        "INSERT INTO cdr (session_id, tariff_hash, document, net, vat, gross, currency, energy_wh,"
        " created_at) VALUES (%s, %s, %s, %s, %s, %s, 'SEK', %s, %s) RETURNING cdr_id",
        [session_id, "ab" * 32, Jsonb({"kilowatch": how}), net, vat, gross, energy_wh, at],
    )
    connection.execute(
        "INSERT INTO receipt_series (series, operator_id) VALUES ('2026', 1) ON CONFLICT DO NOTHING"
    )
    lines = [
        {"what": "electricity", "quantity": str(kwh), "unit": "kWh", "unit_price": "1.8",
         "vat_rate": "25", "net": net * 45 // 100, "vat": 0, "gross": 0},
        {"what": "network", "quantity": str(kwh), "unit": "kWh", "unit_price": "2.192",
         "vat_rate": "25", "net": net - net * 45 // 100, "vat": vat, "gross": 0},
    ]  # fmt: skip
    receipt_id = _one(
        connection,
        "INSERT INTO receipt (series, number, session_id, payment_id, cdr_id, issued_at, net, vat,"
        " gross, currency, paid, due, document, secret)"
        " VALUES ('2026', %s, %s, %s, %s, %s, %s, %s, %s, 'SEK', %s, 0, %s, %s)"
        " RETURNING receipt_id",
        [number, session_id, payment_id, cdr_id, at, net, vat, gross, gross,
         Jsonb({"lines": lines}), f"secret-{number}"],
    )  # fmt: skip
    about = {"site_id": site_id, "station_id": station, "channel": channel,
             "session_id": session_id, "payment_id": payment_id, "cdr_id": cdr_id,
             "receipt_id": receipt_id}  # fmt: skip
    post(connection, "earned", at,
         [("1510", gross, None), ("3001", -net, 25), ("2611", -vat, 25)], **about)  # fmt: skip
    later = at + timedelta(seconds=30)
    post(connection, "captured", later, [("1580", gross, None), ("1510", -gross, None)],
         external_id=f"ch_{number}", **about)  # fmt: skip
    if fee:
        post(connection, "fee", later, [("6570", fee, None), ("1580", -fee, None)], **about)
    connection.execute(
        "INSERT INTO balance_transaction (balance_transaction_id, type, source_id, payment_id,"
        " amount, fee, net, currency, created_at, payout_id)"
        " VALUES (%s, 'charge', %s, %s, %s, %s, %s, 'SEK', %s, %s)",
        [f"txn_{number}", f"ch_{number}", payment_id, gross, fee, gross - fee, later, payout],
    )
    shown = f"2026-{number:06}"
    return Paid(payment_id, session_id, receipt_id, reference, shown)


def add_payout(connection: Connection, payout_id: str, at: datetime, status: str = "paid") -> int:
    """The payout of every balance transaction that names it; booked when it is paid."""
    amount = _one(
        connection,
        "SELECT coalesce(sum(net), 0) FROM balance_transaction WHERE payout_id = %s",
        [payout_id],
    )
    connection.execute(
        "INSERT INTO payout (payout_id, operator_id, amount, currency, status, created_at,"
        " arrives_at) VALUES (%s, 1, %s, 'SEK', %s, %s, %s)",
        [payout_id, amount, status, at, at + timedelta(days=1)],
    )
    if status == "paid":
        post(connection, "payout", at, [("1930", amount, None), ("1580", -amount, None)],
             external_id=payout_id)  # fmt: skip
    return amount


def refund(connection: Connection, paid: Paid, number: int, at: datetime, gross: int) -> None:
    """A refund that went through: the request, its credit note, the bookings."""
    net = round(gross / 1.25)
    site_id, station, channel = connection.execute(
        "SELECT s.site_id, s.station_id, p.channel FROM payment p JOIN session s USING (session_id)"
        " WHERE payment_id = %s",
        [paid.payment_id],
    ).fetchone()  # type: ignore[misc]
    note = _one(
        connection,
        "INSERT INTO receipt (series, number, session_id, payment_id, issued_at, net, vat, gross,"
        " currency, paid, due, credits_receipt_id, reason, document, secret)"
        " VALUES ('2026', %s, %s, %s, %s, %s, %s, %s, 'SEK', %s, 0, %s, 'Laddaren stannade', %s,"
        " %s) RETURNING receipt_id",
        [number, paid.session_id, paid.payment_id, at, -net, net - gross, -gross, -gross,
         paid.receipt_id, Jsonb({"lines": []}), f"secret-{number}"],
    )  # fmt: skip
    connection.execute(
        "INSERT INTO refund_request (payment_id, kind, amount, reason, requested_by, requested_at,"
        " status, finished_at, receipt_id, refund_id)"
        " VALUES (%s, 'partial', %s, 'Laddaren stannade', %s, %s, 'done', %s, %s, %s)",
        [paid.payment_id, gross, CAROL, at, at, note, f"re_{number}"],
    )
    connection.execute(
        "UPDATE payment SET refunded = %s, state = 'partly_refunded' WHERE payment_id = %s",
        [gross, paid.payment_id],
    )
    about = {"site_id": site_id, "station_id": station, "channel": channel,
             "session_id": paid.session_id, "payment_id": paid.payment_id,
             "receipt_id": note}  # fmt: skip
    lines = [("1510", -gross, None), ("3001", net, 25), ("2611", gross - net, 25)]
    post(connection, "credit", at, lines, **about)
    post(connection, "refund", at, [("1510", gross, None), ("1580", -gross, None)], **about)


def add_review(connection: Connection, kind: str, subject: str, **columns: Any) -> int:
    held = {"kind": kind, "subject": subject, **columns}
    if "evidence" in held:
        held["evidence"] = Jsonb(held["evidence"])
    names, marks = ", ".join(held), ", ".join(f"%({name})s" for name in held)
    row = connection.execute(
        f"INSERT INTO review_item ({names}) VALUES ({marks}) RETURNING review_item_id".encode(),  # noqa: S608
        held,
    ).fetchone()
    assert row
    return int(row[0])


def check(
    connection: Connection, name: str, at: datetime, *, ok: bool = True, difference: int = 0,
    month: Any = None, detail: Any = None,
) -> None:  # fmt: skip
    connection.execute(
        "INSERT INTO book_check (checked_at, name, month, ok, checked, difference, detail)"
        " VALUES (%s, %s, %s, %s, 100, %s, %s)",
        [at, name, month, ok, difference, Jsonb(detail or {})],
    )
