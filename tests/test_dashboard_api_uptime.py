"""Uptime by the API: per evse, of a month and the year that ends with it, equal to a recount."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from dashboard.openapi import openapi
from dashboard.periods import last_months, month, shifted
from dashboard.uptime import gathered
from sql.database import Connection
from sql.settings import Settings
from tests.timed import Past
from tests.web import web_app

ZONE = Settings().zone
READER = {"Authorization": "Bearer r-token"}


@pytest.fixture
def past(connection: Connection) -> Past:
    past = Past(connection, 7)
    past.fill()
    return past


@pytest.fixture
def app(database: str, connection: Connection, past: Past) -> Iterator[Flask]:
    connection.execute(
        "INSERT INTO api_token (name, token_hash, scopes) VALUES ('carol', %s, '{read}')",
        [hashlib.sha256(b"r-token").digest()],
    )
    with web_app(database) as app:
        yield app


def get(app: Flask, path: str, status: int = 200) -> Any:
    answer = app.test_client().get(f"/api/v1{path}", headers=READER)
    assert answer.status_code == status, answer.text
    return answer.get_json()


def test_every_month_is_the_recount_of_every_evse(app: Flask, past: Past) -> None:
    today = past.now.astimezone(ZONE).date()
    for back in (1, 2, 3):
        period = month(shifted(today, -back), ZONE)
        found = get(app, f"/uptime?month={period.first:%Y-%m}")
        assert found["month"] == f"{period.first:%Y-%m}"
        told = {(row["station_id"], row["evse_id"]): row for row in found["uptime"]}
        for place, key in past.keys.items():
            for name, of in (("month", period), ("year", period.year())):
                expected = gathered(past.recount([key], of.start, of.end))
                row = told[place][name]
                assert row["in_service_seconds"] == expected.in_service
                assert row["outage_seconds"] == expected.down
                assert row["excluded_seconds"] == expected.excluded
                assert row["without_contact_seconds"] == expected.unknown
                assert row["uptime"] == pytest.approx(expected.uptime, abs=1e-6)


def test_without_a_month_it_is_the_last_full_one(app: Flask, past: Past) -> None:
    last = last_months(past.now.astimezone(ZONE).date(), 1, ZONE)
    assert get(app, "/uptime")["month"] == f"{last.first:%Y-%m}"


def test_a_month_without_service_has_no_share(app: Flask) -> None:
    found = get(app, "/uptime?month=2001-01")["uptime"]
    assert {row["month"]["uptime"] for row in found} == {None}


def test_pages_go_on_where_the_last_one_ended(app: Flask, past: Past) -> None:
    places, cursor = [], ""
    while cursor is not None:
        found = get(app, f"/uptime?limit=2{cursor and '&cursor='}{cursor}")
        places += [(row["station_id"], row["evse_id"]) for row in found["uptime"]]
        cursor = found["next_cursor"]
    assert places == sorted(past.keys)
    [only] = get(app, "/uptime?station_id=ODH-02")["uptime"]
    assert (only["station_id"], only["evse_id"]) == ("ODH-02", 1)


@pytest.mark.parametrize(
    ("search", "field"),
    [("month=2026-13", "month"), ("month=soon", "month"), ("month=9999-01", "month"),
     ("cursor=x", "cursor"), ("cursor=A+-1", "cursor"), ("limit=0", "limit")],
)  # fmt: skip
def test_what_can_not_be_used_is_named(app: Flask, search: str, field: str) -> None:
    assert get(app, f"/uptime?{search}", 422)["error"]["field"] == field


def test_answers_have_exactly_the_described_fields(app: Flask) -> None:
    schemas = openapi("http://x/")["components"]["schemas"]
    row = get(app, "/uptime")["uptime"][0]
    assert set(row) == set(schemas["Uptime"]["properties"])
    assert set(row["month"]) == set(row["year"]) == set(schemas["Counted"]["properties"])
