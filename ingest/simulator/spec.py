"""What a virtual station is told before it starts: who it is and how fast its world turns."""

from dataclasses import dataclass

from ingest.simulator.network import Evse, Station


@dataclass(frozen=True, slots=True)
class VirtualStationSpec:
    """One station to play; ``version`` is ``1.6`` or ``2.0.1``.

    ``registers_wh`` holds the evses' lifetime registers in order; empty lets the seed draw them.
    """

    station_id: str
    password: str
    version: str
    evses: tuple[Evse, ...]
    site_id: str = ""
    vendor: str = "Norrvolt"
    model: str = "Stolpe 22"
    serial_number: str = "NO0000001"
    firmware_version: str = "2.5.0"
    registers_wh: tuple[int, ...] = ()

    @classmethod
    def of(
        cls, station: Station, password: str, registers_wh: tuple[int, ...] = ()
    ) -> "VirtualStationSpec":
        """Return the spec that plays a station of the demo network."""
        return cls(
            station_id=station.station_id,
            password=password,
            version=station.ocpp_version,
            evses=station.evses,
            site_id=station.site_id,
            vendor=station.vendor,
            model=station.model,
            serial_number=station.serial_number,
            firmware_version=station.firmware_version,
            registers_wh=registers_wh,
        )


@dataclass(frozen=True, slots=True)
class Pace:
    """How time passes for drivers, cars and faults, and how patient a station is.

    At ``speed`` X everything people and cars do takes an X-th of the time. Timestamps stay real
    and power stays real, so each car wants, and its battery holds, an X-th of the energy: watts
    times hours between two timestamps is always what the register gained.

    Back-off, time-outs and retries belong to the network and are never scaled.
    """

    speed: float = 1.0
    meter_interval_s: float = 30.0
    call_timeout_s: float = 30.0
    retry_s: float = 10.0
    backoff_s: float = 1.0
    backoff_limit_s: float = 60.0
    reboot_s: float = 4.0

    def real(self, seconds: float) -> float:
        """Return how many real seconds so many seconds of the simulated world take."""
        return seconds / self.speed
