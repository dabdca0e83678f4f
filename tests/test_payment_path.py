"""The whole way through every part: a phone pays on the charger's page, two billing workers talk to
Stripe's double, a station on a real socket starts, measures and stops, the page has the receipt."""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest
from flask.testing import FlaskClient
from paying import TARIFF
from stations import Csms, Payload, RawStation, ago, rows, serving, stamp
from web import web_app

from billing.assignment import add_tariff, find_place
from billing.double import Double
from billing.effects import Context
from billing.gateway import Gateway
from billing.webhooks import keep, read
from billing.worker import Worker
from sql.database import connect
from sql.settings import Settings

VERSIONS = ("1.6", "2.0.1")
WORKERS = 2  # as two processes would: every payment is seen by both
CODE = "KX-4172"
HOME = "http://charge.example"


class Town:
    """Stripe, two billing workers and the web part around one database."""

    def __init__(self, dsn: str, world: ExitStack) -> None:
        self.dsn = dsn
        self.double = world.enter_context(Double(webhook_sink=self.hear))
        self.settings = {"stripe_api_key": self.double.key, "stripe_api_base": self.double.base,
                         "stripe_webhook_secret": self.double.webhook_secret}  # fmt: skip
        with connect(dsn) as connection:
            add_tariff(connection, TARIFF, find_place(connection), datetime(2020, 1, 1, tzinfo=UTC))
        for _ in range(WORKERS):
            self._employ(world)
        app = world.enter_context(web_app(dsn, **self.settings))
        self.phone: FlaskClient = app.test_client()
        self.phone.environ_base["HTTP_ACCEPT_LANGUAGE"] = "sv"

    def _employ(self, world: ExitStack) -> None:
        worker = Worker(self.dsn, Gateway(Settings(**self.settings)), Context(HOME))
        thread = Thread(target=worker.run)
        thread.start()
        world.callback(thread.join)
        world.callback(worker.close)

    def hear(self, payload: bytes, signature: str) -> int:
        with connect(self.dsn) as connection:
            event = read(payload, signature, self.double.webhook_secret)
            keep(connection, event, datetime.now(UTC))
        return 200

    def page(self) -> str:
        return self.phone.get(f"/e/{CODE}").text

    def press_pay(self) -> str:
        """Choose the maximum that is suggested; the number of the Checkout page."""
        form = dict(re.findall(r'name="(\w+)"[^>]* value="([^"]*)"', self.page()))
        answer = self.phone.post(f"/e/{CODE}/pay", data=form | {"maximum": "300"})
        assert answer.status_code in (302, 303), answer.text
        return str(rows(self.dsn, "SELECT checkout_id FROM payment")[0][0])

    def press_stop(self) -> None:
        ((reference,),) = rows(self.dsn, "SELECT reference FROM payment")
        answer = self.phone.post(f"/e/{CODE}/stop", data={"reference": reference})
        assert answer.status_code in (302, 303), answer.text


@pytest.fixture
def town(plain_database: str) -> Iterator[Town]:
    with ExitStack() as world:
        yield Town(plain_database, world)


