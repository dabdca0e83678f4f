"""From rows of a file to what the writer stores. Pure.

An earlier system states a session's energy; it sends no readings. So the energy becomes facts of
`source = 'import'`, one a quarter of an hour, evenly over the time that energy flowed; no register
is made up.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from ingest.book import Book, Session, fact_row
from ingest.importing import RowError
from ingest.importing.rows import Row
from ingest.quarters import spread
from ingest.registers import most_wh
from sql.doubts import vehicle_wh

FLAG = "imported"
QUARTERS = 96 * 500  # of sessions at a time: 500 days of charging


def check_energy(row: Row) -> None:
    """Raises RowError for more than the evse can have delivered or a vehicle can take."""
    limit_w = row.evse.max_power_w
    delivered = most_wh(limit_w, row.started_at, row.charged_until)
    stored = vehicle_wh(limit_w)
    if row.energy_wh > min(delivered, stored):
        rating = f"{limit_w} W" if limit_w else "any charger"
        why = f"what {rating} can deliver in {row.charged_until - row.started_at}"
        why = why if delivered < stored else "what a vehicle can take"
        expected = f"at most {int(min(delivered, stored))} Wh, {why}"
        raise RowError("energy", f"{row.energy_wh} Wh", expected)


def session_of(row: Row, session_id: int) -> Session:
    """The row of `session`; ended, without registers. Its facts lie between its first and its last
    reading, as all facts do."""
    first, last = (row.started_at, row.charged_until) if row.energy_wh else (None, None)
    return Session(
        session_id,
        row.evse.operator_id,
        row.evse.site_id,
        row.evse.station_id,
        row.evse.evse_id,
        row.evse.evse_key,
        row.connector_id,
        f"import:{row.identity}",
        row.id_token,
        row.started_at,
        ended_at=row.ended_at,
        energy_wh=row.energy_wh,
        first_reading_at=first,
        last_reading_at=last,
        charged_until=last,
        meter_start_wh=row.meter_start_wh,
        meter_stop_wh=None if row.meter_start_wh is None else row.meter_start_wh + row.energy_wh,
        limit_w=row.evse.max_power_w,
        stop_reason=row.stop_reason,
        flags=[FLAG, *row.flags],
    )


def make_book(rows: Sequence[Row], session_ids: Sequence[int], now: datetime) -> Book:
    """New sessions with the facts of their energy, for `ingest.store.store`."""
    book = Book()
    for row, session_id in zip(rows, session_ids, strict=True):
        session = session_of(row, session_id)
        book.dirty[session_id] = session
        for fact in spread(row.started_at, row.charged_until, row.energy_wh):
            book.fast_rows.append(fact_row(session, fact, now, "import", 0))
    return book


def quarters_of(rows: Iterable[Row]) -> int:
    """About how many facts the rows become."""
    return sum((row.charged_until - row.started_at) // timedelta(minutes=15) + 1 for row in rows)
