"""What holds for every tariff and every session."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from billing_shorthand import STOCKHOLM
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from billing.cdrs import Cdr, ChargingPeriod, Dimension
from billing.money import minor_unit
from billing.pricing import price
from billing.reading import canonical, hash_of, parse
from billing.tariffs import DAYS, Tariff, TariffError, read_tariff

# a machine under load is no reason to fail
RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
prices = st.integers(0, 99_999).map(lambda units: Decimal(units) / 10_000)
vats = st.sampled_from([None, 0, 6, 12, 25, Decimal("5.2")])
clocks = st.tuples(st.integers(0, 23), st.sampled_from([0, 1, 30, 59])).map(
    lambda at: f"{at[0]:02}:{at[1]:02}"
)
# around the nights in which Stockholm's clock jumps, and an ordinary one
starts = st.builds(
    lambda day, seconds: day + timedelta(seconds=seconds),
    st.sampled_from(
        [
            datetime(2026, 3, 28, 12, tzinfo=UTC),
            datetime(2026, 10, 24, 12, tzinfo=UTC),
            datetime(2026, 6, 5, 12, tzinfo=UTC),
        ]
    ),
    st.integers(0, 90_000),
)


def maybe(name: str, values: Any) -> Any:
    return st.one_of(st.just({}), values.map(lambda value: {name: value}))


def ranges(name: str, highest: int) -> Any:
    """A lower and an upper limit, or one of them, or none."""
    pairs = st.tuples(st.integers(0, highest), st.integers(1, highest))
    both = pairs.map(lambda p: {f"min_{name}": p[0], f"max_{name}": p[0] + p[1]})
    limits = st.integers(0, highest)
    return st.one_of(both, maybe(f"min_{name}", limits), maybe(f"max_{name}", limits))


def merged(*parts: Any) -> Any:
    return st.tuples(*parts).map(lambda found: {k: v for part in found for k, v in part.items()})


days = maybe("day_of_week", st.lists(st.sampled_from(DAYS), min_size=1, unique=True))
calendar = merged(maybe("start_time", clocks), maybe("end_time", clocks), days)
everything = merged(
    calendar,
    maybe("start_date", st.sampled_from(["2026-03-29", "2026-06-06", "2026-10-25"])),
    maybe("end_date", st.sampled_from(["2026-10-26", "2027-01-01"])),
    ranges("kwh", 30),
    ranges("duration", 20_000),
    ranges("current", 40),
    ranges("power", 30),
)


steps = st.sampled_from([0, 1, 60, 300, 1000])


def components(kinds: Any, steps: Any) -> Any:
    def of(kind: str) -> Any:
        return st.fixed_dictionaries(
            {"type": st.just(kind), "price": prices, "vat": vats, "step_size": steps}
        )

    return st.lists(kinds, min_size=1, unique=True).flatmap(
        lambda found: st.tuples(*(of(kind) for kind in found)).map(list)
    )


def elements(kinds: Any, restrictions: Any, steps: Any) -> Any:
    return st.fixed_dictionaries(
        {"price_components": components(kinds, steps), "restrictions": restrictions}
    )


bound = st.tuples(prices, prices).map(lambda p: {"excl_vat": p[0], "incl_vat": p[0] + p[1]})
ALL = st.sampled_from(["ENERGY", "TIME", "PARKING_TIME", "FLAT"])


reservations = elements(
    st.sampled_from(["FLAT", "TIME"]),
    st.sampled_from(["RESERVATION", "RESERVATION_EXPIRES"]).map(lambda kind: {"reservation": kind}),
    steps,
)


@st.composite
def tariffs(
    draw: Any,
    kinds: Any = ALL,
    restrictions: Any = everything,
    steps: Any = steps,
    bounds: bool = True,
) -> Tariff:
    found = draw(st.lists(elements(kinds, restrictions, steps), min_size=1, max_size=4))
    found += draw(st.lists(reservations, max_size=2))
    document = {
        "id": "any",
        "currency": draw(st.sampled_from(["SEK", "ISK", "KWD"])),
        "elements": found,
    }
    if bounds and draw(st.booleans()):
        low, high = draw(bound), draw(bound)
        document["min_price"] = low
        document["max_price"] = {
            k: low[k] + high["excl_vat"] * 10 + high["incl_vat"] * 10 for k in low
        }
    return read_tariff(parse(canonical(document), TariffError))


watt_hours = st.integers(0, 60_000).map(lambda wh: Decimal(wh) / 1000)
levels = merged(
    *(
        maybe(name, st.integers(0, 40))
        for name in ("CURRENT", "MIN_CURRENT", "MAX_CURRENT", "POWER", "MAX_POWER")
    )
)
kinds_of_time = st.sampled_from([None, "TIME", "PARKING_TIME", "RESERVATION_TIME"])
Stretch = tuple[int, Decimal, str | None, dict[str, int]]
stretches = st.lists(
    st.tuples(st.integers(0, 40_000), watt_hours, kinds_of_time, levels), min_size=1, max_size=4
)


def session(start: datetime, found: list[Stretch], currency: str) -> Cdr:
    """Stretches of (seconds, kWh, what its time is, levels)."""
    at, periods = start, []
    for seconds, kwh, time, told in found:
        volumes: dict[str, Any] = dict(told)
        if kwh:
            volumes["ENERGY"] = kwh
        if time:
            volumes[time] = Decimal(seconds) / 3600
        periods.append(ChargingPeriod(at, tuple(Dimension(*each) for each in volumes.items())))
        at += timedelta(seconds=seconds)
    return Cdr(currency, start, at, tuple(periods))


zones = st.sampled_from([STOCKHOLM, ZoneInfo("UTC"), ZoneInfo("Australia/Lord_Howe")])


@RELAXED
@given(tariffs(), starts, stretches, zones)
def test_any_tariff_prices_any_session_and_the_breakdown_adds_up(
    tariff: Tariff, start: datetime, found: list[Stretch], zone: ZoneInfo
) -> None:
    result = price(tariff, session(start, found, tariff.currency), zone)
    coin = Decimal(1).scaleb(-minor_unit(tariff.currency))
    for part in ("excl_vat", "incl_vat"):
        total = getattr(result, f"total_cost_{part}")
        listed = sum((getattr(line, f"cost_{part}") for line in result.breakdown), Decimal(0))
        rounding = getattr(result.rounding, part)
        assert listed + getattr(result.limit, part) + rounding == total
        assert abs(rounding) <= coin / 2 + (len(result.breakdown) + 1) * Decimal("0.0000005")
        assert total == total.quantize(coin)
    assert result.total_cost_excl_vat + result.total_vat == result.total_cost_incl_vat
    assert result.total_vat >= 0


@RELAXED
@given(tariffs(), starts, stretches)
def test_the_bounds_hold(tariff: Tariff, start: datetime, found: list[Stretch]) -> None:
    result = price(tariff, session(start, found, tariff.currency), STOCKHOLM)
    coin = Decimal(1).scaleb(-minor_unit(tariff.currency))
    for part in ("excl_vat", "incl_vat"):
        total = getattr(result, f"total_cost_{part}")
        # where no coin lies between the two, the highest price decides
        if tariff.max_price is not None:
            assert total <= getattr(tariff.max_price, part)
        if tariff.min_price is not None:
            assert total > getattr(tariff.min_price, part) - coin


@RELAXED
@given(tariffs(restrictions=calendar, steps=st.sampled_from([0, 1])), starts, stretches, watt_hours)
def test_more_energy_never_costs_less(
    tariff: Tariff, start: datetime, found: list[Stretch], more: Decimal
) -> None:
    """For prices that depend on the calendar alone: an energy limit may end a dearer price."""
    (seconds, kwh, time, told), *rest = found
    cdr = session(start, found, tariff.currency)
    longer = session(start, [(seconds, kwh + more, time, told), *rest], tariff.currency)
    before, after = price(tariff, cdr, STOCKHOLM), price(tariff, longer, STOCKHOLM)
    if time != "RESERVATION_TIME":
        assert after.total_cost_excl_vat >= before.total_cost_excl_vat
        assert after.total_cost_incl_vat >= before.total_cost_incl_vat


@RELAXED
@given(tariffs(steps=st.just(0)), starts, stretches, st.data())
def test_splitting_a_period_changes_nothing(
    tariff: Tariff, start: datetime, found: list[Stretch], data: Any
) -> None:
    place = data.draw(st.integers(0, len(found) - 1))
    seconds, kwh, time, told = found[place]
    assume(seconds > 1)
    first = data.draw(st.integers(1, seconds - 1))
    # exact parts only: energy in the proportion of the seconds
    part = kwh * first / seconds
    if Fraction(kwh) * first / seconds != Fraction(part):
        kwh = Decimal(seconds) / 1000
        part = Decimal(first) / 1000
    halves = [(first, part, time, told), (seconds - first, kwh - part, time, told)]
    whole = [*found[:place], (seconds, kwh, time, told), *found[place + 1 :]]
    split = [*found[:place], *halves, *found[place + 1 :]]
    one = price(tariff, session(start, whole, tariff.currency), STOCKHOLM)
    two = price(tariff, session(start, split, tariff.currency), STOCKHOLM)
    assert one.total_cost_excl_vat == two.total_cost_excl_vat
    assert one.total_cost_incl_vat == two.total_cost_incl_vat


@RELAXED
@given(tariffs(), starts, stretches)
def test_pricing_again_gives_the_same(
    tariff: Tariff, start: datetime, found: list[Stretch]
) -> None:
    cdr = session(start, found, tariff.currency)
    assert price(tariff, cdr, STOCKHOLM) == price(tariff, cdr, STOCKHOLM)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-1000, max_value=1000),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@RELAXED
@given(st.dictionaries(st.text(), json_values))
def test_a_document_keeps_its_hash_through_text(document: dict[str, Any]) -> None:
    assert hash_of(parse(canonical(document), TariffError)) == hash_of(document)


FIELDS = ["id", "currency", "elements", "min_price", "max_price", "start_date_time", "type"]


@RELAXED
@given(st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_any_json_is_read_or_refused_in_one_line(document: dict[str, Any]) -> None:
    assert "\n" not in refusal(canonical(document))


def refusal(text: bytes) -> str:
    try:
        read_tariff(text)
    except TariffError as error:
        return str(error)
    return "accepted"
