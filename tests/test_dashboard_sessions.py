"""The session explorer, one session, drivers and revenue: what they show is what is there."""

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard import explorer
from dashboard.pages.flag_words import FLAGS
from sql.admin.tokens import STATUSES
from sql.database import Connection, connect
from tests.finance_rows import CAROL, Paid, add_carol, paid_session, post, refund
from tests.staff import page, signed_in, staff_app
from tests.web import ALICE, add_evse, add_site, add_user

AT = datetime(2026, 10, 14, 18, 44, 5, tzinfo=UTC)
OCTOBER = "?from=2026-10-01&until=2026-10-31"
TAG = "TAG-00001234"
MARY = "mary@example.org"


@pytest.fixture
def app(plain_database: str, rows: Connection) -> Iterator[Flask]:
    add_carol(rows)
    add_user(rows, ALICE, "operator")
    add_user(rows, MARY, "manager")
    with staff_app(plain_database) as app:
        yield app


@pytest.fixture
def rows(plain_database: str) -> Iterator[Connection]:
    with connect(plain_database) as connection:
        yield connection


@pytest.fixture
def alice(app: Flask) -> FlaskClient:
    return signed_in(app)


@pytest.fixture
def carol(app: Flask) -> FlaskClient:
    return signed_in(app, CAROL)


@pytest.fixture
def evse_key(rows: Connection) -> int:
    return add_evse(rows, add_site(rows, "Malmö Hyllie"), "MHY-05", "K7-4M2Q")


@pytest.fixture
def paid(rows: Connection, evse_key: int) -> Paid:
    return paid_session(rows, evse_key, 104897, AT)


def shown(client: FlaskClient, path: str, search: str = "") -> str:
    """A page's text with the blanks of its numbers written plainly."""
    text = json.dumps(json.loads(page(client, path, search)), ensure_ascii=False)
    return re.sub("[\u202f\u00a0]", " ", text).replace("\u2212", "-")


def add_session(
    connection: Connection, evse_key: int, at: datetime, *, minutes: int | None = 40,
    energy_wh: int = 12_000, token: str | None = TAG, flags: list[str] | None = None,
    number: str = "",
) -> int:  # fmt: skip
    row = connection.execute(
        "INSERT INTO session (operator_id, site_id, station_id, evse_id, evse_key, transaction_id,"
        " id_token, started_at, ended_at, energy_wh, flags, stop_reason, charged_until)"
        " SELECT 1, site_id, station_id, evse_id, evse_key, coalesce(nullif(%s, ''), %s), %s, %s,"
        " %s, %s, %s, 'Local', %s FROM evse JOIN station USING (station_id) WHERE evse_key = %s"
        " RETURNING session_id",
        [number, f"{at.timestamp()}-{evse_key}", token, at,
         at + timedelta(minutes=minutes) if minutes is not None else None, energy_wh, flags or [],
         at + timedelta(minutes=minutes - 10) if minutes else None, evse_key],
    ).fetchone()  # fmt: skip
    assert row
    return int(row[0])


def add_reading(
    connection: Connection, session_id: int, at: datetime, register: int | None, delta: int | None,
    **more: Any,
) -> None:  # fmt: skip
    held = {"power_w": 11_000.0, "source": "meter", "revision": 0, "flags": None, **more}
    connection.execute(
        "INSERT INTO meter_value (evse_key, station_id, evse_id, measured_at, received_at,"
        " session_id, reading_hash, energy_wh, energy_delta_wh, power_w, source, revision, flags)"
        " SELECT evse_key, station_id, evse_id, %s, %s, session_id, %s, %s, %s, %s, %s, %s, %s"
        " FROM session WHERE session_id = %s",
        [at, at, abs(hash((at, delta, held["source"]))) % 2**60, register, delta, held["power_w"],
         held["source"], held["revision"], held["flags"], session_id],
    )  # fmt: skip


def fold(connection: Connection) -> None:
    while connection.execute("SELECT fold_visits(1000)").fetchone() != (0,):
        pass


def numbers(text: str) -> list[int]:
    """The sessions that a list shows, in its order."""
    return [int(found) for found in re.findall(r'"/app/session/(\d+)"', text)]


# -- the explorer -------------------------------------------------------------------------------


def test_empty_pages_are_calm(alice: FlaskClient, carol: FlaskClient) -> None:
    assert "No session fits" in shown(alice, "/app/sessions")
    assert "No session has ended yet" in shown(alice, "/app/drivers")
    assert "Nothing is booked yet" in shown(carol, "/app/revenue")


