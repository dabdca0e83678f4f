"""What drivers press: pay, cancel, stop, report a fault. Rows for others to act on, never money.

Every answer is a redirect to the page that shows what came of it.
"""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
from flask import Blueprint, abort, make_response, redirect, render_template, request
from msgspec import Struct
from werkzeug.wrappers import Response as AnyResponse

from dashboard.deps import Deps
from dashboard.i18n import language
from dashboard.public import checkout, holds, payer
from dashboard.public.guard import not_too_often, own_page_only
from dashboard.public.network import Places
from dashboard.public.places import Evse
from dashboard.public.scan import Offer, read_offer
from dashboard.public.waiting import wait_for
from sql import DatabaseError
from sql.queries import load_queries

queries = load_queries("driver")
CHECKOUT_SECONDS = 10.0
PAGE_LIFE = timedelta(days=1)
FAULTS = ("cable", "screen", "blocked", "other")
TRIES = 5  # for a reference that nobody has


class Order(Struct, frozen=True):
    """What a driver agrees to pay at most, for what, at which price."""

    evse_key: int
    operator_id: int
    currency: str
    hold: int
    tariff_hash: str
    shown_at: datetime


def add_routes(routes: Blueprint, deps: Deps, places: Places) -> None:
    for name, view in (("pay", _pay), ("cancel", _cancel), ("stop", _stop), ("report", _report)):
        routes.add_url_rule(
            f"/e/<code>/{name}", name, partial(view, deps, places), methods=["POST"]
        )


def _evse(deps: Deps, places: Places, code: str) -> Evse:
    own_page_only(deps)
    return (places.evse(code) or abort(404))[1]


def _pay(deps: Deps, places: Places, code: str) -> AnyResponse:
    evse = _evse(deps, places, code)
    not_too_often(deps, "pay")
    if not deps.settings.stripe_api_key:
        return redirect(f"/e/{evse.code}?note=payment_service_down", 303)
    if running := _running(deps, evse):
        return redirect(f"/e/{evse.code}?paid={running}", 303)
    offer = read_offer(deps, evse.key)
    order = _order(offer, evse)
    if isinstance(order, str):
        return redirect(f"/e/{evse.code}?note={order}", 303)
    return _go(deps, evse, order)


def _running(deps: Deps, evse: Evse) -> str | None:
    owner = payer.owner_hash()
    if owner is None:
        return None
    with deps.pool.connection() as connection:
        found: str | None = queries.running_payment(connection, owner_hash=owner, evse_key=evse.key)
    return found


def _order(offer: Offer, evse: Evse) -> Order | str:
    """What is to be paid; else, before anything is held, the code of the note that says why not."""
    price, fingerprint = offer.price, offer.tariff_hash
    if not offer.is_open or price is None or fingerprint is None:
        return "not_startable"
    if request.form.get("tariff") != fingerprint:
        return "new_price"
    amount = holds.chosen(request.form.get("maximum", ""), price.currency)
    if amount is None:
        return "wrong_maximum"
    hold = holds.minor(amount, price.currency)
    shown_at = _shown_at(datetime.now(UTC))
    return Order(evse.key, offer.operator_id, price.currency, hold, fingerprint, shown_at)


def _shown_at(now: datetime) -> datetime:
    """When the page with the price was made, as it says itself; now if that makes no sense."""
    text = request.form.get("shown", "")
    if not (text.isascii() and text.isdecimal() and len(text) == 10):
        return now
    shown = datetime.fromtimestamp(int(text), UTC)
    return shown if now - PAGE_LIFE < shown < now else now


def _go(deps: Deps, evse: Evse, order: Order) -> AnyResponse:
    """To the checkout of an open payment like this one, else of a new one."""
    known = payer.secret() or payer.new_secret()
    response = _to_checkout(deps, evse, order, payer.owner_hash(known) or b"")
    return payer.remember(response, known, deps.settings.public_url)


def _to_checkout(deps: Deps, evse: Evse, order: Order, owner: bytes) -> AnyResponse:
    try:
        door = wait_for(
            deps, "payment", lambda: _payment(deps, order, owner), _door, CHECKOUT_SECONDS
        )
    except NotStartableError:
        return redirect(f"/e/{evse.code}?note=not_startable", 303)
    if door is None:
        return _give_up(deps, evse, owner)
    if door["checkout_url"] and door["state"] == "awaiting_payment":
        return checkout.go(deps.settings, door["checkout_url"])
    return redirect(f"/e/{evse.code}?back={door['reference']}", 303)


