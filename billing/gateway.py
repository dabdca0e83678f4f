"""Stripe, and the only module that imports its SDK. Every answer is turned into plain facts.

Calls carry idempotency keys that were stored before they were sent. What Stripe refuses for good
raises RefusedError; anything that may be otherwise later (no answer, 429, 5xx, a wrong key of ours)
raises LaterError.
"""

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import stripe
from msgspec import Struct

from billing import BillingError
from sql.settings import Settings

logging.getLogger("stripe").setLevel(logging.WARNING)  # it tells every request otherwise
STRIPE_VERSION = "2026-10-28.endive"  # what stripe 16.1 was made for; answers keep this shape
TIMEOUT_SECONDS = (5, 20)  # to connect, to answer; the SDK's own default is 80
RETRIES = 2  # the SDK's own default is none
TOLERANCE_SECONDS = 300  # of a webhook's signature
NOTHING_TO_CANCEL = frozenset({"canceled", "succeeded"})


class RefusedError(BillingError):
    """Stripe says no, and will say so again."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class LaterError(BillingError):
    """Not known whether it was done: ask again, with the same key."""

    retryable = True


class SignatureError(BillingError):
    """A webhook that Stripe has not signed, or too long ago."""


class RefundSeen(Struct, frozen=True):
    """A refund as Stripe has it; `refund_request_id` is ours, None if it was made elsewhere."""

    refund_id: str
    refund_request_id: int | None
    status: str
    amount: int


class DisputeSeen(Struct, frozen=True):
    dispute_id: str
    charge_id: str
    amount: int
    currency: str
    reason: str | None
    status: str
    evidence_due_at: datetime | None
    opened_at: datetime


class Seen(Struct):
    """What Stripe said of a payment's objects; None: it did not say."""

    checkout_id: str | None = None
    checkout_url: str | None = None
    checkout_expires_at: datetime | None = None
    checkout_status: str | None = None
    intent_id: str | None = None
    intent_status: str | None = None
    held: int | None = None
    captured: int | None = None
    capture_before: datetime | None = None
    charge_id: str | None = None
    card_brand: str | None = None
    card_last4: str | None = None
    email: str | None = None
    charge_problem: str | None = None  # why a saved card was not charged: Stripe's code
    customer_id: str | None = None
    payment_method_id: str | None = None  # saved, and whose it is
    card_expires: date | None = None
    refunds: list[RefundSeen] = []
    disputes: list[DisputeSeen] = []


class Ids(Struct, frozen=True):
    """The objects of a payment as far as they are known."""

    checkout_id: str | None
    intent_id: str | None
    charge_id: str | None = None
    customer_id: str | None = None


