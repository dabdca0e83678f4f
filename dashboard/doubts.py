"""Implausible sessions for those who decide: what is doubted, what was read, what was decided.

A decision is a row: ingestion books it, billing prices what it leaves. Nothing here changes a
session.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from babel.numbers import get_currency_precision
from flask_login import current_user
from psycopg.types.json import Jsonb

from dashboard.data import Row, deps
from sql.doubts import believable_wh
from sql.queries import load_queries

queries = load_queries("doubts")
finance = load_queries("finance")
DECISIONS = ("accept", "correct", "void")


@dataclass(frozen=True)
class Doubted:
    """A session, its doubts, the readings that tell of them, and what was decided so far."""

    row: Row
    doubts: list[Row] = field(default_factory=list)
    readings: list[Row] = field(default_factory=list)
    decisions: list[Row] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return any(doubt["is_open"] for doubt in self.doubts)

    @property
    def seconds(self) -> float:
        ended_at = self.row["ended_at"] or self.row["started_at"]
        return float((ended_at - self.row["started_at"]).total_seconds())

    @property
    def measured_wh(self) -> int:
        """What was measured, whatever was decided about it."""
        return int(self.row["energy_wh"] - self.row["correction_wh"])

    @property
    def most_wh(self) -> int:
        """The most that may be stated."""
        return believable_wh(self.row["limit_w"], self.seconds)

    def price_of(self, energy_wh: int) -> int | None:
        """Minor units, with VAT; None where more than energy is priced, or nothing is."""
        if not self.row["is_plain"] or not self.row["currency"]:
            return None
        digits = int(get_currency_precision(self.row["currency"]))
        price = Decimal(self.row["energy_per_kwh_incl_vat"]) * max(energy_wh, 0) / 1000
        return int(price.scaleb(digits).quantize(Decimal(1), ROUND_HALF_UP))


def read(session_ids: Sequence[int]) -> dict[int, Doubted]:
    """The sessions of these that exist."""
    ids = {"session_ids": list(session_ids)}
    with deps().connection() as connection:
        found = {row["session_id"]: Doubted(row) for row in queries.doubted(connection, **ids)}
        for row in queries.doubts(connection, **ids):
            found[row["session_id"]].doubts.append(row)
        for row in queries.readings(connection, **ids):
            found[row["session_id"]].readings.append(row)
        for row in queries.decisions_about(connection, **ids):
            found[row["session_id"]].decisions.append(row)
    return found


def decisions(connection: Any, session_id: int) -> list[Row]:
    """What was decided about a session, oldest first."""
    rows: list[Row] = queries.decisions_about(connection, session_ids=[session_id])
    return rows


def decided(at_most: int) -> list[Row]:
    with deps().connection() as connection:
        rows: list[Row] = queries.decided(connection, at_most=at_most)
    return rows


def wh_of(text: str) -> int | None:
    """What was typed as kWh ("31,42", "1 031.420") in whole Wh; None: no amount of energy."""
    plain = "".join(text.split()).removesuffix("kWh").replace(",", ".")
    try:
        value = Decimal(plain).scaleb(3)
    except ArithmeticError:  # no number, or one beyond all bounds
        return None
    if not value.is_finite() or abs(value) > 10**12 or value != value.to_integral_value():
        return None
    return int(value)


def decide(
    session_id: int, newest_decision: int, decision: str, energy_wh: int | None, reason: str
) -> bool:
    """Decide about a session as it was shown, up to its `newest_decision`; False when somebody
    was quicker. The same form sent twice decides once."""
    with deps().transaction() as connection:
        done = queries.decide(
            connection, session_id=session_id, newest_decision=newest_decision,
            decision=decision, energy_wh=0 if decision == "void" else energy_wh, reason=reason,
            decided_by=current_user.email,
        )  # fmt: skip
        if done is not None:
            detail = {"decision": decision, "energy_wh": energy_wh, "reason": reason}
            finance.audit(
                connection, actor=current_user.email, action="decide_session",
                subject=f"session {session_id}", detail=Jsonb(detail),
            )  # fmt: skip
    return done is not None
