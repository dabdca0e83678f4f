"""The guest's payment as a state machine: what is to be done next, from facts alone. Pure.

`decide` is asked whenever anything may have changed, and again until it has nothing more to say.
It never looks at what happened, only at how things are: a notification that is lost, doubled or
late changes nothing. `STATES` is PAYMENTS.md's table; what happens from the final reading on is in
settling.py.
"""

from collections.abc import Callable
from datetime import datetime

from billing import registered, settling
from billing.payment import (
    CAPTURE_BEFORE,
    CHECKOUT_PATIENCE,
    NO_FINAL_READING,
    STOP_BEFORE,
    WAIT_PLUGGED,
    WAIT_UNPLUGGED,
    Payment,
    World,
)
from billing.step import Call, Review, Step, may_ask_again, release


def decide(p: Payment, w: World, now: datetime) -> Step | None:
    """The next step, or None: nothing is to be done as things are."""
    states = registered.STATES.get(p.channel, STATES)
    return states[p.state](p, w, now)


# -- before the money --------------------------------------------------------------------------


def created(p: Payment, w: World, now: datetime) -> Step | None:
    if p.checkout_id:
        return Step("awaiting_payment", "checkout made")
    if w.refused("checkout"):
        return Step("expired", "checkout refused", {"failure": "payment_service_down"})
    if not w.asked("checkout"):
        return _ask_for_money(p, w)
    if p.cancel_requested_at or now - p.created_at > CHECKOUT_PATIENCE:
        return release("cancelled" if p.cancel_requested_at else "payment_service_down")
    return None


def _ask_for_money(p: Payment, w: World) -> Step:
    """Only where charging can start: nobody pays for a charger that is dead."""
    if p.cancel_requested_at:
        return Step("expired", "cancelled", {"failure": "cancelled"})
    if w.evse.not_startable:
        return Step("expired", w.evse.not_startable, {"failure": "not_startable"})
    return Step("created", calls=(Call("checkout"),))


def awaiting_payment(p: Payment, w: World, now: datetime) -> Step | None:
    if p.intent_status == "requires_capture":
        return _authorised(p, w, now)
    if p.checkout_status == "expired":
        why = "cancelled" if p.cancel_requested_at else "checkout_expired"
        return Step("expired", why, {"failure": why})
    if p.intent_status == "canceled":
        return Step("expired", "intent canceled", {"failure": "checkout_expired"})
    if p.cancel_requested_at and not w.asked("expire"):
        return Step("awaiting_payment", calls=(Call("expire"),))
    return None


def _authorised(p: Payment, w: World, now: datetime) -> Step:
    if p.cancel_requested_at:
        return release("cancelled")
    if w.evse.not_startable:
        return release(_lost_evse(w))
    changes = {"authorised_at": now, "cable_in_at": now if w.evse.cable_in else None}
    return Step("authorised", "intent authorised", changes)


def _lost_evse(w: World) -> str:
    return "station_offline" if w.evse.not_startable == "offline" else "evse_taken"


def expired(p: Payment, _w: World, _now: datetime) -> Step | None:
    """Paid all the same: whatever the order in which it became known, nothing stays held."""
    return release("paid_too_late") if p.intent_status == "requires_capture" else None


# -- starting ------------------------------------------------------------------------------------


def authorised(p: Payment, w: World, now: datetime) -> Step | None:
    if p.cancel_requested_at:
        return release("cancelled")
    if not w.evse.is_online:
        return release("station_offline")
    wait = WAIT_PLUGGED if w.evse.cable_in else WAIT_UNPLUGGED
    return Step("start_requested", "start sent", {"start_by": now + wait}, effects=("start",))


def start_requested(p: Payment, w: World, now: datetime) -> Step | None:
    if w.session:
        changes = {"session_id": w.session.session_id}
        return Step("charging", "session started", changes, effects=("freeze",))
    if (why := _not_started(p, w, now)) is not None:
        return release(why)
    if w.evse.cable_in and not p.cable_in_at and p.start_by:
        return Step("start_requested", changes={
            "cable_in_at": now, "start_by": max(p.start_by, now + WAIT_PLUGGED)})  # fmt: skip
    return None


def _not_started(p: Payment, w: World, now: datetime) -> str | None:
    if w.start and w.start.failure:
        return w.start.failure
    if p.cancel_requested_at:
        return "cancelled"
    if not w.evse.is_online:
        return "station_offline"
    return "start_timeout" if p.start_by and now >= p.start_by else None


# -- charging ------------------------------------------------------------------------------------


def charging(p: Payment, w: World, now: datetime) -> Step | None:
    if (over := _over(p, w, now)) is not None:
        return over
    by = _stopped_by(p, now)
    if by is None:
        return None
    changes = {"stop_requested_by": by, "stop_requested_at": p.stop_requested_at or now}
    return Step("stopping", f"stop: {by}", changes, effects=("stop",))


def _stopped_by(p: Payment, now: datetime) -> str | None:
    if p.stop_requested_at:
        return p.stop_requested_by or "driver"
    if p.cost is not None and p.cost >= p.stop_at:
        return "maximum"
    if p.capture_before and now >= p.capture_before - STOP_BEFORE:
        return "expiry"
    return None


def stopping(p: Payment, w: World, now: datetime) -> Step | None:
    if (over := _over(p, w, now)) is not None:
        return over
    if w.evse.is_online and (not w.stop or may_ask_again(w.stop, now)):
        return Step("stopping", effects=("stop",))
    return None


def _over(p: Payment, w: World, now: datetime) -> Step | None:
    """The session has ended; or must be taken to have."""
    session = w.session
    if session is None:
        return None
    if session.ended_at:
        return Step("completed", "session ended")
    heard = session.last_reading_at or session.started_at
    free = w.evse.free_since
    if free and free > heard and now - free >= NO_FINAL_READING:
        return _estimated("evse is free, no end was told", session.session_id)
    if p.capture_before and now >= p.capture_before - CAPTURE_BEFORE:
        return _estimated("the hold ends soon", session.session_id)
    return None


def _estimated(why: str, session_id: int) -> Step:
    review = Review("no_final_reading", evidence={"session_id": session_id, "why": why})
    return Step("completed", why, {"is_estimated": True}, reviews=(review,))


def ended(_p: Payment, _w: World, _now: datetime) -> Step | None:
    return None


STATES: dict[str, Callable[[Payment, World, datetime], Step | None]] = {
    "created": created,
    "awaiting_payment": awaiting_payment,
    "expired": expired,
    "authorised": authorised,
    "start_requested": start_requested,
    "charging": charging,
    "stopping": stopping,
    "completed": settling.completed,
    "capturing": settling.capturing,
    "capture_failed": settling.capture_failed,
    "releasing": settling.releasing,
    "released": settling.released,
    "settled": settling.settled,
    "partly_refunded": settling.settled,
    "refunded": settling.settled,
    "refund_failed": settling.settled,
    "refund_pending": settling.refund_pending,
    "disputed": settling.disputed,
    "dispute_won": settling.dispute_won,
    "dispute_lost": settling.dispute_lost,
    "written_off": ended,
    "receivable": ended,
}
