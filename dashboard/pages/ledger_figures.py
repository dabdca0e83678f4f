"""The month in figures: sold, VAT, paid out, from earned to the bank, open items, who and where."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from dash import html

from dashboard import books
from dashboard.books import Book, Scope
from dashboard.components import (
    Child,
    Column,
    empty_state,
    figure_strip,
    figure_tile,
    link,
    panel,
    table,
)
from dashboard.data import Row
from dashboard.format import UNKNOWN
from dashboard.i18n import formatter, t, tn
from dashboard.pages.ledger_words import CHANNELS, REVIEWS, known

SHOWN_ITEMS = 6
MEANT = {"net": "net_sales", "vat": "vat", "gross": "gross_sales", "paid": "paid_out"}


def period_words(scope: Scope) -> str:
    """1-21 Nov: the days of the month that have been."""
    form, last = formatter(), scope.end - timedelta(seconds=1)
    until = min(last, datetime.now(UTC))
    if until <= scope.start:
        return form.month(scope.start)
    return f"{form.number(1)}\u2013{form.date(until)}"


def strip(book: Book, items: Sequence[Row], scope: Scope) -> Child:
    """Net, VAT and gross of what was sold, what came to the bank, what waits for somebody."""
    form, money = formatter(), scope.currency
    unit, sold = form.currency(money), book.bookings("earned")
    whole = scope.site_id is None and scope.channel is None
    rates = [rate for rate in book.values("vat_rate") if rate]
    rate = " " + form.percent(Decimal(rates[0]) / 100) if len(rates) == 1 else ""
    each = form.money(round(Decimal(book.gross()) / sold), money) if sold else UNKNOWN
    way = form.money(book.on_the_way, money)

    def tile(label: str, minor: int, detail: str, name: str) -> Child:
        value = form.amount(minor, money)
        return figure_tile(label, value, detail, unit=unit, help=MEANT[name], id=f"ledger-{name}")

    return figure_strip(
        [
            tile(t("Net"), book.net(), period_words(scope), "net"),
            tile(t("VAT{rate}", rate=rate), book.vat(), _vat_accounts(book), "vat"),
            tile(t("Gross"), book.gross(), t("{amount} per session", amount=each), "gross"),
            tile(t("Paid out"), paid_out(book), t("on the way {amount}", amount=way), "paid")
            if whole else figure_tile(t("Paid out"), UNKNOWN, t("of all sites and channels only"),
                                          help="paid_out"),
            figure_tile(t("Open items"), form.number(len(items)), _oldest(items),
                        href="/app/review", help="open_items", id="ledger-open"),
        ],
        id="ledger-figures",
    )  # fmt: skip


def _vat_accounts(book: Book) -> str:
    found = sorted({r["account"] for r in book.rows if book.role(r["account"]) == "vat"})
    return t("account {numbers}", numbers=", ".join(found)) if found else ""


def _oldest(items: Sequence[Row]) -> str:
    if not items:
        return t("nothing waits")
    age = datetime.now(UTC) - min(row["opened_at"] for row in items)
    oldest = t("oldest {age}", age=formatter().duration(age.total_seconds()))
    nobody = sum(row["owner"] is None for row in items)
    return oldest + " · " + t("{n} without an owner", n=nobody) if nobody else oldest


def paid_out(book: Book) -> int:
    return book.amount("payout", role="bank")


def fees(book: Book) -> int:
    return book.amount(role="payment_fee")


def captured(book: Book) -> int:
    return book.amount("captured", role="card_receivable")


def earned_to_bank(book: Book, scope: Scope) -> Child:
    """Earned, charged, fees, given back, paid out: bars on one scale."""
    form, money = formatter(), scope.currency
    earned = book.gross("earned")
    whole = max(earned, captured(book), paid_out(book), 1)
    back = book.gross() - earned
    sold, way = book.bookings("earned"), book.on_the_way
    sessions = tn("{number} session", "{number} sessions", sold, number=form.number(sold))
    share = form.percent(Decimal(captured(book)) / earned, 1) if earned else ""
    fee_share = form.percent(Decimal(fees(book)) / captured(book), 1) if captured(book) else ""

    def amount(minor: int) -> str:
        return form.money(minor, money)

    bars = [
        _bar(t("Earned"), [(0, earned, "ink")], whole, (amount(earned), sessions)),
        _bar(t("Charged"), [(0, captured(book), "ink-2")], whole, (amount(captured(book)), share)),
        _bar(t("Fees"), [(captured(book) - fees(book), captured(book), "ink-3")], whole,
             (amount(-fees(book)), t("{share} to Stripe", share=fee_share))),
    ]  # fmt: skip
    if back:
        given = [(earned + back, earned, "ink-3")]
        bars.insert(2, _bar(t("Given back"), given, whole, (amount(back), t("refunds and credit"))))
    if scope.site_id is None and scope.channel is None:
        paid = paid_out(book)
        note = t("on the way {amount}", amount=amount(way))
        out = [(0, paid, "ink-2"), (paid, paid + way, "way")]
        bars.append(_bar(t("Paid out"), out, whole, (amount(paid), note)))
    flow = html.Div(bars, className="flow", id="flow")
    return panel(t("From earned to bank"), flow, sub=period_words(scope))


def _bar(
    label: str, stretches: list[tuple[int, int, str]], whole: int, words: tuple[str, str]
) -> Child:
    """Stretches of (begin, end, kind) on a scale up to `whole`; an amount and a note beside it."""
    parts = [html.I(className=kind, style=_placed(begin, end, whole))
             for begin, end, kind in stretches if end > begin]  # fmt: skip
    amount, note = words
    beside = [html.B(amount), html.Span(note, className="faint")]
    return html.Div(
        [
            html.Span(label, className="flow-label"),
            html.Span(parts, className="flow-bar"),
            html.Span(beside, className="flow-words"),
        ],
        className="flow-row",
    )


def _placed(begin: int, end: int, whole: int) -> dict[str, str]:
    left, right = (max(0.0, min(100.0, 100 * edge / whole)) for edge in (begin, end))
    return {"left": f"{left:.1f}%", "width": f"{right - left:.1f}%"}


def open_panel(items: Sequence[Row], scope: Scope) -> Child:
    """What waits, by age and deadline; all of it is on the page behind."""
    form, now = formatter(), datetime.now(UTC)
    columns = [Column(t("Item")), Column(t("What"), "ell"), Column(t("Amount"), "num"),
               Column(t("Age"), "num"), Column(t("Due")), Column(t("Owner"))]  # fmt: skip
    rows = [_item(row, now) for row in items[:SHOWN_ITEMS]]
    payouts = books.open_payouts(scope)
    if payouts["payouts"]:
        count = tn("{n} payout", "{n} payouts", payouts["payouts"])
        rows.append([html.Span(t("Payout on its way"), className="strong"), count,
                     form.money(payouts["amount"], scope.currency), _age(payouts["oldest_at"], now),
                     form.date(payouts["arrives_at"]), UNKNOWN])  # fmt: skip
    nothing = empty_state(t("Nothing waits"), t("No review item is open."))
    away = link(t("To review"), "/app/review")
    sub = tn("{n} open item", "{n} open items", len(items))
    return panel(t("Open items"), table(t("Open items"), columns, rows, empty=nothing), sub=sub,
                 right=[away], id="open-items")  # fmt: skip


def _item(row: Row, now: datetime) -> list[Child]:
    form = formatter()
    words = html.A(known(REVIEWS, row["kind"]), href=f"/app/review#item-{row['review_item_id']}",
                   className="strong")  # fmt: skip
    amount = form.money(row["amount"], row["currency"] or "SEK")
    due = t("by {date}", date=form.date(row["deadline_at"])) if row["deadline_at"] else ""
    owner = row["owner"] or html.Span(t("nobody"), className="faint")
    what = html.Span(subject_words(row), className="mut")
    return [words, what, amount, _age(row["opened_at"], now), due, owner]


def subject_words(row: Row) -> str:
    """The receipt, the reference and the evse, whatever of it there is; else the subject itself."""
    parts = (row["shown_number"], row["reference"], row["public_code"])
    return ", ".join(part for part in parts if part) or str(row["subject"])


def _age(at: datetime | None, now: datetime) -> str:
    return UNKNOWN if at is None else formatter().duration((now - at).total_seconds())


def parts(book: Book, scope: Scope) -> Child:
    """By channel, VAT per rate, by site."""
    return html.Div([html.Div([_channels(book, scope), vat(book, scope)], className="stack"),
                     _sites(book, scope)], className="cols even")  # fmt: skip


def _channels(book: Book, scope: Scope) -> Child:
    lines = [(known(CHANNELS, channel), {"channel": channel}) for channel in book.values("channel")]
    return _split(t("Channel"), book, scope, lines)


def _sites(book: Book, scope: Scope) -> Child:
    names = {row["site_id"]: row["name"] for row in books.sites(scope.operator_id)}
    lines = [(names.get(site, t("Unknown site")), {"site_id": site})
             for site in book.values("site_id")]  # fmt: skip
    return _split(t("Site"), book, scope, lines)


def _split(
    label: str, book: Book, scope: Scope, lines: list[tuple[str, dict[str, object]]]
) -> Child:
    form, money = formatter(), scope.currency
    found = [(name, book.bookings("earned", **where), book.gross(**where)) for name, where in lines]
    found.sort(key=lambda line: -line[2])
    most = max((gross for _, _, gross in found), default=0) or 1
    columns = [Column(label), Column("", "fill"), Column(t("Sessions"), "num"),
               Column(t("Gross"), "num")]  # fmt: skip
    rows = [[name, _share(gross, most), form.number(count), html.B(form.amount(gross, money))]
            for name, count, gross in found]  # fmt: skip
    count, gross = sum(line[1] for line in found), sum(line[2] for line in found)
    foot = [t("Sum"), "", form.number(count), form.amount(gross, money)]
    body = table(label, columns, rows, foot=foot, empty=empty_state(t("Nothing is booked")))
    named: dict[str, Any] = {"aria-label": label}
    scrolled = html.Div(body, className="split", tabIndex="0", role="region", **named)
    return panel(label, scrolled, sub=t("sessions, gross {unit}",
                 unit=form.currency(money)))  # fmt: skip


def _share(gross: int, most: int) -> Child:
    width = f"{max(0, 100 * gross / most):.1f}%"
    return html.Span(html.I(style={"width": width}), className="share")


def vat(book: Book, scope: Scope) -> Child:
    """The basis and the tax of each rate, as a VAT return wants them."""
    form, money = formatter(), scope.currency
    columns = [Column(t("Rate")), Column(t("Account")), Column(t("Basis"), "num fill"),
               Column(t("VAT"), "num")]  # fmt: skip
    lines = [_rate(book, rate) for rate in sorted(book.values("vat_rate"), reverse=True)]
    basis, tax = book.net(), -book.amount(role="vat")
    lines.append((t("no rate"), "", basis - sum(line[2] for line in lines),
                  book.vat() - sum(line[3] for line in lines)))  # fmt: skip
    lines.append((t("back on losses"), "", 0, tax - book.vat()))
    rows = [
        [name, html.Span(account, className="mut"), form.amount(net, money),
         html.B(form.amount(due, money))]
        for name, account, net, due in lines if net or due
    ]  # fmt: skip
    foot = [t("Sum"), "", form.amount(basis, money), form.amount(tax, money)]
    return panel(t("VAT"), table(t("VAT"), columns, rows, foot=foot), id="vat",
                 sub=t("basis and tax, {unit}", unit=form.currency(money)))  # fmt: skip


def _rate(book: Book, rate: Decimal) -> tuple[str, str, int, int]:
    """A rate in words, its accounts, basis and tax."""
    words = formatter().percent(rate / 100, 0 if rate == int(rate) else 1)
    rows = (row for row in book.rows if row["vat_rate"] == rate)
    accounts = sorted({r["account"] for r in rows if book.role(r["account"]) == "vat"})
    return words, ", ".join(accounts), book.net(vat_rate=rate), book.vat(vat_rate=rate)
