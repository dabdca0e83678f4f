"""How a price came about: the lines of a receipt, and behind them the tariff's inputs."""

import json
from decimal import Decimal
from typing import Any

from dash import html

from dashboard.components import Child, Column, facts, table
from dashboard.data import Row
from dashboard.i18n import formatter, mark, t
from dashboard.messages import STOPS
from dashboard.pages.flag_words import flag_words
from dashboard.trails import Trail

SUPPLIES = {
    "electricity": mark("Electricity"), "network": mark("Access to the charging network"),
    "energy": mark("Charging"), "time": mark("Charging time"), "parking": mark("Occupancy"),
    "flat": mark("Starting fee"), "bound": mark("Lowest or highest price"),
    "credit": mark("Credited"),
}  # fmt: skip
COMPONENTS = {"ENERGY": mark("Energy"), "TIME": mark("Charging time"),
              "PARKING_TIME": mark("Occupancy"), "FLAT": mark("Starting fee")}  # fmt: skip
BOUNDS = {"min_price": mark("Lowest price"), "max_price": mark("Highest price")}


def receipt_lines(row: Row) -> list[tuple[str, Child]]:
    """Each supply: how much at which price without VAT, and its net."""
    form, money = formatter(), row["currency"]
    return [(_supply(line), form.amount(line["net"], money)) for line in row["lines"] or []]


def _supply(line: dict[str, Any]) -> str:
    name = t(SUPPLIES[line["what"]]) if line["what"] in SUPPLIES else str(line["what"])
    if line.get("quantity") is None or line.get("unit_price") is None:
        return name
    if line["unit"] == "session":
        return name
    volume = f"{_exact(line['quantity'])}\u00a0{line['unit']}"
    return f"{name}, {volume} \u00d7 {_exact(line['unit_price'])}"


def _exact(text: Any) -> str:
    """A decimal with all the digits it has, at least two of them behind the point."""
    value = Decimal(str(text)).normalize()
    digits = max(2, -int(value.as_tuple().exponent))
    return formatter().number(value, digits)


def parts(found: Trail) -> list[Child]:
    """The inputs of the price in force, folded away: they answer "why this much"."""
    record = next((row for row in found.cdrs if not row["is_credit"]), None)
    if record is None or not record["kilowatch"]:
        return []
    how = json.loads(record["kilowatch"], parse_float=Decimal, parse_int=Decimal)
    head = html.Summary(t("How the price came about"))
    return [html.Details([head, _breakdown(how, record["currency"]), _facts(how, record)],
                         className="price-inputs", id="price-inputs")]  # fmt: skip


def _breakdown(how: dict[str, Any], currency: str) -> Child:
    """Volume times price, line by line, with what bounds and rounding changed: exactly the net."""
    lines = how.get("breakdown") or []
    numbers = (t("Billed"), t("Price"), t("VAT"), t("Net"))
    columns = [Column(t("Component"), "ell"), *(Column(name, "num") for name in numbers)]
    rows = [_line(line) for line in lines]
    rows += [[name, "", "", "", _exact(value)] for name, value in _changes(how)]
    total = sum((Decimal(line["cost_excl_vat"]) for line in lines), Decimal(0))
    total += sum((value for _, value in _changes(how)), Decimal(0))
    foot = [t("Sum"), "", "", "", f"{_exact(total)}"]
    return table(t("How the price came about, {currency}", currency=currency), columns, rows,
                 foot=foot)  # fmt: skip


def _line(line: dict[str, Any]) -> list[Child]:
    form = formatter()
    kind = t(COMPONENTS[line["type"]]) if line["type"] in COMPONENTS else line["type"]
    vat = form.percent(Decimal(line["vat"]) / 100) if line.get("vat") is not None else ""
    per = "" if line["unit"] == "session" else f"\u00a0{line['unit']}"
    return [kind, _exact(line["billed_volume"]) + per, _exact(line["price"]), vat,
            _exact(line["cost_excl_vat"])]  # fmt: skip


def _changes(how: dict[str, Any]) -> list[tuple[str, Decimal]]:
    """What a bound and the one rounding at the end added or took off."""
    limit = Decimal((how.get("limit") or {}).get("excl_vat") or 0)
    rounding = Decimal((how.get("rounding") or {}).get("excl_vat") or 0)
    bound = BOUNDS.get(how.get("limited_by") or "")
    found = [(t(bound) if bound else t("Limit"), limit), (t("Rounding"), rounding)]
    return [(name, value) for name, value in found if value]


def _facts(how: dict[str, Any], record: Row) -> Child:
    form = formatter()
    seconds = how.get("seconds") or {}
    pairs: list[tuple[str, Child]] = [
        (t("Billed energy"), form.kwh(record["energy_wh"], 3)),
        (t("Charging time"), form.duration(seconds.get("charging"))),
        (t("Occupancy"), form.duration(seconds.get("parking"))),
    ]
    reason = how.get("stop_reason")
    if reason:
        pairs.append((t("Ended"), t(STOPS[reason]) if reason in STOPS else reason))
    if how.get("flags"):
        pairs.append((t("Flagged"), ", ".join(map(flag_words, how["flags"]))))
    if record["tariff_hash"]:
        name = html.Span(record["tariff_hash"], className="mono id", title=record["tariff_hash"])
        pairs.append((t("Tariff, frozen"), name))
    return facts(pairs)
