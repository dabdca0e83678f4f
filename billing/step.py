"""What the machine can answer: one step, in words the executor knows. Pure."""

from datetime import datetime
from typing import Any

from msgspec import Struct

from billing.payment import ASK_STOP_AGAIN, Command


class Call(Struct, frozen=True):
    """Ask Stripe, once per payment and name; asking for it again changes nothing."""

    name: str
    parameters: dict[str, Any] = {}


class Review(Struct, frozen=True):
    """Put a row into the queue that people work on."""

    kind: str
    deadline_at: datetime | None = None
    evidence: dict[str, Any] = {}
    amount: int | None = None


class Step(Struct, frozen=True):
    """One transaction. `to` is the state after it (the same: only facts change); `effects` name
    what billing/effects.py does with it."""

    to: str
    why: str = ""
    changes: dict[str, Any] = {}
    calls: tuple[Call, ...] = ()
    effects: tuple[str, ...] = ()
    reviews: tuple[Review, ...] = ()


def release(why: str, *effects: str) -> Step:
    """Give back whatever is held, and end the token, so that no session begins any more."""
    return Step("releasing", why, {"failure": why}, effects=("end_token", *effects))


def may_ask_again(stop: Command, now: datetime) -> bool:
    """An answer that said no, none at all, or a session that just goes on: ask once more."""
    answered = stop.status not in ("queued", "claimed")
    return answered and now - stop.requested_at >= ASK_STOP_AGAIN
