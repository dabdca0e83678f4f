"""Files of the books: what is parsed back from them is what was booked, to the öre."""

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from psycopg.types.json import Jsonb
from sold import AT, Books, line, value

from billing import files
from billing.exports.csv_file import journal_csv, vat_csv
from billing.exports.lines import Entity, Line
from billing.exports.makers import File
from billing.exports.scope import ExportError, read_scope
from billing.exports.sie_file import quoted, sie_file
from billing.exports.xlsx_file import journal_xlsx
from billing.files import MAKERS, make_due
from sql.database import Connection, connect
from sql.queries import load_queries

JUNE = {"month": "2026-06"}
ENTITY = Entity(1, 'Söderström & "Söner" AB', "556677-8899", "SEK")
Sums = dict[str, tuple[int, int]]


# -- small readers, made from the formats' descriptions, not from our writers ----------------------


def read_csv(content: bytes, decimal: str) -> list[dict[str, str]]:
    text = content.decode("utf-8-sig" if decimal == "," else "utf-8")
    delimiter = ";" if decimal == "," else ","
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


def ore(text: str) -> int:
    """ "1234,50" or "1234.50" as minor units, exactly."""
    return int(Decimal(text.replace(",", ".")) * 100)


def csv_sums(content: bytes, decimal: str = ",") -> Sums:
    found: Counter[tuple[str, str]] = Counter()
    for row in read_csv(content, decimal):
        for side in ("Debet", "Kredit"):
            found[row["Konto"], side] += ore(row[side])
    return {a: (found[a, "Debet"], found[a, "Kredit"]) for a, _ in found}


def sie_fields(row: str) -> list[str]:
    """Fields apart by blanks, quoted or not; a quote behind a backslash belongs to the text."""
    found = re.findall(r'"((?:\\"|[^"])*)"|(\{[^}]*\})|(\S+)', row)
    return [(q.replace('\\"', '"') if q or not (b or p) else b or p) for q, b, p in found]


class Sie:
    """A SIE file read back: labels, account names, vouchers as (date, text, rows)."""

    def __init__(self, content: bytes) -> None:
        self.labels: dict[str, list[str]] = {}
        self.accounts: dict[str, str] = {}
        self.vouchers: list[tuple[str, str, list[tuple[str, int]]]] = []
        text = content.decode("cp437")
        assert not re.search(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]", text)
        for row in text.split("\r\n"):
            self._read(sie_fields(row.strip()))

    def _read(self, fields: list[str]) -> None:
        match fields:
            case ["#KONTO", account, name]:
                self.accounts[account] = name
            case ["#VER", _series, _number, day, text]:
                self.vouchers.append((day, text, []))
            case ["#TRANS", account, "{}", amount]:
                assert re.fullmatch(r"-?\d+\.\d\d", amount)
                self.vouchers[-1][2].append((account, int(amount.replace(".", ""))))
            case [label, *rest] if label.startswith("#"):
                self.labels[label] = rest
            case [] | ["{"] | ["}"]:
                pass
            case other:
                raise AssertionError(other)

    def sums(self) -> Sums:
        found: Counter[tuple[str, bool]] = Counter()
        for _, _, rows in self.vouchers:
            for account, amount in rows:
                found[account, amount > 0] += abs(amount)
        return {a: (found[a, True], found[a, False]) for a, _ in found}


def xlsx_sums(content: bytes) -> Sums:
    sheet = load_workbook(io.BytesIO(content), data_only=True)["Summor"]
    rows = list(sheet.iter_rows(min_row=2, values_only=True))[:-1]
    return {row[0]: (ore(str(row[2])), ore(str(row[3]))) for row in rows}


def entry_sums(lines: Iterable[Line]) -> Sums:
    found: dict[str, tuple[int, int]] = {}
    for each in lines:
        debit, credit = found.get(each.account, (0, 0))
        found[each.account] = (debit + each.debit, credit + each.credit)
    return found


