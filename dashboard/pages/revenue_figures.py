"""Revenue's figures: the proof, a strip per currency, days or months, sites, channels, tariffs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from babel.numbers import get_currency_precision
from dash import dcc, html

from dashboard import revenue
from dashboard.components import (
    Child,
    Column,
    empty_state,
    figure_strip,
    figure_tile,
    glyph,
    link,
    panel,
    table,
)
from dashboard.data import Row
from dashboard.figures import CONFIG, bucket_words, tick_words
from dashboard.figures_counts import Axis, Part, stacked
from dashboard.format import NBSP, UNKNOWN
from dashboard.i18n import formatter, mark, t, theme
from dashboard.pages.analysis import View, last_day
from dashboard.pages.analysis_bar import file_name, png_button
from dashboard.pages.frame import named
from dashboard.pages.sessions_words import channel_words
from dashboard.periods import Period, midnight
from dashboard.revenue import Bucket, Money, Sales
from dashboard.visits import grain_of

CHART: Any = CONFIG
WITNESSES = {
    "ledger": mark("ledger"),
    "tariffs": mark("sales by tariff"),
    "stations": mark("sales by station"),
}


@dataclass(frozen=True)
class Shown:
    """What all figures are about: the address, its days, their sales, and those before."""

    view: View
    period: Period
    sales: Sales
    before: Sales | None
    name: str


# -- proof ------------------------------------------------------------------------------------


def proof(shown: Shown) -> Child:
    """Whether the sums that the bookings keep agree, currency by currency."""
    form, lines, agree = formatter(), [], True
    for currency in shown.sales.currencies:
        found = shown.sales.witnesses(currency)
        names = " = ".join(t(WITNESSES[name]) for name in found)
        if len(set(found.values())) == 1:
            amount = form.money(found["ledger"], currency)
            lines.append(t("Agrees: {names}, {amount}", names=names, amount=amount))
        else:
            agree = False
            told = ", ".join(
                f"{t(WITNESSES[name])} {form.money(minor, currency)}"
                for name, minor in found.items()
            )
            lines.append(t("Differs: {amounts}", amounts=told))
    words = html.Div([html.P(line, className="proof-line") for line in lines], id="revenue-proof")
    away = link(t("Ledger"), _ledger(shown), "ledger", kind="")
    head = html.Div(
        [glyph("finished" if agree else "faulted", 24), words, html.Span(className="sp"), away],
        className="proof",
    )
    return html.Section(
        head, className="panel" if agree else "panel crit", **named(t("Do the sums agree?"))
    )


def _ledger(shown: Shown) -> str:
    """The ledger of the period's last month."""
    site = f"&site={shown.view.site}" if shown.view.site else ""
    return f"/app/ledger?month={last_day(shown.period):%Y-%m}{site}"


# -- figures ----------------------------------------------------------------------------------


def strip(shown: Shown, currency: str) -> Child:
    form, now = formatter(), shown.sales.money(currency)
    was = shown.before.money(currency) if shown.before else None
    unit = form.currency(currency)
    href = shown.view.sessions(shown.period.first, last_day(shown.period), station="")

    def tile(label: str, minor: int, then: int | None, key: str, detail: str = "") -> Child:
        told = detail or (
            t("{name}: {value}", name=shown.name, value=form.amount(then, currency))
            if then is not None
            else ""
        )
        value = [form.amount(minor, currency), html.Small(f"{NBSP}{unit}"), _change(minor, then)]
        return figure_tile(label, value, told, help=key, id=f"{key}-{currency}")

    share = (
        t("{share} of gross", share=form.percent(now.fee / now.gross, 2)) if now.gross > 0 else ""
    )
    return figure_strip(
        [
            tile(t("Net"), now.net, was.net if was else None, "net_sales"),
            tile(t("VAT"), now.vat, was.vat if was else None, "vat"),
            tile(t("Gross"), now.gross, was.gross if was else None, "gross_sales"),
            figure_tile(
                t("Sessions billed"),
                [form.number(now.sessions), _change(now.sessions, was.sessions if was else None)],
                form.kwh(now.energy_wh, 0),
                href=href,
                help="sessions_billed",
            ),
            figure_tile(
                t("Net per kWh"),
                [per_kwh(now, currency), html.Small(f"{NBSP}{unit}")],
                t("{amount} with VAT", amount=per_kwh(now, currency, gross=True)),
                help="net_price_per_kwh",
            ),
            tile(
                t("Refunds, credit notes"),
                now.back,
                was.back if was else None,
                "refunds_and_credit_notes",
            ),
            tile(t("Stripe fees"), now.fee, was.fee if was else None, "payment_fees", share),
        ],
        id=f"revenue-figures-{currency}",
    )


