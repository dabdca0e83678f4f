"""What a caller says of a payment."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dashboard.caller import NEAR, NOBODY, Caller, read

NOW = datetime(2026, 11, 22, 16, 42, tzinfo=ZoneInfo("Europe/Stockholm"))
MIDNIGHT = NOW.replace(hour=0, minute=0)


def around(at: datetime) -> tuple[datetime, datetime]:
    return at - NEAR, at + NEAR


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4242", Caller("4242")),
        ("••••4242 142,91", Caller("4242", 14291)),
        ("card 4242 142.91 kr", Caller("4242", 14291)),
        ("4242 300kr", Caller("4242", 30000)),
        ("4242 SEK 300", Caller("4242", 30000)),
        ("4242 14:30", Caller("4242", None, *around(MIDNIGHT.replace(hour=14, minute=30)))),
        ("142,91 kl 14:30", Caller(None, 14291, *around(MIDNIGHT.replace(hour=14, minute=30)))),
        ("4242 142,91 igår", Caller("4242", 14291, MIDNIGHT - timedelta(days=1), MIDNIGHT)),
        ("4242 2026-11-20",
         Caller("4242", None, MIDNIGHT - timedelta(days=2), MIDNIGHT - timedelta(days=1))),
        ("4242 24/12", Caller("4242", None, MIDNIGHT.replace(year=2025, month=12, day=24),
                              MIDNIGHT.replace(year=2025, month=12, day=25))),
    ],
)  # fmt: skip
def test_card_amount_and_time_in_any_order_people_say_them(text: str, expected: Caller) -> None:
    assert read(text, NOW) == expected


def test_a_time_still_to_come_was_yesterday() -> None:
    since, until = around(MIDNIGHT.replace(hour=23) - timedelta(days=1))
    assert read("4242 23:00", NOW) == Caller("4242", None, since, until)


@pytest.mark.parametrize(
    "text", ["", "142,91", "Jönköping 4242", "4242 x", "4242 25:99", "4242 2026-13-01", "4242 nan",
             "4242 1e400", "14:30", "4242 142,91 3 4", "4242 -5", "4242 31/02"],
)  # fmt: skip
def test_too_little_or_nonsense_is_nobody(text: str) -> None:
    assert read(text, NOW) == NOBODY
