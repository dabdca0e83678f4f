"""`driver ...` and `company ...` as people type them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner, Result
from registering import Members

from billing.double import Double
from billing.drivers_cli import company, driver
from sql.database import Connection, connect

Opened = Callable[[], AbstractContextManager[Connection]]


@pytest.fixture
def opened(database: str) -> Opened:
    return lambda: connect(database)


def run(opened: Opened, line: str) -> Result:
    group, *arguments = line.split()
    return CliRunner().invoke({"driver": driver, "company": company}[group], arguments, obj=opened)


def said(opened: Opened, line: str) -> str:
    result = run(opened, line)
    assert result.exit_code == 0, result.output
    return result.output


def refused(opened: Opened, line: str) -> str:
    result = run(opened, line)
    assert result.exit_code == 2
    return result.output


def test_a_driver_and_a_tag_are_added_and_listed(opened: Opened) -> None:
    assert "driver 1" in said(opened, "driver add dave@example.org --name Dave")
    said(opened, "driver tag Dave@Example.org 04A1B2C3 --label keys")
    assert said(opened, "driver list").split("\t")[1:6] == [
        "dave@example.org", "Dave", "-", "-", "1",
    ]  # fmt: skip


def test_a_tag_of_anothers_is_not_given_away(opened: Opened) -> None:
    for email in ("dave@example.org", "erin@example.org"):
        said(opened, f"driver add {email}")
    said(opened, "driver tag dave@example.org 04A1B2C3")
    assert "belongs to somebody" in refused(opened, "driver tag erin@example.org 04a1b2c3")
    said(opened, "driver tag dave@example.org 04a1b2c3 --label keys")


def test_a_driver_belongs_to_a_company(opened: Opened) -> None:
    said(opened, "company add Bolaget --email faktura@bolaget.example --address Gatan;111")
    said(opened, "driver add dave@example.org --company bolaget")
    said(opened, "company tag Bolaget POOL1")
    assert said(opened, "company list").strip().split("\t") == [
        "1", "Bolaget", "faktura@bolaget.example", "1", "0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "driver add nobody",
        "driver tag nobody@example.org X1",
        "driver add dave@example.org --company Nobody",
        "company add Bolaget --email nobody",
        "company tag Nobody X1",
        "company invoices Nobody",
        "company paid F2026-00001 10",
        "company paid F2026-00001 ten",
        "company paid F2026-00001 10 --on yesterday",
    ],
)
def test_what_is_wrong_is_said_in_one_line(opened: Opened, line: str) -> None:
    output = refused(opened, line)
    assert output.startswith("kilowatch: ")
    assert output.count("\n") == 1


@pytest.fixture
def street(plain_database: str) -> Iterator[Members]:
    with Double() as double:
        street = Members(plain_database, double)
        yield street
        street.close()


def test_money_for_an_invoice_is_noted_once_it_is_due(street: Members) -> None:
    def opened() -> AbstractContextManager[Connection]:
        return connect(street.dsn)

    street.charge(street.member(card=None, company_id=street.company()))
    street.next_month()
    number = said(opened, "company invoices").split("\t")[0]
    assert "are due" in refused(opened, f"company paid {number} 99.81")
    assert "a positive amount" in refused(opened, f"company paid {number} 0.001")
    day = datetime.now(UTC).date().isoformat()
    assert "0 stay due" in said(opened, f"company paid {number} 99.80 --on {day}")
    assert "are due" in refused(opened, f"company paid {number} 1")
    street.settle()
    assert [row[1:] for row in street.invoices()] == [(9980, 9980, "paid")]
