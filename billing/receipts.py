"""What a receipt and a credit note say, as one document that every paper is drawn from. Pure.

Amounts are whole minor units, quantities and unit prices exact decimals written as text. Lines sum
to the VAT lines and those to the totals, column by column (`billing.shares`).
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from msgspec import Struct

from billing.breakdown import PricedLine
from billing.money import Number, decimals_of, shown
from billing.reading import Document
from billing.records import Record
from billing.shares import exact_by_rate, minor, rate_of, shared
from billing.vat import VatLine

VERSION = 1
ORDER = ("electricity", "network", "energy", "time", "parking", "flat", "bound")
WHAT = {"ENERGY": "energy", "TIME": "time", "PARKING_TIME": "parking", "FLAT": "flat"}
PER_MINUTE = 4  # decimals a price per minute may have; else it is shown per hour
ZERO = Fraction(0)


class Seller(Struct, frozen=True):
    """An operator as its papers name it; `electricity_price` is without VAT per kWh."""

    operator_id: int
    name: str
    legal_entity: str | None
    organisation_number: str | None
    vat_number: str | None
    address: str | None
    email: str | None
    phone: str | None
    f_tax: bool
    electricity_price: Decimal | None
    currency: str
    time_zone: str
    series_prefix: str


class Paying(NamedTuple):
    """What a payment adds to the papers: its reference and when its price was shown."""

    payment_id: int
    reference: str
    price_shown_at: datetime | None


class Supply(NamedTuple):
    """A line before it is rounded: net and VAT in minor units, exact."""

    what: str
    quantity: Decimal | None
    unit: str
    unit_price: Number | None
    rate: Decimal
    net: Fraction
    vat: Fraction


def receipt_document(record: Record, seller: Seller, paying: Paying | None) -> Document:
    """Everything the receipt of a session shows, except its number and how it was paid."""
    return {
        "version": VERSION,
        "kind": "receipt",
        "seller": _seller(seller),
        "session": _session(record),
        "lines": lines_of(record, seller),
        "vat_lines": vat_document(record.vat_lines),
        "totals": totals(record.vat_lines, record.priced.currency),
        "trace": {
            "payment_reference": paying.reference if paying else None,
            "price_shown_at": paying.price_shown_at if paying else None,
            "tariff_id": record.frozen.plan.tariff.id if record.frozen else None,
            "tariff_hash": record.frozen.hash if record.frozen else None,
        },
    }


def vat_document(lines: Sequence[VatLine]) -> list[Document]:
    return [
        {"rate": str(line.rate), "net": line.net, "vat": line.vat, "gross": line.gross}
        for line in lines
    ]


def read_vat_lines(documents: Sequence[Document]) -> tuple[VatLine, ...]:
    """VAT lines from a stored receipt or CDR."""
    return tuple(VatLine(Decimal(str(d["rate"])), d["net"], d["vat"]) for d in documents)


def totals(lines: Sequence[VatLine], currency: str) -> Document:
    net, vat = sum(line.net for line in lines), sum(line.vat for line in lines)
    return {"net": net, "vat": vat, "gross": net + vat, "currency": currency}


def _seller(seller: Seller) -> Document:
    return {
        "operator_id": seller.operator_id,
        "name": seller.name,
        "legal_entity": seller.legal_entity or seller.name,
        "organisation_number": seller.organisation_number,
        "vat_number": seller.vat_number,
        "address": seller.address,
        "email": seller.email,
        "phone": seller.phone,
        "f_tax": seller.f_tax,
    }


def _session(record: Record) -> Document:
    about, how = record.facts.about, record.document["kilowatch"]
    start, end = record.document["start_date_time"], record.document["end_date_time"]
    return {
        "session_id": record.facts.session_id,
        "code": about["public_code"],
        "evse": f"{about['station_id']}/{about['evse_id']}",
        "site": about["site_name"],
        "address": about["site_address"],
        "city": about["city"],
        "help_phone": about["help_phone"],
        "time_zone": record.facts.zone.key,
        "started_at": start,
        "ended_at": end,
        "started_local": start.astimezone(record.facts.zone).isoformat(),
        "ended_local": end.astimezone(record.facts.zone).isoformat(),
        "meter_start_wh": about["meter_start_wh"],
        "meter_stop_wh": about["meter_stop_wh"],
        "energy_wh": record.energy_wh,
        "flags": how["flags"],
    }


def lines_of(record: Record, seller: Seller) -> list[Document]:
    """The lines in a fixed order; net, VAT and gross of each rate's lines sum to its VAT line."""
    found: list[tuple[Supply, int, int]] = []
    supplies = sorted(_supplies(record, seller), key=lambda each: ORDER.index(each.what))
    for line in record.vat_lines:
        some = [each for each in supplies if each.rate == line.rate]
        nets = shared(line.net, [each.net for each in some])
        vats = shared(line.vat, [each.vat for each in some])
        found += zip(some, nets, vats, strict=True)
    return [_line(*each) for each in found]


