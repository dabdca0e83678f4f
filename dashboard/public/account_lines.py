"""A driver's sessions as lines, and months as bars. Pure."""

from datetime import date
from typing import Any

from babel.dates import format_date
from msgspec import Struct

from dashboard.format import NBSP, Format, locale_of
from dashboard.i18n import mark, t
from dashboard.public.charges import Charge

HEIGHT = 72  # of the highest bar, as the picture's own units
# state of the payment -> colour and word; others need none
WORDS = {
    "completed": ("wait", mark("Being priced")),
    "capturing": ("wait", mark("Being charged")),
    "receivable": ("fault", mark("Not paid")),
    "written_off": ("done", mark("Nothing to pay")),
    "released": ("done", mark("Nothing to pay")),
    "refund_pending": ("wait", mark("Money on its way back")),
    "refunded": ("done", mark("Paid back")),
    "partly_refunded": ("done", mark("Partly paid back")),
    "disputed": ("wait", mark("Disputed at your bank")),
}
REVIEW = ("wait", mark("Under review"))
INVOICE = ("done", mark("Paid by your company"))


class Bar(Struct, frozen=True):
    """A month; `top` is how far below the picture's upper edge it begins."""

    month: date
    minor: int
    currency: str
    top: int


def lines(rows: list[dict[str, Any]], form: Format) -> list[Charge]:
    return [_line(row, form) for row in rows]


def _line(row: dict[str, Any], form: Format) -> Charge:
    kind, word = _word(row)
    length = (row["ended_at"] - row["started_at"]).total_seconds()
    when = (
        f"{form.date(row['started_at'])}, {form.time(row['started_at'])}, {form.duration(length)}"
    )
    number = t("no. {number}", number=row["shown_number"]) if row["shown_number"] else ""
    more = ", ".join(part for part in (form.kwh(row["energy_wh"]), number) if part)
    return Charge(
        f"/receipt/{row['secret']}" if row["secret"] else "",
        row["site"] or row["public_code"] or t("Charger"), when, more.replace(" ", NBSP) or "",
        kind, t(word) if word else "", _minor(row), row["currency"] or "",
    )  # fmt: skip


def _word(row: dict[str, Any]) -> tuple[str, str]:
    if row["state"] == "completed" and row["quarantined_until"]:
        return REVIEW
    if row["channel"] == "company" and row["state"] in ("receivable", "settled"):
        return INVOICE
    return WORDS.get(row["state"] or "", ("done", ""))


def _minor(row: dict[str, Any]) -> int | None:
    if row["gross"] is not None:
        return int(row["gross"] + row["credited"])
    return 0 if row["state"] in ("released", None) else None


def bars(rows: list[dict[str, Any]], months: list[date]) -> list[Bar]:
    """One per month, in the currency most is paid in."""
    totals: dict[str, int] = {}
    for row in rows:
        totals[row["currency"]] = totals.get(row["currency"], 0) + row["gross"]
    if not totals:
        return []
    currency = max(totals, key=lambda one: totals[one])
    known = {row["month"]: row["gross"] for row in rows if row["currency"] == currency}
    highest = max([*known.values(), 1])
    return [
        Bar(month, known.get(month, 0), currency, _top(known.get(month, 0), highest))
        for month in months
    ]


def _top(minor: int, highest: int) -> int:
    return HEIGHT - max(0, minor) * (HEIGHT - 4) // highest


def month_word(form: Format, month: date) -> str:
    """As short as it gets: nov."""
    return str(format_date(month, "MMM", locale=locale_of(form.language))).replace(".", "")


def month_and_year(form: Format, month: date) -> str:
    """November 2026."""
    return str(format_date(month, "MMMM y", locale=locale_of(form.language))).capitalize()
