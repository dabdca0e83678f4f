"""What all staff pages share: who may open them, navigation, top bar, the live stamp, words."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dash import Dash, dcc, html
from flask import current_app, has_request_context, request
from flask_login import current_user

from dashboard import books
from dashboard.components import Child, button, error_state
from dashboard.i18n import language, mark, t
from dashboard.pages.words import client_words
from dashboard.shell import NavEntry, navigation, shell, top_bar

NAVIGATION = (
    NavEntry("board", mark("Operations"), mark("Board"), "/app/", "board"),
    NavEntry("stations", mark("Operations"), mark("Stations"), "/app/stations", "station"),
    NavEntry("payments", mark("Operations"), mark("Find a payment"), "/app/payments", "search"),
    NavEntry("utilisation", mark("Analysis"), mark("Utilisation"), "/app/utilisation",
             "utilisation"),
    NavEntry("energy", mark("Analysis"), mark("Energy and load"), "/app/energy", "energy"),
    NavEntry("reliability", mark("Analysis"), mark("Reliability"), "/app/reliability",
             "reliability"),
    NavEntry("ledger", mark("Finance"), mark("Ledger"), "/app/ledger", "ledger",
             frozenset(books.READING)),
    NavEntry("review", mark("Finance"), mark("To review"), "/app/review", "review",
             frozenset(books.READING)),
    NavEntry("receipts", mark("Finance"), mark("Receipts, refunds"), "/app/receipts", "receipts",
             frozenset(books.READING)),
    NavEntry("tariffs", mark("Finance"), mark("Prices"), "/app/tariffs", "tariffs",
             frozenset(books.READING)),
)  # fmt: skip
COMMANDING = ("operator",)  # and admins, who may do everything


def _nothing(_staff: Dash) -> None:
    """A page without callbacks."""


@dataclass(frozen=True)
class Page:
    """One staff page. `roles` empty: every signed-in role may open it."""

    key: str
    path: str
    title: Callable[..., str]
    layout: Callable[..., Child]
    path_template: str | None = None
    roles: frozenset[str] = frozenset()
    register: Callable[[Dash], None] = _nothing

    def guarded_layout(self, **parameters: Any) -> Child:
        """The layout for those who may see it; Dash calls this with path and query parts."""
        if self.roles and not current_user.has_role(*self.roles):
            return frame("", t("No access"), [refused()])
        return self.layout(**parameters)


def title(text: str) -> Callable[..., str]:
    """A page's title for the browser's tab, in the reader's language."""
    return lambda **_parts: f"{t(text) if has_request_context() else text} · Kilowatch"


def frame(
    current: str, heading: Child, body: list[Child], controls: list[Child] | None = None
) -> html.Div:
    """A whole page: navigation, top bar with the page's own controls, and the body."""
    nav = navigation(NAVIGATION, current_user.role, current, current_user.name, counts())
    top = top_bar(heading, *(controls or []), path=here())
    return shell(nav, top, *body, words())


def counts() -> dict[str, str]:
    """What waits behind a page, beside its name."""
    if not current_user.has_role(*books.READING):
        return {}
    waiting = books.count_open()
    return {"review": str(waiting)} if waiting else {}


def here() -> str:
    """The page's own address, where a switch of language returns to."""
    # Dash asks for layouts by POST: the address is that of the page that asks
    referrer = request.referrer or ""
    path = "/" + referrer.split("/", 3)[3] if referrer.count("/") >= 3 else "/app/"
    return path if path.startswith("/app/") else "/app/"


def words() -> html.Div:
    """The words that live updates write; a hidden element, as they must follow the language."""
    zone = _zone()
    held = {"language": language(), "zone": zone, "words": client_words(),
            "me": current_user.name, "acts": may_command()}  # fmt: skip
    attributes: dict[str, Any] = {"data-words": json.dumps(held, sort_keys=True)}
    return html.Div(id="words", hidden=True, **attributes)


def _zone() -> str:
    return str(current_app.config["KILOWATCH_ZONE"].key)


def live_stamp() -> html.Span:
    """The small stamp of pages without a figure strip: live or not, and the time of the view."""
    parts = [html.I(className="dot"), html.Span(t("Live"), id="live-word")]
    clock = html.Span("", id="live-clock", className="mut")
    return html.Span([html.Span(parts, className="live"), clock], className="stamp", role="status")


def search_box(action: str = "/app/stations", hint: str = "") -> Child:
    """To a station by typing: the list filters itself by what stands in the address. Other lists
    name their own address and what can be typed."""
    field = dcc.Input(
        type="search", name="q", id="search", className="field search", autoComplete="off",
        placeholder=hint or t("Search: station, site, town"),
    )  # fmt: skip
    return html.Form(field, action=action, method="get", role="search")


def spacer() -> html.Span:
    return html.Span(className="sp")


def named(label: str) -> dict[str, Any]:
    """What a screen reader calls an element that shows no heading of its own."""
    return {"aria-label": label}


def may_command() -> bool:
    return bool(current_user.has_role(*COMMANDING))


def refused() -> Child:
    return error_state(t("You may not open this page"), t("Ask an administrator for the role."))


def command_button(label: str, icon_name: str, identity: Any, *, enabled: bool = True) -> Child:
    """A button that sends something to a station: locked while the view is not live."""
    hint = {} if may_command() else {"title": t("Your role may look, not act")}
    disabled = not (enabled and may_command())
    return button(label, icon_name, kind="act", id=identity, disabled=disabled, **hint)
