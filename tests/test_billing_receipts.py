"""Receipts and credit notes as people get them: what stands on them, in both languages."""

import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from charged import add, after, charged, place, plain
from pypdf import PdfReader

from billing.closing import close_session, credit, note_paid
from billing.costs import ClosingError
from billing.papers import load_paper, pdf_of, printable, receipt_pdf
from billing.sheet import Paper, Sheet, sheet_of
from billing.words import WORDS, Tongue
from sql.database import Connection

LATER = after(30)
SWEDISH = Tongue("sv", ZoneInfo("Europe/Stockholm"))
ENGLISH = Tongue("en", ZoneInfo("Europe/Stockholm"))


@pytest.fixture
def receipt_id(connection: Connection) -> int:
    """31.42 kWh at 4.99, paid by card from a hold of 300."""
    place(connection)
    connection.execute(
        "INSERT INTO operator_receipt (operator_id, address, email, phone, f_tax,"
        " electricity_price) VALUES (1, E'Exempelgatan 1\n111 11 Stockholm',"
        " 'hej@exempel.example', '08-465 004 20', true, 1.92)"
    )
    connection.execute(
        "INSERT INTO payment (payment_id, reference, channel, operator_id, evse_key, currency,"
        " hold, captured, price_shown_at, card_brand, card_last4, authorised_at, captured_at,"
        " intent_id) VALUES (17, '8F3K-27', 'guest', 1, 11, 'SEK', 30000, 15679, %s, 'visa',"
        " '4242', %s, %s, 'pi_3QxAbCdEf7Lm2')",
        [after(-1), after(0), after(26)],
    )
    closed = close_session(
        connection, charged(connection), add(connection, plain()),
        payment_id=17, channel="guest", now=LATER,
    )  # fmt: skip
    assert closed.receipt_id is not None
    note_paid(connection, closed.receipt_id, 15679, 0)
    return closed.receipt_id


def text_of(content: bytes) -> str:
    pages = PdfReader(io.BytesIO(content)).pages
    assert len(pages) == 1
    return pages[0].extract_text().replace("\u00a0", " ").replace("\u202f", " ")


def told(rows: Any) -> list[Any]:
    """Rows with plain spaces."""
    return [
        tuple(text.replace("\u00a0", " ").replace("\u202f", " ") for text in row) for row in rows
    ]


def sheet(connection: Connection, receipt_id: int, language: str = "sv") -> Sheet:
    return sheet_of(load_paper(connection, receipt_id), language)


def test_everything_a_receipt_must_show_stands_on_it(
    connection: Connection, receipt_id: int
) -> None:
    shown = sheet(connection, receipt_id)
    assert shown.seller == [
        "Exempel Laddning AB",
        "Exempelgatan 1",
        "111 11 Stockholm",
        "Org.nr 000000-0000",
        "Momsreg.nr SE000000000001",
        "Godkänd för F-skatt",
        "hej@exempel.example, 08-465 004 20",
    ]
    assert told(shown.session) == [
        ("Laddare", "K7-4M2Q"),
        ("EVSE-id", "CP1/1"),
        ("Plats", "Torget"),
        ("Start", "1 juni 2026 12:00:00"),
        ("Stopp", "1 juni 2026 12:25:00"),
        ("Mätarställning", "48 211,07 – 48 242,49 kWh"),  # noqa: RUF001
        ("Uppmätt energi", "31,42 kWh"),
    ]
    assert told([shown.head, *shown.rows, shown.foot]) == [
        ("Vad", "Mängd", "Pris exkl.", "Netto", "Moms 25 %", "Summa kr"),
        ("El", "31,42 kWh", "1,92", "60,33", "15,08", "75,41"),
        ("Tillgång till laddnätet", "31,42 kWh", "2,072", "65,10", "16,28", "81,38"),
        ("Att betala", "", "", "125,43", "31,36", "156,79"),
    ]
    assert told([*shown.payment, shown.due]) == [
        ("Kort", "Visa •••• 4242"),
        ("Reserverat 12:00", "300,00 kr"),
        ("Draget 12:26", "156,79 kr"),
        ("Släppt 12:26", "143,21 kr"),
        ("Kvar att betala", "0,00 kr"),
    ]
    assert told(shown.trace)[:3] == [
        ("Referens", "8F3K-27"),
        ("Betalning", "pi_3QxA…7Lm2"),
        ("Pris visat", "1 juni 2026 11:59:00"),
    ]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("sv", ["Kvitto 2026-000001", "156,79 kr", "Säljare", "Godkänd för F-skatt", "El 31,42 kWh",
                "Moms 25 %", "Visa •••• 4242", "8F3K-27", "1 juni 2026 kl. 12:30"]),
        ("en", ["Receipt 2026-000001", "SEK 156.79", "Seller", "Approved for F-tax",
                "Electricity 31.42 kWh", "VAT 25 %", "Charged 12:26", "1 June 2026 at 12:30"]),
    ],
)  # fmt: skip
def test_the_pdf_says_the_same_and_can_be_searched(
    connection: Connection, receipt_id: int, language: str, words: list[str]
) -> None:
    name, media_type, content = receipt_pdf(
        connection, {"receipt_id": receipt_id, "language": language}
    )
    text = text_of(content)
    shown = " ".join(text.split())
    assert [word for word in words if word not in shown] == []
    assert (name, media_type) == (
        {"sv": "kvitto-2026-000001.pdf", "en": "receipt-2026-000001.pdf"}[language],
        "application/pdf",
    )


