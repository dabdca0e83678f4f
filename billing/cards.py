"""Drivers' saved cards: a page of Stripe's to save one on, and what came of it.

The dashboard writes a row of `card_setup`; here it gets its page. Stripe is asked what was saved
whenever a webhook names the page, and every minute while it is open.
"""

from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from billing.gateway import Seen
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("drivers")

PAGE_OPEN = timedelta(minutes=31)
LOOK_EVERY = timedelta(minutes=1)


def request_due(connection: Connection, public_url: str, now: datetime) -> None:
    """Ask Stripe for the pages that drivers wait for, and about those that are open."""
    with connection.transaction():
        for setup in queries.setups_to_ask(connection):
            _ask(connection, setup, public_url, now)
    for card_setup_id, driver_id, key in queries.setups_to_look_at(
        connection, since=now - LOOK_EVERY
    ):
        look_at(connection, card_setup_id, driver_id, key, now)


def _ask(connection: Connection, setup: Any, public_url: str, now: datetime) -> None:
    card_setup_id, driver_id, key, language, email = setup
    page = f"{public_url}/my/account"
    parameters = setup_parameters(str(key), driver_id, language, email, page)
    queries.ask_about_card(
        connection, driver_id=driver_id, card_setup_id=card_setup_id, call="setup",
        key=f"kw-{key}-setup", parameters=Jsonb(parameters), at=now,
    )  # fmt: skip


def setup_parameters(
    key: str, driver_id: int, language: str, email: str, page: str
) -> dict[str, Any]:
    """A page to save a card on, and the customer it is saved for."""
    about = {"card_setup": key, "driver": str(driver_id)}
    checkout = {
        "mode": "setup",
        "allowed_payment_method_types": ["card"],
        "locale": language,
        "metadata": about,
        "setup_intent_data": {"metadata": about},
        "success_url": f"{page}?card=saved",
        "cancel_url": page,
    }
    return {
        "checkout": checkout,
        "customer": {"email": email, "metadata": {"driver": str(driver_id)}},
        "customer_key": f"kw-driver-{driver_id}-customer",
    }


def look(connection: Connection, about: dict[str, Any], now: datetime) -> None:
    """Ask about the page that an object of Stripe's belongs to; others' are none of ours."""
    if (found := setup_of(connection, about)) is not None:
        look_at(connection, *found, now)


def setup_of(connection: Connection, about: dict[str, Any]) -> tuple[int, int, str] | None:
    """The page that an object of Stripe's belongs to: its number, the driver's, its key."""
    named = (about.get("metadata") or {}).get("card_setup")
    found = queries.setup_of_stripe(connection, key=str(named), checkout_id=str(about.get("id")))
    return None if found is None else (found[0], found[1], str(found[2]))


def look_at(
    connection: Connection, card_setup_id: int, driver_id: int, key: str, now: datetime
) -> None:
    """Ask Stripe what became of a page."""
    queries.look_at_card(
        connection, driver_id=driver_id, card_setup_id=card_setup_id,
        key=f"kw-{key}-card", at=now,
    )  # fmt: skip


def merge(
    connection: Connection, call: str, card_setup_id: int | None, seen: Seen, now: datetime
) -> None:
    """Take over what Stripe said of a page; a saved card replaces the one before, once."""
    if card_setup_id is None:
        return  # a card or a customer was forgotten
    driver_id = queries.lock_setup(connection, card_setup_id=card_setup_id)
    if call == "setup":
        queries.keep_customer(connection, driver_id=driver_id, customer_id=seen.customer_id)
    is_saved = seen.checkout_status == "complete" and seen.payment_method_id is not None
    changed = queries.setup_seen(
        connection, card_setup_id=card_setup_id, checkout_id=seen.checkout_id,
        checkout_url=seen.checkout_url, expires_at=seen.checkout_expires_at,
        status="complete" if is_saved else _status(seen), at=now,
    )  # fmt: skip
    if is_saved and changed:
        kept = queries.keep_card(
            connection, driver_id=driver_id, customer_id=seen.customer_id,
            payment_method_id=seen.payment_method_id, brand=seen.card_brand,
            last4=seen.card_last4, expires=seen.card_expires, card_setup_id=card_setup_id,
        )  # fmt: skip
        if not kept:  # a later page was quicker, or the account is gone
            _forget(connection, driver_id, str(seen.payment_method_id), now)


def _forget(connection: Connection, driver_id: int, method: str, now: datetime) -> None:
    queries.ask_about_card(
        connection, driver_id=driver_id, card_setup_id=None, call="detach",
        key=f"kw-detach-{method}", parameters=Jsonb({"payment_method": method}), at=now,
    )  # fmt: skip


def _status(seen: Seen) -> str:
    return "expired" if seen.checkout_status == "expired" else "open"


def refused(connection: Connection, call: str, card_setup_id: int | None, now: datetime) -> None:
    """No page: the driver reads that saving a card does not work now."""
    if call == "setup" and card_setup_id is not None:
        queries.setup_failed(connection, card_setup_id=card_setup_id, at=now)
