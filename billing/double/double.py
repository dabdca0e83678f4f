"""The double in this process: started in a thread, told what to do by the test."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from billing.double import (
    charges,
    checkout,
    confirming,
    control_http,
    disputes,
    hosted,
    intents,
    money,
    refunds,
)
from billing.double.api import Api, Request
from billing.double.clock import Clock, HasNow
from billing.double.control import Control
from billing.double.rules import Rules
from billing.double.server import Reply, Server
from billing.double.settings import KEY, SECRET
from billing.double.store import Store
from billing.double.webhooks import Sink, Webhooks
from billing.double.world import Action, World

_TICK_S = 0.5
ACTIONS: dict[str, Action] = {
    confirming.EXPIRE: intents.expire_hold,
    checkout.EXPIRE: checkout.expire_by_clock,
    money.PAYOUTS: money.pay_out,
    money.ARRIVE: money.arrive,
    money.LATE: money.late_balance,
    charges.DISPUTE: disputes.open_for_card,
    disputes.OVERDUE: disputes.overdue,
    disputes.DECIDE: disputes.decide,
    refunds.SUCCEED: lambda world, refund_id: void(refunds.succeed(world, refund_id)),
    refunds.FAIL: lambda world, refund_id: void(refunds.fail(world, refund_id)),
}


def void(_: object) -> None:
    """For an action whose result nobody wants."""


class Double(Control):
    """`with Double() as double: StripeClient(double.key, base_addresses={"api": double.base})`.

    `database` is a file that outlives it (default: memory). Webhooks go to `webhook_url`, or to
    `webhook_sink`, a callable that takes the body and the Stripe-Signature header. `clock` may be
    anything with `now()`; one with `on_move` makes happen what is due as soon as it is moved, for
    another it happens at the next request or within half a second.
    """

    def __init__(  # noqa: PLR0913 - all by name, all with a default
        self, *, database: Path | str = ":memory:", host: str = "127.0.0.1", port: int = 0,
        key: str = KEY, webhook_url: str = "", webhook_secret: str = SECRET,
        webhook_sink: Sink | None = None, clock: HasNow | None = None,
        rules: Rules | None = None, public_url: str = "",
    ) -> None:  # fmt: skip
        if not key.startswith("sk_test_"):
            raise ValueError("the double takes test keys only: sk_test_...")
        world = World(Store(str(database)), rules or Rules(), clock or Clock(), dict(ACTIONS))
        webhooks = Webhooks(world, webhook_url, webhook_secret, webhook_sink)
        super().__init__(world, Api(world, key), webhooks)
        self._server = Server(host, port, self._handle)
        self.port = int(self._server.server_address[1])
        self.base = f"http://{host}:{self.port}"
        world.public_url = public_url or self.base
        self._pages = hosted.Pages(world)
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._server.serve_forever, args=(0.05,), name="double-http"),
            threading.Thread(target=self.webhooks.run, name="double-webhooks"),
            threading.Thread(target=self._tick, name="double-clock"),
        ]

    def start(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """Break connections, end the threads, close the file."""
        self._stopping.set()
        self.api.rest.set()
        self.webhooks.stop()
        self._server.close()
        for thread in self._threads:
            thread.join()
        self.world.store.close()
        for mistake in self._server.mistakes:
            raise RuntimeError("the double itself has failed") from mistake

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.stop()

    def _tick(self) -> None:
        """What is due happens although nobody asks."""
        while not self._stopping.wait(_TICK_S):
            self.run_due()

    def _handle(self, request: Request) -> Reply:
        if request.path.startswith("/v1/"):
            answer = self.api.answer(request)
            return Reply(answer.status, answer.body, answer.headers)
        if request.path.startswith("/_double/"):
            return control_http.handle(self, request, self.port)
        return self._pages.handle(request)
