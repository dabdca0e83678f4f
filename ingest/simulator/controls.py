"""Faults on demand: cut a site, refuse starts, freeze meters; and what of that is in force."""

from typing import Protocol


class Controlled(Protocol):
    """What the controls do to a station."""

    station_id: str
    site_id: str
    refuses_starts: bool

    def lose_contact(self, reason: str) -> None: ...
    def regain_contact(self, reason: str) -> None: ...
    def freeze_meters(self, is_frozen: bool) -> None: ...


class Controls:
    """Switches over a fleet. A target is a site or a station id; stations may come later."""

    def __init__(self) -> None:
        self._stations: dict[str, Controlled] = {}
        self._cut: set[str] = set()
        self._refusing: set[str] = set()
        self._frozen: set[str] = set()

    def attach(self, station: Controlled) -> None:
        """Put a station under these controls, with what is in force already."""
        self._stations[station.station_id] = station
        self._apply(station)

    def cut_site(self, site_id: str) -> None:
        """Take the site's line away: every socket breaks at once, cars charge on."""
        self._switch(self._cut, site_id, True)

    def restore_site(self, site_id: str) -> None:
        """Give the site its line back; its stations return and replay what happened."""
        self._switch(self._cut, site_id, False)

    def refuse_start(self, target: str) -> None:
        """Let the stations reject remote starts and start nothing for drivers either."""
        self._switch(self._refusing, target, True)

    def allow_start(self, target: str) -> None:
        """Let the stations start sessions again."""
        self._switch(self._refusing, target, False)

    def freeze_meter(self, target: str) -> None:
        """Stop the stations' registers while power flows on."""
        self._switch(self._frozen, target, True)

    def thaw_meter(self, target: str) -> None:
        """Let the registers count again, from where they froze."""
        self._switch(self._frozen, target, False)

    def in_force(self) -> list[tuple[str, str]]:
        """Return (``cut`` | ``refuse`` | ``freeze``, target) for everything switched on."""
        kinds = {"cut": self._cut, "refuse": self._refusing, "freeze": self._frozen}
        return [(kind, target) for kind, targets in kinds.items() for target in sorted(targets)]

    def _switch(self, targets: set[str], target: str, is_on: bool) -> None:
        (targets.add if is_on else targets.discard)(target)
        for station in self._stations.values():
            if target in {station.station_id, station.site_id}:
                self._apply(station)

    def _apply(self, station: Controlled) -> None:
        names = {station.station_id, station.site_id}
        station.refuses_starts = not names.isdisjoint(self._refusing)
        station.freeze_meters(not names.isdisjoint(self._frozen))
        if names.isdisjoint(self._cut):
            station.regain_contact("cut")
        else:
            station.lose_contact("cut")
