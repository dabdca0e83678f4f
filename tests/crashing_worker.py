"""The real billing worker in a process of its own, which kills itself (SIGKILL) at a named point.

`python tests/crashing_worker.py DSN BASE KEY [POINT]`; without a point it works for ever. Points:
`step:STATE:inside` (the transition's transaction is open), `step:STATE:after` (it is committed),
`call:NAME:claimed` (before Stripe is asked), `call:NAME:sent` (Stripe has done it, we have not
kept its answer), `call:NAME:kept`.
"""

import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from billing import outbox, payments
from billing.effects import Context
from billing.gateway import Gateway
from billing.worker import Worker
from sql.settings import Settings


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_in_steps(state: str, where: str) -> None:
    """At the transition into `state`."""
    move, step = payments._move, payments._step
    moved: list[str] = []

    def watched_move(connection: Any, p: Any, taken: Any, changes: Any, now: Any) -> None:
        move(connection, p, taken, changes, now)
        if taken.to == state and p.state != state:
            moved.append(state)
            if where == "inside":
                die()

    def watched_step(*given: Any) -> bool:
        more = step(*given)
        if moved:
            die()
        return more

    payments._move, payments._step = watched_move, watched_step


def die_in_calls(name: str, where: str) -> None:
    """At the call `name` (refund:7 is a refund) to Stripe."""
    patched: dict[str, tuple[Any, str]] = {
        "claimed": (outbox, "_perform"), "sent": (outbox, "_perform"), "kept": (outbox, "_keep"),
    }  # fmt: skip
    holder, attribute = patched[where]
    work: Callable[..., Any] = getattr(holder, attribute)

    def watched(*given: Any) -> Any:
        due = next(one for one in given if isinstance(one, outbox.Due))
        is_it = due.call.partition(":")[0] == name
        if is_it and where == "claimed":
            die()
        done = work(*given)
        if is_it:
            die()
        return done

    setattr(holder, attribute, watched)


def main(dsn: str, base: str, key: str, point: str = "") -> None:
    outbox.LEASE = timedelta(seconds=1)  # else the test would wait for a minute and a half
    kind, _, rest = point.partition(":")
    name, _, where = rest.partition(":")
    if kind == "step":
        die_in_steps(name, where)
    elif kind == "call":
        die_in_calls(name, where)
    gateway = Gateway(Settings(stripe_api_key=key, stripe_api_base=base))
    print("working", flush=True)  # noqa: T201
    Worker(dsn, gateway, Context("http://charge.example")).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
