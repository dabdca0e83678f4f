"""What every public page knows: all places, their prices, who runs them. Kept for a moment."""

import threading
from time import monotonic
from typing import Any

from dashboard.deps import Deps
from dashboard.public.places import Evse, Place, bare_code, group, same_code
from sql.queries import load_queries

queries, driver_queries = load_queries("public"), load_queries("driver")
KEPT_SECONDS = 1.0
PRICES_KEPT_SECONDS = 15.0  # the page of one evse reads its own price anew
READING_SHARE = 0.05  # of the time; the pages that are open hear of changes by the live stream
Prices = dict[int, dict[str, Any]]


class Places:
    """All places, read at most once a second: any number of visitors costs one query.

    A network so large that reading takes long is read less often.
    """

    def __init__(self, deps: Deps) -> None:
        self._deps, self._lock = deps, threading.Lock()
        self._read_again_at, self._places, self._operator = 0.0, list[Place](), ""
        self._price_again_at, self._prices = 0.0, Prices()

    def all(self) -> list[Place]:
        with self._lock:
            if monotonic() >= self._read_again_at:
                self._read()
            return self._places

    def prices(self) -> Prices:
        """Rows of `evse_price` by evse_key."""
        with self._lock:
            if monotonic() >= self._price_again_at:
                self._read_prices()
            return self._prices

    def operator(self) -> str:
        self.all()
        return self._operator

    def evse(self, code: str) -> tuple[Place, Evse] | None:
        """The evse with this code, as a person may type it."""
        pairs = ((place, evse) for place in self.all() for evse in place.evses)
        return next((pair for pair in pairs if same_code(pair[1].code, code)), None)

    def codes(self) -> dict[str, str]:
        """Codes without dashes -> codes as they stand on the chargers."""
        evses = (evse for place in self.all() for evse in place.evses)
        return {bare_code(evse.code): evse.code for evse in evses if evse.code}

    def _read(self) -> None:
        begun = monotonic()
        with self._deps.connection() as connection:
            self._places = group(queries.places(connection))
        self._operator = self._name()
        self._read_again_at = _again(begun, KEPT_SECONDS)

    def _read_prices(self) -> None:
        begun = monotonic()
        with self._deps.connection() as connection:
            self._prices = {row["evse_key"]: row for row in driver_queries.prices(connection)}
        self._price_again_at = _again(begun, PRICES_KEPT_SECONDS)

    def _name(self) -> str:
        with self._deps.pool.connection() as connection:
            return str(queries.operator_name(connection) or "Kilowatch")


def _again(begun: float, kept: float) -> float:
    now = monotonic()
    return now + max(kept, (now - begun) / READING_SHARE)
