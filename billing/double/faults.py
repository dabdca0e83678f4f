"""What goes wrong on demand, by endpoint."""

import threading
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

Kind = Literal["lose_answer", "refuse", "slow", "down"]


@dataclass
class Fault:
    """`pattern` is matched against "POST /v1/payment_intents/pi_1/capture"; `*` is anything.

    lose_answer: it is done, then the connection drops. refuse: answered with `status` before it is
    done (`remembered`: the idempotency key keeps that answer, as Stripe's keep a 500). slow: it
    takes `seconds`. down: the connection drops before anything is done. `times` is how often it
    strikes, None is until it is cleared.
    """

    pattern: str
    kind: Kind
    times: int | None = 1
    status: int = 500
    seconds: float = 0.0
    remembered: bool = False


class Faults:
    """A queue: the first fault that matches strikes, once per request."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(
        self, pattern: str, kind: Kind, *, times: int | None = 1, status: int = 500,
        seconds: float = 0.0, remembered: bool = False,
    ) -> Fault:  # fmt: skip
        """See `Fault`. Raises ValueError for a kind there is not."""
        if kind not in {"lose_answer", "refuse", "slow", "down"}:
            raise ValueError(f"no such fault: {kind}")
        fault = Fault(pattern, kind, times, status, seconds, remembered)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def waiting(self) -> list[Fault]:
        """Those that have not struck as often as they shall."""
        with self._lock:
            return list(self._faults)

    def strike(self, method: str, path: str) -> Fault | None:
        """The fault for this request, one time less."""
        with self._lock:
            for fault in self._faults:
                if fnmatchcase(f"{method} {path}", fault.pattern):
                    self._count(fault)
                    return fault
        return None

    def _count(self, fault: Fault) -> None:
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._faults.remove(fault)