# -- any lines, any texts --------------------------------------------------------------------------

texts = st.text(max_size=12) | st.sampled_from(
    ["=1+1", "+4", "-4", "@x", "\tx", 'a"b', "a\\", "Åäö; ,", "日本", "a\nb", ""]
)
printable = texts.map(lambda text: re.sub(r"[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]", "", text))


@st.composite
def journals(draw: st.DrawFn) -> list[Line]:
    """Balanced journals on some accounts, days and channels."""
    found: list[Line] = []
    for number in range(draw(st.integers(0, 5))):
        day = date(2026, 6, draw(st.integers(1, 30)))
        channel = draw(st.sampled_from([None, "guest", "company"]))
        amounts = draw(
            st.lists(st.integers(-(10**12), 10**12).filter(bool), min_size=1, max_size=3)
        )
        rest = -sum(amounts)
        for amount in [*amounts, *([rest] if rest else [])]:
            account = draw(st.sampled_from(["1510", "1580", "3001", "2611"]))
            rate = Decimal(25) if account in ("3001", "2611") else None
            found.append(
                Line(day, number, "earned", channel, draw(printable), draw(printable), number,
                     "8F3K-27", "2026-1", draw(printable), "billing", account, f"Konto {account}",
                     amount, "SEK", rate)
            )  # fmt: skip
    return found


@given(journals(), st.sampled_from([",", "."]))
def test_csv_holds_every_entry(lines: list[Line], decimal: str) -> None:
    content = journal_csv(lines, decimal, "sv")
    assert content.startswith(b"\xef\xbb\xbf") == (decimal == ",")
    assert csv_sums(content, decimal) == entry_sums(lines)
    rows = read_csv(content, decimal)
    assert [(row["Datum"], row["Konto"]) for row in rows] == [
        (each.day.isoformat(), each.account) for each in lines
    ]
    for row, each in zip(rows, lines, strict=True):
        assert row["Plats"].removeprefix("'") == (each.site or "").removeprefix("'")
        assert not any(cell[:1] in "=+-@" for cell in row.values() if cell)


@given(journals())
def test_sie_holds_every_day_and_channel(lines: list[Line]) -> None:
    sie = Sie(sie_file(lines, ENTITY, "SEK", "sv", date(2026, 7, 1), "1.0"))
    assert sie.sums() == entry_sums(lines)
    assert set(sie.accounts) == {each.account for each in lines}
    assert len(sie.vouchers) == len({(each.day, each.channel) for each in lines})
    assert all(sum(amount for _, amount in rows) == 0 for _, _, rows in sie.vouchers)
    assert sie.labels["#FNAMN"] == ['Söderström & "Söner" AB']


@settings(deadline=None, max_examples=40)
@given(journals())
def test_xlsx_holds_every_entry(lines: list[Line]) -> None:
    content = journal_xlsx(lines, "SEK", "sv")
    assert xlsx_sums(content) == entry_sums(lines)
    sheet = load_workbook(io.BytesIO(content), data_only=True)["Rader"]
    assert sheet.max_row == len(lines) + 1
    for row, each in zip(sheet.iter_rows(min_row=2), lines, strict=True):
        cells = {head.value: cell for head, cell in zip(sheet[1], row, strict=True)}
        assert ore(str(cells["Debet"].value)) == each.debit
        assert all(cell.data_type != "f" for cell in row)


@given(st.text())
def test_any_text_is_a_field_of_sie(text: str) -> None:
    field = quoted(text)
    field.encode("cp437")
    assert len(sie_fields(field)) == 1
    kept = re.sub(r"[\x00-\x1f\x7f]", "", text).replace("\\", "/")
    if not re.search(r"[^\x20-\x7eåäöÅÄÖéÉ]", kept):
        assert sie_fields(field) == [kept]


# -- the books -------------------------------------------------------------------------------------


