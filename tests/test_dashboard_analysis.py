"""Analysis pages: which days an address means, what figures are held against, files, load."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from dashboard import load, ranges, reliability
from dashboard.csv_text import kwh, percent, pieces, safe
from dashboard.load_curve import Span, curve_of_day, load_of, occurrences, quarter_of
from dashboard.pages.downloads import DOWNLOADS
from dashboard.pages.energy_view import View as EnergyView
from dashboard.pages.reliability_view import View as ReliabilityView
from dashboard.pages.utilisation_view import View as UtilisationView
from dashboard.periods import Period, last_days, midnight
from sql.database import Connection
from sql.settings import Settings
from tests.staff import page, signed_in, staff_app
from tests.test_dashboard_pages import MARKUP, add_reading, start_session
from tests.test_dashboard_reliability import hrefs
from tests.timed import Past
from tests.web import add_evse, add_site, add_user

ZONE = Settings().zone
TODAY = date(2026, 11, 23)
DATES = st.dates(date(1990, 1, 1), date(2030, 1, 1))


# -- days -------------------------------------------------------------------------------------


@given(DATES, DATES)
def test_a_range_is_in_order_has_been_and_is_at_most_ten_years_long(one: date, two: date) -> None:
    found = ranges.free(one.isoformat(), two.isoformat(), TODAY)
    assert isinstance(found, ranges.Days)
    assert ranges.EARLIEST <= found.first <= found.last <= TODAY
    assert found.last < found.first.replace(year=found.first.year + 10, day=min(found.first.day, 28)
                                            ) + timedelta(days=4)  # fmt: skip
    if not found.remark:
        assert (found.first, found.last) == (one, two)


@given(st.text(max_size=12), st.text(max_size=12))
def test_no_text_breaks_a_range(one: str, two: str) -> None:
    assert isinstance(ranges.free(one, two, TODAY), ranges.Days | str | None)


@pytest.mark.parametrize(
    ("since", "until", "days", "remark"),
    [
        ("2026-10-01", "2026-10-31", ("2026-10-01", "2026-10-31"), ""),
        ("2026-10-31", "2026-10-01", ("2026-10-01", "2026-10-31"), "turned"),
        ("2026-11-01", "", ("2026-11-01", "2026-11-23"), ""),
        ("", "2026-11-01", ("2026-11-01", "2026-11-01"), ""),
        ("2027-01-01", "2027-02-01", ("2026-11-23", "2026-11-23"), "future"),
        ("2016-01-01", "2026-11-23", ("2016-11-24", "2026-11-23"), "cut"),
        ("2000-01-01", "2024-02-29", ("2014-03-01", "2024-02-29"), "cut"),
    ],
)
def test_what_makes_no_sense_is_put_right_and_said(
    since: str, until: str, days: tuple[str, str], remark: str
) -> None:
    found = ranges.free(since, until, TODAY)
    assert isinstance(found, ranges.Days)
    assert ((found.first.isoformat(), found.last.isoformat()), found.remark) == (days, remark)


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "20261001", "2026-W40-1", "1'; DROP"])
def test_what_is_no_date_is_odd(text: str) -> None:
    assert ranges.free(text, "", TODAY) == ranges.ODD


@given(
    st.sampled_from([EnergyView, UtilisationView, ReliabilityView]),
    st.dictionaries(
        st.sampled_from(["range", "from", "until", "compare", "site", "station", "by", "grain",
                         "heat", "cell", "month", "show", "outage"]),
        st.sampled_from(["7d", "12m", "2026-10-01", "2026-10-31", "site:3", "none", "3", "N-1",
                         "site", "month", "hour", "5-13", "idle", "2026-10", "outages", "\0",
                         MARKUP]),
    ),
)  # fmt: skip
def test_an_address_that_a_view_writes_is_read_as_the_same_view(
    view: type[EnergyView], asked: dict[str, str]
) -> None:
    first = view.read(asked, TODAY)
    again = view.read(dict(parse_qsl(urlsplit(first.href()).query)), TODAY)
    assert again.asked() == first.asked()
    assert again.period(TODAY, ZONE) == first.period(TODAY, ZONE)


def test_a_period_is_held_against_the_one_before_another_site_or_nothing() -> None:
    asked = {"from": "2026-10-01", "until": "2026-10-31", "site": "3"}
    october = EnergyView.read(asked, TODAY)
    period = october.period(TODAY, ZONE)
    before = october.against(period)
    assert before is not None
    assert (before.site, before.period.first) == ("3", date(2026, 9, 1))
    other = october.changed(compare="site:7").against(period)
    assert other is not None
    assert (other.site, other.period, other.is_site) == ("7", period, True)
    assert october.changed(compare="none").against(period) is None


# -- load -------------------------------------------------------------------------------------


@given(st.dates(date(2026, 1, 1), date(2026, 12, 31)), st.integers(0, 400), st.integers(0, 5000))
def test_every_quarter_of_a_period_is_counted_once(first: date, days: int, minutes: int) -> None:
    begin = midnight(first, ZONE)
    end = (begin + timedelta(days=days)).astimezone(UTC) + timedelta(minutes=15 * minutes % 1440)
    counts = occurrences(first, end, ZONE)
    assert sum(counts) == -(-(end - begin.astimezone(UTC)) // timedelta(minutes=15))


def test_days_when_the_clock_changes_lack_an_hour_or_have_one_twice() -> None:
    spring, autumn = date(2026, 3, 29), date(2026, 10, 25)
    assert occurrences(spring, midnight(date(2026, 3, 30), ZONE), ZONE)[7:13] == [1, 0, 0, 0, 0, 1]
    assert occurrences(autumn, midnight(date(2026, 10, 26), ZONE), ZONE)[7:13] == [1, 2, 2, 2, 2, 1]
    rows = [{"bucket": datetime(2026, 10, 25, hour, tzinfo=UTC), "energy_wh": wh}
            for hour, wh in ((0, 1000), (1, 3000))]  # fmt: skip
    one = Period(autumn, date(2026, 10, 26), ZONE)
    curve = curve_of_day(rows, one, datetime(2026, 11, 1, tzinfo=UTC))
    assert curve[8] == 8000  # 02:00 twice: 4 kW and 12 kW


def test_the_mean_of_a_quarter_is_over_the_days_that_had_it() -> None:
    at = datetime(2026, 11, 20, 11, tzinfo=UTC)  # noon in Stockholm
    period = Period(date(2026, 11, 1), date(2026, 11, 24), ZONE)
    span = Span(period, date(2026, 11, 20), datetime(2026, 11, 22, 10, tzinfo=UTC))
    rows = [{"quarter": 48, "energy_wh": 6000}]
    found = load_of(rows, {"peak_wh": 5000, "peak_at": at}, span, 40_000)
    assert found.mean_w[48] == 6000 * 4 / 2  # the 20th and 21st: the 22nd is at eleven
    assert found.mean_w[43] == 0
    assert found.peak is not None
    assert (found.peak.power_w, found.peak.at) == (20_000, at)
    assert found.coincidence == 0.5
    assert quarter_of(at, ZONE) == 48


# -- files ------------------------------------------------------------------------------------


def read_csv(text: bytes | str, delimiter: str = ",") -> list[list[str]]:
    decoded = text.decode() if isinstance(text, bytes) else text
    assert decoded.startswith("\ufeff")
    return list(csv.reader(io.StringIO(decoded[1:], newline=""), delimiter=delimiter))


@given(st.text(max_size=8))
def test_no_text_becomes_a_formula(text: str) -> None:
    shown = safe(text)
    assert shown[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n")
    assert shown.endswith(text)


def test_files_are_written_as_the_readers_spreadsheet_wants_them() -> None:
    at = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    row = ["=1+1", -5, kwh(1234), percent(0.5), None, at, date(2026, 10, 25)]
    swedish = b"".join(pieces(["Plats", "kWh"], [row], "sv", ZONE))
    assert read_csv(swedish, ";")[1] == [
        "'=1+1", "-5", "1,234", "50,0000", "", "2026-10-25 02:30:00+02:00", "2026-10-25"
    ]  # fmt: skip
    english = b"".join(pieces(["@site"], [row] * 1201, "en", ZONE))
    rows = read_csv(english)
    assert (rows[0], rows[1][2], len(rows)) == (["'@site"], "1.234", 1202)


@pytest.fixture
def app(database: str, connection: Connection) -> Iterator[Flask]:
    add_user(connection)
    with staff_app(database) as app, app.app_context():
        yield app


@pytest.fixture
def alice(app: Flask) -> FlaskClient:
    return signed_in(app)


@pytest.fixture
def readings(connection: Connection) -> int:
    """4.2 kWh in an hour of the day before yesterday, and 1 kWh a week earlier."""
    site = add_site(connection, "=Ödeshög")
    key = add_evse(connection, site, "ODH-01", "K7-0001", power_w=50_000)
    start_session(connection, key)
    at = midnight(datetime.now(ZONE).date() - timedelta(days=2), ZONE) + timedelta(hours=12)
    for n in range(4):
        add_reading(connection, key, at + timedelta(minutes=15 * n), 1000 + 100 * (n == 2) * 2)
    add_reading(connection, key, at - timedelta(days=7), 1000)
    connection.execute("UPDATE site SET grid_limit_w = 4000")
    return site


def total_of(rows: list[list[str]], column: int) -> Decimal:
    return sum((Decimal(row[column] or 0) for row in rows[1:]), Decimal(0))


def test_the_files_of_energy_say_what_the_page_says(
    alice: FlaskClient, app: Flask, readings: int
) -> None:
    text = page(alice, "/app/energy", "?range=30d")
    assert '"5.20"' in text
    for name, column in (("energy", 1), ("energy-stations", 2), ("energy-sites", 7)):
        answer = alice.get(f"/app/download/{name}.csv?range=30d")
        assert answer.mimetype == "text/csv"
        assert total_of(read_csv(answer.data), column) == Decimal("5.200"), name
    sites = read_csv(alice.get("/app/download/energy-sites.csv?range=30d").data)
    assert sites[1][0] == "'=Ödeshög"
    assert [Decimal(sites[1][n]) for n in (1, 3, 4)] == [Decimal("4.8"), 4, Decimal("-0.8")]
    curve = read_csv(alice.get("/app/download/energy-load.csv?range=30d").data)
    assert len(curve) == 97
    assert Decimal(curve[51][2]) == Decimal("4.8")  # 12:30 of the worst day
    # the mean of each quarter over the days since the first energy is all of it
    today = datetime.now(ZONE).date()
    found = load.read_load(load.Place(), last_days(today, 30, ZONE), datetime.now(UTC))
    assert found is not None
    counts = occurrences(found.born, datetime.now(UTC), ZONE)
    energy = sum((w or 0) * n / 4 for w, n in zip(found.mean_w, counts, strict=True))
    assert energy == pytest.approx(5200)


def test_a_site_over_its_grid_connection_is_said_in_words(
    alice: FlaskClient, readings: int
) -> None:
    text = page(alice, "/app/energy", "?range=30d")
    assert "1 over" in text
    assert "informative" in text
    day = datetime.now(ZONE).date() - timedelta(days=2)
    assert hrefs(text, rf"sessions\?from={day}")


def test_files_and_pages_need_no_data_and_no_sense(alice: FlaskClient) -> None:
    for name in ("energy", "energy-load", "energy-sites", "energy-stations", "utilisation",
                 "utilisation-days", "utilisation-week", "reliability", "reliability-outages",
                 "reliability-builds"):  # fmt: skip
        for query in (
            "",
            "?from=2026-13-99&site=999999&station=%00&compare=site:x&by=evse",
            "?from=2040-01-01&until=1990-01-01&cell=9-99",
            "?range=12m&compare=site:1",
        ):
            assert alice.get(f"/app/download/{name}.csv{query}").status_code == 200, (name, query)
    assert alice.get("/app/download/nothing.csv").status_code == 404
    text = page(alice, "/app/energy", "?from=2026-10-31&until=2026-10-01&site=999999")
    assert "they have been swapped" in text
    assert "There is no site 999999" in text
    assert "make no sense" in page(alice, "/app/utilisation", "?from=soon")
    assert "at most ten years" in page(
        alice, "/app/reliability", "?from=2001-01-01&until=2026-01-01"
    )


def test_nobody_without_the_role_gets_a_file(database: str, connection: Connection) -> None:
    with staff_app(database) as app:
        assert app.test_client().get("/app/download/energy.csv").status_code == 401
        for role in ("operator", "manager", "finance"):
            add_user(connection, f"{role}@example.org", role)
            client = signed_in(app, f"{role}@example.org")
            for name, one in DOWNLOADS.items():
                if one.roles and role not in one.roles:
                    assert client.get(f"/app/download/{name}.csv").status_code == 403, (role, name)


# -- two at once ------------------------------------------------------------------------------


@pytest.fixture
def past(connection: Connection) -> Past:
    made = Past(connection, 1)
    made.fill()
    return made


def test_two_sites_stand_side_by_side_with_signed_points(alice: FlaskClient, past: Past) -> None:
    one, other = past.sites[:2]
    for path, word in (("utilisation", "Occupancy"), ("reliability", "Charging success"),
                       ("energy", "Coincidence")):  # fmt: skip
        text = page(alice, f"/app/{path}", f"?range=30d&site={one}&compare=site:{other}")
        assert "side-by-side" in text, path
        assert word in text
        assert "side-by-side" not in page(alice, f"/app/{path}", f"?range=30d&site={one}")
    text = page(alice, "/app/utilisation", f"?range=13w&site={one}&compare=site:{other}")
    assert "\\u00a0pp" in text
    assert "Mora" in text


def test_the_files_of_time_say_what_the_figures_say(
    alice: FlaskClient, app: Flask, past: Past
) -> None:
    today = past.now.astimezone(ZONE).date()
    first = today - timedelta(days=20)
    until = today - timedelta(days=1)
    query = f"from={first}&until={until}"
    period = Period(first, until + timedelta(days=1), ZONE)
    lines = reliability.read_lines(reliability.Scope(), period, today)
    seconds = reliability.together(lines).seconds
    used = read_csv(alice.get(f"/app/download/utilisation.csv?{query}&by=evse").data)
    assert float(total_of(used, 2)) == pytest.approx(seconds.in_service / 3600, rel=1e-4)
    assert float(total_of(used, 5)) == pytest.approx(seconds.charging / 3600, abs=0.01)
    groups = read_csv(alice.get(f"/app/download/reliability.csv?{query}").data)
    assert float(total_of(groups, 4)) == pytest.approx(seconds.down / 3600, abs=0.01)
    outages = read_csv(alice.get(f"/app/download/reliability-outages.csv?{query}").data)
    assert float(total_of(outages, 2)) == pytest.approx(seconds.down / 3600, abs=0.05)
    days = read_csv(alice.get(f"/app/download/utilisation-days.csv?{query}").data)
    assert [row[0] for row in days[1:]] == [str(first + timedelta(days=n)) for n in range(20)]
    week = read_csv(alice.get(f"/app/download/utilisation-week.csv?{query}").data)
    assert len(week) == 1 + 7 * 24


def test_an_hour_of_the_week_leads_to_its_dates_and_they_to_sessions(
    alice: FlaskClient, past: Past
) -> None:
    text = page(alice, "/app/utilisation", "?range=4w&cell=3-12")
    assert "week-hour" in text
    wednesday = past.now.astimezone(ZONE).date()
    while wednesday.isoweekday() != 3 or wednesday >= past.now.astimezone(ZONE).date():
        wednesday -= timedelta(days=1)
    assert hrefs(text, rf"sessions\?from={wednesday}")
    assert "week-hour" in page(alice, "/app/utilisation", f"?site={past.sites[0]}&cell=3-12")


def test_months_that_are_not_whole_count_their_days_alone(app: Flask, past: Past) -> None:
    from dashboard import utilisation  # noqa: PLC0415

    today = past.now.astimezone(ZONE).date()
    period = Period(today - timedelta(days=120), today, ZONE)
    for scope in (reliability.Scope(), reliability.read_scope("", "MOR-01")):
        months = utilisation.read_spent(scope, period)
        assert months[0].bucket.date() == period.first
        keys = scope.evse_keys or list(past.keys.values())
        for one, following in zip(months, [*months[1:], None], strict=True):
            end = following.bucket if following else period.end
            seconds = past.recount(keys, one.bucket, end)
            whole = sum(row["seconds"] for row in seconds)
            charging = sum(row["seconds"] for row in seconds if row["state"] == "charging")
            assert one.charging == pytest.approx(charging / whole if whole else None)


def test_the_sql_of_the_documentation_runs(connection: Connection) -> None:
    text = (Path(__file__).parent.parent / "docs" / "analysis.md").read_text()
    statements = [one for block in re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
                  for one in block.split(";") if one.strip()]  # fmt: skip
    assert len(statements) == 2
    for statement in statements:
        connection.execute(statement.encode())
    for name in DOWNLOADS:
        if name not in ("audit", "refused"):
            assert f"`{name}`" in text
