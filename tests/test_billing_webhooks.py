"""POST /stripe/webhook over HTTP: what Stripe signed is kept once; anything else is refused, and
no webhook is ever taken for the truth."""

import json
import time
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from paying import Street

from billing.double import Double
from billing.double.signing import signature
from billing.webhooks import create_blueprint
from sql.database import connect

SECRET = "whsec_test"


@pytest.fixture
def street(plain_database: str) -> Iterator[Street]:
    with Double() as double:
        street = Street(plain_database, double)
        yield street
        street.close()


@pytest.fixture
def client(plain_database: str) -> FlaskClient:
    app = Flask("webhooks")
    app.register_blueprint(create_blueprint(lambda: connect(plain_database), SECRET))
    return app.test_client()


def event(event_id: str = "evt_1", **about: Any) -> bytes:
    thing = {"id": "pi_1", "object": "payment_intent", **about}
    given = {"id": event_id, "type": "payment_intent.succeeded", "created": int(time.time()),
             "data": {"object": thing}}  # fmt: skip
    return json.dumps(given).encode()


def post(client: FlaskClient, body: bytes, header: str | None = None) -> Any:
    if header is None:
        header = signature(body, [SECRET], int(time.time()))
    return client.post("/stripe/webhook", data=body, headers={"Stripe-Signature": header})


def kept(street: Street) -> list[Any]:
    return street.rows("SELECT event_id, deliveries FROM stripe_event ORDER BY 1")


def test_a_signed_event_is_kept_once_however_often_it_comes(
    client: FlaskClient, street: Street
) -> None:
    body = event()
    assert [post(client, body).status_code for _ in range(3)] == [200, 200, 200]
    assert kept(street) == [("evt_1", 3)]


@pytest.mark.parametrize(
    "header",
    ["", "t=1,v1=00", "nonsense", "v1=" + "0" * 64, "t=now,v1=" + "0" * 64],
)  # fmt: skip
def test_an_event_that_is_not_signed_is_refused_and_not_kept(
    client: FlaskClient, street: Street, header: str
) -> None:
    assert post(client, event(), header).status_code == 400
    assert kept(street) == []


def test_an_event_of_yesterday_is_refused(client: FlaskClient, street: Street) -> None:
    body = event()
    old = signature(body, [SECRET], int(time.time()) - 24 * 3600)
    assert post(client, body, old).status_code == 400
    assert kept(street) == []


def test_an_event_that_was_changed_on_the_way_is_refused(
    client: FlaskClient, street: Street
) -> None:
    header = signature(event(), [SECRET], int(time.time()))
    assert post(client, event(amount=1), header).status_code == 400
    assert kept(street) == []


def test_while_the_key_is_rolled_either_signature_will_do(
    client: FlaskClient, street: Street
) -> None:
    body = event()
    both = signature(body, ["whsec_next", SECRET], int(time.time()))
    assert post(client, body, both).status_code == 200


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'{"id": 7}', b'{"id": "evt"}', b"\xff"])
def test_signed_nonsense_is_refused_with_what_was_expected(
    client: FlaskClient, street: Street, body: bytes
) -> None:
    answer = post(client, body)
    assert answer.status_code == 400
    assert answer.text.strip()
    assert kept(street) == []


def test_a_zero_byte_in_an_event_does_no_harm(client: FlaskClient, street: Street) -> None:
    assert post(client, event(description="a\0b", metadata={"x": "\\u0000"})).status_code == 200
    assert len(kept(street)) == 1


def test_an_event_as_large_as_a_film_is_refused(client: FlaskClient) -> None:
    assert post(client, b"x" * 1_000_001, "t=1,v1=00").status_code == 413


def test_a_large_event_that_keeps_its_length_to_itself_is_refused(client: FlaskClient) -> None:
    body = BytesIO(b"x" * 5_000_000)
    answer = client.post(
        "/stripe/webhook", input_stream=body, environ_overrides={"wsgi.input_terminated": True},
        headers={"Transfer-Encoding": "chunked"},
    )  # fmt: skip
    assert answer.status_code == 413
    assert body.tell() < 2_000_000


def test_without_a_secret_nothing_is_taken(plain_database: str) -> None:
    app = Flask("webhooks")
    app.register_blueprint(create_blueprint(lambda: connect(plain_database), ""))
    assert post(app.test_client(), event()).status_code == 503


def test_an_event_about_somebody_elses_payment_changes_nothing(
    client: FlaskClient, street: Street
) -> None:
    payment_id = street.scan()
    street.settle()
    post(client, event(metadata={"reference": "XXXX-XX"}))
    street.settle()
    assert street.state(payment_id) == "awaiting_payment"
    assert street.row("SELECT count(*) FROM stripe_event WHERE processed_at IS NULL") == (0,)


def test_an_event_that_says_paid_is_only_a_reason_to_ask(
    client: FlaskClient, street: Street
) -> None:
    payment_id = street.scan()
    street.settle()
    reference = street.payment(payment_id)["reference"]
    post(client, event(metadata={"reference": reference}, status="requires_capture",
                       amount_capturable=30000))  # fmt: skip
    street.settle()
    assert street.state(payment_id) == "awaiting_payment"


def test_a_webhook_wakes_a_payment_that_was_paid(client: FlaskClient, street: Street) -> None:
    payment_id = street.scan()
    street.settle()
    street.pay(payment_id)
    post(client, event(metadata={"reference": street.payment(payment_id)["reference"]}))
    street.settle()
    assert street.state(payment_id) == "start_requested"