@pytest.fixture
def books(connection: Connection) -> Books:
    """A June of sessions, refunds, write-offs, fees and a payout; a session on each side of it."""
    books = Books(connection)
    rates = (Decimal(25), Decimal(6))
    for number in range(8):
        at = AT + timedelta(days=number % 3)
        channel = "company" if number % 2 else "guest"
        sold = books.session(*(line(1000 * number + 400, r) for r in rates), at=at, channel=channel)
        sold.capture(sold.gross - 20 * number)
    sold.refund(500)
    books.session(line(999), at=datetime(2026, 5, 31, 21, 59, tzinfo=UTC))
    books.session(line(888), at=datetime(2026, 6, 30, 22, 1, tzinfo=UTC))
    return books


def made(books: Books, kind: str, **parameters: Any) -> File:
    wanted = {**JUNE, **parameters} if "from" not in parameters else parameters
    return File(*MAKERS[kind](books.connection, wanted))


def booked(books: Books, where: str = "true") -> Sums:
    rows = books.connection.execute(
        "SELECT account, coalesce(sum(amount) FILTER (WHERE amount > 0), 0)::bigint, "  # noqa: S608
        "coalesce(-sum(amount) FILTER (WHERE amount < 0), 0)::bigint "
        "FROM journal JOIN entry USING (journal_id) WHERE booked_at >= '2026-06-01 00:00+02' "
        f"AND booked_at < '2026-07-01 00:00+02' AND {where} GROUP BY 1".encode()
    ).fetchall()
    return {account: (debit, credit) for account, debit, credit in rows}


def page(books: Books, **scope: Any) -> Sums:
    """What the ledger page sums up: its totals, not the entries."""
    wanted = {"site_id": None, "channel": None, **scope}
    rows = load_queries("ledger").totals(
        books.connection, operator_id=1, currency="SEK", from_day=date(2026, 6, 1),
        until_day=date(2026, 7, 1), **wanted,
    )  # fmt: skip
    found: Counter[tuple[str, str]] = Counter()
    for _, _, _, account, _, _, debit, credit, _ in rows:
        found[account, "D"] += debit
        found[account, "K"] += credit
    return {account: (found[account, "D"], found[account, "K"]) for account, _ in found}


@pytest.mark.parametrize(
    ("scope", "where"),
    [
        ({}, "true"),
        ({"channel": "company"}, "channel = 'company'"),
        ({"site_id": 1}, "site_id = 1"),
        ({"site_id": 2, "channel": "guest"}, "site_id = 2 AND channel = 'guest'"),
    ],
)
def test_page_journal_and_all_files_have_one_sum(
    books: Books, scope: dict[str, Any], where: str
) -> None:
    expected = booked(books, where)
    assert expected
    assert page(books, **scope) == expected
    assert csv_sums(made(books, "ledger_csv", **scope).content) == expected
    assert csv_sums(made(books, "ledger_csv", decimal=".", **scope).content, ".") == expected
    assert xlsx_sums(made(books, "ledger_xlsx", **scope).content) == expected
    assert Sie(made(books, "sie", **scope).content).sums() == expected


def test_days_are_those_of_the_operator_and_both_ends_count(books: Books) -> None:
    parts = [("2026-05-31", "2026-06-10"), ("2026-06-11", "2026-07-01")]
    found: Counter[str] = Counter()
    for first, last in parts:
        content = made(books, "ledger_csv", **{"from": first, "to": last}).content
        found.update({a: d - k for a, (d, k) in csv_sums(content).items()})
    rows = books.connection.execute(
        "SELECT account, sum(amount)::bigint FROM entry GROUP BY 1"
    ).fetchall()
    assert dict(found) == dict(rows)
    first_day = made(books, "ledger_csv", **{"from": "2026-05-31", "to": "2026-05-31"})
    assert {row["Debet"] for row in read_csv(first_day.content, ",")} == {"12,48", "0,00"}


