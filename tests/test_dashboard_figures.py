"""Charts: the right points, nothing drawn where nothing was measured."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboard.figures import (
    PALETTES,
    Bar,
    Curve,
    empty_figure,
    energy_bars,
    gaps,
    session_curve,
    time_ticks,
)
from dashboard.format import Format

SV = Format("sv")
START = datetime(2026, 11, 22, 15, 21, tzinfo=UTC)  # 16:21 in Stockholm
LABELS = {"power": "Effekt", "energy": "Energi", "soc": "Laddnivå", "no_data": "inga data"}


def minutes(*when: int) -> list[datetime]:
    return [START + timedelta(minutes=minute) for minute in when]


def curve(at: list[datetime], soc: float | None = 50.0) -> Curve:
    n = len(at)
    return Curve(at, [90_000.0] * n, [1_500.0 * i for i in range(n)], [soc] * n)


def test_colours_are_those_of_the_style_sheet() -> None:
    css = (Path(__file__).parents[1] / "assets/tokens.css").read_text()
    for theme, palette in PALETTES.items():
        block = css.split(f'[data-theme="{theme}"]')[1].split("}")[0]
        tokens = dict(re.findall(r"--([\w-]+): (#[0-9A-F]{6})", block))
        assert palette == {name: tokens[name] for name in palette}


@pytest.mark.parametrize("theme", PALETTES)
def test_power_energy_and_charge_share_one_time_axis(theme: str) -> None:
    figure = session_curve(curve(minutes(0, 1, 2, 3)), SV, theme, LABELS, limit_w=150_000)
    assert [trace.name for trace in figure.data] == ["Effekt", "Energi", "Laddnivå"]
    assert list(figure.data[0].y) == [90.0] * 4  # kW
    assert figure.data[0].x[0] == datetime(2026, 11, 22, 16, 21)  # noqa: DTZ001 - wall clock
    assert figure.data[1].customdata[-1] == "4,50\u00a0kWh"


def test_a_car_that_tells_no_charge_gets_no_strip_for_it() -> None:
    figure = session_curve(curve(minutes(0, 1, 2), soc=None), SV, "dark", LABELS)
    assert [trace.name for trace in figure.data] == ["Effekt", "Energi"]


def test_a_gap_is_not_joined_but_hatched_and_named() -> None:
    at = minutes(0, 1, 2, 3, 20, 21)
    assert gaps(at) == [(at[3], at[4])]
    figure = session_curve(curve(at), SV, "dark", LABELS)
    assert figure.data[0].y[4] is None
    assert figure.data[-1].fillpattern.shape == "/"
    assert any(a.text == "inga data 16:24\u201316:41" for a in figure.layout.annotations)


def test_slow_but_regular_readings_are_no_gap() -> None:
    assert gaps(minutes(0, 15, 30, 45)) == []
    assert gaps(minutes(0)) == []


def test_without_readings_nothing_is_drawn() -> None:
    assert not session_curve(curve([]), SV, "light", LABELS).data
    assert not energy_bars([], SV, "light", "day").data
    assert not empty_figure("dark", SV).data


def test_bars_say_their_energy_and_unfinished_ones_are_paler() -> None:
    days = [Bar(START, 31_420), Bar(START + timedelta(days=1), 0, complete=False)]
    figure = energy_bars(days, SV, "dark", "day")
    assert list(figure.data[0].y) == [31.42, 0.0]
    assert figure.data[0].customdata[0] == "söndag 22 nov<br><b>31,42\u00a0kWh</b>"
    assert figure.data[0].marker.opacity == (1.0, 0.45)
    assert list(figure.layout.xaxis.ticktext) == ["22 nov", "23 nov"]


def test_the_period_before_is_a_dashed_line_and_unknown_stays_unknown() -> None:
    figure = energy_bars(
        [Bar(START, 1.0)] * 2, SV, "dark", "hour", [None, 2_000], {"previous": "f"}
    )
    assert list(figure.data[1].y) == [None, 2.0]
    assert figure.data[1].line.dash == "dash"
    assert figure.data[0].customdata[0].startswith("22 nov 16:21\u201317:21")


def test_there_are_never_more_ticks_than_fit() -> None:
    for hours in (0.1, 1, 7, 24, 200):
        ticks = time_ticks(START, START + timedelta(hours=hours))
        assert 1 <= len(ticks) <= 10
        assert all(START <= tick <= START + timedelta(hours=hours) for tick in ticks)
