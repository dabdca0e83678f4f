"""Payments as operators need them: found by what a caller knows, and what runs at an evse."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from dashboard import caller
from dashboard.books import queries
from dashboard.data import Row, deps
from dashboard.i18n import formatter, t

AT_MOST = 50
REFERENCE = re.compile(r"^[0-9A-Z]{4}-?[0-9A-Z]{2,4}$")
RECEIPT = re.compile(r"^(?:([0-9A-Z-]{0,20})-)?0*(\d{1,15})$")


@dataclass(frozen=True)
class Wanted:
    """The readings of a search text that make sense; one text may have several."""

    reference: str | None = None
    public_code: str | None = None
    card: str | None = None
    amount: int | None = None
    series: str | None = None
    number: int | None = None
    since: datetime | None = None
    until: datetime | None = None


def read(text: str, now: datetime) -> Wanted:
    """A reference, a public code, a receipt number, or what a caller says (dashboard/caller.py).

    The amount is in kronor as people say it: "4242 142,91", "4242 300 14:30". `now` in the zone
    that clocks are meant in.
    """
    words = text.strip().upper()
    said = caller.read(words, now)
    series, number = receipt_key(words)
    reference = words if REFERENCE.match(words) else None
    if reference and "-" not in reference:
        reference = f"{reference[:4]}-{reference[4:]}"
    return Wanted(reference, words or None, said.card, said.amount, series, number, said.since,
                  said.until)  # fmt: skip


def receipt_key(text: str) -> tuple[str | None, int | None]:
    """Series and number of "2026-004182"; a number alone is looked for in every series."""
    found = RECEIPT.match(text.strip().upper())
    return (found[1] or None, int(found[2])) if found else (None, None)


def fits(text: str) -> bool:
    """Whether a text can be anything of a payment but the code of its evse."""
    wanted = read(text, datetime.now(UTC))
    return any((wanted.reference, wanted.card, wanted.number, wanted.amount))


def find(text: str) -> list[Row]:
    """Payments that fit, newest first; the newest of all for an empty text."""
    now = datetime.now(UTC).astimezone(deps().settings.zone)
    with deps().connection() as connection:
        if not text.strip():
            rows: list[Row] = queries.newest_payments(connection, at_most=AT_MOST)
        else:
            rows = queries.find_payments(connection, **vars(read(text, now)))
    return rows


def running(evse_keys: list[int]) -> dict[int, Row]:
    """The payment that runs at each evse: payment_id, reference, cost, currency, hold."""
    with deps().connection() as connection:
        rows = queries.running_payments(connection, evse_keys=evse_keys)
    return {row["evse_key"]: row for row in rows}


def costs(payment_ids: list[int]) -> dict[int, str]:
    """What payments cost so far, as `cost_words` says it."""
    with deps().connection() as connection:
        rows = queries.costs(connection, payment_ids=payment_ids)
    return {row["payment_id"]: cost_words(row) for row in rows}


def cost_words(row: Row) -> str:
    """61.88 of at most 300.00: what runs up against the hold."""
    form, money = formatter(), row["currency"]
    so_far, most = form.money(row["cost"] or 0, money), form.money(row["hold"], money)
    return t("{cost} of at most {hold}", cost=so_far, hold=most)


def money_at_stake(evse_keys: list[int]) -> str:
    """What the paid sessions at some evses cost so far, in all; "" without any."""
    rows = list(running(evse_keys).values())
    sums: dict[str, int] = {}
    for row in rows:
        sums[row["currency"]] = sums.get(row["currency"], 0) + (row["cost"] or 0)
    return ", ".join(formatter().money(minor, currency) for currency, minor in sums.items())
