"""What a step does besides moving the payment: the station's commands here, money in money_effects.
All of it in the step's own transaction; each effect returns the payment's columns it changes."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct
from psycopg.types.json import Jsonb

from billing import BillingError, asking
from billing import money_effects as money
from billing.costs import running_cost
from billing.money import minor_unit
from billing.payment import WAIT_UNPLUGGED, WARN_AT_PERCENT, Payment, Session, World
from billing.station_cost import VERSIONS, Told, cost_command
from billing.step import Call
from sql import commands
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("payments")

Changes = dict[str, Any]
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
LETTERS_IN_TOKEN = 18  # with KW in front the 20 characters of OCPP 1.6's idTag
CHECKOUT_OPEN = timedelta(minutes=31)  # Stripe wants half an hour or more
COMMAND_SECONDS = 60


class Context(Struct, frozen=True):
    """What steps need to know of the installation: where drivers' browsers find us."""

    public_url: str


def ask(
    connection: Connection, p: Payment, w: World, call: Call, context: Context, now: datetime
) -> None:
    """Put a call to Stripe into the outbox, with everything it will say: it may be sent twice."""
    parameters = call.parameters
    if call.name == "checkout":
        parameters = checkout_parameters(p, w, context, now)
    if call.name == "charge":
        parameters = asking.charge_parameters(connection, p, w)
    if call.name.startswith("pay:"):
        parameters = asking.checkout_parameters(connection, p, w, context.public_url, now)
    if call.name.startswith("refund:"):
        metadata = {"refund_request_id": call.name.partition(":")[2], "reference": p.reference}
        parameters = {**parameters, "metadata": metadata}
    queries.ask_stripe(
        connection, payment_id=p.payment_id, call=call.name, key=f"kw-{p.key}-{call.name}",
        parameters=Jsonb(parameters), at=now,
    )  # fmt: skip


def checkout_parameters(p: Payment, w: World, context: Context, now: datetime) -> dict[str, Any]:
    """Hosted Checkout that only reserves: cards (and wallets, which are cards), captured later."""
    page = f"{context.public_url}/e/{w.evse.public_code}"
    about = {"reference": p.reference, "evse": w.evse.public_code}
    name = {"sv": "Laddning, högst", "en": "Charging, at most"}[p.language]
    product = {"name": f"{name}: {w.evse.public_code}"}
    price = {"currency": p.currency.lower(), "unit_amount": p.hold, "product_data": product}
    return {
        "mode": "payment",
        "allowed_payment_method_types": ["card"],
        "client_reference_id": p.reference,
        "locale": p.language,
        "line_items": [{"quantity": 1, "price_data": price}],
        "payment_intent_data": {"capture_method": "manual", "metadata": about},
        "metadata": about,
        "expires_at": int((now + CHECKOUT_OPEN).timestamp()),
        "success_url": f"{page}?paid={p.reference}",
        "cancel_url": f"{page}?back={p.reference}",
    }


def update_cost(connection: Connection, p: Payment, session: Session, now: datetime) -> Payment:
    """What the session costs so far, on the payment's row; the driver's page shows it."""
    try:
        cost = running_cost(connection, session.session_id, str(p.tariff_hash), now)
    except BillingError:
        return p  # closing will say why, and a human will look
    if (cost.energy_wh, cost.gross) == (p.energy_wh, p.cost):
        return p
    warned = p.warned_at
    if warned is None and cost.gross * 100 >= p.hold * WARN_AT_PERCENT:
        warned = now
    connection.execute(
        "UPDATE payment SET energy_wh = %s, cost = %s, cost_at = %s, warned_at = %s"
        " WHERE payment_id = %s",
        [cost.energy_wh, cost.gross, now, warned, p.payment_id],
    )
    return msgspec.structs.replace(p, energy_wh=cost.energy_wh, cost=cost.gross, warned_at=warned)


