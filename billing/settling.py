"""The guest's payment from the final reading on: price, capture or give back, refund. Pure."""

from datetime import datetime

from billing.payment import Dispute, Payment, World
from billing.step import Call, Review, Step, may_ask_again, release

# Stripe refuses to charge less (docs.stripe.com/currencies#minimum-and-maximum-charge-amounts)
SMALLEST_CHARGE = {"SEK": 300, "NOK": 300, "DKK": 250, "EUR": 50, "USD": 50, "GBP": 30}


# -- money -----------------------------------------------------------------------------------------


def completed(p: Payment, w: World, now: datetime) -> Step | None:
    """Quarantine, price and book, then capture; or give everything back."""
    if p.cdr_id is None:
        return _close(p, w, now)
    if not p.gross:
        return release("nothing_used")
    if p.gross < SMALLEST_CHARGE.get(p.currency, 0):
        changes = {"failure": "nothing_used", "written_off": p.gross}
        why = "less than a card can be charged"
        return Step("releasing", why, changes, effects=("end_token", "write_off"))
    amount = min(p.gross, p.held or p.hold)
    capture = Call("capture", {"amount_to_capture": amount})
    return Step("capturing", "capture asked", calls=(capture,))


def _close(p: Payment, w: World, now: datetime) -> Step | None:
    if w.review == "waive":
        return release("waived")
    if is_undecided(p, w):
        # nobody looked in time: the driver pays nothing
        return quarantine(p, now) or (release("quarantine_over") if is_over(p, now) else None)
    return Step("completed", effects=("close",))


def is_undecided(p: Payment, w: World) -> bool:
    """Its session is held back, or the question people were asked about it is open."""
    held_back = w.session is not None and w.session.is_held_back
    return held_back or (p.quarantined_until is not None and w.review is None)


def quarantine(p: Payment, now: datetime) -> Step | None:
    """Begin to wait; the review item is there already, written with the doubts."""
    if p.quarantined_until:
        return None
    return Step("completed", changes={"quarantined_until": p.quarantine_end(now)})


def is_over(p: Payment, now: datetime) -> bool:
    return p.quarantined_until is not None and now >= p.quarantined_until


def capturing(p: Payment, w: World, now: datetime) -> Step | None:
    if p.intent_status == "succeeded":
        changes = {"captured_at": now}
        return Step("settled", "captured", changes, effects=("settle", "end_token", "mail"))
    if p.intent_status == "canceled" or w.refused("capture"):
        evidence = {"intent": p.intent_status}
        return Step("capture_failed", "capture refused",
                    reviews=(Review("capture_failed", None, evidence, p.gross),))  # fmt: skip
    return None


def capture_failed(p: Payment, w: World, now: datetime) -> Step | None:
    if p.intent_status == "succeeded":
        return capturing(p, w, now)
    if w.review in ("write_off", "waive"):
        changes: dict[str, object] = {"written_off": p.gross or 0}
        if p.intent_status != "requires_capture":
            return Step("written_off", "written off by staff", changes, effects=("write_off",))
        changes["failure"] = "waived"  # it is still held, and nobody will take it
        return Step(
            "releasing", "written off by staff", changes, effects=("end_token", "write_off")
        )
    return None


def releasing(p: Payment, w: World, _now: datetime) -> Step | None:
    """Until Stripe has confirmed that nothing is held, whatever was on its way."""
    if (late := _late_start(p, w)) is not None:
        return late
    if p.intent_status == "requires_capture":
        return None if w.asked("cancel") else Step("releasing", calls=(Call("cancel"),))
    if p.intent_status == "succeeded":  # captured behind our back: a human must know
        return Step("settled", "captured elsewhere", reviews=(Review("captured_elsewhere"),))
    if p.intent_status == "canceled":
        return Step("released", "hold gone", effects=("released",))
    return _without_intent(p, w)


def _without_intent(p: Payment, w: World) -> Step | None:
    """No card was used so far; make sure that none can be."""
    if p.checkout_id is None:
        gone = not w.asked("checkout") or w.refused("checkout")
        return Step("expired", "no checkout was made") if gone else None
    if p.checkout_status == "expired":
        return Step("expired", "checkout expired")
    return None if w.asked("expire") else Step("releasing", calls=(Call("expire"),))