class Gateway:
    """One client; safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        base = settings.stripe_api_base.rstrip("/")
        self._is_open = bool(settings.stripe_api_key)
        self._client = stripe.StripeClient(
            settings.stripe_api_key or "none",
            stripe_version=STRIPE_VERSION,
            base_addresses={"api": base} if base else None,
            max_network_retries=RETRIES,
            http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
        )
        self._api = self._client.v1

    def perform(self, call: str, ids: Ids, parameters: dict[str, Any], key: str) -> Seen:
        """Do one call of the outbox. Raises RefusedError, LaterError."""
        if not self._is_open:
            raise LaterError("KILOWATCH_STRIPE_API_KEY is not set")
        work = getattr(self, "_" + call.partition(":")[0])
        try:
            return work(ids, parameters, {"idempotency_key": key})  # type: ignore[no-any-return]
        except stripe.StripeError as error:
            raise _told(error) from error

    def _checkout(self, _ids: Ids, parameters: Any, options: Any) -> Seen:
        return _of_checkout(self._api.checkout.sessions.create(parameters, options))

    def _expire(self, ids: Ids, _parameters: Any, options: Any) -> Seen:
        """Refused when it was paid or has expired: a look then says which."""
        return _of_checkout(self._api.checkout.sessions.expire(str(ids.checkout_id), {}, options))

    def _capture(self, ids: Ids, parameters: Any, options: Any) -> Seen:
        expand: Any = {**parameters, "expand": ["latest_charge"]}
        return _of_intent(self._api.payment_intents.capture(str(ids.intent_id), expand, options))

    def _cancel(self, ids: Ids, _parameters: Any, options: Any) -> Seen:
        found = self._intent(str(ids.intent_id))
        if found.intent_status in NOTHING_TO_CANCEL:
            return found
        try:
            intent = self._api.payment_intents.cancel(str(ids.intent_id), {}, options)
        except stripe.InvalidRequestError as error:
            raise LaterError(f"cancel: {error}") from error  # a hold is never left for a refusal
        return _of_intent(intent)

    def _refund(self, ids: Ids, parameters: Any, options: Any) -> Seen:
        given: Any = {"payment_intent": ids.intent_id, **parameters}
        refund = self._api.refunds.create(given, options)
        return Seen(refunds=[_of_refund(refund)])

    _pay = _checkout

    def _charge(self, _ids: Ids, parameters: Any, options: Any) -> Seen:
        """From a saved card while its owner is away: what the bank says is an answer, too."""
        given: Any = {**parameters, "expand": ["latest_charge"]}
        try:
            return _of_intent(self._api.payment_intents.create(given, options))
        except (stripe.CardError, stripe.InvalidRequestError) as error:
            if error.http_status == 409:
                raise
            return _not_charged(error)

    def _charged(self, _ids: Ids, parameters: Any, _options: Any) -> Seen:
        """The charge whose answer was lost, found by its reference; nothing if it never was."""
        wanted = parameters["metadata"]["reference"]
        of_customer: Any = {"customer": parameters["customer"], "limit": 100}
        for intent in self._api.payment_intents.list(of_customer).auto_paging_iter():
            if getattr(intent.metadata, "reference", None) == wanted:
                seen = self._intent(intent.id)
                if seen.intent_status == "requires_payment_method":
                    seen.charge_problem = "card_declined"
                return seen
        return Seen()

    def _setup(self, ids: Ids, parameters: Any, options: Any) -> Seen:
        """A page to save a card on, for a customer that is made when there is none."""
        customer = ids.customer_id or self._customer(parameters)
        given: Any = {**parameters["checkout"], "customer": customer}
        seen = _of_checkout(self._api.checkout.sessions.create(given, options))
        seen.customer_id = customer
        return seen

    def _customer(self, parameters: Any) -> str:
        options: Any = {"idempotency_key": parameters["customer_key"]}
        return str(self._api.customers.create(parameters["customer"], options).id)

    def _card(self, ids: Ids, _parameters: Any, _options: Any) -> Seen:
        """Whether a card was saved on the page."""
        expand: Any = {"expand": ["setup_intent.payment_method"]}
        session = self._api.checkout.sessions.retrieve(str(ids.checkout_id), expand)
        seen = _of_checkout(session)
        seen.customer_id = session.customer if isinstance(session.customer, str) else None
        intent: Any = session.setup_intent
        if intent is not None and intent.status == "succeeded":
            _add_card(seen, intent.payment_method)
        return seen

    def _detach(self, _ids: Ids, parameters: Any, options: Any) -> Seen:
        self._api.payment_methods.detach(parameters["payment_method"], {}, options)
        return Seen()

    def _forget(self, _ids: Ids, parameters: Any, options: Any) -> Seen:
        """Delete the customer, with the address and any card; one that is gone is forgotten."""
        try:
            self._api.customers.delete(parameters["customer"], {}, options)
        except stripe.InvalidRequestError as error:
            if error.code != "resource_missing":
                raise
        return Seen()

    def _look(self, ids: Ids, _parameters: Any, _options: Any) -> Seen:
        seen = Seen()
        if ids.checkout_id:
            seen = _of_checkout(self._api.checkout.sessions.retrieve(ids.checkout_id))
        intent_id = seen.intent_id or ids.intent_id
        if intent_id is None:
            return seen
        found = self._intent(intent_id)
        for name in ("checkout_id", "checkout_url", "checkout_expires_at", "checkout_status"):
            setattr(found, name, getattr(seen, name))
        found.email = found.email or seen.email
        if found.intent_status == "succeeded":
            self._add_aftermath(found, intent_id)
        return found

    def _intent(self, intent_id: str) -> Seen:
        parameters: Any = {"expand": ["latest_charge"]}
        return _of_intent(self._api.payment_intents.retrieve(intent_id, parameters))

    def _add_aftermath(self, seen: Seen, intent_id: str) -> None:
        mine: Any = {"payment_intent": intent_id, "limit": 100}
        refunds = self._api.refunds.list(mine).auto_paging_iter()
        seen.refunds = [_of_refund(refund) for refund in refunds]
        disputes = self._api.disputes.list(mine).auto_paging_iter()
        seen.disputes = [_of_dispute(dispute) for dispute in disputes]

    # -- for the books -----------------------------------------------------------------------------

    def balance_transactions(self, since: datetime) -> Iterator[Any]:
        """Every movement of the balance since then, oldest first is not promised. With what it is
        about, as a dispute says only there which charge it disputes."""
        wanted = {**_since(since), "expand": ["data.source"]}
        return self._pages(self._api.balance_transactions, wanted)

    def payouts(self, since: datetime) -> Iterator[Any]:
        return self._pages(self._api.payouts, _since(since))

    def payout_transactions(self, payout_id: str) -> Iterator[Any]:
        """What an automatic payout is made of."""
        return self._pages(self._api.balance_transactions, {"payout": payout_id})

    def balance(self) -> Any:
        """What Stripe holds for us now, available and pending."""
        try:
            return self._api.balance.retrieve()
        except stripe.StripeError as error:
            raise _told(error) from error

    def _pages(self, service: Any, parameters: dict[str, Any]) -> Iterator[Any]:
        try:
            yield from service.list({**parameters, "limit": 100}).auto_paging_iter()
        except stripe.StripeError as error:
            raise _told(error) from error


def verified(payload: bytes, signature: str | None, secret: str) -> None:
    """Raises SignatureError unless Stripe signed these bytes within the last five minutes."""
    try:
        stripe.WebhookSignature.verify_header(
            payload.decode(), signature or "", secret, TOLERANCE_SECONDS
        )
    except (stripe.SignatureVerificationError, UnicodeDecodeError) as error:
        raise SignatureError(str(error)) from error


def _told(error: stripe.StripeError) -> BillingError:
    final = isinstance(error, stripe.InvalidRequestError | stripe.CardError)
    if final and error.http_status != 409:  # 409: the same key is in flight
        return RefusedError(str(error.code or "invalid_request"), str(error.user_message or error))
    return LaterError(f"{type(error).__name__}: {error}"[:300])


def _since(at: datetime) -> dict[str, Any]:
    return {"created": {"gte": int(at.timestamp())}}


def _instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _of_checkout(session: Any) -> Seen:
    details = session.customer_details
    intent = session.payment_intent
    return Seen(
        checkout_id=session.id,
        checkout_url=session.url,
        checkout_expires_at=_instant(session.expires_at),
        checkout_status=session.status,
        intent_id=intent if isinstance(intent, str) or intent is None else intent.id,
        email=details.email if details else None,
    )


def _of_intent(intent: Any) -> Seen:
    seen = Seen(
        intent_id=intent.id,
        intent_status=intent.status,
        held=intent.amount_capturable or 0,
        captured=intent.amount_received or 0,
    )
    charge = intent.latest_charge
    if charge is not None and not isinstance(charge, str):
        _add_charge(seen, charge)
    return seen


def _not_charged(error: Any) -> Seen:
    """A declined card, or one that can't be charged like this at all."""
    seen = Seen(charge_problem=str(error.code or "invalid_request"))
    intent = getattr(error.error, "payment_intent", None) if error.error else None
    if intent is not None:
        seen.intent_id, seen.intent_status = intent.id, intent.status
    return seen


