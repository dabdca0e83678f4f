"""What tests of drivers' pages share: a price, a cashier who makes checkouts, and every state."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from psycopg.sql import SQL, Identifier, Placeholder

from billing.closing import close_session, note_paid
from sql.database import Connection, connect

CHANGES = (
    SQL("state = %(state)s"), SQL("state_version = state_version + 1"), SQL("state_at = now()"),
)  # fmt: skip
TARIFF: dict[str, Any] = {
    "id": "fast", "currency": "SEK",
    "elements": [
        {"price_components": [{"type": "ENERGY", "price": 3.992, "vat": 25, "step_size": 1}]},
        {"price_components": [{"type": "PARKING_TIME", "price": 96, "vat": 25, "step_size": 60}],
         "restrictions": {"min_duration": 600}},
    ],
}  # fmt: skip
HASH = "a" * 64


def add_tariff(connection: Connection, document: dict[str, Any] = TARIFF, hash_: str = HASH) -> str:
    """A tariff everywhere, from an hour ago on; its hash."""
    connection.execute(
        "WITH new AS (INSERT INTO tariff (operator_id, document, hash) VALUES (1, %s, %s)"
        " RETURNING tariff_id) INSERT INTO tariff_assignment (tariff_id, operator_id, valid_from)"
        " SELECT tariff_id, 1, now() - interval '1 hour' FROM new",
        [json.dumps(document), hash_],
    )
    return hash_


@contextmanager
def cashier(database: str, address: str, failure: str | None = None) -> Iterator[list[str]]:
    """Does what the billing worker does with a new payment; yields the references it has seen.

    `address` is the checkout's with {reference}; with a `failure` there is none.
    """
    seen: list[str] = []
    ready, closing = threading.Event(), threading.Event()

    def work() -> None:
        with connect(database, application_name="cashier") as connection:
            connection.execute("LISTEN payment")
            ready.set()
            while not closing.is_set():
                _serve(connection, address, failure, seen)
                list(connection.notifies(timeout=0.2, stop_after=1))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield seen
    finally:
        closing.set()
        thread.join(10)


@contextmanager
def printer(database: str, content: bytes) -> Iterator[list[tuple[str, Any]]]:
    """Makes every file that is asked for, as the billing worker does; yields what was asked."""
    asked: list[tuple[str, Any]] = []
    ready, closing = threading.Event(), threading.Event()

    def work() -> None:
        with connect(database, application_name="printer") as connection:
            connection.execute("LISTEN file_request")
            ready.set()
            while not closing.is_set():
                asked.extend(_print(connection, content))
                list(connection.notifies(timeout=0.2, stop_after=1))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield asked
    finally:
        closing.set()
        thread.join(10)


def _print(connection: Connection, content: bytes) -> list[tuple[str, Any]]:
    return connection.execute(
        "UPDATE file_request SET finished_at = now(), content = %s, file_name = 'receipt.pdf',"
        " media_type = 'application/pdf' WHERE finished_at IS NULL RETURNING kind, parameters",
        [content],
    ).fetchall()  # type: ignore[return-value]


def _serve(connection: Connection, address: str, failure: str | None, seen: list[str]) -> None:
    new = connection.execute("SELECT reference FROM payment WHERE state = 'created'").fetchall()
    for (reference,) in new:
        seen.append(reference)
        if failure:
            move(connection, reference, "expired", failure=failure)
        else:
            url = address.format(reference=reference)
            move(connection, reference, "awaiting_payment", checkout_url=url,
                 checkout_id=f"cs_{reference}")  # fmt: skip
    connection.execute(
        "UPDATE payment SET state = 'expired', failure = 'cancelled', state_at = now()"
        " WHERE state = 'awaiting_payment' AND cancel_requested_at IS NOT NULL"
    )


def move(connection: Connection, reference: str, state: str, **columns: Any) -> None:
    """A transition as the worker makes it: the row and its event in one transaction."""
    with connection.transaction():
        row = connection.execute(
            "SELECT payment_id, state, state_version FROM payment WHERE reference = %s",
            [reference],
        ).fetchone()
        assert row
        sets = [SQL("{} = {}").format(Identifier(n), Placeholder(n)) for n in columns]
        statement = SQL("UPDATE payment SET {} WHERE reference = %(reference)s").format(
            SQL(", ").join([*CHANGES, *sets])
        )
        connection.execute(statement, {"state": state, "reference": reference, **columns})
        connection.execute(
            "INSERT INTO payment_event (payment_id, state_version, at, from_state, to_state, why)"
            " VALUES (%s, %s, now(), %s, %s, 'test')",
            [row[0], row[2] + 1, row[1], state],
        )


def plug(connection: Connection, evse_key: int, status: str, charging: str | None = None) -> None:
    """The charger says that a cable is in, or out, or that current flows."""
    with connection.transaction():
        connection.execute(
            "UPDATE connector SET status = %s, charging_state = %s, status_at = now()"
            " WHERE evse_key = %s",
            [status, charging, evse_key],
        )
        connection.execute("SELECT pg_notify('evse', %s)", [str(evse_key)])


def start_session(connection: Connection, evse_key: int, minutes: int = 18) -> int:
    """A session that began so many minutes ago, with a reading a minute."""
    row = connection.execute(
        "INSERT INTO session (operator_id, station_id, evse_id, evse_key, transaction_id,"
        " started_at, energy_wh, power_w, charging_state) SELECT 1, station_id, evse_id, evse_key,"
        " gen_random_uuid(), now() - make_interval(mins => %s), 24600, 87000, 'Charging'"
        " FROM evse WHERE evse_key = %s RETURNING session_id",
        [minutes, evse_key],
    ).fetchone()
    assert row
    connection.execute(
        "INSERT INTO meter_value (evse_key, station_id, evse_id, measured_at, received_at,"
        " session_id, source, reading_hash, energy_wh, energy_delta_wh, power_w)"
        " SELECT e.evse_key, e.station_id, e.evse_id, now() - make_interval(mins => %s - i),"
        " now(), %s, 'meter', i, i, sign(i) * 24600 / %s,"
        " CASE WHEN i < 3 THEN i * 30000 ELSE 96000 - i * 500 END"
        " FROM evse e, generate_series(0, %s) i WHERE e.evse_key = %s",
        [minutes, row[0], minutes, minutes, evse_key],
    )
    return int(row[0])


def charge(connection: Connection, reference: str, evse_key: int, cost: int = 12275,
           energy_wh: int = 24600, minutes: int = 18) -> int:  # fmt: skip
    """A payment that is held and charges; the session's number."""
    plug(connection, evse_key, "Occupied", "Charging")
    session_id = start_session(connection, evse_key, minutes)
    move(connection, reference, "charging", session_id=session_id, cost=cost,
         energy_wh=energy_wh)  # fmt: skip
    connection.execute(
        "UPDATE payment SET authorised_at = now() - interval '20 minutes', cost_at = now(),"
        " intent_status = 'requires_capture', intent_id = %s WHERE reference = %s",
        [f"pi_{reference}", reference],
    )
    return session_id


def finish(connection: Connection, reference: str, session_id: int, evse_key: int) -> int:
    """The session ends, is priced, and its receipt is written and captured; its number."""
    connection.execute(
        "UPDATE session SET ended_at = now(), power_w = 0 WHERE session_id = %s", [session_id]
    )
    plug(connection, evse_key, "Available")
    row = connection.execute(
        "SELECT payment_id FROM payment WHERE reference = %s", [reference]
    ).fetchone()
    assert row
    closed = close_session(
        connection, session_id, HASH, payment_id=row[0], channel="guest", now=datetime.now(UTC)
    )
    assert closed.receipt_id
    move(connection, reference, "capturing", cost=closed.gross, energy_wh=closed.energy_wh,
         cdr_id=closed.cdr_id)  # fmt: skip
    note_paid(connection, closed.receipt_id, closed.gross, 0)
    move(connection, reference, "settled", captured=closed.gross, captured_at="now",
         card_brand="visa", card_last4="4242")  # fmt: skip
    return closed.receipt_id
