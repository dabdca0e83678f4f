"""The audit log: who did what to whom and when; the filter stands in the address."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from dash import dcc, html

from dashboard import administration
from dashboard.components import Child, Column, empty_state, link, panel, table
from dashboard.data import Row, deps
from dashboard.digits import BIGINT, whole
from dashboard.downloads import Download, Table
from dashboard.i18n import formatter, mark, t
from dashboard.pages.admin_frame import ADMINS, admin_page, asked, filters
from dashboard.pages.frame import Page, title
from dashboard.periods import midnight

PATH = "/app/admin/audit"


@dataclass(frozen=True)
class Filter:
    """What the address asks for; what makes no sense asks for nothing."""

    who: str = ""
    what: str = ""
    whom: str = ""
    first: date | None = None
    last: date | None = None

    @property
    def query(self) -> dict[str, str]:
        parts = {
            "who": self.who,
            "what": self.what,
            "whom": self.whom,
            "from": self.first,
            "until": self.last,
        }
        return {name: str(value) for name, value in parts.items() if value}

    @property
    def parameters(self) -> dict[str, Any]:
        """For the query: the whole of the last day counts."""
        zone = deps().settings.zone
        return {
            "who": self.who,
            "what": self.what,
            "whom": self.whom,
            "since": midnight(self.first, zone) if self.first else None,
            "until": midnight(self.last + timedelta(days=1), zone) if self.last else None,
        }


def read_filter(parameters: Mapping[str, Any]) -> Filter:
    """Days that are upside down are turned round."""
    given = dict(parameters)
    first, last = _day(given.get("from")), _day(given.get("until"))
    if first and last and last < first:
        first, last = last, first
    return Filter(asked(given, "who", 254), asked(given, "what"), asked(given, "whom"), first, last)


def _day(text: Any) -> date | None:
    try:
        found = date.fromisoformat(str(text or ""))
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2199 else None


def layout(**parameters: Any) -> Child:
    wanted = read_filter(parameters)
    cursor = read_cursor(asked(parameters, "after"))
    rows = administration.rows(
        "audit_log",
        **wanted.parameters,
        cursor_at=cursor[0],
        cursor_id=cursor[1],
        limit=administration.PAGE_ROWS + 1,
    )
    shown = rows[: administration.PAGE_ROWS]
    columns = [
        Column(t("When")),
        Column(t("Who")),
        Column(t("What")),
        Column(t("Whom")),
        Column(t("Before and after"), "ell wrap"),
    ]
    nothing = empty_state(t("Nothing was written down"), t("Not with this filter."))
    body = table(t("Audit log"), columns, [_cells(row) for row in shown], empty=nothing)
    csv = link("CSV", f"/app/download/audit.csv?{urlencode(wanted.query)}", "download")
    parts = [_filters(wanted), body, _more(wanted, shown, len(rows) > len(shown))]
    return admin_page("audit", [panel(t("Audit log"), *parts, right=[csv])])


def _more(wanted: Filter, shown: list[Row], goes_on: bool) -> Child:
    if not goes_on:
        return None
    last = shown[-1]
    after = f"{last['at'].isoformat()} {last['audit_id']}"
    href = f"{PATH}?{urlencode({**wanted.query, 'after': after})}"
    return html.Div(link(t("Older"), href, kind=""), className="more")


def read_cursor(text: str) -> tuple[datetime | None, int | None]:
    """Where a page goes on; from the newest line where that makes no sense."""
    at, _, number = text.partition(" ")
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        return None, None
    audit_id = whole(number, BIGINT)
    return (None, None) if found.tzinfo is None or audit_id is None else (found, audit_id)


def _filters(wanted: Filter) -> Child:
    who = [row["actor"] for row in administration.rows("audit_actors")]
    what = [row["action"] for row in administration.rows("audit_actions")]
    entries = [
        _entry("who", t("Who"), wanted.who, who),
        _entry("what", t("What"), wanted.what, what),
        _entry("whom", t("Whom"), wanted.whom, []),
        _entry("from", t("From"), str(wanted.first or ""), [], "2026-11-01"),
        _entry("until", t("Until"), str(wanted.last or ""), [], "2026-11-30"),
    ]
    return filters(PATH, entries, t("Show"))


def _entry(name: str, label: str, value: str, known: list[str], hint: str = "") -> Child:
    listed: dict[str, Any] = {"list": f"audit-{name}-list"} if known else {}
    field = dcc.Input(
        value,
        name=name,
        id=f"audit-{name}",
        className="field",
        maxLength=254,
        placeholder=hint,
        autoComplete="off",
        **listed,
    )
    options = [html.Datalist([html.Option(value=text) for text in known], id=f"audit-{name}-list")]
    return html.Span([html.Label([html.Span(label), field]), *(options if known else [])])


def _cells(row: Row) -> list[Child]:
    return [
        formatter().stamp(row["at"]),
        html.A(row["actor"], href=f"{PATH}?{urlencode({'who': row['actor']})}"),
        html.A(
            row["action"], href=f"{PATH}?{urlencode({'what': row['action']})}", className="mono"
        ),
        row["subject"] or "",
        html.Span(changes(row["detail"]), className="mut"),
    ]


def changes(detail: dict[str, Any]) -> str:
    """One line: what was, an arrow, what is; other details as they are."""
    before, after = detail.get("before"), detail.get("after")
    if not isinstance(before or {}, dict) or not isinstance(after or {}, dict):
        return _value(detail)
    before, after = before or {}, after or {}
    parts = [
        f"{name}: {_value(before.get(name))} \u2192 {_value(after.get(name))}"
        if before
        else f"{name}: {_value(after.get(name))}"
        for name in {**before, **after}
    ]
    others = [
        f"{name}: {_value(value)}"
        for name, value in detail.items()
        if name not in ("before", "after") and value not in (None, {}, "")
    ]
    return "; ".join([*parts, *others])[:1000]


def _value(value: Any) -> str:
    if value is None:
        return "\u2013"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def read_file(parameters: Mapping[str, str]) -> Table:
    """The same lines as a file, all of them."""
    wanted = read_filter(parameters)
    header = [t("When"), t("Who"), t("What"), t("Whom"), t("Detail")]
    rows = administration.audit_pages(wanted.parameters)
    cells = (
        [
            row["at"],
            row["actor"],
            row["action"],
            row["subject"],
            json.dumps(row["detail"], ensure_ascii=False, sort_keys=True),
        ]
        for row in rows
    )
    return Table("audit-log", header, cells)


DOWNLOAD = Download(read_file, ADMINS)
PAGE = Page("admin_audit", "/admin/audit", title(mark("Audit log")), layout, roles=ADMINS)
