"""The worked examples of OCPI 2.2.1 cost what OCPI says; each of tests/ocpi has its source."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from billing.cdrs import read_cdr
from billing.pricing import price
from billing.tariffs import read_tariff

FILES = sorted((Path(__file__).parent / "ocpi").glob("*.json"))


def sessions() -> list[Any]:
    found = []
    for file in FILES:
        example = json.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
        assert example["source"].startswith("OCPI 2.2.1, mod_")
        found += [
            pytest.param(example["tariff"], session, id=f"{file.stem}: {session['what']}")
            for session in example["sessions"]
        ]
    return found


@pytest.mark.parametrize(("tariff", "session"), sessions())
def test_a_worked_example_costs_what_ocpi_says(tariff: Any, session: Any) -> None:
    result = price(read_tariff(tariff), read_cdr(session["cdr"]), ZoneInfo("UTC"))
    assert result.total_cost_excl_vat == session["total_cost_excl_vat"]
    if "total_cost_incl_vat" in session:
        assert result.total_cost_incl_vat == session["total_cost_incl_vat"]
