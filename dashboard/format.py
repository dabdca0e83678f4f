"""Numbers, units, times and money as people read them, in Swedish and English. Pure.

Swedish: `812 440,50 kr` with a narrow no-break space (U+202F) between thousands. English:
`SEK 812,440.50`. A no-break space (U+00A0) stands before units, minus is U+2212, an unknown value
is an en dash. Instants are shown in the zone the Format was made for.
"""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime
from babel.numbers import format_decimal, get_currency_precision

NARROW, NBSP, MINUS, UNKNOWN = "\u202f", "\u00a0", "\u2212", "\u2013"
Number = int | float | Decimal
HOME = ZoneInfo("Europe/Stockholm")


@cache
def locale_of(language: str) -> Locale:
    """Swedish, or British English: day before month and 24 hours suit both."""
    return Locale("sv", "SE") if language == "sv" else Locale("en", "GB")


def unit(text: str, name: str) -> str:
    """Join a formatted number to its unit so that a line never breaks between them."""
    return text if text == UNKNOWN else f"{text}{NBSP}{name}"


@dataclass(frozen=True)
class Format:
    """Formats values for one language and one time zone. None always gives an en dash."""

    language: str
    zone: tzinfo = HOME

    def number(self, value: Number | None, digits: int = 0) -> str:
        if value is None:
            return UNKNOWN
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        text = str(format_decimal(value, format=pattern, locale=locale_of(self.language)))
        return self._typeset(text)

    def signed(self, value: Number | None, digits: int = 0) -> str:
        """A difference: the sign is always there, except on zero."""
        text = self.number(value, digits)
        return "+" + text if value is not None and value > 0 else text

    def kwh(self, wh: Number | None, digits: int | None = None) -> str:
        """Watt-hours in, kWh out: two decimals below 100 kWh, none from there on."""
        if wh is None:
            return UNKNOWN
        shown = (2 if -100_000 < wh < 100_000 else 0) if digits is None else digits
        return unit(self.number(Decimal(str(wh)) / 1000, shown), "kWh")

    def kw(self, watts: Number | None, digits: int | None = None) -> str:
        """Watts in, kW out: one decimal below 100 kW, none from there on."""
        if watts is None:
            return UNKNOWN
        shown = (1 if -100_000 < watts < 100_000 else 0) if digits is None else digits
        return unit(self.number(Decimal(str(watts)) / 1000, shown), "kW")

    def rating(self, watts: Number | None) -> str:
        """What a plate says: 22 kW, 7,4 kW, 150 kW."""
        whole = watts is None or round(watts / 100) % 10 == 0
        return self.kw(watts, 0 if whole else 1)

    def percent(self, share: Number | None, digits: int = 0) -> str:
        """A share between 0 and 1."""
        return unit(self.number(None if share is None else share * 100, digits), "%")

    def points(self, difference: Number | None, digits: int = 1) -> str:
        """A difference between two shares, in percentage points."""
        scaled = None if difference is None else difference * 100
        return unit(self.signed(scaled, digits), "pp")

    def money(self, minor: int | None, currency: str) -> str:
        """Minor units (öre, cents) of a currency."""
        text = self.amount(minor, currency)
        if minor is None or self.language == "sv":
            return unit(text, self.currency(currency))
        return f"{currency}{NBSP}{text}"

    def amount(self, minor: int | None, currency: str) -> str:
        """Minor units as `money`, without the currency: for columns that name it."""
        if minor is None:
            return UNKNOWN
        digits = int(get_currency_precision(currency))
        return self.number(Decimal(minor).scaleb(-digits), digits)

    def currency(self, code: str) -> str:
        """What stands beside a large amount: kr, SEK, EUR."""
        return "kr" if code == "SEK" and self.language == "sv" else code

    def distance(self, metres: Number | None) -> str:
        """Tens of metres below one kilometre, then kilometres."""
        if metres is None:
            return UNKNOWN
        if metres < 995:
            return unit(self.number(max(10, round(metres / 10) * 10)), "m")
        return unit(self.number(metres / 1000, 1 if metres < 99_500 else 0), "km")

    def duration(self, seconds: Number | None) -> str:
        """Two units at most: 14 s, 21 min, 2 h 06 min, 5 d."""
        if seconds is None:
            return UNKNOWN
        whole = max(0, int(seconds))
        if whole < 60:
            return unit(str(whole), "s")
        if whole < 3600:
            return unit(str(whole // 60), "min")
        if whole < 48 * 3600:
            hours, minutes = divmod(whole // 60, 60)
            return f"{hours}{NBSP}h{NBSP}{minutes:02}{NBSP}min"
        return unit(self.number(whole // 86400), "d")

    def length(self, seconds: Number | None) -> str:
        """As `duration`, and the hours beside days: 2 d 3 h."""
        if seconds is None or seconds < 48 * 3600:
            return self.duration(seconds)
        days, rest = divmod(int(seconds), 86400)
        return f"{self.number(days)}{NBSP}d{NBSP}{rest // 3600}{NBSP}h"

    def time(self, at: datetime | None, *, seconds: bool = False) -> str:
        return self._dated(at, "HH:mm:ss" if seconds else "HH:mm")

    def date(self, at: datetime | None, *, weekday: bool = False, year: bool = False) -> str:
        return self._dated(at, ("EEEE " if weekday else "") + "d MMM" + (" y" if year else ""))

    def weekday(self, at: datetime | None) -> str:
        return self._dated(at, "EEE")

    def month(self, at: datetime | None, *, year: bool = True) -> str:
        return self._dated(at, "MMM y" if year else "MMM")

    def stamp(self, at: datetime | None, *, seconds: bool = True) -> str:
        """Date and time, for records: 22 Nov 2026 14:12:41."""
        return self._dated(at, "d MMM y HH:mm" + (":ss" if seconds else ""))

    def since(self, at: datetime | None, now: datetime) -> str:
        """The shortest unambiguous form: 09:14 today, Sat 09:14 this week, else 9 Nov."""
        if at is None:
            return UNKNOWN
        days = (now.astimezone(self.zone).date() - at.astimezone(self.zone).date()).days
        if days == 0:
            return self.time(at)
        return self._dated(at, "EEE HH:mm") if 0 < days < 7 else self.date(at, year=days > 300)

    def _dated(self, at: datetime | None, pattern: str) -> str:
        if at is None:
            return UNKNOWN
        local, locale = at.astimezone(self.zone), locale_of(self.language)
        # CLDR writes "nov." and "mån"; beside figures the point is only noise
        return str(format_datetime(local, pattern, locale=locale)).replace(".", "")

    def _typeset(self, text: str) -> str:
        text = text.replace("-", MINUS)
        return text.replace(NBSP, NARROW) if self.language == "sv" else text