def test_a_sie_file_says_whose_books_it_holds(books: Books) -> None:
    books.connection.execute(
        "UPDATE operator SET legal_entity = 'Ladda Nu AB', organisation_number = '556677-8899'"
    )
    file = made(books, "sie")
    assert (file.name, file.media_type) == ("bokforing-2026-06.si", "application/x-sie")
    head = file.content.decode("cp437").split("\r\n")
    today = value(books.connection, "SELECT to_char(book_day(now()), 'YYYYMMDD')")
    assert head[0] == "#FLAGGA 0"
    assert re.fullmatch(r'#PROGRAM "Kilowatch" "[0-9.]+"', head[1])
    assert head[2:8] == [
        "#FORMAT PC8",
        f"#GEN {today}",
        "#SIETYP 4",
        '#ORGNR "556677-8899"',
        '#FNAMN "Ladda Nu AB"',
        "#KPTYP EUBAS97",
    ]
    sie = Sie(file.content)
    assert sie.accounts["1510"] == "Kundfordringar, förare"
    assert b"Kundfordringar, f\x94rare" in file.content  # ö of code page 437
    assert [(day, text) for day, text, _ in sie.vouchers] == [
        (day, f"Kilowatch {channel} {day[:4]}-{day[4:6]}-{day[6:]}")
        for day in ("20260610", "20260611", "20260612")
        for channel in ("Företag", "Gäst")
    ]


def test_the_vat_report_has_a_row_per_rate(books: Books) -> None:
    rows = read_csv(made(books, "vat_csv").content, ",")
    entries = booked(books)
    assert [row["Momssats %"] for row in rows] == ["25", "6", "Summa"]
    for row, sales, vat in zip(rows, ("3001", "3003"), ("2611", "2631"), strict=False):
        debit, credit = entries[sales]
        assert ore(row["Försäljning exkl. moms"]) == credit - debit
        debit, credit = entries[vat]
        assert ore(row["Moms att betala"]) == credit - debit
        assert ore(row["Moms åter på kundförluster"]) > 0
    for name in list(rows[0])[1:-1]:
        assert sum(ore(row[name]) for row in rows[:-1]) == ore(rows[-1][name])
    assert ore(rows[-1]["Kundförluster exkl. moms"]) == entries["6352"][0]


def test_sums_in_excel_are_formulas_with_their_values(books: Books) -> None:
    content = made(books, "ledger_xlsx", language="en").content
    formulas = load_workbook(io.BytesIO(content))["Totals"]
    values = load_workbook(io.BytesIO(content), data_only=True)["Totals"]
    assert formulas["C2"].value.startswith("=SUMIFS('Lines'!$F$2:$F$")
    assert formulas["E2"].value == "=C2-D2"
    last = formulas.max_row
    assert formulas.cell(last, 3).value == f"=SUM(C2:C{last - 1})"
    debit, credit, balance = (values.cell(last, column).value for column in (3, 4, 5))
    assert debit == credit > 0
    assert balance == 0


def test_excel_gets_amounts_without_a_float(books: Books) -> None:
    with zipfile.ZipFile(io.BytesIO(made(books, "ledger_xlsx").content)) as parts:
        xml = "".join(parts.read(n).decode() for n in parts.namelist() if "/sheet" in n)
    numbers = re.findall(r"<v>(-?[\d.E+]+)</v>", xml)
    assert numbers
    assert all(len(number.partition(".")[2]) <= 2 for number in numbers)


def test_more_rows_than_excel_holds_are_refused() -> None:
    one = Line(date(2026, 6, 1), 1, "fee", None, None, None, None, None, None, None, "billing",
               "1510", "x", 5, "SEK", None)  # fmt: skip
    assert journal_xlsx([one] * 3, "SEK", "sv", most_rows=3)
    with pytest.raises(ExportError, match=r"fler rader än Excel klarar \(3\)"):
        journal_xlsx([one] * 4, "SEK", "sv", most_rows=3)


