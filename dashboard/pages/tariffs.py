"""Prices: every tariff with its lines and the places it applies to. Adding one is `tariff add`."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from dash import html

from dashboard import books
from dashboard.components import Child, Column, empty_state, panel, table
from dashboard.data import Row
from dashboard.format import Format
from dashboard.i18n import formatter, mark, t, tn
from dashboard.pages.frame import Page, frame, live_stamp, spacer, title

COMPONENTS = {
    "ENERGY": (mark("Energy"), "kWh"), "TIME": (mark("Charging time"), "h"),
    "PARKING_TIME": (mark("Occupancy"), "h"), "FLAT": (mark("Starting fee"), ""),
}  # fmt: skip
DAYS = {"MONDAY": mark("Mon"), "TUESDAY": mark("Tue"), "WEDNESDAY": mark("Wed"),
        "THURSDAY": mark("Thu"), "FRIDAY": mark("Fri"), "SATURDAY": mark("Sat"),
        "SUNDAY": mark("Sun")}  # fmt: skip
RANGES = {
    "kwh": ("min_kwh", "max_kwh", "kWh"), "power": ("min_power", "max_power", "kW"),
    "current": ("min_current", "max_current", "A"),
}  # fmt: skip


def layout(**_parameters: Any) -> Child:
    rows = books.tariffs()
    note = t("Add one with: python app.py tariff add")
    if not rows:
        body: list[Child] = [panel(t("Prices"), empty_state(t("No tariffs yet"), note))]
    else:
        body = [tariff(row) for row in rows]
    return frame("tariffs", t("Prices"), body, [spacer(), live_stamp()])


def tariff(row: Row) -> Child:
    """Name, where it applies, since when; each component with its price and when it holds."""
    form, document = formatter(), row["document"]
    name = _name(document)
    places = ", ".join(row["places"] or []) or t("nowhere")
    evses = tn("applies to {n} evse", "applies to {n} evses", row["evses"])
    numbers = (t("Price without VAT"), t("VAT"), t("With VAT"))
    columns = [Column(t("Component")), *(Column(name, "num") for name in numbers),
               Column(t("When"), "ell")]  # fmt: skip
    lines = [
        _line(component, element.get("restrictions") or {}, row["currency"], form)
        for element in document.get("elements", [])
        for component in element.get("price_components", [])
    ]
    kind = "" if row["evses"] else "unused"
    about = html.P([t("Assigned to: {places}", places=places), " · ", _valid(row, form)],
                   className="tariff-about mut")  # fmt: skip
    return panel(name, about, table(name, columns, lines), sub=evses, kind=kind)


def _name(document: dict[str, Any]) -> str:
    texts = {each.get("language"): each.get("text") for each in document.get("tariff_alt_text", [])}
    shown = texts.get(formatter().language) or next(iter(texts.values()), None)
    return f"{document['id']}: {shown}" if shown else str(document["id"])


def _valid(row: Row, form: Format) -> str:
    """Infinities come as None: psycopg has no datetime for them."""
    now = datetime.now(UTC)
    since, until = row["valid_from"], row["valid_until"]
    if until and until < now:
        return t("ended {date}", date=form.date(until, year=True))
    if since and since > now:
        return t("from {date}", date=form.date(since, year=True))
    return t("until {date}", date=form.date(until, year=True)) if until else t("no end date")


def _line(
    component: dict[str, Any], restrictions: dict[str, Any], currency: str, form: Format
) -> list[Child]:
    kind = component["type"]
    words, unit = COMPONENTS.get(kind, (kind, ""))
    price, vat = Decimal(str(component["price"])), component.get("vat")
    rate = Decimal(str(vat)) if vat is not None else Decimal(0)
    with_vat = price * (100 + rate) / 100
    per = f"/{unit}" if unit else ""
    return [
        t(words),
        _price(price, currency, form) + per,
        form.percent(rate / 100) if vat is not None else t("none"),
        html.B(_price(with_vat, currency, form) + per),
        when(restrictions),
    ]


def _price(value: Decimal, currency: str, form: Format) -> str:
    """All the digits a price has, at least two."""
    exact = value.normalize()
    digits = min(6, max(2, -int(exact.as_tuple().exponent)))
    text = form.number(value, digits)
    unit = form.currency(currency)
    return f"{text}\u00a0{unit}" if form.language == "sv" else f"{unit}\u00a0{text}"


def when(restrictions: dict[str, Any]) -> str:
    """The restrictions of an element in words; "always" without any."""
    parts = []
    start, end = restrictions.get("start_time"), restrictions.get("end_time")
    if start or end:
        parts.append(f"{start or '00:00'}\u2013{end or '24:00'}")
    days = restrictions.get("day_of_week") or []
    parts.append(", ".join(t(DAYS[day]) for day in days if day in DAYS))
    first, last = restrictions.get("start_date"), restrictions.get("end_date")
    if first or last:
        parts.append(f"{first or ''}\u2013{last or ''}")
    parts += [_range(restrictions, *names) for names in RANGES.values()]
    parts.append(_durations(restrictions))
    if restrictions.get("reservation"):
        parts.append(t("reservations"))
    return " · ".join(part for part in parts if part) or t("always")


def _range(restrictions: dict[str, Any], low: str, high: str, unit: str) -> str:
    least, most = restrictions.get(low), restrictions.get(high)
    if least is None and most is None:
        return ""
    if most is None:
        return t("from {value}", value=f"{least}\u00a0{unit}")
    if least is None:
        return t("below {value}", value=f"{most}\u00a0{unit}")
    return f"{least}\u2013{most}\u00a0{unit}"


def _durations(restrictions: dict[str, Any]) -> str:
    form = formatter()
    least, most = restrictions.get("min_duration"), restrictions.get("max_duration")
    parts = []
    if least is not None:
        parts.append(t("after {value}", value=form.duration(least)))
    if most is not None:
        parts.append(t("the first {value}", value=form.duration(most)))
    return ", ".join(parts)


PAGE = Page(
    "tariffs", "/tariffs", title(mark("Prices")), layout, roles=frozenset(books.READING)
)  # fmt: skip