def _late_start(p: Payment, w: World) -> Step | None:
    """It started after we had given up: stop it, charge nothing, let a human know."""
    if w.session is None or p.session_id is not None:
        return None
    changes = {"session_id": w.session.session_id, "failure": "late_start"}
    review = Review("late_start", evidence={"session_id": w.session.session_id})
    effects = () if w.session.ended_at else ("stop",)
    return Step(p.state, changes=changes, effects=effects, reviews=(review,))


def released(p: Payment, w: World, now: datetime) -> Step | None:
    if (late := _late_start(p, w)) is not None:
        return late
    unheard = p.stop_command_id and w.session and not w.session.ended_at and w.evse.is_online
    if unheard and w.stop and not w.stop.is_accepted and may_ask_again(w.stop, now):
        return Step(p.state, effects=("stop",))
    return None


# -- afterwards ----------------------------------------------------------------------------------


def settled(p: Payment, w: World, _now: datetime) -> Step | None:
    """Refunds people ask for, and disputes the bank opens."""
    if w.dispute and w.dispute.status != "won" and not is_inquiry(w.dispute):
        amount = w.dispute.amount
        review = Review("dispute", evidence={"dispute": w.dispute.dispute_id}, amount=amount)
        return Step("disputed", "dispute opened", effects=("dispute",), reviews=(review,))
    return _refund(p, w)


def is_inquiry(dispute: Dispute) -> bool:
    """The bank only asks (warning_needs_response ..): no money has moved."""
    return dispute.status.startswith("warning")


def _refund(p: Payment, w: World) -> Step | None:
    for refund in w.refunds:
        if refund.status == "requested" and refund.amount > p.captured - p.refunded:
            return Step(p.state, effects=(f"reject_refund:{refund.refund_request_id}",))
        if refund.status in ("requested", "sent"):
            return Step("refund_pending", f"refund: {refund.reason}")
    return None


def refund_pending(p: Payment, w: World, _now: datetime) -> Step | None:
    """One refund at a time; the request's row says what Stripe made of it."""
    refund = next((one for one in w.refunds if one.status in ("requested", "sent")), None)
    if refund is None:
        return _after_refund(p)
    name = f"refund:{refund.refund_request_id}"
    if not w.asked(name):
        if refund.amount > p.captured - p.refunded:
            return Step(p.state, effects=(f"reject_refund:{refund.refund_request_id}",))
        return Step(p.state, calls=(Call(name, {"amount": refund.amount}),))
    if refund.outcome == "succeeded":
        return Step(p.state, effects=(f"refunded:{refund.refund_request_id}",))
    if refund.outcome in ("failed", "canceled") or w.refused(name):
        return _refund_failed(refund.refund_request_id, refund.amount)
    return None


def _refund_failed(refund_request_id: int, amount: int) -> Step:
    evidence = {"refund_request_id": refund_request_id}
    review = Review("refund_failed", None, evidence, amount)
    return Step("refund_failed", "refund failed", effects=(f"fail_refund:{refund_request_id}",),
                reviews=(review,))  # fmt: skip


def _after_refund(p: Payment) -> Step:
    if p.refunded == 0:
        return Step("settled", "nothing refunded")
    whole = p.refunded >= p.captured
    return Step("refunded" if whole else "partly_refunded", "refund done")


def disputed(_p: Payment, w: World, _now: datetime) -> Step | None:
    if w.dispute and w.dispute.status in ("won", "warning_closed"):
        return Step("dispute_won", "dispute won", effects=("dispute_won",))
    if w.dispute and w.dispute.status == "lost":
        return Step("dispute_lost", "dispute lost", effects=("dispute_lost",))
    return None


def dispute_won(p: Payment, w: World, _now: datetime) -> Step | None:
    return _refund(p, w)


def dispute_lost(p: Payment, w: World, _now: datetime) -> Step | None:
    """Whoever asked for a refund meanwhile reads that there is nothing left to give back."""
    for refund in w.refunds:
        return Step(p.state, effects=(f"reject_refund:{refund.refund_request_id}",))
    return None
