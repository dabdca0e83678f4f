"""One sentence about a session's money: how far it has come, or where two steps differ."""

from dash import html

from dashboard.components import Child, glyph
from dashboard.data import Row
from dashboard.i18n import formatter, t
from dashboard.pages.ledger_words import state_words
from dashboard.trails import Trail


def verdict(found: Trail) -> Child:
    """One sentence: how far the money has come, or that something differs."""
    words, shape = _judged(found)
    return html.P([glyph(shape, 14), html.Span(words)], className="trail-verdict",
                  id="trail-verdict")  # fmt: skip


def _judged(found: Trail) -> tuple[str, str]:
    """(words, shape)"""
    problem, pay = difference(found), found.payment
    if problem:
        amount = found_money(found, problem[0])
        return t("Difference {amount}: {what}", amount=amount, what=problem[1]), "faulted"
    if pay is None:
        gross = found_money(found, found.receipt["gross"] if found.receipt else None)
        return t("{amount}, without a payment by card", amount=gross), "available"
    if pay["captured"]:
        return _charged(found, pay)
    if pay["state"] == "released":
        return t("Nothing was charged, the hold was released"), "finished"
    held = found_money(found, pay["held"] or pay["hold"])
    words = state_words(pay["state"], pay["failure"])
    return t("{state}: {amount}", state=words, amount=held), "reserved"


def _charged(found: Trail, pay: Row) -> tuple[str, str]:
    amount = found_money(found, pay["captured"])
    if pay["refunded"]:
        back = found_money(found, pay["refunded"])
        return t("{amount} charged, {back} of it refunded", amount=amount, back=back), "derated"
    if pay["state"] not in ("settled", "dispute_won"):
        return t("{state}: {amount}", state=state_words(pay["state"]), amount=amount), "derated"
    if not found.payouts:
        return t("{amount} charged, not yet paid out", amount=amount), "preparing"
    if all(payout["status"] == "paid" for payout in found.payouts):
        return t("{amount} all the way from meter to bank", amount=amount), "finished"
    return t("{amount} charged, on its way to the bank", amount=amount), "preparing"


def difference(found: Trail) -> tuple[int, str] | None:
    """Where two neighbouring steps do not say the same amount, and by how much."""
    receipt, pay = found.receipt, found.payment
    earned = _booked(found, "earned")
    if receipt and earned and earned != receipt["gross"]:
        return earned - receipt["gross"], t("the receipt is not what was booked")
    if receipt and pay and receipt["paid"] != pay["captured"] and pay["state"] == "settled":
        return receipt["paid"] - pay["captured"], t("the receipt is not what was charged")
    charged = sum(row["amount"] for row in found.balance if row["type"] == "charge")
    if pay and charged and charged != pay["captured"]:
        return charged - pay["captured"], t("Stripe has another amount")
    return None


def _booked(found: Trail, kind: str) -> int:
    """The debit side of the first booking of a kind."""
    first = next((row["journal_id"] for row in found.bookings if row["kind"] == kind), None)
    return sum(row["amount"] for row in found.bookings
               if row["journal_id"] == first and row["amount"] > 0)  # fmt: skip


def found_money(found: Trail, minor: int | None) -> str:
    return formatter().money(minor, found.currency)
