"""Sites as drivers see them, and which of them match what a driver asks for. Pure."""

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from dashboard.states import driver_kind

# The driver's word for a plug, and the spellings stations and OCPI use for it.
PLUGS = {
    "ccs": ("CCS", {"IEC_62196_T2_COMBO", "IEC_62196_T1_COMBO", "cCCS1", "cCCS2"}),
    "t2": ("Type 2", {"IEC_62196_T2", "cType2", "sType2"}),
    "cha": ("CHAdeMO", {"CHADEMO", "cG105"}),
}
POWERS_KW = (0, 22, 50, 150)
KINDS = ("free", "busy", "idle", "fault", "closed", "unknown")  # the order of the small shapes
EARTH_M = 6_371_000
OTHER_PLUG_M = 5_000  # so much further a charger with the right plug may be


@dataclass(frozen=True)
class Evse:
    """One evse on the public pages. `plug` is a key of PLUGS, "" for any other."""

    key: int
    station_id: str
    evse_id: int
    code: str | None
    power_w: int | None
    state: str
    since: datetime | None
    charging_state: str | None
    plug: str

    @property
    def kind(self) -> str:
        return driver_kind(self.state)


@dataclass(frozen=True)
class Place:
    """A site and its evses. Without coordinates it is listed, but not on the map."""

    site_id: int
    name: str
    address: str
    city: str
    latitude: float | None
    longitude: float | None
    zone: str
    phone: str | None
    evses: tuple[Evse, ...]

    @property
    def position(self) -> tuple[float, float] | None:
        if self.latitude is None or self.longitude is None:
            return None
        return self.latitude, self.longitude

    def metres_to(self, other: tuple[float, float] | None) -> float | None:
        """Great-circle distance, None when either place is unknown."""
        if self.position is None or other is None:
            return None
        return metres_between(*self.position, *other)


@dataclass(frozen=True)
class Wish:
    """What a driver asks for; every field empty asks for everything."""

    text: str = ""
    plugs: tuple[str, ...] = ()
    at_least_kw: int = 0
    only_free: bool = False
    here: tuple[float, float] | None = None

    def wants(self, evse: Evse) -> bool:
        return (
            (not self.plugs or evse.plug in self.plugs)
            and (evse.power_w or 0) >= self.at_least_kw * 1000
            and (not self.only_free or evse.kind == "free")
        )

    @property
    def filters_evses(self) -> bool:
        return bool(self.plugs or self.at_least_kw or self.only_free)


@dataclass(frozen=True)
class Found:
    """A place that matches, its evses that match, and how far away it is (None: unknown)."""

    place: Place
    evses: tuple[Evse, ...]
    metres: float | None = None

    @property
    def free(self) -> int:
        return sum(evse.kind == "free" for evse in self.evses)

    @property
    def kind(self) -> str:
        """What the site's mark shows: free if any is, else in use, else out of reach."""
        kinds = [evse.kind for evse in self.evses]
        for kind, members in (("free", {"free"}), ("busy", {"busy", "idle"})):
            if members.intersection(kinds):
                return kind
        return max(set(kinds), key=kinds.count)

    @property
    def shapes(self) -> list[Evse]:
        return sorted(self.evses, key=lambda evse: KINDS.index(evse.kind))


def read_wish(arguments: Mapping[str, Any], plugs: Sequence[str]) -> Wish:
    """The query string as a wish; what makes no sense counts as not said."""
    kw = str(arguments.get("kw", ""))
    return Wish(
        text=str(arguments.get("q", "")).strip()[:80],
        plugs=tuple(plug for plug in PLUGS if plug in plugs),
        at_least_kw=int(kw) if kw.isdecimal() and int(kw) in POWERS_KW else 0,
        only_free=arguments.get("free") == "1",
        here=_position(str(arguments.get("lat", "")), str(arguments.get("lon", ""))),
    )


def _position(latitude: str, longitude: str) -> tuple[float, float] | None:
    try:
        found = float(latitude), float(longitude)
    except ValueError:
        return None
    return found if abs(found[0]) <= 85 and abs(found[1]) <= 180 else None


