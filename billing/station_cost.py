"""Telling a station what its session costs so far, for its display (OCPP 2.0.1, I02). Pure."""

from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from billing.money import minor_unit
from billing.reading import ENCODER

ACTION = "CostUpdated"
VERSIONS = ("2.0.1", "2.1")  # OCPP 1.6 has no such message
EVERY = timedelta(seconds=30)
EXPIRES_SECONDS = 30  # a display that missed one gets the next


class CostCommand(Struct, frozen=True):
    """What a row of `command` needs; `payload` is JSON text (exact numbers)."""

    action: str
    payload: str
    expires_seconds: int


class Told(Struct, frozen=True):
    """What the station was told last: when, and the cost in minor units."""

    at: datetime
    cost: int


def cost_command(
    ocpp_version: str | None,
    transaction_id: str,
    cost: int,
    currency: str,
    told: Told | None,
    now: datetime,
    *,
    is_final: bool = False,
) -> CostCommand | None:
    """The command to queue, None when there is nothing to tell.

    `cost` is including VAT, in minor units, as on the driver's page. At most one in 30 seconds
    and only when the cost has changed; the final cost always, once.
    """
    if ocpp_version not in VERSIONS or (told and told.cost == cost):
        return None
    if told and not is_final and now - told.at < EVERY:
        return None
    total = Decimal(cost).scaleb(-minor_unit(currency))
    payload = ENCODER.encode({"totalCost": total, "transactionId": transaction_id}).decode()
    return CostCommand(ACTION, payload, EXPIRES_SECONDS)
