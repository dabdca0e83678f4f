"""Help: what every figure means and how it is computed, from docs/, with an anchor per section."""

from typing import Any

from dash import dcc, html

from dashboard import documents
from dashboard.components import Child, error_state, panel
from dashboard.documents import Section
from dashboard.i18n import mark, t
from dashboard.pages.frame import Page, frame, named, spacer, title

FIRST = "numbers"
TAGS = {2: html.H2, 3: html.H3, 4: html.H4}


def layout(name: str = "", **_parts: Any) -> Child:
    """A document; the one about the figures when none is named."""
    parts = documents.read(name or FIRST)
    if not parts:
        note = error_state(t("There is no help page of that name"), t("The others are here."),
                           retry_href=f"/app/help/{FIRST}")  # fmt: skip
        return frame("help", t("Help"), [html.Section(note, className="panel"), _others("")])
    text = html.Article([_drawn(part) for part in parts if part.level != 1], id="help-document",
                        className="panel document", lang="en")  # fmt: skip
    lead = [part.body for part in parts if part.level == 1]
    if lead:
        text.children.insert(0, dcc.Markdown(lead[0]))
    columns = [text, html.Div([_contents(parts), _others(name or FIRST)], className="stack side")]
    return frame("help", parts[0].heading or t("Help"),
                 [html.Div(columns, className="cols help-page")], [spacer()])  # fmt: skip


def _drawn(part: Section) -> Child:
    """A section under its own address."""
    head = TAGS[part.level](part.heading, id=part.key) if part.level in TAGS else None
    return html.Section([head, dcc.Markdown(part.body)])


def _contents(parts: tuple[Section, ...]) -> Child:
    links = [
        html.Li(html.A(part.heading, href=f"#{part.key}"), className=f"level-{part.level}")
        for part in parts
        if part.level in (2, 3)
    ]
    label = named(t("On this page"))
    return panel(t("On this page"), html.Nav(html.Ul(links, className="contents"), **label))


def _others(shown: str) -> Child:
    """The documents beside it, by their own titles."""
    links = [
        html.Li(html.A(documents.read(name)[0].heading or name, href=f"/app/help/{name}"))
        for name in documents.names()
        if name != shown and documents.read(name)
    ]
    return panel(t("More help"), html.Ul(links, className="contents"))


PAGE = Page("help", "/help", title(mark("Help")), layout, path_template="/help/<name>")
