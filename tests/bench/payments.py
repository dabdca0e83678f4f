"""Guests' payments from Pay to settled: web server, billing worker and Stripe's double as programs
of their own, over HTTP; and what the double alone could do."""

import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import psutil
import requests
import stripe

from billing.worker import SENDERS
from sql.database import Connection, connect
from tests.bench import rig, street
from tests.bench.guests import HOLD, Crowd, Evse, Guest, pay
from tests.bench.pricing import SIMPLE
from tests.bench.report import Table
from tests.bench.rig import Database
from tests.browser.web import free_port
from tests.stripe_smoke import guest_page

COUNT = 300
AT_ONCE = 32  # evses with a guest
QUIET = 0.25  # of the rate that was reached: how many come a second when waits are measured
KEY = "sk_test_bench"
STRIPE = {"KILOWATCH_STRIPE_API_KEY": KEY, "KILOWATCH_STRIPE_WEBHOOK_SECRET": "whsec_bench"}
IDS = re.compile(r"(cs_test|pi|ch|re)_[0-9A-Za-z]+")
NOWHERE = Evse(0, "", 0, 0)
WEB = """
from gevent import monkey
monkey.patch_all()
import app
from dashboard.server import serve
from sql.cli import settings
serve(settings(), app.make_server, lambda: print("ready", flush=True))
"""
WORKER = """
from billing.jobs import make_worker
from sql.cli import dsn_of, settings
given = settings()
print("ready", flush=True)
make_worker(given, dsn_of(given)).run()
"""


class Stage(NamedTuple):
    """The programs under test."""

    double: str  # its address
    programs: dict[str, psutil.Process]

    def cpu(self, base: Database) -> dict[str, float]:
        """Seconds so far, by program."""
        used = {name: rig.family_seconds(process) for name, process in self.programs.items()}
        return used | {"database": base.cpu_seconds()}


class Load(NamedTuple):
    """What so many payments took."""

    guests: list[Guest]
    seconds: float
    cpu: dict[str, float]

    @property
    def per_second(self) -> float:
        return len(self.guests) / self.seconds