def test_currencies_have_their_own_decimals() -> None:
    one = Line(date(2026, 6, 1), 1, "fee", None, None, None, None, None, None, None, "billing",
               "1510", "x", 1234, "ISK", None)  # fmt: skip
    assert read_csv(journal_csv([one], ".", "sv"), ".")[0]["Debet"] == "1234"
    sie = sie_file([one], ENTITY, "ISK", "en", date(2026, 7, 1), "1.0").decode("cp437")
    assert "#VALUTA ISK\r\n" in sie
    assert "#TRANS 1510 {} 1234\r\n" in sie


def test_an_empty_month_is_a_file_with_headings(connection: Connection) -> None:
    for kind in ("ledger_csv", "ledger_xlsx", "sie", "vat_csv"):
        assert len(File(*MAKERS[kind](connection, dict(JUNE))).content) > 50


def test_the_vat_report_of_nothing_sums_to_nothing() -> None:
    (row,) = read_csv(vat_csv([], "SEK", ".", "sv"), ".")
    assert set(row.values()) == {"Summa", "0.00", "SEK"}


def test_names_say_what_is_in_the_file(books: Books) -> None:
    assert made(books, "ledger_csv", language="en").name == "ledger-2026-06.csv"
    some = {"from": "2026-06-03", "to": "2026-06-10", "channel": "guest", "site_id": 1}
    assert made(books, "ledger_xlsx", **some).name == (
        "bokforing-2026-06-03--2026-06-10-guest-site-1.xlsx"
    )


# -- what people ask for ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "month: give a month, or from and to"),
        ({"from": "2026-06-01"}, "month: give a month, or from and to"),
        ({"month": "2026-13"}, "month: expected a month such as 2026-06, got 2026-13"),
        ({"month": "June"}, "month: expected a month such as 2026-06, got June"),
        ({"month": ["2026-06"]}, "month: expected a month such as 2026-06, got"),
        ({"month": "0000-01"}, "month: expected a month such as"),
        ({**JUNE, "to": "2026-06-02"}, "month: give either a month, or from and to"),
        ({"from": "2026-06-31", "to": "2026-07-01"}, "from: expected a date such as"),
        ({"from": "2026-06-05", "to": "2026-06-04"}, "to: expected 2026-06-05 or later, got"),
        ({**JUNE, "operator_id": "one"}, "operator_id: expected a whole number, got one"),
        ({**JUNE, "site_id": -4}, "site_id: expected a whole number, got -4"),
        ({**JUNE, "site_id": 10**12}, "site_id: expected a whole number"),
        ({**JUNE, "site_id": 77}, "site_id: there is no 77"),
        ({**JUNE, "operator_id": 77}, "operator_id: there is no 77"),
        ({**JUNE, "channel": "postal"}, "channel: expected guest | registered"),
        ({**JUNE, "channel": {"a": 1}}, "channel: expected guest | registered"),
        ({**JUNE, "decimal": ";"}, "decimal: expected , | ., got ;"),
        ({**JUNE, "currency": "kr"}, "currency: expected a currency such as SEK, got kr"),
        ({**JUNE, "colour": "red"}, "colour: is no parameter"),
    ],
)
def test_wrong_parameters_are_named(
    connection: Connection, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ExportError) as caught:
        MAKERS["ledger_csv"](connection, {**parameters, "language": "en"})
    assert message in str(caught.value)


def test_a_language_that_is_none_is_named() -> None:
    with pytest.raises(ExportError, match=r"language: väntade sv \| en, fick de"):
        read_scope({**JUNE, "language": "de"})
    with pytest.raises(ExportError, match="parametrar: väntade ett objekt"):
        read_scope(["2026-06"])


