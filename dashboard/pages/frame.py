"""What all staff pages share: who may open them, navigation, top bar, the live stamp, words."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dash import Dash, dcc, html
from flask import current_app, has_request_context, request
from flask_login import current_user

from dashboard import books
from dashboard.components import Child, button, error_state
from dashboard.i18n import language, mark, t
from dashboard.pages.words import client_words
from dashboard.shell import NavEntry, navigation, shell, top_bar

# filters that mean the same on several pages, and so go along between them
SITE = frozenset({"site"})
PAST = frozenset({"site", "station", "range", "from", "until", "compare"})
MONTHS = SITE | {"month"}
BOOKS = frozenset(books.READING)
OPERATIONS, ANALYSIS = mark("Operations"), mark("Analysis")
FINANCE, SYSTEM = mark("Finance"), mark("System")
# An entry shows when its page exists and the role may open it (see `navigable`).
NAVIGATION = (
    NavEntry("board", OPERATIONS, mark("Board"), "/app/", "board"),
    NavEntry("stations", OPERATIONS, mark("Stations"), "/app/stations", "station", keeps=SITE),
    NavEntry("incidents", OPERATIONS, mark("Incidents"), "/app/incidents", "incidents", keeps=SITE),
    NavEntry("wall", OPERATIONS, mark("Incident wall"), "/app/wall", "wall"),
    NavEntry("handover", OPERATIONS, mark("Shift handover"), "/app/handover", "flag"),
    NavEntry("rollout", OPERATIONS, mark("Roll-out"), "/app/rollout", "restart"),
    NavEntry("maintenance", OPERATIONS, mark("Maintenance"), "/app/maintenance", "calendar",
             keeps=SITE),
    NavEntry("payments", OPERATIONS, mark("Find a payment"), "/app/payments", "search"),
    NavEntry("utilisation", ANALYSIS, mark("Utilisation"), "/app/utilisation", "utilisation",
             keeps=PAST),
    NavEntry("energy", ANALYSIS, mark("Energy and load"), "/app/energy", "energy", keeps=PAST),
    NavEntry("reliability", ANALYSIS, mark("Reliability"), "/app/reliability", "reliability",
             keeps=PAST | MONTHS),
    NavEntry("sessions", ANALYSIS, mark("Sessions"), "/app/sessions", "log", keeps=PAST),
    NavEntry("drivers", ANALYSIS, mark("Drivers"), "/app/drivers", "drivers", keeps=PAST),
    NavEntry("revenue", ANALYSIS, mark("Revenue"), "/app/revenue", "revenue", keeps=PAST),
    NavEntry("ledger", FINANCE, mark("Ledger"), "/app/ledger", "ledger", BOOKS, MONTHS),
    NavEntry("review", FINANCE, mark("To review"), "/app/review", "review", BOOKS),
    NavEntry("receipts", FINANCE, mark("Receipts, refunds"), "/app/receipts", "receipts", BOOKS),
    NavEntry("tariffs", FINANCE, mark("Prices"), "/app/tariffs", "tariffs", BOOKS),
    NavEntry("admin", SYSTEM, mark("Administration"), "/app/admin", "administration"),
    NavEntry("help", SYSTEM, mark("Help"), "/app/help/numbers", "help"),
)  # fmt: skip
COMMANDING = ("operator",)  # and admins, who may do everything


# the first part of each page's address -> the roles of the pages below it
_OPEN_TO: dict[str, list[frozenset[str]]] = {}


def may_open(href: str) -> bool:
    """Whether there is a page at an address below /app/ that the reader's role may open."""
    part = urlsplit(href).path.removeprefix("/app/").split("/")[0]
    found = _OPEN_TO.get(part, [])
    return any(not roles or current_user.has_role(*roles) for roles in found)


def navigable() -> list[NavEntry]:
    """The navigation of this reader."""
    return [entry for entry in NAVIGATION if may_open(entry.href)]


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

    def __post_init__(self) -> None:
        _OPEN_TO.setdefault(self.path.split("/")[1], []).append(self.roles)

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
    address = here()
    nav = navigation(navigable(), current_user.role, current, current_user.name, counts(),
                     filters_of(address))  # fmt: skip
    top = top_bar(heading, *(controls or []), path=address)
    return shell(nav, top, *body, words())


def filters_of(address: str) -> dict[str, str]:
    """What an address asks for, by name; the last one counts, and none is longer than sense."""
    asked = parse_qsl(urlsplit(address).query, max_num_fields=50)
    return {name: value for name, value in asked if len(value) <= 64}


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


def search_box(action: str, hint: str) -> Child:
    """A list's own search, which stands in its address; the one for everything is in the bar."""
    field = dcc.Input(
        filters_of(here()).get("q", ""), type="search", name="q", id="list-search",
        className="field search", autoComplete="off", placeholder=hint, maxLength=100,
    )  # fmt: skip
    return html.Form(field, action=action, method="get", role="search", **named(hint))


def spacer() -> html.Span:
    return html.Span(className="sp")


def named(label: str) -> dict[str, Any]:
    """What a screen reader calls an element that shows no heading of its own."""
    return {"aria-label": label}


def pick(key: str, label: str, options: Sequence[Child], **more: Any) -> html.Select:
    """A list that changes what the page shows; scripts keep it in step with the address."""
    return html.Select(list(options), id=key, className="ctl pick", **more, **named(label))


def may_command() -> bool:
    return bool(current_user.has_role(*COMMANDING))


def refused() -> Child:
    return error_state(t("You may not open this page"), t("Ask an administrator for the role."))


def command_button(label: str, icon_name: str, identity: Any, *, enabled: bool = True) -> Child:
    """A button that sends something to a station: locked while the view is not live."""
    hint = {} if may_command() else {"title": t("Your role may look, not act")}
    disabled = not (enabled and may_command())
    return button(label, icon_name, kind="act", id=identity, disabled=disabled, **hint)
