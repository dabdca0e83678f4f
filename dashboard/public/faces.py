"""Which face of the pass a payer sees: from the payment's row, its session and its evse. Pure.

A face has a name (its template), a colour, a shape and a word; look/driver has one picture each.
"""

from datetime import datetime, timedelta

from msgspec import Struct

from dashboard.i18n import mark

UNPAID = ("created", "awaiting_payment")
RUNNING = ("authorised", "start_requested", "charging", "stopping")
GIVEN_UP = ("releasing", "released")
PLUGGED = ("preparing", "charging", "suspended", "finished")  # states of an evse with a cable in
ANSWER_SECONDS = 30  # a charger that has not stopped by then is said not to answer
SHOWN_MINUTES = 30  # a rescan shows a charge that is over for so long, then the free charger
WARN_PERCENT, STOP_PERCENT = 80, 95


class Payment(Struct, frozen=True, kw_only=True):
    """A row of the query `own_payment`: its names are the columns'. Money in minor units."""

    payment_id: int
    reference: str
    evse_key: int
    state: str
    state_at: datetime
    created_at: datetime
    currency: str
    hold: int
    captured: int
    refunded: int
    written_off: int
    tariff_hash: str | None
    checkout_url: str | None
    checkout_expires_at: datetime | None
    intent_status: str | None
    card_brand: str | None
    card_last4: str | None
    start_by: datetime | None
    cancel_requested_at: datetime | None
    stop_requested_at: datetime | None
    stop_requested_by: str | None
    energy_wh: int | None
    cost: int | None
    cost_at: datetime | None
    authorised_at: datetime | None
    captured_at: datetime | None
    released_at: datetime | None
    failure: str | None
    quarantined_until: datetime | None
    session_id: int | None
    has_email: bool
    started_at: datetime | None
    ended_at: datetime | None
    power_w: float | None
    charging_state: str | None
    charging_state_at: datetime | None
    evse_state: str
    is_online: bool
    contact_changed_at: datetime | None
    stop_status: str | None
    stop_answer: str | None
    stop_sent_at: datetime | None
    next_try_at: datetime | None
    releasing_at: datetime | None
    receipt_id: int | None
    shown_number: str | None
    secret: str | None
    net: int | None
    vat: int | None
    gross: int | None
    document: str | None

    @property
    def used_percent(self) -> int:
        """Of the maximum; whole per cent, never rounded up to a mark it has not reached."""
        return (self.cost or 0) * 100 // self.hold if self.hold else 0

    @property
    def stops_at(self) -> int:
        return self.hold * STOP_PERCENT // 100

    @property
    def was_never_held(self) -> bool:
        """Given up before anybody paid: there is no hold whose end could be told."""
        return self.state in GIVEN_UP and self.authorised_at is None and self.intent_status is None

    @property
    def is_warned(self) -> bool:
        return self.used_percent >= WARN_PERCENT


class Face(Struct, frozen=True):
    """`kind` is the colour, `live` whether it changes by itself."""

    name: str
    kind: str
    shape: str
    word: str
    live: bool = True


FACES = {
    face.name: face
    for face in (
        Face("confirming", "wait", "spin", mark("Confirming …")),
        Face("plug_in", "wait", "wait", mark("Plug in")),
        Face("starting", "wait", "spin", mark("Starting …")),
        Face("charging", "busy", "busy", mark("Charging")),
        Face("idle", "wait", "idle", mark("Unplug")),
        Face("no_contact", "unknown", "unknown", mark("No contact")),
        Face("stopping", "wait", "spin", mark("Stopping …")),
        Face("no_answer", "unknown", "unknown", mark("No answer")),
        Face("review", "wait", "wait", mark("Under review")),
        Face("finished", "done", "done", mark("Done")),
        Face("failed", "fault", "fault", mark("Did not start")),
        Face("cancelling", "wait", "spin", mark("Cancelling …")),
        Face("cancelled", "done", "done", mark("Cancelled")),
        Face("nothing", "done", "done", mark("Done")),
    )
}

# `failure` of what was given up, where "did not start" would be wrong
GIVEN_UP_FACES = {
    "cancelled": "cancelled",
    "nothing_used": "nothing",
    "waived": "nothing",
    "quarantine_over": "nothing",
}


def face_of(payment: Payment, now: datetime, *, came_back_paid: bool = False) -> Face | None:
    """The face of a payment; None while nothing is paid or when it came to nothing."""
    if payment.state in UNPAID:
        waits = came_back_paid and payment.cancel_requested_at is None
        return FACES["confirming"] if waits else None
    if payment.state == "expired" or payment.was_never_held:
        return None
    return FACES[_name(payment, now)]


def _name(payment: Payment, now: datetime) -> str:
    if payment.state in ("authorised", "start_requested"):
        return _before(payment)
    if payment.state in ("charging", "stopping"):
        return _during(payment, now)
    if payment.state in GIVEN_UP:
        return GIVEN_UP_FACES.get(payment.failure or "", "failed")
    is_doubted = payment.state == "completed" and payment.quarantined_until
    return "review" if is_doubted and payment.gross is None else "finished"


def _before(payment: Payment) -> str:
    if payment.cancel_requested_at:
        return "cancelling"
    waits = payment.start_by and payment.is_online and payment.evse_state not in PLUGGED
    return "plug_in" if waits else "starting"


def _during(payment: Payment, now: datetime) -> str:
    if payment.stop_requested_at or payment.state == "stopping":
        return _stopping(payment, now)
    if payment.ended_at:
        return "stopping"
    if not payment.is_online:
        return "no_contact"
    return "idle" if payment.charging_state in ("SuspendedEV", "Idle") else "charging"


def _stopping(payment: Payment, now: datetime) -> str:
    """The charger's own refusal, or its silence, is told: then only a hand at the charger helps."""
    if payment.ended_at or payment.stop_sent_at is None:
        return "stopping"
    refused = payment.stop_status in ("unknown", "refused") or payment.stop_answer == "Rejected"
    late = now - payment.stop_sent_at > timedelta(seconds=ANSWER_SECONDS)
    return "no_answer" if refused or late else "stopping"


def is_shown(payment: Payment, now: datetime, named: bool) -> bool:
    """Whether a scan shows the payment, not the charger: it runs, is asked for, or is new."""
    recent = now - payment.state_at < timedelta(minutes=SHOWN_MINUTES)
    return payment.state in (*UNPAID, *RUNNING) or named or recent
