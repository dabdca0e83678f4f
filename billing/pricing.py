"""What a session costs under a tariff: OCPI 2.2.1 exactly, to the smallest coin. Pure.

For each dimension and each piece of the session the first element wins that has a component of
that dimension and whose restrictions all hold. Everything is exact until the two totals are
rounded, once, half-up. docs/pricing.md says what was decided where OCPI leaves room.
"""

from collections.abc import Iterator
from fractions import Fraction
from zoneinfo import ZoneInfo

from msgspec import Struct

from billing.bounds import Totals, bounded
from billing.breakdown import Line, Priced, priced
from billing.cdrs import Cdr, CdrError
from billing.moments import holds
from billing.pieces import Cuts, Piece, cuts_of, is_reservation, pieces
from billing.steps import rounded_up
from billing.tariffs import PriceComponent, Tariff
from billing.times import microseconds

# OCPI gives hours with four decimals: a time within half of the last one of the period's length
# is that length (0.1667 h of a ten minute period are 600 s, not 600.12 s and a step more)
BLUR_SECONDS = Fraction(18, 100)
USED = ("ENERGY", "TIME", "PARKING_TIME")


class Plan(Struct, frozen=True):
    """A tariff made ready for pricing many sessions."""

    tariff: Tariff
    cuts: Cuts
    # per dimension, in the order of the elements: (element's index, its component)
    charging: dict[str, tuple[tuple[int, PriceComponent], ...]]
    reserved: dict[str, tuple[tuple[int, PriceComponent], ...]]
    expired: dict[str, tuple[tuple[int, PriceComponent], ...]]


def plan_of(tariff: Tariff) -> Plan:
    reserved = _components(tariff, "RESERVATION")
    lapsed = _components(tariff, "RESERVATION_EXPIRES")
    # an expired reservation costs what RESERVATION_EXPIRES says, before what RESERVATION says
    expired = {each: lapsed[each] + reserved[each] for each in reserved}
    return Plan(tariff, cuts_of(tariff), _components(tariff, None), reserved, expired)


def _components(
    tariff: Tariff, reservation: str | None
) -> dict[str, tuple[tuple[int, PriceComponent], ...]]:
    return {
        dimension: tuple(
            (index, component)
            for index, element in enumerate(tariff.elements)
            if element.restrictions.reservation == reservation
            and (component := element.component(dimension)) is not None
        )
        for dimension in (*USED, "FLAT")
    }


def price(tariff: Tariff | Plan, cdr: Cdr, zone: ZoneInfo) -> Priced:
    """The session's totals and how they come about; restrictions are read in `zone`.

    The tariff applies to every period, whatever `tariff_id` the periods name: which tariff is
    the session's was decided when it started. Raises CdrError: the currencies differ.
    """
    plan = tariff if isinstance(tariff, Plan) else plan_of(tariff)
    tariff = plan.tariff
    if cdr.currency != tariff.currency:
        raise CdrError(f"currency: expected {tariff.currency} as the tariff, got {cdr.currency}")
    lines = rounded_up(_merged(_lines(plan, cdr, zone)))
    costs = [line.costs() for line in lines]
    excl = sum((cost.excl_vat for cost in costs), Fraction(0))
    incl = sum((cost.incl_vat for cost in costs), Fraction(0))
    return priced(tariff.currency, lines, costs, bounded(tariff, Totals(excl, incl)))


def _lines(plan: Plan, cdr: Cdr, zone: ZoneInfo) -> Iterator[Line]:
    """What each piece uses of each dimension that is priced then; FLAT the first time it holds."""
    expired = all(is_reservation(period) for period in cdr.charging_periods)
    before = plan.expired if expired else plan.reserved
    flat_for: set[bool] = set()  # a reservation's FLAT is another than the session's
    for piece in pieces(cdr, plan.cuts, zone):
        reserved = is_reservation(piece.period)
        table = before if reserved else plan.charging
        if reserved not in flat_for and (flat := _winner(plan, table["FLAT"], piece)):
            flat_for.add(reserved)
            yield _line("FLAT", piece, flat, Fraction(1), reserved)
        for name, dimension in _dimensions(reserved):
            volume = piece.period.volume(name)
            if volume and (found := _winner(plan, table[dimension], piece)):
                used = _used(dimension, Fraction(volume), piece)
                yield _line(dimension, piece, found, used * piece.share, reserved)


def _dimensions(reserved: bool) -> tuple[tuple[str, str], ...]:
    """(the CDR's dimension, the tariff's): a reservation's time is priced as TIME."""
    return (("RESERVATION_TIME", "TIME"),) if reserved else tuple((name, name) for name in USED)


def _winner(
    plan: Plan, candidates: tuple[tuple[int, PriceComponent], ...], piece: Piece
) -> tuple[int, PriceComponent] | None:
    for index, component in candidates:
        moment = piece.moment
        if moment is None or holds(plan.tariff.elements[index].restrictions, moment):
            return index, component
    return None


def _used(dimension: str, volume: Fraction, piece: Piece) -> Fraction:
    """The whole period's volume in the unit of `step_size`: Wh or seconds."""
    if dimension == "ENERGY":
        return volume * 1000
    seconds = volume * 3600
    length = Fraction(microseconds(piece.length), 1_000_000)
    return length if abs(seconds - length) <= BLUR_SECONDS else seconds


def _line(
    dimension: str,
    piece: Piece,
    found: tuple[int, PriceComponent],
    used: Fraction,
    reserved: bool,
) -> Line:
    index, component = found
    return Line(
        dimension, piece.number, piece.start, piece.end, index, component, reserved, used, used
    )


def _merged(lines: Iterator[Line]) -> list[Line]:
    """Neighbouring pieces of one period that one component wins read as one line."""
    result: list[Line] = []
    newest: dict[str, Line] = {}
    for line in lines:
        last = newest.get(line.type)
        if last is not None and last.continues_in(line):
            last.extend(line)
        else:
            newest[line.type] = line
            result.append(line)
    return result
