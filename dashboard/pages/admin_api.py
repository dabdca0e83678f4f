"""Tokens of programs that use the API: scopes, last use; shown once, revoked at once."""

from datetime import UTC, datetime
from typing import Any

from dash import Dash, html

from dashboard import admin, administration
from dashboard.components import Child, Column, empty_state, link, panel, table
from dashboard.data import Row
from dashboard.i18n import formatter, mark, t
from dashboard.pages.admin_form import (
    Done,
    Field,
    deeds_said,
    form,
    register_deeds,
    register_form,
    sure,
)
from dashboard.pages.admin_frame import ADMINS, admin_page, shaped, stamp
from dashboard.pages.frame import Page, title
from sql import fields
from sql.fields import read_form

KEY, DEEDS = "api-token-new", "api-token-deed"
SCOPES = {
    "read": mark("read"),
    "read,command": mark("read and command"),
    "command": mark("command"),
}
CHECKS: dict[str, fields.Check] = {"name": fields.plain(100), "scopes": fields.one_of(*SCOPES)}
ONCE = mark("Shown only now. Send it as Authorization: Bearer \u2026")


def layout(**_parameters: Any) -> Child:
    listed = panel(
        t("API tokens"),
        deeds_said(DEEDS),
        html.Div(listing(), id="api-tokens-listed"),
        right=[link(t("What the API can do"), "/api/v1/docs")],
    )
    return admin_page("api-tokens", [html.Div([listed, _new()], className="cols admin-cols")])


def listing() -> Child:
    columns = [
        Column(t("Name"), "ell"),
        Column(t("May")),
        Column(t("Made")),
        Column(t("Last used")),
        Column(t("State")),
        Column(""),
    ]
    rows = [_cells(row) for row in administration.rows("api_tokens")]
    nothing = empty_state(t("No API tokens"), t("Programs get in with one."))
    return table(t("API tokens"), columns, rows, empty=nothing)


def _cells(row: Row) -> list[Child]:
    form_, now = formatter(), datetime.now(UTC)
    revoked, name = row["revoked_at"], row["name"]
    back = sure(DEEDS, "revoke", row["api_token_id"], t("Revoke"), t("Revoke: {what}", what=name))
    return [
        name,
        ", ".join(t(SCOPES[scope]) for scope in row["scopes"] if scope in SCOPES),
        form_.date(row["created_at"], year=True),
        form_.since(row["last_used_at"], now) if row["last_used_at"] else t("never"),
        shaped("unavailable", t("Revoked {date}", date=stamp(revoked)))
        if revoked
        else shaped("available", t("Good")),
        "" if revoked else back,
    ]


def _new() -> Child:
    choices = [(value, t(word)) for value, word in SCOPES.items()]
    lines = [
        Field("name", t("Name"), hint=t("what it is for"), most=100),
        Field("scopes", t("May"), "read", choices=choices),
    ]
    inside = form(KEY, lines, t("Add"), note=t("It is shown once."))
    return panel(t("Add an API token"), html.Div(inside, className="pb"))


def add(values: dict[str, str], _about: Any) -> Done:
    """A new token; shown once."""
    said = read_form(values, CHECKS, needed=("name", "scopes"))
    token = administration.do(_add, said["name"], tuple(said["scopes"].split(",")))
    words = t("{name} is added.", name=said["name"])
    return Done(words, token, t(ONCE), listing(), {"scopes": "read"})


def _add(connection: Any, actor: str, name: str, scopes: tuple[str, ...]) -> str:
    return admin.add_api_token(connection, name, scopes, actor)


def press(_name: str, of: Any) -> Done:
    """Revoke: from now on it opens nothing."""
    gone = administration.do(admin.revoke_api_token, int(of), datetime.now(UTC))
    words = t("The token opens nothing any more.") if gone else t("Somebody was quicker.")
    return Done(words, listed=listing())


def register(staff: Dash) -> None:
    register_form(staff, KEY, add, listed="api-tokens-listed", roles=tuple(ADMINS))
    register_deeds(staff, DEEDS, press, "api-tokens-listed", roles=tuple(ADMINS))


PAGE = Page(
    "admin_api",
    "/admin/api-tokens",
    title(mark("API tokens")),
    layout,
    roles=ADMINS,
    register=register,
)
