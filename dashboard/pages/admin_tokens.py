"""Id tokens: searched by how they begin, added, blocked, opened again."""

from typing import Any

from dash import Dash, html

from dashboard import administration, data
from dashboard.components import Child, Column, empty_state, link, panel, segments, table
from dashboard.data import Row
from dashboard.i18n import formatter, mark, t
from dashboard.pages.admin_form import (
    Done,
    Field,
    deed,
    deeds_said,
    form,
    register_deeds,
    register_form,
)
from dashboard.pages.admin_frame import READERS, acts, admin_page, asked, more_link, shaped
from dashboard.pages.frame import Page, search_box, title
from sql import fields
from sql.admin import tokens
from sql.fields import read_form

KEY, DEEDS = "token-new", "token-deed"
STATUS_WORDS = {
    "Accepted": (mark("Accepted"), "available"),
    "Blocked": (mark("Blocked"), "unavailable"),
    "Expired": (mark("Expired"), "unavailable"),
    "Invalid": (mark("Invalid"), "faulted"),
}


def layout(**parameters: Any) -> Child:
    q, after = asked(parameters, "q", 255), asked(parameters, "after", 255)
    status = asked(parameters, "status")
    status = status if status in STATUS_WORDS else ""
    path = "/app/admin/tokens"
    choices = [(t("All"), path, not status)] + [
        (t(word), f"{path}?status={name}", name == status)
        for name, (word, _) in STATUS_WORDS.items()
        if name in ("Accepted", "Blocked")
    ]
    right = [segments(choices, t("Status")), search_box(path, t("Begins with"))]
    listed = panel(
        t("Id tokens"),
        deeds_said(DEEDS),
        html.Div(listing(q, status, after), id="tokens-listed"),
        right=right,
    )
    body = html.Div([listed, _new()], className="cols admin-cols") if acts() else listed
    return admin_page("tokens", [body])


def listing(q: str = "", status: str = "", after: str = "") -> Child:
    rows, last = administration.page_of("tokens", after, "id_token", q=q, wanted=status)
    columns = [
        Column(t("Token")),
        Column(t("Status")),
        Column(t("Good until")),
        Column(t("Group")),
        Column(t("Of"), "ell"),
        Column(""),
    ]
    nothing = empty_state(t("No id tokens"), t("Nothing that begins like that.") if q else "")
    return html.Div(
        [
            table(t("Id tokens"), columns, [_cells(row) for row in rows], empty=nothing),
            more_link("/app/admin/tokens", {"q": q, "status": status}, last.lower()),
        ]
    )


def _cells(row: Row) -> list[Child]:
    name, status = row["id_token"], row["status"]
    word, shape = STATUS_WORDS[status]
    several = [html.Span(t("several at once"), className="chip")] if row["is_concurrent"] else []
    return [
        html.Span([html.Span(name, className="mono"), *several]),
        shaped(shape, t(word)),
        formatter().date(row["expires_at"], year=True) if row["expires_at"] else "",
        row["parent_id_token"] or "",
        row["driver"] or row["company"] or "",
        _button(name, status) if acts() else "",
    ]


def _button(name: str, status: str) -> Child:
    if status == "Blocked":
        return deed(DEEDS, "unblock", name, t("Open again"), t("Open {name} again", name=name))
    return deed(DEEDS, "block", name, t("Block"), t("Block {name}", name=name))


def _new() -> Child:
    inside = form(
        KEY,
        [
            Field("id_token", t("Token"), hint="04A1B2C3D4", most=255),
            Field("parent", t("Group"), hint=t("empty: none"), most=255),
            Field("expires_at", t("Good until"), hint="2027-01-31", most=10),
            Field(
                "status",
                t("Status"),
                "Accepted",
                choices=[
                    (name, t(word))
                    for name, (word, _) in STATUS_WORDS.items()
                    if name in ("Accepted", "Blocked")
                ],
            ),
            Field(
                "concurrent",
                t("Vehicles"),
                "no",
                choices=[("no", t("one at a time")), ("yes", t("several at once"))],
            ),
        ],
        t("Save"),
        note=t("A token that is there is changed."),
    )
    bring = link(t("Import a file"), "/app/admin/imports?kind=id_tokens")
    return panel(t("Add an id token"), html.Div(inside, className="pb"), right=[bring])


def save(values: dict[str, str], _about: Any) -> Done:
    """Add a token, or change it."""
    checks: dict[str, fields.Check] = {
        **tokens.CHECKS,
        "concurrent": fields.yes,
        "expires_at": fields.last_day(data.deps().settings.zone),
    }
    said = read_form(values, checks, needed=("id_token", "status"))
    administration.do(
        tokens.put_token,
        said["id_token"],
        said["status"],
        said["parent"],
        concurrent=bool(said["concurrent"]),
        expires_at=said["expires_at"],
    )
    kept = {"status": "Accepted", "concurrent": "no"}
    return Done(t("{name} is saved.", name=said["id_token"]), listed=listing(), values=kept)


def press(name: str, of: Any) -> Done:
    """Block a token, open it again; sessions that run go on."""
    work = tokens.block_token if name == "block" else tokens.unblock_token
    administration.do(work, str(of))
    words = t("{name} is blocked.") if name == "block" else t("{name} is accepted again.")
    return Done(words.format(name=of), listed=listing(q=str(of)))


def register(staff: Dash) -> None:
    register_form(staff, KEY, save, listed="tokens-listed")
    register_deeds(staff, DEEDS, press, "tokens-listed")


PAGE = Page(
    "admin_tokens",
    "/admin/tokens",
    title(mark("Id tokens")),
    layout,
    roles=READERS,
    register=register,
)
