"""Sites that a file speaks of: found, made, changed."""

from collections.abc import Iterable
from typing import Any

import msgspec

from ingest.importing.wanted import Place, merged
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("importing")

PLACE_FIELDS = tuple(name for name in Place.__struct_fields__ if name != "external_id")


class Sites:
    """The operator's sites: found by a source's number for them, else by name; made if need be."""

    def __init__(self, connection: Connection, operator_id: int, source: str) -> None:
        self._connection, self._operator_id, self._source = connection, operator_id, source
        self._known: dict[int, Place] = {}
        self._by_number: dict[str, int] = {}
        self._by_name: dict[str, int] = {}
        self._said: dict[str, tuple[int, Place]] = {}
        for site_id, external_id, *rest in queries.stored_sites(
            connection, operator_id=operator_id, source=source
        ):
            self._keep(site_id, external_id, Place(rest[0], external_id, *rest[1:]))

    def _keep(self, site_id: int, external_id: str | None, place: Place) -> None:
        self._known[site_id] = place
        self._by_name[(place.name or "").lower()] = site_id
        if external_id:
            self._by_number[external_id] = site_id

    def put(self, place: Place, current: int | None) -> tuple[int, list[str]]:
        """The site's number and what has changed of it. `current`: where the station is now."""
        key = place.external_id or (place.name or "").lower()
        if key in self._said:  # once a file, unless another row says more
            site_id, said = self._said[key]
            place = merged(said, place)
            if place == said:
                return site_id, []
        found = self._find(place, current)
        place = self._own_name(place, found)
        changes = self._changes(found, place)
        site_id = found if found is not None and not changes else self._write(found, place)
        self._said[key] = (site_id, place)
        return site_id, changes

    def _find(self, place: Place, current: int | None) -> int | None:
        if place.external_id is None:
            return self._by_name.get((place.name or "").lower())
        if place.external_id in self._by_number:
            return self._by_number[place.external_id]
        named = self._by_name.get((place.name or "").lower())
        for site_id in (current, named):
            if site_id in self._known and site_id not in self._by_number.values():
                return site_id
        return None

    def _own_name(self, place: Place, site_id: int | None) -> Place:
        """An operator has each name once: the second place of a name has its number beside it."""
        if place.external_id is None or not place.name:
            return place
        if self._by_name.get(place.name.lower(), site_id) == site_id:
            return place
        return msgspec.structs.replace(place, name=f"{place.name} ({place.external_id})")

    def _changes(self, site_id: int | None, place: Place) -> list[str]:
        if site_id is None:
            return [f"new site {place.name}"]
        return differences(self._known[site_id], place, PLACE_FIELDS, "site ")

    def _write(self, site_id: int | None, place: Place) -> int:
        values = {name: getattr(place, name) for name in PLACE_FIELDS}
        site_id = queries.put_site(
            self._connection, site_id=site_id, operator_id=self._operator_id, **values
        )
        assert site_id is not None  # noqa: S101 - one of its two halves always answers
        if place.external_id:
            queries.keep_site(
                self._connection, source=self._source, external_id=place.external_id,
                site_id=site_id,
            )  # fmt: skip
        old = self._known.get(site_id, Place())
        filled = {n: v if v is not None else getattr(old, n) for n, v in values.items()}
        self._keep(site_id, place.external_id, Place(external_id=place.external_id, **filled))
        return int(site_id)


def differences(old: Any, new: Any, names: Iterable[str], what: str = "") -> list[str]:
    """What a file says otherwise than it is stored."""
    return [
        f"{what}{name} {getattr(old, name)} -> {getattr(new, name)}"
        for name in names
        if getattr(new, name) not in (None, getattr(old, name))
    ]
