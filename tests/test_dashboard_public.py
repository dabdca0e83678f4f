"""The public pages: what a driver finds, in both languages, without script or login."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from dashboard.public.geo import mercator, outline_svg, simplified, view_of
from dashboard.public.places import (
    Wish,
    folded,
    metres_between,
    plug_of,
    read_wish,
    same_code,
)
from dashboard.public.responses import squeezed
from sql.database import Connection
from tests.payments import add_tariff
from tests.web import add_evse, add_site, web_app

STOCKHOLM, GOTHENBURG, UPPSALA = (59.33, 18.06), (57.71, 11.97), (59.86, 17.64)
SWEDISH, ENGLISH = {"Accept-Language": "sv"}, {"Accept-Language": "en"}


@pytest.fixture
def network(connection: Connection) -> dict[str, int]:
    """Three sites; in Stockholm one free, one charging and one broken evse."""
    stockholm = add_site(connection, "Kvarnholmen Södra", "Nacka", STOCKHOLM)
    gothenburg = add_site(connection, "Bäckebol", "Göteborg", GOTHENBURG)
    uppsala = add_site(connection, "Resecentrum", "Uppsala", UPPSALA)
    return {
        "stockholm": stockholm, "gothenburg": gothenburg, "uppsala": uppsala,
        "free": add_evse(connection, stockholm, "KVH-01", "KX-4172"),
        "busy": add_evse(connection, stockholm, "KVH-01", "KX-4173", status="Occupied",
                         charging_state="Charging"),
        "broken": add_evse(connection, stockholm, "KVH-01", "KX-4174", status="Faulted"),
        "slow": add_evse(connection, gothenburg, "GBG-01", "GB-1000", power_w=22_000,
                         standard="IEC_62196_T2"),
        "lost": add_evse(connection, uppsala, "UPP-01", "UP-2000", online=False),
    }  # fmt: skip


@pytest.fixture
def client(database: str, network: dict[str, int]) -> Iterator[FlaskClient]:
    with web_app(database) as app:
        yield app.test_client()


def found(client: FlaskClient, query: str = "") -> list[str]:
    """Names of the sites a question finds, in order."""
    page = client.get(f"/{query}", headers=SWEDISH)
    assert page.status_code == 200
    return re.findall(r'<h3><a href="/site/\d+">([^<]+)</a>', page.text)


def test_the_page_lists_every_site_with_its_free_chargers(client: FlaskClient) -> None:
    page = client.get("/", headers=SWEDISH).text
    assert "2 lediga av 5" in page
    assert "1 av 3 lediga" in page
    assert "Går inte att starta från mobilen just nu" in page
    assert '<html lang="sv">' in page


def test_it_speaks_english_when_asked_to(client: FlaskClient) -> None:
    page = client.get("/", headers={"Accept-Language": "en"}).text
    assert "2 free of 5" in page
    client.set_cookie("language", "sv")
    assert "2 lediga av 5" in client.get("/", headers={"Accept-Language": "en"}).text


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?q=goteborg", ["Bäckebol"]),
        ("?q=storgatan+nacka", ["Kvarnholmen Södra"]),
        ("?free=1", ["Bäckebol", "Kvarnholmen Södra"]),
        ("?plug=t2", ["Bäckebol"]),
        ("?kw=50", ["Kvarnholmen Södra", "Resecentrum"]),
        ("?plug=ccs&free=1", ["Kvarnholmen Södra"]),
        ("?lat=59.85&lon=17.6", ["Resecentrum", "Kvarnholmen Södra", "Bäckebol"]),
        ("?q=nowhere", []),
        ("?kw=7&lat=x&lon=&page=-3&plug=zz", ["Bäckebol", "Kvarnholmen Södra", "Resecentrum"]),
    ],
)
def test_filters_narrow_the_list(client: FlaskClient, query: str, names: list[str]) -> None:
    assert found(client, query) == names


def test_a_code_leads_straight_to_its_charger(client: FlaskClient) -> None:
    assert client.get("/?q=kx4172").location == "/e/KX-4172"
    assert client.get("/e/kx 4172").location == "/e/KX-4172"
    assert client.get("/e?code=kx-4172").location == "/e/kx-4172"


def test_a_free_charger_says_how_to_start_and_promises_no_payment(client: FlaskClient) -> None:
    page = client.get("/e/KX-4172", headers=SWEDISH).text
    assert "<title>Ledig \u2013 laddare KX-4172 \u2013 Kilowatch</title>" in page
    assert "Använd ditt laddkort" in page
    assert "Det går inte att betala med kort på den här sidan än" in page
    assert "08-465 004 20" in page
    assert "/pay" not in page


def test_a_busy_or_broken_charger_names_the_nearest_free_one(client: FlaskClient) -> None:
    for code, word in (("KX-4173", "Upptagen"), ("KX-4174", "Ur funktion")):
        page = client.get(f"/e/{code}", headers=SWEDISH).text
        assert word in page
        assert "Gå till KX-4172" in page
    assert "Inga pengar har reserverats" in page


def test_contact_lost_is_said_with_its_time(client: FlaskClient) -> None:
    page = client.get("/e/UP-2000", headers=SWEDISH).text
    assert re.search(r"Ingen kontakt<small>sedan (\w+ )?\d\d:\d\d</small>", page)


def test_a_wrong_code_gets_a_form_and_the_codes_like_it(client: FlaskClient) -> None:
    page = client.get("/e/KX-417", headers=SWEDISH)
    assert page.status_code == 404
    assert "Koden finns inte" in page.text
    assert 'href="/e/KX-4172"' in page.text


def test_what_is_typed_never_becomes_markup(client: FlaskClient) -> None:
    for address in ("/?q=%22%3E%3Cscript%3Ex", "/e/%22%3E%3Cscript%3Ex"):
        assert "<script>x" not in client.get(address).text


def test_a_site_shows_its_chargers_and_an_unknown_one_is_said_to_be(
    client: FlaskClient, network: dict[str, int]
) -> None:
    page = client.get(f"/site/{network['stockholm']}", headers=SWEDISH).text
    assert page.count('class="plate"') == 3
    assert client.get("/site/999999").status_code == 404


def test_a_site_without_coordinates_is_listed_but_not_drawn(
    connection: Connection, client: FlaskClient
) -> None:
    add_evse(connection, add_site(connection, "Nyss uppsatt"), "NEW-01", "NY-0001")
    page = client.get("/", headers=SWEDISH).text
    assert "Nyss uppsatt" in page
    assert page.count('class="plate-bg"') == 2 * 3
    assert client.get("/e/NY-0001").status_code == 200


def test_pages_carry_a_strict_policy_and_no_inline_script_or_style(client: FlaskClient) -> None:
    for address in ("/", "/e/KX-4172", "/e/none", "/login", "/api/v1/docs"):
        page = client.get(address)
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<style|<script(?! src)|\sstyle=|\son\w+=", page.text), address
        assert not re.search(r'(src|href)="https?://(?!www\.openstreetmap)', page.text)


def test_every_page_has_one_heading_a_title_and_landmarks(client: FlaskClient) -> None:
    for address in ("/", "/e/KX-4172", "/e/KX-4173", "/e/none", "/site/1", "/login"):
        page = client.get(address).text
        assert page.count("<h1") == 1, address
        assert page.count("<main") == page.count("<title>") == 1
        assert 'class="skip"' in page


def test_the_page_and_its_files_stay_within_a_hundred_kilobytes(client: FlaskClient) -> None:
    page = client.get("/", headers={"Accept-Encoding": "gzip"})
    assert page.content_encoding == "gzip"
    sent = len(page.data)
    names = re.findall(r'"(/public/(?!basemap)[^"]+)"', gzip.decompress(page.data).decode())
    for name in set(names):
        file = client.get(name, headers={"Accept-Encoding": "gzip"})
        assert "immutable" in file.headers["Cache-Control"]
        sent += len(file.data)
    assert sent < 30_000  # with the pages of a large network three times that


def test_prices_stand_in_rows_on_the_site_and_beside_free_chargers(
    connection: Connection, database: str, client: FlaskClient, network: dict[str, int]
) -> None:
    assert "kr/kWh" not in client.get("/", headers=SWEDISH).text
    add_tariff(connection)
    with web_app(database) as app:
        fresh = app.test_client()
        page = fresh.get("/", headers=SWEDISH).text
        assert page.count("4,99\u00a0kr/kWh") == 3
        assert "Alla priser är inklusive moms." in page
        site = fresh.get(f"/site/{network['stockholm']}", headers=ENGLISH).text
        assert site.count("SEK\u00a04.99/kWh") == 3
        assert "4,99\u00a0kr/kWh" in fresh.get("/e/KX-4173", headers=SWEDISH).text


def test_only_public_files_are_given_away(client: FlaskClient) -> None:
    assert client.get("/public/staff.css").status_code == 404
    assert client.get("/public/..%2Fstaff.css").status_code == 404
    assert client.get("/favicon.ico").mimetype == "image/svg+xml"


def test_a_station_that_comes_back_is_shown_within_a_second(
    connection: Connection, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "2 free of 5" in client.get("/").text
    connection.execute("UPDATE station SET is_online = true WHERE station_id = 'UPP-01'")
    clock = [1e9]
    monkeypatch.setattr("dashboard.public.network.monotonic", lambda: clock[0])
    assert "3 free of 5" in client.get("/").text


def test_an_empty_network_says_so(database: str) -> None:
    with web_app(database) as app:
        page = app.test_client().get("/", headers=SWEDISH)
        assert "Ingen laddare passar" in page.text
        assert app.test_client().get("/e/AB-1234").status_code == 404


def test_wishes_that_make_no_sense_count_as_not_said() -> None:
    assert read_wish({"kw": "-1", "lat": "91", "lon": "0", "free": "yes"}, ["x"]) == Wish()
    assert read_wish({"lat": "nan", "lon": "1"}, []) == Wish()


def test_people_type_without_dots_dashes_and_capitals() -> None:
    assert folded("Ödeshög") == "odeshog"
    assert same_code("KX-4172", "kx 4172")
    assert not same_code(None, "")


def test_plugs_are_known_by_the_names_of_both_protocols() -> None:
    assert plug_of(["cCCS2"]) == plug_of(["IEC_62196_T2_COMBO"]) == "ccs"
    assert plug_of([None, "CHADEMO"]) == "cha"
    assert plug_of(["Schuko"]) == ""


def test_distances_are_those_of_the_globe() -> None:
    assert metres_between(*STOCKHOLM, *GOTHENBURG) == pytest.approx(397_000, rel=0.01)


def test_a_view_holds_all_its_points() -> None:
    view = view_of([STOCKHOLM, GOTHENBURG, UPPSALA])
    for point in (STOCKHOLM, GOTHENBURG, UPPSALA):
        x, y = view.place(*point)
        assert 0 <= x <= 600
        assert 0 <= y <= 600
    assert view.place(*UPPSALA)[1] < view.place(*STOCKHOLM)[1]  # north is up


def test_the_outline_stays_small_and_keeps_its_shape() -> None:
    svg = outline_svg(Path(__file__).parents[1] / "assets/nordic.geojson")
    assert len(gzip.compress(svg.encode())) < 60_000
    assert svg.count("<path") == 2
    line = [(0.0, 0.0), (1.0, 0.001), (2.0, 0.0), (2.0, 2.0)]
    assert simplified(line, 0.01) == [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0)]
    assert mercator(0, 18) == (18, pytest.approx(0))


def test_squeezing_keeps_the_meaning_of_a_style_sheet() -> None:
    assert squeezed("a { color: red; } /* x */\n b > c { margin: 0 1px; }") == (
        "a{color:red}b > c{margin:0 1px}"
    )
