"""POST /app/admin/import: a file to import becomes a row, which the job of ingest picks up.

The body is the file itself; what it is stands in the address. The token that proves that our page
sent it comes in a header, so that no other page can.
"""

import hashlib
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask_login import current_user
from flask_wtf.csrf import validate_csrf
from psycopg.types.json import Jsonb
from werkzeug.exceptions import RequestEntityTooLarge
from wtforms import ValidationError

from dashboard.administration import ACTING, queries
from dashboard.auth import require_role
from dashboard.data import deps
from dashboard.i18n import mark, t
from sql import fields
from sql.admin import audit
from sql.fields import Check, FieldError, FormError, read_form

MOST_BYTES = 50_000_000
FORMATS = ("csv", "nobil", "ocpi")
CHECKS: dict[str, Check] = {
    "kind": fields.one_of("stations", "sessions", "id_tokens"),
    "name": fields.plain(200),
    "format": fields.one_of(*FORMATS),
    "operator": fields.plain(200),
    "time_zone": fields.time_zone,
    "date_order": fields.one_of("dmy", "mdy"),
    "decimal": fields.one_of(".", ","),
    "source": fields.plain(100),
    "map": fields.plain(2000),
    "trial": fields.yes,
}
SETTINGS = ("format", "operator", "time_zone", "date_order", "decimal", "source", "map")
LARGE = mark("The file is larger than {n} MB.")
EMPTY = mark("The file is empty.")
STALE = mark("The page was open for too long. Load it anew.")
TWICE = mark("This file is being imported already.")


def create_blueprint() -> Blueprint:
    routes = Blueprint("import_upload", __name__)
    routes.add_url_rule("/app/admin/import", "upload", upload, methods=["POST"])
    return routes


@require_role(*ACTING)
def upload() -> Response:
    """Keep the file with what was said of it; errors by field."""
    try:
        validate_csrf(request.headers.get("X-CSRFToken", ""))
        said = read_form(request.args, CHECKS, needed=("kind", "name"))
        content = _body()
    except ValidationError:
        return _refused({"file": t(STALE)}, 400)
    except FormError as wrong:
        words = {name: _told(error) for name, error in wrong.errors.items()}
        return _refused({"file" if name == "name" else name: text for name, text in words.items()})
    except RequestEntityTooLarge:
        return _refused({"file": t(LARGE, n=MOST_BYTES // 1_000_000)}, 413)
    if not content:
        return _refused({"file": t(EMPTY)})
    request_id = _keep(said, content)
    if request_id is None:
        return _refused({"file": t(TWICE)}, 409)
    return jsonify(request_id=request_id)


def _body() -> bytes:
    request.max_content_length = MOST_BYTES  # also of a body that comes in chunks
    return request.get_data(cache=False)


def _keep(said: dict[str, Any], content: bytes) -> int | None:
    settings = {name: said[name] for name in SETTINGS if said[name]}
    settings.setdefault("time_zone", deps().settings.time_zone)
    about = {
        "kind": said["kind"], "file_name": said["name"], "is_trial": bool(said["trial"]),
        "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content),
    }  # fmt: skip
    with deps().transaction() as connection:
        found = queries.ask_import(
            connection, **about, content=content, settings=Jsonb(settings),
            requested_by=current_user.email,
        )  # fmt: skip
        if found is not None:
            after = {**about, **settings}
            audit(connection, current_user.email, "import.ask", f"import {found}", after=after)
    return found if found is None else int(found)


def _told(error: FieldError) -> str:
    return t("Must be {expected}.", expected=t(error.template, **error.values))


def _refused(errors: dict[str, str], status: int = 422) -> Response:
    response = jsonify(errors=errors)
    response.status_code = status
    return response
