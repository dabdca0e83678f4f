"""The shapes of the staff screens as Dash elements; their looks are in assets/staff.css.

Builders take plain values and finished words: they format nothing and know no database. An `id`
gives the parts that tick ids of their own (`<id>-value`, `<id>-detail`), so that a live update
changes text or a class name and never rebuilds a page.
"""

# ruff: noqa: A002 - `id` is what Dash calls it

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from dash import html

from dashboard.i18n import t
from dashboard.meanings import MEANINGS, address
from dashboard.states import state_word

Child = Any  # a Dash component, a text, or a list of these


def aria(**attributes: str) -> dict[str, Any]:
    """aria-* attributes, which Python cannot spell as keyword arguments."""
    return {f"aria-{name}": value for name, value in attributes.items()}


@dataclass(frozen=True)
class Column:
    """`kind`: "" text, "num" right-aligned figure, "ell" the one fluid column that ends in …"""

    label: str
    kind: str = ""


def _id(name: str | None, part: str = "") -> dict[str, Any]:
    return {"id": name + part} if name else {}


def glyph(state: str, size: int | None = None, **more: Any) -> html.I:
    """The shape of a state in its colour. The word that belongs to it stands beside it."""
    style = {"width": size, "height": size} if size else {}
    return html.I(className=f"g st-{state}", style=style, **aria(hidden="true"), **more)


def icon(name: str) -> html.I:
    """An icon of assets/icons/ui.svg in the colour of the text."""
    return html.I(className=f"i i-{name}", **aria(hidden="true"))


def badge(
    state: str, words: str | None = None, *, boxed: bool = False, id: str | None = None
) -> html.Span:
    """Shape and words of a state; boxed (tinted) only in headers."""
    classes = f"bd st-{state}" + (" box" if boxed else "")
    text = html.Span(state_word(state) if words is None else words, **_id(id, "-words"))
    return html.Span([glyph(state), text], className=classes, **_id(id))


def glyphs(states: Sequence[str], at_most: int = 4) -> html.Span:
    """The evses of a station as shapes; more than `at_most` equal ones become "shape x n"."""
    label = ", ".join(state_word(state) for state in states)
    if len(states) > at_most and len(set(states)) == 1:
        shapes: list[Child] = [glyph(states[0], 11), html.Span(f"\u00d7 {len(states)}")]
    else:
        shapes = [glyph(state, 11) for state in states]
    return html.Span(shapes, className="glyphs", role="img", **aria(label=label))


def button(label: str, icon_name: str = "", *, kind: str = "", **more: Any) -> html.Button:
    """`kind`: "" plain, "pri" the one main action, "ghost", "dng" dangerous, "act" a command."""
    parts = [icon(icon_name)] if icon_name else []
    return html.Button([*parts, label], className=f"ctl {kind}".strip(), type="button", **more)


def link(label: str, href: str, icon_name: str = "", *, kind: str = "ghost") -> html.A:
    """A link that looks like a control."""
    parts = [icon(icon_name)] if icon_name else []
    return html.A([*parts, label], href=href, className=f"ctl {kind}".strip())


def segments(choices: Iterable[tuple[str, str, bool]], label: str) -> html.Nav:
    """A row of alternatives as links: (text, address, chosen?)."""
    links = [
        html.A(text, href=href, **(aria(current="true") if on else {}))
        for text, href, on in choices
    ]
    return html.Nav(links, className="seg", **aria(label=label))


def panel(
    title: str,
    *body: Child,
    sub: Child = "",
    right: Sequence[Child] = (),
    kind: str = "",
    id: str | None = None,
) -> html.Section:
    """A framed part of a page. `sub` says how much or since when; `right` holds its controls."""
    subtitle = html.Span(sub, className="sub", **_id(id, "-sub"))
    head = html.Div([html.H2(title), subtitle, html.Span(className="sp"), *right], className="ph")
    return html.Section(
        [head, *body], className=f"panel {kind}".strip(), **_id(id), **aria(label=title)
    )


