"""What is paid after the session: registered drivers by saved card, companies by invoice. Pure.

Their payments begin at `completed`, as nothing is held. `STATES` says by channel what is to be
done next; see billing/machine.py, whose rules hold here as well.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from billing import settling
from billing.payment import Payment, World
from billing.step import Call, Review, Step

Decide = Callable[[Payment, World, datetime], Step | None]

# What happens to a debt, and how long after the driver was asked to pay.
DUNNING = (
    (timedelta(days=3), "remind"),
    (timedelta(days=10), "remind"),
    (timedelta(days=14), "block"),
    (timedelta(days=30), "review"),
)
BLOCK_AFTER = DUNNING[2][0]
TOO_LITTLE = "amount_too_small"  # for any card: it costs more than it brings


def completed(p: Payment, w: World, now: datetime) -> Step | None:
    """Quarantine, price and book as for a guest; then ask for the money."""
    if p.cdr_id is None:
        return _close(p, w, now)
    if not p.gross:
        return _free("nothing_used")
    hold = {"hold": p.gross}
    if p.channel == "company":
        return Step("receivable", "for the invoice", hold)
    if not w.has_card:
        return _ask("no card is saved", {**hold, "charge_problem": "no_card"}, now)
    return Step("capturing", "charge asked", hold, calls=(Call("charge", {"amount": p.gross}),))


def _free(why: str) -> Step:
    """Nobody pays; a session that was not priced gets its record as a free one."""
    effects = () if why == "nothing_used" else ("record",)
    return Step("released", why, {"failure": why}, effects=effects)


def _ask(why: str, changes: dict[str, object], now: datetime) -> Step:
    return Step("receivable", why, {**changes, "due_since": now}, effects=("ask_driver",))


def _close(p: Payment, w: World, now: datetime) -> Step | None:
    if w.review == "waive":
        return _free("waived")
    if settling.is_undecided(p, w):
        over = _free("quarantine_over") if settling.is_over(p, now) else None
        return settling.quarantine(p, now) or over
    return Step("completed", effects=("close",))


def capturing(p: Payment, w: World, now: datetime) -> Step | None:
    """The card was asked; what the bank said is in the row."""
    if p.intent_status == "succeeded":
        return paid("charged", now)
    problem = p.charge_problem or ("refused" if w.refused("charge") else None)
    if problem is None:
        return None
    if problem == TOO_LITTLE:
        changes = {"written_off": p.gross or 0}
        return Step("written_off", "too little for a card", changes, effects=("write_off",))
    return _ask(f"not charged: {problem}", {"charge_problem": problem}, now)


def paid(why: str, now: datetime) -> Step:
    return Step("settled", why, {"captured_at": now}, effects=("settle", "unblock", "mail"))


def receivable(p: Payment, w: World, now: datetime) -> Step | None:
    """The driver owes it: a page to pay on when they want one, else a word now and then."""
    if p.intent_status == "succeeded":
        return paid("paid by the driver", now)
    if (given_up := written_off(p, w)) is not None:
        return given_up
    if p.pay_requested_at and _may_make_page(p, w):
        return _page(p)
    return _dun(p, now)


def _may_make_page(p: Payment, w: World) -> bool:
    """One at a time: two open pages could both be paid."""
    waits = w.calls.get(f"pay:{p.checkouts}", "done") is None
    return not waits and p.checkout_status != "open"


def _page(p: Payment) -> Step:
    number = p.checkouts + 1
    gone = dict.fromkeys(("checkout_id", "checkout_url", "checkout_status", "checkout_expires_at"))
    changes = {**gone, "checkouts": number, "pay_requested_at": None}
    return Step("receivable", changes=changes, calls=(Call(f"pay:{number}"),))


def _dun(p: Payment, now: datetime) -> Step | None:
    """The steps that are due; two reminders at once become one."""
    since = p.due_since or p.state_at
    due = sum(now - since >= after for after, _ in DUNNING)
    if due <= p.dunned:
        return None
    names = dict.fromkeys(name for _, name in DUNNING[p.dunned : due])
    effects = tuple(name for name in names if name != "review")
    overdue = Review("receivable_overdue", None, {"since": since.isoformat()}, p.gross)
    reviews = (overdue,) if "review" in names else ()
    return Step("receivable", changes={"dunned": due}, effects=effects, reviews=reviews)


def written_off(p: Payment, w: World) -> Step | None:
    """Staff have given it up."""
    if w.review not in ("write_off", "waive"):
        return None
    changes = {"written_off": (p.gross or 0) - p.captured}
    return Step("written_off", "written off by staff", changes, effects=("write_off", "unblock"))


def owed_by_company(p: Payment, w: World, now: datetime) -> Step | None:
    """On an invoice sooner or later; billing/invoices.py notes what was paid of it."""
    if w.invoice_paid:
        return Step("settled", "invoice paid", {"captured_at": now})
    return _credit(p, w)


def paid_by_company(p: Payment, w: World, _now: datetime) -> Step | None:
    return _credit(p, w)


def _credit(p: Payment, w: World) -> Step | None:
    """What a company gets back stands on its next invoice."""
    for refund in w.refunds:
        if refund.status == "requested":
            return Step(p.state, effects=(f"credit_invoice:{refund.refund_request_id}",))
    return None


def nothing(_p: Payment, _w: World, _now: datetime) -> Step | None:
    return None


REGISTERED: dict[str, Decide] = {
    "completed": completed,
    "capturing": capturing,
    "receivable": receivable,
    "released": nothing,
    "written_off": nothing,
    "settled": settling.settled,
    "partly_refunded": settling.settled,
    "refunded": settling.settled,
    "refund_failed": settling.settled,
    "refund_pending": settling.refund_pending,
    "disputed": settling.disputed,
    "dispute_won": settling.dispute_won,
    "dispute_lost": settling.dispute_lost,
}
COMPANY: dict[str, Decide] = {
    **REGISTERED,
    "receivable": owed_by_company,
    "settled": paid_by_company,
}
STATES = {"registered": REGISTERED, "company": COMPANY}
