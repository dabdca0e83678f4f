"""The double's time: real by default, movable, or standing still."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class HasNow(Protocol):
    """What the double needs of a clock that someone else owns."""

    def now(self) -> datetime:
        """The instant, with a time zone."""


class Clock:
    """Real time plus what it was moved by; `Clock(at)` stands still until it is moved."""

    def __init__(self, at: datetime | None = None) -> None:
        self._still = at.astimezone(UTC) if at else None
        self._moved = timedelta()
        self.on_move: list[Callable[[], None]] = []

    def now(self) -> datetime:
        """UTC."""
        return (self._still or datetime.now(UTC)) + self._moved

    def advance(self, seconds: float) -> datetime:
        """Move it, let happen what is due by then, return the new instant."""
        return self.set(self.now() + timedelta(seconds=seconds))

    def set(self, instant: datetime) -> datetime:
        """As `advance`, to an instant with a time zone."""
        self._moved += instant - self.now()
        for happen in self.on_move:
            happen()
        return self.now()
