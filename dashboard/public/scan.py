"""The page of one evse, `/e/<code>`: the charger to strangers, the charge to its payer."""

from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from flask import make_response, redirect, render_template, request
from msgspec import Struct
from werkzeug.wrappers import Response as AnyResponse

from dashboard.deps import Deps
from dashboard.format import Format
from dashboard.i18n import formatter
from dashboard.public import checkout, holds, sums, words
from dashboard.public.curve import power_curve
from dashboard.public.faces import RUNNING, Payment, face_of, is_shown
from dashboard.public.network import Places
from dashboard.public.notes import note_on
from dashboard.public.payer import curve_points, own_payment
from dashboard.public.places import Evse, Place, bare_code, nearest_free
from dashboard.public.price import Price, read_price
from dashboard.public.states import state_of
from dashboard.public.trail import failed_trail, review_trail
from sql.queries import load_queries

queries = load_queries("driver")
SUGGESTIONS = 3
PRIVATE = "private, no-store"


class Offer(Struct, frozen=True):
    """Whether an evse can be started now (`why` not, else None) and what it would cost."""

    why: str | None
    cable_in: bool
    tariff_hash: str | None
    operator_id: int
    price: Price | None

    @property
    def is_open(self) -> bool:
        return self.why is None and self.price is not None and not self.price.is_free


def read_offer(deps: Deps, evse_key: int) -> Offer:
    """The offer as of now, straight from the database: money is asked for on its word."""
    with deps.connection() as connection:
        row = queries.offer(connection, evse_key=evse_key)
    if row is None:  # gone since the places were read
        return Offer("unavailable", False, None, 0, None)
    text = row["document"]
    return Offer(
        row["why"], bool(row["cable_in"]), row["tariff_hash"], row["operator_id"],
        read_price(text) if text else None,
    )  # fmt: skip


def scan(deps: Deps, places: Places, code: str) -> AnyResponse:
    """GET /e/<code>."""
    found = places.evse(code)
    if found is None:
        return wrong_code(places, code)
    place, evse = found
    if code != evse.code:
        query = request.query_string.decode()
        return redirect(f"/e/{evse.code}" + (f"?{query}" if query else ""))
    return page(deps, places, place, evse)


def wrong_code(places: Places, code: str) -> AnyResponse:
    codes = places.codes()
    close = get_close_matches(bare_code(code), codes, SUGGESTIONS, cutoff=0.7)
    example = next(iter(codes.values()), "AB-1234")
    text = render_template(
        "wrong_code.html", code=code[:20], example=example, near=[codes[one] for one in close]
    )
    return make_response(text, 404)


def page(deps: Deps, places: Places, place: Place, evse: Evse) -> AnyResponse:
    """The page for whoever asks: their own charge if there is one to show, else the charger."""
    now, form = datetime.now(UTC), formatter(place.zone)
    payment = own_payment(deps, evse.key)
    face = None
    if payment and _shows(payment, now):
        face = face_of(payment, now, came_back_paid=request.args.get("paid") == payment.reference)
    values: dict[str, Any] = {
        "form": form, "now": now, "place": place, "evse": evse,
        "others": nearest_free(places.all(), place, evse, 1 + SUGGESTIONS),
        "prices": places.prices(), "reported": request.args.get("reported") == "1",
    }  # fmt: skip
    if payment and face:
        values |= _mine(deps, payment, form, now) | {"face": face}
    else:
        values |= _charger(deps, place, evse, payment, form) | {"note": note_on(payment, now)}
    text = render_template("pass.html" if face else "evse.html", **values)
    response = make_response(text)
    response.headers["Content-Security-Policy"] = checkout.policy(deps.settings)
    if payment:
        response.headers["Cache-Control"] = PRIVATE
    return response


def _shows(payment: Payment, now: datetime) -> bool:
    if payment.state in RUNNING:
        return True
    if request.args.get("new") == "1" or "note" in request.args:
        return False
    named = payment.reference in (request.args.get("paid"), request.args.get("back"))
    return is_shown(payment, now, named)


def _charger(
    deps: Deps, place: Place, evse: Evse, payment: Payment | None, form: Format
) -> dict[str, Any]:
    offer, state = read_offer(deps, evse.key), state_of(evse, place)
    kind = state.kind
    if offer.why is None or offer.why == "no_price":
        kind = "free"
    elif kind == "free":  # somebody is paying, or it went out of reach since the places were read
        kind = "unknown" if offer.why == "offline" else "busy"
    price = offer.price
    return {
        "offer": offer, "state": state, "kind": kind, "price": price, "payment": payment,
        "can_pay": bool(deps.settings.stripe_api_key) and offer.is_open,
        "choices": _choices(price) if price else [], "chosen": _chosen(payment, price),
        **(_price_words(price, form) if price else {}),
    }  # fmt: skip


def _choices(price: Price) -> list[tuple[int, str, int | None]]:
    """(whole units, minor units, kWh until the stop) of each maximum."""
    currency = price.currency
    return [
        (one, holds.minor(one, currency), price.kwh_for(one))  # type: ignore[misc]
        for one in holds.choices(currency)
    ]


def _chosen(payment: Payment | None, price: Price | None) -> int:
    """The maximum that is marked: what the driver chose the last time, else the middle one."""
    if price is None:
        return 0
    before = {holds.minor(one, price.currency): one for one in holds.choices(price.currency)}
    known = payment and payment.currency == price.currency and before.get(payment.hold)
    return known or holds.proposed(price.currency)


def _price_words(price: Price, form: Format) -> dict[str, Any]:
    return {
        "big_price": words.big_rate(form, price.per_kwh, price.currency),
        "example": words.example(form, price), "range": words.range_words(form),
        "small_print": words.small_print(form, price),
    }  # fmt: skip


def _mine(deps: Deps, payment: Payment, form: Format, now: datetime) -> dict[str, Any]:
    """What the faces of one's own payment show."""
    price = _frozen_price(deps, payment)
    begun = payment.started_at
    seconds = ((payment.ended_at or now) - begun).total_seconds() if begun else 0.0
    until = payment.quarantined_until
    return {
        "payment": payment, "price": price, "seconds": seconds,
        "curve": power_curve(curve_points(deps, payment, now), seconds),
        "failed_trail": failed_trail, "review_trail": review_trail,
        "until": words.day(form, until) if until else "",
        "mailed": request.args.get("mailed") == "1",
        "money_facts": sums.money_facts(payment, form),
        "receipt_rows": sums.receipt_rows(payment, form),
        "warned_text": sums.warned_text(payment, price, form),
        "staying_text": sums.staying_text(payment, price, form),
    }  # fmt: skip


def _frozen_price(deps: Deps, payment: Payment) -> Price | None:
    if payment.tariff_hash is None:
        return None
    with deps.pool.connection() as connection:
        text = queries.tariff_text(connection, tariff_hash=payment.tariff_hash)
    return read_price(text) if text else None
