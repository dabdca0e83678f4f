"""Charts of time draw what they are given, and leave out what is not known."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dashboard.figures_time import SHADES, Repair, Spent, repair_chart, spent_chart
from dashboard.format import Format

FORM = Format("en")
LABELS = {"charging": "Charging", "idle": "Idle", "preparing": "Waiting", "previous": "Before",
          "no_data": "Not in service"}  # fmt: skip


def at(month: int, day: int = 1) -> datetime:
    return datetime(2026, month, day, tzinfo=UTC)


def test_the_colours_are_those_of_the_states() -> None:
    tokens = (Path(__file__).parent.parent / "assets" / "tokens.css").read_text()
    for theme, order in (("dark", 0), ("light", 1)):
        for name, state in (("charging", "charging"), ("idle", "finished"),
                            ("preparing", "preparing")):  # fmt: skip
            assert re.findall(rf"--st-{state}: (#\w+)", tokens)[order] == SHADES[theme][name]


def test_months_without_a_repair_are_left_out_and_the_last_one_has_its_words() -> None:
    repairs = [Repair(at(8), 600, 7200), Repair(at(9), None, None), Repair(at(10), 3600, 86400)]
    figure = repair_chart(repairs, FORM, "dark", ("median", "90 %"))
    assert [tuple(line.y) for line in figure.data] == [(1 / 6, 2), (1, 24)]
    assert [note.text for note in figure.layout.annotations] == [
        "<b>24\u00a0h\u00a000\u00a0min</b><br>90 %", "<b>1\u00a0h\u00a000\u00a0min</b><br>median"
    ]  # fmt: skip
    assert repair_chart([], FORM, "light", ("median", "90 %")).data == ()


def test_days_out_of_service_are_hatched_and_no_zero() -> None:
    days = [Spent(at(10, 1), 0.2, 0.1, 0.05), Spent(at(10, 2), None, None, None)]
    figure = spent_chart(days, [None, 0.5, 0.9], FORM, "dark", "day", LABELS)
    bars = {bar.name: tuple(bar.y) for bar in figure.data}
    assert bars["Charging"] == (20, None)
    assert bars["Idle"] == (10, None)
    assert bars["Before"] == (None, 50)
    alone = spent_chart(days, [None, None], FORM, "light", "day", LABELS)
    assert [bar.name for bar in alone.data] == ["Charging", "Waiting", "Idle", "Not in service"]
    assert (list(alone.data[3].x), list(alone.data[3].y)) == (["Friday 2 Oct"], [pytest.approx(35)])
    assert alone.data[3].marker.pattern.shape == "/"


def test_lengths_over_two_days_name_their_hours() -> None:
    assert FORM.length(47 * 3600) == "47\u00a0h\u00a000\u00a0min"
    assert FORM.length(51 * 3600) == "2\u00a0d\u00a03\u00a0h"
    assert FORM.length(None) == "\u2013"
    assert FORM.month(at(10), year=False) == "Oct"
