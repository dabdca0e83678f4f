"""Prices and money in words, as the pages of drivers say them."""

from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from babel.dates import format_datetime
from babel.numbers import get_currency_precision
from markupsafe import Markup, escape

from dashboard.format import NBSP, Format, locale_of
from dashboard.i18n import mark, t
from dashboard.public.papers import Line as PaperLine
from dashboard.public.price import Line, Price, rounded

KM_PER_KWH = 5  # 20 kWh lasts for about 100 km
EXAMPLE_KWH = 20
FINEST = 4  # digits of a price per kWh or minute
LABELS = {
    "energy": mark("Energy"),
    "charging": mark("While charging"),
    "staying": mark("Staying after charging"),
    "session": mark("Per charge"),
    "lowest": mark("At least per charge"),
    "highest": mark("Never more per charge than"),
}
DAYS = {
    "MONDAY": mark("Monday"), "TUESDAY": mark("Tuesday"), "WEDNESDAY": mark("Wednesday"),
    "THURSDAY": mark("Thursday"), "FRIDAY": mark("Friday"), "SATURDAY": mark("Saturday"),
    "SUNDAY": mark("Sunday"),
}  # fmt: skip
PER = {"energy": "/kWh", "charging": "/min", "staying": "/min"}


def rich(text: str, **values: object) -> Markup:
    """A translated text with markup in it: values are escaped unless they are markup."""
    return escape(text).format(**values)


def strong(text: str) -> Markup:
    return Markup('<strong class="nb">{}</strong>').format(text)


def rate(form: Format, amount: Decimal, currency: str, per: str = "") -> str:
    """An amount in whole units: 4,99 kr/kWh, SEK 4.99/kWh, 2 kr/min."""
    number = _number(form, amount)
    if form.language != "sv":
        return f"{currency}{NBSP}{number}{per}"
    return f"{number}{NBSP}{unit_of(currency)}{per}"


def unit_of(currency: str) -> str:
    return "kr" if currency == "SEK" else currency


def _number(form: Format, amount: Decimal) -> str:
    """Two decimals or none; more only where the price has them."""
    fine = amount.quantize(Decimal(1).scaleb(-FINEST), ROUND_HALF_UP).normalize()
    digits = max(0, -int(fine.as_tuple().exponent))
    return form.number(fine, digits if digits in (0, 3, 4) else 2)


def big(form: Format, number: str, currency: str, per: str = "") -> Markup:
    """A large figure with its unit small: `4,99 kr/kWh`, `SEK 4.99/kWh`."""
    if form.language == "sv":
        return Markup("{} <small>{}{}</small>").format(number, unit_of(currency), per)
    after = Markup("<small>{}</small>").format(per) if per else ""
    return Markup("<small>{}</small> {}{}").format(currency, number, after)


def big_rate(form: Format, amount: Decimal, currency: str) -> Markup:
    return big(form, _number(form, amount), currency, "/kWh")


def big_money(form: Format, minor: int | None, currency: str) -> Markup:
    """A sum in minor units, always with its decimals."""
    digits = int(get_currency_precision(currency))
    return big(form, form.number(Decimal(minor or 0).scaleb(-digits), digits), currency)


def amount(form: Format, minor: int, currency: str) -> str:
    """A sum in minor units, without idle decimals: 300 kr, 143,21 kr."""
    digits = int(get_currency_precision(currency))
    return rate(form, Decimal(minor).scaleb(-digits), currency)


def power(form: Format, watts: float | None) -> str:
    """Whole kW from 10 kW on: a car's tenths change too quickly to be read."""
    return form.kw(watts, 1 if watts and watts < 10_000 else 0)


def day(form: Format, at: datetime) -> str:
    """25 november."""
    return str(format_datetime(at.astimezone(form.zone), "d MMMM", locale=locale_of(form.language)))


def percent(form: Format, rate: Decimal) -> str:
    """A VAT rate, which is in per cent: 25 %."""
    return form.percent(rate / 100, _digits(rate))


