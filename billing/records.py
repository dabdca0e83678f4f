"""CDRs: what a finished session used and cost, as one OCPI 2.2.1 document for ever. Pure.

Besides OCPI's fields it has `kilowatch`: how the price comes about, VAT per rate, what the session
was flagged with, and everything else that pricing it again needs (`reprice`).
"""

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from billing.bounds import Bounded, Totals
from billing.breakdown import Priced, priced
from billing.cdrs import Cdr, CdrError, read_cdr
from billing.periods import cdr_of, hours, kwh
from billing.pricing import Plan, plan_of, price
from billing.reading import Document
from billing.shares import vat_lines_of
from billing.tariffs import read_tariff
from billing.usage import Course, Usage, course_of
from billing.vat import VatLine

RULES = 1  # of docs/receipts.md: which ones a document was made by
TOKENS = {"guest": "AD_HOC_USER", "free": "OTHER"}
# ISO 3166-1 alpha-3, which OCPI wants for places
COUNTRIES = {"SE": "SWE", "NO": "NOR", "DK": "DNK", "FI": "FIN", "IS": "ISL", "DE": "DEU"}
SECOND = timedelta(seconds=1)
BUILTIN = (Decimal, datetime)
NOTHING = Totals(Fraction(0), Fraction(0))


class Facts(Struct, frozen=True):
    """A session as its price and its papers need it; `about`: further columns by name."""

    session_id: int
    usage: Usage
    zone: ZoneInfo
    about: dict[str, Any]


class Frozen(Struct, frozen=True):
    """A stored tariff: ready for pricing, and as it stands in the database."""

    hash: str
    plan: Plan
    document: Document


class Record(Struct, frozen=True):
    """A priced session: the document and what the books need of it; amounts in minor units."""

    facts: Facts
    frozen: Frozen | None
    priced: Priced
    vat_lines: tuple[VatLine, ...]
    document: Document

    @property
    def net(self) -> int:
        return sum(line.net for line in self.vat_lines)

    @property
    def vat(self) -> int:
        return sum(line.vat for line in self.vat_lines)

    @property
    def gross(self) -> int:
        return self.net + self.vat

    @property
    def energy_wh(self) -> int:
        return max(self.facts.usage.energy_wh, 0)


def price_cdr(plan: Plan, cdr: Cdr, zone: ZoneInfo) -> Priced:
    """As `price`, but a session without energy costs nothing: no fee, no time, no lowest price.

    Who got nothing pays nothing, whatever the tariff asks for beginning or for standing there.
    """
    if any(period.volume("ENERGY") for period in cdr.charging_periods):
        return price(plan, cdr, zone)
    return free(plan.tariff.currency)


def free(currency: str) -> Priced:
    return priced(currency, [], [], Bounded(NOTHING, NOTHING))


def record_of(
    facts: Facts, frozen: Frozen | None, currency: str, channel: str, now: datetime
) -> Record:
    """The session priced and written down; without a tariff it is free, in `currency`."""
    course = course_of(facts.usage, now)
    plan = frozen.plan if frozen else None
    cdr = cdr_of(course, plan.tariff.currency if plan else currency, facts.zone, plan)
    result = price_cdr(plan, cdr, facts.zone) if plan else free(currency)
    vat_lines = vat_lines_of(result, plan.tariff) if plan else ()
    document = _ocpi(facts, cdr, course, result, channel) | {
        "tariffs": [frozen.document] if frozen else [],
        "kilowatch": _how(facts, course, result, vat_lines, channel, frozen),
        "last_updated": now,
    }
    return Record(facts, frozen, result, vat_lines, document)


def _ocpi(facts: Facts, cdr: Cdr, course: Course, result: Priced, channel: str) -> Document:
    about, cost = facts.about, {kind: _cost_of(result, kind) for kind in ("ENERGY", "TIME")}
    return {
        "id": str(facts.session_id),
        "country_code": about["country"] or "SE",
        "party_id": "KWH",
        "start_date_time": cdr.start_date_time,
        "end_date_time": cdr.end_date_time,
        "session_id": str(facts.session_id),
        # whose token it was is no business of whoever reads the record: only its kind is kept
        "cdr_token": {"type": TOKENS.get(channel, "RFID")},
        "auth_method": "COMMAND" if channel == "guest" else "WHITELIST",
        "cdr_location": _location(facts),
        "currency": cdr.currency,
        "charging_periods": msgspec.to_builtins(cdr.charging_periods, builtin_types=BUILTIN),
        "total_cost": _amounts(result.total_cost_excl_vat, result.total_cost_incl_vat),
        "total_fixed_cost": _cost_of(result, "FLAT"),
        "total_energy": kwh(max(facts.usage.energy_wh, 0)),
        "total_energy_cost": cost["ENERGY"],
        "total_time": hours(course.end - course.start),
        "total_time_cost": cost["TIME"],
        "total_parking_time": hours(course.seconds("parking")),
        "total_parking_cost": _cost_of(result, "PARKING_TIME"),
    }


