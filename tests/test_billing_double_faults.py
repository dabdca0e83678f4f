"""What goes wrong at Stripe goes wrong at the double, on demand: answers, keys, webhooks."""

import json
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import stripe
from stripes import checkout, client_of, held, stripe_client, stripe_double

from billing.double import Double

__all__ = ["stripe_client", "stripe_double"]
Client = stripe.StripeClient
CAPTURE = "POST /v1/payment_intents/*/capture"
SECRET = "whsec_test"


# -- idempotency keys ---------------------------------------------------------------------------


def test_the_same_key_captures_once_and_answers_the_same(
    stripe_double: Double, stripe_client: Client
) -> None:
    intent = held(stripe_double, stripe_client)
    capture = stripe_client.v1.payment_intents.capture
    first, second = (
        capture(intent, {"amount_to_capture": 5_000}, {"idempotency_key": "k"}) for _ in range(2)
    )
    assert first.last_response
    assert second.last_response
    assert second.last_response.body == first.last_response.body
    assert second.last_response.headers["idempotent-replayed"] == "true"
    assert second.last_response.headers["original-request"] == first.last_response.request_id
    assert len(stripe_double.captures(intent)) == 1


def test_a_key_is_good_for_one_request_only(stripe_double: Double, stripe_client: Client) -> None:
    intent = held(stripe_double, stripe_client)
    intents = stripe_client.v1.payment_intents
    intents.capture(intent, {"amount_to_capture": 5_000}, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError, match="same parameters"):
        intents.capture(intent, {"amount_to_capture": 5_001}, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        intents.cancel(intent, {}, {"idempotency_key": "k"})


def test_an_error_is_remembered_but_a_wrong_parameter_is_not(
    stripe_double: Double, stripe_client: Client
) -> None:
    intent = held(stripe_double, stripe_client)
    intents = stripe_client.v1.payment_intents
    wrong: Any = {"amount": 1}
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter"):
        intents.capture(intent, wrong, {"idempotency_key": "k"})
    intents.capture(intent, {"amount_to_capture": 5_000}, {"idempotency_key": "k"})
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            intents.cancel(intent, {}, {"idempotency_key": "c"})
    assert caught.value.headers
    assert caught.value.headers["Idempotent-Replayed"] == "true"


def test_a_key_is_forgotten_after_a_day(stripe_double: Double, stripe_client: Client) -> None:
    make = stripe_client.v1.customers.create
    first = make({"name": "Dave"}, {"idempotency_key": "k"})
    stripe_double.clock.advance(86_000)
    assert make({"name": "Dave"}, {"idempotency_key": "k"}).id == first.id
    stripe_double.clock.advance(500)
    assert make({"name": "Dave"}, {"idempotency_key": "k"}).id != first.id


def test_a_key_in_flight_is_refused(stripe_double: Double, stripe_client: Client) -> None:
    asleep = threading.Event()

    class Rest(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            asleep.set()
            return super().wait(timeout)

    stripe_double.api.rest = Rest()
    stripe_double.faults.add("POST /v1/customers", "slow", seconds=60)
    make = stripe_client.v1.customers.create
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(make, {"name": "Dave"}, {"idempotency_key": "k"})
        assert asleep.wait(10)
        with pytest.raises(stripe.APIError) as caught:
            make({"name": "Dave"}, {"idempotency_key": "k"})
        stripe_double.api.rest.set()
        assert first.result().name == "Dave"
    assert caught.value.http_status == 409
    assert caught.value.error
    assert caught.value.error.code == "idempotency_key_in_use"


# -- faults -------------------------------------------------------------------------------------


def test_a_lost_answer_has_taken_effect(stripe_double: Double, stripe_client: Client) -> None:
    intent = held(stripe_double, stripe_client)
    stripe_double.faults.add(CAPTURE, "lose_answer")
    capture = stripe_client.v1.payment_intents.capture
    with pytest.raises(stripe.APIConnectionError):
        capture(intent, {"amount_to_capture": 5_000}, {"idempotency_key": "k"})
    assert [effect.amount for effect in stripe_double.captures(intent)] == [5_000]
    assert capture(intent, {"amount_to_capture": 5_000}, {"idempotency_key": "k"}).id == intent
    assert len(stripe_double.captures(intent)) == 1
    lost, replayed = stripe_double.journal("POST", "/capture")
    assert (lost.fault, replayed.fault, replayed.replayed) == ("lose_answer", None, True)


def test_the_sdk_gets_over_lost_answers_by_itself(stripe_double: Double) -> None:
    (client,) = client_of(stripe_double, retries=2)
    intent = held(stripe_double, client)
    stripe_double.faults.add(CAPTURE, "lose_answer", times=2)
    assert client.v1.payment_intents.capture(intent).status == "succeeded"
    assert len(stripe_double.captures(intent)) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [(500, stripe.APIError), (503, stripe.APIError), (429, stripe.RateLimitError)],
)
def test_a_refusal_has_no_effect(
    stripe_double: Double, stripe_client: Client, status: int, error: type[stripe.StripeError]
) -> None:
    intent = held(stripe_double, stripe_client)
    stripe_double.faults.add(CAPTURE, "refuse", status=status)
    capture = stripe_client.v1.payment_intents.capture
    with pytest.raises(error) as caught:
        capture(intent, {}, {"idempotency_key": "k"})
    assert caught.value.http_status == status
    assert stripe_double.captures(intent) == []
    assert capture(intent, {}, {"idempotency_key": "k"}).status == "succeeded"


def test_a_remembered_500_stays_until_the_key_is_forgotten(
    stripe_double: Double, stripe_client: Client
) -> None:
    intent = held(stripe_double, stripe_client)
    stripe_double.faults.add(CAPTURE, "refuse", status=500, remembered=True)
    capture = stripe_client.v1.payment_intents.capture
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            capture(intent, {}, {"idempotency_key": "k"})
    stripe_double.clock.advance(86_401)
    assert capture(intent, {}, {"idempotency_key": "k"}).status == "succeeded"


def test_a_double_that_is_down_does_nothing(stripe_double: Double, stripe_client: Client) -> None:
    stripe_double.faults.add("*", "down", times=None)
    with pytest.raises(stripe.APIConnectionError):
        stripe_client.v1.balance.retrieve()
    stripe_double.faults.clear()
    assert stripe_client.v1.balance.retrieve().object == "balance"


# -- webhooks -----------------------------------------------------------------------------------


class Inbox:
    """Receives webhooks as a callable; verifies each with the SDK."""

    def __init__(self) -> None:
        self.events: list[stripe.Event] = []
        self.answer = 200

    def __call__(self, payload: bytes, signature: str) -> int:
        event = stripe.Webhook.construct_event(payload, signature, SECRET)
        if self.answer == 200:
            self.events.append(event)
        return self.answer

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def told(inbox: Inbox) -> Iterator[Double]:
    """A double that tells `inbox`."""
    with Double(webhook_sink=inbox, webhook_secret=SECRET) as double:
        yield double


PAID = ["payment_intent.created", "charge.succeeded", "payment_intent.amount_capturable_updated",
        "checkout.session.completed"]  # fmt: skip


def test_webhooks_tell_what_happened_in_order(told: Double, inbox: Inbox) -> None:
    (client,) = client_of(told)
    intent = held(told, client)
    client.v1.payment_intents.capture(intent, {"amount_to_capture": 5_000})
    told.deliver_all()
    assert inbox.types == [*PAID, "charge.captured", "payment_intent.succeeded"]
    stored = client.v1.events.retrieve(inbox.events[-1].id)
    assert stored.data.object["amount_received"] == 5_000
    assert not any(name.startswith("_") for name in stored.data.object.to_dict())


def test_webhooks_can_be_held_and_come_in_any_order(told: Double, inbox: Inbox) -> None:
    (client,) = client_of(told)
    told.webhooks.hold()
    held(told, client)
    told.deliver_all()
    assert inbox.events == []
    sent = told.webhooks.release("random", seed=3)
    assert [event.id for event in inbox.events] == sent
    assert sorted(inbox.types) == sorted(PAID)
    assert inbox.types != PAID


def test_webhooks_can_be_lost_or_come_twice_or_again(told: Double, inbox: Inbox) -> None:
    (client,) = client_of(told)
    told.webhooks.drop("payment_intent.created")
    told.webhooks.duplicate("charge.*", copies=3)
    held(told, client)
    told.deliver_all()
    assert inbox.types == ["charge.succeeded"] * 3 + PAID[2:]
    assert len({event.id for event in inbox.events}) == 3
    told.webhooks.resend(inbox.events[-1].id)
    told.deliver_all()
    assert inbox.events[-1].id == inbox.events[-2].id


def test_delayed_webhooks_wait_for_deliver_all(told: Double, inbox: Inbox) -> None:
    (client,) = client_of(told)
    told.webhooks.delay(3600, "charge.succeeded")
    held(told, client)
    told.deliver_all()
    assert inbox.types == [*PAID[:1], *PAID[2:], "charge.succeeded"]


def test_webhooks_come_again_until_they_are_taken(told: Double, inbox: Inbox) -> None:
    (client,) = client_of(told)
    inbox.answer = 503
    held(told, client)
    told.deliver_all()
    inbox.answer = 200
    told.deliver_all()
    assert sorted(inbox.types) == sorted(PAID)  # in whatever order, as from Stripe
    (delivery,) = told.webhooks.deliveries("charge.succeeded")
    assert delivery.answers[-1] == 200
    assert set(delivery.answers[:-1]) == {503}


def test_a_rolled_secret_signs_twice_and_a_forged_one_is_noticed(
    told: Double, inbox: Inbox
) -> None:
    refused: list[str] = []

    def strict(payload: bytes, signature: str) -> int:
        try:
            return inbox(payload, signature)
        except stripe.SignatureVerificationError as error:
            refused.append(str(error))
            return 400

    told.webhooks.sink = strict
    told.webhooks.roll("whsec_new")
    assert told.webhook_secret == "whsec_new"
    told.webhooks.forge("payment_intent.succeeded", {"id": "pi_1", "object": "payment_intent"})
    told.deliver_all()
    assert inbox.types == ["payment_intent.succeeded"]
    told.webhooks.forge("payout.paid", {"id": "po_1", "object": "payout"}, "whsec_mallory")
    told.deliver_all()
    assert inbox.types == ["payment_intent.succeeded"]
    assert refused


def test_webhooks_go_over_http_too(stripe_double: Double, stripe_client: Client) -> None:
    arrived: list[Any] = []
    done = threading.Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            signature = self.headers["Stripe-Signature"]
            secret = stripe_double.webhook_secret
            arrived.append(stripe.Webhook.construct_event(body, signature, secret))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            done.set()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        stripe_double.webhooks.url = f"http://127.0.0.1:{server.server_port}/stripe/webhook"
        stripe_client.v1.customers.create({"name": "Dave"})
        assert done.wait(10)
        server.shutdown()
        thread.join()
    assert arrived[0].type == "customer.created"


# -- the control API ----------------------------------------------------------------------------


def control(double: Double, action: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", double.port, timeout=10)
    given = {"Content-Type": "application/json", **headers}
    connection.request("POST", f"/_double/{action}", json.dumps(body or {}), given)
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, answer


def test_the_control_api_does_what_the_methods_do(
    stripe_double: Double, stripe_client: Client
) -> None:
    session = stripe_client.v1.checkout.sessions.create(checkout())
    status, answer = control(stripe_double, "pay", {"checkout_id": session.id})
    assert (status, answer["result"]["status"]) == (200, "paid")
    assert control(stripe_double, "holds")[1]["result"][0]["amount"] == 30_000
    control(stripe_double, "clock", {"advance": 8 * 86_400})
    assert control(stripe_double, "holds")[1]["result"] == []
    control(stripe_double, "faults/add", {"pattern": "*", "kind": "refuse", "status": 503})
    with pytest.raises(stripe.APIError):
        stripe_client.v1.balance.retrieve()
    past = [{"intent_id": "pi_old", "amount": 5_000, "created_at": "2026-01-02T03:04:05+00:00"}]
    assert control(stripe_double, "seed", {"charges": past})[1]["result"] == {"seeded": 1}
    assert control(stripe_double, "captures", {"intent_id": "pi_old"})[1]["result"]


def test_the_control_api_is_for_this_machine_only(stripe_double: Double) -> None:
    assert control(stripe_double, "holds", Host="evil.example")[0] == 403
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert control(stripe_double, "holds", **form)[0] == 403
    assert control(stripe_double, "nothing")[0] == 404
    assert control(stripe_double, "pay", {"card": "1"})[0] == 400


# -- a program of its own -----------------------------------------------------------------------


def test_the_command_keeps_what_happened(run_program: Any, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from billing.double.cli import stripe_double as run; run()",
               "--port", "0", "--database", str(tmp_path / "stripe.sqlite")]  # fmt: skip
    made = ""
    for _ in range(2):
        program = run_program(command)
        base, key = (program.wait_for(name).partition("=")[2] for name in ("API_BASE", "API_KEY"))
        http = stripe.RequestsClient(timeout=10)
        client = Client(key, base_addresses={"api": base}, http_client=http)
        made = made or client.v1.customers.create({"name": "Dave"}).id
        assert client.v1.customers.retrieve(made).name == "Dave"
        http.close()
        assert program.end() == 0
