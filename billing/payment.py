"""A payment and the facts its next step is decided from. Pure.

Amounts are minor units of `currency`, instants are UTC. Fields are the columns of `payment`.
"""

from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

# States in which the driver has an evse to themselves: the unique index payment_one_per_evse.
HOLDS_EVSE = ("authorised", "start_requested", "charging", "stopping")
# Nothing more is to be done by itself; late facts (a session, a refund, a dispute) may still come.
ENDED = (
    "expired", "released", "settled", "written_off", "partly_refunded", "refunded",
    "dispute_won", "dispute_lost",
)  # fmt: skip
CAPTURED = ("settled", "partly_refunded", "refunded", "refund_failed", "dispute_won")

WAIT_PLUGGED, WAIT_UNPLUGGED = timedelta(seconds=60), timedelta(minutes=3)
CHECKOUT_PATIENCE = timedelta(seconds=60)  # Stripe must have made Checkout by then
NO_FINAL_READING = timedelta(minutes=2)  # free again, and no end was told: it ended without
ASK_STOP_AGAIN = timedelta(minutes=1)
STOP_BEFORE, CAPTURE_BEFORE = timedelta(hours=24), timedelta(hours=12)
QUARANTINE = timedelta(days=3)  # as sql/quarantine.py's HELD_FOR
STOP_AT_PERCENT, WARN_AT_PERCENT = 95, 80


class Payment(Struct, frozen=True):
    """A row of `payment`, as far as decisions need it."""

    payment_id: int
    key: str
    reference: str
    channel: str
    operator_id: int
    evse_key: int
    session_id: int | None
    driver_id: int | None
    language: str
    state: str
    state_version: int
    state_at: datetime
    created_at: datetime
    currency: str
    hold: int
    held: int
    captured: int
    refunded: int
    written_off: int
    tariff_hash: str | None
    checkout_id: str | None
    checkout_status: str | None
    intent_id: str | None
    intent_status: str | None
    capture_before: datetime | None
    charge_id: str | None
    email: str | None
    id_token: str | None
    start_command_id: int | None
    start_by: datetime | None
    cable_in_at: datetime | None
    stop_command_id: int | None
    cancel_requested_at: datetime | None
    stop_requested_at: datetime | None
    stop_requested_by: str | None
    energy_wh: int | None
    cost: int | None
    warned_at: datetime | None
    authorised_at: datetime | None
    quarantined_until: datetime | None
    is_estimated: bool
    gross: int | None
    cdr_id: int | None
    receipt_id: int | None
    # after the session: registered drivers and companies
    charge_problem: str | None = None
    due_since: datetime | None = None
    dunned: int = 0
    pay_requested_at: datetime | None = None
    checkouts: int = 0

    def quarantine_end(self, now: datetime) -> datetime:
        """Until when a human may look before the hold would be lost, if asked now."""
        until = now + QUARANTINE
        return min(until, self.capture_before - CAPTURE_BEFORE) if self.capture_before else until

    @property
    def stop_at(self) -> int:
        """The cost at which charging is stopped, so that what flows until then is paid for too."""
        return self.hold * STOP_AT_PERCENT // 100


class Command(Struct, frozen=True):
    """A command to the station, and what became of it."""

    status: str
    response: dict[str, Any] | None
    requested_at: datetime

    @property
    def is_accepted(self) -> bool:
        return self.status == "answered" and (self.response or {}).get("status") == "Accepted"

    @property
    def failure(self) -> str | None:
        """Why it will not happen, as a code for the driver; None while it may."""
        if self.status in ("queued", "claimed") or self.is_accepted:
            return None
        if self.status == "unknown":
            return "start_timeout"
        offline = (
            self.status == "refused" and (self.response or {}).get("error") != "InvalidPayload"
        )
        return "station_offline" if offline else "start_rejected"


class Evse(Struct, frozen=True):
    """The evse the payment is for. `startable` is None or the view evse_startable's `why`;
    `free_since`: its status says Available since then."""

    station_id: str
    evse_id: int
    public_code: str
    site_id: int | None
    ocpp_version: str | None
    is_online: bool
    cable_in: bool
    not_startable: str | None
    free_since: datetime | None


class Session(Struct, frozen=True):
    """The session that was started with our token."""

    session_id: int
    transaction_id: str
    started_at: datetime
    ended_at: datetime | None
    energy_wh: int
    last_reading_at: datetime | None
    flags: tuple[str, ...]
    is_held_back: bool = False  # implausible, and nobody has decided; or the decision isn't booked


class Refund(Struct, frozen=True):
    """A refund_request that is not finished, or was just answered."""

    refund_request_id: int
    amount: int
    reason: str
    status: str
    refund_id: str | None
    outcome: str | None
    kind: str = "partial"
    receipt_id: int | None = None  # of a correction: its credit note is there already


class Dispute(Struct, frozen=True):
    dispute_id: str
    amount: int
    status: str


class World(Struct, frozen=True):
    """Everything besides the payment itself. `calls`: what Stripe was asked -> how it ended
    (None: not yet answered, 'done', 'refused')."""

    evse: Evse
    session: Session | None
    start: Command | None
    stop: Command | None
    calls: dict[str, str | None]
    refunds: tuple[Refund, ...]
    dispute: Dispute | None
    review: str | None = None  # what a human decided about the quarantine, once they have
    has_card: bool = False  # the driver has saved one
    invoice_paid: bool = False  # the company has paid every invoice it stands on

    def asked(self, call: str) -> bool:
        return call in self.calls

    def refused(self, call: str) -> bool:
        return self.calls.get(call) == "refused"
