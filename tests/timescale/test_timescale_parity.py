"""One world, two engines, the same answers: every query behind a page, every rollup, the audit."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from conftest import client_side
from parity import NOW, Parameters, answer, carry_over, columns_of, questions, rollups
from world import make

from ingest.audit import audit
from sql.database import Connection, connect
from sql.queries import load_queries

NUMBERS = Path(__file__).parents[2] / "docs" / "numbers.md"
# the world takes half a minute: one test asks everything of it
pytestmark = [pytest.mark.node, pytest.mark.timescale, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def plain(frozen_plain: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with connect(frozen_plain) as connection:
        make(connection, frozen_plain, tmp_path_factory.mktemp("world"))
        yield connection


@pytest.fixture(scope="module")
def timescale(plain: Connection, frozen_timescale: str) -> Iterator[Connection]:
    with client_side(frozen_timescale) as connection:
        carry_over(plain, connection)
        yield connection


def test_both_engines_answer_alike(plain: Connection, timescale: Connection) -> None:
    """To the Wh and the second, over DST nights, month ends, disorder, repeats and corrections."""
    assert wrong_answers(plain, timescale, NOW) == {}
    compare_rollups(plain, timescale)
    compare_the_way_down(plain, timescale)
    compare_audits(plain, timescale)


def wrong_answers(plain: Connection, timescale: Connection, now: datetime) -> dict[str, str]:
    """What differs, by query. A new query joins by itself, and fails until it can be asked: its
    parameters have values (parity.py), and the world has something that it shows (world.py)."""
    parameters = Parameters(plain, now)
    wrong = {}
    for part, name in questions():
        try:
            _compare(plain, timescale, load_queries(part).texts[name], parameters.of(part, name))
        except (AssertionError, LookupError) as error:
            wrong[f"{part}/{name}"] = str(error)[:1000]
    return wrong


def _compare(plain: Connection, timescale: Connection, text: str, asked: list[object]) -> None:
    has_answer = False
    for given in asked:
        ours, theirs = answer(plain, text, given), answer(timescale, text, given)
        assert theirs == ours, f"{given}: {set(theirs) ^ set(ours)}"
        has_answer |= any(row.strip("(None,)") for row in ours)
    assert has_answer, "nothing was compared: give the world what this query shows"


def compare_rollups(plain: Connection, timescale: Connection) -> None:
    """All of it, not only what pages ask for: hours, days and months of all evses and states."""
    names = rollups(plain)
    assert {"energy_month", "energy_fleet_day", "state_day", "state_fleet_hour"} <= {*names}
    empty = []
    for name in names:
        text = f"SELECT {columns_of(plain, name)} FROM {name}"  # noqa: S608
        ours = answer(plain, text, {})
        assert answer(timescale, text, {}) == ours, name
        empty += [] if ours else [name]
    assert len(empty) < len(names) // 4, empty


# What docs/numbers.md asks about, and what this world has instead.
HERE = {
    "'CP-1'": "'N1'", "2026-06-01": "2026-10-01", "2026-06-02": "2026-11-01",
    "2026-07-01": "2026-11-01", "'2026-000042'": "(SELECT min(shown_number) FROM receipt)",
    "4711": "(SELECT max(session_id) FROM meter_value)",
}  # fmt: skip


def compare_the_way_down(plain: Connection, timescale: Connection) -> None:
    """The figures' own queries."""
    answered = 0
    for block in re.findall(r"```sql\n(.*?)```", NUMBERS.read_text(), re.DOTALL):
        for there, here in HERE.items():
            block = block.replace(there, here)  # noqa: PLW2901
        ours = answer(plain, block, {})
        assert answer(timescale, block, {}) == ours, block
        answered += bool(ours)
    assert answered > 15


def compare_audits(plain: Connection, timescale: Connection) -> None:
    """Rollups, sessions, time, outages and attempts, recomputed from the same raw facts."""
    ours, theirs = audit(plain, NOW), audit(timescale, NOW)
    told = [(result.name, result.checked, sorted(map(str, result.found))) for result in ours]
    assert [(r.name, r.checked, sorted(map(str, r.found))) for r in theirs] == told
    assert {name for name, _, found in told if found} <= PAID


# Sessions of the tests of billing have papers but no readings, and may lie on others.
PAID = {
    "session_facts", "session_energy", "session_registers", "facts_have_sessions",
    "evses_have_one_vehicle",
}  # fmt: skip
