"""Evidence as people read it: names and values, nested ones indented, nothing left out."""

from collections.abc import Mapping
from typing import Any

from dash import html

from dashboard.components import Child
from dashboard.i18n import formatter, mark, t
from dashboard.pages.flag_words import FLAGS, flag_words

# names that evidence uses; others are shown as they are
NAMES = {
    "expected": mark("Expected"), "found": mark("Found"), "stripe": "Stripe",
    "differences": mark("Differences"), "first": mark("Differences, the first"),
    "subject": mark("Item"), "evidence": mark("Evidence"), "check": mark("Check"),
    "ledger": mark("Ledger"), "receipts": mark("Receipts"), "sessions": mark("Sessions"),
    "difference": mark("Difference"), "reason": mark("Reason"), "flags": mark("Flagged"),
    "energy_wh": mark("Energy, Wh"), "amount": mark("Amount"), "payout": mark("Payout"),
    "payment": mark("Payment"), "session": mark("Session"), "error": mark("Error"),
    "problem": mark("Problem"), "receipt": mark("Receipt"), "kind": mark("Kind"),
    "reference": mark("Reference"), "intent": mark("Payment intent"), "rows": mark("Rows"),
    "hold": mark("Held at most"), "held": mark("Held"), "captured": mark("Charged"),
    "refunded": mark("Refunded"), "priced": mark("Price"), "due": mark("Still due"),
    "written_off": mark("Written off"), "booked": mark("Booked"), "entries": mark("Entries"),
    "on_its_way": mark("On its way"), "state": mark("State"), "since": mark("Since"),
    "net": mark("Net"), "vat": mark("VAT"), "gross": mark("Gross"), "currency": mark("Currency"),
    "booked_net": mark("Booked net"), "booked_vat": mark("Booked VAT"), "lines": mark("Rows"),
    "remote_starts": mark("Starts"), "captures": mark("Charges"), "read_at": mark("Read"),
    "balance_transactions": mark("Moved at Stripe"), "receipt_paid": mark("Paid on the receipt"),
    "receipt_written_off": mark("Written off on the receipt"), "parts": mark("Parts"),
    "stored": mark("Stored"), "again": mark("Priced again"), "dispute": mark("Dispute"),
}  # fmt: skip
# whole numbers under these names are minor units
MONEY = {
    "amount", "balance_transactions", "booked", "booked_net", "booked_vat", "captured", "due",
    "entries", "expected", "found", "gross", "held", "hold", "net", "on_its_way", "parts", "priced",
    "receipt_paid", "receipt_written_off", "refunded", "stripe", "vat", "written_off", "stored",
    "again", "days", "months",
}  # fmt: skip
LINKS = {"payment_id", "session_id"}  # the items themselves lead there
AT_MOST = 12


def readable(evidence: Any, currency: str, name: str = "") -> Child:
    """A list of names and values; long lists say how many are left out of the picture."""
    if isinstance(evidence, Mapping):
        pairs = [pair for pair in evidence.items() if pair[0] not in LINKS][:40]
        own = str(evidence.get("currency") or currency)
        return html.Dl([part for key, value in pairs for part in _pair(str(key), value, own)],
                       className="kv evidence")  # fmt: skip
    if isinstance(evidence, list | tuple):
        return _listed(list(evidence), currency, name)
    return _plain(evidence, currency, name)


def _pair(name: str, value: Any, currency: str) -> tuple[Child, Child]:
    label = t(NAMES[name]) if name in NAMES else name.replace("_", " ")
    return html.Dt(label), html.Dd(readable(value, currency, name))


def _listed(values: list[Any], currency: str, name: str) -> Child:
    shown = values[:AT_MOST]
    if not any(isinstance(value, Mapping | list) for value in values):
        return ", ".join(_plain(value, currency, name) for value in shown) + _more(len(values))
    items: list[Child] = [html.Li(readable(value, currency, name)) for value in shown]
    if len(values) > AT_MOST:
        items.append(html.Li(_more(len(values)), className="faint"))
    return html.Ul(items, className="evidence")


def _more(count: int) -> str:
    return " " + t("and {n} more", n=count - AT_MOST) if count > AT_MOST else ""


def _plain(value: Any, currency: str, name: str) -> str:
    if value is None:
        return "\u2013"
    if isinstance(value, bool):
        return t("yes") if value else t("no")
    if isinstance(value, int) and name in MONEY:
        return formatter().money(value, currency)
    if isinstance(value, str) and value in FLAGS:
        return flag_words(value)
    return str(value)