def tell_cost(
    connection: Connection, p: Payment, w: World, session: Session, now: datetime
) -> None:
    """For the station's own display, as long as the station takes it."""
    if w.evse.ocpp_version not in VERSIONS:
        return
    last = queries.last_cost_told(connection, payment_id=p.payment_id)
    if p.cost is None or (last and (last[2] != "answered" or "error" in (last[3] or {}))):
        return
    decimals = minor_unit(p.currency)
    told = Told(last[0], int(Decimal(last[1]).scaleb(decimals))) if last else None
    command = cost_command(
        w.evse.ocpp_version, session.transaction_id, p.cost, p.currency, told, now
    )
    if command:
        queries.add_command(
            connection, station_id=w.evse.station_id, action=command.action,
            payload=command.payload, payment_id=p.payment_id,
            requested_by=f"payment {p.reference}", expires_seconds=command.expires_seconds,
        )  # fmt: skip


def apply_effect(
    effect: str, connection: Connection, p: Payment, w: World, now: datetime
) -> Changes:
    """Do one effect by its name; `name:number` is about a refund request."""
    name, _, number = effect.partition(":")
    if number:
        return REFUND_EFFECTS[name](connection, p, w, int(number), now)
    return EFFECTS[name](connection, p, w, now)


# -- the station ---------------------------------------------------------------------------------


def start(connection: Connection, p: Payment, w: World, _now: datetime) -> Changes:
    """Exactly one remote start, with a token that can start nothing else."""
    token = "KW" + "".join(secrets.choice(LETTERS) for _ in range(LETTERS_IN_TOKEN))
    queries.add_token(connection, id_token=token)
    start_id = queries.next_start_id(connection) % (2**31 - 1)
    call = commands.start(w.evse.ocpp_version, w.evse.evse_id, token, start_id)
    seconds = WAIT_UNPLUGGED.total_seconds()
    command_id = _command(connection, p, w, call, seconds)
    return {"id_token": token, "start_command_id": command_id}


def freeze(connection: Connection, p: Payment, w: World, _now: datetime) -> Changes:
    """The price that was shown is the session's, for ever."""
    if w.session is not None:
        queries.freeze_tariff(
            connection, session_id=w.session.session_id, tariff_hash=p.tariff_hash
        )
    return {}


def stop(connection: Connection, p: Payment, w: World, _now: datetime) -> Changes:
    if w.session is None:
        return {}
    call = commands.stop(w.evse.ocpp_version, w.session.transaction_id)
    return {"stop_command_id": _command(connection, p, w, call, COMMAND_SECONDS)}


def _command(
    connection: Connection, p: Payment, w: World, call: commands.Call, seconds: float
) -> int:
    return int(
        queries.add_command(
            connection, station_id=w.evse.station_id, action=call.action,
            payload=Jsonb(call.payload), payment_id=p.payment_id,
            requested_by=f"payment {p.reference}", expires_seconds=seconds,
        )
    )  # fmt: skip


def end_token(connection: Connection, p: Payment, _w: World, _now: datetime) -> Changes:
    if p.id_token:
        queries.end_token(connection, id_token=p.id_token)
    return {}


EFFECTS: dict[str, Callable[[Connection, Payment, World, datetime], Changes]] = {
    "start": start,
    "freeze": freeze,
    "stop": stop,
    "end_token": end_token,
    "close": money.close,
    "settle": money.settle,
    "write_off": money.write_off,
    "mail": money.mail,
    "released": money.released,
    "dispute": money.dispute,
    "dispute_won": money.dispute_won,
    "dispute_lost": money.dispute_lost,
    "ask_driver": asking.ask_driver,
    "remind": asking.remind,
    "block": asking.block,
    "unblock": asking.unblock,
    "record": asking.record,
}
REFUND_EFFECTS: dict[str, Callable[[Connection, Payment, World, int, datetime], Changes]] = {
    "refunded": money.refunded,
    "fail_refund": money.fail_refund,
    "reject_refund": money.reject_refund,
    "credit_invoice": money.credit_invoice,
}