def _cost_of(result: Priced, kind: str) -> Document:
    lines = [line for line in result.breakdown if line.type == kind]
    excl = sum(line.cost_excl_vat for line in lines)
    return _amounts(excl, sum(line.cost_incl_vat for line in lines))


def _amounts(excl: Any, incl: Any) -> Document:
    return {"excl_vat": excl, "incl_vat": incl}


def _location(facts: Facts) -> Document:
    about = facts.about
    given = {
        "id": str(about["site_id"] or about["station_id"]),
        "name": about["site_name"],
        "address": about["site_address"],
        "city": about["city"],
        "country": COUNTRIES.get(about["country"], about["country"]),
        "coordinates": _coordinates(about["latitude"], about["longitude"]),
        "evse_uid": str(about["evse_key"]),
        "evse_id": f"{about['station_id']}/{about['evse_id']}",
        "connector_id": str(about["connector_id"] or 1),
        "connector_standard": about["standard"],
    }
    return {name: value for name, value in given.items() if value is not None}


def _coordinates(latitude: float | None, longitude: float | None) -> Document | None:
    if latitude is None or longitude is None:
        return None
    return {"latitude": f"{latitude:.6f}", "longitude": f"{longitude:.6f}"}


def _how(
    facts: Facts,
    course: Course,
    result: Priced,
    vat_lines: tuple[VatLine, ...],
    channel: str,
    frozen: Frozen | None,
) -> Document:
    about = facts.about
    told = msgspec.to_builtins(result, builtin_types=BUILTIN)
    return {
        "rules": RULES,
        "channel": channel,
        "time_zone": facts.zone.key,
        "tariff_hash": frozen.hash if frozen else None,
        "registers": {"start_wh": about["meter_start_wh"], "stop_wh": about["meter_stop_wh"]},
        "seconds": {
            kind: course.seconds(kind) // SECOND for kind in ("charging", "parking", "waiting")
        },
        "flags": list(about["flags"]),
        "notes": [*course.notes, *result.notes],
        "stop_reason": about["stop_reason"],
        "station_id": about["station_id"],
        "evse_id": about["evse_id"],
        "breakdown": told["breakdown"],
        "limited_by": result.limited_by,
        "limit": told["limit"],
        "rounding": told["rounding"],
        "vat_lines": [{"rate": line.rate, "net": line.net, "vat": line.vat} for line in vat_lines],
    }


def credit_record(document: Document, cdr_id: int, now: datetime) -> Document:
    """OCPI's Credit CDR: the same document, its amounts negative, naming what it takes back."""
    costs = {
        name: {kind: -amount for kind, amount in cost.items()}
        for name, cost in document.items()
        if name.startswith("total_") and isinstance(cost, dict)
    }
    lines = [
        {"rate": line["rate"], "net": -line["net"], "vat": -line["vat"]}
        for line in document["kilowatch"]["vat_lines"]
    ]
    return (
        document
        | costs
        | {
            "id": f"{document['id']}-C{cdr_id}",
            "credit": True,
            "credit_reference_id": document["id"],
            "kilowatch": document["kilowatch"] | {"vat_lines": lines},
            "last_updated": now,
        }
    )


def reprice(document: Document) -> Priced:
    """Price a stored CDR again, with its own tariff, periods and zone: nothing else is asked.

    The document must have been read by `billing.reading.parse` (exact numbers). Of a credit the
    price of what it takes back. Raises CdrError: it is none of ours.
    """
    how = document.get("kilowatch")
    if not isinstance(how, dict) or how.get("rules") != RULES:
        raise CdrError(f"kilowatch.rules: expected {RULES}")
    if not document["tariffs"]:
        return free(document["currency"])
    plan = plan_of(read_tariff(document["tariffs"][0]))
    return price_cdr(plan, read_cdr(document), ZoneInfo(how["time_zone"]))


def repriced_lines(document: Document) -> tuple[VatLine, ...]:
    """VAT per rate as pricing the document again gives it; negative for a credit.

    What the daily check compares with the row's net, VAT and gross (invariant 9).
    """
    result = reprice(document)
    if not document["tariffs"]:
        return ()
    lines = vat_lines_of(result, read_tariff(document["tariffs"][0]))
    sign = -1 if document.get("credit") else 1
    return tuple(VatLine(line.rate, sign * line.net, sign * line.vat) for line in lines)
