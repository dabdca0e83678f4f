"""/app/file/<id>: a finished file, to the one who asked for it; small things that pages ask."""

from flask import Blueprint, Response, abort, jsonify, request
from flask_login import current_user

from dashboard import books, finance_requests, payment_search
from dashboard.auth import require_role


def create_blueprint() -> Blueprint:
    """What the finance pages fetch beside Dash. Files are forgotten after a day."""
    routes = Blueprint("files", __name__)

    @routes.get("/app/file/<int:file_id>")
    @require_role(*books.READING)
    def file(file_id: int) -> Response:
        row = finance_requests.read_file(file_id) if file_id < 2**63 else None
        if row is None:
            abort(404)
        response = Response(bytes(row["content"]), mimetype=row["media_type"])
        response.headers["Content-Disposition"] = disposition(row["file_name"])
        response.headers["Cache-Control"] = "private, no-store"
        return response

    @routes.get("/app/payments/costs")
    @require_role()
    def costs() -> Response:
        wanted = [int(word) for word in request.args.get("ids", "").split(",")[:50]
                  if word.isdecimal() and len(word) < 19]  # fmt: skip
        return jsonify(payment_search.costs(wanted))

    @routes.get("/app/review/count")
    @require_role()
    def count() -> Response:
        if not current_user.has_role(*books.READING):
            return Response("", mimetype="text/plain")
        return Response(shown_count(books.count_open()), mimetype="text/plain")

    return routes


def shown_count(count: int) -> str:
    """A number beside a page in the navigation; nothing when there is nothing to do."""
    return str(count) if count else ""


def disposition(name: str) -> str:
    """A download under this name; names are ours, but a header never trusts one."""
    plain = "".join(c for c in name if c.isascii() and (c.isalnum() or c in "-_. "))
    return f'attachment; filename="{plain}"'
