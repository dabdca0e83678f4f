"""What a charge costs while it runs and what becomes of the money afterwards, in words."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from dashboard.format import Format
from dashboard.i18n import t, tn
from dashboard.public.faces import Payment
from dashboard.public.papers import read_paper
from dashboard.public.price import Price
from dashboard.public.words import amount, percent, rate

MINOR_PER_MAJOR = 100


def warned_text(payment: Payment, price: Price | None, form: Format) -> str:
    """At 80 % of the maximum: where the charging stops, and about when."""
    said = t(
        "Charging will stop at {amount}.", amount=amount(form, payment.stops_at, payment.currency)
    )
    minutes = _minutes_left(payment, price)
    if minutes is not None:
        said += " " + tn("That is in about {n} minute.", "That is in about {n} minutes.", minutes)
    return said + " " + t("If you need more you start a new one afterwards.")


def _minutes_left(payment: Payment, price: Price | None) -> int | None:
    """At the power of now; None when that is not known or does not tell."""
    if not payment.power_w or not price or not price.per_kwh or price.by_the_minute:
        return None
    left = Decimal(max(0, payment.stops_at - (payment.cost or 0))) / MINOR_PER_MAJOR
    hours = left / price.per_kwh / (Decimal(payment.power_w) / 1000)
    return max(1, round(hours * 60))


def staying_text(payment: Payment, price: Price | None, form: Format) -> str:
    """From when it costs to stay, how much, and that it never costs more than the maximum."""
    line = next((one for one in price.lines if one.kind == "staying"), None) if price else None
    if price is None or line is None or payment.started_at is None:
        return ""
    begins = payment.started_at + timedelta(seconds=int(line.limits.get("min_duration") or 0))
    stands = payment.charging_state_at or payment.started_at
    return t(
        "From {time} staying costs {rate}, at most {amount} in all.",
        time=form.time(max(begins, stands)), amount=amount(form, payment.hold, payment.currency),
        rate=rate(form, line.amount, price.currency, "/min"),
    )  # fmt: skip


def money_facts(payment: Payment, form: Format) -> list[tuple[str, str]]:
    """What is held, charged and released; each word only for what is confirmed."""
    facts = [(t("Money"), _money(payment, form))]
    if payment.refunded:
        back = amount(form, payment.refunded, payment.currency)
        facts.append((t("Paid back"), t("{amount} has been paid back to the card.", amount=back)))
    if payment.shown_number:
        facts.append((t("Receipt"), payment.shown_number))
    return facts


def _money(payment: Payment, form: Format) -> str:
    def said(minor: int) -> str:
        return amount(form, minor, payment.currency)

    if payment.gross is None and payment.state == "completed":
        return t("The sum is being settled. You pay at most {amount}.", amount=said(payment.hold))
    if payment.state == "written_off":
        return t("Nothing is charged: we could not take the money from the card.")
    if payment.state == "capture_failed":
        return t("The bank has not let us charge the card. We look at it; you need do nothing.")
    if payment.captured:
        text = t("{amount} is charged.", amount=said(payment.captured))
        return f"{text} {_rest(payment, payment.captured, said)}".strip()
    due = min(payment.gross if payment.gross is not None else payment.cost or 0, payment.hold)
    text = t(
        "{amount} is being charged from the {held} held.", amount=said(due), held=said(payment.hold)
    )
    return f"{text} {_rest(payment, due, said)}".strip()


def _rest(payment: Payment, taken: int, said: Callable[[int], str]) -> str:
    if payment.hold <= taken:
        return ""
    return t(
        "The rest, {amount}, is released. Your bank may show it for some days.",
        amount=said(payment.hold - taken),
    )


def receipt_rows(payment: Payment, form: Format) -> list[tuple[str, str]]:
    """(what, amount including VAT) of each line of the receipt, and the VAT in it."""
    if payment.document is None:
        return []
    paper = read_paper(payment.document)
    rows = [(t(line.what), line.gross) for line in paper.lines]
    rates = " / ".join(percent(form, rate) for rate in paper.rates)
    rows.append((t("of which VAT {rate}", rate=rates).strip(), payment.vat or 0))
    return [(what, form.money(minor, payment.currency)) for what, minor in rows]
