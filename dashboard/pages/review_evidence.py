"""Evidence as people read it: names and values, nested ones indented, nothing left out."""

from collections.abc import Mapping
from typing import Any

from dash import html

from dashboard.components import Child
from dashboard.i18n import mark, t
from dashboard.pages.station_past import FLAGS

# names that evidence uses; others are shown as they are
NAMES = {
    "expected": mark("Expected"), "found": mark("Found"), "stripe": "Stripe",
    "ledger": mark("Ledger"), "receipts": mark("Receipts"), "sessions": mark("Sessions"),
    "difference": mark("Difference"), "reason": mark("Reason"), "flags": mark("Flagged"),
    "energy_wh": mark("Energy, Wh"), "amount": mark("Amount"), "payout": mark("Payout"),
    "payment": mark("Payment"), "session": mark("Session"), "error": mark("Error"),
    "reference": mark("Reference"), "intent": mark("Payment intent"), "rows": mark("Rows"),
}  # fmt: skip
AT_MOST = 12


def readable(evidence: Any) -> Child:
    """A list of names and values; long lists say how many are left out of the picture."""
    if isinstance(evidence, Mapping):
        return html.Dl([part for name, value in list(evidence.items())[:40]
                        for part in _pair(str(name), value)], className="kv evidence")  # fmt: skip
    if isinstance(evidence, list | tuple):
        return _listed(list(evidence))
    return _plain(evidence)


def _pair(name: str, value: Any) -> tuple[Child, Child]:
    label = t(NAMES[name]) if name in NAMES else name.replace("_", " ")
    return html.Dt(label), html.Dd(readable(value))


def _listed(values: list[Any]) -> Child:
    if not any(isinstance(value, Mapping | list) for value in values):
        return ", ".join(_plain(value) for value in values[:AT_MOST]) + _more(len(values))
    items: list[Child] = [html.Li(readable(value)) for value in values[:AT_MOST]]
    if len(values) > AT_MOST:
        items.append(html.Li(_more(len(values)), className="faint"))
    return html.Ul(items, className="evidence")


def _more(count: int) -> str:
    return " " + t("and {n} more", n=count - AT_MOST) if count > AT_MOST else ""


def _plain(value: Any) -> str:
    if value is None:
        return "\u2013"
    if isinstance(value, str) and value in FLAGS:
        return t(FLAGS[value])
    if isinstance(value, bool):
        return t("yes") if value else t("no")
    return str(value)
