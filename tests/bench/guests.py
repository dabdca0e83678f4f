"""Guests and their chargers, as many at once as there are evses: they press Pay, give a card on the
hosted page, plug in, charge and leave. Everything else is Kilowatch's."""

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import msgspec

from sql.database import Connection, connect, sync_pool

HANDS = 8  # threads that act for guests and chargers
PATIENCE_SECONDS = 60.0  # without any news
LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
HOLD, ENERGY_WH = 30_000, 20_000
CARD = {"number": "4242 4242 4242 4242", "expiry": "12 / 34", "cvc": "123", "name": "Dave Driver",
        "email": "dave@example.org"}  # fmt: skip


class Evse(NamedTuple):
    evse_key: int
    station_id: str
    evse_id: int
    site_id: int


class Guest(msgspec.Struct):
    """One payment and its instants (seconds since 1970)."""

    evse: Evse
    payment_id: int = 0
    state: str = ""
    pressed_at: float = 0.0  # Pay
    page_at: float = 0.0  # the address of the page to pay on is known
    sent_at: float = 0.0  # the command to the station is committed
    ended_at: float = 0.0  # the session
    settled_at: float = 0.0


class Row(NamedTuple):
    payment_id: int
    state: str
    checkout_url: str | None
    start_command_id: int | None
    id_token: str | None
    failure: str | None


class Crowd:
    """`run` lets so many guests come, `a_second` of them, or whenever an evse is free."""

    def __init__(self, dsn: str, evses: list[Evse], tariff_hash: str) -> None:
        self.dsn, self.evses, self.tariff_hash = dsn, evses, tariff_hash

    def run(self, count: int, a_second: float | None, say: Callable[[str], object]) -> list[Guest]:
        """All of them, settled. Raises SystemExit: one was not."""
        with _hands(self.dsn) as hands, connect(self.dsn) as listener:
            listener.execute("LISTEN payment")
            return _Run(self, hands, listener, say).all(count, a_second)


Hands = Callable[..., Future[Any]]


@contextmanager
def _hands(dsn: str) -> Iterator[Hands]:
    with sync_pool(dsn, max_size=HANDS) as pool, ThreadPoolExecutor(HANDS) as threads:

        def act(work: Callable[..., Any], *given: Any) -> Any:
            with pool.connection() as connection:
                return work(connection, *given)

        yield lambda work, *given: threads.submit(act, work, *given)


class _Run:
    def __init__(
        self, crowd: Crowd, hands: Hands, listener: Connection, say: Callable[[str], object]
    ) -> None:
        self.crowd, self.hands, self.listener, self.say = crowd, hands, listener, say
        self.free = list(crowd.evses)
        self.here: dict[int, Guest] = {}
        self.coming: list[tuple[Future[Any], Guest]] = []
        self.acting: list[Future[Any]] = []
        self.gone: list[Guest] = []

    def all(self, count: int, a_second: float | None) -> list[Guest]:
        began = news_at = time.monotonic()
        shown, come = began, 0
        while len(self.gone) < count:
            due = count if a_second is None else int((time.monotonic() - began) * a_second) + 1
            while come < min(due, count) and self.free:
                self._come(self.free.pop(0))
                come += 1
            if self._look():
                news_at = time.monotonic()
            if time.monotonic() - news_at > PATIENCE_SECONDS:
                raise SystemExit(f"wrong: stuck: {list(self.here.values())[:5]}")
            if time.monotonic() - shown > 5:
                shown = time.monotonic()
                self.say(f"{len(self.gone)} of {count} settled")
        return self.gone

    def _come(self, evse: Evse) -> None:
        guest = Guest(evse, pressed_at=time.time())
        self.coming.append((self.hands(_press, self.crowd.tariff_hash, evse), guest))

    def _look(self) -> bool:
        """Wait a little for news of payments, and let everybody do what is theirs."""
        heard = {int(one.payload) for one in self.listener.notifies(timeout=0.02, stop_after=1)}
        at = time.time()
        heard |= {int(one.payload) for one in self.listener.notifies(timeout=0)}
        heard |= self._arrived()
        for row in _rows(self.listener, heard & self.here.keys()):
            self._go_on(self.here[row.payment_id], row, at)
        self.acting = [one for one in self.acting if not (one.done() and one.result() is None)]
        return bool(heard)

    def _arrived(self) -> set[int]:
        done = [pair for pair in self.coming if pair[0].done()]
        self.coming = [pair for pair in self.coming if not pair[0].done()]
        for pressed, guest in done:
            guest.payment_id = pressed.result()
            self.here[guest.payment_id] = guest
        return {guest.payment_id for _, guest in done}

    def _go_on(self, guest: Guest, row: Row, at: float) -> None:
        if row.state == guest.state:
            return
        guest.state = row.state
        if row.state == "awaiting_payment":
            guest.page_at = at
            self.acting.append(self.hands(_pay, str(row.checkout_url)))
        elif row.state == "start_requested":
            guest.sent_at = at
            self.acting.append(self.hands(_begin, guest.evse, row))
        elif row.state == "charging":
            self.acting.append(self.hands(_end, guest))
        elif row.state == "settled":
            guest.settled_at = at
            self.gone.append(self.here.pop(guest.payment_id))
            self.free.append(guest.evse)
        elif row.failure:
            raise SystemExit(f"wrong: payment {guest.payment_id}: {row.state}, {row.failure}")


