"""Receipts behind their secret links, as a page, a PDF and by e-mail; and a phone's own charges."""

import hashlib
import re
from datetime import UTC, datetime
from functools import partial
from typing import Any

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request
from psycopg.types.json import Jsonb
from werkzeug.wrappers import Response as AnyResponse

from dashboard.deps import Deps
from dashboard.i18n import formatter, language
from dashboard.public import payer
from dashboard.public.charges import charges, month_of
from dashboard.public.guard import not_too_often, own_page_only
from dashboard.public.network import Places
from dashboard.public.papers import read_paper
from dashboard.public.waiting import wait_for
from sql.queries import load_queries

queries = load_queries("driver")
FILE_SECONDS = 15.0
PRIVATE = "private, no-store"
ADDRESS = re.compile(r"[^@\s,;<>\"\\]{1,64}@[^@\s,;<>\"\\]{1,185}\.[^@\s.,;<>\"\\]{2,}")


def add_routes(routes: Blueprint, deps: Deps, places: Places) -> None:
    routes.add_url_rule("/my", "my", partial(_my, deps))
    routes.add_url_rule("/receipt/<secret>", "receipt", partial(_receipt, deps))
    routes.add_url_rule("/receipt/<secret>/pdf", "receipt_pdf", partial(_pdf, deps))
    routes.add_url_rule(
        "/receipt/<secret>/email", "mail_receipt", partial(_mail, deps), methods=["POST"]
    )
    routes.add_url_rule(
        "/e/<code>/email", "mail_own", partial(_mail_own, deps, places), methods=["POST"]
    )


def _row(deps: Deps, secret: str) -> dict[str, Any]:
    with deps.connection() as connection:
        row: dict[str, Any] | None = queries.receipt_by_secret(connection, secret=secret)
    return row or abort(404)


def _receipt(deps: Deps, secret: str) -> AnyResponse:
    row = _row(deps, secret)
    paper = read_paper(row["document"])
    with deps.connection() as connection:
        credited = queries.credits_of(connection, receipt_id=row["receipt_id"])
    text = render_template(
        "receipt.html", row=row, paper=paper, credited=credited,
        form=formatter(paper.session.get("time_zone")), code=row["public_code"],
        mailed=request.args.get("mailed") == "1", late=request.args.get("late") == "1",
    )  # fmt: skip
    return _private(make_response(text))


def _private(response: Response) -> Response:
    """Whoever has the link may read it, but no search engine and no shared cache."""
    response.headers["Cache-Control"] = PRIVATE
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _pdf(deps: Deps, secret: str) -> AnyResponse:
    """The PDF is made by another process: papers never keep a web worker busy."""
    row = _row(deps, secret)
    not_too_often(deps, "file")
    wanted = {"receipt_id": row["receipt_id"], "language": language()}
    file = wait_for(deps, "file_done", lambda: _ask_for_pdf(deps, wanted), _finished, FILE_SECONDS)
    if file is None or file["content"] is None:
        return redirect(f"/receipt/{secret}?late=1", 303)
    response = Response(bytes(file["content"]), mimetype=file["media_type"] or "application/pdf")
    response.headers["Content-Disposition"] = f'attachment; filename="{row["shown_number"]}.pdf"'
    return _private(response)


def _ask_for_pdf(deps: Deps, wanted: dict[str, Any]) -> int:
    with deps.pool.connection() as connection:
        return int(queries.ask_for_file(connection, kind="receipt_pdf", parameters=Jsonb(wanted)))


def _finished(connection: Any, file_request_id: int) -> dict[str, Any] | None:
    row: dict[str, Any] | None = queries.finished_file(connection, file_request_id=file_request_id)
    return row


def _address() -> str:
    """The address of a form, 400 if no letter could get there."""
    address = request.form.get("email", "").strip()
    if len(address) > 254 or not address.isprintable() or not ADDRESS.fullmatch(address):
        abort(400)
    return address


def _mail(deps: Deps, secret: str) -> AnyResponse:
    own_page_only(deps)
    address, row = _address(), _row(deps, secret)
    not_too_often(deps, "mail")
    kind = "credit_note" if row["of_number"] else "receipt"
    _send(deps, row["receipt_id"], kind, address)
    return redirect(f"/receipt/{secret}?mailed=1#mail", 303)


def _mail_own(deps: Deps, places: Places, code: str) -> AnyResponse:
    """With a receipt it is sent; before there is one its address is kept with the payment."""
    own_page_only(deps)
    _, evse = places.evse(code) or abort(404)
    payment = payer.own_payment(deps, evse.key)
    if payment is None or payment.reference != request.form.get("reference"):
        abort(404)
    address = _address()
    not_too_often(deps, "mail")
    if payment.receipt_id:
        _send(deps, payment.receipt_id, "receipt", address)
    with deps.connection() as connection:
        queries.set_email(
            connection, email=address, reference=payment.reference, owner_hash=payer.owner_hash()
        )
    return redirect(f"/e/{evse.code}?paid={payment.reference}&mailed=1#mail", 303)


def _send(deps: Deps, receipt_id: int, kind: str, address: str) -> None:
    digest = hashlib.sha256(address.lower().encode()).hexdigest()[:20]
    with deps.connection() as connection:
        queries.ask_for_mail(
            connection, recipient=address, kind=kind, language=language(),
            parameters=Jsonb({"receipt_id": receipt_id}), key=f"{kind}:{receipt_id}:{digest}",
        )  # fmt: skip


def _my(deps: Deps) -> AnyResponse:
    """What was paid for from this phone: the cookie is all that is known of it."""
    owner, now = payer.owner_hash(), datetime.now(UTC)
    rows: list[dict[str, Any]] = []
    if owner:
        with deps.connection() as connection:
            rows = queries.payments_of(connection, owner_hash=owner)
    form = formatter()
    found = charges(rows, form, now)
    text = render_template(
        "my.html", form=form, now=now, charges=found, month=month_of(rows, form, now)
    )
    return _private(make_response(text))
