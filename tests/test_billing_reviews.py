"""Every kind of row in the review queue has words for people."""

import re
from pathlib import Path

from dashboard.pages.ledger_words import REVIEWS

ROOT = Path(__file__).parents[1]
IN_PYTHON = re.compile(r'Review\(\s*"([a-z_]+)"|add_review\([^)]*?kind="([a-z_]+)"', re.DOTALL)
IN_SQL = re.compile(r"INSERT INTO review_item.*?(?:SELECT|VALUES \()\s*'([a-z_]+)'", re.DOTALL)


def kinds() -> set[str]:
    """What billing puts into the queue, as its sources say."""
    python = "".join(path.read_text() for path in (ROOT / "billing").glob("*.py"))
    sql = [path.read_text() for path in (ROOT / "sql" / "queries").glob("*.sql")]
    found = {one or other for one, other in IN_PYTHON.findall(python)}
    for statement in "\n".join(sql).split(";"):
        found.update(IN_SQL.findall(statement))
    return found


def test_every_kind_of_review_has_words() -> None:
    found = kinds()
    assert {"quarantine", "stuck", "dispute_inquiry", "unbilled_session"} <= found
    assert found <= REVIEWS.keys()
