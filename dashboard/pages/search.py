"""All that fits a search: by kind, each with the ways on; and what can be searched for."""

from typing import Any

from dash import Dash, html
from flask import Response, jsonify, request

from dashboard.auth import require_role
from dashboard.components import Child, empty_state, glyph, icon, link, panel
from dashboard.i18n import mark, t, tn
from dashboard.pages import search_hits as hits
from dashboard.pages.frame import Page, frame, live_stamp, spacer, title
from dashboard.pages.search_hits import KINDS, Hit

EXAMPLES = (
    (mark("the code on the evse"), "K7-9T1X"),
    (mark("station, site or town"), "Jönköping"),
    (mark("card\u2019s last four, amount and time"), "4242 142,91 14:30"),
    (mark("amount and time, without a card"), "142,91 14:30"),
    (mark("receipt"), "2026-004182"),
    (mark("payment reference"), "F4KE-7Q"),
    (mark("session, transaction or incident"), "#4711"),
    (mark("id token"), "04A2B3"),
)


def layout(q: str = "", **_parts: Any) -> Child:
    """What fits `q`, and for nothing what one may type."""
    text = str(q)[:100].strip()
    found = hits.hits(text) if text else []
    body: list[Child] = [_of_kind(kind, found) for kind in KINDS if _some(kind, found)]
    if text and not found:
        nothing = empty_state(t("Nothing fits {text}", text=text),
                              t("What your role may not open is not searched."))  # fmt: skip
        body.append(html.Section(nothing, className="panel"))
    count = tn("{n} hit", "{n} hits", len(found)) if found else ""
    head = t("Search: {text}", text=text) if text else t("Search")
    controls = [html.Span(count, className="mut", role="status"), spacer(), live_stamp()]
    return frame("search", head, [*body, _examples()], controls)


def _some(kind: str, found: list[Hit]) -> list[Hit]:
    return [hit for hit in found if hit.kind == kind]


def _of_kind(kind: str, found: list[Hit]) -> Child:
    some = _some(kind, found)
    more = t("the first {n}", n=len(some)) if len(some) >= hits.LISTED else str(len(some))
    return panel(t(KINDS[kind][0]), html.Ul([_line(hit) for hit in some], className="hits"),
                 sub=more)  # fmt: skip


def _line(hit: Hit) -> Child:
    shape = glyph(hit.shape) if hit.shape else icon(KINDS[hit.kind][1])
    ways = [link(words, href, kind="") for words, href in hit.ways]
    return html.Li(
        [shape, html.A(hit.label, href=hit.href, className="hit"),
         html.Span(hit.detail, className="detail"), html.Span(ways, className="ways")]
    )  # fmt: skip


def _examples() -> Child:
    shown = [
        html.Span([f"{t(words)}: ", html.Span(example, className="mono")])
        for words, example in EXAMPLES
    ]
    return panel(t("What can be searched for"), html.Div(shown, className="search-again"))


def register(staff: Dash) -> None:
    """What fits while somebody types, as JSON: no callback, for it must not wait behind others."""

    @require_role()
    def suggest() -> Response:
        return jsonify(hits.suggestions(request.args.get("q", "")))

    staff.server.add_url_rule("/app/search/suggest", "suggest", suggest)


PAGE = Page("search", "/search", title(mark("Search")), layout, register=register)
