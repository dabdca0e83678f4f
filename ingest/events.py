"""What a station's message means, in our words: the versions' handlers make these, `sessions`
applies them. No OCPP spelling of one version alone gets past here."""

from datetime import datetime
from typing import Literal

import msgspec

from ingest.translate import Reading


class Boot(msgspec.Struct, gc=False):
    vendor: str
    model: str
    serial_number: str | None
    firmware_version: str | None


class Status(msgspec.Struct, gc=False):
    """A connector's status (2.0.1's words) and, from 1.6, its charging state. evse_id 0 is the
    station as a whole."""

    evse_id: int
    connector_id: int
    status: str
    charging_state: str | None
    at: datetime
    error_code: str | None = None
    info: str | None = None
    vendor_error_code: str | None = None
    flags: tuple[str, ...] = ()


class Authorization(msgspec.Struct, gc=False):
    id_token: str


class Transaction(msgspec.Struct):
    """Start, update or end of a charging session, with the readings that came along.

    `transaction_id` is None for 1.6's start, whose id is ours to give; it is then recognised by
    `start_hash`, its content. `opens` tells that an unknown transaction_id opens a session (2.x,
    where the station gives ids and events may arrive in any order).
    """

    kind: Literal["start", "update", "end"]
    at: datetime
    transaction_id: str | None
    readings: list[Reading]
    evse_id: int | None = None
    connector_id: int | None = None
    id_token: str | None = None
    start_hash: int | None = None
    opens: bool = False
    charging_state: str | None = None
    stop_reason: str | None = None
    remote_start_id: int | None = None
    seq_no: int | None = None
    flags: tuple[str, ...] = ()
    is_bulk: bool = False  # meter values only: kept out of the message log unless under trace


class Metering(msgspec.Struct):
    """Readings that belong to no session: clock-aligned values, the station's main meter."""

    evse_id: int
    readings: list[Reading]


class Noted(msgspec.Struct, gc=False):
    """Stored in the message log and answered, nothing more."""


Event = Boot | Status | Authorization | Transaction | Metering | Noted


class TokenInfo(msgspec.Struct, gc=False):
    """What we answer about an id token; `status` is 2.0.1's AuthorizationStatus."""

    status: str
    expires_at: datetime | None = None
    parent: str | None = None


class Outcome(msgspec.Struct):
    """What applying an event gave, for the answer."""

    token: TokenInfo | None = None
    transaction_id: str | None = None
    registration_status: str = "Accepted"
    heartbeat_seconds: int = 60