def per_kwh(money: Money, currency: str, *, gross: bool = False) -> str:
    found = money.per_kwh(currency, gross=gross)
    return UNKNOWN if found is None else formatter().number(found, 2)


def _change(now: int, before: int | None) -> Child:
    """How many percent more or less."""
    if not before or before < 0 or now < 0:
        return ""
    words = f"{formatter().signed((now / before - 1) * 100, 1)}{NBSP}%"
    return html.Small([" ", words])


# -- days or months ---------------------------------------------------------------------------


def chart(
    shown: Shown, currency: str, buckets: Sequence[Bucket], before: Sequence[Bucket]
) -> Child:
    """Gross per day or month as net and VAT; the period before as a dashed line."""
    form, grain = formatter(), grain_of(shown.period)
    each = t("Month").lower() if grain == "month" else t("Day").lower()
    name = t("Sales per {grain}, {currency}", grain=each, currency=form.currency(currency))
    if not buckets:
        return panel(name, empty_state(t("Nothing was booked in this period")))
    at = [midnight(one.first, shown.period.zone) for one in buckets]
    axis = Axis(
        [bucket_words(one, grain, form) for one in at],
        [tick_words(one, grain, form) for one in at],
        [_sessions(shown, one.first) for one in buckets],
    )
    parts = [
        _part(t("Net"), [one.money.net for one in buckets], currency),
        _part(t("VAT"), [one.money.vat for one in buckets], currency),
    ]
    line = _part(shown.name, [one.money.gross for one in before], currency) if before else None
    figure = stacked(parts, axis, form, theme(), line)
    graph = dcc.Graph(
        id=f"sales-{currency}", figure=figure, config=CHART, style={"height": 280}, className="pb"
    )
    columns = [
        Column(t("Period")),
        Column(t("Net"), "num"),
        Column(t("VAT"), "num"),
        Column(t("Gross"), "num"),
        Column(t("Sessions"), "num"),
        Column("kWh", "num"),
    ]
    rows = [
        [words, *_amounts(one.money, currency)]
        for words, one in zip(axis.words, buckets, strict=True)
    ]
    foot = [t("Sum"), *_amounts(_summed(buckets), currency)]
    numbers = html.Details(
        [html.Summary(t("As a table")), table(name, columns, rows, foot=foot)], className="pb"
    )
    file = file_name(shown.view, shown.period, f"sales-{currency}")
    return panel(
        name,
        graph,
        numbers,
        sub=t("net and VAT, after refunds"),
        right=[png_button(f"sales-{currency}", file)],
    )


def _part(name: str, minors: Sequence[int], currency: str) -> Part:
    """Heights in the currency's main unit: plotly draws floats, the words are exact."""
    form = formatter()
    digits = int(get_currency_precision(currency))
    return Part(
        name,
        [minor / 10**digits for minor in minors],
        [form.money(minor, currency) for minor in minors],
    )


def _summed(buckets: Sequence[Bucket]) -> Money:
    some = [one.money for one in buckets]
    return Money(
        sum(m.net for m in some),
        sum(m.vat for m in some),
        0,
        0,
        sum(m.sessions for m in some),
        sum(m.energy_wh for m in some),
    )


