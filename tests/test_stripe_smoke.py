"""The smoke suite for Stripe's own test mode, run against the double so that it does not rot."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import stripe
from stripe_smoke import STEPS, smoke
from stripes import stripe_client, stripe_double

from billing.double import Double
from sql.settings import Settings

__all__ = ["stripe_client", "stripe_double"]
ROOT = Path(__file__).parents[1]


def run(double: Double) -> tuple[bool, list[str]]:
    said: list[str] = []
    settings = Settings(stripe_api_key=double.key, stripe_api_base=double.base)
    return smoke(settings, said.append, double.clock.now), said


def test_the_double_answers_every_step_as_stripe_must(stripe_double: Double) -> None:
    fine, said = run(stripe_double)
    assert fine, said
    assert [line[:5] for line in said[:-1]] == ["ok   "] * len(STEPS)
    assert stripe_double.open_holds() == []


@pytest.mark.parametrize(
    ("call", "step"),
    [
        ("POST /v1/checkout/sessions", "a guest gets a page"),
        ("POST /v1/payment_intents", "a card is held"),
        ("POST /v1/refunds", "a part of it is refunded"),
        ("GET /v1/balance_transactions", "the balance shows"),
    ],
)
def test_an_answer_that_is_not_as_expected_is_named(
    stripe_double: Double, call: str, step: str
) -> None:
    stripe_double.faults.add(call, "refuse", status=400)
    fine, said = run(stripe_double)
    assert not fine
    assert said[-1].startswith(f"WRONG  {step}")


def smoke_program(key: str | None) -> Any:
    environment = {n: v for n, v in os.environ.items() if n != "KILOWATCH_STRIPE_API_KEY"}
    if key is not None:
        environment["KILOWATCH_STRIPE_API_KEY"] = key
    command = [sys.executable, "-m", "tests.stripe_smoke"]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("key", [None, "", "sk_live_4eC39H", "rk_test_4eC39H"])
def test_without_a_test_key_it_says_so_in_one_line_and_asks_nobody(key: str | None) -> None:
    done = smoke_program(key)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "sk_test_..." in done.stderr
    assert "4eC39H" not in done.stderr


def test_a_test_card_by_name_can_be_confirmed_later_but_not_after_it_was_used(
    stripe_client: stripe.StripeClient,
) -> None:
    asked: Any = {"amount": 30_000, "currency": "sek", "payment_method": "pm_card_visa",
                  "allowed_payment_method_types": ["card"]}  # fmt: skip
    intents = stripe_client.v1.payment_intents
    intent = intents.create(asked)
    assert intent.status == "requires_confirmation"
    method = str(intent.payment_method)
    assert method.startswith("pm_")
    assert method != "pm_card_visa"
    assert intents.confirm(intent.id).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="previously used"):
        intents.create({**asked, "payment_method": method})


def test_a_deleted_customer_is_nobody_and_its_cards_are_useless(
    stripe_double: Double, stripe_client: stripe.StripeClient
) -> None:
    customers = stripe_client.v1.customers
    customer = customers.create({"email": "dave@example.org"}).id
    asked: Any = {"mode": "setup", "currency": "sek", "customer": customer,
                  "success_url": "http://kilowatch.test/"}  # fmt: skip
    stripe_double.pay(stripe_client.v1.checkout.sessions.create(asked).id)
    (method,) = stripe_client.v1.payment_methods.list({"customer": customer}).data
    assert customers.delete(customer).deleted
    assert customers.retrieve(customer).to_dict() == {
        "id": customer, "object": "customer", "deleted": True,
    }  # fmt: skip
    assert customers.list().data == []
    assert "dave@example.org" not in str(stripe_double.objects("customer"))
    for use in (lambda: customers.delete(customer), lambda: customers.update(customer, {})):
        with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
            use()
    with pytest.raises(stripe.InvalidRequestError, match="not attached"):
        stripe_client.v1.payment_methods.detach(method.id)
