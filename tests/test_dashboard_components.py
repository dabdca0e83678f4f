"""The shapes of the staff screens: what they say, to eyes and to screen readers."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import plotly.utils
from flask import Flask

from dashboard.components import (
    Column,
    Incident,
    avatar,
    badge,
    command_trail,
    empty_state,
    error_state,
    figure_strip,
    figure_tile,
    glyphs,
    incident_row,
    live_tile,
    loading_state,
    panel,
    table,
    trio_tile,
)
from dashboard.i18n import configure, in_language
from dashboard.shell import NavEntry, navigation, shell, top_bar

ASSETS = Path(__file__).parents[1] / "assets"
BOARD = NavEntry("board", "Operations", "Board", "/app/", "board")
USERS = NavEntry("users", "System", "Users", "/app/users", "drivers", frozenset({"admin"}))


def drawn(component: Any) -> str:
    """A component as Dash sends it."""
    return json.dumps(component, cls=plotly.utils.PlotlyJSONEncoder, ensure_ascii=False)


def test_a_badge_is_a_shape_and_a_word() -> None:
    with in_language("sv"):
        text = drawn(badge("charging", id="e1"))
    assert "g st-charging" in text
    assert '"Laddar"' in text
    assert '"e1-words"' in text


def test_a_tile_gives_its_parts_ids_so_that_only_they_change() -> None:
    text = drawn(figure_tile("Charging", "121", "29 %", unit="kW", id="c", href="/x", kind="crit"))
    for part in ("c-value", "c-detail", "c-unit", "/x", "fig crit"):
        assert f'"{part}"' in text
    trio = drawn(trio_tile("Down", [("faulted", "5"), ("unknown", "18")], id="down"))
    assert '"down-faulted"' in trio
    assert '"role": "status"' in drawn(figure_strip([live_tile("Sunday", "16:42")]))


def test_many_equal_evses_become_a_count() -> None:
    assert "\u00d7 12" in drawn(glyphs(["unknown"] * 12))
    assert "\u00d7" not in drawn(glyphs(["unknown"] * 12 + ["charging"]))


def test_an_incident_is_a_link_with_its_next_step() -> None:
    row = Incident("unknown", "Ödeshög E4", "Power", "/app/i/1", "Call", ("12", "4 drivers"),
                   ("21 min", "critical"), "Elin Sandberg", critical=True)  # fmt: skip
    text = drawn(incident_row(row))
    assert "inc crit" in text
    assert '"ES"' in text
    assert '"Call"' in text
    assert "av none" in drawn(avatar(None))


def test_a_table_has_a_caption_scopes_and_an_empty_state() -> None:
    columns = [Column("State"), Column("kWh", "num")]
    text = drawn(table("Stations", columns, [["a", "1"]], foot=["Sum", "1"], id="t"))
    assert '"Caption"' in text
    assert '"scope": "col"' in text
    assert '"Tfoot"' in text
    assert "No stations" in drawn(table("Stations", columns, [], empty=empty_state("No stations")))


def test_errors_name_themselves_and_offer_another_try() -> None:
    with in_language("sv"):
        text = drawn(error_state("Kunde inte läsa", "Databasen svarade inte", retry_href="/app/"))
    assert '"role": "alert"' in text
    assert "Försök igen" in text
    assert '"aria-busy": "true"' in drawn(loading_state())


def test_a_refused_command_shows_the_octagon() -> None:
    text = drawn(command_trail("Restart", [("ok", "Sent", "16:39"), ("bad", "Refused", "16:40")]))
    assert "step ok" in text
    assert "st-faulted" in text


def test_navigation_shows_only_the_pages_a_role_may_open() -> None:
    operator = drawn(navigation([BOARD, USERS], "operator", "board", "Alice", {"board": "6"}))
    admin = drawn(navigation([BOARD, USERS], "admin", "users", "Ada", {}))
    assert '"aria-current": "page"' in operator
    assert "/app/users" not in operator
    assert "/app/users" in admin
    assert "/account" in admin


def test_the_shell_has_landmarks_a_skip_link_and_switches_that_come_back() -> None:
    app = Flask(__name__)
    configure(app, "sv", "Europe/Stockholm")
    with app.test_request_context("/app/station/A", headers={"Cookie": "theme=light"}):
        nav = navigation([BOARD], "operator", "board", "Alice", {})
        text = drawn(shell(nav, top_bar("Board", path="/app/station/A?x=1"), panel("P", "body")))
    for part in ('"Main"', '"Nav"', '"Header"', '"H1"', '"#page"', "theme=dark"):
        assert part in text
    assert "/choose?language=en&next=/app/station/A%3Fx%3D1" in text


def test_masks_are_drawn_from_the_same_shapes_as_the_sprites() -> None:
    css = unquote((ASSETS / "shapes.css").read_text())
    for sprite, prefix in (("states", "st"), ("ui", "i")):
        svg = (ASSETS / f"icons/{sprite}.svg").read_text()
        symbols = dict(re.findall(r'<symbol id="([\w-]+)"[^>]*>(.*)</symbol>', svg))
        assert symbols
        for name, body in symbols.items():
            rule = re.search(rf"\.{prefix}-{name} {{(.*)}}", css)
            assert rule, name
            for path in re.findall(r' d="([^"]+)"', body):
                assert path in rule[1], name


def test_staff_pages_load_nothing_from_other_hosts() -> None:
    for path in ASSETS.rglob("*.css"):
        assert not re.search(r"url\(\"?(https?:)?//", path.read_text())
    fonts = sum(path.stat().st_size for path in (ASSETS / "fonts").glob("*.woff2"))
    assert fonts < 400_000
