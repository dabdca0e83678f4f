"""The list "My charging": payments as lines with what became of each."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from dashboard.format import Format
from dashboard.i18n import formatter, mark, t
from dashboard.public.faces import GIVEN_UP, RUNNING, UNPAID
from dashboard.public.trail import UNKNOWN_WHY, WHY

# states that ended without money: what is said of them is `payment.failure`
NEVER_PAID = ("expired", *UNPAID)
WORDS = {
    "capture_failed": ("wait", mark("Being charged")),
    "refund_pending": ("wait", mark("Money on its way back")),
    "partly_refunded": ("done", mark("Partly paid back")),
    "refunded": ("done", mark("Paid back")),
    "refund_failed": ("wait", mark("Money on its way back")),
    "disputed": ("wait", mark("Disputed at your bank")),
}


class Charge(Struct, frozen=True):
    """`link` leads to the receipt or to the charger's page; `minor` is None without a price."""

    link: str
    place: str
    when: str
    more: str
    kind: str
    word: str
    minor: int | None
    currency: str


class Month(Struct, frozen=True):
    """This month's sum in one currency."""

    minor: int
    currency: str
    wh: int
    charges: int

    @property
    def per_kwh(self) -> Decimal | None:
        """Whole units of the currency."""
        return Decimal(self.minor * 10) / self.wh if self.wh else None


def charges(rows: list[dict[str, Any]], form: Format, now: datetime) -> list[Charge]:
    """All but those nothing was ever paid for."""
    return [_charge(row, form, now) for row in rows if row["state"] not in NEVER_PAID]


def month_of(rows: list[dict[str, Any]], form: Format, now: datetime) -> Month | None:
    """What this month's receipts come to; None when there are none."""
    start = now.astimezone(form.zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = [row for row in rows if row["gross"] is not None and row["created_at"] >= start]
    found = [row for row in found if row["currency"] == found[0]["currency"]]
    if not found:
        return None
    energy = sum(row["energy_wh"] or row["session_wh"] or 0 for row in found)
    paid = sum(row["gross"] - row["refunded"] for row in found)
    return Month(paid, found[0]["currency"], energy, len(found))


def _charge(row: dict[str, Any], form: Format, now: datetime) -> Charge:
    kind, word = _word(row)
    local = formatter(row["time_zone"]) if row["time_zone"] else form
    begun, ended = row["started_at"] or row["created_at"], row["ended_at"]
    when = f"{local.date(begun, year=(now - begun).days > 300)}, {local.time(begun)}"
    if ended:
        when += f", {form.duration((ended - begun).total_seconds())}"
    more = [form.kwh(row["energy_wh"])] if row["energy_wh"] else []
    more += [row["shown_number"]] if row["shown_number"] else []
    link = f"/receipt/{row['secret']}" if row["secret"] else _page(row)
    return Charge(
        link, row["site"] or row["public_code"] or "", when, ", ".join(more), kind, word,
        _minor(row), row["currency"],
    )  # fmt: skip


def _page(row: dict[str, Any]) -> str:
    return f"/e/{row['public_code']}?paid={row['reference']}"


def _minor(row: dict[str, Any]) -> int | None:
    if row["state"] in GIVEN_UP:
        return 0
    minor: int | None = row["cost"] if row["gross"] is None else row["gross"]
    return minor


def _word(row: dict[str, Any]) -> tuple[str, str]:
    """Colour and word of what is not simply paid."""
    state = row["state"]
    if state in GIVEN_UP:
        why = t(WHY.get(row["failure"] or "", UNKNOWN_WHY))
        return ("fault", why) if row["released_at"] else ("wait", t("The hold is being released"))
    if state in RUNNING:
        return "busy", t("Running now")
    if row["quarantined_until"] and state == "completed":
        return "wait", t("Under review")
    kind, word = WORDS.get(state, ("", ""))
    return kind, t(word) if word else ""
