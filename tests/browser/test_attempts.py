"""Figures of attempts to charge in a real browser."""

from typing import Any

from playwright.sync_api import expect

from sql.database import Connection


def test_first_attempts_of_a_day_stand_beside_those_of_the_week(
    open_page: Any, connection: Connection
) -> None:
    connection.execute(
        "INSERT INTO attempt (key, station_id, build_id, started_at, ended_at, stage,"
        " is_authorised, outcome, energy_wh, visitor)"
        " SELECT n, 'ODH-01', 1, at, at, 'charge', true,"
        " CASE WHEN n % 4 = 0 THEN 'failed' ELSE 'succeeded' END, 1000, n"
        " FROM generate_series(1, 16) n, LATERAL (SELECT now() - CASE WHEN n > 8"
        " THEN interval '3 days' ELSE interval '1 minute' END AS at) a"
    )
    connection.execute("UPDATE attempt SET outcome = 'succeeded' WHERE key IN ('12', '16')")
    page = open_page("/app/")
    expect(page.locator("#first-value")).to_have_text("75.0\u00a0%")
    expect(page.locator("#first-unit")).to_have_text("\u221212.5 pp")
    expect(page.locator("#first-detail")).to_have_text("7 days 87.5\u00a0%")
    order = page.locator("#figures > *").evaluate_all("all => all.map(tile => tile.id)")
    assert order[4:7] == ["charging", "first", "holds"]