def _line(supply: Supply, net: int, vat: int) -> Document:
    return {
        "what": supply.what,
        "quantity": None if supply.quantity is None else str(supply.quantity),
        "unit": supply.unit,
        "unit_price": None if supply.unit_price is None else str(supply.unit_price),
        "vat_rate": str(supply.rate),
        "net": net,
        "vat": vat,
        "gross": net + vat,
    }


def _supplies(record: Record, seller: Seller) -> list[Supply]:
    """One per kind and price, the price per kWh as its two supplies; then what a bound changed."""
    groups: dict[tuple[str, Number, Decimal], list[PricedLine]] = {}
    for line in record.priced.breakdown:
        key = (WHAT[line.type], line.price, rate_of(line))
        groups.setdefault(key, []).append(line)
    supplies = [_supply(record.priced.currency, key, lines) for key, lines in groups.items()]
    supplies = [each for one in supplies for each in _split(one, seller, record)]
    return [each for each in supplies if each.net or each.vat] + _bounds(record)


def _supply(currency: str, key: tuple[str, Number, Decimal], lines: list[PricedLine]) -> Supply:
    what, price, rate = key
    net = sum((minor(line.cost_excl_vat, currency) for line in lines), Fraction(0))
    gross = sum((minor(line.cost_incl_vat, currency) for line in lines), Fraction(0))
    volume = sum((line.billed_volume for line in lines), Decimal(0))
    unit = {"energy": "kWh", "flat": "session"}.get(what, "h")
    if unit == "h" and decimals_of(per_minute := shown(Fraction(price) / 60)) <= PER_MINUTE:
        volume, price, unit = shown(Fraction(volume) * 60), per_minute, "min"
    return Supply(what, volume, unit, price, rate, net, gross - net)


def _split(supply: Supply, seller: Seller, record: Record) -> list[Supply]:
    """Electricity and access to the network are two supplies (Swedish case law since 2025)."""
    share, price = seller.electricity_price, supply.unit_price
    if supply.what != "energy" or share is None or price is None or price <= 0:
        return [supply]
    if seller.currency != record.priced.currency:
        return [supply]
    electricity = min(Fraction(share), Fraction(price))
    part = electricity / Fraction(price)
    rest = Fraction(price) - electricity
    return [
        supply._replace(
            what="electricity",
            unit_price=shown(electricity),
            net=supply.net * part,
            vat=supply.vat * part,
        ),
        supply._replace(
            what="network",
            unit_price=shown(rest),
            net=supply.net * (1 - part),
            vat=supply.vat * (1 - part),
        ),
    ]


def _bounds(record: Record) -> list[Supply]:
    """What a lowest or highest price of the session added or took off, per VAT rate."""
    if record.priced.limited_by is None or record.frozen is None:
        return []
    found = []
    used: dict[Decimal, tuple[Fraction, Fraction]] = exact_by_rate(record.priced, None)
    held = exact_by_rate(record.priced, record.frozen.plan.tariff)
    for rate, (net, vat) in held.items():
        before = used.get(rate, (Fraction(0), Fraction(0)))
        found.append(Supply("bound", None, "", None, rate, net - before[0], vat - before[1]))
    return [each for each in found if each.net or each.vat]


def credit_document(
    receipt: Document, vat_lines: Sequence[VatLine], credits_: Document, reason: str
) -> Document:
    """A credit note: what is taken back of a receipt, per VAT rate; amounts are negative."""
    currency = receipt["totals"]["currency"]
    lines: list[dict[str, Any]] = [
        _line(Supply("credit", None, "", None, line.rate, ZERO, ZERO), line.net, line.vat)
        for line in vat_lines
    ]
    return receipt | {
        "kind": "credit_note",
        "lines": lines,
        "vat_lines": vat_document(vat_lines),
        "totals": totals(vat_lines, currency),
        "credits": credits_,
        "reason": reason,
    }
