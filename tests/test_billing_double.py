"""The double is as hard to please as Stripe, asked by Stripe's own SDK over HTTP."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import stripe
from stripes import checkout, client_of, held, stripe_client, stripe_double

from billing.double import Clock, Double, Rules

__all__ = ["stripe_client", "stripe_double"]
Client = stripe.StripeClient
DAY = 86400


def refusal(call: Any, *arguments: Any) -> stripe.StripeError:
    with pytest.raises(stripe.StripeError) as caught:
        call(*arguments)
    return caught.value


# -- parameters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"payment_method_types": ["card"]}, "parameter_unknown", "payment_method_types"),
        ({"amount": 100}, "parameter_unknown", "amount"),
        ({"payment_intent_data": {"capture": "manual"}}, "parameter_unknown",
         "payment_intent_data[capture]"),
        ({"line_items": [{"amount": 1}]}, "parameter_unknown", "line_items[0][amount]"),
        ({"line_items": []}, "parameter_missing", "line_items"),
        ({"success_url": "kilowatch"}, "url_invalid", "success_url"),
        ({"success_url": ""}, "parameter_invalid_empty", "success_url"),
        ({"expires_at": "soon"}, "parameter_invalid_integer", "expires_at"),
        ({"mode": "hold"}, None, "mode"),
        ({"locale": "sv_SE"}, None, "locale"),
        ({"payment_intent_data": {"capture_method": "later"}}, None,
         "payment_intent_data[capture_method]"),
        ({"metadata": {"k" * 41: "v"}}, None, f"metadata[{'k' * 41}]"),
        ({"customer": "cus_none"}, "resource_missing", "customer"),
        ({"customer_email": "nobody"}, "email_invalid", "customer_email"),
        ({"allow_promotion_codes": True}, "double_unsupported", "allow_promotion_codes"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named(
    stripe_client: Client, change: dict[str, Any], code: str | None, param: str
) -> None:
    error = refusal(stripe_client.v1.checkout.sessions.create, {**checkout(), **change})
    assert isinstance(error, stripe.InvalidRequestError)
    assert (error.http_status, error.code, error.param) == (400, code, param)
    assert error.request_id


def test_a_required_parameter_is_missed(stripe_client: Client) -> None:
    error = refusal(stripe_client.v1.payment_intents.create, {"amount": 1000})
    assert (error.code, error.user_message) == (
        "parameter_missing", "Missing required param: currency.",
    )  # fmt: skip


@pytest.mark.parametrize(("amount", "code"), [(299, "amount_too_small"), (0, None)])
def test_there_is_a_smallest_amount(stripe_client: Client, amount: int, code: str | None) -> None:
    error = refusal(stripe_client.v1.payment_intents.create, {"amount": amount, "currency": "sek"})
    assert error.code == (code or "parameter_invalid_integer")


@pytest.mark.parametrize(("minutes", "is_fine"), [(29, False), (31, True), (1441, False)])
def test_a_checkout_expires_between_30_minutes_and_a_day_ahead(
    stripe_double: Double, stripe_client: Client, minutes: int, is_fine: bool
) -> None:
    at = int(stripe_double.clock.now().timestamp()) + minutes * 60
    create = stripe_client.v1.checkout.sessions.create
    if is_fine:
        assert create(checkout(expires_at=at)).expires_at == at
    else:
        assert "expires_at" in str(refusal(create, checkout(expires_at=at)))


def test_only_its_own_key_opens_it(stripe_double: Double) -> None:
    other = Client("sk_test_other", base_addresses={"api": stripe_double.base})
    error = refusal(other.v1.balance.retrieve)
    assert isinstance(error, stripe.AuthenticationError)
    assert error.http_status == 401
    with pytest.raises(ValueError, match="sk_test_"):
        Double(key="sk_live_1")


def test_an_unknown_address_or_object_is_404(stripe_client: Client) -> None:
    assert refusal(stripe_client.v1.products.list).http_status == 404
    error = refusal(stripe_client.v1.payment_intents.retrieve, "pi_none")
    assert (error.http_status, error.code) == (404, "resource_missing")


def test_only_what_refers_to_something_can_be_expanded(
    stripe_double: Double, stripe_client: Client
) -> None:
    intent = held(stripe_double, stripe_client)
    found = stripe_client.v1.payment_intents.retrieve(
        intent, {"expand": ["latest_charge.balance_transaction", "payment_method"]}
    )
    assert isinstance(found.latest_charge, stripe.Charge)
    assert isinstance(found.payment_method, stripe.PaymentMethod)
    retrieve = stripe_client.v1.payment_intents.retrieve
    assert "cannot be expanded" in str(refusal(retrieve, intent, {"expand": ["amount"]}))


# -- a hold, from the Checkout to its end -------------------------------------------------------


def test_a_checkout_has_no_intent_until_someone_pays(
    stripe_double: Double, stripe_client: Client
) -> None:
    session = stripe_client.v1.checkout.sessions.create(checkout(client_reference_id="8F3K-27"))
    assert (session.status, session.payment_intent) == ("open", None)
    assert session.url
    assert stripe_double.pay(session.id).status == "paid"
    paid = stripe_client.v1.checkout.sessions.retrieve(
        session.id, {"expand": ["payment_intent.latest_charge", "line_items"]}
    )
    # a hold is no payment yet, and the page is gone
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "unpaid", None)
    intent: Any = paid.payment_intent
    assert (intent.status, intent.amount_capturable) == ("requires_capture", 30_000)
    assert intent.metadata["reference"] == "8F3K-27"
    card = intent.latest_charge.payment_method_details.card
    assert (card.brand, card.last4) == ("visa", "4242")
    assert card.capture_before - intent.latest_charge.created == 7 * DAY
    assert paid.line_items
    assert paid.line_items.data[0].amount_total == 30_000


def test_a_capture_happens_once_and_gives_back_the_rest(
    stripe_double: Double, stripe_client: Client
) -> None:
    intent = held(stripe_double, stripe_client)
    capture = stripe_client.v1.payment_intents.capture
    assert refusal(capture, intent, {"amount_to_capture": 30_001}).code == "amount_too_large"
    assert refusal(capture, intent, {"amount_to_capture": 299}).code == "amount_too_small"
    done = capture(intent, {"amount_to_capture": 12_345})
    assert (done.status, done.amount_received, done.amount_capturable) == ("succeeded", 12_345, 0)
    again = refusal(capture, intent, {"amount_to_capture": 12_345})
    assert again.code == "payment_intent_unexpected_state"
    assert again.error
    assert again.error.payment_intent
    assert again.error.payment_intent.status == "succeeded"
    assert [effect.amount for effect in stripe_double.captures(intent)] == [12_345]
    charge: Any = stripe_client.v1.charges.retrieve(
        str(done.latest_charge), {"expand": ["balance_transaction"]}
    )
    assert (charge.amount, charge.amount_captured, charge.amount_refunded) == (
        30_000, 12_345, 17_655,
    )  # fmt: skip
    # 1.5 % of 123.45 is 1.85175, and 1.80
    assert (charge.balance_transaction.fee, charge.balance_transaction.net) == (365, 11_980)


def test_a_hold_is_cancelled_once_and_nothing_is_left(
    stripe_double: Double, stripe_client: Client
) -> None:
    intent = held(stripe_double, stripe_client)
    assert [hold.amount for hold in stripe_double.open_holds()] == [30_000]
    cancel = stripe_client.v1.payment_intents.cancel
    assert cancel(intent).status == "canceled"
    assert stripe_double.open_holds() == []
    assert refusal(cancel, intent).code == "payment_intent_unexpected_state"
    assert refusal(stripe_client.v1.payment_intents.capture, intent).http_status == 400
    assert stripe_double.captures() == []


def test_a_hold_ends_by_itself_after_seven_days(
    stripe_double: Double, stripe_client: Client
) -> None:
    intent = held(stripe_double, stripe_client)
    stripe_double.clock.advance(7 * DAY - 60)
    assert stripe_double.open_holds()[0].age >= 7 * DAY - 60
    stripe_double.clock.advance(61)
    found = stripe_client.v1.payment_intents.retrieve(intent)
    assert (found.status, found.amount_capturable) == ("canceled", 0)
    types = [event.type for event in stripe_client.v1.events.list().data]
    assert types[:2] == ["payment_intent.canceled", "charge.expired"]


def test_an_intent_of_an_open_checkout_is_not_cancelled(
    stripe_double: Double, stripe_client: Client
) -> None:
    session = stripe_client.v1.checkout.sessions.create(checkout())
    assert stripe_double.pay(session.id, "4000000000000002").status == "refused"
    intent = stripe_client.v1.checkout.sessions.retrieve(session.id).payment_intent
    error = refusal(stripe_client.v1.payment_intents.cancel, intent)
    assert error.code == "payment_intent_unexpected_state"
    stripe_client.v1.checkout.sessions.expire(session.id)
    assert stripe_double.intent(str(intent))["status"] == "canceled"
    assert "expired" in str(refusal(stripe_client.v1.checkout.sessions.expire, session.id))


def test_a_checkout_nobody_pays_expires(stripe_double: Double, stripe_client: Client) -> None:
    session = stripe_client.v1.checkout.sessions.create(checkout())
    stripe_double.clock.advance(1831)
    found = stripe_client.v1.checkout.sessions.retrieve(session.id)
    assert (found.status, found.url, found.payment_intent) == ("expired", None, None)


# -- saved cards --------------------------------------------------------------------------------


def saved(double: Double, client: Client, card: str) -> tuple[str, str]:
    """A customer and the card it has saved."""
    customer = client.v1.customers.create({"email": "dave@example.org"})
    session = client.v1.checkout.sessions.create(
        {"mode": "setup", "currency": "sek", "customer": customer.id,
         "success_url": "http://kilowatch.test/done"}
    )  # fmt: skip
    assert double.pay(session.id, card).status == "paid"
    intent = client.v1.setup_intents.retrieve(str(session.setup_intent))
    assert intent.status == "succeeded"
    methods = client.v1.customers.payment_methods.list(customer.id, {"type": "card"}).data
    assert [method.id for method in methods] == [intent.payment_method]
    return customer.id, methods[0].id


def later(customer: str, method: str, **more: Any) -> Any:
    return {"amount": 5_000, "currency": "sek", "customer": customer, "payment_method": method,
            "confirm": True, "off_session": True, **more}  # fmt: skip


def test_a_saved_card_is_charged_later(stripe_double: Double, stripe_client: Client) -> None:
    customer, method = saved(stripe_double, stripe_client, "4242424242424242")
    done = stripe_client.v1.payment_intents.create(later(customer, method))
    assert (done.status, done.amount_received) == ("succeeded", 5_000)
    # an asynchronous capture is booked a little later
    assert stripe_client.v1.charges.retrieve(str(done.latest_charge)).balance_transaction is None
    stripe_double.clock.advance(3)
    assert stripe_client.v1.charges.retrieve(str(done.latest_charge)).balance_transaction


@pytest.mark.parametrize(
    ("card", "code"),
    [("4000000000000341", "card_declined"), ("4000002500003155", "authentication_required")],
)
def test_a_saved_card_may_be_refused_later(
    stripe_double: Double, stripe_client: Client, card: str, code: str
) -> None:
    customer, method = saved(stripe_double, stripe_client, card)
    error = refusal(stripe_client.v1.payment_intents.create, later(customer, method))
    assert isinstance(error, stripe.CardError)
    assert (error.http_status, error.code) == (402, code)
    assert error.error
    assert error.error.payment_intent
    left = stripe_client.v1.payment_intents.retrieve(error.error.payment_intent.id)
    assert left.status == "requires_payment_method"
    assert left.last_payment_error
    assert left.last_payment_error.code == code


def test_a_card_is_charged_only_for_its_customer(
    stripe_double: Double, stripe_client: Client
) -> None:
    customer, method = saved(stripe_double, stripe_client, "4242424242424242")
    other = stripe_client.v1.customers.create().id
    create = stripe_client.v1.payment_intents.create
    assert refusal(create, later(other, method)).http_status == 400
    stripe_client.v1.payment_methods.detach(method)
    assert "may not be used again" in str(refusal(create, later(customer, method)))


# -- money back ---------------------------------------------------------------------------------


def captured(double: Double, client: Client, amount: int = 20_000, **more: Any) -> str:
    intent = held(double, client, **more)
    client.v1.payment_intents.capture(intent, {"amount_to_capture": amount})
    return intent


def test_refunds_never_exceed_what_was_captured(
    stripe_double: Double, stripe_client: Client
) -> None:
    intent = captured(stripe_double, stripe_client)
    refund = stripe_client.v1.refunds.create
    first = refund({"payment_intent": intent, "amount": 5_000})
    assert (first.status, first.amount) == ("succeeded", 5_000)
    error = refusal(refund, {"payment_intent": intent, "amount": 15_001})
    assert isinstance(error, stripe.InvalidRequestError)
    assert error.param == "amount"
    assert refund({"payment_intent": intent}).amount == 15_000
    assert refusal(refund, {"payment_intent": intent}).code == "charge_already_refunded"
    listed = stripe_client.v1.refunds.list({"payment_intent": intent}).data
    assert [one.amount for one in listed] == [15_000, 5_000]


def test_a_hold_is_not_refunded(stripe_double: Double, stripe_client: Client) -> None:
    intent = held(stripe_double, stripe_client)
    assert refusal(stripe_client.v1.refunds.create, {"payment_intent": intent}).http_status == 400


def test_a_refund_can_fail_later_and_the_money_comes_back(
    stripe_double: Double, stripe_client: Client
) -> None:
    intent = captured(stripe_double, stripe_client, card="4000000000005126")
    before = stripe_double.balance()
    refund = stripe_client.v1.refunds.create({"payment_intent": intent, "amount": 5_000})
    assert (refund.status, stripe_double.balance()) == ("succeeded", before - 5_000)
    stripe_double.clock.advance(61)
    failed = stripe_client.v1.refunds.retrieve(refund.id)
    assert (failed.status, stripe_double.balance()) == ("failed", before)
    assert failed.failure_balance_transaction
    assert stripe_client.v1.refunds.create({"payment_intent": intent}).amount == 20_000


def test_a_refund_can_be_pending_for_as_long_as_a_test_wants(
    stripe_double: Double, stripe_client: Client
) -> None:
    intent = captured(stripe_double, stripe_client)
    stripe_double.pend_refunds()
    refund = stripe_client.v1.refunds.create({"payment_intent": intent})
    stripe_double.clock.advance(DAY)
    assert stripe_client.v1.refunds.retrieve(refund.id).status == "pending"
    stripe_double.succeed_refund(refund.id)
    assert stripe_client.v1.refunds.retrieve(refund.id).status == "succeeded"


@pytest.mark.parametrize("won", [True, False])
def test_a_dispute_takes_money_and_fee_until_it_is_decided(
    stripe_double: Double, stripe_client: Client, won: bool
) -> None:
    intent = captured(stripe_double, stripe_client)
    before = stripe_double.balance()
    dispute = stripe_double.open_dispute(intent)
    assert stripe_double.balance() == before - 20_000 - 15_000
    error = refusal(stripe_client.v1.refunds.create, {"payment_intent": intent})
    assert error.code == "charge_disputed"
    evidence = {"evidence": {"uncategorized_text": "It charged."}}
    answered = stripe_client.v1.disputes.update(dispute["id"], evidence)
    assert answered.status == "under_review"
    stripe_double.close_dispute(dispute["id"], won=won)
    found = stripe_client.v1.disputes.list({"payment_intent": intent}).data[0]
    assert found.status == ("won" if won else "lost")
    assert stripe_double.balance() == (before if won else before - 35_000)


def test_the_dispute_card_is_disputed_after_its_capture(
    stripe_double: Double, stripe_client: Client
) -> None:
    intent = captured(stripe_double, stripe_client, card="4000000000000259")
    assert stripe_client.v1.disputes.list({"payment_intent": intent}).data == []
    stripe_double.clock.advance(61)
    assert len(stripe_client.v1.disputes.list({"payment_intent": intent}).data) == 1
    stripe_double.clock.advance(8 * DAY)
    assert stripe_client.v1.disputes.list({"payment_intent": intent}).data[0].status == "lost"


# -- the balance --------------------------------------------------------------------------------


def test_a_payout_is_the_sum_of_its_transactions(
    stripe_double: Double, stripe_client: Client
) -> None:
    for amount in (20_000, 12_345, 300):
        intent = captured(stripe_double, stripe_client, amount)
    stripe_client.v1.refunds.create({"payment_intent": intent, "amount": 100})
    assert stripe_client.v1.payouts.list().data == []
    balance = stripe_client.v1.balance.retrieve()
    assert balance.pending[0].amount == stripe_double.balance()
    stripe_double.clock.advance(3 * DAY)
    (payout,) = stripe_client.v1.payouts.list({"status": "paid"}).data
    listed = stripe_client.v1.balance_transactions.list({"payout": payout.id, "limit": 2})
    lines = list(listed.auto_paging_iter())
    assert [line.type for line in lines].count("payout") == 1
    assert len(lines) == 5
    assert sum(line.net for line in lines if line.type != "payout") == payout.amount
    assert sum(line.net for line in lines) == 0 == stripe_double.balance()


def test_fees_are_rounded_half_up() -> None:
    rules = Rules(fee_percent=Decimal("1.5"), fee_fixed=180)
    assert [rules.fee(amount) for amount in (300, 12_345, 33_300, 33_367)] == [185, 365, 680, 681]


def test_lists_go_in_pages(stripe_double: Double, stripe_client: Client) -> None:
    made = [stripe_client.v1.customers.create({"name": str(number)}).id for number in range(7)]
    page = stripe_client.v1.customers.list({"limit": 3})
    assert ([one.id for one in page.data], page.has_more) == (made[:3:-1], True)
    everyone = [one.id for one in page.auto_paging_iter()]
    assert everyone == made[::-1]
    back = stripe_client.v1.customers.list({"limit": 2, "ending_before": made[0]})
    assert [one.id for one in back.data] == [made[2], made[1]]
    assert refusal(stripe_client.v1.customers.list, {"limit": 101}).http_status == 400


def test_a_past_is_written_with_its_payouts(stripe_double: Double, stripe_client: Client) -> None:
    now = stripe_double.clock.now()
    for days in range(10, 0, -1):
        stripe_double.seed_charge(f"pi_past{days}", 10_000, now - timedelta(days=days))
    assert stripe_double.webhooks.deliveries() == []
    payouts = stripe_client.v1.payouts.list({"limit": 100}).data
    assert len(payouts) == 9  # yesterday's is not available yet
    assert all(payout.amount == 10_000 - 330 for payout in payouts)
    oldest = stripe_client.v1.payment_intents.retrieve("pi_past10")
    assert (oldest.status, oldest.created) == (
        "succeeded", int((now - timedelta(days=10)).timestamp()),
    )  # fmt: skip
    # and time goes on for it
    stripe_double.clock.advance(4 * DAY)
    assert stripe_double.balance() == 0


def test_a_double_that_starts_again_finds_its_past(tmp_path: Any) -> None:
    path = tmp_path / "stripe.sqlite"
    start = Clock(datetime(2026, 3, 28, 12, tzinfo=UTC))
    with Double(database=path, clock=start) as double:
        (client,) = client_of(double)
        intent = held(double, client)
    with Double(database=path, clock=Clock(start.now() + timedelta(days=8))) as double:
        (client,) = client_of(double)
        assert double.intent(intent)["status"] == "canceled"
        assert double.captures() == []


class SharedClock:
    """Time that belongs to the test."""

    def __init__(self) -> None:
        self.at = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


def test_the_clock_can_be_someone_elses() -> None:
    clock = SharedClock()
    with Double(clock=clock) as double:
        (client,) = client_of(double)
        intent = held(double, client)
        assert double.intent(intent)["created"] == int(clock.at.timestamp())
        clock.at += timedelta(days=7, seconds=1)
        assert client.v1.payment_intents.retrieve(intent).status == "canceled"


CLASSES = {
    "checkout.session": stripe.checkout.Session, "payment_intent": stripe.PaymentIntent,
    "charge": stripe.Charge, "refund": stripe.Refund, "dispute": stripe.Dispute,
    "balance_transaction": stripe.BalanceTransaction, "payout": stripe.Payout,
    "customer": stripe.Customer, "payment_method": stripe.PaymentMethod,
    "setup_intent": stripe.SetupIntent, "event": stripe.Event,
}  # fmt: skip


def test_objects_have_no_names_that_stripe_does_not_know(
    stripe_double: Double, stripe_client: Client
) -> None:
    intent = captured(stripe_double, stripe_client)
    stripe_client.v1.refunds.create({"payment_intent": intent, "amount": 100})
    stripe_double.open_dispute(intent)
    saved(stripe_double, stripe_client, "4242424242424242")
    captured(stripe_double, stripe_client)
    stripe_double.clock.advance(3 * DAY)
    for kind, shape in CLASSES.items():
        for obj in stripe_double.objects(kind) or pytest.fail(f"no {kind}"):
            assert set(obj) - set(shape.__annotations__) == set(), kind
