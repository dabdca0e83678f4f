"""Companies: their drivers charge without a card, and one invoice a month asks for all of it."""

from collections.abc import Iterator
from io import BytesIO

import pytest
from psycopg.errors import RestrictViolation
from pypdf import PdfReader
from registering import Members

from billing.checks import CHECKS, run_checks
from billing.double import Double
from billing.invoice_paper import invoice_pdf, load_invoice
from billing.statements import month_papers


@pytest.fixture
def street(plain_database: str) -> Iterator[Members]:
    with Double() as double:
        street = Members(plain_database, double)
        yield street
        street.close()


@pytest.fixture
def company(street: Members) -> int:
    return street.company()


def agrees(street: Members) -> None:
    """Every check of the books but those that read Stripe."""
    wanted = [name for name in CHECKS if "stripe" not in name and name != "payouts_add_up"]
    results = {one.name: one for one in run_checks(street.connection, street.now)}
    assert {name: results[name].found for name in wanted if not results[name].ok} == {}


def test_a_companys_session_waits_for_the_invoice(street: Members, company: int) -> None:
    driver_id = street.member(card=None, company_id=company)
    payment = street.payment(street.charge(driver_id))
    assert (payment["state"], payment["channel"]) == ("receivable", "company")
    assert street.mails() == []
    assert street.balance("1510") == 9980
    agrees(street)


def test_the_invoice_is_the_sum_of_its_receipts_and_of_the_books(
    street: Members, company: int
) -> None:
    driver_id = street.member(card=None, company_id=company)
    for wh in (20_000, 12_345, 7):
        street.charge(driver_id, wh)
    street.next_month()
    (gross,) = street.row("SELECT sum(gross)::bigint FROM receipt")
    assert street.invoices() == [(1, gross, 0, "issued")]
    assert street.row("SELECT net + vat, (SELECT sum(gross) FROM invoice_line) FROM invoice") == (
        gross,
        gross,
    )
    assert [street.balance(one) for one in ("1510", "1512")] == [0, gross]
    assert street.mails() == [("invoice", "faktura@bolaget.example")]
    agrees(street)


def test_paying_the_invoice_settles_its_sessions(street: Members, company: int) -> None:
    driver_id = street.member(card=None, company_id=company)
    payments = [street.charge(driver_id, wh) for wh in (20_000, 10_000)]
    street.next_month()
    street.pay_invoice(1, 14970)
    assert street.invoices() == [(1, 14970, 14970, "paid")]
    assert [street.state(one) for one in payments] == ["settled", "settled"]
    assert [street.balance(one) for one in ("1510", "1512", "1930")] == [0, 0, 14970]
    assert street.rows("SELECT DISTINCT due FROM receipt") == [(0,)]
    agrees(street)


def test_a_part_of_the_invoice_pays_the_oldest_sessions(street: Members, company: int) -> None:
    driver_id = street.member(card=None, company_id=company)
    payments = [street.charge(driver_id, wh) for wh in (20_000, 10_000)]
    street.next_month()
    street.pay_invoice(1, 12000)
    assert street.invoices() == [(1, 14970, 12000, "issued")]
    assert [street.payment(one)["captured"] for one in payments] == [9980, 2020]
    agrees(street)
    street.pay_invoice(1, 2970)
    assert street.invoices() == [(1, 14970, 14970, "paid")]
    assert [street.state(one) for one in payments] == ["settled", "settled"]
    agrees(street)


def test_more_than_is_due_is_not_booked_and_a_human_is_told(street: Members, company: int) -> None:
    street.charge(street.member(card=None, company_id=company))
    street.next_month()
    street.pay_invoice(1, 9981)
    assert street.invoices() == [(1, 9980, 0, "issued")]
    assert street.balance("1930") == 0
    assert street.row("SELECT kind FROM review_item") == ("invoice_payment",)


def test_a_session_that_comes_late_is_on_the_next_invoice(street: Members, company: int) -> None:
    driver_id = street.member(card=None, company_id=company)
    street.charge(driver_id, 20_000)
    late = street.session(f"TAG{driver_id:05}", 10_000)
    street.run("DELETE FROM ended_session")  # the station was out of contact: nobody knows of it
    street.next_month()
    street.run("INSERT INTO ended_session (session_id) VALUES (%s)", late)
    street.settle()
    assert [row[1] for row in street.invoices()] == [9980]
    street.next_month()
    assert [row[1] for row in street.invoices()] == [9980, 4990]
    agrees(street)


