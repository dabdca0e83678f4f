"""What a driver is told of a tariff: every price with VAT, in AFIR's order, and an example."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dashboard.format import Format
from dashboard.i18n import in_language
from dashboard.public import holds, words
from dashboard.public.curve import power_curve
from dashboard.public.price import Price, read_price
from tests.payments import TARIFF

EXAMPLES = sorted((Path(__file__).parent / "ocpi").glob("*.json"))


def price_of(*elements: dict[str, Any], **more: Any) -> Price:
    return read_price(json.dumps({"currency": "SEK", "elements": elements} | more))


def part(kind: str, price: float, vat: float | None = 25, **limits: Any) -> dict[str, Any]:
    """An element with one component."""
    component = {"type": kind, "price": price, "step_size": 1}
    element: dict[str, Any] = {
        "price_components": [component | ({} if vat is None else {"vat": vat})]
    }
    return element | ({"restrictions": limits} if limits else {})


def said(price: Price, language: str = "en") -> list[tuple[str, str]]:
    with in_language(language):
        form = Format(language)
        return [
            (label, text.replace("\u00a0", " ")) for label, text in words.small_print(form, price)
        ]


def test_the_usual_tariff_in_both_languages() -> None:
    price = read_price(json.dumps(TARIFF))
    assert price.per_kwh == Decimal("4.99")
    assert not price.varies
    assert said(price, "sv") == [("Stå kvar efter laddningen", "2 kr/min från 10 min")]
    assert said(price) == [("Staying after charging", "SEK 2/min from 10 min")]
    assert [price.kwh_for(one) for one in holds.choices("SEK")] == [38, 57, 95]
    assert words.example(Format("sv"), price) == "99,80\u00a0kr"


def test_lines_stand_in_the_order_of_afir_whatever_the_tariffs_order() -> None:
    price = price_of(
        part("FLAT", 5), part("PARKING_TIME", 60), part("TIME", 30), part("ENERGY", 3),
        min_price={"excl_vat": 10},
    )  # fmt: skip
    assert [line.kind for line in price.lines] == [
        "energy", "charging", "staying", "session", "lowest",
    ]  # fmt: skip
    assert said(price) == [
        ("While charging", "SEK 0.625/min"),
        ("Staying after charging", "SEK 1.25/min"),
        ("Per charge", "SEK 6.25"),
        ("At least per charge", "SEK 12.50"),
    ]
    assert price.by_the_minute


def test_a_price_that_varies_is_shown_at_its_highest_and_line_by_line() -> None:
    price = price_of(
        part("ENERGY", 2, start_time="22:00", end_time="06:00"),
        part("ENERGY", 4, day_of_week=["SATURDAY", "SUNDAY"]), part("ENERGY", 3),
    )  # fmt: skip
    assert price.varies
    assert price.per_kwh == 5
    assert said(price) == [
        ("Energy", "SEK 2.50/kWh 22:00\u201306:00"),
        ("Energy", "SEK 5/kWh Saturday, Sunday"),
        ("Energy", "SEK 3.75/kWh"),
    ]


def test_what_can_never_be_charged_is_not_shown() -> None:
    price = price_of(part("ENERGY", 3), part("ENERGY", 9, min_kwh=5), part("FLAT", 0),
                     part("FLAT", 7, reservation="RESERVATION"))  # fmt: skip
    assert [(line.kind, line.amount) for line in price.lines] == [("energy", Decimal("3.75"))]


def test_an_example_holds_to_fees_and_bounds() -> None:
    energy = part("ENERGY", 4)
    assert price_of(energy, part("FLAT", 8)).session_of(20) == 110
    assert price_of(energy, min_price={"excl_vat": 100, "incl_vat": 125}).session_of(20) == 125
    assert price_of(energy, max_price={"excl_vat": 40}).session_of(20) == 50
    assert price_of(energy, part("FLAT", 8)).kwh_for(200) == 36  # (190 - 10) / 5


def test_a_tariff_without_any_price_is_free() -> None:
    assert price_of(part("ENERGY", 0, None)).is_free
    assert not price_of(part("PARKING_TIME", 1)).is_free
    assert price_of(part("TIME", 60)).kwh_for(200) is None


def test_no_number_of_a_tariff_becomes_a_float() -> None:
    price = read_price(
        '{"currency": "SEK", "elements": [{"price_components":'
        ' [{"type": "ENERGY", "price": 0.1, "vat": 0.1}]}]}'
    )
    assert price.per_kwh == Decimal("0.1001")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_of_ocpi_can_be_shown(path: Path) -> None:
    document = json.loads(path.read_text())
    price = read_price(json.dumps(document["tariff"]))
    for language in ("sv", "en"):
        assert all(label and text for label, text in said(price, language))
        words.example(Format(language), price)
    assert price.session_of(20) >= 0


def test_amounts_are_chosen_from_a_table_by_currency() -> None:
    assert holds.choices("SEK") == (200, 300, 500)
    assert holds.proposed("NOK") == 300
    assert holds.chosen("300", "SEK") == 300
    assert holds.chosen("300", "EUR") is None
    assert holds.minor(300, "SEK") == 30_000
    assert holds.minor(300, "ISK") == 300
    assert holds.choices("XYZ") == holds.ELSEWHERE


def test_the_curve_starts_at_the_bottom_and_stays_inside() -> None:
    curve = power_curve([(0, 0), (60, 96_000), (120, 48_000)], 120)
    assert curve
    assert curve.line == "M0 56L150 4L300 30"
    assert curve.area == "M0 56L150 4L300 30L300 56L0 56z"
    assert curve.peak_w == 96_000


def test_without_readings_there_is_no_curve() -> None:
    assert power_curve([], 60) is None
    assert power_curve([(0, 1)], 60) is None
    assert power_curve([(0, 0), (9, 0)], 9) is not None  # a car that takes nothing yet