def _rows(connection: Connection, payment_ids: set[int]) -> list[Row]:
    if not payment_ids:
        return []
    found = connection.execute(
        "SELECT payment_id, state, checkout_url, start_command_id, id_token, failure"
        " FROM payment WHERE payment_id = ANY(%s)",
        [list(payment_ids)],
    )
    return [Row(*row) for row in found]


def _press(connection: Connection, tariff_hash: str, evse: Evse) -> int:
    """Pay and start, as the public page writes it down."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(7))
    row = connection.execute(
        "INSERT INTO payment (reference, channel, operator_id, evse_key, currency, hold,"
        " tariff_hash, owner_hash, price_shown_at) VALUES (%s, 'guest', 1, %s, 'SEK', %s, %s, %s,"
        " now()) RETURNING payment_id",
        [f"{letters[:4]}-{letters[4:]}", evse.evse_key, HOLD, tariff_hash, secrets.token_bytes(32)],
    ).fetchone()
    assert row
    return int(row[0])


def pay(url: str) -> None:
    """The form of the hosted page, as a browser sends it. Raises SystemExit: it was not taken."""
    parts = urlsplit(url)
    browser = HTTPConnection(parts.netloc, timeout=30)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    browser.request("POST", parts.path, urlencode(CARD), headers)
    answer = browser.getresponse()
    browser.close()
    if answer.status != 303:
        raise SystemExit(f"wrong: the page to pay on answers {answer.status}")


def _pay(_connection: Connection, url: str) -> None:
    pay(url)


def _begin(connection: Connection, evse: Evse, row: Row) -> None:
    """The station takes the command, and the session begins; written as ingest does."""
    with connection.transaction():
        connection.execute(
            "UPDATE command SET status = 'answered', finished_at = now(),"
            ' response = \'{"status": "Accepted"}\' WHERE command_id = %s',
            [row.start_command_id],
        )
        connection.execute(
            "INSERT INTO session (operator_id, site_id, station_id, evse_id, evse_key,"
            " transaction_id, id_token, started_at, meter_start_wh, register_wh, register_at)"
            " VALUES (1, %s, %s, %s, %s, %s, %s, now(), 1000, 1000, now())",
            [evse.site_id, evse.station_id, evse.evse_id, evse.evse_key, f"t{row.payment_id}",
             row.id_token],
        )  # fmt: skip
        _tell(connection, evse, "Occupied", "Charging")


def _end(connection: Connection, guest: Guest) -> None:
    """A reading, the end, and the cable comes out."""
    evse, name = guest.evse, f"t{guest.payment_id}"
    with connection.transaction():
        connection.execute(
            "INSERT INTO meter_value (evse_key, station_id, evse_id, measured_at, received_at,"
            " session_id, source, reading_hash, energy_delta_wh) SELECT evse_key, station_id,"
            " evse_id, now(), now(), session_id, 'meter', session_id, %s FROM session"
            " WHERE station_id = %s AND transaction_id = %s",
            [ENERGY_WH, evse.station_id, name],
        )
        connection.execute(
            "UPDATE session SET energy_wh = %s, register_wh = 1000 + %s, register_at = now(),"
            " meter_stop_wh = 1000 + %s, first_reading_at = now(), last_reading_at = now(),"
            " ended_at = now(), version = version + 1"
            " WHERE station_id = %s AND transaction_id = %s",
            [*[ENERGY_WH] * 3, evse.station_id, name],
        )
        _tell(connection, evse, "Available", None)
    guest.ended_at = time.time()


def _tell(connection: Connection, evse: Evse, status: str, charging_state: str | None) -> None:
    connection.execute(
        "UPDATE connector SET status = %s, charging_state = %s, status_at = now()"
        " WHERE evse_key = %s",
        [status, charging_state, evse.evse_key],
    )
    connection.execute("SELECT pg_notify('evse', %s)", [str(evse.evse_key)])
