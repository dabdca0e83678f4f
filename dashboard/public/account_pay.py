"""The page behind the link in a mail that asks for money: /my/pay/<secret>, without signing in."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from flask import Blueprint, abort, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from dashboard.deps import Deps
from dashboard.i18n import formatter
from dashboard.public import checkout
from dashboard.public.guard import not_too_often, own_page_only
from dashboard.public.waiting import wait_for
from sql.queries import load_queries

queries = load_queries("account")
PAGE_SECONDS = 10.0


def add_routes(routes: Blueprint, deps: Deps) -> None:
    routes.add_url_rule("/my/pay/<secret>", "pay", partial(_show, deps))
    routes.add_url_rule("/my/pay/<secret>", "pay_now", partial(_pay, deps), methods=["POST"])


def _row(deps: Deps, secret: str) -> dict[str, Any]:
    with deps.connection() as connection:
        row: dict[str, Any] | None = queries.payment_to_pay(connection, secret=secret)
    return row or abort(404)


def _show(deps: Deps, secret: str) -> AnyResponse:
    row = _row(deps, secret)
    is_due = row["state"] == "receivable"
    waits = is_due and request.args.get("paid") == "1"
    text = render_template(
        "account/pay.html", row=row, is_due=is_due, waits=waits, secret=secret,
        form=formatter(row["time_zone"] or None), said=request.args.get("said", ""),
    )  # fmt: skip
    page = make_response(text)
    page.headers["Cache-Control"] = "private, no-store"
    page.headers["Content-Security-Policy"] = checkout.policy(deps.settings)
    return page


def _pay(deps: Deps, secret: str) -> AnyResponse:
    """To the page of Stripe's on which it is paid: the one that is open, or a new one."""
    own_page_only(deps)
    not_too_often(deps, "pay")
    payment_id = _row(deps, secret)["payment_id"]
    page = None
    if deps.settings.stripe_api_key:
        page = wait_for(deps, "payment", lambda: _ask(deps, payment_id), _made, PAGE_SECONDS)
    if page is None:
        return redirect(f"/my/pay/{secret}?said=no_page", 303)
    return checkout.go(deps.settings, page) if page else redirect(f"/my/pay/{secret}", 303)


def _ask(deps: Deps, payment_id: int) -> int:
    with deps.connection() as connection:
        queries.ask_to_pay(connection, payment_id=payment_id, now=datetime.now(UTC))
    return payment_id


def _made(connection: Any, payment_id: int) -> str | None:
    """The page's address; nothing to pay any more: an empty one."""
    row = queries.pay_page(connection, payment_id=payment_id, now=datetime.now(UTC))
    address: str | None = row["url"]
    return address if row["state"] == "receivable" else ""