def group(rows: Iterable[Mapping[str, Any]]) -> list[Place]:
    """Rows of the query `places`, in its order, as places."""
    return [_place(list(rows_of_site)) for _, rows_of_site in groupby(rows, _site_id)]


def _site_id(row: Mapping[str, Any]) -> int:
    return int(row["site_id"])


def _place(rows: list[Mapping[str, Any]]) -> Place:
    site = rows[0]
    return Place(
        site_id=site["site_id"], name=site["name"], address=site["address"] or "",
        city=site["city"] or "", latitude=site["latitude"], longitude=site["longitude"],
        zone=site["time_zone"], phone=site["help_phone"], evses=tuple(_evse(row) for row in rows),
    )  # fmt: skip


def _evse(row: Mapping[str, Any]) -> Evse:
    return Evse(
        key=row["evse_key"], station_id=row["station_id"], evse_id=row["evse_id"],
        code=row["public_code"], power_w=row["max_power_w"], state=row["state"],
        since=row["state_since"], charging_state=row["charging_state"],
        plug=plug_of(row["standards"] or ()),
    )  # fmt: skip


def plug_of(standards: Iterable[str | None]) -> str:
    """The driver's word for an evse's connectors: the first that has one."""
    for standard in standards:
        for plug, (_, spellings) in PLUGS.items():
            if standard in spellings:
                return plug
    return ""


def find(places: Iterable[Place], wish: Wish) -> list[Found]:
    """Matching places: nearest first when the driver says where, else by name."""
    matching = []
    for place in places:
        evses = tuple(evse for evse in place.evses if wish.wants(evse))
        if evses and _says(place, wish.text):
            matching.append(Found(place, evses, place.metres_to(wish.here)))
    if wish.here:
        matching.sort(key=lambda found: math.inf if found.metres is None else found.metres)
    return matching


def _says(place: Place, text: str) -> bool:
    """Every word of the text is in the place's name, address, town or a code on its chargers."""
    if not text:
        return True
    codes = " ".join(evse.code or "" for evse in place.evses)
    said = folded(f"{place.name} {place.address} {place.city} {codes}")
    return all(word in said for word in folded(text).split())


def folded(text: str) -> str:
    """Lower case without accents: goteborg finds Göteborg."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def same_code(one: str | None, other: str) -> bool:
    """Codes are read off a sticker in the rain: case, blanks and dashes don't count."""
    return one is not None and bare_code(one) == bare_code(other)


def bare_code(code: str) -> str:
    return "".join(letter for letter in code.upper() if letter.isalnum())


def nearest_free(
    places: Iterable[Place], place: Place, but: Evse, at_most: int
) -> list[tuple[Evse, Place, float]]:
    """Free evses with a code, nearest first; another plug counts as a detour."""
    free = [
        (evse, other, metres)
        for other in places
        if (metres := 0.0 if other is place else other.metres_to(place.position)) is not None
        for evse in other.evses
        if evse.kind == "free" and evse.code and evse.key != but.key
    ]
    free.sort(key=lambda found: found[2] + OTHER_PLUG_M * (found[0].plug != but.plug))
    return free[:at_most]


def plug_summary(evses: Iterable[Evse]) -> list[tuple[str, int | None]]:
    """The kinds of charging at a place: (key of PLUGS, watts), strongest first, each once."""
    kinds = {(evse.plug, evse.power_w) for evse in evses}
    return sorted(kinds, key=lambda kind: (-(kind[1] or 0), kind[0]))


def metres_between(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Great-circle distance by the haversine formula."""
    a1, a2 = math.radians(lat1), math.radians(lat2)
    half_lat, half_lon = (a2 - a1) / 2, math.radians(lon2 - lon1) / 2
    h = math.sin(half_lat) ** 2 + math.cos(a1) * math.cos(a2) * math.sin(half_lon) ** 2
    return 2 * EARTH_M * math.asin(math.sqrt(h))
