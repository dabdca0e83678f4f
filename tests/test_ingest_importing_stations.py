"""Stations from CSV, NOBIL and OCPI: what the file says, once, and nothing else changed."""

import json
from pathlib import Path
from typing import Any

import pytest
from importing import Run, add_network, runner

from ingest.importing import nobil, ocpi
from sql.database import Connection

CSV = """\
Station ID;EVSE;Plats;Adress;Ort;Land;Latitud;Longitud;Kod;Typ;Effekt kW;Fabrikat;Lösenord
N-1;1;Torget;Torggatan 1;Lund;SE;55,7047;13,191;L1-22AA;Typ 2;22;Zaptec;correct horse
N-1;2;Torget;;;;;;L1-22AB;CCS;50,5;;
N-2;;Torget;;;SWE;;;;;;;
"""
ALL = """
SELECT s.station_id, s.vendor, s.password_hash IS NOT NULL, t.name, t.address, t.city, t.country,
    t.latitude, t.longitude, e.evse_id, e.public_code, e.max_power_w, c.connector_id, c.standard
FROM station s LEFT JOIN site t USING (site_id) LEFT JOIN evse e USING (station_id)
LEFT JOIN connector c USING (evse_key) ORDER BY s.station_id, e.evse_id, c.connector_id
"""


@pytest.fixture
def run(database: str) -> Run:
    return runner(database)


def everything(connection: Connection) -> list[Any]:
    return connection.execute(ALL).fetchall()


