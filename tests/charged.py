"""Sessions as they lie in the database after charging, in few words, for the tests of billing."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.assignment import add_tariff, find_place
from sql.database import Connection

NOON = datetime(2026, 6, 1, 10, tzinfo=UTC)  # 12:00 in Stockholm
INSERT = """
    INSERT INTO meter_value (evse_key, station_id, evse_id, measured_at, received_at, session_id,
        source, revision, reading_hash, energy_delta_wh, power_w)
    VALUES (%s, %s, %s, %s, %s, %s, %s, 0, %s, %s, %s)"""


def after(minutes: float, since: datetime = NOON) -> datetime:
    return since + timedelta(minutes=minutes)


def place(connection: Connection) -> int:
    """Site Torget with station CP1 and its evse 11 (public code K7-4M2Q); the evse's key."""
    connection.execute(
        "UPDATE operator SET legal_entity = 'Exempel Laddning AB',"
        " organisation_number = '000000-0000', vat_number = 'SE000000000001'"
    )
    connection.execute(
        "INSERT INTO site (site_id, operator_id, name, address, city)"
        " VALUES (7, 1, 'Torget', 'Torget 1', 'Kalmar') ON CONFLICT DO NOTHING"
    )
    connection.execute("INSERT INTO station (station_id, site_id) VALUES ('CP1', 7)")
    connection.execute(
        "INSERT INTO evse (evse_key, station_id, evse_id, public_code)"
        " VALUES (11, 'CP1', 1, 'K7-4M2Q')"
    )
    return 11


def plain(price: str = "3.992", vat: int = 25, **more: Any) -> dict[str, Any]:
    """A tariff document of so much per kWh without VAT."""
    component = {"type": "ENERGY", "price": Decimal(price), "vat": vat, "step_size": 1}
    return {
        "id": "SNABB-11",
        "currency": "SEK",
        "elements": [{"price_components": [component]}],
    } | more


def add(connection: Connection, document: dict[str, Any]) -> str:
    return add_tariff(connection, document, find_place(connection), NOON)


def charged(
    connection: Connection,
    readings: Iterable[tuple[float, int] | tuple[float, int, float | None]] = ((25, 31_420),),
    *,
    minutes: float | None = 25,
    energy_wh: int | None = None,
    start_wh: int | None = 48_211_070,
) -> int:
    """A session at evse 11 with readings of (minute, Wh since the one before, W); its number.

    It ended after `minutes`, or still runs (None).
    """
    given = [(*each, None)[:3] for each in readings]
    total = sum(each[1] for each in given) if energy_wh is None else energy_wh
    stop = None if start_wh is None or minutes is None else start_wh + total
    row = connection.execute(
        "INSERT INTO session (operator_id, site_id, station_id, evse_id, evse_key, connector_id,"
        " transaction_id, started_at, ended_at, energy_wh, meter_start_wh, meter_stop_wh)"
        " VALUES (1, 7, 'CP1', 1, 11, 1, gen_random_uuid()::text, %s, %s, %s, %s, %s)"
        " RETURNING session_id",
        [NOON, None if minutes is None else after(minutes), total, start_wh, stop],
    ).fetchone()
    assert row is not None
    for number, (minute, wh, watts) in enumerate(given):
        reading(connection, row[0], minute, wh, watts=watts, number=number)
    return int(row[0])


def reading(
    connection: Connection,
    session_id: int,
    minute: float,
    wh: int,
    *,
    source: str = "meter",
    watts: float | None = None,
    number: int = 0,
) -> None:
    at = after(minute)
    key = hash((session_id, minute, number, source)) & (2**62 - 1)
    values = [11, "CP1", 1, at, at, session_id, source, key, wh, watts]
    connection.execute(INSERT, values)
