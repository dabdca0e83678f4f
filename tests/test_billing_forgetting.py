"""Personal data of guests goes after a while; what is still open, and the books, stay."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from paying import Street

from billing.double import Double
from billing.forgetting import ADDRESSES_KEPT, EVENTS_KEPT, forget
from billing.mails import queue_mail
from billing.webhooks import Event, keep, process


@pytest.fixture
def street(plain_database: str) -> Iterator[Street]:
    with Double() as double:
        street = Street(plain_database, double)
        yield street
        street.close()


def test_a_webhook_is_forgotten_once_it_was_looked_into_long_ago(street: Street) -> None:
    for name in ("evt_1", "evt_2"):
        keep(street.connection, Event(name, "charge.captured", 1, {"object": {}}), street.now)
        if name == "evt_1":
            process(street.connection, street.now)
    forget(street.connection, street.now + EVENTS_KEPT - timedelta(days=1))
    assert street.row("SELECT count(*) FROM stripe_event") == (2,)
    forget(street.connection, street.now + EVENTS_KEPT + timedelta(days=1))
    assert street.rows("SELECT event_id FROM stripe_event") == [("evt_2",)]


def test_a_guest_s_address_is_forgotten_and_the_receipt_kept(street: Street) -> None:
    payment_id = street.charged()
    street.run("UPDATE payment SET email = 'guest@example.org'")
    street.run('UPDATE outbox SET response = response || \'{"email": "guest@example.org"}\'')
    queue_mail(street.connection, "guest@example.org", "receipt", "sv", {}, "one")
    queue_mail(street.connection, "guest@example.org", "receipt", "sv", {}, "two")
    street.run("UPDATE mail SET sent_at = %s WHERE idempotency_key = 'one'", street.now)
    forget(street.connection, street.now + ADDRESSES_KEPT - timedelta(days=1))
    assert street.payment(payment_id)["email"] == "guest@example.org"
    forget(street.connection, street.now + ADDRESSES_KEPT + timedelta(days=1))
    assert street.payment(payment_id)["email"] is None
    assert street.row("SELECT count(*) FROM outbox WHERE response ->> 'email' <> ''") == (0,)
    assert ("one",) not in street.rows("SELECT idempotency_key FROM mail")
    assert ("two",) in street.rows("SELECT idempotency_key FROM mail")
    assert street.row("SELECT gross FROM receipt") == (9980,)