def asked(connection: Connection, kind: str, parameters: Any) -> int:
    return int(
        value(
            connection,
            "INSERT INTO file_request (kind, parameters, requested_by, requested_at) "
            "VALUES (%s, %s, 'kim@example.com', %s) RETURNING file_request_id",
            kind,
            Jsonb(parameters),
            AT,
        )
    )


def answer(connection: Connection, number: int) -> Any:
    return connection.execute(
        "SELECT file_name, media_type, length(content), error, finished_at FROM file_request "
        "WHERE file_request_id = %s",
        [number],
    ).fetchone()


def test_what_is_asked_for_is_made(books: Books) -> None:
    connection = books.connection
    good = asked(connection, "ledger_csv", {**JUNE, "site_id": None, "channel": ""})
    bad = asked(connection, "sie", {"month": "soon", "language": "en"})
    none = asked(connection, "poem", {"language": "en"})
    odd = asked(connection, "ledger_csv", [1, 2])
    assert make_due(connection, AT) == 4
    name, media_type, size, error, at = answer(connection, good)
    assert (name, media_type, error, at) == (
        "bokforing-2026-06.csv", "text/csv; charset=utf-8", None, AT,
    )  # fmt: skip
    assert size > 1000
    assert answer(connection, bad)[2:4] == (
        None,
        "month: expected a month such as 2026-06, got soon",
    )
    assert answer(connection, none)[3] == "There is no file poem."
    assert answer(connection, odd)[3] == "parametrar: väntade ett objekt"
    assert make_due(connection, AT) == 0


def test_a_fault_of_ours_is_told_without_its_details(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(files.MAKERS, "sie", lambda *_: 1 / 0)
    number = asked(connection, "sie", JUNE)
    assert make_due(connection, AT) == 1
    assert answer(connection, number)[3].startswith("Filen kunde inte skapas.")


def test_a_file_that_breaks_off_leaves_the_connection_usable(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(lines: Iterable[Line], *_: Any) -> bytes:
        next(iter(lines))
        raise ExportError("enough")

    monkeypatch.setattr("billing.exports.csv_file.journal_csv", breaks)
    number = asked(books.connection, "ledger_csv", JUNE)
    assert make_due(books.connection, AT) == 1
    assert answer(books.connection, number)[3] == "enough"


def test_two_workers_share_the_queue(books: Books, database: str) -> None:
    first = asked(books.connection, "ledger_csv", JUNE)
    second = asked(books.connection, "sie", JUNE)
    queries = load_queries("exports")
    with connect(database) as other:
        assert queries.claim_file(other, now=AT, lease_seconds=600)[0] == first
        assert make_due(books.connection, AT) == 1  # the other one is being made
        assert answer(books.connection, second)[4] == AT
        later = AT + timedelta(seconds=601)
        assert make_due(books.connection, later) == 1  # whoever had it has died
        assert answer(books.connection, first)[4] == later
        late = dict.fromkeys(("file_name", "media_type", "content"))
        late |= {"error": "too late", "now": later, "file_request_id": first}
        assert queries.finish_file(other, **late) == 0


def test_files_are_forgotten_and_their_books_are_kept(books: Books) -> None:
    asked(books.connection, "ledger_csv", JUNE)
    make_due(books.connection, AT)
    before = value(books.connection, "SELECT count(*) FROM entry")
    make_due(books.connection, AT + timedelta(days=1, seconds=1))
    assert value(books.connection, "SELECT count(*) FROM file_request") == 0
    assert value(books.connection, "SELECT count(*) FROM entry") == before


def test_retention_leaves_the_books_alone(books: Books) -> None:
    tables = ("journal", "entry", "receipt", "cdr", "payment", "accounting_period", "ledger_day")
    counts = "SELECT " + ", ".join(f"(SELECT count(*) FROM {table})" for table in tables)  # noqa: S608
    before = books.connection.execute(counts.encode()).fetchone()
    books.connection.execute("CALL enforce_retention('90 days'::interval)")
    assert books.connection.execute(counts.encode()).fetchone() == before
