"""`tariff price | lint | add | list` as people type them."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from billing_shorthand import component, document, element
from click.testing import CliRunner, Result

from billing.cli import tariff
from billing.reading import canonical, hash_of
from sql.database import Connection, connect

TARIFF = document(element(component("ENERGY", "4.10"), component("FLAT", 5)))
CDR = {
    "currency": "SEK",
    "start_date_time": "2026-06-01T10:00:00Z",
    "end_date_time": "2026-06-01T11:00:00Z",
    "charging_periods": [
        {
            "start_date_time": "2026-06-01T10:00:00Z",
            "dimensions": [{"type": "ENERGY", "volume": 10}],
        }
    ],
}
Files = Callable[..., list[str]]
Opened = Callable[[], AbstractContextManager[Connection]]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Paths of the documents, written as JSON."""

    def write(*documents: Any) -> list[str]:
        paths = []
        for number, one in enumerate(documents):
            paths.append(str(tmp_path / f"{number}.json"))
            Path(paths[-1]).write_bytes(one if isinstance(one, bytes) else canonical(one))
        return paths

    return write


@pytest.fixture
def opened(database: str) -> Opened:
    return lambda: connect(database)


def run(*arguments: str, obj: Any = None) -> Result:
    return CliRunner().invoke(tariff, arguments, obj=obj, env={"KILOWATCH_TIME_ZONE": ""})


def test_price_prints_exact_numbers(files: Files) -> None:
    result = run("price", *files(TARIFF, CDR))
    assert result.exit_code == 0
    assert '"total_cost_excl_vat": 46.00' in result.output
    assert '"total_cost_incl_vat": 57.50' in result.output
    told = json.loads(result.output, parse_float=Decimal)
    assert (told["currency"], told["time_zone"]) == ("SEK", "Europe/Stockholm")
    assert [line["type"] for line in told["breakdown"]] == ["FLAT", "ENERGY"]


@pytest.mark.parametrize(("zone", "cost"), [("UTC", "10.00"), ("Europe/Stockholm", "20.00")])
def test_price_reads_restrictions_in_the_zone(files: Files, zone: str, cost: str) -> None:
    noon = element(component("ENERGY", 2), start_time="12:00")
    given = document(noon, element(component("ENERGY", 1)))
    result = run("price", *files(given, CDR), "--time-zone", zone)
    assert f'"total_cost_excl_vat": {cost}' in result.output


@pytest.mark.parametrize(
    ("given", "cdr", "message"),
    [
        (b"{", CDR, "0.json: no valid JSON: Input data was truncated"),
        (document(), CDR, "0.json: elements: expected at least one element"),
        (TARIFF, {}, "1.json: currency: missing"),
        (
            TARIFF,
            CDR | {"currency": "EUR"},
            "1.json: currency: expected SEK as the tariff, got EUR",
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    files: Files, given: Any, cdr: Any, message: str
) -> None:
    result = run("price", *files(given, cdr))
    assert result.exit_code == 2
    assert result.output.startswith("kilowatch: ")
    assert result.output.endswith(f"{message}\n")
    assert result.output.count("\n") == 1


def test_an_unknown_zone_and_a_missing_file_are_exit_code_2(files: Files) -> None:
    result = run("price", *files(TARIFF, CDR), "--time-zone", "Mars/Base")
    assert (result.exit_code, result.output) == (
        2,
        "kilowatch: --time-zone: expected a time zone such as Europe/Stockholm, got Mars/Base\n",
    )
    assert run("price", "nowhere.json", "nowhere.json").exit_code == 2


def test_lint_says_what_breaks_the_rules(files: Files) -> None:
    found = run("lint", *files(TARIFF))
    assert found.exit_code == 1
    assert "breaks\tonly_kwh\telements[0].price_components[1]\tFLAT is not allowed" in found.output
    fine = run("lint", *files(TARIFF), "--power-kw", "22")
    assert (fine.exit_code, fine.output) == (0, "nothing to remark\n")


def test_add_and_list(files: Files, opened: Opened) -> None:
    added = run("add", *files(TARIFF), "--valid-from", "2026-06-01T00:00+02:00", obj=opened)
    assert added.exit_code == 0
    assert added.output == (
        f"test: operator Kilowatch, from 2026-06-01 00:00:00+02:00\n{hash_of(TARIFF)}\n"
    )
    listed = run("list", obj=opened)
    assert listed.output == (
        f"1\ttest\tSEK\toperator Kilowatch\t2026-05-31 22:00:00+00:00\t{hash_of(TARIFF)}\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--site", "Nowhere"], "site: no site is called Nowhere"),
        (["--site", "1", "--evse", "A"], "give one of --operator, --site, --station and --evse"),
        (
            ["--valid-from", "soon"],
            "--valid-from: expected a time such as 2026-12-01T00:00+01:00, got soon",
        ),
    ],
)
def test_add_refuses_what_it_can_not_place(
    files: Files, opened: Opened, arguments: list[str], message: str
) -> None:
    result = run("add", *files(TARIFF), *arguments, obj=opened)
    assert (result.exit_code, result.output) == (2, f"kilowatch: {message}\n")


def test_add_refuses_a_tariff_without_vat(files: Files, opened: Opened) -> None:
    silent = document(element(component("ENERGY", 4, vat=None)))
    result = run("add", *files(silent), obj=opened)
    assert result.exit_code == 2
    assert "can't be shown including VAT" in result.output
    assert run("list", obj=opened).output == ""
