"""How sessions are told in lists and on their pages: who, where, how they ended, what is odd."""

from datetime import datetime, timedelta
from decimal import Decimal

from babel.numbers import get_currency_precision
from dash import html

from dashboard.components import Child, glyph
from dashboard.data import Row
from dashboard.explorer import idle_seconds
from dashboard.format import UNKNOWN
from dashboard.i18n import formatter, mark, t
from dashboard.messages import STOPS
from dashboard.pages.flag_words import flag_words
from dashboard.pages.ledger_words import CHANNELS, known
from dashboard.pages.station_words import token_words

NO_PAYMENT = mark("Without payment here")
LEAST_WH = 100


def who_words(row: Row) -> str:
    """A guest by the card's last four, a driver by number, else the token."""
    if row["channel"] == "guest":
        card = f" \u2022{row['card_last4']}" if row["card_last4"] else ""
        return t("Guest") + card
    if row["driver_id"]:
        return t("Driver {n}", n=row["driver_id"])
    return token_words(row["id_token"])


def channel_words(channel: str | None) -> str:
    return known(CHANNELS, channel) if channel and channel != "none" else t(NO_PAYMENT)


def href(session_id: int) -> str:
    return f"/app/session/{session_id}"


def seconds_of(row: Row, now: datetime) -> float:
    length: timedelta = (row["ended_at"] or now) - row["started_at"]
    return max(0.0, length.total_seconds())


def times_words(row: Row, now: datetime) -> str:
    """Charging and idle: 38 min + 12 min; only what is known."""
    form, idle = formatter(), idle_seconds(row)
    if idle is None:
        return UNKNOWN
    return f"{form.duration(seconds_of(row, now) - idle)} + {form.duration(idle)}"


def end_words(row: Row) -> str:
    """Why it ended, in plain words; the station's own where there are none."""
    if row["ended_at"] is None:
        return t("goes on")
    reason = row["stop_reason"] or ""
    return t(STOPS[reason]) if reason in STOPS else reason or UNKNOWN


def flags_cell(row: Row) -> Child:
    """What is odd, in one line; held back from billing stands first."""
    words = [t("in review")] if row["is_doubted"] else []
    words += [flag_words(flag) for flag in row["flags"]]
    if not words:
        return ""
    text = ", ".join(words)
    shape: list[Child] = [glyph("derated", 11), " "] if row["is_doubted"] else []
    return html.Span([*shape, text], title=text, className="mut small")


def state_shape(row: Row) -> str:
    """Going on, delivered, or nothing delivered: the shape that says so."""
    if row["ended_at"] is None:
        return "charging" if row.get("charging_state") in (None, "Charging") else "suspended"
    return "finished" if row["energy_wh"] >= LEAST_WH else "faulted"


def place_words(row: Row) -> str:
    return f"{row['station_id']} \u00b7 {row['evse_id']}"


def gross_words(row: Row) -> str:
    """The price in force; what it costs so far while it goes on."""
    form = formatter()
    if row["gross"] is not None:
        return form.money(row["gross"], row["currency"])
    if row["ended_at"] is None and row["cost"] is not None:
        return t("{amount} so far", amount=form.money(row["cost"], row["payment_currency"]))
    return UNKNOWN


def sums_words(amounts: dict[str, int]) -> str:
    """Amounts of several currencies side by side, never added."""
    form = formatter()
    shown = [form.money(minor, currency) for currency, minor in sorted(amounts.items())]
    return ", ".join(shown) or UNKNOWN


def major(minor: int, currency: str) -> Decimal:
    """An amount for files: exact, in the currency's main unit."""
    return Decimal(minor).scaleb(-int(get_currency_precision(currency)))
