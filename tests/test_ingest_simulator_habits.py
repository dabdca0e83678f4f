"""The demo network and the visits drawn for it: same seed, same draws; physics holds."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from math import log
from random import Random
from statistics import correlation, median
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.simulator.habits import draw_arrivals, draw_visit, habit_of
from ingest.simulator.network import CCS, CHADEMO, TYPE_2, Evse, demo_network
from ingest.simulator.plan import plan_day, plan_days, plan_session
from ingest.simulator.vehicle import ChargeCurve, Vehicle, charge_curve

POST = Evse(1, "K7-4MQQ", 22_000, TYPE_2)
RAPID = Evse(1, "K7-4MQR", 50_000, CCS)
HUB = Evse(1, "K7-4MQT", 300_000, CCS)
STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOON = datetime(2026, 5, 4, 10, tzinfo=UTC)


def test_the_demo_network_has_60_sites_and_about_400_evses() -> None:
    sites = demo_network()
    stations = [station for site in sites for station in site.stations]
    evses = [evse for station in stations for evse in station.evses]
    assert len(sites) == 60
    assert 190 <= len(stations) <= 215
    assert 380 <= len(evses) <= 420
    assert {evse.standard for evse in evses} == {TYPE_2, CCS, CHADEMO}
    assert 0.5 < sum(s.ocpp_version == "1.6" for s in stations) / len(stations) < 0.7


def test_the_same_seed_gives_the_same_network() -> None:
    assert demo_network(7) == demo_network(7)
    assert demo_network(7) != demo_network(8)


def test_names_and_codes_are_unique_and_easy_to_read_aloud() -> None:
    stations = [station for site in demo_network() for station in site.stations]
    codes = [evse.public_code for station in stations for evse in station.evses]
    assert len({station.station_id for station in stations}) == len(stations)
    assert len(set(codes)) == len(codes)
    assert not set("".join(codes)) & set("01258BDILOSUZ") - {"2"}


def test_every_site_lies_in_sweden() -> None:
    for site in demo_network():
        assert 55.3 < site.latitude < 69.1
        assert 11.0 < site.longitude < 24.2


@pytest.mark.parametrize("evse", [POST, RAPID], ids=["ac", "dc"])
def test_visits_follow_the_surveyed_quantiles_and_correlation(evse: Evse) -> None:
    rng, habit = Random(3), habit_of(evse)
    visits = [draw_visit(rng, habit) for _ in range(4000)]
    energies, stays = zip(*visits, strict=True)
    assert median(energies) == pytest.approx(7170 if evse is POST else 9310, rel=0.06)
    assert median(stays) == pytest.approx(160 * 60 if evse is POST else 23 * 60, rel=0.06)
    logs = correlation([log(wh) for wh in energies], [log(s) for s in stays])
    assert logs == pytest.approx(habit.correlation, abs=0.06)


def test_drivers_come_by_day_rather_than_by_night() -> None:
    rng, habit = Random(4), habit_of(RAPID)
    days = (date(2026, 3, 2) + timedelta(days=n) for n in range(300))
    hours = [
        at.astimezone(STOCKHOLM).hour
        for day in days
        for at in draw_arrivals(rng, habit, day, STOCKHOLM)
    ]
    assert len(hours) == pytest.approx(2.66 * 300, rel=0.1)
    assert hours.count(13) > 3 * hours.count(3)


def test_a_day_of_sessions_never_overlaps_and_registers_run_on() -> None:
    first, last = date(2026, 3, 1), date(2026, 4, 30)
    sessions = list(plan_days(Random(5), POST, first, last, STOCKHOLM, register_wh=9_000_000))
    assert len(sessions) > 20
    for before, after in pairwise(sessions):
        assert before.unplugged_at <= after.started_at
        assert before.meter_stop_wh == after.meter_start_wh


def test_the_same_seed_plans_the_same_day() -> None:
    day = date(2026, 5, 4)
    assert plan_day(Random(6), HUB, day, STOCKHOLM) == plan_day(Random(6), HUB, day, STOCKHOLM)


@given(seed=st.integers(0, 10**9), evse=st.sampled_from([POST, RAPID, HUB]))
def test_readings_of_a_planned_session_rise_in_time_and_energy(seed: int, evse: Evse) -> None:
    session = plan_session(Random(seed), evse, NOON, register_wh=1_234_567)
    assert session.readings[0].at == session.started_at
    assert session.readings[0].register_wh == session.meter_start_wh == 1_234_567
    assert session.readings[-1].at == session.ended_at <= session.unplugged_at
    for before, after in pairwise(session.readings):
        hours = (after.at - before.at).total_seconds() / 3600
        assert before.at < after.at
        assert 0 <= after.register_wh - before.register_wh <= evse.max_power_w * hours + 1
        assert after.power_w <= evse.max_power_w
        assert (after.soc_pct is not None) == evse.is_dc


vehicles = st.builds(
    Vehicle,
    battery_wh=st.floats(8_000, 120_000),
    ac_limit_w=st.sampled_from([3_680.0, 7_400.0, 11_000.0, 22_000.0]),
    phases=st.sampled_from([1, 3]),
    dc_limit_w=st.floats(40_000, 300_000),
    arrival_soc=st.floats(0.0, 0.95),
    wanted_wh=st.just(0.0),
    knee_soc=st.floats(0.2, 0.8),
)


@st.composite
def curves(draw: st.DrawFn) -> tuple[ChargeCurve, Vehicle, Evse]:
    """Any car that wants at most what its battery can take, at any evse."""
    bare, evse = draw(vehicles), draw(st.sampled_from([POST, RAPID, HUB]))
    room_wh = (1 - bare.arrival_soc) * bare.battery_wh
    wanted_wh = draw(st.floats(10, max(11, room_wh)))
    vehicle = Vehicle(
        bare.battery_wh,
        bare.ac_limit_w,
        bare.phases,
        bare.dc_limit_w,
        bare.arrival_soc,
        wanted_wh,
        bare.knee_soc,
    )
    return charge_curve(vehicle, evse), vehicle, evse


@given(curves(), st.floats(0, 1))
def test_power_never_exceeds_what_car_and_evse_allow(
    case: tuple[ChargeCurve, Vehicle, Evse], part: float
) -> None:
    curve, vehicle, evse = case
    car_w = vehicle.dc_limit_w if evse.is_dc else vehicle.ac_limit_w
    assert 0 <= curve.power_w(part * curve.full_s) <= min(car_w, evse.max_power_w) + 1e-6


@settings(max_examples=60)
@given(curves())
def test_energy_is_the_integral_of_power_within_1_wh(
    case: tuple[ChargeCurve, Vehicle, Evse],
) -> None:
    curve, _, _ = case
    corners = [0.0, min(curve.ramp_s, curve.full_s), min(curve.plateau_end_s, curve.full_s)]
    corners.append(curve.full_s)
    total_wh = 0.0
    for start, end in pairwise(corners):
        step = (end - start) / 400
        mids = (start + (n + 0.5) * step for n in range(400))
        total_wh += sum(curve.power_w(mid) for mid in mids) * step / 3600
        assert curve.energy_wh(end) == pytest.approx(total_wh, abs=1)


@given(curves(), st.lists(st.floats(0, 1.2), min_size=2, max_size=20))
def test_energy_only_rises_and_ends_at_what_the_car_wanted(
    case: tuple[ChargeCurve, Vehicle, Evse], parts: list[float]
) -> None:
    curve, vehicle, _ = case
    energies = [curve.energy_wh(part * curve.full_s) for part in sorted(parts)]
    assert energies == sorted(energies)
    assert curve.energy_wh(curve.full_s - 1e-6) == pytest.approx(vehicle.wanted_wh, abs=1)
    assert curve.energy_wh(curve.full_s * 2) == vehicle.wanted_wh
    assert curve.power_w(curve.full_s) == 0


def test_a_one_phase_car_draws_a_third_of_a_three_phase_post() -> None:
    car = Vehicle(60_000, 11_000, 1, 100_000, 0.2, 5_000)
    assert charge_curve(car, POST).power_w(600) == pytest.approx(22_000 / 3)


def test_dc_power_tapers_as_the_battery_fills() -> None:
    curve = charge_curve(Vehicle(77_000, 11_000, 3, 150_000, 0.1, 65_000), HUB)
    assert curve.power_w(120) == 150_000
    assert curve.power_w(curve.full_s - 1) < 60_000
    assert curve.soc_pct(curve.full_s) == pytest.approx(94.4, abs=0.1)
