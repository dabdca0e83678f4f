"""What the live stream says in hours of traffic, second by second: the frames that the hub would
publish for a network that charges, fails and loses contact. Seeded, hence the same every time."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from dashboard.live import COLUMNS, INCIDENT, columns
from sql.database import Connection

READING_SECONDS, BEAT_SECONDS, TODAY_SECONDS = 60, 2, 10
FAULTS = ("ConnectorLockFailure", "GroundFailure", "HighTemperature")
# of a state: what may follow, and after how many seconds
NEXT: dict[str, tuple[tuple[str, ...], int, int]] = {
    "available": (("preparing",) * 18 + ("faulted", "unknown"), 300, 5400),
    "preparing": (("charging",), 10, 60),
    "charging": (("finished",) * 9 + ("suspended",), 600, 3600),
    "suspended": (("finished",), 60, 900),
    "finished": (("available",), 30, 600),
    "faulted": (("available",), 120, 3600),
    "unknown": (("available",), 60, 1800),
}

Frame = tuple[str, str]  # the event's name and its data


class Place(NamedTuple):
    evse_key: int
    station_id: str
    max_power_w: int
    site_id: int | None
    site: str | None


@dataclass
class Evse:
    """What an evse does now, and when it does something else."""

    place: Place
    state: str
    since: int
    until: int
    session_id: int | None = None
    energy_wh: int = 0

    def row(self, now: int, power_w: float | None) -> tuple[Any, ...]:
        """As COLUMNS has it."""
        charges = self.session_id is not None
        known: dict[str, Any] = {
            "evse_key": self.place.evse_key, "state": self.state, "state_since": self.since,
            "power_w": power_w, "energy_wh": self.energy_wh if charges else None,
            "soc_pct": min(95, 20 + self.energy_wh // 900) if charges else None,
            "session_id": self.session_id, "started_at": self.since if charges else None,
            "id_token": f"TAG{self.place.evse_key}" if charges else None,
            "error_code": FAULTS[self.place.evse_key % 3] if self.state == "faulted" else None,
            "charging_state": "Charging" if self.state == "charging" else None,
            "is_online": self.state != "unknown", "register_at": now if charges else None,
        }  # fmt: skip
        return tuple(known.get(name) for name in COLUMNS)


class Traffic:
    """The network from second `start` on; `frames(n)` is what the next n seconds say."""

    def __init__(self, places: list[Place], start: int, seed: int = 1) -> None:
        self.dice, self.now, self.sessions, self.energy_wh = random.Random(seed), start, 0, 0
        self.evses = [Evse(place, "available", start, start) for place in places]
        self.incidents: dict[int, dict[str, Any]] = {}
        for evse in self.evses:
            evse.until = start + self.dice.randrange(1, 3600)

    def frames(self, seconds: int) -> Iterator[list[Frame]]:
        """A list for each second."""
        for _ in range(seconds):
            self.now += 1
            yield list(self._second())

    def _second(self) -> Iterator[Frame]:
        incidents = len(self.incidents), max(self.incidents, default=0)
        rows = [row for evse in self.evses if (row := self._live(evse))]
        if rows:
            yield self._frame("evses", evses=columns(COLUMNS, rows))
        if incidents != (len(self.incidents), max(self.incidents, default=0)):
            yield self._frame("incidents", incidents=list(self.incidents.values()))
        if self.now % TODAY_SECONDS == 0:
            yield self._frame("today", today=self._today())
        if self.now % BEAT_SECONDS == 0:
            yield self._frame("beat")

    def _frame(self, event: str, **data: Any) -> Frame:
        return event, json.dumps({"at": self.now, **data})

    def _live(self, evse: Evse) -> tuple[Any, ...] | None:
        """Its row, if anything about it changed in this second."""
        if self.now >= evse.until:
            self._move(evse)
        elif evse.state != "charging" or (self.now - evse.since) % READING_SECONDS:
            return None
        power_w = None
        if evse.state == "charging":
            power_w = evse.place.max_power_w * self.dice.uniform(0.3, 0.9)
            evse.energy_wh += round(power_w * READING_SECONDS / 3600)
            self.energy_wh += round(power_w * READING_SECONDS / 3600)
        return evse.row(self.now, power_w)

    def _move(self, evse: Evse) -> None:
        choices, _, _ = NEXT[evse.state]
        self.incidents.pop(evse.place.evse_key, None)
        evse.state, evse.since = self.dice.choice(choices), self.now
        evse.until = self.now + self.dice.randrange(*NEXT[evse.state][1:])
        if evse.state == "charging":
            self.sessions += 1
            evse.session_id, evse.energy_wh = self.sessions, 0
        if evse.state in ("available", "faulted", "unknown"):
            evse.session_id = None
        if evse.state in ("faulted", "unknown"):
            self.incidents[evse.place.evse_key] = self._incident(evse)

    def _incident(self, evse: Evse) -> dict[str, Any]:
        kind = "faulted" if evse.state == "faulted" else "offline"
        return dict.fromkeys(INCIDENT) | {
            "incident_id": self.now * 1000 + evse.place.evse_key % 1000, "kind": kind,
            "severity": "high", "site_id": evse.place.site_id, "site": evse.place.site,
            "opened_at": self.now, "stations": 1, "evses": 1, "drivers": 0, "alerts": 1,
            "station_id": evse.place.station_id, "detail": {},
        }  # fmt: skip

    def _today(self) -> dict[str, Any]:
        counts = dict.fromkeys(("day_visits", "week_visits"), 10 + self.sessions)
        firsts = dict.fromkeys(("day_first_successes", "week_first_successes"), self.sessions)
        return {"energy_wh": self.energy_wh, "sessions": self.sessions, "currency": "SEK",
                "net": self.energy_wh // 3, "holds": self.now % 3, **counts, **firsts}  # fmt: skip


def places(connection: Connection) -> list[Place]:
    """All evses of a database."""
    rows = connection.execute(
        "SELECT evse_key, station_id, coalesce(max_power_w, 22000), site_id, site.name"
        " FROM evse JOIN station USING (station_id) LEFT JOIN site USING (site_id) ORDER BY 1"
    ).fetchall()
    return [Place(*row) for row in rows]
