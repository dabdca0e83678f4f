"""Registers the simulated network in a database, like any other stations, sites and tokens."""

import hashlib
import hmac
from collections.abc import Sequence
from random import Random

from ingest.simulator.network import Site, demo_network
from ingest.simulator.spec import VirtualStationSpec
from sql.admin.passwords import hash_password
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("simulator")

TOKENS = 900
SITE_FIELDS = ("name", "address", "city", "country", "latitude", "longitude", "time_zone",
               "grid_limit_w", "help_phone")  # fmt: skip
STATION_FIELDS = ("station_id", "vendor", "model", "serial_number", "firmware_version",
                  "ocpp_version")  # fmt: skip


def password_of(secret_key: str) -> str:
    """The simulated stations' common password: known to whoever holds the installation's key."""
    return hmac.new(secret_key.encode(), b"simulated stations", hashlib.sha256).hexdigest()[:32]


def id_tokens(count: int = TOKENS, seed: int = 1) -> tuple[str, ...]:
    """RFID tags as readers report them: seven bytes in hexadecimal."""
    rng = Random(seed)
    return tuple(f"04{rng.randrange(1 << 48):012X}" for _ in range(count))


def register(connection: Connection, secret_key: str) -> tuple[Site, ...]:
    """Make sure that the network, its stations' password and its drivers' tokens are there."""
    sites = demo_network()
    with connection.transaction():
        queries.name_operator(
            connection,
            name="Exempel Laddning",
            legal_entity="Exempel Laddning AB",
            organisation_number="556000-0000",
            vat_number="SE556000000001",
        )
        # one hash serves all: argon2 two hundred times over would take seconds
        password_hash = hash_password(password_of(secret_key))
        for site in sites:
            _register_site(connection, site, password_hash)
        queries.add_tokens(connection, id_tokens=list(id_tokens()))
    return sites


def _register_site(connection: Connection, site: Site, password_hash: str) -> None:
    site_id = queries.add_site(connection, **_fields(site, SITE_FIELDS))
    for station in site.stations:
        queries.add_station(
            connection,
            site_id=site_id,
            password_hash=password_hash,
            **_fields(station, STATION_FIELDS),
        )
        for evse in station.evses:
            queries.add_evse(
                connection,
                station_id=station.station_id,
                evse_id=evse.evse_id,
                public_code=evse.public_code,
                max_power_w=evse.max_power_w,
                standard=evse.standard,
            )


def _fields(row: object, names: Sequence[str]) -> dict[str, object]:
    return {name: getattr(row, name) for name in names}


def specs(
    connection: Connection, sites: Sequence[Site], secret_key: str
) -> list[VirtualStationSpec]:
    """The stations to play, their registers going on from what the database has last read."""
    registers = {(row[0], row[1]): row[2] or 0 for row in queries.registers(connection)}
    password = password_of(secret_key)
    return [
        VirtualStationSpec.of(
            station,
            password,
            tuple(registers.get((station.station_id, e.evse_id), 0) for e in station.evses),
        )
        for site in sites
        for station in site.stations
    ]
