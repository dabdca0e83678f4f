"""A charger on a street, a driver who pays, and a billing worker without threads: every turn of it
happens when the test says so, on the test's clock."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.assignment import add_tariff, find_place
from billing.double import Double
from billing.effects import Context
from billing.gateway import Gateway
from billing.outbox import claim, look_again, send
from billing.payments import advance
from billing.webhooks import look, process
from ingest.decisions import apply_decisions
from sql.database import Connection, connect
from sql.queries import load_queries
from sql.settings import Settings

queries = load_queries("payments")
LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
TARIFF = {
    "id": "street", "currency": "SEK",
    "elements": [{"price_components": [
        {"type": "ENERGY", "price": Decimal("3.992"), "vat": 25, "step_size": 1}]}],
}  # fmt: skip
# what the indexes of `payment` call open
OVER = (
    "expired", "released", "settled", "written_off", "partly_refunded", "refunded",
    "dispute_won", "dispute_lost",
)  # fmt: skip
MOST_TURNS = 60


class Street:
    """One station with one evse in a database of its own, and Stripe's double."""

    def __init__(
        self, dsn: str, double: Double, tariff: dict[str, Any] = TARIFF, number: int = 1
    ) -> None:
        self.dsn, self.double = dsn, double
        self.station_id, self.code = f"S{number}", f"KX-{4171 + number}"
        self.connection: Connection = connect(dsn)
        self.gateway = Gateway(
            Settings(stripe_api_key=double.key, stripe_api_base=double.base,
                     stripe_webhook_secret=double.webhook_secret)
        )  # fmt: skip
        self.context = Context("http://charge.example")
        self.dice = random.Random(number)
        self.evse_key = self._build()
        add_tariff(
            self.connection, tariff, find_place(self.connection), datetime(2020, 1, 1, tzinfo=UTC)
        )
        (self.tariff_hash,) = self.row("SELECT hash FROM tariff")

    def close(self) -> None:
        self.connection.close()

    def row(self, query: str, *parameters: Any) -> Any:
        return self.connection.execute(query.encode(), parameters).fetchone()

    def rows(self, query: str, *parameters: Any) -> list[Any]:
        return self.connection.execute(query.encode(), parameters).fetchall()

    def run(self, query: str, *parameters: Any) -> None:
        self.connection.execute(query.encode(), parameters)

    @property
    def now(self) -> datetime:
        return self.double.clock.now()

    def _build(self) -> int:
        self.run("INSERT INTO site (operator_id, name) SELECT operator_id, 'Street' FROM operator"
                 " ON CONFLICT DO NOTHING")  # fmt: skip
        self.run("INSERT INTO station (station_id, site_id, is_online, ocpp_version,"
                 " contact_changed_at) SELECT %s, site_id, true, '2.0.1', %s FROM site",
                 self.station_id, self.now)  # fmt: skip
        (key,) = self.row(
            "INSERT INTO evse (station_id, evse_id, public_code, max_power_w)"
            " VALUES (%s, 1, %s, 400000) RETURNING evse_key", self.station_id, self.code,
        )  # fmt: skip
        self.run("INSERT INTO connector (evse_key, connector_id, status, status_at)"
                 " VALUES (%s, 1, 'Available', %s)", key, self.now)  # fmt: skip
        return int(key)

    # -- the driver ----------------------------------------------------------------------------

    def scan(self, hold: int = 30000) -> int:
        """Press Pay and start; the payment's number."""
        reference = "".join(self.dice.choices(LETTERS, k=4)) + "-" + "".join(
            self.dice.choices(LETTERS, k=3))  # fmt: skip
        (payment_id,) = self.row(
            "INSERT INTO payment (reference, channel, operator_id, evse_key, currency, hold,"
            " tariff_hash, price_shown_at, created_at, look_at, state_at)"
            " SELECT %s, 'guest', operator_id, %s, 'SEK', %s, %s, %s, %s, %s, %s FROM operator"
            " RETURNING payment_id",
            reference, self.evse_key, hold, self.tariff_hash, *[self.now] * 4,
        )  # fmt: skip
        return int(payment_id)

    def pay(self, payment_id: int, card: str = "4242424242424242") -> None:
        """On Checkout's page."""
        self.double.pay(self.payment(payment_id)["checkout_id"], card=card)

    def ready_to_charge(self, hold: int = 30000) -> int:
        """Scanned, paid, and the start is on its way to the station."""
        payment_id = self.scan(hold)
        self.settle()
        self.pay(payment_id)
        self.look(payment_id)
        self.settle()
        return payment_id

    def charged(self, wh: int = 20000, hold: int = 30000) -> int:
        """A whole session, paid for."""
        payment_id = self.ready_to_charge(hold)
        self.begin(payment_id)
        self.settle()
        self.measure(payment_id, wh)
        self.end(payment_id)
        self.settle()
        return payment_id

    # -- the station -----------------------------------------------------------------------------

    def answer(self, command_id: int, status: str = "Accepted") -> None:
        """What the station says to a command."""
        self.run(
            "UPDATE command SET status = 'answered', finished_at = now(),"
            " response = jsonb_build_object('status', %s::text) WHERE command_id = %s",
            status, command_id,
        )  # fmt: skip

    def begin(self, payment_id: int) -> int:
        """The session starts with the payment's token."""
        payment = self.payment(payment_id)
        self.answer(payment["start_command_id"])
        (session_id,) = self.row(
            "INSERT INTO session (operator_id, site_id, station_id, evse_id, evse_key,"
            " transaction_id, id_token, started_at, meter_start_wh, register_wh, register_at)"
            " SELECT s.operator_id, s.site_id, %s, 1, %s, %s, %s, %s, 1000, 1000, %s FROM site s"
            " RETURNING session_id",
            self.station_id, self.evse_key, f"t{payment_id}", payment["id_token"],
            self.now, self.now,
        )  # fmt: skip
        self.connector("Occupied", "Charging")
        return int(session_id)

    def measure(self, payment_id: int, wh: int, minutes: int = 10) -> None:
        """The car has drawn so many more Wh; time goes on first."""
        self.double.clock.advance(minutes * 60)
        (session_id,) = self.row("SELECT session_id FROM session WHERE transaction_id = %s",
                                 f"t{payment_id}")  # fmt: skip
        self.run(
            "INSERT INTO meter_value (evse_key, station_id, evse_id, measured_at, received_at,"
            " session_id, source, revision, reading_hash, energy_delta_wh) VALUES"
            " (%s, %s, 1, %s, %s, %s, 'meter', 0, %s, %s)",
            self.evse_key, self.station_id, self.now, self.now, session_id,
            self.dice.getrandbits(60), wh,
        )  # fmt: skip
        self.run("UPDATE session SET energy_wh = energy_wh + %s, register_wh = register_wh + %s,"
                 " register_at = %s, last_reading_at = %s, version = version + 1"
                 " WHERE session_id = %s", wh, wh, self.now, self.now, session_id)  # fmt: skip

    def end(self, payment_id: int) -> None:
        """The session ends, the cable comes out."""
        self.run(
            "UPDATE session SET ended_at = %s, meter_stop_wh = register_wh"
            " WHERE transaction_id = %s AND ended_at IS NULL", self.now, f"t{payment_id}",
        )  # fmt: skip
        self.connector("Available", None)

    def connector(self, status: str, charging_state: str | None) -> None:
        """What the connector says of itself."""
        self.run(
            "UPDATE connector SET status = %s, charging_state = %s, status_at = %s"
            " WHERE evse_key = %s", status, charging_state, self.now, self.evse_key,
        )  # fmt: skip

    def contact(self, is_online: bool) -> None:
        """Its connection comes or goes."""
        self.run("UPDATE station SET is_online = %s, contact_changed_at = %s"
                 " WHERE station_id = %s", is_online, self.now, self.station_id)  # fmt: skip

    # -- the worker --------------------------------------------------------------------------------

    def turn(self) -> int:
        """One turn: webhooks, every open payment, every call that is due; how much there was."""
        done = process(self.connection, self.now)
        look_again(self.connection, self.now)
        for (payment_id,) in self.rows("SELECT payment_id FROM payment ORDER BY payment_id"):
            advance(self.connection, payment_id, self.context, self.now)
        calls = claim(self.connection, self.now, 20)
        for due in calls:
            send(self.connection, self.gateway, due, self.now)
        return done + len(calls)

    def settle(self) -> None:
        """Turns until nothing more is due at this moment of the clock."""
        for _ in range(MOST_TURNS):
            if not self.turn():
                return
        raise AssertionError("the worker does not come to rest")

    def wait(self, seconds: float, step: float = 10) -> None:
        """Time goes on, and the worker with it."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            self.double.clock.advance(min(step, (end - self.now).total_seconds()))
            self.settle()

    def look(self, payment_id: int) -> None:
        """What a webhook about the payment would make the worker do."""
        look(self.connection, {"id": self.payment(payment_id)["checkout_id"]}, self.now)

    # -- people -----------------------------------------------------------------------------------

    def decide(self, session_id: int, decision: str, energy_wh: int | None = None) -> None:
        """Staff look at an implausible session; the job books what they say."""
        self.state_energy(session_id, decision, energy_wh)
        apply_decisions(self.connection, self.now)

    def state_energy(self, session_id: int, decision: str, energy_wh: int | None = None) -> None:
        """Staff have pressed the button, nothing more."""
        self.run(
            "INSERT INTO session_decision (session_id, decision, energy_wh, reasons, reason,"
            " decided_by, decided_at) VALUES (%s, %s, %s, ARRAY(SELECT reason FROM open_doubt"
            " WHERE session_id = %s), 'the display showed it', 'carin', %s)",
            session_id, decision, energy_wh, session_id, self.now,
        )  # fmt: skip

    # -- what is true ----------------------------------------------------------------------------

    def payment(self, payment_id: int) -> dict[str, Any]:
        cursor = self.connection.execute(
            "SELECT * FROM payment WHERE payment_id = %s", [payment_id]
        )
        found = cursor.fetchone()
        assert found is not None
        return dict(zip((column.name for column in cursor.description or ()), found, strict=True))

    def state(self, payment_id: int) -> str:
        return str(self.payment(payment_id)["state"])

    def trail(self, payment_id: int) -> list[str]:
        return [row[0] for row in self.rows("SELECT to_state FROM payment_event"
                " WHERE payment_id = %s ORDER BY state_version", payment_id)]  # fmt: skip

    def balance(self, account: str) -> int:
        (found,) = self.row("SELECT coalesce(sum(amount), 0)::bigint FROM entry"
                            " WHERE account = %s", account)  # fmt: skip
        return int(found)
