"""The frame of every staff screen as Dash elements: navigation, top bar, banner of a lost feed."""

# ruff: noqa: A002 - `id` is what Dash calls it

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from dash import dcc, html

from dashboard.components import Child, aria, avatar, glyph, icon, segments
from dashboard.i18n import LANGUAGES, language, t, theme


@dataclass(frozen=True)
class NavEntry:
    """One page in the navigation. `roles` empty: every signed-in role sees it. `keeps` names the
    filters of an address that mean the same there."""

    key: str
    group: str
    label: str
    href: str
    icon: str
    roles: frozenset[str] = field(default_factory=frozenset)
    keeps: frozenset[str] = field(default_factory=frozenset)

    def open_to(self, role: str) -> bool:
        return not self.roles or role == "admin" or role in self.roles

    def with_filters(self, filters: Mapping[str, str]) -> str:
        """The address with those filters of the page before that mean something here."""
        kept = {name: filters[name] for name in filters if name in self.keeps}
        return f"{self.href}?{urlencode(kept)}" if kept else self.href


def top_bar(title: Child, *controls: Child, path: str = "/app/") -> html.Header:
    """Heading, the page's own controls, language and theme. `path` is where a switch returns."""
    switches = [search_field(), _languages(path), _theme_switch(path)]
    head = title if not isinstance(title, str) else html.H1(title)
    return html.Header([head, *controls, *switches], className="top")


def search_field() -> html.Form:
    """To anything by typing, on every page; assets/staff/search.js offers what fits meanwhile."""
    field = dcc.Input(
        type="search", name="q", id="search", className="field", autoComplete="off", maxLength=100,
        placeholder=t("Search: code, station, card, receipt"),
    )  # fmt: skip
    label = aria(label=t("Search everything"))
    key = html.Kbd("/", **aria(hidden="true"))
    words: dict[str, Any] = {"data-none": t("Nothing fits"), "data-all": t("All that fits")}
    return html.Form([icon("search"), field, key], action="/app/search", method="get",
                     role="search", className="global-search", **label, **words)  # fmt: skip


def _languages(path: str) -> html.Nav:
    back = quote(path, safe="/")
    choices = [
        (code.upper(), f"/choose?language={code}&next={back}", code == language())
        for code in LANGUAGES
    ]
    return segments(choices, t("Language"))


def _theme_switch(path: str) -> html.A:
    other = "light" if theme() == "dark" else "dark"
    label = t("Light theme") if other == "light" else t("Dark theme")
    href = f"/choose?theme={other}&next={quote(path, safe='/')}"
    named = aria(label=label)
    return html.A(icon("theme"), href=href, className="ctl icon ghost", title=label, **named)


def navigation(
    entries: Sequence[NavEntry], role: str, current: str, user_name: str, counts: dict[str, str],
    filters: Mapping[str, str] | None = None,
) -> html.Nav:  # fmt: skip
    """The pages a role may open, in their groups; `counts` puts a number beside a page, `filters`
    are those of the page one comes from."""
    brand = html.A([html.B(glyph("charging")), "Kilowatch"], href="/app/", className="brand")
    # narrow screens: assets/staff/shell.js folds everything behind it
    fold = html.Button([icon("log"), t("Menu")], id="nav-fold", className="ctl nav-fold",
                       type="button", **aria(expanded="false", controls="nav-pages"))  # fmt: skip
    pages = html.Div(
        [*_groups(entries, role, current, counts, filters or {}), _account(user_name)],
        className="nav-pages",
        id="nav-pages",
    )
    return html.Nav([brand, fold, pages], className="nav", **aria(label=t("Main navigation")))


def _groups(
    entries: Sequence[NavEntry], role: str, current: str, counts: dict[str, str],
    filters: Mapping[str, str],
) -> list[Child]:  # fmt: skip
    parts: list[Child] = []
    group = ""
    for entry in entries:
        if not entry.open_to(role):
            continue
        if entry.group != group:
            group = entry.group
            parts.append(html.H2(t(group)))
        href = entry.with_filters(filters)
        parts.append(_nav_link(entry, href, current, counts.get(entry.key, "")))
    return parts


def _account(user_name: str) -> html.Div:
    account = html.A(user_name, href="/account", className="crumb")
    return html.Div([avatar(user_name), account], className="who")


def _nav_link(entry: NavEntry, href: str, current: str, count: str) -> html.A:
    here = aria(current="page") if entry.key == current else {}
    number = html.Span(count, className="n", id=f"nav-{entry.key}-count")
    return html.A([icon(entry.icon), t(entry.label), number], className="to", href=href, **here)


def shell(
    nav: html.Nav,
    top: html.Header,
    *body: Child,
    id: str = "page",
) -> html.Div:
    """Navigation, top bar and page. Add `data-stale` to #main while the feed is lost."""
    banner = html.Div(id="stale-banner")
    main = html.Main(list(body), className="page", id=id, tabIndex=-1)
    skip = html.A(t("Skip to content"), href=f"#{id}", className="skip")
    return html.Div(
        [skip, nav, html.Div([banner, top, main], className="main", id="main")], className="shell"
    )
