"""The demo network: 60 sites on real ground in Sweden, every station and vendor invented.

Pure and deterministic: one seed, one network. Places come from ``sites.csv`` (degrees WGS 84).
"""

import csv
from dataclasses import dataclass
from importlib.resources import files
from itertools import count
from random import Random

TYPE_2 = "IEC_62196_T2"
CCS = "IEC_62196_T2_COMBO"
CHADEMO = "CHADEMO"

# Nobody mistakes one of these for another on a scratched label (at most one of 0/O, 1/I/L, 2/Z,
# 5/S, 8/B, U/V), and without vowels no code spells a word.
_LETTERS = "CFGHJKMNPQRTVWXY"
_DIGITS = "234679"
_HELP_PHONE = "+46 10 555 01 00"


@dataclass(frozen=True, slots=True)
class Evse:
    """Charges one vehicle at a time through its connector 1; ``standard`` in OCPI's spelling."""

    evse_id: int
    public_code: str
    max_power_w: int
    standard: str

    @property
    def is_dc(self) -> bool:
        """Tell direct current (CCS, CHAdeMO) from alternating current (Type 2)."""
        return self.standard != TYPE_2


@dataclass(frozen=True, slots=True)
class Station:
    """One station as it introduces itself; ``ocpp_version`` is ``1.6`` or ``2.0.1``."""

    station_id: str
    site_id: str
    vendor: str
    model: str
    serial_number: str
    firmware_version: str
    ocpp_version: str
    evses: tuple[Evse, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """A place with stations; coordinates in degrees, ``grid_limit_w`` in watts."""

    site_id: str
    name: str
    address: str
    city: str
    country: str
    latitude: float
    longitude: float
    time_zone: str
    grid_limit_w: int
    help_phone: str
    stations: tuple[Station, ...]


@dataclass(frozen=True, slots=True)
class _Model:
    vendor: str
    name: str
    firmware_versions: tuple[str, ...]
    max_power_w: int
    standards: tuple[str, ...]


_MODELS = {
    "ac1": _Model("Norrvolt", "Stolpe 22", ("2.4.1", "2.4.1", "2.5.0"), 22_000, (TYPE_2,)),
    "ac2": _Model("Norrvolt", "Stolpe 22 Duo", ("2.4.1", "2.5.0"), 22_000, (TYPE_2, TYPE_2)),
    "ac2b": _Model("Björnel", "BX-T2x2", ("1.18", "1.18", "1.19"), 22_000, (TYPE_2, TYPE_2)),
    "dc50": _Model("Fjällström", "Snabb 50", ("7.0.3", "7.1.0"), 50_000, (CCS, CHADEMO)),
    "dc50c": _Model("Fjällström", "Snabb 50C", ("7.1.0",), 50_000, (CCS,)),
    "dc150": _Model("Kvistel", "V150", ("3.12", "3.12", "3.13-rc2"), 150_000, (CCS, CCS)),
    "dc300": _Model("Kvistel", "V300 Duo", ("3.12", "3.13-rc2"), 300_000, (CCS, CCS)),
    "dc300q": _Model("Polvolt", "Hub 300-4", ("1.0.9", "1.1.2"), 300_000, (CCS,) * 4),
}

# What stands at a place of each kind; the last entries are the ones a site may lack.
_LAYOUTS = {
    "highway": (("dc300q", "dc150", "dc50", "dc150"), ("dc300", "dc300", "dc150", "ac2")),
    "shopping": (("dc150", "dc50", "ac2", "ac2b"), ("dc300", "ac2", "ac2", "ac2b")),
    "town": (("dc50", "ac2", "ac1"), ("ac2b", "ac2b", "dc50c"), ("ac2", "ac1", "ac1")),
    "resort": (("dc300", "dc150", "ac2", "ac2"), ("dc150", "dc50", "ac2b", "ac2b")),
}


def demo_network(seed: int = 1) -> tuple[Site, ...]:
    """Return the demo network's sites; the same seed gives the same network."""
    rng = Random(seed)
    codes: set[str] = set()
    rows = files(__package__).joinpath("sites.csv").read_text("utf-8").splitlines()
    return tuple(_site(row, rng, codes) for row in csv.DictReader(rows))


def _site(row: dict[str, str], rng: Random, codes: set[str]) -> Site:
    kinds = list(rng.choice(_LAYOUTS[row["kind"]]))
    if rng.random() < 0.4:
        kinds.pop()
    numbers = count(1)
    stations = tuple(_station(row["site_id"], next(numbers), k, rng, codes) for k in kinds)
    demand_w = sum(evse.max_power_w for s in stations for evse in s.evses)
    return Site(
        site_id=row["site_id"],
        name=row["name"],
        address=row["address"],
        city=row["city"],
        country="SE",
        latitude=float(row["latitude"]),
        longitude=float(row["longitude"]),
        time_zone="Europe/Stockholm",
        grid_limit_w=demand_w * 8 // 100_000 * 10_000,
        help_phone=_HELP_PHONE,
        stations=stations,
    )


def _station(site_id: str, number: int, kind: str, rng: Random, codes: set[str]) -> Station:
    model = _MODELS[kind]
    return Station(
        station_id=f"{site_id}-{number:02}",
        site_id=site_id,
        vendor=model.vendor,
        model=model.name,
        serial_number=f"{model.vendor[:2].upper()}{rng.randrange(10**6, 10**7)}",
        firmware_version=rng.choice(model.firmware_versions),
        ocpp_version="1.6" if rng.random() < 0.6 else "2.0.1",
        evses=tuple(
            Evse(evse_id, _public_code(rng, codes), model.max_power_w, standard)
            for evse_id, standard in enumerate(model.standards, 1)
        ),
    )


def _public_code(rng: Random, taken: set[str]) -> str:
    while (code := _draw_code(rng)) in taken:
        pass
    taken.add(code)
    return code


def _draw_code(rng: Random) -> str:
    tail = "".join(rng.choices(_LETTERS + _DIGITS, k=4))
    return f"{rng.choice(_LETTERS)}{rng.choice(_DIGITS)}-{tail}"