def figure_tile(  # noqa: PLR0913 - all of them shape one tile
    label: Child,
    value: Child,
    detail: Child = "",
    *,
    unit: str = "",
    href: str | None = None,
    kind: str = "",
    hint: str = "",
    help: str = "",
    id: str | None = None,
) -> Child:
    """One big number, its small unit, a smaller comparison. With `href` all of the tile leads
    there; `help` is the figure's key in dashboard/meanings.py, `hint` a tip of its own."""
    shown: list[Child] = [html.Span(value, **_id(id, "-value"))]
    if unit:
        shown.append(html.Small(unit, **_id(id, "-unit")))
    parts = [
        _tile_label(label, href, help),
        html.Div(shown, className="v"),
        html.Div(detail, className="d", **_id(id, "-detail")),
    ]
    more: dict[str, Any] = {"title": hint} if hint else {}
    return html.Div(parts, className=f"fig {kind}".strip(), **more, **_id(id))


def _tile_label(label: Child, href: str | None, help: str) -> html.Div:
    """The link lies over the tile by its style, so that the mark beside it is no part of it."""
    parts = [html.A(label, href=href, className="over") if href else label]
    if help:
        parts.append(help_mark(help))
    return html.Div(parts, className="l")


def help_mark(key: str) -> html.Button:
    """The "?" of a figure of dashboard/meanings.py: what it means, how it is computed, and the way
    to its section of the help. assets/staff/help.js opens it; any page may put it anywhere."""
    one = MEANINGS[key]
    told: dict[str, Any] = {
        "data-name": t(one.name), "data-meaning": t(one.meaning), "data-computed": t(one.computed),
        "data-href": address(key), "data-more": t("All about this figure"),
    }  # fmt: skip
    label = aria(label=t("What does {figure} mean?", figure=t(one.name)), haspopup="dialog")
    return html.Button("?", type="button", className="help", **told, **label)


def trio_tile(
    label: Child,
    counts: Sequence[tuple[str, str]],
    detail: Child = "",
    *,
    help: str = "",
    id: str | None = None,
) -> html.Div:
    """Three counts with the shapes of their states, ids `<id>-<state>`."""
    values = [
        html.Span(
            [glyph(state), html.Span(count, title=state_word(state), **_id(id, f"-{state}"))],
            className="v",
        )
        for state, count in counts
    ]
    parts = [_tile_label(label, None, help), html.Div(values, className="trio")]
    parts.append(html.Div(detail, className="d", **_id(id, "-detail")))
    return html.Div(parts, className="fig", **_id(id))


def live_tile(day: str, clock: str, id: str = "live") -> html.Div:
    """The first cell: is this view live, and of when."""
    word = html.Span(t("Live"), id=f"{id}-word")
    live = html.Span([html.I(className="dot"), word], className="live")
    parts = [
        html.Div(day, className="l"),
        html.Div(live, className="v"),
        html.Div(clock, className="d", id=f"{id}-clock"),
    ]
    return html.Div(parts, className="fig", id=id, role="status")


def figure_strip(tiles: Sequence[Child], *, id: str | None = None) -> html.Section:
    """The figures of a page in their order of meaning."""
    label = aria(label=t("Key figures"))
    return html.Section(list(tiles), className="panel figs", **_id(id), **label)


@dataclass(frozen=True)
class Incident:
    """One incident in finished words. `state` is the shape that explains it; `harm` and `age`
    are pairs of a figure and the small line below it."""

    state: str
    title: str
    cause: str
    href: str
    next_step: str = ""
    harm: tuple[str, str] = ("", "")
    age: tuple[str, str] = ("", "")
    owner: str | None = None
    critical: bool = False


