"""What the finance pages call things: states of a payment, bookings, channels, checks, reviews.

Money words are never mixed: held, charged, released; paid only for what was charged.
"""

from dashboard.data import Row
from dashboard.i18n import mark, t

# state -> (words, shape): the shape says how far the money has come
STATES = {
    "created": (mark("Begun"), "preparing"),
    "awaiting_payment": (mark("At the card page"), "preparing"),
    "expired": (mark("Not paid, lapsed"), "unavailable"),
    "authorised": (mark("Held"), "reserved"),
    "start_requested": (mark("Held, starting"), "reserved"),
    "charging": (mark("Held, charging"), "charging"),
    "stopping": (mark("Held, stopping"), "suspended"),
    "completed": (mark("Held, finished"), "reserved"),
    "capturing": (mark("Being charged"), "preparing"),
    "capture_failed": (mark("Charge failed"), "faulted"),
    "releasing": (mark("Being released"), "preparing"),
    "released": (mark("Released"), "unavailable"),
    "settled": (mark("Charged"), "preparing"),
    "receivable": (mark("Receivable"), "suspended"),
    "written_off": (mark("Written off"), "unavailable"),
    "refund_pending": (mark("Refund under way"), "derated"),
    "partly_refunded": (mark("Refunded in part"), "derated"),
    "refunded": (mark("Refunded"), "derated"),
    "refund_failed": (mark("Refund failed"), "faulted"),
    "disputed": (mark("Disputed"), "faulted"),
    "dispute_won": (mark("Dispute won"), "finished"),
    "dispute_lost": (mark("Dispute lost"), "unavailable"),
}
FAILURES = {
    "payment_service_down": mark("card payment was not working"),
    "not_startable": mark("the evse could not be started"),
    "checkout_expired": mark("the card page lapsed"),
    "cancelled": mark("the driver cancelled"),
    "start_rejected": mark("the station refused to start"),
    "start_timeout": mark("the session did not start in time"),
    "station_offline": mark("the station lost contact"),
    "evse_taken": mark("somebody else was first at the evse"),
    "paid_too_late": mark("paid after the card page had lapsed"),
    "nothing_used": mark("no energy was delivered"),
    "late_start": mark("the session started after its deadline"),
    "quarantine_over": mark("nobody confirmed the reading in time"),
    "waived": mark("staff decided to charge nothing"),
}
CHANNELS = {
    "guest": mark("Guest, card"),
    "registered": mark("Registered"),
    "roaming": mark("Roaming"),
    "company": mark("Company"),
    "free": mark("Free"),
}
BOOKINGS = {
    "earned": mark("Earned"), "captured": mark("Charged"), "fee": mark("Fee"),
    "payout": mark("Paid out"), "write_off": mark("Written off"), "refund": mark("Refund"),
    "refund_failed": mark("Refund failed"),
    "credit": mark("Credit note"), "dispute": mark("Dispute"), "dispute_won": mark("Dispute won"),
    "dispute_lost": mark("Dispute lost"), "invoiced": mark("Invoiced"), "paid": mark("Paid"),
    "adjustment": mark("Adjustment"),
}  # fmt: skip
REVIEWS = {
    "quarantine": mark("Quarantine: the reading looks wrong"),
    "cannot_price": mark("The session cannot be priced"),
    "no_final_reading": mark("No final reading: energy was estimated"),
    "late_start": mark("A start came too late"),
    "difference": mark("A check of the books fails"),
    "capture_failed": mark("Charge failed"),
    "captured_elsewhere": mark("Charged without our asking"),
    "refund_failed": mark("Refund failed"),
    "receivable_overdue": mark("A driver has not paid"),
    "dispute": mark("Dispute (chargeback)"),
    "dispute_inquiry": mark("The bank asks about a payment"),
    "mail_failed": mark("A mail could not be delivered"),
    "correction_due": mark("Later readings: more is due"),
    "stuck": mark("The payment does not go on"),
    "unbilled_session": mark("A session could not be billed"),
    "invoice_payment": mark("A company's payment could not be booked"),
}
REFUND_KINDS = {
    "whole": mark("Whole"),
    "partial": mark("Part"),
    "goodwill": mark("Goodwill"),
    "correction": mark("Correction"),
}
REFUND_STATES = {
    "requested": mark("Asked for"),
    "sent": mark("Sent to Stripe"),
    "done": mark("Refunded"),
    "failed": mark("Failed"),
    "rejected": mark("Not sent"),
}
PAYOUT_STATES = {
    "pending": mark("on its way"), "in_transit": mark("on its way"), "paid": mark("in the bank"),
    "failed": mark("failed"), "canceled": mark("cancelled"),
}  # fmt: skip
UNDER_WAY = ("pending", "in_transit")


def known(words: dict[str, str], code: str | None) -> str:
    """The words for a code; a code without words is shown as it is, never hidden."""
    if not code:
        return ""
    return t(words[code]) if code in words else code.replace("_", " ")


def state_words(state: str, failure: str | None = None) -> str:
    """Where a payment is, and why it ended without money."""
    words = t(STATES[state][0]) if state in STATES else state
    return f"{words}: {known(FAILURES, failure)}" if failure else words


def state_shape(state: str) -> str:
    return STATES[state][1] if state in STATES else "unknown"


def row_state(row: Row) -> tuple[str, str]:
    """(shape, words) of a row of the ledger: what was sold and where its money is."""
    if row["kind"] != "earned":
        return "derated", known(BOOKINGS, row["kind"])
    if row["state"] is None:
        return "finished", known(BOOKINGS, "earned")
    if row["state"] == "settled" and row["payout_status"] == "paid":
        return "finished", known(BOOKINGS, "payout")
    return state_shape(row["state"]), state_words(row["state"])
