"""docs/numbers.md: its queries run, its relations exist, every figure is told in two languages."""

import re
from pathlib import Path

import pytest

from ingest.audit import STEPS, WHOLES, audit
from sql.database import Connection

PAGE = (Path(__file__).parents[1] / "docs" / "numbers.md").read_text()
BLOCKS = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
FIGURES = re.findall(r"^### (\d+)\. .+? · .+\n- en: .+\n- sv: .+\n- Formula: .+\n- Down: (.+)",
                     PAGE, re.MULTILINE)  # fmt: skip


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: " ".join(block.split())[:50])
def test_every_query_of_the_page_runs(shared_connection: Connection, block: str) -> None:
    with shared_connection.transaction(force_rollback=True):
        assert shared_connection.execute(block.encode()).description


def test_all_fifteen_figures_have_sentence_formula_and_way_down(
    shared_connection: Connection,
) -> None:
    assert [int(number) for number, _ in FIGURES] == list(range(1, 16))
    table = re.findall(r"^\| [a-z ,]+ \|(.+)\|$", PAGE, re.MULTILINE)
    named = re.findall(r"`([a-z_0-9]+)`", " ".join([*table, *(down for _, down in FIGURES)]))
    assert len(set(named)) > 25
    for name in named:
        found = shared_connection.execute("SELECT to_regclass(%s)", [name]).fetchone()
        assert found != (None,), f"there is no relation {name}"


def test_the_page_knows_every_check(connection: Connection) -> None:
    connection.execute("INSERT INTO station (station_id) VALUES ('S1')")
    connection.execute("INSERT INTO evse (station_id, evse_id) VALUES ('S1', 1)")
    connection.execute(
        "INSERT INTO session (station_id, evse_id, evse_key, transaction_id, started_at)"
        " SELECT station_id, evse_id, evse_key, 't', now() FROM evse"
    )
    (now,) = connection.execute("SELECT now()").fetchone() or (None,)
    assert now is not None
    names = {result.name for result in audit(connection, now)}
    assert len(names) == len(STEPS) + len(WHOLES) + 2  # one walk over sessions is three checks
    table = PAGE.partition("| check | what is compared |")[2].partition("\n\n")[0]
    told = set(
        re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"^\|([^|]+)\|", table, re.MULTILINE)))
    )
    assert names == told