async def boot(csms: Csms, station: RawStation, version: str) -> None:
    rows(csms.dsn, "UPDATE evse SET public_code = %s WHERE evse_id = 1", CODE)
    rows(csms.dsn, "INSERT INTO site (operator_id, name) SELECT operator_id, 'Torg' FROM operator")
    rows(csms.dsn, "UPDATE station SET site_id = (SELECT site_id FROM site)")
    if version == "1.6":
        await station.call("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
    else:
        about = {"chargingStation": {"vendorName": "V", "model": "M"}, "reason": "PowerUp"}
        await station.call("BootNotification", about)
    await report(station, version, "Available")


async def report(station: RawStation, version: str, status: str) -> None:
    if version == "1.6":
        await station.call("StatusNotification", {"connectorId": 1, "status": status,
                           "errorCode": "NoError", "timestamp": stamp()})  # fmt: skip
    else:
        await station.call("StatusNotification", {"evseId": 1, "connectorId": 1,
                           "timestamp": stamp(), "connectorStatus": status})  # fmt: skip


class Session:
    """What the station says of one session, in the words of its version: it began an hour ago by
    the station's clock, or nobody would believe its register."""

    def __init__(self, station: RawStation, version: str, order: Payload) -> None:
        self.station, self.version, self.order = station, version, order
        self.seq_no = 0
        self.number: Any = "tx-1"

    async def start(self) -> None:
        if self.version == "1.6":
            answer = await self.station.call("StartTransaction", {
                "connectorId": 1, "idTag": self.order["idTag"], "meterStart": 1000,
                "timestamp": stamp(ago(minutes=60))})  # fmt: skip
            assert answer["idTagInfo"]["status"] == "Accepted"
            self.number = answer["transactionId"]
        else:
            await self.event("Started", 1000, ago(minutes=60), idToken=self.order["idToken"],
                             evse={"id": 1, "connectorId": 1})  # fmt: skip

    async def measure(self, wh: int) -> None:
        if self.version == "1.6":
            at = stamp(ago(minutes=20))
            value = {"timestamp": at, "sampledValue": [{"value": str(wh)}]}
            await self.station.call("MeterValues", {
                "connectorId": 1, "transactionId": self.number, "meterValue": [value]})  # fmt: skip
        else:
            await self.event("Updated", wh, ago(minutes=20))

    async def stop(self, wh: int) -> None:
        if self.version == "1.6":
            await self.station.call("StopTransaction", {
                "transactionId": self.number, "meterStop": wh, "timestamp": stamp(),
                "reason": "Remote"})  # fmt: skip
        else:
            await self.event("Ended", wh, ago(seconds=0), reason="Remote")

    async def event(self, kind: str, wh: int, at: datetime, **more: Any) -> None:
        info: Payload = {"transactionId": self.number, "chargingState": "Charging"}
        if "reason" in more:
            info |= {"stoppedReason": more.pop("reason"), "chargingState": "Idle"}
        value = {"timestamp": stamp(at), "sampledValue": [{
            "value": wh, "measurand": "Energy.Active.Import.Register"}]}  # fmt: skip
        self.seq_no += 1
        await self.station.call("TransactionEvent", {
            "eventType": kind, "timestamp": stamp(at), "triggerReason": "RemoteStart",
            "seqNo": self.seq_no, "transactionInfo": info, "meterValue": [value],
            **more})  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
async def test_from_the_qr_code_to_the_receipt(
    town: Town, async_eventually_plain: Callable[..., Any], version: str
) -> None:
    async with serving(town.dsn, "S1") as csms, csms.station("S1", version) as station:
        await boot(csms, station, version)
        checkout_id = await asyncio.to_thread(town.press_pay)
        await asyncio.to_thread(town.double.pay, checkout_id)
        action, order = await station.order()
        assert action in ("RemoteStartTransaction", "RequestStartTransaction")
        session = Session(station, version, order)
        await session.start()
        await async_eventually_plain("SELECT 1 FROM payment WHERE state = 'charging'")
        await session.measure(11_000)
        await async_eventually_plain("SELECT 1 FROM payment WHERE cost = 4990")
        assert "49,90" in await asyncio.to_thread(town.page)
        await asyncio.to_thread(town.press_stop)
        while not action.endswith("StopTransaction"):
            action, _ = await station.order()
        await session.stop(13_000)
        await async_eventually_plain("SELECT 1 FROM payment WHERE state = 'settled'")
    ((gross, captured, held, energy_wh),) = rows(
        town.dsn, "SELECT gross, captured, held, energy_wh FROM payment")  # fmt: skip
    assert (gross, captured, held, energy_wh) == (5988, 5988, 0, 12_000)
    assert town.double.open_holds() == []
    page = await asyncio.to_thread(town.page)
    assert "59,88" in page
    (link,) = set(re.findall(r'href="(/receipt/[^"?]+)"', page))
    assert "59,88" in (await asyncio.to_thread(town.phone.get, link)).text


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_station_that_refuses_the_start_costs_nothing(
    town: Town, async_eventually_plain: Callable[..., Any], version: str
) -> None:
    async with serving(town.dsn, "S1") as csms, csms.station("S1", version) as station:
        station.obey = lambda _action, _payload: {"status": "Rejected"}
        await boot(csms, station, version)
        checkout_id = await asyncio.to_thread(town.press_pay)
        await asyncio.to_thread(town.double.pay, checkout_id)
        await async_eventually_plain("SELECT 1 FROM payment WHERE released_at IS NOT NULL")
    assert town.double.open_holds() == []
    assert "Du betalar inget" in await asyncio.to_thread(town.page)


@pytest.fixture
def async_eventually_plain(plain_database: str) -> Callable[..., Any]:
    """`await ..(query)`: until the payment is as the query wants it."""

    def wait(query: str) -> None:
        with connect(plain_database) as connection:
            connection.execute("LISTEN payment")
            for _ in range(100):
                if connection.execute(query.encode()).fetchone():
                    return
                list(connection.notifies(timeout=0.5, stop_after=1))
            found = connection.execute("SELECT state, failure, cost FROM payment").fetchall()
            pytest.fail(f"{query}: {found}")

    async def later(query: str) -> None:
        await asyncio.to_thread(wait, query)

    return later
