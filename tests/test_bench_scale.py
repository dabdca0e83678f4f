"""What `make bench` asks of a large database is what the dashboard asks, and it runs."""

import random
from datetime import timedelta

from sql.database import connect
from tests.bench import scale_fill
from tests.bench.scale_queries import Subject, cases, given


def test_every_query_behind_a_page_is_measured_and_runs(plain_database: str) -> None:
    """A new query with a parameter of its own needs a value in tests/bench/scale_queries.py."""
    year = scale_fill.begin(plain_database, 2000, timedelta(days=3))
    with connect(year.dsn) as connection:
        scale_fill._write_places(connection, year, (0, 1), 1, 0)
        subject = Subject(connection, random.Random(1))
        for case in cases():
            getattr(case.queries, case.name)(connection, **given(case, subject))
