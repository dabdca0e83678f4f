"""The frame of every staff screen as Dash elements: navigation, top bar, banner of a lost feed."""

# ruff: noqa: A002 - `id` is what Dash calls it

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from dash import html

from dashboard.components import Child, aria, avatar, glyph, icon, segments
from dashboard.i18n import LANGUAGES, language, t, theme


@dataclass(frozen=True)
class NavEntry:
    """One page in the navigation. `roles` empty: every signed-in role sees it."""

    key: str
    group: str
    label: str
    href: str
    icon: str
    roles: frozenset[str] = field(default_factory=frozenset)

    def open_to(self, role: str) -> bool:
        return not self.roles or role == "admin" or role in self.roles


def top_bar(title: Child, *controls: Child, path: str = "/app/") -> html.Header:
    """Heading, the page's own controls, language and theme. `path` is where a switch returns."""
    switches = [_languages(path), _theme_switch(path)]
    head = title if not isinstance(title, str) else html.H1(title)
    return html.Header([head, *controls, *switches], className="top")


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
    entries: Sequence[NavEntry], role: str, current: str, user_name: str, counts: dict[str, str]
) -> html.Nav:
    """The pages a role may open, in their groups; `counts` puts a number beside a page."""
    parts: list[Child] = [
        html.A([html.B(glyph("charging")), "Kilowatch"], href="/app/", className="brand")
    ]
    group = ""
    for entry in entries:
        if not entry.open_to(role):
            continue
        if entry.group != group:
            group = entry.group
            parts.append(html.H2(t(group)))
        parts.append(_nav_link(entry, current, counts.get(entry.key, "")))
    account = html.A(user_name, href="/account", className="crumb")
    parts.append(html.Div([avatar(user_name), account], className="who"))
    return html.Nav(parts, className="nav", **aria(label=t("Main navigation")))


def _nav_link(entry: NavEntry, current: str, count: str) -> html.A:
    here = aria(current="page") if entry.key == current else {}
    number = html.Span(count, className="n", id=f"nav-{entry.key}-count")
    return html.A(
        [icon(entry.icon), t(entry.label), number], className="to", href=entry.href, **here
    )


def shell(
    nav: html.Nav,
    top: html.Header,
    *body: Child,
    id: str = "page",
) -> html.Div:
    """Navigation, top bar and page. Add `data-stale` to #main while the feed is lost."""
    banner = html.Div(id="stale-banner")
    main = html.Main(list(body), className="page", id=id)
    skip = html.A(t("Skip to content"), href=f"#{id}", className="skip")
    return html.Div(
        [skip, nav, html.Div([banner, top, main], className="main", id="main")], className="shell"
    )


def stale_banner(clock: str) -> html.Div:
    """Shown while the live feed is lost: of when the view is, and that nothing is lost."""
    words = t("Stations keep working and nothing is lost. Commands are locked until it is live.")
    title = t("View is from {time}, not live", time=clock)
    return html.Div([title, html.Span(words)], className="banner", role="alert")
