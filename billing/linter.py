"""What is legal OCPI and yet breaks the rules for showing prices, with the reason. Pure.

AFIR is Regulation (EU) 2023/1804; its article 5 says: at public points of 50 kW and more the ad
hoc price is based on the price per kWh, and an occupancy fee as a price per minute may be added;
below that the components are shown in the order price per kWh, per minute, per session, any
other. All of it is known before a session starts.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal

from msgspec import Struct

from billing.tariffs import Element, PriceComponent, Restrictions, Tariff

FAST_KW = 50
ORDER = {"ENERGY": 0, "TIME": 1, "PARKING_TIME": 1, "FLAT": 2}
MINUTE = 60


class Finding(Struct, frozen=True):
    """`rule` is a name to search for, `field` the place, `reason` what is wrong and why.

    `breaks`: False for what is allowed but will surprise someone.
    """

    rule: str
    field: str
    reason: str
    breaks: bool = True


Findings = Iterator[Finding]


def lint(tariff: Tariff, power_kw: Decimal | int | None = None) -> list[Finding]:
    """Everything found; without `power_kw` the rules for 50 kW and above apply."""
    rules = RULES if power_kw is None or power_kw >= FAST_KW else SLOW_RULES
    return [finding for rule in rules for finding in rule(tariff)]


def _components(tariff: Tariff) -> Iterator[tuple[str, Element, PriceComponent]]:
    for index, element in enumerate(tariff.elements):
        if element.restrictions.reservation is None:
            for place, component in enumerate(element.price_components):
                yield f"elements[{index}].price_components[{place}]", element, component


def _order(tariff: Tariff) -> Findings:
    highest = 0
    for at, _, component in _components(tariff):
        if (rank := ORDER[component.type]) < highest:
            yield Finding(
                "order", at, f"{component.type} comes too late: the order is kWh, minute, session"
            )
        highest = max(highest, rank)


def _minutes(tariff: Tariff) -> Findings:
    for at, _, component in _components(tariff):
        if ORDER[component.type] == 1 and component.step_size > MINUTE and component.price:
            yield Finding(
                "per_minute",
                f"{at}.step_size",
                f"{component.type} is billed in blocks of {component.step_size} s: "
                "a price per minute is billed by the minute at most",
            )


def _vat(tariff: Tariff) -> Findings:
    for at, _, component in _components(tariff):
        if component.vat is None and component.price:
            yield Finding(
                "vat",
                f"{at}.vat",
                f"the {component.type} price says no vat: drivers are shown prices including VAT",
            )


def _fast_base(tariff: Tariff) -> Findings:
    priced = [component for _, _, component in _components(tariff) if component.price]
    if priced and not any(component.type == "ENERGY" for component in priced):
        yield Finding(
            "kwh_base", "elements", f"no price per kWh: at {FAST_KW} kW and above it is the base"
        )


def _fast_extras(tariff: Tariff) -> Findings:
    """Parking time is the occupancy fee; charging time and fees per session are not."""
    for at, _, component in _components(tariff):
        if component.type in ("TIME", "FLAT") and component.price:
            yield Finding(
                "only_kwh",
                at,
                f"{component.type} is not allowed at {FAST_KW} kW and above: only the price per "
                "kWh and an occupancy fee per minute (PARKING_TIME)",
            )
    if tariff.min_price is not None and tariff.min_price.excl_vat:
        yield Finding(
            "only_kwh",
            "min_price",
            f"a lowest price works as a fee per session, not allowed at {FAST_KW} kW and above",
        )


def _unknown_before(tariff: Tariff) -> Findings:
    """No driver can know before the start what depends on how the car will charge."""
    for index, element in enumerate(tariff.elements):
        given = element.restrictions
        names = [f"{end}_{what}" for what in ("current", "power") for end in ("min", "max")]
        for name in names:
            if getattr(given, name) is not None:
                yield Finding(
                    "unknown_before_start",
                    f"elements[{index}].restrictions.{name}",
                    "the price depends on how fast the car will charge, which nobody knows "
                    "before the start",
                )


def _gaps(tariff: Tariff) -> Findings:
    """OCPI advises an element without restrictions for each dimension: a gap costs nothing.

    An occupancy fee for a part of the day is usual and meant so.
    """
    for dimension in ("ENERGY", "TIME"):
        given = _restrictions_of(tariff, dimension)
        if given and not any(each.is_empty for each in given):
            yield Finding(
                "gap",
                "elements",
                f"{dimension} is free whenever none of its restrictions hold: end with an "
                "element without restrictions if that is not meant",
                breaks=False,
            )


def _unreachable(tariff: Tariff) -> Findings:
    always: set[str] = set()
    for at, element, component in _components(tariff):
        if component.type in always:
            yield Finding(
                "unreachable",
                at,
                f"{component.type} has a price without restrictions further up, which always "
                "wins: this one never applies",
                breaks=False,
            )
        if element.restrictions.is_empty:
            always.add(component.type)


def _restrictions_of(tariff: Tariff, dimension: str) -> list[Restrictions]:
    return [
        element.restrictions
        for _, element, component in _components(tariff)
        if component.type == dimension
    ]


Rule = Callable[[Tariff], Findings]
SLOW_RULES: tuple[Rule, ...] = (_order, _minutes, _vat, _unknown_before, _gaps, _unreachable)
RULES: tuple[Rule, ...] = (*SLOW_RULES, _fast_base, _fast_extras)
