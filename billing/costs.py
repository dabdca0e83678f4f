"""What a session costs, so far or for good: its stored facts under its frozen tariff."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from billing import BillingError
from billing.breakdown import Priced
from billing.cdrs import Cdr
from billing.periods import cdr_of, needs_times
from billing.pricing import Plan, plan_of
from billing.reading import parse
from billing.records import Facts, Frozen, price_cdr
from billing.shares import whole_minor
from billing.tariffs import TariffError, read_tariff
from billing.usage import Fact, Usage, course_of
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("receipts")
tariffs = load_queries("billing")
FEW = 4096  # tariffs kept in memory: they never change
FROZEN: dict[str, Frozen] = {}


class ClosingError(BillingError):
    """A session or receipt can't be closed, paid or credited; the message says which and why."""


class Cost(Struct, frozen=True):
    """Amounts in minor units; energy is what has been measured."""

    energy_wh: int
    net: int
    gross: int
    currency: str


ABOUT = (
    "meter_start_wh", "meter_stop_wh", "flags", "stop_reason", "has_token", "station_id",
    "evse_id", "evse_key", "connector_id", "standard", "public_code", "max_power_w",
    "operator_id", "time_zone", "site_id", "site_name", "site_address", "city", "country",
    "latitude", "longitude", "help_phone",
)  # fmt: skip


def frozen_by_hash(connection: Connection, tariff_hash: str) -> Frozen:
    """The frozen tariff. Raises ClosingError: nobody stored it."""
    if (frozen := FROZEN.get(tariff_hash)) is None:
        text = tariffs.tariff_document(connection, hash=tariff_hash)
        if text is None:
            raise ClosingError(f"tariff {tariff_hash}: there is none with this hash")
        if len(FROZEN) >= FEW:
            FROZEN.clear()
        document = parse(text, TariffError)
        frozen = Frozen(tariff_hash, plan_of(read_tariff(document)), document)
        FROZEN[tariff_hash] = frozen
    return frozen


def facts_of(connection: Connection, session_ids: Sequence[int]) -> dict[int, Facts]:
    """The facts of each session that exists."""
    rows = queries.sessions_to_price(connection, session_ids=list(session_ids))
    return {row[0]: _facts(row) for row in rows}


def _facts(row: Sequence[Any]) -> Facts:
    session_id, started_at, ended_at, energy_wh, register_at, *lists = row[:12]
    facts = tuple(map(Fact, *(found or () for found in lists[:5])))
    states = tuple(zip(*(found or () for found in lists[5:]), strict=True))
    usage = Usage(started_at, ended_at, energy_wh, register_at, facts, states)
    about = dict(zip(ABOUT, row[12:], strict=True))
    return Facts(session_id, usage, ZoneInfo(about["time_zone"]), about)


def one_session(connection: Connection, session_id: int) -> Facts:
    """Raises ClosingError: there is no such session."""
    found = facts_of(connection, [session_id]).get(session_id)
    if found is None:
        raise ClosingError(f"session {session_id}: there is none")
    return found


def cdr_of_session(
    connection: Connection, session_id: int, until: datetime, plan: Plan | None = None
) -> Cdr:
    """What was used up to the session's end, or up to `until` while it runs.

    With a plan as few periods as give its price, in its currency; without one a period per
    reading, in no currency. Raises ClosingError: there is no such session.
    """
    facts = one_session(connection, session_id)
    currency = plan.tariff.currency if plan else ""
    return cdr_of(course_of(facts.usage, until), currency, facts.zone, plan)


def running_cost(connection: Connection, session_id: int, tariff_hash: str, now: datetime) -> Cost:
    """What the session costs so far; one query, one row of it for a plain price per kWh.

    Raises ClosingError: no such session or tariff.
    """
    plan = frozen_by_hash(connection, tariff_hash).plan
    if needs_times(plan):
        facts = one_session(connection, session_id)
        usage, zone = facts.usage, facts.zone
    else:
        row = queries.session_brief(connection, session_id=session_id)
        if row is None:
            raise ClosingError(f"session {session_id}: there is none")
        usage, zone = Usage(*row[:3]), ZoneInfo(row[3])
    cdr = cdr_of(course_of(usage, now), plan.tariff.currency, zone, plan)
    return cost_of(usage.energy_wh, price_cdr(plan, cdr, zone))


def cost_of(energy_wh: int, result: Priced) -> Cost:
    return Cost(
        energy_wh,
        whole_minor(result.total_cost_excl_vat, result.currency),
        whole_minor(result.total_cost_incl_vat, result.currency),
        result.currency,
    )
