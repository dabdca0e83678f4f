"""Every staff page over a year of 1,000 evses: how long the server takes for it, and how long until
it stands on the screen of a browser that knows its scripts, and of one that knows nothing."""

import http.client
import json
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from dashboard.auth import hash_password
from sql.database import Connection, connect
from tests.addresses import Address, addresses, layout_request
from tests.bench import scale_fill
from tests.bench.first_load import Load, loads
from tests.bench.report import Table
from tests.bench.rig import Database
from tests.bench.scale_fill import say
from tests.browser.web import Web, free_port

COUNT = 10_000_000  # readings
RUNS, WARM = 30, 5
SERVER_MS, COLD_MS, WARM_MS = 150, 3500, 1500
EMAIL, PASSWORD = "admin@example.org", "correct horse battery"
UPDATE = "/app/_dash-update-component"
# what each page is asked for besides its plain address
MORE = {
    "stations": ("?q={name}",),
    "payments": ("?q=4242",),
    "energy": ("?site={site}", "?range=12m"),
    "utilisation": ("?site={site}", "?range=12m"),
    "reliability": ("?site={site}", "?range=12m", "?range=12m&show=outages"),
    "sessions": ("?site={site}", "?range=12m"),
    "drivers": ("?site={site}", "?range=12m"),
    "revenue": ("?site={site}", "?range=12m"),
    "ledger": ("?site={site}",),
}


class Asked(NamedTuple):
    """One address of a page as the server answered it; bytes as JSON and on the wire."""

    address: Address
    p50_ms: float
    p95_ms: float
    text_bytes: int
    sent_bytes: int


def tables(base: Database, count: int = COUNT) -> list[Table]:
    """All pages on one web process, asked by one client at a time."""
    entries = min(scale_fill.ENTRIES, count // 2)
    year = scale_fill.begin(base.dsn, entries)
    say(f"{count:,} readings in {scale_fill.grow(year, count, 0):.0f} s")
    with connect(base.dsn) as connection:
        add_admin(connection)
        place_sites(connection)
        plain, asked = addresses(connection), wanted(connection)
    with Web(base.dsn, free_port()) as web:
        cookie = sign_in(web.port)
        served = [measured(web.port, cookie, address) for address in asked]
        found = loads(web.address, cookie, plain)
    return [server_table(served, count), load_table(found)]


def add_admin(connection: Connection) -> None:
    """Somebody who may see every page."""
    connection.execute(
        "INSERT INTO app_user (email, name, role, password_hash) VALUES (%s, 'Ada', 'admin', %s)",
        [EMAIL, hash_password(PASSWORD)],
    )


def place_sites(connection: Connection) -> None:
    """Somewhere in Sweden, so that maps have something to draw."""
    connection.execute(
        "UPDATE site SET latitude = 55.6 + site_id * 7 % 100 / 10.0,"
        " longitude = 12.5 + site_id * 3 % 50 / 10.0"
    )


def wanted(connection: Connection) -> list[Address]:
    """Each page's plain address, then one site, a year, and what else is asked of it."""
    row = connection.execute(
        "SELECT site_id, name FROM site JOIN station USING (site_id) ORDER BY 1 LIMIT 1"
    ).fetchone()
    assert row
    found = []
    for plain in addresses(connection):
        searches = ("", *MORE.get(plain.key, ()))
        found += [plain._replace(search=s.format(site=row[0], name=row[1])) for s in searches]
    return found


def sign_in(port: int) -> str:
    """The cookie of a session."""
    client = http.client.HTTPConnection("127.0.0.1", port)
    client.request("GET", "/login", headers={"Accept-Encoding": "identity"})
    answer = client.getresponse()
    text, cookie = answer.read().decode(), _cookie(answer)
    token = text.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    form = f"email={EMAIL}&password={PASSWORD.replace(' ', '+')}&csrf_token={token}"
    head = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"kilowatch={cookie}"}
    client.request("POST", "/login", form, head)
    answer = client.getresponse()
    answer.read()
    client.close()
    if answer.status != 302:
        raise SystemExit(f"nobody was let in: {answer.status}")
    return _cookie(answer)


def _cookie(answer: http.client.HTTPResponse) -> str:
    found = [value for value in answer.headers.get_all("Set-Cookie", []) if "kilowatch=" in value]
    return found[0].split("kilowatch=")[1].split(";")[0]


def measured(port: int, cookie: str, address: Address) -> Asked:
    """From the request's last byte to the answer's, over one connection that is kept."""
    client = http.client.HTTPConnection("127.0.0.1", port)
    ask = asker(client, cookie, address)
    plain = len(ask("identity"))
    times = []
    for run in range(WARM + RUNS):
        begun = time.perf_counter()
        sent = len(ask("gzip"))
        if run >= WARM:
            times.append(1000 * (time.perf_counter() - begun))
    client.close()
    p95 = statistics.quantiles(times, n=20)[18]
    say(f"{address}: p50 {statistics.median(times):.0f} ms, p95 {p95:.0f} ms, {plain:,} bytes")
    return Asked(address, statistics.median(times), p95, plain, sent)


def asker(
    client: http.client.HTTPConnection, cookie: str, address: Address
) -> Callable[[str], bytes]:
    """A function that asks for the page; it takes the encoding that is wanted."""
    body = json.dumps(layout_request(address))
    head = {"Content-Type": "application/json", "Cookie": f"kilowatch={cookie}; language=en"}

    def ask(encoding: str) -> bytes:
        client.request("POST", UPDATE, body, head | {"Accept-Encoding": encoding})
        answer = client.getresponse()
        data = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{address}: {answer.status} {data[:200]!r}")
        return data

    return ask


def server_table(served: list[Asked], count: int) -> Table:
    """The slowest first."""
    ordered = sorted(served, key=lambda one: -one.p95_ms)
    over = sum(one.p95_ms > SERVER_MS for one in served)
    rows: list[list[Any]] = [
        [str(one.address), f"{one.p50_ms:.0f}", f"{one.p95_ms:.0f}",
         f"{one.text_bytes / 1000:.0f}", f"{one.sent_bytes / 1000:.0f}"]
        for one in ordered
    ]  # fmt: skip
    rows.append([f"addresses over {SERVER_MS} ms", "", str(over), "", ""])
    columns = ["address", "p50 ms", "p95 ms", "kB of JSON", "kB sent"]
    return Table(f"Server time of {len(served)} addresses, {count:,} readings", columns, rows)


def load_table(found: list[Load]) -> Table:
    """From the address being entered to everything of the page being painted."""
    ordered = sorted(found, key=lambda one: -one.cold_ms)
    rows = [
        [str(one.address), f"{one.cold_ms:.0f}", f"{one.cold_bytes / 1000:.0f}",
         f"{one.warm_ms:.0f}", f"{one.warm_worst_ms:.0f}", f"{one.warm_bytes / 1000:.0f}",
         f"{one.warm_requests}"]
        for one in ordered
    ]  # fmt: skip
    cold = sum(one.cold_ms > COLD_MS for one in found)
    warm = sum(one.warm_worst_ms > WARM_MS for one in found)
    rows.append(["over the bar", str(cold), "", "", str(warm), "", ""])
    rows.append(["bar", str(COLD_MS), "", "", str(WARM_MS), "", ""])
    columns = ["address", "cold, worst ms", "kB", "warm, p50 ms", "worst ms", "kB", "requests"]
    return Table("First load in headless Chromium", columns, rows)
