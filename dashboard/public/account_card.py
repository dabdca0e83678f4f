"""Saving, replacing and removing the card; its number is told to Stripe alone."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from flask import Blueprint, redirect
from werkzeug.wrappers import Response as AnyResponse

from dashboard.deps import Deps
from dashboard.i18n import language
from dashboard.public import checkout
from dashboard.public.account_login import Driver, posting
from dashboard.public.guard import not_too_often
from dashboard.public.waiting import wait_for
from sql.queries import load_queries

queries = load_queries("account")
PAGE_SECONDS = 10.0


def add_routes(routes: Blueprint, deps: Deps) -> None:
    routes.add_url_rule("/my/card", "card", partial(_save, deps), methods=["POST"])
    routes.add_url_rule("/my/card/remove", "remove_card", partial(_remove, deps), methods=["POST"])


def _save(deps: Deps) -> AnyResponse:
    """To the page of Stripe's on which a card is saved."""
    driver = posting(deps)
    not_too_often(deps, "card")
    if not deps.settings.stripe_api_key:
        return redirect("/my/account?said=no_card_page", 303)
    page = wait_for(deps, "card_setup", lambda: _ask(deps, driver), _made, PAGE_SECONDS)
    if page is None or page["status"] != "open":
        return redirect("/my/account?said=no_card_page", 303)
    return checkout.go(deps.settings, page["checkout_url"])


def _ask(deps: Deps, driver: Driver) -> int:
    with deps.transaction() as connection:
        queries.lock_driver(connection, driver_id=driver.driver_id)
        number: int = queries.ask_for_card(
            connection, driver_id=driver.driver_id, language=language(), now=datetime.now(UTC)
        )
    return number


def _made(connection: Any, card_setup_id: int) -> dict[str, Any] | None:
    row: dict[str, Any] = queries.card_page(connection, card_setup_id=card_setup_id)
    return None if row["status"] == "asked" else row


def _remove(deps: Deps) -> AnyResponse:
    driver = posting(deps)
    with deps.connection() as connection:
        queries.remove_card(connection, driver_id=driver.driver_id)
    return redirect("/my/account?said=card_removed", 303)
