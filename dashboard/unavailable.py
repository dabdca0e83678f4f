"""While the database does not answer: 503 and clear words instead of an error; pages that were
asked for come back by themselves."""

import logging

import psycopg
from flask import Flask, Response, current_app, request

from dashboard.i18n import language, t, theme
from sql import DatabaseError

log = logging.getLogger(__name__)
RETRY_SECONDS = 5
REASONS = (psycopg.OperationalError, psycopg.InterfaceError, DatabaseError)


def install(app: Flask) -> None:
    """For every view that has no answer of its own to a database that is gone (the API has)."""
    for reason in REASONS:
        app.register_error_handler(reason, unavailable)


def unavailable(error: Exception) -> Response:
    """A page for people, one line for scripts."""
    log.warning("no answer to %s %s: %s", request.method, request.path, _line(error))
    wants_page = request.accept_mimetypes.accept_html and "/_dash-" not in request.path
    response = _page() if wants_page else _words()
    response.status_code = 503
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    response.headers["Cache-Control"] = "no-store"
    return response


def _page() -> Response:
    """Rendered past Flask's context: who is signed in would have to be read. Only what may be asked
    twice is asked again."""
    again = RETRY_SECONDS if request.method == "GET" else 0
    here = request.full_path.rstrip("?") if again else "/"
    template = current_app.jinja_env.get_template("unavailable.html")
    return Response(
        template.render(t=t, language=language(), theme=theme(), again=again, here=here),
        mimetype="text/html",
    )


def _words() -> Response:
    return Response("the database does not answer, try again later\n", mimetype="text/plain")


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
