"""What the administration pages share: their parts as tabs, who sees which, lists that go on."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from dash import html
from flask_login import current_user

from dashboard import administration
from dashboard.components import Child, aria, glyph, link
from dashboard.digits import whole
from dashboard.i18n import formatter, mark, t
from dashboard.pages.frame import frame, live_stamp, spacer

READERS = frozenset(administration.READING)
ADMINS = frozenset({"admin"})
# address, name, who may look; everything is done by administrators
TABS = (
    ("", mark("Overview"), READERS),
    ("sites", mark("Sites"), READERS),
    ("stations", mark("Stations"), READERS),
    ("imports", mark("Imports"), ADMINS),
    ("tokens", mark("Id tokens"), READERS),
    ("users", mark("Users"), ADMINS),
    ("api-tokens", mark("API tokens"), ADMINS),
    ("settings", mark("Settings"), ADMINS),
    ("audit", mark("Audit log"), ADMINS),
)


def acts() -> bool:
    return bool(current_user.has_role(*administration.ACTING))


def admin_page(part: str, body: list[Child], heading: str = "") -> Child:
    """A page of the administration with its tabs; `heading`: of what lies below a part."""
    name = next(name for address, name, _ in TABS if address == part)
    title = heading or (t("Administration") if not part else t(name))
    return frame("admin", title, [tabs(part), *body], [spacer(), live_stamp()])


def tabs(part: str) -> Child:
    links = [
        html.A(
            t(name),
            href=f"/app/admin/{address}".rstrip("/"),
            **(aria(current="page") if address == part else {}),
        )
        for address, name, roles in TABS
        if current_user.has_role(*roles)
    ]
    return html.Nav(links, className="tabs", **aria(label=t("Administration")))


def only_looks() -> Child:
    """Said where the role may look and not act."""
    return None if acts() else html.P(t("Your role may look, not act"), className="faint looks")


def more_link(path: str, asked: dict[str, str], after: str) -> Child:
    """To the rows after these: an address, so that it can be shared."""
    if not after:
        return None
    query = urlencode({**{k: v for k, v in asked.items() if v}, "after": after})
    return html.Div(link(t("Next"), f"{path}?{query}", kind=""), className="more")


def asked(parameters: dict[str, Any], name: str, most: int = 100) -> str:
    """A part of the address as a text of sensible length."""
    return str(parameters.get(name) or "")[:most].replace("\x00", "")


def number(parameters: dict[str, Any], name: str) -> int | None:
    """A part of the address as a number that the database's integers hold."""
    return whole(parameters.get(name))


def shaped(state: str, words: str) -> Child:
    """A state's shape with its word."""
    return html.Span([glyph(state), html.Span(words)], className="bd")


def filters(path: str, entries: Sequence[Child], send: str) -> Child:
    """A form that asks for an address: works without a callback, and the address can be shared."""
    go = html.Button(send, className="ctl", type="submit")
    return html.Form(
        [*entries, go], action=path, method="get", className="filters asked", role="search"
    )


def stamp(at: Any) -> str:
    return formatter().stamp(at, seconds=False) if at else "\u2013"
