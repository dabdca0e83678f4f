"""Revenue: what was sold, by day, site, tariff and channel, as it is booked; held against before.

Every amount is a sum of bookings. The first line says whether the sums that bookings keep agree.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, ClassVar

from dash import html

from dashboard import books, data, revenue
from dashboard.components import Child, empty_state, panel
from dashboard.csv_text import Cell, kwh
from dashboard.downloads import Download, Table
from dashboard.i18n import mark, t
from dashboard.pages import revenue_figures as figures
from dashboard.pages.analysis import View, against_words, number_of, one_of
from dashboard.pages.analysis_bar import bar, file_name
from dashboard.pages.frame import Page, frame, live_stamp, pick, spacer, title
from dashboard.pages.ledger_words import CHANNELS
from dashboard.pages.sessions_words import channel_words, major
from dashboard.revenue import Money, Place, Sales


@dataclass(frozen=True)
class RevenueView(View):
    page: ClassVar[str] = "revenue"
    presets: ClassVar[tuple[str, ...]] = ("7d", "30d", "13w", "12m")
    usual: ClassVar[str] = "30d"

    operator: str = ""
    channel: str = ""

    @classmethod
    def own(cls, parameters: Mapping[str, Any], today: date) -> dict[str, str]:  # noqa: ARG003
        return {
            "operator": number_of(parameters, "operator"),
            "channel": one_of(parameters, "channel", CHANNELS),
        }

    def place(self, site: str) -> Place:
        return Place(_whole(self.operator), _whole(site), self.channel or None)


def _whole(digits: str) -> int | None:
    return int(digits) if digits else None


def layout(**parameters: Any) -> Child:
    """The page for an address."""
    zone = data.deps().settings.zone
    today, sites = datetime.now(UTC).astimezone(zone).date(), data.sites()
    view = RevenueView.read(parameters, today)
    head = bar(view, sites, today, zone, _own())
    return frame(
        "revenue", t("Revenue"), [head, *_body(view, sites, today)], [spacer(), live_stamp()]
    )


def _own() -> list[Child]:
    """Legal entity, where there are several, and channel; assets/staff/sessions.js follows both."""
    operators = books.operators()
    channels = [html.Option(t("All channels"), value="")]
    channels += [html.Option(t(text), value=code) for code, text in CHANNELS.items()]
    lists: list[Child] = [pick("revenue-channel", t("Channel"), channels)]
    if len(operators) > 1:
        entities = [html.Option(t("All legal entities"), value="")]
        entities += [html.Option(row["name"], value=str(row["operator_id"])) for row in operators]
        lists.insert(0, pick("revenue-operator", t("Legal entity"), entities))
    return lists


def _body(view: RevenueView, sites: list[data.Row], today: date) -> list[Child]:
    if revenue.first_day() is None:
        return [
            panel(
                t("Revenue"),
                empty_state(
                    t("Nothing is booked yet"),
                    t("Every finished session is booked when it is priced."),
                ),
            )
        ]
    period = view.period(today, data.deps().settings.zone)
    against = view.against(period)
    sales = revenue.read_sales(period, view.place(view.site))
    before = revenue.read_sales(against.period, view.place(against.site)) if against else None
    if not sales.currencies:
        return [panel(t("Revenue"), empty_state(t("Nothing was booked in this period")))]
    buckets = revenue.read_buckets(period, view.place(view.site))
    then = revenue.read_buckets(against.period, view.place(against.site)) if against else {}
    shown = figures.Shown(view, period, sales, before, against_words(against, sites))
    charts = [
        figures.chart(shown, name, buckets.get(name, []), then.get(name, []))
        for name in sales.currencies
    ]
    right = [figures.channels(shown), figures.tariffs(shown)]
    return [
        figures.proof(shown),
        *(figures.strip(shown, name) for name in sales.currencies),
        html.Div(
            [html.Div(charts, className="stack"), html.Div(right, className="stack")],
            className="cols revenue",
        ),
        *([] if view.site else [figures.sites(shown)]),
        html.P(
            t(
                "By the day of booking, which follows a session\u2019s end. Net and VAT are after"
                " refunds and credit notes; amounts of different currencies are never added."
            ),
            className="mut small",
        ),
    ]


# -- file -------------------------------------------------------------------------------------


def read_file(parameters: Mapping[str, str]) -> Table:
    """All that the page shows: days or months, then sites, channels and tariffs."""
    zone = data.deps().settings.zone
    today = datetime.now(zone).date()
    view = RevenueView.read(parameters, today)
    period = view.period(today, zone)
    place = view.place(view.site)
    sales, buckets = revenue.read_sales(period, place), revenue.read_buckets(period, place)
    header = [
        t("By"),
        t("What"),
        t("Currency"),
        t("Net"),
        t("VAT"),
        t("Gross"),
        t("Refunds"),
        t("Fees"),
        t("Sessions"),
        "kWh",
        t("Net per kWh"),
    ]
    return Table(file_name(view, period), header, [*_days(buckets), *_parts(sales)])


def _days(buckets: dict[str, list[revenue.Bucket]]) -> Iterator[list[Cell]]:
    for currency, some in buckets.items():
        for one in some:
            yield _line(t("Period"), one.first, currency, one.money, split=False)


def _parts(sales: Sales) -> Iterator[list[Cell]]:
    names = revenue.site_names()
    tariffs = revenue.tariff_names(row["tariff_hash"] for row in sales.sold)
    for currency in sales.currencies:
        for site_id, money in sales.by("site_id", currency):
            yield _line(t("Site"), names.get(site_id) or t("Without a site"), currency, money)
        for channel, money in sales.by("channel", currency):
            yield _line(t("Channel"), channel_words(channel), currency, money)
        for key, money in sales.by_tariff(currency):
            yield _line(
                t("Tariff"), figures.tariff_name(key, tariffs), currency, money, split=False
            )
        yield _line(t("Sum"), t("Sum"), currency, sales.money(currency))


def _line(by: str, what: Cell, currency: str, money: Money, *, split: bool = True) -> list[Cell]:
    """`split`: refunds and fees are known of it."""

    per = money.per_kwh(currency)
    back, fee = (major(money.back, currency), major(money.fee, currency)) if split else (None, None)
    return [
        by,
        what,
        currency,
        major(money.net, currency),
        major(money.vat, currency),
        major(money.gross, currency),
        back,
        fee,
        money.sessions,
        kwh(money.energy_wh),
        round(per, 4) if per is not None else None,
    ]


DOWNLOAD = Download(read_file, frozenset(books.READING))
PAGE = Page("revenue", "/revenue", title(mark("Revenue")), layout, roles=frozenset(books.READING))
