"""The street of tests/paying.py with drivers who have an account: cards, tags, sessions."""

from typing import Any

from paying import Street

from billing import cards
from billing.ended import take_ended
from billing.invoice_payments import book_noted
from billing.statements import month_papers

DECLINED_LATER = "4000000000000341"
ASKS_EVERY_TIME = "4000002760003184"


class Members(Street):
    """What registered drivers, their companies and the worker do."""

    def driver(self, email: str = "dave@example.org", company_id: int | None = None) -> int:
        (driver_id,) = self.row(
            "INSERT INTO driver (email, company_id) VALUES (%s, %s) RETURNING driver_id",
            email, company_id,
        )  # fmt: skip
        return int(driver_id)

    def tag(self, driver_id: int | None, number: str = "04A1B2C3") -> str:
        self.run(
            "INSERT INTO id_token (id_token, driver_id, linked_at) VALUES (%s, %s, %s)",
            number, driver_id, self.now,
        )  # fmt: skip
        return number

    def company(self, name: str = "Bolaget AB") -> int:
        (company_id,) = self.row(
            "INSERT INTO company (operator_id, name, email, organisation_number, created_at)"
            " SELECT operator_id, %s, 'faktura@bolaget.example', '556000-0001', %s FROM operator"
            " RETURNING company_id", name, self.now,
        )  # fmt: skip
        return int(company_id)

    def ask_for_card(self, driver_id: int) -> int:
        """Press Save a card: its page is made."""
        (card_setup_id,) = self.row(
            "INSERT INTO card_setup (driver_id, language, created_at) VALUES (%s, 'sv', %s)"
            " RETURNING card_setup_id", driver_id, self.now,
        )  # fmt: skip
        self.settle()
        return int(card_setup_id)

    def save_card(self, driver_id: int, card: str = "4242424242424242") -> None:
        """On Stripe's page, and the worker hears of it."""
        number = self.ask_for_card(driver_id)
        (checkout_id,) = self.row(
            "SELECT checkout_id FROM card_setup WHERE card_setup_id = %s", number
        )
        self.double.pay(checkout_id, card=card)
        cards.look(self.connection, {"id": checkout_id}, self.now)
        self.settle()

    def member(self, card: str | None = "4242424242424242", **more: Any) -> int:
        """A driver with a tag and, if one is named, a saved card."""
        driver_id = self.driver(**more)
        self.tag(driver_id, f"TAG{driver_id:05}")
        if card:
            self.save_card(driver_id, card)
        return driver_id

    def session(self, token: str | None, wh: int = 20_000, minutes: int = 10) -> int:
        """Plugged in, charged, ended; nobody has looked at it yet."""
        name = f"r{self.dice.getrandbits(40)}"
        (session_id,) = self.row(
            "INSERT INTO session (operator_id, site_id, station_id, evse_id, evse_key,"
            " transaction_id, id_token, driver_id, started_at, meter_start_wh, register_wh,"
            " register_at) SELECT s.operator_id, s.site_id, 'S1', 1, %s, %s, %s,"
            " (SELECT driver_id FROM id_token WHERE id_token = %s), %s, 1000, 1000, %s FROM site s"
            " RETURNING session_id",
            self.evse_key, name, token, token, self.now, self.now,
        )  # fmt: skip
        self.measure(name.removeprefix("t"), wh, minutes)
        self.run("UPDATE session SET ended_at = %s, meter_stop_wh = register_wh"
                 " WHERE session_id = %s", self.now, session_id)  # fmt: skip
        return int(session_id)

    def measure(self, name: Any, wh: int, minutes: int = 10) -> None:
        """As a guest's by payment, ours by its transaction."""
        if isinstance(name, int):
            super().measure(name, wh, minutes)
            return
        self.double.clock.advance(minutes * 60)
        (session_id,) = self.row("SELECT session_id FROM session WHERE transaction_id = %s", name)
        self.run(
            "INSERT INTO meter_value (evse_key, station_id, evse_id, measured_at, received_at,"
            " session_id, source, revision, reading_hash, energy_delta_wh) VALUES"
            " (%s, 'S1', 1, %s, %s, %s, 'meter', 0, %s, %s)",
            self.evse_key, self.now, self.now, session_id, self.dice.getrandbits(60), wh,
        )  # fmt: skip
        self.run("UPDATE session SET energy_wh = energy_wh + %s, register_wh = register_wh + %s,"
                 " register_at = %s, last_reading_at = %s, version = version + 1"
                 " WHERE session_id = %s", wh, wh, self.now, self.now, session_id)  # fmt: skip

    def charge_unbilled(self, driver_id: int) -> None:
        """A session that makes no payment."""
        self.session(f"TAG{driver_id:05}")
        self.settle()

    def charge(self, driver_id: int, wh: int = 20_000) -> int:
        """A whole session of a driver's; the number of its payment."""
        session_id = self.session(f"TAG{driver_id:05}", wh)
        self.settle()
        return self.payment_of(session_id)

    def payment_of(self, session_id: int) -> int:
        (payment_id,) = self.row("SELECT payment_id FROM payment WHERE session_id = %s", session_id)
        return int(payment_id)

    def mails(self) -> list[tuple[str, str]]:
        """(kind, recipient), oldest first."""
        return [
            tuple(row) for row in self.rows("SELECT kind, recipient FROM mail ORDER BY mail_id")
        ]

    def turn(self) -> int:
        taken = take_ended(self.connection, self.now)
        cards.request_due(self.connection, self.context.public_url, self.now)
        book_noted(self.connection, self.now)
        return taken + super().turn()

    def next_month(self) -> None:
        """Some hours into the next month, and its papers are made."""
        (left,) = self.row(
            "SELECT extract(epoch FROM book_time((date_trunc('month', book_day(%s))"
            " + interval '1 month')::date) - %s)::float8", self.now, self.now,
        )  # fmt: skip
        self.double.clock.advance(left + 3 * 3600)
        month_papers(self.connection, self.now)
        self.settle()

    def invoices(self) -> list[tuple[Any, ...]]:
        """(number, gross, paid, status), oldest first."""
        return self.rows("SELECT number, gross, paid, status FROM invoice ORDER BY invoice_id")

    def pay_invoice(self, invoice_id: int, amount: int) -> None:
        self.run(
            "INSERT INTO invoice_payment (invoice_id, amount, paid_at, noted_by)"
            " VALUES (%s, %s, %s, 'carin')", invoice_id, amount, self.now.date(),
        )  # fmt: skip
        self.settle()
