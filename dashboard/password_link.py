"""/password/<token>: where a person chooses a password, once, by a link an administrator gave."""

from datetime import UTC, datetime
from functools import partial

from flask import Blueprint, make_response, redirect, render_template, session
from flask_login import logout_user
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import PasswordField
from wtforms.validators import InputRequired, Length

from dashboard.admin import LONGEST_PASSWORD, SHORTEST_PASSWORD, use_link
from dashboard.deps import Deps
from dashboard.i18n import mark, t
from dashboard.login import EXPIRED
from dashboard.public.responses import harden

SHORT = mark("Choose a password of at least {n} characters.")
DIFFERENT = mark("The two passwords are not the same.")
GONE = mark("This link has been used, or is too old. Ask an administrator for a new one.")
LONGEST_TOKEN = 100


class PasswordForm(FlaskForm):  # type: ignore[misc]
    """The same password twice; the bounds keep argon2 from being fed megabytes."""

    password = PasswordField(validators=[InputRequired(), Length(max=LONGEST_PASSWORD)])
    again = PasswordField(validators=[InputRequired(), Length(max=LONGEST_PASSWORD)])


def create_blueprint(deps: Deps) -> Blueprint:
    routes = Blueprint("password_link", __name__, template_folder="public/templates")
    routes.after_request(harden)
    routes.add_url_rule("/password/<token>", "choose", _ask, methods=["GET"])
    routes.add_url_rule("/password/<token>", "set", partial(_set, deps), methods=["POST"])
    return routes


def _ask(token: str) -> Response:
    """Whether the link is good is told when it is used: who guesses learns nothing from asking."""
    return _page(token, PasswordForm())


def _set(deps: Deps, token: str) -> Response:
    form = PasswordForm()
    if not form.validate_on_submit():
        return _page(
            token, form, t(EXPIRED if form.csrf_token.errors else SHORT, n=SHORTEST_PASSWORD)
        )
    password = form.password.data or ""
    if len(password) < SHORTEST_PASSWORD:
        return _page(token, form, t(SHORT, n=SHORTEST_PASSWORD))
    if password != form.again.data:
        return _page(token, form, t(DIFFERENT))
    with deps.connection() as connection:
        email = use_link(connection, token[:LONGEST_TOKEN], password, datetime.now(UTC))
    if email is None:
        return _page(token, form, t(GONE), 410)
    logout_user()
    session.clear()
    return redirect("/login")


def _page(token: str, form: PasswordForm, problem: str = "", status: int = 0) -> Response:
    page = render_template(
        "password.html", form=form, token=token, problem=problem, least=SHORTEST_PASSWORD
    )
    response = make_response(page, status or (400 if problem else 200))
    response.headers["Cache-Control"] = "no-store"
    return response
