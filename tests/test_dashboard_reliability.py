"""Figures of time are what a recount of the facts says, and lead down to the messages."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_login import login_user

from dashboard import exclusions, reliability, utilisation
from dashboard.auth import User
from dashboard.periods import Period, last_days, last_months, midnight, shifted
from dashboard.uptime import Seconds, Tries, gathered, total
from sql.database import Connection
from sql.settings import Settings
from tests.staff import page, signed_in, staff_app
from tests.test_dashboard_pages import callback
from tests.timed import Past
from tests.web import ALICE, add_user

ZONE = Settings().zone
SEEDS = (1, 2, 3)


@pytest.fixture
def app(database: str, connection: Connection) -> Iterator[Flask]:
    add_user(connection)
    with staff_app(database) as app, app.app_context():
        yield app


@pytest.fixture
def alice(app: Flask) -> FlaskClient:
    return signed_in(app)


@pytest.fixture(params=SEEDS)
def past(request: pytest.FixtureRequest, connection: Connection) -> Past:
    made = Past(connection, request.param)
    made.fill()
    return made


def periods(past: Past) -> list[Period]:
    """Months, weeks and odd stretches that end before today: what is open counts to their end."""
    today = past.now.astimezone(ZONE).date()
    first = past.start.astimezone(ZONE).date()
    odd = [Period(first + timedelta(days=a), first + timedelta(days=b), ZONE)
           for a, b in ((0, 1), (3, 40), (17, 46), (20, 80))]  # fmt: skip
    return [last_months(today, 1, ZONE), last_months(today, 2, ZONE),
            last_days(today - timedelta(days=1), 28, ZONE), *odd]  # fmt: skip


def test_the_seconds_of_every_evse_are_those_of_its_facts(app: Flask, past: Past) -> None:
    today = past.now.astimezone(ZONE).date()
    for period in periods(past):
        lines = reliability.read_lines(reliability.Scope(), period, today)
        found = {line.evse["evse_key"]: line.seconds for line in lines}
        for key in past.keys.values():
            expected = gathered(past.recount([key], period.start, period.end))
            assert found.get(key, Seconds()) == expected


def test_the_seconds_of_a_site_are_the_sum_of_its_evses(app: Flask, past: Past) -> None:
    today = past.now.astimezone(ZONE).date()
    keys = [key for (station, _), key in past.keys.items() if station.startswith("ODH")]
    scope = reliability.read_scope(str(past.sites[0]), "")
    assert sorted(scope.evse_keys or ()) == sorted(keys)
    for period in periods(past):
        expected = gathered(past.recount(keys, period.start, period.end))
        assert reliability.read_seconds(scope, period, today) == expected
        lines = reliability.read_lines(scope, period, today)
        assert total(line.seconds for line in lines) == expected


def test_twelve_months_are_the_recount_of_each(app: Flask, past: Past) -> None:
    today = past.now.astimezone(ZONE).date()
    period = last_months(today, 1, ZONE)
    lines = reliability.read_lines(reliability.Scope(), period, today)
    found = reliability.read_past(reliability.Scope(), period, today).months
    cells = reliability.read_evse_months(lines, period.year())
    for row in found:
        until = midnight(shifted(row["bucket"].astimezone(ZONE).date(), 1), ZONE)
        keys = list(past.keys.values())
        expected = gathered(past.recount(keys, row["bucket"], until))
        assert (row["in_service"], row["down"], row["excluded"]) == (
            expected.in_service, expected.down, expected.excluded)  # fmt: skip
        mine = [cell for cell in cells if cell["bucket"] == row["bucket"]]
        assert sum(cell["down"] for cell in mine) == expected.down


def test_the_outages_of_a_period_add_up_to_what_was_down(app: Flask, past: Past) -> None:
    today = past.now.astimezone(ZONE).date()
    for period in periods(past):
        lines = reliability.read_lines(reliability.Scope(), period, today)
        rows = reliability.read_outages(reliability.Scope(), period, lines, at_most=10_000)
        all_ = total(line.seconds for line in lines)
        assert sum(row["seconds"] for row in rows) == all_.down
        assert sum(row["excluded"] for row in rows) == all_.excluded
        lost = sum(line.lost for line in lines)
        assert sum(row["lost"] for row in rows) == pytest.approx(lost)


@pytest.mark.parametrize("of_site", [False, True])
def test_the_week_by_hour_is_the_recount_of_every_hour(
    app: Flask, past: Past, of_site: bool
) -> None:
    today = past.now.astimezone(ZONE).date()
    period = last_days(today - timedelta(days=1), 28, ZONE)
    scope = reliability.read_scope(str(past.sites[0]) if of_site else "", "")
    keys = scope.evse_keys or list(past.keys.values())
    expected: Counter[tuple[int, int, str]] = Counter()
    at = period.start.astimezone(UTC)
    while at < period.end:
        local = at.astimezone(ZONE)
        for row in past.recount(keys, at, at + timedelta(hours=1)):
            expected[local.isoweekday(), local.hour, row["state"]] += row["seconds"]
        at += timedelta(hours=1)
    week = utilisation.read_week(scope, period)
    for (weekday, hour), row in week.cells.items():
        states = {s: n for (d, h, s), n in expected.items() if (d, h) == (weekday, hour)}
        assert row["seconds"] == sum(states.values())
        assert row["charging"] == states.get("charging", 0)
        assert row["occupied"] == sum(states.get(s, 0) for s in utilisation.STATES)


def test_every_day_of_the_chart_is_the_recount_of_that_day(app: Flask, past: Past) -> None:
    today = past.now.astimezone(ZONE).date()
    period = last_days(today - timedelta(days=1), 28, ZONE)
    station = reliability.read_scope("", "MOR-01")
    for scope in (reliability.Scope(), station):
        keys = scope.evse_keys or list(past.keys.values())
        for one in utilisation.read_spent(scope, period):
            day = one.bucket.date()
            end = midnight(day + timedelta(days=1), ZONE)
            expected = gathered(past.recount(keys, one.bucket, end))
            assert one.charging == pytest.approx(expected.charging / expected.in_service)
            assert one.idle == pytest.approx(expected.idle / expected.in_service)


def test_attempts_are_counted_as_their_own_queries_count_them(
    app: Flask, past: Past, connection: Connection
) -> None:
    today = past.now.astimezone(ZONE).date()
    names = ("succeeded", "authorised", "visits", "first_successes")
    for period in periods(past):
        builds = reliability.read_builds(reliability.Scope(), period, today)
        found = sum((build.tries for build in builds), Tries())
        rows = connection.execute(
            "SELECT count(*) FILTER (WHERE outcome = 'succeeded'), count(*) FILTER (WHERE"
            " is_authorised AND outcome <> 'open'), count(*) FILTER (WHERE is_first AND outcome <>"
            " 'open'), count(*) FILTER (WHERE is_first AND outcome = 'succeeded')"
            " FROM attempt WHERE started_at >= %s AND started_at < %s", [period.start, period.end],
        ).fetchone()  # fmt: skip
        assert tuple(getattr(found, name) for name in names) == rows
        lines = reliability.read_lines(reliability.Scope(), period, today)
        by_evse = sum((line.tries for line in lines), Tries())
        assert by_evse.succeeded == found.succeeded
        site = reliability.read_scope(str(past.sites[1]), "")
        of_site = sum((b.tries for b in reliability.read_builds(site, period, today)), Tries())
        mine = [line.tries for line in lines if line.evse["site_id"] == past.sites[1]]
        assert of_site.succeeded == sum(tries.succeeded for tries in mine)


# -- the pages --------------------------------------------------------------------------------


@pytest.fixture
def one_outage(connection: Connection) -> Past:
    """A past without random troubles: one evse was without contact for six hours, five days ago."""
    past = Past(connection)
    for station_id in ("ODH-01", "ODH-02", "MOR-01"):
        past.contact(station_id, past.start)
    for station_id, evse_id in past.keys:
        past.status(station_id, evse_id, past.start, "Available")
    lost = past.now - timedelta(days=5)
    past.contact("ODH-02", lost, "station")
    past.contact("ODH-02", lost + timedelta(hours=6))
    frame = '[2,"1","BootNotification",{"reason":"PowerUp","chargingStation":{"model":"M"}}]'
    past.run("INSERT INTO message_log (station_id, received_at, direction, message_id, action,"
             " frame) VALUES ('ODH-02', %s, 'in', '1', 'BootNotification', %s)",
             lost + timedelta(hours=6, seconds=1), frame)  # fmt: skip
    past.book()
    return past


def hrefs(text: str, pattern: str) -> list[str]:
    found = re.findall(r'"href":\s*"([^"]+)"', text)
    return [json.loads(f'"{one}"') for one in found if re.search(pattern, one)]


def test_two_clicks_lead_from_the_uptime_to_the_messages(
    alice: FlaskClient, one_outage: Past
) -> None:
    first = page(alice, "/app/reliability", "?range=30d")
    [uptime] = {one for one in hrefs(first, "show=outages") if "cause" not in one
                and "sort" not in one and "station" not in one}  # fmt: skip
    second = page(alice, "/app/reliability", "?" + urlsplit(uptime).query)
    [outage] = set(hrefs(second, r"outage=\d"))
    assert parse_qs(urlsplit(outage).query)["range"] == ["30d"]
    third = page(alice, "/app/reliability", "?" + urlsplit(outage).query)
    assert "ODH-02 evse 1 had no contact for 6" in third
    assert "BootNotification" in third
    assert "PowerUp" in third
    assert "Contact lost" in third


def test_a_failed_first_attempt_leads_to_its_evidence(
    alice: FlaskClient, connection: Connection, one_outage: Past
) -> None:
    one_outage.session("MOR-01", 1, one_outage.now - timedelta(days=2), 2, 0)
    one_outage.book()
    text = page(alice, "/app/reliability", "?range=7d&show=attempts")
    [attempt] = set(hrefs(text, r"attempt=\d"))
    text = page(alice, "/app/reliability", "?" + urlsplit(attempt).query)
    assert "session:" in text
    assert "The visit came to nothing" in text


def test_an_exclusion_changes_the_figure_and_both_are_shown(
    alice: FlaskClient, connection: Connection, one_outage: Past
) -> None:
    today = one_outage.now.astimezone(ZONE).date()
    period = last_days(today, 30, ZONE)
    before = reliability.read_seconds(reliability.Scope(), period, today)
    assert (before.down, before.excluded) == (6 * 3600, 0)
    began = (one_outage.now - timedelta(days=5)).astimezone(ZONE)
    answer = send(alice, f"site:{one_outage.sites[0]}", began, began + timedelta(hours=4))
    assert "It is excluded" in answer.text
    one_outage.book()
    after = reliability.read_seconds(reliability.Scope(), period, today)
    assert (after.down, after.excluded) == (6 * 3600, 4 * 3600)
    text = page(alice, "/app/reliability", "?range=30d")
    assert "Vandalism" in text
    assert "without 99.83" in text
    [(actor, subject, detail)] = connection.execute(
        "SELECT actor, subject, detail FROM audit_log WHERE action = 'exclude_time'"
    ).fetchall()
    assert (actor, subject) == ("alice@example.org", f"site {one_outage.sites[0]}")
    assert detail["note"] == "police report 4711"


def send(client: FlaskClient, what: str, from_at: datetime | str, until: datetime | str,
         reason: str = "vandalism", note: str = "police report 4711") -> Any:  # fmt: skip
    edges = [at if isinstance(at, str) else f"{at:%Y-%m-%dT%H:%M:%S}" for at in (from_at, until)]
    return callback(
        client, "exclude-notice.children", [("exclude-send", "n_clicks", 1)],
        [("exclude-what", "value", what), ("exclude-from", "value", edges[0]),
         ("exclude-until", "value", edges[1]), ("exclude-reason", "value", reason),
         ("exclude-note", "value", note)],
    )  # fmt: skip


def test_the_same_exclusion_twice_is_one(
    alice: FlaskClient, connection: Connection, one_outage: Past
) -> None:
    for _ in range(2):
        send(alice, "station:ODH-02", "2026-11-20T10:00", "2026-11-20 12:00")
    rows = connection.execute("SELECT count(*) FROM outage_exclusion").fetchone()
    assert rows == (1,)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"what": "site:99999"}, "Choose what it is about"), ({"what": "moon:1"}, "Choose what"),
     ({"from_at": "yesterday"}, "From must be a date"), ({"until": "2026-11-20"}, "Until must be"),
     ({"until": "2026-11-19T10:00"}, "Until must be after"), ({"until": "2028-01-01T10:00"},
      "at most a year"), ({"reason": "weather"}, "Choose a reason"), ({"note": " "}, "what proves"),
     ({"from_at": "1020-01-01T10:00", "until": "1020-01-02T10:00"}, "between 2000 and 2200")],
)  # fmt: skip
def test_an_exclusion_that_makes_no_sense_is_refused_in_words(
    alice: FlaskClient, connection: Connection, one_outage: Past, changes: dict[str, Any],
    words: str,
) -> None:  # fmt: skip
    good = {"what": "station:ODH-02", "from_at": "2026-11-20T10:00", "until": "2026-11-20T12:00"}
    assert words in send(alice, **(good | changes)).text
    assert connection.execute("SELECT count(*) FROM outage_exclusion").fetchone() == (0,)


def test_a_revoked_exclusion_counts_no_more(
    alice: FlaskClient, app: Flask, connection: Connection, one_outage: Past
) -> None:
    began = (one_outage.now - timedelta(days=5)).astimezone(ZONE)
    send(alice, "station:ODH-02", began, began + timedelta(hours=4))
    (number,) = connection.execute("SELECT exclusion_id FROM outage_exclusion").fetchone() or (0,)
    with app.test_request_context():
        login_user(User(1, ALICE, "Alice", "operator", "salt"))
        assert exclusions.revoke(number)
        assert not exclusions.revoke(number)
    one_outage.book()
    today = one_outage.now.astimezone(ZONE).date()
    after = reliability.read_seconds(reliability.Scope(), last_days(today, 30, ZONE), today)
    assert after.excluded == 0
    assert "revoked by" in page(alice, "/app/reliability", "?range=30d")


def test_finance_may_look_but_not_exclude(
    app: Flask, connection: Connection, one_outage: Past
) -> None:
    add_user(connection, "carol@example.org", "finance")
    carol = signed_in(app, "carol@example.org")
    text = page(carol, "/app/reliability", "?range=30d")
    assert "Uptime" in text
    assert "exclude-send" not in text
    answer = send(carol, "station:ODH-02", "2026-11-20T10:00", "2026-11-20T12:00")
    assert answer.status_code == 403
    assert connection.execute("SELECT count(*) FROM outage_exclusion").fetchone() == (0,)


def test_pages_without_any_time_say_so(alice: FlaskClient) -> None:
    for path in ("/app/reliability", "/app/utilisation"):
        assert "No time is booked yet" in page(alice, path)


@pytest.mark.parametrize(
    "search",
    ["?range=nonsense", "?month=2026-13", "?month=9999-01", "?site='; DROP TABLE outage", "?by=x",
     "?outage=999999999", "?attempt=999999999", "?show=attempts&build=999999999", "?site=999999",
     "?station=NOPE", "?outage=99999999999999999999", "?range=12m&show=outages&sort=length",
     "?heat=x&range=13w", "?range=3m&by=evse"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/app/reliability", "/app/utilisation"])
def test_odd_addresses_give_a_usable_page(
    alice: FlaskClient, one_outage: Past, path: str, search: str
) -> None:
    text = page(alice, path, search)
    assert "past-figures" in text or "used-figures" in text


def test_the_pages_speak_swedish(app: Flask, one_outage: Past) -> None:
    anna = signed_in(app, language="sv")
    assert "Tid till \\u00e5tg\\u00e4rd" in page(anna, "/app/reliability", "?range=7d")
    assert "Veckan timme f\\u00f6r timme" in page(anna, "/app/utilisation", "?range=7d")


def test_utilisation_shows_where_and_against_before(alice: FlaskClient, one_outage: Past) -> None:
    one_outage.session("MOR-01", 1, one_outage.now - timedelta(days=2), 240, 20_000)
    one_outage.book()
    text = page(alice, "/app/utilisation", "?range=7d")
    assert "Mora" in text
    assert "Idle after full" in text
    assert hrefs(text, f"site={one_outage.sites[1]}")


def test_the_sql_of_the_documentation_runs(connection: Connection) -> None:
    text = (Path(__file__).parent.parent / "docs" / "reliability.md").read_text()
    blocks = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    statements = [one for block in blocks for one in block.split(";") if one.strip()]
    assert len(statements) > 5
    for statement in statements:
        connection.execute(statement.encode())


def test_the_sql_of_the_documentation_gives_the_figure_of_the_page(
    app: Flask, past: Past, connection: Connection
) -> None:
    today = past.now.astimezone(ZONE).date()
    period = last_months(today, 1, ZONE)
    text = (Path(__file__).parent.parent / "docs" / "reliability.md").read_text()
    first = text.split("```sql\n")[1].split(";")[0]
    first = first.replace("2026-10-01", f"{period.first}")
    row = connection.execute(first.encode()).fetchone()
    found = reliability.read_seconds(reliability.Scope(), period, today)
    assert row is not None
    assert [float(one) for one in row] == pytest.approx(
        [found.uptime, found.uptime_without_exclusions]
    )