def test_filters_of_the_address_choose_the_rows(
    alice: FlaskClient, rows: Connection, evse_key: int
) -> None:
    other = add_evse(rows, add_site(rows, "Lund Nova"), "LUN-01", "K7-0002")
    small = add_session(rows, evse_key, AT, energy_wh=1_200)
    large = add_session(rows, other, AT + timedelta(hours=1), energy_wh=48_000, token="VIP")
    odd = add_session(rows, other, AT + timedelta(hours=2), flags=["register_jumped"])
    running = add_session(rows, evse_key, AT + timedelta(hours=3), minutes=None)
    old = add_session(rows, evse_key, AT - timedelta(days=60), number="tx-77")
    paid = paid_session(rows, evse_key, 17, AT + timedelta(days=1)).session_id

    def listed(search: str) -> list[int]:
        return numbers(shown(alice, "/app/sessions", OCTOBER + search))

    (site,) = rows.execute("SELECT site_id FROM site WHERE name = 'Lund Nova'").fetchone() or (0,)
    assert listed("") == [paid, running, odd, large, small]
    assert listed(f"&site={site}") == [odd, large]
    assert listed("&station=LUN-01") == [odd, large]
    assert listed(f"&station=LUN-01&evse={evse_key}") == []
    assert listed("&state=open") == [running]
    assert listed("&state=ended") == [paid, odd, large, small]
    assert listed("&channel=guest") == [paid]
    assert listed("&channel=none&state=ended") == [odd, large, small]
    assert listed("&flag=any") == [odd]
    assert listed("&flag=register_jumped") == [odd]
    assert listed("&flag=register_reset") == []
    assert listed("&least=10,5&most=30&state=ended") == [paid, odd]
    assert listed("&token=vip") == [large]
    assert listed("&q=lund") == [odd, large]
    assert listed("&q=k7-0002") == [odd, large]
    assert listed("&q=VIP") == [large]
    assert listed("&longer=41&state=ended") == [paid]
    assert listed("&hour=20") == [paid, small]
    assert listed("&sort=energy")[:2] == [large, paid]
    assert listed(f"&tariff={'ab' * 32}") == [paid]
    assert f'"/app/session/{old}"' in shown(alice, "/app/sessions", f"?q={old}")
    everywhen = shown(alice, "/app/sessions", "?from=2026-01-01&until=2026-10-31&q=TX-77")
    assert numbers(everywhen) == [old]


def test_sessions_held_for_review_are_found_and_say_so(
    alice: FlaskClient, rows: Connection, evse_key: int
) -> None:
    add_session(rows, evse_key, AT)
    odd = add_session(rows, evse_key, AT + timedelta(hours=2))
    rows.execute("INSERT INTO session_doubt (session_id, reason, found_at) VALUES (%s,"
                 " 'register_decreased', %s)", [odd, AT])  # fmt: skip
    text = shown(alice, "/app/sessions", OCTOBER + "&flag=quarantine")
    assert numbers(text) == [odd]
    assert "in review" in text
    assert "The meter went backwards." in shown(alice, f"/app/session/{odd}")