def test_the_same_receipt_gives_the_same_bytes(connection: Connection, receipt_id: int) -> None:
    paper = load_paper(connection, receipt_id)
    assert pdf_of(paper, "sv") == pdf_of(paper, "sv")
    assert pdf_of(paper, "sv") != pdf_of(paper, "en")


def test_the_pdf_carries_its_fonts_and_its_title(connection: Connection, receipt_id: int) -> None:
    content = pdf_of(load_paper(connection, receipt_id), "sv")
    reader = PdfReader(io.BytesIO(content))
    assert reader.metadata is not None
    assert reader.metadata.title == "Kvitto 2026-000001"
    assert reader.metadata.creation_date == LATER
    assert len(content) < 60_000


def test_a_credit_note_names_its_receipt(connection: Connection, receipt_id: int) -> None:
    credited = credit(connection, receipt_id, 5000, "Kabeln satt fast", now=LATER)
    shown = sheet(connection, credited.receipt_id)
    assert shown.title == "Kreditkvitto 2026-000002"
    assert ("Krediterar kvitto", "2026-000001") in shown.trace
    assert ("Anledning", "Kabeln satt fast") in shown.trace
    assert told([*shown.rows, shown.foot]) == [
        ("Kreditering", "", "", "−40,00", "−10,00", "−50,00"),  # noqa: RUF001
        ("Åter", "", "", "−40,00", "−10,00", "−50,00"),  # noqa: RUF001
    ]
    assert told([shown.due]) == [("Kvar att återbetala", "50,00 kr")]
    note_paid(connection, credited.receipt_id, -5000, 0)
    paid = sheet(connection, credited.receipt_id)
    assert told([*paid.payment, paid.due])[-2:] == [
        ("Återbetalt", "50,00 kr"),
        ("Kvar att återbetala", "0,00 kr"),
    ]
    text = text_of(pdf_of(load_paper(connection, credited.receipt_id), "sv"))
    assert "Kreditkvitto 2026-000002" in text
    assert "Kabeln satt fast" in text


def test_what_is_not_captured_yet_is_not_said_to_be(
    connection: Connection, receipt_id: int
) -> None:
    connection.execute("UPDATE payment SET captured = 0, captured_at = NULL")
    note_paid(connection, receipt_id, 0, 0)
    assert told(sheet(connection, receipt_id).payment) == [
        ("Kort", "Visa •••• 4242"),
        ("Reserverat 12:00", "300,00 kr"),
    ]


