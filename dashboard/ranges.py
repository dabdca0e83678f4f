"""Which days an address asks for: a preset, a month, or any range of days. Pure.

`from` and `until` are the first and the last day (2026-10-01 and 2026-10-31 are October). What
makes no sense is put right, and a remark says how: the page has words for each.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from dashboard.periods import Period, last_days, last_months, month

EARLIEST = date(2000, 1, 1)
MOST_YEARS = 10
DAYS = {"today": 1, "7d": 7, "4w": 28, "30d": 30, "13w": 91}
MONTHS = {"3m": 3, "12m": 12}
TURNED, CUT, ODD, FUTURE = "turned", "cut", "odd", "future"


@dataclass(frozen=True)
class Days:
    """From the first to the last day, both included; `remark`: what had to be put right, if any."""

    first: date
    last: date
    remark: str = ""


def preset(name: str, today: date, zone: ZoneInfo, of_month: str = "") -> Period:
    """The period of a preset: so many days up to and with today, so many whole months that have
    been, yesterday, or the month `of_month` (2026-10)."""
    if name == "yesterday":
        return last_days(today - timedelta(days=1), 1, zone)
    if name in MONTHS:
        return last_months(today, MONTHS[name], zone)
    if name == "month":
        return month(date.fromisoformat(f"{of_month}-01") if of_month else today, zone)
    return last_days(today, DAYS[name], zone)


def free(since: str, until: str, today: date) -> Days | str | None:
    """The range that two texts name; None: neither says anything; ODD: they can't be read.

    One of them alone is enough: from a day until today, or that one last day. Ranges upside down
    are turned round, longer ones than ten years lose their beginning, days to come are left out.
    """
    if not since and not until:
        return None
    first, last = _day(since), _day(until)
    if (since and first is None) or (until and last is None):
        return ODD
    first, last = first or last or today, last or max(today, first or today)
    remark = TURNED if first > last else ""
    first, last = sorted((first, last))
    if last > today:
        first, last, remark = min(first, today), today, FUTURE
    earliest = max(EARLIEST, _years_before(last, MOST_YEARS))
    if first < earliest:
        first, last, remark = earliest, max(last, earliest), CUT
    return Days(first, last, remark)


def period_of(days: Days, zone: ZoneInfo) -> Period:
    return Period(days.first, days.last + timedelta(days=1), zone)


def _day(text: str) -> date | None:
    """2026-10-01 and nothing else: other ways of ISO 8601 would be accepted by accident."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.isoformat() == text else None


def _years_before(day: date, years: int) -> date:
    """The day after the same one so many years ago, so that the two are so many years apart."""
    if day.year - years < EARLIEST.year:
        return EARLIEST
    same = day.replace(year=day.year - years, day=min(day.day, 28 if day.month == 2 else 31))
    return same + timedelta(days=1)
