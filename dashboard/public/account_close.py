"""Deleting an account: everything personal goes, what the books need stays without a name."""

from datetime import UTC, datetime
from functools import partial

from flask import Blueprint, make_response, redirect, render_template
from werkzeug.wrappers import Response as AnyResponse

from dashboard.deps import Deps
from dashboard.public.account_login import Driver, driver_of, posting, signed_out
from sql.queries import load_queries

queries = load_queries("account")


def add_routes(routes: Blueprint, deps: Deps) -> None:
    routes.add_url_rule("/my/close", "close", partial(_ask, deps))
    routes.add_url_rule("/my/close", "close_now", partial(_close, deps), methods=["POST"])


def _ask(deps: Deps) -> AnyResponse:
    driver = driver_of(deps)
    if driver is None:
        return redirect("/my/login", 303)
    with deps.connection() as connection:
        is_open = queries.open_business(connection, driver_id=driver.driver_id)
    return _page(is_open, False)


def _page(is_open: bool, done: bool) -> AnyResponse:
    page = make_response(render_template("account/close.html", is_open=is_open, done=done))
    page.headers["Cache-Control"] = "private, no-store"
    return page


def _close(deps: Deps) -> AnyResponse:
    driver = posting(deps)
    if not _forget(deps, driver):
        return redirect("/my/close", 303)
    return signed_out(_page(False, True))


def _forget(deps: Deps, driver: Driver) -> bool:
    """Not while something is going on: a charge under way, a debt."""
    named = {"driver_id": driver.driver_id}
    with deps.transaction() as connection:
        queries.lock_driver(connection, **named)
        if queries.open_business(connection, **named):
            return False
        customer_id = queries.customer_of(connection, **named)
        queries.forget_driver(
            connection, email=driver.email, customer_id=customer_id, now=datetime.now(UTC), **named
        )
    return True