def test_an_invoice_is_made_once_whoever_makes_it(street: Members, company: int) -> None:
    street.charge(street.member(card=None, company_id=company))
    street.next_month()
    for _ in range(3):
        month_papers(street.connection, street.now)
    assert len(street.invoices()) == 1
    assert len(street.mails()) == 1


def test_what_a_company_gets_back_stands_on_the_next_invoice(street: Members, company: int) -> None:
    driver_id = street.member(card=None, company_id=company)
    payment_id = street.charge(driver_id, 20_000)
    street.next_month()
    street.pay_invoice(1, 9980)
    street.run("INSERT INTO refund_request (payment_id, kind, amount, reason, requested_by)"
               " VALUES (%s, 'goodwill', 980, 'the charger was slow', 'carin')",
               payment_id)  # fmt: skip
    street.settle()
    assert street.row("SELECT status, outcome FROM refund_request") == (
        "done",
        "on the next invoice",
    )
    agrees(street)
    street.charge(driver_id, 10_000)
    street.next_month()
    assert [row[1] for row in street.invoices()] == [9980, 4010]
    street.pay_invoice(2, 4010)
    assert street.invoices()[1][3] == "paid"
    assert [street.balance(one) for one in ("1510", "1512", "1930")] == [0, 0, 13990]
    assert street.double.journal("POST", "/v1/refunds") == []
    agrees(street)


def test_a_credit_before_the_invoice_makes_it_smaller(street: Members, company: int) -> None:
    driver_id = street.member(card=None, company_id=company)
    payment_id = street.charge(driver_id, 20_000)
    street.run("INSERT INTO refund_request (payment_id, kind, amount, reason, requested_by)"
               " VALUES (%s, 'partial', 980, 'the charger was slow', 'carin')",
               payment_id)  # fmt: skip
    street.settle()
    street.next_month()
    assert [row[1] for row in street.invoices()] == [9000]
    street.pay_invoice(1, 9000)
    assert street.state(payment_id) == "settled"
    assert [street.balance(one) for one in ("1510", "1512", "1930")] == [0, 0, 9000]
    agrees(street)


def test_more_given_back_than_bought_makes_no_invoice(street: Members, company: int) -> None:
    driver_id = street.member(card=None, company_id=company)
    payment_id = street.charge(driver_id, 20_000)
    street.run("INSERT INTO refund_request (payment_id, kind, amount, reason, requested_by)"
               " VALUES (%s, 'whole', 9980, 'never charged', 'carin')", payment_id)  # fmt: skip
    street.settle()
    street.next_month()
    assert street.invoices() == []
    agrees(street)


def test_a_companys_own_tag_needs_no_driver(street: Members, company: int) -> None:
    street.run(
        "INSERT INTO id_token (id_token, company_id, linked_at) VALUES ('POOL', %s, %s)",
        company, street.now,
    )  # fmt: skip
    payment_id = street.payment_of(_charged(street, "POOL"))
    assert street.payment(payment_id)["company_id"] == company
    assert street.payment(payment_id)["driver_id"] is None
    street.next_month()
    assert [row[1] for row in street.invoices()] == [9980]


def _charged(street: Members, token: str) -> int:
    session_id = street.session(token)
    street.settle()
    return session_id


def test_the_paper_names_seller_buyer_and_every_session(street: Members, company: int) -> None:
    driver_id = street.member(card=None, company_id=company)
    street.charge(driver_id)
    street.next_month()
    for language, word in (("sv", "Faktura F"), ("en", "Invoice F")):
        pdf = invoice_pdf(load_invoice(street.connection, 1), language)
        text = "".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)
        for wanted in (word, "Bolaget AB", "556000-0001", "99", "Kilowatch"):
            assert wanted in text


def test_a_charge_of_an_invoice_that_is_issued_never_changes(street: Members, company: int) -> None:
    street.charge(street.member(card=None, company_id=company))
    street.next_month()
    with pytest.raises(RestrictViolation):
        street.run("UPDATE invoice SET gross = 1, net = 1, vat = 0")
    with pytest.raises(RestrictViolation):
        street.run("DELETE FROM invoice")