def register(form: Format, wh: int) -> str:
    """A meter's register in kWh."""
    return form.number(Decimal(wh) / 1000, 2 if wh % 10 == 0 else 3)


def exact_kwh(form: Format, wh: int) -> str:
    """Two decimals, three where the meter's last digit asks for it: never rounded."""
    return register(form, wh) + NBSP + "kWh"


def quantity(form: Format, line: PaperLine) -> str:
    """How much of a receipt's line: 31,42 kWh, 12 min; a fee is charged once."""
    if line.quantity is None or line.unit in ("", "session"):
        return ""
    least = 2 if line.unit == "kWh" else 0
    return form.number(line.quantity, max(least, _digits(line.quantity))) + NBSP + line.unit


def unit_price(form: Format, line: PaperLine) -> str:
    price = line.unit_price
    return "" if price is None else form.number(price, max(2, _digits(price)))


def _digits(number: Decimal) -> int:
    return max(0, -int(number.normalize().as_tuple().exponent))


def short(name: str) -> str:
    """A long id as people compare it: pi_3Qx…7Lm2."""
    return name if len(name) < 14 else f"{name[:6]}…{name[-4:]}"


def price_words(form: Format, price: Price, line: Line) -> str:
    """2 kr/min from 10 min."""
    said = [_rate_of(form, price, line), *limit_words(form, line.limits)]
    return " ".join(said)


def _rate_of(form: Format, price: Price, line: Line) -> str:
    return rate(form, line.amount, price.currency, PER.get(line.kind, ""))


def small_print(form: Format, price: Price) -> list[tuple[str, str]]:
    """(label, price) of everything but a plain price per kWh, in the order of AFIR."""
    lines = [line for line in price.lines if line.kind != "energy" or price.varies]
    return [(t(LABELS[line.kind]), price_words(form, price, line)) for line in lines]


def example(form: Format, price: Price) -> str:
    """What twenty kWh cost."""
    digits = int(get_currency_precision(price.currency))
    return form.money(rounded(price.session_of(EXAMPLE_KWH), digits), price.currency)


def range_words(form: Format) -> str:
    """How far twenty kWh last: Swedes count in tens of kilometres."""
    km = KM_PER_KWH * EXAMPLE_KWH
    return f"{km // 10}{NBSP}mil" if form.language == "sv" else f"{km}{NBSP}km"


def limit_words(form: Format, limits: dict[str, Any]) -> list[str]:
    """When a price holds, in words; nothing when it always does."""
    said = [*_clock(limits), *_days(limits), *_dates(limits)]
    said += _span(limits, "duration", lambda seconds: form.duration(int(seconds)))
    said += _span(limits, "kwh", lambda kwh: form.number(kwh) + NBSP + "kWh")
    said += _span(limits, "power", lambda kw: form.number(kw) + NBSP + "kW")
    said += _span(limits, "current", lambda ampere: form.number(ampere) + NBSP + "A")
    return said


def _clock(limits: dict[str, Any]) -> Iterable[str]:
    start, end = limits.get("start_time"), limits.get("end_time")
    if start or end:
        yield f"{start or '00:00'}\u2013{end or '00:00'}"


def _days(limits: dict[str, Any]) -> Iterable[str]:
    days = limits.get("day_of_week") or ()
    if days:
        yield ", ".join(t(DAYS[day]) for day in days)


def _dates(limits: dict[str, Any]) -> Iterable[str]:
    if start := limits.get("start_date"):
        yield t("from {start}", start=start)
    if end := limits.get("end_date"):
        yield t("before {end}", end=end)


def _span(limits: dict[str, Any], name: str, said: Any) -> Iterable[str]:
    """OCPI's min_ and max_ of something."""
    if least := limits.get(f"min_{name}"):
        yield t("from {start}", start=said(least))
    if most := limits.get(f"max_{name}"):
        yield t("up to {end}", end=said(most))