def _add_card(seen: Seen, method: Any) -> None:
    card = method.card
    seen.payment_method_id = method.id
    seen.card_brand, seen.card_last4 = card.brand, card.last4
    first = date(card.exp_year, card.exp_month, 1)
    seen.card_expires = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _add_charge(seen: Seen, charge: Any) -> None:
    seen.charge_id = charge.id
    details = charge.payment_method_details
    card = getattr(details, "card", None) if details else None
    if card is not None:
        seen.card_brand, seen.card_last4 = card.brand, card.last4
        seen.capture_before = _instant(getattr(card, "capture_before", None))
    billing = charge.billing_details
    seen.email = billing.email if billing else None


def _of_refund(refund: Any) -> RefundSeen:
    ours = getattr(refund.metadata or {}, "refund_request_id", None)
    return RefundSeen(refund.id, int(ours) if ours else None, refund.status, refund.amount)


def _of_dispute(dispute: Any) -> DisputeSeen:
    charge = dispute.charge if isinstance(dispute.charge, str) else dispute.charge.id
    details = dispute.evidence_details
    opened_at = datetime.fromtimestamp(dispute.created, UTC)
    return DisputeSeen(
        dispute.id, charge, dispute.amount, dispute.currency.upper(), dispute.reason,
        dispute.status, _instant(details.due_by if details else None), opened_at,
    )  # fmt: skip