class NotStartableError(Exception):
    """Somebody else was quicker, or the charger has just gone out of reach."""


def _payment(deps: Deps, order: Order, owner: bytes) -> int:
    """The number of the one payment of this driver at this evse that may be paid."""
    now = datetime.now(UTC)
    with deps.transaction() as connection:
        queries.lock_payer(connection, owner_hash=owner, evse_key=order.evse_key)
        open_ones = queries.unpaid_payments(
            connection, owner_hash=owner, evse_key=order.evse_key, now=now
        )
        same = next((one for one in open_ones if _is_for(one, order)), None)
        others = [one["payment_id"] for one in open_ones if one is not same]
        queries.cancel_payments(connection, payment_ids=others, now=now)
        return int(same["payment_id"]) if same else _new(connection, order, owner, now)


def _is_for(payment: dict[str, Any], order: Order) -> bool:
    asked = (order.hold, order.currency, order.tariff_hash)
    return (payment["hold"], payment["currency"], payment["tariff_hash"]) == asked


def _new(connection: Any, order: Order, owner: bytes, now: datetime) -> int:
    for _ in range(TRIES):
        try:
            with connection.transaction():
                row = queries.add_payment(
                    connection, reference=payer.new_reference(), owner_hash=owner, now=now,
                    language=language(), evse_key=order.evse_key, operator_id=order.operator_id,
                    currency=order.currency, hold=order.hold, tariff_hash=order.tariff_hash,
                    shown_at=order.shown_at,
                )  # fmt: skip
        except psycopg.errors.UniqueViolation:
            continue
        if row is None:
            raise NotStartableError
        return int(row)
    raise DatabaseError("no reference is free for a new payment")


def _door(connection: Any, payment_id: int) -> dict[str, Any] | None:
    """The payment once it can be paid, or once it is certain that it can't."""
    row: dict[str, Any] = queries.payment_door(connection, payment_id=payment_id)
    return row if row["state"] != "created" or row["failure"] else None


def _give_up(deps: Deps, evse: Evse, owner: bytes) -> AnyResponse:
    """Nobody made a checkout in time: take the wish back, so that nothing is held later."""
    now = datetime.now(UTC)
    with deps.connection() as connection:
        waiting = queries.unpaid_payments(connection, owner_hash=owner, evse_key=evse.key, now=now)
        queries.cancel_payments(
            connection, payment_ids=[one["payment_id"] for one in waiting], now=now
        )
    back = f"?back={waiting[0]['reference']}" if waiting else ""
    return redirect(f"/e/{evse.code}{back}", 303)


def _cancel(deps: Deps, places: Places, code: str) -> AnyResponse:
    return _ask(deps, places, code, queries.cancel_own)


def _stop(deps: Deps, places: Places, code: str) -> AnyResponse:
    return _ask(deps, places, code, queries.stop_own)


def _ask(deps: Deps, places: Places, code: str, wish: Any) -> AnyResponse:
    """A wish about one's own payment; nobody else learns that there is one."""
    evse = _evse(deps, places, code)
    reference, owner = request.form.get("reference", ""), payer.owner_hash()
    if owner is None or not payer.REFERENCE.fullmatch(reference):
        abort(404)
    with deps.connection() as connection:
        named = {"owner_hash": owner, "reference": reference}
        if queries.is_own(connection, evse_key=evse.key, **named) is None:
            abort(404)
        wish(connection, now=datetime.now(UTC), **named)
    return redirect(f"/e/{evse.code}?paid={reference}", 303)


def _report(deps: Deps, places: Places, code: str) -> AnyResponse:
    evse = _evse(deps, places, code)
    not_too_often(deps, "report")
    kind = request.form.get("fault", "")
    if kind not in FAULTS:
        abort(400)
    said = request.form.get("note", "").replace("\0", "").strip()[:500] or None
    payment = payer.own_payment(deps, evse.key)
    with deps.connection() as connection:
        queries.report_fault(
            connection, evse_key=evse.key, kind=kind, note=said, now=datetime.now(UTC),
            payment_id=payment.payment_id if payment else None,
        )  # fmt: skip
    named = request.form.get("reference", "")
    paid = f"&paid={named}" if payer.REFERENCE.fullmatch(named) else ""
    return redirect(f"/e/{evse.code}?reported=1{paid}#help", 303)


def refusal(error: Any) -> AnyResponse:
    """403, 404, 429 and the like in a driver's words: nothing has happened to any money."""
    return make_response(render_template("refusal.html", status=error.code), error.code)