def incident_row(incident: Incident) -> html.Li:
    """What happened, why, what to do | harm | age and severity | owner's avatar."""
    words = [html.Div(incident.title, className="t"), html.Div(incident.cause, className="c")]
    if incident.next_step:
        words.append(html.Div([html.B(t("Next")), html.Span(incident.next_step)], className="nx"))
    pairs = [
        html.Div([html.B(a), html.Span(b)], className="h") for a, b in (incident.harm, incident.age)
    ]
    cells = [glyph(incident.state, 15), html.Div(words), *pairs, avatar(incident.owner)]
    classes = "inc crit" if incident.critical else "inc"
    return html.Li(html.A(cells, className=classes, href=incident.href))


def avatar(name: str | None) -> html.Span:
    """Initials of a person; a dashed ring when nobody has taken it."""
    if not name:
        return html.Span("\u2013", className="av none", title=t("Nobody yet"))
    initials = "".join(word[0] for word in name.replace("@", " ").split()[:2]).upper()
    return html.Span(initials, className="av", title=name)


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Child]],
    *,
    foot: Sequence[Child] = (),
    empty: Child = None,
    id: str | None = None,
) -> html.Div:
    """A plain table with a caption for screen readers; `empty` is shown instead of no rows."""
    head = [html.Th(c.label, scope="col", className=c.kind) for c in columns]
    body = html.Tbody([_row(columns, row) for row in rows], **_id(id, "-body"))
    parts = [html.Caption(caption), html.Thead(html.Tr(head)), body]
    if foot:
        parts.append(html.Tfoot(_row(columns, foot)))
    shown = [html.Table(parts, className="tbl")]
    if not rows and empty is not None:
        shown.append(empty)
    return html.Div(shown, className="wide", **_id(id))


def _row(columns: Sequence[Column], cells: Sequence[Child]) -> html.Tr:
    pairs = zip(columns, cells, strict=True)
    return html.Tr([html.Td(cell, className=column.kind) for column, cell in pairs])


def empty_state(title: str, checked: str = "") -> html.Div:
    """Nothing to show, and that is known: what was looked for and when."""
    parts = [html.P(title, className="strong"), html.P(checked)]
    return html.Div([glyph("finished", 18), *parts], className="note")


def error_state(title: str, reason: str, *, retry_href: str | None = None) -> html.Div:
    """Something could not be read: what, why, and a way to try again."""
    parts = [glyph("derated", 18), html.P(title, className="strong"), html.P(reason)]
    if retry_href:
        parts.append(link(t("Try again"), retry_href, "restart", kind=""))
    return html.Div(parts, className="note", role="alert")


def loading_state(rows: int = 3) -> html.Div:
    """Grey bones while rows are read; they show only after 300 ms."""
    bones = [html.I(className="bone", style={"width": f"{90 - 15 * i}%"}) for i in range(rows)]
    return html.Div(bones, className="note", **aria(busy="true", label=t("Loading")))


def command_trail(
    title: str,
    steps: Sequence[tuple[str, str, str]],
    *,
    who: str = "",
    id: str | None = None,
) -> html.Div:
    """sent -> accepted -> proven. Steps are (kind, words, time); kind: ok, wait, todo or bad."""
    parts: list[Child] = [html.Span(title, className="strong")]
    if who:
        parts.append(html.Span(who, className="mut"))
    parts += [_step(*step) for step in steps]
    return html.Div(parts, className="trail", **_id(id))


def _step(kind: str, words: str, when: str) -> html.Span:
    shape = [glyph("faulted")] if kind == "bad" else []
    return html.Span([*shape, words, html.Time(when)], className=f"step {kind}")


def facts(pairs: Iterable[tuple[str, Child]]) -> html.Dl:
    """Label and value, line by line."""
    return html.Dl([part for k, v in pairs for part in (html.Dt(k), html.Dd(v))], className="kv")


def legend(counts: Iterable[tuple[str, str]]) -> html.Div:
    """State, word and count, for the foot of a map or chart."""
    items = [
        html.Span([glyph(state), html.Span(state_word(state), className="mut"), html.B(count)])
        for state, count in counts
    ]
    return html.Div(items, className="legend")
