"""Implausible sessions as they lie in the database, for the tests of those who decide."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.assignment import add_tariff, find_place
from sql.database import Connection
from sql.quarantine import judge

PLAIN: dict[str, Any] = {
    "id": "SNABB-11", "currency": "SEK",
    "elements": [{"price_components": [
        {"type": "ENERGY", "price": Decimal("3.992"), "vat": 25, "step_size": 1}]}],
}  # fmt: skip
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=5)
# (minute, register in Wh, W, flags): at minute 18 the meter shows a digit too many
JUMPING = (
    (0, 48_211_070, 0, None), (6, 48_213_400, 21_900, None), (12, 48_215_560, 21_700, None),
    (18, 482_177_300, 21_400, ["register_jumped"]),
    (24, 48_219_870, 21_200, ["register_decreased"]),
    (30, 48_221_990, 20_800, None), (36, 48_223_900, 18_300, None), (42, 48_225_100, 9_100, None),
)  # fmt: skip


def add_price(connection: Connection) -> str:
    """3.992 kr per kWh without VAT, everywhere; its hash."""
    add_tariff(connection, PLAIN, find_place(connection), BEGAN - timedelta(days=9))
    row = connection.execute("SELECT hash FROM tariff").fetchone()
    assert row is not None
    return str(row[0])


def add_session(
    connection: Connection, evse_key: int, *, energy_wh: int = 14_030,
    readings: tuple[Any, ...] = JUMPING, flags: tuple[str, ...] = ("register_jumped",
    "register_decreased"), minutes: int = 42, began: datetime = BEGAN,
) -> int:  # fmt: skip
    """A session with its readings, which nobody has judged; its number."""
    registers = [reading[1] for reading in readings if reading[1] is not None]
    row = connection.execute(
        "INSERT INTO session (operator_id, site_id, station_id, evse_id, evse_key, transaction_id,"
        " started_at, ended_at, first_reading_at, last_reading_at, energy_wh, meter_start_wh,"
        " meter_stop_wh, limit_w, flags)"
        " SELECT 1, s.site_id, station_id, evse_id, evse_key, gen_random_uuid()::text, %s, %s, %s,"
        " %s, %s, %s, %s, max_power_w, %s FROM evse JOIN station s USING (station_id)"
        " WHERE evse_key = %s RETURNING session_id",
        [began, began + timedelta(minutes=minutes), began, began + timedelta(minutes=minutes),
         energy_wh, registers[0] if registers else None, registers[-1] if registers else None,
         list(flags), evse_key],
    ).fetchone()  # fmt: skip
    assert row is not None
    _add_readings(connection, evse_key, int(row[0]), readings, energy_wh, began)
    return int(row[0])


def _add_readings(
    connection: Connection, evse_key: int, session_id: int, readings: tuple[Any, ...],
    energy_wh: int, began: datetime,
) -> None:  # fmt: skip
    """The last one carries all of the energy."""
    for number, (minute, register_wh, watts, flags) in enumerate(readings):
        delta = energy_wh if number == len(readings) - 1 else 0
        connection.execute(
            "INSERT INTO meter_value (evse_key, station_id, evse_id, measured_at, received_at,"
            " session_id, source, reading_hash, energy_wh, energy_delta_wh, power_w, flags)"
            " SELECT evse_key, station_id, evse_id, %s, now(), %s, 'meter', %s, %s, %s, %s, %s"
            " FROM evse WHERE evse_key = %s",
            [began + timedelta(minutes=minute), session_id, session_id * 1000 + number,
             register_wh, delta, watts, flags, evse_key],
        )  # fmt: skip


def add_guest(connection: Connection, session_id: int, tariff_hash: str) -> int:
    """The guest who waits to be charged for it; the payment's number."""
    row = connection.execute(
        "INSERT INTO payment (reference, channel, operator_id, evse_key, session_id, state,"
        " currency, hold, held, cost, tariff_hash, quarantined_until, intent_status)"
        " SELECT '8F3K-27W', 'guest', 1, evse_key, session_id, 'completed', 'SEK', 30000, 30000,"
        " 7001, %s, now() + interval '3 days', 'requires_capture' FROM session"
        " WHERE session_id = %s RETURNING payment_id", [tariff_hash, session_id],
    ).fetchone()  # fmt: skip
    assert row is not None
    return int(row[0])


def add_doubted(connection: Connection, evse_key: int) -> int:
    """A guest's session that was found implausible; its number."""
    session_id = add_session(connection, evse_key)
    add_guest(connection, session_id, add_price(connection))
    now = datetime.now(UTC)
    judge(connection, [session_id], now, now + timedelta(days=3))
    return session_id
