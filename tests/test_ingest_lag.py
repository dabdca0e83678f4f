"""A station's clock that is off is told from readings that were buffered."""

from datetime import UTC, datetime, timedelta

import pytest
from ocpp_messages import begin, sample16, start16, values16
from stations import ago, serving, session

from ingest.book import Session
from ingest.sessions import note_lag

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def flags_after(lags: list[tuple[float, float]]) -> list[str]:
    """Flags after live readings that arrive after so many seconds, so many seconds late."""
    found = Session(1, None, None, "S1", 1, 1, 1, "1", None, START)
    for arrives, lag in lags:
        received_at = START + timedelta(seconds=arrives)
        note_lag(found, received_at - timedelta(seconds=lag), received_at)
    return found.flags


@pytest.mark.parametrize(
    ("lags", "flags"),
    [
        ([(0, 600), (60, 605), (120, 598)], ["clock_skew"]),
        ([(0, -600)], ["clock_skew"]),
        ([(0, 600)], []),
        ([(n * 60, 299) for n in range(100)], []),
        ([(n * 60, -299) for n in range(100)], []),
        # a buffer is emptied: at once, or with a pause between its messages
        ([(0, 3600 - n * 60) for n in range(60)], []),
        ([(n * 5, 3600 - n * 10) for n in range(300)], []),
        # two outages, each as long as the other
        ([(0, 600), (0, 0), (3600, 600), (3600, 540)], []),
    ],
)
def test_a_lag_that_stays_is_a_clock(lags: list[tuple[float, float]], flags: list[str]) -> None:
    assert flags_after(lags) == flags


async def test_a_clock_that_is_ahead_is_flagged_and_a_buffer_is_not(database: str) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        ahead = ago(minutes=-10)
        number = (await station.call("StartTransaction", start16(0, ahead)))["transactionId"]
        later = values16([sample16(9)], ahead + timedelta(seconds=9), transactionId=number)
        await station.call("MeterValues", later)
        assert session(csms, "flags, energy_wh") == (["clock_skew"], 9)
        buffered = await begin(station, 0, ago(hours=3), connector=2)
        for minute in range(1, 30):
            at = ago(hours=3) + timedelta(minutes=minute)
            values = values16([sample16(minute)], at, connector=2, transactionId=buffered)
            await station.call("MeterValues", values)
        assert csms.one("SELECT flags FROM session WHERE evse_id = 2") == []
