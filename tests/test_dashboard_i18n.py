"""Texts: every sentence a person may see exists in Swedish too."""

import ast
import re
import string
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract
from flask import Flask
from jinja2.ext import babel_extract

from dashboard.format import Format
from dashboard.i18n import LOCALES, catalogue, configure, in_language, language, t, tn
from dashboard.states import FAULTS, STAFF, STATES, driver_state, fault_words, staff_words

DASHBOARD = LOCALES.parent
KEYWORDS = {"t": None, "mark": None, "tn": (1, 2)}


def messages() -> Iterator[tuple[str, str]]:
    """Every text the source marks, with its place."""
    for path in sorted(DASHBOARD.rglob("*")):
        found = {".py": in_python, ".html": in_template}.get(path.suffix, lambda _: [])(path)
        for line, text in found:
            yield text, f"{path.relative_to(DASHBOARD)}:{line}"


def in_python(path: Path) -> Iterator[tuple[int, str]]:
    """Literal texts given to t, tn and mark; what a variable holds was marked elsewhere."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in KEYWORDS:
            for argument in node.args[: 2 if node.func.id == "tn" else 1]:  # type: ignore[attr-defined]
                for part in ast.walk(argument) if isinstance(argument, ast.IfExp) else [argument]:
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield node.lineno, part.value


def in_template(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as source:
        for line, message, _, _ in extract(babel_extract, source, KEYWORDS):
            for text in [message] if isinstance(message, str) else message:
                yield line, text


def known(code: str) -> dict[str, str]:
    """English sentence -> translation, plurals by their singular and plural."""
    found: dict[str, str] = {}
    chain = [catalogue(code)]
    while chain[-1]._fallback is not None:  # type: ignore[attr-defined]
        chain.append(chain[-1]._fallback)  # type: ignore[attr-defined]
    for part in reversed(chain):
        for key, text in getattr(part, "_catalog", {}).items():
            found[key if isinstance(key, str) else key[0]] = text
    return found


def plural_words() -> set[str]:
    """Plurals are not keys of their own in a catalogue."""
    po = "".join(path.read_text() for path in (LOCALES / "sv").rglob("*.po"))
    return {literal_eval(text) for text in re.findall(r'^msgid_plural (".*")$', po, re.MULTILINE)}


def test_every_text_has_a_swedish_translation() -> None:
    translated = known("sv").keys() | plural_words()
    missing = [f'msgid "{text}"  # {where}' for text, where in messages() if text not in translated]
    assert not missing, "add to dashboard/locales/sv/LC_MESSAGES/*.po:\n" + "\n".join(missing)


def test_no_translation_has_lost_its_text() -> None:
    used = {text for text, _ in messages()} | {"Type 2"}  # a plug's name comes from a table
    assert sorted(known("sv").keys() - used - {""}) == []


def test_translations_fill_in_the_same_names() -> None:
    def names(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}

    wrong = {key: text for key, text in known("sv").items() if key and names(key) != names(text)}
    # a singular may leave its count out
    assert {k: v for k, v in wrong.items() if names(k) ^ names(v) != {"n"}} == {}


def test_a_text_is_read_in_the_language_asked_for() -> None:
    with in_language("sv"):
        assert t("Available") == "Ledig"
        assert t("Nearest free: {code}", code="KX-4172") == "Närmaste lediga: KX-4172"
    with in_language("en"):
        assert t("Available") == "Available"
        assert tn("{n} car", "{n} cars", 2) == "2 cars"


@pytest.mark.parametrize(
    ("cookie", "accept", "expected"),
    [
        ("sv", "en", "sv"),
        ("xx", "en-GB,en;q=0.9", "en"),
        (None, "sv-SE,sv;q=0.9,en;q=0.5", "sv"),
        (None, "de,fr", "sv"),
        (None, None, "sv"),
    ],
)
def test_the_cookie_wins_then_the_browser_then_the_setting(
    cookie: str | None, accept: str | None, expected: str
) -> None:
    app = Flask(__name__)
    configure(app, "sv", "Europe/Stockholm")
    headers = {}
    if cookie:
        headers["Cookie"] = f"language={cookie}"
    if accept:
        headers["Accept-Language"] = accept
    with app.test_request_context("/", headers=headers):
        assert language() == expected


def test_every_state_has_a_word_a_shape_and_a_colour() -> None:
    assets = Path(DASHBOARD.parent / "assets")
    sprite, tokens = (assets / "icons/states.svg").read_text(), (assets / "tokens.css").read_text()
    for state in STATES:
        assert state in STAFF
        assert f'<symbol id="{state}"' in sprite
        assert tokens.count(f"--st-{state}: #") == 2  # dark and light


def test_staff_read_what_how_much_and_why() -> None:
    form = Format("sv")
    with in_language("sv"):
        assert staff_words("charging", form, power_w=87400) == "Laddar 87,4\u00a0kW"
        assert staff_words("charging", form) == "Laddar"
        assert staff_words("faulted", form, error_code="GroundFailure") == "Fel: jordfel"
        assert staff_words("faulted", form, error_code="NoError") == "Fel"
        assert staff_words("suspended", form, charging_state="SuspendedEVSE") == "Laddaren pausar"
        assert staff_words("nonsense", form) == "Ingen kontakt"


def test_an_unknown_fault_is_quoted_and_known_ones_never_are() -> None:
    with in_language("sv"):
        assert fault_words("E-4711") == "E-4711"
        assert all(fault_words(code) != code for code in FAULTS)


def test_drivers_read_whether_they_can_charge_and_never_a_cause() -> None:
    form = Format("sv")
    with in_language("sv"):
        assert driver_state("available", form).word == "Ledig"
        assert driver_state("faulted", form) == driver_state("faulted", form, charging_state="x")
        assert driver_state("suspended", form).detail == "bilen laddar inte"
        assert driver_state("unknown", form).kind == "unknown"
        assert driver_state("anything else", form).kind == "busy"
