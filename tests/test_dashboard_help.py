"""The "?" beside figures and the pages behind it."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask

from dashboard import documents
from dashboard.components import figure_tile, help_mark
from dashboard.i18n import in_language, t
from dashboard.meanings import MEANINGS, address, anchor
from sql.database import Connection
from tests.staff import page, signed_in, staff_app
from tests.web import add_user

FIGURES = documents.FOLDER / "numbers.md"
TOLD = re.compile(r"^### (.+) · (.+)\n- en: (.+)\n- sv: (.+)\n- Formula: ", re.MULTILINE)


@pytest.fixture
def app(database: str, connection: Connection) -> Iterator[Flask]:
    add_user(connection)
    with staff_app(database) as app:
        yield app


def test_every_figure_says_on_screens_what_its_section_says_in_both_languages() -> None:
    told = {anchor(name): (en, sv) for name, _, en, sv in TOLD.findall(FIGURES.read_text())}
    assert told.keys() == MEANINGS.keys()
    for key, (en, sv) in told.items():
        assert en == MEANINGS[key].meaning
        with in_language("sv"):
            assert t(MEANINGS[key].meaning) == sv


def test_every_figure_has_an_anchor_of_its_own_in_the_help() -> None:
    keys = [section.key for section in documents.read("numbers") if section.level in (2, 3)]
    assert len(set(keys)) == len(keys)
    assert MEANINGS.keys() <= set(keys)
    assert address("uptime") == "/app/help/numbers#uptime"


def test_a_mark_tells_what_a_figure_means_to_eyes_and_ears() -> None:
    mark = help_mark("uptime").to_plotly_json()["props"]
    assert mark["aria-label"] == "What does Uptime mean?"
    assert mark["data-href"] == address("uptime")
    assert "in service" in mark["data-meaning"]


def test_a_tile_leads_on_and_its_mark_is_no_part_of_the_link() -> None:
    label = figure_tile("Uptime", "99 %", href="/x", help="uptime").children[0]
    link, mark = label.children
    assert (link.href, link.children) == ("/x", "Uptime")
    assert mark.className == "help"


def test_an_unknown_figure_is_a_mistake_and_no_empty_mark() -> None:
    with pytest.raises(KeyError):
        help_mark("nonsense")


def test_documents_are_split_at_headings_and_not_in_code() -> None:
    text = "# A\nlead\n## B · C\n```sh\n# no heading\n```\n- [m](metering.md), [n](../x.md)\n"
    first, second = documents.sections(text)
    assert (first.level, first.heading, first.body) == (1, "A", "lead")
    assert (second.level, second.key) == (2, "b")
    assert "# no heading" in second.body
    assert "[m](/app/help/metering)" in second.body


def test_the_help_page_shows_the_document_itself(app: Flask) -> None:
    text = page(signed_in(app), "/app/help/numbers")
    assert '"id":"kwh_per_evse_day"' in text.replace(" ", "")
    assert "dangerously_allow_html" not in text
    assert page(signed_in(app), "/app/help") == text


@pytest.mark.parametrize("name", ["nonsense", "..%2F..%2Fetc%2Fpasswd", "%3Cb%3E"])
def test_a_help_page_that_is_not_there_says_so(app: Flask, name: str) -> None:
    assert "There is no help page of that name" in page(signed_in(app), f"/app/help/{name}")
