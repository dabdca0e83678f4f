"""Signing in and out, the account page, and the switches of language and theme."""

from functools import partial
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, abort, make_response, redirect, render_template, request, session
from flask_login import current_user, login_user, logout_user
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from dashboard.auth import Throttled, audit, check_password, end_sessions, own_path
from dashboard.deps import Deps
from dashboard.i18n import LANGUAGE_COOKIE, LANGUAGES, THEME_COOKIE, THEMES, mark, t
from dashboard.public.responses import harden

YEAR = 365 * 24 * 3600
START = "/app/"
WRONG = mark("E-mail address and password do not belong together.")
SLOW = mark("Too many attempts. Wait a quarter of an hour, or ask an administrator.")
ROLE_WORDS = {
    "operator": mark("Control room"),
    "manager": mark("Manager"),
    "finance": mark("Finance"),
    "admin": mark("Administrator"),
}
EXPIRED = mark("The page was open for too long. Try again.")


class LoginForm(FlaskForm):  # type: ignore[misc]
    """The bounds keep argon2 from being fed megabytes."""

    email = StringField(validators=[InputRequired(), Length(max=254)])
    password = PasswordField(validators=[InputRequired(), Length(max=1000)])


class Confirmation(FlaskForm):  # type: ignore[misc]
    """A button: nothing but the token that proves it was pressed on our page."""


def create_blueprint(deps: Deps) -> Blueprint:
    """/login, /logout, /account and /choose."""
    routes = Blueprint("login", __name__, template_folder="public/templates")
    secure = deps.settings.public_url.startswith("https:")
    routes.after_request(harden)
    routes.add_url_rule("/login", "login", _login, methods=["GET"])
    routes.add_url_rule("/login", "log_in", partial(_log_in, deps), methods=["POST"])
    routes.add_url_rule("/logout", "log_out", partial(_log_out, deps), methods=["POST"])
    routes.add_url_rule("/account", "account", _account, methods=["GET"])
    routes.add_url_rule("/choose", "choose", partial(_choose, secure), methods=["GET"])
    return routes


def _login() -> Response:
    if current_user.is_authenticated:
        return redirect(own_path(request.args.get("next"), START))
    return _login_page(LoginForm())


def _account() -> Response:
    if not current_user.is_authenticated:
        return redirect("/login?next=/account")
    return make_response(
        render_template("account.html", form=Confirmation(), role_words=ROLE_WORDS)
    )


def _log_out(deps: Deps) -> Response:
    if not Confirmation().validate_on_submit():
        abort(400)
    if current_user.is_authenticated:
        audit(deps, current_user.email, "logout", current_user.email)
        end_sessions(deps, current_user)
    logout_user()
    session.clear()
    return redirect("/login")


def _log_in(deps: Deps) -> Response:
    form = LoginForm()
    if not form.validate_on_submit():
        return _login_page(form, EXPIRED if form.csrf_token.errors else WRONG, 400)
    email, password = (form.email.data or "").strip(), form.password.data or ""
    try:
        user = check_password(deps, email, password, request.remote_addr or "")
    except Throttled:
        return _login_page(form, SLOW, 429)
    if user is None:
        return _login_page(form, WRONG, 401)
    session.clear()
    session.permanent = True
    login_user(user)
    return redirect(own_path(request.args.get("next"), START))


def _login_page(form: LoginForm, problem: str = "", status: int = 200) -> Response:
    following = own_path(request.args.get("next"), "")
    page = render_template(
        "login.html", form=form, problem=problem and t(problem), following=following
    )
    response = make_response(page, status)
    response.headers["Cache-Control"] = "no-store"
    return response


def _choose(secure: bool) -> Response:
    """Remember a language or a theme and go back to where the reader was."""
    came_from = urlsplit(request.referrer or "")
    back = came_from.path if came_from.netloc == request.host else "/"
    response = redirect(own_path(request.args.get("next"), own_path(back, "/")))
    kept: dict[str, Any] = {"max_age": YEAR, "samesite": "Lax", "secure": secure, "httponly": True}
    if request.args.get("language") in LANGUAGES:
        response.set_cookie(LANGUAGE_COOKIE, request.args["language"], **kept)
    if request.args.get("theme") in THEMES:
        response.set_cookie(THEME_COOKIE, request.args["theme"], **kept)
    return response