def tables(base: Database, count: int = COUNT) -> list[Table]:
    with connect(base.dsn) as connection, stage(base) as programs:
        tariff_hash = street.build(connection, SIMPLE)
        crowd = Crowd(base.dsn, evses(connection), tariff_hash)
        warm = _load(base, programs, crowd, min(count, AT_ONCE))
        full = _load(base, programs, crowd, count)
        quiet = _load(base, programs, crowd, max(count // 4, 2), QUIET * full.per_second)
        done = sum(len(load.guests) for load in (warm, full, quiet))
        check(connection, programs.double, done)
        waits = _waits_table(connection, quiet, full)
        calls = {name: number / done for name, number in _calls(programs.double).items()}
    return [_rates_table(full, alone(calls, count), sum(calls.values())), waits]


@contextmanager
def stage(base: Database) -> Iterator[Stage]:
    """The double, telling the web server what happens; the worker, asking the double."""
    web_port = free_port()
    webhook = f"http://127.0.0.1:{web_port}/stripe/webhook"
    with ExitStack() as stack:
        address, process = stack.enter_context(double("--webhook-url", webhook))
        environment = STRIPE | {
            "KILOWATCH_DATABASE_URL": base.dsn,
            "KILOWATCH_DATA_DIR": str(base.folder),
            "KILOWATCH_WEB_PORT": str(web_port),
            "KILOWATCH_SECRET_KEY": rig.SECRET,
            "KILOWATCH_STRIPE_API_BASE": address,
        }
        programs = {"double": process}
        for name, code in (("web", WEB), ("worker", WORKER)):
            program = rig.program(["-c", code], environment, "ready")
            programs[name] = stack.enter_context(program)
        yield Stage(address, programs)


@contextmanager
def double(*more: str) -> Iterator[tuple[str, psutil.Process]]:
    port = free_port()
    command = ["app.py", "stripe-double", "--port", str(port), *more]
    with rig.program(command, STRIPE, "WEBHOOK_SECRET") as process:
        yield f"http://127.0.0.1:{port}", process


def evses(connection: Connection) -> list[Evse]:
    rows = connection.execute(
        "SELECT evse_key, station_id, evse_id, site_id FROM evse JOIN station USING (station_id)"
        " ORDER BY evse_key LIMIT %s",
        [AT_ONCE],
    )
    return [Evse(*row) for row in rows]


def _load(
    base: Database, programs: Stage, crowd: Crowd, count: int, a_second: float | None = None
) -> Load:
    pace = "as many as can be" if a_second is None else f"{a_second:.1f} a second"
    before, began = programs.cpu(base), time.monotonic()
    guests = crowd.run(count, a_second, lambda text: report(f"{text}, {pace}"))
    seconds, after = time.monotonic() - began, programs.cpu(base)
    report(f"{count} in {seconds:.1f} s, {pace}")
    return Load(guests, seconds, {name: after[name] - before[name] for name in after})


def report(text: str) -> None:
    sys.stderr.write(f"payments: {text}\n")


def check(connection: Connection, address: str, count: int) -> None:
    """Every payment is settled, and the books have what the double has. Raises SystemExit."""
    row = connection.execute(
        "SELECT count(*), sum(captured)::bigint, (SELECT sum(paid)::bigint FROM receipt),"
        " (SELECT sum(amount)::bigint FROM entry WHERE account = '1580') FROM payment"
        " WHERE state = 'settled'"
    ).fetchone()
    taken = [effect["amount"] for effect in control(address, "captures")]
    expected = (count, *[sum(taken)] * 3)
    if row != expected or len(taken) != count or control(address, "holds"):
        raise SystemExit(f"wrong: {row}, expected {expected}, {len(taken)} captures")


def control(address: str, action: str) -> Any:
    """What the double says of itself."""
    answer = requests.get(f"{address}/_double/{action}", timeout=60)
    answer.raise_for_status()
    return answer.json()["result"]


def _calls(address: str) -> Counter[str]:
    """How many calls of each kind there were."""
    entries = control(address, "journal")
    return Counter(f"{one['method']} {IDS.sub('{}', one['path'])}" for one in entries)


# -- the double alone ------------------------------------------------------------------------------


def alone(calls: dict[str, float], count: int) -> Load:
    """The same calls through the bare SDK by as many threads as the worker has, no webhooks."""
    if unknown := calls.keys() - ACTIONS.keys():
        raise SystemExit(f"wrong: the baseline can't {unknown}")
    with double() as (address, process), ThreadPoolExecutor(SENDERS) as threads:
        client = stripe.StripeClient(KEY, base_addresses={"api": address})
        began, cpu = time.monotonic(), rig.family_seconds(process)
        work = partial(_one, client, calls)
        guests = list(threads.map(work, range(count)))
        seconds = time.monotonic() - began
        report(f"{count} in {seconds:.1f} s, the double alone")
        return Load(guests, seconds, {"double": rig.family_seconds(process) - cpu})


def _one(client: stripe.StripeClient, calls: dict[str, float], number: int) -> Guest:
    """One payment's calls; of 2.5 of a kind in the mean it is two or three."""
    session = client.v1.checkout.sessions.create(guest_page(datetime.now(UTC)))  # type: ignore[arg-type]
    pay(str(session.url))
    intent = str(client.v1.checkout.sessions.retrieve(session.id).payment_intent)
    for name, mean in calls.items():
        times = int((number + 1) * mean) - int(number * mean) - (name in (CREATE, RETRIEVE))
        for _ in range(times):
            ACTIONS[name](client.v1, session.id, intent)
    return Guest(NOWHERE)


CREATE, RETRIEVE = "POST /v1/checkout/sessions", "GET /v1/checkout/sessions/{}"
EXPAND: Any = {"expand": ["latest_charge"]}
CAPTURE: Any = {"amount_to_capture": HOLD // 3, **EXPAND}
ACTIONS: dict[str, Callable[[Any, str, str], object]] = {
    CREATE: lambda _api, _session, _intent: None,
    RETRIEVE: lambda api, session, _intent: api.checkout.sessions.retrieve(session),
    "GET /v1/payment_intents/{}": lambda api, _, intent: api.payment_intents.retrieve(
        intent, EXPAND
    ),
    "POST /v1/payment_intents/{}/capture": lambda api, _, intent: api.payment_intents.capture(
        intent, CAPTURE
    ),
    "GET /v1/refunds": lambda api, _, intent: api.refunds.list({"payment_intent": intent}),
    "GET /v1/disputes": lambda api, _, intent: api.disputes.list({"payment_intent": intent}),
}


# -- tables ----------------------------------------------------------------------------------------


def _rates_table(full: Load, limit: Load, calls: float) -> Table:
    names = ["worker", "web", "database", "double"]
    columns = ["payments", "payments/s", *(f"{name} ms" for name in names)]
    rows = [
        [f"Kilowatch, {AT_ONCE} at once", f"{full.per_second:.1f}", *_each(full, names)],
        [f"the double alone, {SENDERS} at once", f"{limit.per_second:.1f}", *_each(limit, names)],
        ["**Kilowatch / the double alone**", f"**{full.per_second / limit.per_second:.2f}**",
         "", "", "", ""],
    ]  # fmt: skip
    title = f"{len(full.guests):,} guests' payments, {calls:.1f} calls to the API each"
    return Table(f"{title}; CPU per payment", columns, rows)


def _each(load: Load, names: list[str]) -> list[str]:
    count = len(load.guests)
    return [f"{1000 * load.cpu[name] / count:.1f}" if name in load.cpu else "" for name in names]


def _waits_table(connection: Connection, quiet: Load, full: Load) -> Table:
    found = [_waits(connection, load.guests) for load in (quiet, full)]
    rows = [[name, *(cell for waits in found for cell in _cells(waits[name]))] for name in WAITS]
    columns = ["from .. to"]
    for load in (quiet, full):
        columns += [f"p50 ms at {load.per_second:.1f}/s", "p95 ms"]
    return Table("What people wait for", columns, rows)


WAITS = (
    "Pay pressed .. address of the page to pay on",
    "webhook received .. start command committed",
    "session's end committed .. captured and booked",
)


def _waits(connection: Connection, guests: list[Guest]) -> dict[str, list[float]]:
    """In seconds."""
    told = dict(
        connection.execute(
            "SELECT p.payment_id, extract(epoch FROM min(e.received_at))::float8 FROM payment p"
            " JOIN stripe_event e ON e.payload #>> '{data,object,metadata,reference}' = p.reference"
            " WHERE p.payment_id = ANY(%s) GROUP BY p.payment_id",
            [[guest.payment_id for guest in guests]],
        ).fetchall()
    )
    pages = [guest.page_at - guest.pressed_at for guest in guests]
    starts = [guest.sent_at - told[guest.payment_id] for guest in guests]
    captures = [guest.settled_at - guest.ended_at for guest in guests]
    return dict(zip(WAITS, (pages, starts, captures), strict=True))


def _cells(seconds: list[float]) -> list[str]:
    p95 = statistics.quantiles(seconds, n=20)[18] if len(seconds) > 1 else seconds[0]
    return [f"{1000 * statistics.median(seconds):.0f}", f"{1000 * p95:.0f}"]
