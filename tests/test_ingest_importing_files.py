"""Files of earlier systems: delimiters, encodings, broken quotes, dates, numbers, columns."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.importing import FileError, amounts, times
from ingest.importing.evidence import manner
from ingest.importing.mapping import Given, described, make_mapping, read_given
from ingest.importing.tables import Record, RejectsFile, open_table, records

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOTHING = Given({}, {}, {})


def wrote(tmp_path: Path, text: str | bytes, encoding: str = "utf-8") -> Path:
    path = tmp_path / "sessions.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_usual_file_is_read(tmp_path: Path, encoding: str, delimiter: str) -> None:
    lines = [["Plats", "Uttag", "kWh"], ["Sjöbo", "1", "2.5"], ["Ängelholm", "2", "3"]]
    text = "\r\n".join(delimiter.join(line) for line in lines)
    table = open_table(wrote(tmp_path, text, encoding))
    assert (table.delimiter, table.header) == (delimiter, ("Plats", "Uttag", "kWh"))
    assert [record.cells for record in records(table)] == lines[1:]


def test_excels_line_with_the_delimiter_and_blank_lines_are_no_rows(tmp_path: Path) -> None:
    table = open_table(wrote(tmp_path, "sep=;\n\na,b;c\n\n1;2\n;\n3;4\n"))
    assert table.header == ("a,b", "c")
    assert [(r.line, r.cells) for r in records(table)] == [(5, ["1", "2"]), (7, ["3", "4"])]


def test_an_empty_file_and_one_that_is_not_there_are_refused(tmp_path: Path) -> None:
    for path in (wrote(tmp_path, ""), wrote(tmp_path, "\n\n")):
        with pytest.raises(FileError, match="is empty"):
            open_table(path)
    with pytest.raises(FileError, match="can't read"):
        open_table(tmp_path / "none.csv")


def test_a_quote_that_never_closes_costs_its_own_line_only(tmp_path: Path) -> None:
    rows = "".join(f"{n},ok\n" for n in range(200))
    table = open_table(wrote(tmp_path, f'a,b\n1,"two\nlines"\n2,"open,\n{rows}'))
    found = list(records(table))
    assert found[0] == Record(2, ["1", "two\nlines"])
    assert found[1].problem
    assert found[1].line == 4
    assert [record.cells[0] for record in found[2:]] == [str(n) for n in range(200)]


def test_short_rows_are_filled_and_long_ones_listed(tmp_path: Path) -> None:
    table = open_table(wrote(tmp_path, "a,b,c\n1\n1,2,3,,\n1,2,3,4\n"))
    short, padded, long = records(table)
    assert (short.cells, padded.cells) == (["1", "", ""], ["1", "2", "3"])
    assert (long.problem, long.cells) == ("4 values for 3 columns", ["1", "2", "3", "4"])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=3,
                         max_size=3), min_size=1, max_size=20))  # fmt: skip
def test_what_csv_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([["a", "b", "c"], *rows])
    table = open_table(wrote(tmp_path_factory.mktemp("t"), text.getvalue()))

    def lines(cell: str) -> str:  # a break within a cell is one however it was written
        return cell.replace("\r\n", "\n").replace("\r", "\n")

    kept = [[lines(c) for c in row] for row in rows if any(c.strip() for c in row)]
    assert [record.cells for record in records(table)] == kept


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_rows_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, octets: bytes
) -> None:
    try:
        table = open_table(wrote(tmp_path_factory.mktemp("t"), octets))
    except FileError:
        return
    for record in records(table):
        assert len(record.cells) >= len(table.header) or record.problem


def test_rejects_can_be_corrected_and_imported_again(tmp_path: Path) -> None:
    table = open_table(wrote(tmp_path, "a;b\n1;å\n2;x\n"))
    path = tmp_path / "rejects.csv"
    with RejectsFile(path, table.header, table.delimiter) as rejects:
        rejects.add([(next(records(table)), "a", "expected better")])
    again = open_table(path)
    assert again.header == ("a", "b", *RejectsFile.ADDED)
    assert [r.cells for r in records(again)] == [["1", "å", "2", "a", "expected better"]]
    with pytest.raises(FileError, match="there already"):
        RejectsFile(path, table.header, ",")


def test_no_rejects_leave_no_file(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    with RejectsFile(path, ("a",), ","):
        pass
    assert not path.exists()


NOON = datetime(2024, 3, 2, 13, 4, 5)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-03-02 13:04:05", NOON),
        ("2024-03-02T13:04:05", NOON),
        ("2024-03-02T13:04:05Z", NOON.replace(tzinfo=UTC)),
        ("2024-03-02 13:04:05 UTC", NOON.replace(tzinfo=UTC)),
        ("2024-03-02 14:04:05 +0100", datetime.fromisoformat("2024-03-02T14:04:05+01:00")),
        ("2/3/2024 13:04:05", NOON),
        ("02.03.2024 13:04:05", NOON),
        ("02.03.24, 13.04.05", NOON),
        ("02-03-2024 01:04:05 PM", NOON),
        ("2024/03/02 1:04:05 p.m.", NOON),
        ("2 mar 2024 13:04:05", NOON),
        ("02-Mar-2024 13:04:05", NOON),
        ("2. März 2024 13:04:05", NOON),
        ("Mar 2, 2024 1:04:05 PM", NOON),
        ("lör 2 mars 2024 13:04:05", NOON),
        ("20240302 130405", NOON),
        ("20240302130405", NOON),
        ("1709384645", NOON.replace(tzinfo=UTC)),
        ("1709384645000", NOON.replace(tzinfo=UTC)),
    ],
)
def test_times_are_read_in_many_spellings(text: str, expected: datetime) -> None:
    assert times.parse(text, "dmy") == expected


@pytest.mark.parametrize(
    "text",
    ["", "now", "2024-03-02", "02/03/2024", "32/01/2024 10:00", "2/3/2024 25:00",
     "13 Foo 2024 10:00", "2024-02-30 10:00", "02/03/2024 13:00 PM", "02/03/024 10:00", "1.5",
     "99999999999999999999"],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        times.parse(text, "dmy")


@settings(deadline=None)
@given(st.text(max_size=40), st.sampled_from(["dmy", "mdy", None]))
def test_no_text_breaks_the_readers(text: str, order: times.Order | None) -> None:
    for read in (
        lambda: times.instants(times.parse(text, order), STOCKHOLM),
        lambda: amounts.watt_hours(text, "kwh", ","),
        lambda: amounts.duration(text, "minutes", "."),
    ):
        try:
            read()
        except (ValueError, ArithmeticError):  # OverflowError is one
            continue
    times.order_of(text)
    amounts.mark_of(text)


@settings(deadline=None)
@given(st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)), st.sampled_from(["dmy", "mdy"]))  # noqa: DTZ001
def test_a_time_that_is_written_is_read_back(at: datetime, order: times.Order) -> None:
    at = at.replace(microsecond=0)
    form = "%d/%m/%Y %H:%M:%S" if order == "dmy" else "%m/%d/%Y %I:%M:%S %p"
    assert times.parse(at.strftime(form), order) == at
    assert times.parse(at.isoformat(), order) == at


def local(text: str) -> times.Local:
    return times.instants(datetime.fromisoformat(text), STOCKHOLM)


def test_a_date_that_may_be_two_is_not_guessed() -> None:
    with pytest.raises(times.AmbiguousError):
        times.parse("03/04/2024 10:00", None)
    assert times.parse("13/04/2024 10:00", None) == times.parse("04/13/2024 10:00", None)


def test_the_hour_that_autumn_shows_twice_is_the_first_unless_the_session_says_otherwise() -> None:
    first, second = (datetime(2024, 10, 27, hour, 30, tzinfo=UTC) for hour in (0, 1))
    assert local("2024-10-27 02:30") == times.Local((first, second), "time_ambiguous")
    plain = times.span(local("2024-10-27 02:30"), local("2024-10-27 04:00"), None)
    assert plain
    assert plain.started_at == first
    backwards = times.span(local("2024-10-27 02:40"), local("2024-10-27 02:30"), None)
    assert backwards
    assert backwards.ended_at == second
    told = times.span(
        local("2024-10-27 02:30"), local("2024-10-27 04:00"), timedelta(hours=1, minutes=30)
    )
    assert told == (second, datetime(2024, 10, 27, 3, tzinfo=UTC), ("time_ambiguous",))


def test_the_hour_that_spring_leaves_out_is_that_of_a_clock_nobody_put_forward() -> None:
    span = times.span(local("2024-03-31 01:50"), local("2024-03-31 02:30"), None)
    assert span
    assert span.ended_at == datetime(2024, 3, 31, 1, 30, tzinfo=UTC)
    assert span.flags == ("time_nonexistent",)
    other = times.span(local("2024-03-31 02:30"), local("2024-03-31 03:10"), None)
    assert other
    assert other.started_at <= other.ended_at


@pytest.mark.parametrize(
    ("text", "unit", "mark", "expected"),
    [
        ("12.345", "kwh", ".", 12345),
        ("12,345", "kwh", ",", 12345),
        ("1.234,5", "kwh", ",", 1_234_500),
        ("1 234,5", "kwh", ",", 1_234_500),
        ("1'234.5", "kwh", ".", 1_234_500),
        ("12,345", "wh", ".", 12345),
        ("7.5 kWh", "wh", ".", 7500),
        ("7500 Wh", "kwh", ".", 7500),
        ("0.0005", "kwh", ".", 0),
        ("0.0015", "kwh", ".", 2),
        ("-3", "kwh", ".", -3000),
        ("1.2e1", "kwh", ".", 12000),
        ("12,5", "kwh", ".", 12500),
    ],
)
def test_energy_is_read_in_whole_wh(
    text: str, unit: str, mark: amounts.Mark, expected: int
) -> None:
    assert amounts.watt_hours(text, unit, mark) == expected


@pytest.mark.parametrize(
    "text", ["", "-", "nan", "inf", "1,2,3", "12..5", "12 kW", "0x10", "1" * 50]
)
def test_what_is_no_energy_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        amounts.watt_hours(text, "kwh", ".")


@given(st.decimals(-(10**6), 10**6, places=3), st.sampled_from([(".", ","), (",", ".")]))
def test_numbers_are_read_as_they_were_written(
    value: Decimal, marks: tuple[amounts.Mark, amounts.Mark]
) -> None:
    mark, other = marks
    text = f"{value:,}".replace(",", " ").replace(".", mark).replace(" ", other)
    assert amounts.number(text, mark) == value


@pytest.mark.parametrize(
    ("text", "unit", "minutes"),
    [("1:30", "", 90), ("01:30:00", "", 90), ("1 day, 0:30:00", "", 1470), ("2 h 5 min", "", 125),
     ("PT1H30M", "", 90), ("1 tim 5 min", "", 65), ("45 min", "", 45), ("5400", "seconds", 90),
     ("90", "minutes", 90), ("1,5", "hours", 90)],
)  # fmt: skip
def test_durations_are_read(text: str, unit: str, minutes: int) -> None:
    assert amounts.duration(text, unit, ",") == timedelta(minutes=minutes)


HEADER = ("Station ID", "Start", "Stop", "kWh")


def rows(*cells: tuple[str, str]) -> list[Record]:
    """Rows with a start and an energy each."""
    return [Record(n, ["S", start, "", kwh]) for n, (start, kwh) in enumerate(cells)]


def test_the_rows_show_how_dates_and_numbers_are_written() -> None:
    mapping = make_mapping(HEADER, NOTHING)
    day_first = rows(("03/04/2024 10:00", "1,234"), ("13/04/2024 10:00", "7,5"))
    assert manner(day_first, mapping, None, None) == ("dmy", ",")
    assert manner(rows(("2024-01-02 10:00", "7")), mapping, None, None) == (None, ".")
    assert manner(rows(("04/13/2024 10:00", "1.234")), mapping, None, None) == ("mdy", ".")
    with pytest.raises(FileError, match="--date-order"):
        manner(rows(("03/04/2024 10:00", "7")), mapping, None, None)
    with pytest.raises(FileError, match="--decimal"):
        manner(rows(("2024-01-02 10:00", "1,234"), ("x", "1.234")), mapping, None, None)
    assert manner(rows(("03/04/2024 10:00", "1,234")), mapping, "mdy", ".") == ("mdy", ".")


def test_thousands_of_wh_are_not_guessed() -> None:
    mapping = make_mapping(("Station", "Start", "Stop", "Energy (Wh)"), NOTHING)
    with pytest.raises(FileError, match="--decimal"):
        manner(rows(("2024-01-02 10:00", "12.345")), mapping, None, None)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            "Charging event,User ID,CP ID,Connector,Start Date,Start Time,End Date,End Time,"
            "Total kWh,Cost",
            {"reference": "Charging event", "station": "CP ID", "evse": "Connector",
             "started_at": "Start Date + Start Time", "ended_at": "End Date + End Time",
             "energy_kwh": "Total kWh", "ignored": "User ID, Cost"},
        ),
        (
            "transaction_pk,chargeBoxId,connectorId,idTag,startTimestamp,startValue,"
            "stopTimestamp,stopValue,stopReason",
            {"reference": "transaction_pk", "station": "chargeBoxId", "evse": "connectorId",
             "id_token": "idTag", "started_at": "startTimestamp", "ended_at": "stopTimestamp",
             "meter_start_wh": "startValue", "meter_stop_wh": "stopValue",
             "stop_reason": "stopReason"},
        ),
        (
            "Laddstation,Uttag,Starttid,Sluttid,Förbrukning (kWh),RFID-tagg,Belopp",
            {"station": "Laddstation", "evse": "Uttag", "started_at": "Starttid",
             "ended_at": "Sluttid", "energy_kwh": "Förbrukning (kWh)", "id_token": "RFID-tagg",
             "ignored": "Belopp"},
        ),
    ],
    ids=["Dundee", "SteVe", "Swedish"],
)  # fmt: skip
def test_columns_are_guessed_from_their_names(header: str, expected: dict[str, str]) -> None:
    names = header.split(",")
    assert dict(described(names, make_mapping(names, NOTHING))) == expected


def test_columns_are_what_the_operator_says(tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text(
        'source = "Old"\n[columns]\nstation = "Where, exactly"\nstarted_at = ["D", "T"]\n'
        'energy_kwh = "x"\n[stations]\n"Garage 1" = "KW-1/2"\n'
    )
    given = read_given("energy_kwh=E, total, ended_at=d+u", path)
    assert given.settings == {"source": "Old"}
    header = ["Where, exactly", "D", "T", "U", "E, total", "x"]
    mapping = make_mapping(header, given)
    assert dict(described(header, mapping)) == {
        "station": "Where, exactly", "started_at": "D + T", "energy_kwh": "E, total",
        "ended_at": "D + U", "ignored": "x",
    }  # fmt: skip
    assert mapping.stations == {"garage 1": "KW-1/2"}


@pytest.mark.parametrize(
    ("text", "message"),
    [("started_at", "expected field=Column"), ("begin=Start", "begin is no field"),
     ("station=Nope", "column Nope is not there"), ("station=Twice", "Twice is there twice")],
)  # fmt: skip
def test_a_wrong_mapping_is_refused(text: str, message: str) -> None:
    with pytest.raises(FileError, match=message):
        make_mapping(["Twice", "Twice", *HEADER], read_given(text, None))


@pytest.mark.parametrize(
    ("text", "message"),
    [("columns = 3", r"expected a table, \[columns\]"), ("[[", "is no TOML"),
     ("zone = 'x'", "zone is unknown"), ("[columns]\nstation = 3", "expected a text")],
)  # fmt: skip
def test_a_wrong_mapping_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "map.toml"
    path.write_text(text)
    with pytest.raises(FileError, match=message):
        read_given(None, path)


def test_missing_columns_are_named() -> None:
    with pytest.raises(FileError, match="no column for ended_at or duration, energy_kwh"):
        make_mapping(["Station", "Start", "x"], NOTHING)