def _amounts(money: Money, currency: str) -> list[Child]:
    form = formatter()
    return [
        form.amount(money.net, currency),
        form.amount(money.vat, currency),
        html.B(form.amount(money.gross, currency)),
        form.number(money.sessions),
        form.number(money.energy_wh / 1000),
    ]


def _sessions(shown: Shown, first: date) -> str:
    return shown.view.sessions(*revenue.edges(first, shown.period), station="")


# -- sites, channels, tariffs -----------------------------------------------------------------

HEADS = (mark("Sessions"), "kWh", mark("Net"), mark("VAT"), mark("Gross"), mark("Net per kWh"))


def _grouped(
    shown: Shown, name: str, label: str, groups: Mapping[str, list[tuple[Child, Money]]], id_: str
) -> Child:
    """A row per group and currency with a sum for each currency."""
    form, many = formatter(), len(groups) > 1
    rows: list[list[Child]] = []
    for currency, some in groups.items():
        rows += [[what, *_cells(money, currency, many)] for what, money in some]
        if some and (many or len(some) > 1):
            whole = shown.sales.money(currency)
            rows.append([html.B(t("Sum")), *_cells(whole, currency, many)])
    columns = [Column(label, "ell"), *(Column(t(head), "num") for head in HEADS)]
    body = html.Div(
        table(name, columns, rows, empty=empty_state(t("Nothing was booked in this period"))),
        className="long",
        tabIndex="0",
        role="region",
        **named(name),
    )
    count = max((len(some) for some in groups.values()), default=0)
    return panel(name, body, sub=form.number(count), id=id_)


def _cells(money: Money, currency: str, with_unit: bool) -> list[Child]:
    form = formatter()
    show = form.money if with_unit else form.amount
    return [
        form.number(money.sessions),
        form.number(money.energy_wh / 1000),
        show(money.net, currency),
        show(money.vat, currency),
        html.B(show(money.gross, currency)),
        per_kwh(money, currency),
    ]


def sites(shown: Shown) -> Child:
    names = revenue.site_names()
    groups = {
        currency: [
            (_site(shown, key, names), money) for key, money in shown.sales.by("site_id", currency)
        ]
        for currency in shown.sales.currencies
    }
    return _grouped(shown, t("Sales by site"), t("Site"), groups, "revenue-sites")


def _site(shown: Shown, site_id: int | None, names: Mapping[int, str]) -> Child:
    if site_id is None:
        return t("Without a site")
    return html.A(names.get(site_id, str(site_id)), href=shown.view.href(site=str(site_id)))


def channels(shown: Shown) -> Child:
    days = (shown.period.first, last_day(shown.period))
    groups = {
        currency: [
            (
                html.A(
                    channel_words(key),
                    href=shown.view.sessions(*days, station="", channel=key or ""),
                ),
                money,
            )
            for key, money in shown.sales.by("channel", currency)
        ]
        for currency in shown.sales.currencies
    }
    return _grouped(shown, t("Sales by channel"), t("Channel"), groups, "revenue-channels")


def tariffs(shown: Shown) -> Child:
    known = revenue.tariff_names(row["tariff_hash"] for row in shown.sales.sold)
    days = (shown.period.first, last_day(shown.period))
    groups = {
        currency: [
            (
                html.A(
                    tariff_name(key, known), href=shown.view.sessions(*days, station="", tariff=key)
                )
                if key
                else tariff_name(key, known),
                money,
            )
            for key, money in shown.sales.by_tariff(currency)
        ]
        for currency in shown.sales.currencies
    }
    return _grouped(shown, t("Sales by tariff"), t("Tariff"), groups, "revenue-tariffs")


def tariff_name(key: str, known: Mapping[str, Row]) -> str:
    """Its own id and the price per kWh with VAT; the beginning of its hash where it is gone."""
    if not key:
        return t("no tariff named")
    row = known.get(key)
    if row is None:
        return key[:12]
    price = formatter().number(row["energy_per_kwh_incl_vat"], 2)
    unit = f"{row['currency']}/kWh"
    more = t("and more") if row["has_more"] else ""
    return f"{row['name']}: {price}{NBSP}{unit} {more}".strip()