def write(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "stations"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def test_a_csv_file_makes_sites_stations_evses_and_connectors(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    result = run("station", "import", write(tmp_path, CSV))
    assert result.exit_code == 0, result.output
    assert "2 added, 0 changed, 0 as they were, 0 rejected" in result.output
    assert "1 have no password yet" in result.output
    place = ("Torget", "Torggatan 1", "Lund", "SE", 55.7047, 13.191)
    first, second, third = everything(connection)
    assert first == ("N-1", "Zaptec", True, *place, 1, "L1-22AA", 22_000, 1, "IEC_62196_T2")
    assert second[9:] == (2, "L1-22AB", 50_500, 1, "IEC_62196_T2_COMBO")
    assert third[:3] == ("N-2", None, False)
    assert third[3:10] == (*place, 1)
    assert third[10] is not None  # a code of its own was made up


@pytest.mark.parametrize("form", ["csv", "nobil", "ocpi"])
def test_the_same_file_twice_changes_nothing(
    run: Run, connection: Connection, tmp_path: Path, form: str
) -> None:
    content: Any = {"csv": CSV, "nobil": NOBIL, "ocpi": OCPI}[form]
    file = write(tmp_path, content)
    run("station", "import", file)
    before = everything(connection)
    result = run("station", "import", file)
    assert "0 added, 0 changed" in result.output
    assert everything(connection) == before


def test_a_changed_row_changes_what_it_says_and_nothing_else(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    run("station", "import", write(tmp_path, CSV))
    connection.execute(
        "UPDATE station SET is_online = true, last_seen_at = now(), contact_changed_at = now(),"
        " firmware_version = '1.2'"
    )
    connection.execute("UPDATE connector SET status = 'Available', status_at = now()")
    live = (
        "SELECT station_id, is_online, last_seen_at, firmware_version, password_hash FROM station"
    )
    before = connection.execute(live).fetchall()
    changed = CSV.replace("22;Zaptec;correct horse", "11;;another one").replace("Torggatan 1", "")
    result = run("station", "import", write(tmp_path, changed))
    assert "N-1: evse 1 max_power_w 22000 -> 11000\n" in result.output
    assert "0 added, 1 changed, 1 as they were" in result.output
    assert connection.execute(live).fetchall() == before
    row = everything(connection)[0]
    assert (row[1], row[4], row[11]) == ("Zaptec", "Torggatan 1", 11_000)
    kept = connection.execute("SELECT DISTINCT status FROM connector").fetchall()
    assert kept == [("Available",)]


def test_what_a_station_has_said_itself_is_not_overwritten(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    run("station", "import", write(tmp_path, CSV))
    connection.execute("UPDATE station SET vendor = 'Zaptec AS', booted_at = now()")
    assert "0 changed" in run("station", "import", write(tmp_path, CSV)).output
    assert everything(connection)[0][1] == "Zaptec AS"


def test_a_dry_run_says_what_would_happen_and_changes_nothing(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    result = run("station", "import", write(tmp_path, CSV), "--dry-run")
    assert "2 would be added" in result.output
    assert everything(connection) == []


DIRTY = {
    ";1;Torget": "station_id: expected the id of a station, found nothing",
    f"{'N' * 49};1;Torget": "station_id: expected 1 to 48 printable characters",
    "N-3;0;Torget": "evse_id: expected a whole number from 1 to 100, found 0",
    "N-4;1;Torget;;;Sverige": "country: expected a country's two or three letters, e.g. SE",
    "N-5;1;Torget;;;;95,1": "latitude: expected degrees from -90 to 90, found 95,1",
    "N-6;1;Torget;;;;;;L1-22AA": "public_code: expected a code of its own; N-1/1 has it",
    "N-6;1;Torget;;;;;;a/b": "public_code: expected 1 to 40 letters, digits",
    "N-7;1;Torget;;;;;;;a plug": "standard: expected a connector in OCPI's spelling",
    "N-8;1;Torget;;;;;;;;much": "max_power_kw: expected a number of kW up to 10000, found much",
    "N-9;1;;Storgatan 1": "site: expected the name of the site whose address it is",
    "N-1;1;Torget;;;;;;;;23": "max_power_w: expected 22000, as an earlier row says, found 23000",
}


def test_dirty_rows_are_listed_and_the_others_imported(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    result = run("station", "import", write(tmp_path, CSV + "\n".join(DIRTY)))
    assert result.exit_code == 1
    assert f"2 added, 0 changed, 0 as they were, {len(DIRTY)} rejected" in result.output
    for line, problem in enumerate(DIRTY.values(), 5):
        assert f"line {line}: {problem}" in result.output
    rows = connection.execute(
        "SELECT line, field FROM import_row WHERE status = 'rejected' ORDER BY line"
    ).fetchall()
    assert rows == [(n, text.split(":")[0]) for n, text in enumerate(DIRTY.values(), 5)]


def test_passwords_of_rejected_rows_are_kept_nowhere(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    run("station", "import", write(tmp_path, CSV.replace("N-1;1;", ";1;")))
    kept = connection.execute("SELECT string_agg(cells::text, '') FROM import_row").fetchone()
    assert kept is not None
    assert "Torget" in kept[0]
    assert "horse" not in kept[0]


def test_a_code_that_another_evse_has_is_reported(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    add_network(connection)
    result = run("station", "import", write(tmp_path, "id,code\nN-1,K7-4M2Q\nN-2,K7-4M2R\n"))
    assert "line 2: public_code: expected a code of its own; KW-2/1 has it" in result.output
    assert "1 added" in result.output


def test_stations_move_to_the_site_the_file_says(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    run("station", "import", write(tmp_path, CSV))
    moved = CSV.replace("N-2;;Torget", "N-2;;Parken")
    assert (
        "N-2: new site Parken, site number"
        in run("station", "import", write(tmp_path, moved)).output
    )
    assert [row[3] for row in everything(connection)] == ["Torget", "Torget", "Parken"]


def test_sites_stand_with_the_operator_that_is_named(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    connection.execute("INSERT INTO operator (name) VALUES ('Andra')")
    file = write(tmp_path, CSV)
    assert run("station", "import", file, "--operator", "andra").exit_code == 0
    owner = connection.execute("SELECT o.name FROM operator o JOIN site USING (operator_id)")
    assert owner.fetchall() == [("Andra",)]
    result = run("station", "import", file, "--operator", "Tredje")
    assert (result.exit_code, "no operator is called Tredje" in result.output) == (2, True)


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("", [], "is empty"),
        ("a,b\n1,2\n", [], "no column station_id"),
        ("id\n", [], "has no stations"),
        ("{", [], "no locations of OCPI"),
        ('{"chargerstations": 3}', [], "no dump of NOBIL"),
        ("id\nN-1\n", ["--format", "ocpi"], "no locations of OCPI"),
        ("id\nN-1\n", ["--format", "xml"], "Invalid value for '--format'"),
        ("id\nN-1\n", ["--nonsense"], "No such option"),
    ],
)
def test_wrong_usage_is_one_clear_line(
    run: Run, tmp_path: Path, content: str, arguments: list[str], message: str
) -> None:
    result = run("station", "import", write(tmp_path, content), *arguments)
    assert result.exit_code == 2, result.output
    assert message in result.output


def attribute(number: int, valid: int | str, trans: str = "", value: str = "") -> dict[str, Any]:
    return {str(number): {"attrtypeid": str(number), "attrname": "", "attrvalid": str(valid),
                          "trans": trans, "attrval": value}}  # fmt: skip


def place(number: int, connectors: object, **about: object) -> dict[str, Any]:
    """A place as NOBIL tells it."""
    csmd = {
        "id": number, "name": "Sj\u00f6torget &amp; hamnen", "Street": "Sj\u00f6gatan",
        "House_number": "4", "Zipcode": "75237", "City": "UPPSALA", "Land_code": "SWE",
        "Position": "(59.85178,17.64124)", "Contact_info": "018-611 50 00", "Station_status": 1,
        "International_id": f"SWE_{number:05}",
    }  # fmt: skip
    return {"csmd": csmd | about, "attr": {"st": {}, "conn": connectors}}


AC, DC = "22 kW - 400V 3-phase max 32A", "50 kW - 500VDC max 100A"
NOBIL = {
    "Provider": "NOBIL.no",
    "chargerstations": [
        place(1, {"1": attribute(4, 32, "Type 2") | attribute(5, 11, AC),
                  "2": attribute(4, 50, "Type 2 + Schuko")
                  | attribute(5, 16, "230V 3-phase max 16A"),
                  "3": attribute(4, 70, "Hydrogen") | attribute(26, 2)}),
        place(2, {"1": attribute(4, 39, "CCS/Combo") | attribute(5, 13, DC)
                  | attribute(27, "", "", "u1") | attribute(28, "", "", "SE*KWH*E1"),
                  "2": attribute(4, 30, "CHAdeMO") | attribute(5, 0, "Unspecified")
                  | attribute(27, "", "", "u1") | attribute(28, "", "", "SE*KWH*E1")}),
        place(3, []),
        place(4, [], Position="unknown"),
        place(5, [], Station_status=2),
    ],
}  # fmt: skip


def test_nobils_places_become_sites_with_a_station(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    result = run("station", "import", write(tmp_path, NOBIL))
    assert "3 added, 0 changed, 0 as they were, 1 rejected" in result.output
    assert "1 left out" in result.output
    assert "number 4: Position: expected (latitude,longitude), found unknown" in result.output
    rows = everything(connection)
    about = ("Sjögatan 4", "UPPSALA", "SE", 59.85178, 17.64124)
    assert [(row[0], row[3], *row[4:9]) for row in rows[:1]] == [
        ("SWE_00001", "Sjötorget & hamnen", *about)
    ]
    assert [(row[0], row[9], *row[11:]) for row in rows] == [
        ("SWE_00001", 1, 22_000, 1, "IEC_62196_T2"),
        ("SWE_00001", 2, 6_374, 1, "IEC_62196_T2"),
        ("SWE_00001", 2, 6_374, 2, "DOMESTIC_F"),
        ("SWE_00002", 1, 50_000, 1, "IEC_62196_T2_COMBO"),
        ("SWE_00002", 1, 50_000, 2, "CHADEMO"),
        ("SWE_00003", None, None, None, None),
    ]
    assert [row[10] for row in rows if row[0] == "SWE_00002"] == ["SE*KWH*E1"] * 2
    sites = connection.execute("SELECT name, time_zone, help_phone FROM site ORDER BY 1").fetchall()
    assert sites == [
        (name, "Europe/Stockholm", "018-611 50 00")
        for name in ("Sjötorget & hamnen", "Sjötorget & hamnen (SWE_00002)",
                     "Sjötorget & hamnen (SWE_00003)")
    ]  # fmt: skip


def test_a_place_that_is_renamed_is_the_same_site(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    first = {"chargerstations": [place(1, [])]}
    run("station", "import", write(tmp_path, first))
    second = {"chargerstations": [place(1, [], name="Hamnen")]}
    result = run("station", "import", write(tmp_path, second))
    assert "site name Sjötorget & hamnen -> Hamnen" in result.output
    assert connection.execute("SELECT name FROM site").fetchall() == [("Hamnen",)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [(AC, 22_000), (DC, 50_000), ("3,6 kW - 230V 1-phase max 16A", 3_600), ("", None),
     ("Unspecified", None), ("230V 1-phase max 32A", 7_360), ("350 kW DC", 350_000),
     ("Less then 100 kW + 43 kW - 500VDC max 200A + 400V 3-phase max 63A", None)],
)  # fmt: skip
def test_nobils_capacities_are_read_in_watts(text: str, expected: int | None) -> None:
    assert nobil.watts(text) == expected


def evse(uid: str, *connectors: dict[str, Any], **about: object) -> dict[str, Any]:
    return {"uid": uid, "status": "AVAILABLE", "connectors": list(connectors)} | about


OCPI: Any = {
    "status_code": 1000,
    "timestamp": "2024-05-01T10:00:00Z",
    "data": [
        {
            "country_code": "BE", "party_id": "BEC", "id": "LOC1", "publish": True,
            "name": "Gent Zuid", "address": "F.Rooseveltlaan 3A", "city": "Gent",
            "postal_code": "9000", "country": "BEL", "time_zone": "Europe/Brussels",
            "coordinates": {"latitude": "51.047599", "longitude": "3.729944"},
            "evses": [
                evse("3256", {"id": "1", "standard": "IEC_62196_T2", "power_type": "AC_3_PHASE",
                              "max_voltage": 230, "max_amperage": 32}, evse_id="BE*BEC*E041503001"),
                evse("BE*BEC*E1*1", {"id": "1", "standard": "IEC_62196_T2_COMBO",
                                     "max_electric_power": 150000}, status="CHARGING"),
                evse("BE*BEC*E1*2", {"id": "a", "standard": "CHADEMO", "power_type": "DC",
                                     "max_voltage": 500, "max_amperage": 120}),
                evse("BE*BEC*E1*3", status="REMOVED"),
                evse("", {}),
            ],
        },
        {"id": "LOC2", "country": "BEL", "coordinates": {"latitude": "x", "longitude": "3"}},
    ],
}  # fmt: skip


def test_ocpi_locations_become_sites_and_stations(
    run: Run, connection: Connection, tmp_path: Path
) -> None:
    result = run("station", "import", write(tmp_path, OCPI))
    assert "2 added, 0 changed, 0 as they were, 2 rejected" in result.output
    assert "1 left out" in result.output
    assert "uid: expected the evse's uid, found nothing" in result.output
    assert "latitude: expected degrees from -90 to 90, found x" in result.output
    rows = everything(connection)
    about = ("Gent Zuid", "F.Rooseveltlaan 3A", "Gent", "BE", 51.047599, 3.729944)
    assert [(row[0], *row[3:]) for row in rows[:1]] == [
        ("3256", *about, 1, "BE*BEC*E041503001", 22_080, 1, "IEC_62196_T2")
    ]
    assert [(row[0], row[9], *row[11:]) for row in rows[1:]] == [
        ("BE*BEC*E1", 1, 150_000, 1, "IEC_62196_T2_COMBO"),
        ("BE*BEC*E1", 2, 60_000, 1, "CHADEMO"),
    ]
    assert connection.execute("SELECT time_zone FROM site").fetchall() == [("Europe/Brussels",)]
    known = connection.execute("SELECT source, external_id FROM import_site").fetchall()
    assert known == [("ocpi BE*BEC", "LOC1")]


@pytest.mark.parametrize("shape", [OCPI["data"], {"data": OCPI["data"][0]}, OCPI["data"][0]])
def test_locations_come_as_a_list_a_response_or_one(
    run: Run, tmp_path: Path, shape: object
) -> None:
    assert "2 added" in run("station", "import", write(tmp_path, shape)).output


def test_evses_of_one_station_are_known_by_their_numbers() -> None:
    assert ocpi.station_names(["A*1", "A*2", "B-1", "C", "7"]) == {
        "A*1": ("A", 1), "A*2": ("A", 2), "B-1": ("B", 1), "C": ("C", 1), "7": ("7", 1),
    }  # fmt: skip
    assert ocpi.station_names(["A", "A*1"]) == {"A": ("A", 1), "A*1": ("A*1", 1)}
    assert ocpi.station_names(["A*1", "A*01"]) == {"A*1": ("A*1", 1), "A*01": ("A*01", 1)}
    assert ocpi.station_names(["SE*KWH*E*999"]) == {"SE*KWH*E*999": ("SE*KWH*E*999", 1)}
