"""People: who may sign in, in which role; one-time links, new passwords, and who is let out."""

from datetime import UTC, datetime
from typing import Any

from dash import Dash, html
from flask import request

from dashboard import admin, administration
from dashboard.auth import ROLES
from dashboard.components import Child, Column, panel, table
from dashboard.data import Row, deps
from dashboard.i18n import formatter, mark, t
from dashboard.login import ROLE_WORDS
from dashboard.pages.admin_form import (
    Done,
    Field,
    deed,
    deeds_said,
    form,
    register_deeds,
    register_form,
    sure,
)
from dashboard.pages.admin_frame import ADMINS, admin_page, shaped, stamp
from dashboard.pages.frame import Page, title
from sql import fields
from sql.admin.passwords import new_password
from sql.fields import read_form

KEY, CHANGE, DEEDS = "user-new", "user-kept", "user-deed"
WAYS = {"link": mark("one-time link"), "password": mark("password")}
ONCE_LINK = mark("Shown only now, good once and until {until}: send it to {email}.")
ONCE_PASSWORD = mark("Password of {email}, shown only now.")


def layout(**_parameters: Any) -> Child:
    listed = panel(t("Users"), deeds_said(DEEDS), html.Div(listing(), id="users-listed"))
    side = html.Div([_new(), _change()], className="stack")
    return admin_page("users", [html.Div([listed, side], className="cols admin-cols")])


def listing() -> Child:
    columns = [
        Column(t("User"), "ell"), Column(t("Role")), Column(t("State")),
        Column(t("Last signed in")), Column(""),
    ]  # fmt: skip
    return table(t("Users"), columns, [_cells(row) for row in administration.rows("users")])


def _cells(row: Row) -> list[Child]:
    seen = row["last_login_at"]
    return [
        html.Div([html.Div(row["name"]), html.Div(row["email"], className="mut")], className="two"),
        t(ROLE_WORDS[row["role"]]),
        _state(row),
        formatter().since(seen, datetime.now(UTC)) if seen else "\u2013",
        html.Span(_buttons(row), className="row-deeds"),
    ]


def _state(row: Row) -> Child:
    if not row["is_active"]:
        return shaped("unavailable", t("Deactivated"))
    if row["link_until"]:
        return shaped("preparing", t("Link until {date}", date=formatter().date(row["link_until"])))
    return shaped("available", t("Active"))


def _buttons(row: Row) -> list[Child]:
    of, name = row["user_id"], row["name"]
    if not row["is_active"]:
        return [deed(DEEDS, "activate", of, t("Activate"), t("Activate {name}", name=name))]
    return [
        deed(DEEDS, "link", of, t("New link"), t("A new link for {name}", name=name)),
        sure(DEEDS, "password", of, t("New password"), t("New password of {name}", name=name)),
        sure(DEEDS, "deactivate", of, t("Deactivate"), t("Deactivate {name}", name=name)),
    ]


def _role(value: str = "operator") -> Field:
    return Field("role", t("Role"), value, choices=[(name, t(ROLE_WORDS[name])) for name in ROLES])


def _new() -> Child:
    inside = form(
        KEY,
        [
            Field("email", t("E-mail address"), hint="alice@example.org", most=254),
            Field("name", t("Name"), most=100),
            _role(),
            Field(
                "way", t("Gets a"), "link", choices=[(way, t(word)) for way, word in WAYS.items()]
            ),
        ],
        t("Add"),
    )
    return panel(t("Add a user"), html.Div(inside, className="pb"))


def _change() -> Child:
    people = [row["email"] for row in administration.rows("users")]
    inside = form(
        CHANGE,
        [
            Field("email", t("E-mail address"), most=254, suggestions=people),
            Field("name", t("Name"), hint=t("empty: as it is"), most=100),
            _role(),
        ],
        t("Save"),
        note=t("A changed role takes effect at once."),
    )
    return panel(t("Change a role"), html.Div(inside, className="pb"))


def add(values: dict[str, str], _about: Any) -> Done:
    """Let somebody in, by a link that is good once or by a generated password."""
    person = read_form(values, admin.PERSON, needed=("email", "role"))
    person["name"] = person["name"] or person["email"].partition("@")[0]
    way = fields.one_of(*WAYS)("way", values.get("way", ""))
    password = new_password() if way == "password" else None
    user_id = administration.do(admin.add_user, person, password)
    words = t("{name} is added.", name=person["name"])
    kept = {"role": "operator", "way": way}
    if password:
        return _password(words, person["email"], password, kept)
    return _link(words, user_id, person["email"], kept)


def change(values: dict[str, str], _about: Any) -> Done:
    """Another role, or another name, for whoever has the address."""
    said = read_form(values, admin.PERSON, needed=("email", "role"))
    found = [
        row
        for row in administration.rows("users")
        if row["email"].casefold() == said["email"].casefold()
    ]
    if not found:
        raise fields.FieldError("email", said["email"], "the address of an account that is there")
    changes = {name: said[name] for name in ("name", "role") if said[name]}
    who = administration.do(admin.change_user, found[0]["user_id"], changes)
    words = t("{name} is now: {role}.", name=who["name"], role=t(ROLE_WORDS[who["role"]]))
    return Done(words, listed=listing(), values={"role": said["role"]})


def press(name: str, of: Any) -> Done:
    """A new link, a new password, out, in again."""
    user_id = int(of)
    if name in ("activate", "deactivate"):
        is_active = name == "activate"
        who = administration.do(admin.change_user, user_id, {"is_active": is_active})
        words = (
            t("{name} may sign in again.")
            if is_active
            else t("{name} is out, everywhere and at once.")
        )
        return Done(words.format(name=who["name"]), listed=listing())
    if name == "password":
        password = new_password()
        email = administration.do(admin.reset_password, user_id, password)
        return _password(t("{email} is signed out everywhere.", email=email), email, password)
    email = next((r["email"] for r in administration.rows("users") if r["user_id"] == user_id), "")
    return _link(
        t("A link for {email} is made; older ones are good no more.", email=email), user_id, email
    )


def _password(words: str, email: str, password: str, kept: dict[str, str] | None = None) -> Done:
    return Done(words, password, t(ONCE_PASSWORD, email=email), listing(), kept)


def _link(words: str, user_id: int, email: str, kept: dict[str, str] | None = None) -> Done:
    now = datetime.now(UTC)
    token = administration.do(admin.make_link, user_id, now)
    base = (deps().settings.public_url or request.host_url).rstrip("/")
    until = stamp(now + admin.LINK_GOOD_FOR)
    told = t(ONCE_LINK, until=until, email=email)
    return Done(words, f"{base}/password/{token}", told, listing(), kept)


def register(staff: Dash) -> None:
    register_form(staff, KEY, add, listed="users-listed", roles=tuple(ADMINS))
    register_form(staff, CHANGE, change, listed="users-listed", roles=tuple(ADMINS))
    register_deeds(staff, DEEDS, press, "users-listed", roles=tuple(ADMINS))


PAGE = Page(
    "admin_users", "/admin/users", title(mark("Users")), layout, roles=ADMINS, register=register
)