def test_pages_of_the_list_hold_every_session_once_also_of_one_instant(
    alice: FlaskClient, rows: Connection, evse_key: int
) -> None:
    made = [add_session(rows, evse_key, AT + timedelta(minutes=n // 3), number=f"n{n}")
            for n in range(120)]  # fmt: skip
    search, found = OCTOBER, []
    for _ in range(5):
        text = shown(alice, "/app/sessions", search)
        found += numbers(text)
        place = re.search(r'"(/app/sessions\?[^"]*before=[^"]+)"', text)
        if place is None:
            break
        search = place[1].removeprefix("/app/sessions")
    assert found == sorted(made, key=lambda n: (made.index(n) // 3, n), reverse=True)


def test_rare_sessions_are_looked_for_a_bounded_way_and_the_page_says_how_far(
    alice: FlaskClient, rows: Connection, evse_key: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explorer, "LOOKED_AT", 10)
    for n in range(25):
        add_session(rows, evse_key, AT + timedelta(minutes=n))
    rare = add_session(rows, evse_key, AT - timedelta(minutes=1), energy_wh=99_000)
    text = shown(alice, "/app/sessions", OCTOBER + "&least=90")
    assert numbers(text) == []
    assert "The newest 10 sessions were looked through, back to 14 Oct 2026 20:59" in text
    for _ in range(2):
        place = re.search(r'"(/app/sessions\?[^"]*before=[^"]+)"', text)
        assert place
        text = shown(alice, "/app/sessions", place[1].removeprefix("/app/sessions"))
    assert numbers(text) == [rare]


def test_sums_of_days_equal_sums_of_their_sessions(
    app: Flask, alice: FlaskClient, rows: Connection, evse_key: int
) -> None:
    for n in range(7):
        paid_session(rows, evse_key, 20 + n, AT + timedelta(hours=n), gross=10_000 + n)
    add_session(rows, evse_key, AT, minutes=None, energy_wh=500)
    fold(rows)
    text = shown(alice, "/app/sessions", OCTOBER)
    assert "200.980" in text  # 7 x 28.640 and what goes on
    assert "SEK 700.21" in text
    assert "8 sessions" in text
    one_by_one = shown(alice, "/app/sessions", OCTOBER + "&least=0")
    for figure in ("200.980", "SEK 700.21", "8 sessions"):
        assert figure in one_by_one


NONSENSE = (
    "?from=2026-10-31&until=2026-10-01",
    "?from=1890-01-01&until=2026-10-31",
    "?from=nonsense",
    "?site=99999999999999",
    "?site=-1",
    "?evse=abc&hour=99&least=-5&most=1e99",
    "?before=9-9-9",
    "?before=99999999999999999999-1",
    "?before=9999999999999999-999999999999999999",
    "?sort=x",
    "?flag=%27%3B+DROP+TABLE+session",
    "?q=%00&token=%00",
    "?q=%25_%5C",
    "?station=%F0%9F%94%8C",
    "?evse=999999999&longer=999999999&shorter=999999999",
)


def test_nonsense_in_the_address_breaks_nothing(
    alice: FlaskClient, carol: FlaskClient, rows: Connection, evse_key: int
) -> None:
    paid_session(rows, evse_key, 17, AT)
    fold(rows)
    for search in NONSENSE:
        for path in ("/app/sessions", "/app/drivers", "/app/session/1"):
            assert '"id": "page"' in shown(alice, path, search), (path, search)
        assert "Revenue" in shown(carol, "/app/revenue", search)


def test_who_is_shown_as_the_role_may_see_it(
    app: Flask, alice: FlaskClient, carol: FlaskClient, rows: Connection, evse_key: int
) -> None:
    number = add_session(rows, evse_key, AT)
    for path, search in (("/app/sessions", OCTOBER), (f"/app/session/{number}", "")):
        assert "TAG-00001234" in shown(alice, path, search)
        masked = shown(carol, path, search)
        assert "TAG-0000" not in masked
        assert "\u2022\u2022\u2022\u20221234" in masked
    assert "TAG-0000" not in carol.get(f"/app/download/sessions.csv{OCTOBER}").text


def test_texts_of_stations_stay_text_on_pages_and_in_files(
    alice: FlaskClient, rows: Connection, evse_key: int
) -> None:
    number = add_session(rows, evse_key, AT, token="=cmd()|A1")
    rows.execute("UPDATE session SET stop_reason = '=HYPERLINK(\"http://x\")', flags = '{+evil}'"
                 " WHERE session_id = %s", [number])  # fmt: skip
    assert "=cmd()|A1" in shown(alice, "/app/sessions", OCTOBER)
    answer = alice.get(f"/app/download/sessions.csv{OCTOBER}")
    assert answer.text.startswith("\ufeff")
    (head, line) = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    told = dict(zip(head, line, strict=True))
    assert told["Who"] == "'=cmd()|A1"
    assert told["End"] == '\'=HYPERLINK("http://x")'
    assert told["Flags"] == "'+evil"
    assert told["kWh"] == "12.000"


def test_a_file_holds_all_sessions_that_fit(
    alice: FlaskClient, rows: Connection, evse_key: int
) -> None:
    for n in range(130):
        add_session(rows, evse_key, AT + timedelta(minutes=n))
    text = alice.get(f"/app/download/sessions.csv{OCTOBER}").text
    assert len(text.splitlines()) == 131


# -- one session --------------------------------------------------------------------------------


def test_an_unknown_session_is_named_as_such(alice: FlaskClient) -> None:
    for name in ("0", "999999", "abc", "1%20OR%201=1", "9" * 40, "-1", "\u0663"):
        assert "There is no session" in shown(alice, f"/app/session/{name}")


def test_a_session_s_energy_is_traced_to_its_readings(
    alice: FlaskClient, rows: Connection, evse_key: int
) -> None:
    number = add_session(rows, evse_key, AT, energy_wh=9_000)
    add_reading(rows, number, AT, 100_000, 0)
    add_reading(rows, number, AT + timedelta(minutes=20), 105_000, 5_000, flags=["clock_skew"])
    add_reading(rows, number, AT + timedelta(minutes=40), 110_000, 5_000)
    add_reading(rows, number, AT + timedelta(minutes=40), None, -1_000, source="correction",
                revision=1, power_w=None)  # fmt: skip
    text = shown(alice, f"/app/session/{number}")
    assert "The readings add up to 9.000 kWh: exactly the energy of the session." in text
    assert "-1.000 kWh of it by adjustments and decisions." in text
    assert "1 row is flagged." in text
    assert "Decided by people, revision 1" in text
    assert "the station's clock is wrong" in text
    lines = alice.get(f"/app/download/readings.csv?session={number}").text.splitlines()
    assert len(lines) == 5
    rows.execute("UPDATE session SET energy_wh = 9001 WHERE session_id = %s", [number])
    assert "the session says 9.001 kWh" in shown(alice, f"/app/session/{number}")


def test_long_sessions_show_their_readings_page_by_page(
    alice: FlaskClient, rows: Connection, evse_key: int
) -> None:
    number = add_session(rows, evse_key, AT, energy_wh=250, minutes=300)
    for n in range(250):
        add_reading(rows, number, AT + timedelta(minutes=n), 1_000 + n, 1)
    first = shown(alice, f"/app/session/{number}")
    assert "Later readings, 50 more" in first
    rest = shown(alice, f"/app/session/{number}", "?after=200")
    assert "First readings" in rest
    assert "The readings add up to 0.250 kWh" in rest


def test_finance_follows_the_money_and_operators_see_the_price(
    app: Flask, alice: FlaskClient, carol: FlaskClient, rows: Connection, paid: Paid
) -> None:
    refund(rows, paid, 104898, AT + timedelta(days=1), 1_000)
    path = f"/app/session/{paid.session_id}"
    text = shown(carol, path)
    for part in (paid.number, "SEK 142.91", "1510", "3001", "2611", "Held", "SEK 10.00",
                 f"/app/ledger?payment={paid.reference}"):  # fmt: skip
        assert part in text, part
    text = shown(alice, path)
    assert "SEK 142.91" in text
    assert "/app/station/MHY-05" in text
    assert "3001" not in text
    assert f"/app/ledger?payment={paid.reference}" not in text
    managed = shown(signed_in(app, MARY), path)
    assert "3001" in managed
    assert "Refund\u2026" not in managed


def test_the_timeline_is_in_the_order_of_what_happened(
    alice: FlaskClient, rows: Connection, evse_key: int
) -> None:
    number = add_session(rows, evse_key, AT)
    add_reading(rows, number, AT + timedelta(minutes=1), 100, 100)
    rows.execute(
        "INSERT INTO status_history (evse_key, station_id, evse_id, connector_id, status,"
        " charging_state, status_at, received_at) VALUES (%s, 'MHY-05', 1, 1, 'Occupied',"
        " 'EVConnected', %s, now())",
        [evse_key, AT - timedelta(minutes=2)],
    )
    rows.execute("INSERT INTO authorization_history VALUES ('MHY-05', %s, 'tag-00001234',"
                 " 'Accepted')", [AT - timedelta(minutes=1)])  # fmt: skip
    text = shown(alice, f"/app/session/{number}")
    order = ["Connector: plugged in", "Token TAG-00001234: accepted", "Session started",
             "Energy flows", "Last energy", "Session ended: ended at the station"]  # fmt: skip
    places = [text.index(words) for words in order]
    assert places == sorted(places)


# -- drivers ------------------------------------------------------------------------------------


def test_drivers_are_counted_once_and_lead_to_their_sessions(
    alice: FlaskClient, rows: Connection, evse_key: int
) -> None:
    other = add_evse(rows, add_site(rows, "Lund Nova"), "LUN-01", "K7-0002")
    add_session(rows, evse_key, AT - timedelta(days=40), token="A")
    for day, key, token in ((0, evse_key, "A"), (1, other, "a"), (2, other, "B"), (3, other, None)):
        add_session(rows, key, AT + timedelta(days=day), token=token)
    text = shown(alice, "/app/drivers", OCTOBER)
    assert "5 changes are being added to the sums" in text
    fold(rows)
    text = shown(alice, "/app/drivers", OCTOBER + "&compare=none")
    assert re.search(r'"children": \["2", ""\][^}]*"id": "users-value"', text)
    assert re.search(r'"children": \["1", ""\][^}]*"id": "new-users-value"', text)
    assert "/app/sessions?from=2026-10-14&until=2026-10-14" in text
    assert "longer=30&shorter=45" in text
    assert "Lund Nova" in text
    lines = alice.get(f"/app/download/drivers.csv{OCTOBER}").text.splitlines()
    assert len(lines) == 1 + 31 + 2


# -- revenue ------------------------------------------------------------------------------------


def test_revenue_is_for_managers_and_finance_alone(
    app: Flask, alice: FlaskClient, carol: FlaskClient, paid: Paid
) -> None:
    assert "You may not open this page" in shown(alice, "/app/revenue", OCTOBER)
    assert alice.get(f"/app/download/revenue.csv{OCTOBER}").status_code == 403
    for client in (carol, signed_in(app, MARY)):
        assert "SEK 142.91" in shown(client, "/app/revenue", OCTOBER)
        assert client.get(f"/app/download/revenue.csv{OCTOBER}").status_code == 200


def test_revenue_equals_the_ledger(
    carol: FlaskClient, rows: Connection, evse_key: int, paid: Paid
) -> None:
    other = add_evse(rows, add_site(rows, "Lund Nova"), "LUN-01", "K7-0002")
    paid_session(rows, other, 2, AT + timedelta(days=2), gross=10_001, channel="registered")
    refund(rows, paid, 4, AT + timedelta(days=3), 1_000)
    net, vat = rows.execute(
        "SELECT -sum(amount) FILTER (WHERE account LIKE '3%'),"
        " -sum(amount) FILTER (WHERE account LIKE '26%') FROM entry"
    ).fetchone() or (0, 0)
    text = shown(carol, "/app/revenue", OCTOBER)
    for minor in (net, vat, net + vat):
        assert f"{minor / 100:.2f}" in text
    agrees = f"Agrees: ledger = sales by tariff = sales by station, SEK {(net + vat) / 100:.2f}"
    assert agrees in text
    assert "-10.00" in text  # the refund
    assert "7.88" in text  # Stripe's fees
    assert f"{float(net) / 100 / 57.28:.2f}" in text
    told = list(csv.reader(io.StringIO(
        carol.get(f"/app/download/revenue.csv{OCTOBER}").text.removeprefix("\ufeff"))))  # fmt: skip
    head = told[0]
    for by in ("Period", "Site", "Channel", "Tariff"):
        some = [dict(zip(head, line, strict=True)) for line in told if line[0] == by]
        assert sum(round(float(one["Gross"]) * 100) for one in some) == net + vat, by


def test_currencies_stand_side_by_side(
    carol: FlaskClient, rows: Connection, evse_key: int, paid: Paid
) -> None:
    with rows.transaction():
        number = post(rows, "adjustment", AT, [], channel="guest")
        for line, (account, amount) in enumerate(
            [("1510", 1250), ("3001", -1000), ("2611", -250)], 1
        ):
            rows.execute("INSERT INTO entry VALUES (%s, %s, %s, %s, 'EUR', 25)",
                         [number, line, account, amount])  # fmt: skip
    text = shown(carol, "/app/revenue", OCTOBER)
    assert "SEK 142.91" in text
    assert "EUR 12.50" in text
    assert "155.41" not in text


def test_a_difference_between_the_sums_is_shown(
    carol: FlaskClient, rows: Connection, paid: Paid
) -> None:
    rows.execute("UPDATE revenue_tariff_day SET net = net + 1")
    text = shown(carol, "/app/revenue", OCTOBER)
    assert "Differs: ledger SEK 142.91, sales by tariff SEK 142.92" in text


def test_every_flag_that_ingest_writes_down_has_plain_words() -> None:
    code = "\n".join(path.read_text() for path in Path("ingest").glob("*.py"))
    table = Path("docs/metering.md").read_text().split("## Flags")[1].split("\n## ")[0]
    named = " ".join(re.findall(r"^\| ([a-z_*, ]+)(?: \(| \|)", table, re.MULTILINE))
    found = {*re.findall(r"\.flag\(\"(\w+)\"\)", code), *re.findall(r"\b[a-z_]+\b", named)}
    statuses = {*STATUSES, "Unknown", "ConcurrentTx"} - {"Accepted"}
    found |= {f"token_{status.lower()}" for status in statuses}
    assert {"register_frozen", "start_missing", "offline", "signature_invalid"} <= found
    assert found - {"flag", "token_"} <= set(FLAGS)
