"""A strict Stripe of one's own: `stripe_double`, and the SDK's client for it, `stripe_client`.

Import the fixtures into the test module. Webhooks go to `double.webhooks.sink` (a callable) or
`double.webhooks.url`, whichever a test sets; `double.deliver_all()` waits until they have gone.
"""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from billing.double import Double


@pytest.fixture
def stripe_double() -> Iterator[Double]:
    """Started on a free port, with a clock that runs and can be moved."""
    with Double() as double:
        yield double


@pytest.fixture
def stripe_client(stripe_double: Double) -> Iterator[stripe.StripeClient]:
    """The SDK, talking HTTP to it; a call is tried once."""
    yield from client_of(stripe_double)


def client_of(double: Double, retries: int = 0) -> Iterator[stripe.StripeClient]:
    http = stripe.RequestsClient(timeout=10)
    yield stripe.StripeClient(
        double.key, base_addresses={"api": double.base}, http_client=http,
        max_network_retries=retries,
    )  # fmt: skip
    http.close()


def checkout(amount: int = 30_000, now: float | None = None, **more: Any) -> Any:
    """Parameters of a Checkout that holds `amount` öre."""
    item = {"currency": "sek", "unit_amount": amount, "product_data": {"name": "Laddning"}}
    return {
        "mode": "payment",
        "success_url": "http://kilowatch.test/e/K?paid={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://kilowatch.test/e/K?back=1",
        "expires_at": int(now or time.time()) + 1830,
        "line_items": [{"price_data": item, "quantity": 1}],
        "payment_intent_data": {"capture_method": "manual", "metadata": {"reference": "8F3K-27"}},
        **more,
    }


def held(double: Double, client: stripe.StripeClient, amount: int = 30_000, **more: Any) -> str:
    """A driver has paid: the id of an intent that holds `amount`. `card` chooses the card."""
    card = more.pop("card", "4242424242424242")
    now = double.clock.now().timestamp()
    session = client.v1.checkout.sessions.create(checkout(amount, now, **more))
    assert double.pay(session.id, card).status == "paid"
    intent = client.v1.checkout.sessions.retrieve(session.id).payment_intent
    assert isinstance(intent, str)
    return intent
