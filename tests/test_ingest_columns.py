"""Columns must reach the database as they are."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.columns import array
from sql.database import Connection

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
COLUMNS = {
    "text": TEXT,
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "float8": st.floats(allow_nan=False, allow_infinity=False),
    "timestamptz": st.datetimes(
        datetime(1970, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
        datetime(2100, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
}


@pytest.mark.parametrize("kind", COLUMNS)
@settings(deadline=None)
@given(data=st.data())
def test_a_column_comes_back_as_it_was(
    shared_connection: Connection, kind: str, data: st.DataObject
) -> None:
    values = data.draw(st.lists(st.none() | COLUMNS[kind], min_size=1))
    assert _back(shared_connection, values, kind) == values


def test_texts_that_look_like_syntax_stay_texts(shared_connection: Connection) -> None:
    values = ["NULL", "null", "", " ", "{}", "a,b", '"', "\\", "\n\t\b", "å", None]
    assert _back(shared_connection, values, "text") == values


def _back(connection: Connection, values: list[Any], kind: str) -> list[Any]:
    query = f"SELECT %s::{kind}[]"
    row = connection.execute(query.encode(), [array(values)]).fetchone()
    assert row
    return list(row[0])