def test_several_rates_are_told_apart(connection: Connection, receipt_id: int) -> None:
    parts = [
        {"type": "ENERGY", "price": Decimal(4), "vat": 25, "step_size": 1},
        {"type": "FLAT", "price": Decimal(5), "vat": 12, "step_size": 1},
    ]
    tariff = add(connection, plain(id="two", elements=[{"price_components": parts}]))
    closed = close_session(
        connection, charged(connection, [(25, 1_005)]), tariff,
        payment_id=None, channel="guest", now=LATER,
    )  # fmt: skip
    shown = sheet(connection, closed.receipt_id or 0)
    assert told(shown.rows) == [
        ("El (25 %)", "1,005 kWh", "1,92", "1,93", "0,48", "2,41"),
        ("Tillgång till laddnätet (25 %)", "1,005 kWh", "2,08", "2,09", "0,53", "2,62"),
        ("Avgift per laddning (12 %)", "1 gång", "5,00", "5,00", "0,60", "5,60"),
    ]
    assert [row[0].replace("\u00a0", " ") for row in shown.rates] == ["25 %", "12 %"]


@pytest.mark.parametrize(
    ("text", "printed"),
    [("Żółw", "Żółw"), ("Ωmega", "?mega"), ("😀", "?"), ("\u2003a\tb", " a b"), ("ﬁ", "fi")],
)
def test_letters_the_font_lacks_do_not_spoil_a_paper(text: str, printed: str) -> None:
    letters = {ord(letter) for letter in "Żółwmega fib?"}
    assert printable(text, letters) == printed


def test_long_texts_stay_on_one_page(connection: Connection, receipt_id: int) -> None:
    long = "Köpcentrum " * 12
    connection.execute("UPDATE site SET name = %s", [long + "Ω"])
    closed = close_session(
        connection, charged(connection), add(connection, plain()),
        payment_id=None, channel="guest", now=LATER,
    )  # fmt: skip
    credited = credit(connection, closed.receipt_id or 0, None, long * 3, now=LATER)
    for number in (closed.receipt_id or 0, credited.receipt_id):
        assert "Köpcentrum" in text_of(pdf_of(load_paper(connection, number), "sv"))


def test_a_paper_that_is_not_there_is_named(connection: Connection) -> None:
    with pytest.raises(ClosingError, match="receipt 99: there is none"):
        receipt_pdf(connection, {"receipt_id": 99, "language": "sv"})


def test_numbers_as_people_write_them() -> None:
    assert SWEDISH.money(123456789, "SEK") == "1\u202f234\u202f567,89\u00a0kr"
    assert ENGLISH.money(123456789, "SEK") == "SEK\u00a01,234,567.89"
    assert SWEDISH.money(-5, "SEK") == "\u22120,05\u00a0kr"
    assert ENGLISH.money(500, "ISK") == "ISK\u00a0500"
    assert SWEDISH.money(1500, "KWD") == "1,500\u00a0KWD"
    assert SWEDISH.kwh(31_420) == "31,42\u00a0kWh"
    assert SWEDISH.kwh(5) == "0,005\u00a0kWh"
    assert SWEDISH.price(Decimal("1.9200")) == "1,92"
    assert ENGLISH.percent(Decimal("25.5")) == "25.5\u00a0%"


def test_clocks_are_the_place_s() -> None:
    winter = datetime(2026, 11, 22, 13, 38, 20, tzinfo=UTC)
    assert SWEDISH.day_and_time(winter) == "22 november 2026 kl. 14:38"
    assert ENGLISH.second(winter) == "22 Nov 2026 14:38:20"


def test_every_text_has_the_same_gaps_in_both_languages() -> None:
    for key, (swedish, english) in WORDS.items():
        for gap in ("{0}", "{1}", "{2}", "{3}"):
            assert (gap in swedish) == (gap in english), key


def test_every_line_has_a_word(receipt_id: int, connection: Connection) -> None:
    from billing.receipts import ORDER  # noqa: PLC0415 - only here

    paper: Paper = load_paper(connection, receipt_id)
    assert {*ORDER, "credit"} <= WORDS.keys()
    assert {line["what"] for line in paper.document["lines"]} <= set(ORDER)
