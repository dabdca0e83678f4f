"""The evses of a station as cards: state, facts, and the running session's curve."""

from datetime import datetime
from typing import Any

from dash import dcc, html

from dashboard import data, payment_search
from dashboard.components import Child, aria, empty_state, facts, glyph
from dashboard.figures import CONFIG, Curve, session_curve
from dashboard.i18n import formatter, t, theme
from dashboard.pages.frame import named
from dashboard.pages.station_attempts import shapes
from dashboard.pages.station_words import identity
from dashboard.states import staff_words
from dashboard.station_data import Tries

DAYS = 14
HEIGHT = 270
CHART: Any = CONFIG
PLUGS = {
    "IEC_62196_T2": "Type 2",
    "IEC_62196_T2_COMBO": "CCS2",
    "CHADEMO": "CHAdeMO",
    "cCCS2": "CCS2",
    "cType2": "Type 2",
    "sType2": "Type 2",
}


def cards(found: data.Station, now: datetime, tries: Tries) -> Child:
    """One card per evse; those with a running session get the room for their curves."""
    if not found.evses:
        note = empty_state(t("No evse has reported yet"), t("They appear with the first message."))
        return html.Section(note, className="panel")
    rows = data.read_energy_days(found.row["station_id"], data.midnight(now, 1 - DAYS))
    paying = payment_search.running([evse["evse_key"] for evse in found.evses])
    busy: list[Child] = []
    idle: list[Child] = []
    for evse in found.evses:
        place = busy if evse["session_id"] else idle
        days = days_of(evse["evse_id"], rows, now)
        place.append(card(evse, now, days, tries, paying.get(evse["evse_key"])))
    return arranged(busy, idle)


def arranged(busy: list[Child], idle: list[Child]) -> Child:
    """Curves side by side and the idle cards as a column beside them; from three curves on, and
    with none, all cards stand in one grid."""
    if not busy:
        return html.Div(idle, className=f"evses of-{min(len(idle), 4)}")
    if not idle or len(busy) > 2:
        across = len(busy) if not idle and len(busy) < 4 else 2
        return html.Div([*busy, *idle], className=f"evses of-{across}")
    column = html.Div(idle, className="evses-idle")
    return html.Div([*busy, column], className=f"evses beside-{len(busy)}")


def days_of(evse_id: int, rows: list[data.Row], now: datetime) -> list[tuple[datetime, int]]:
    """The last days, oldest first, with the watt-hours of each; days without energy are 0."""
    known = {row["bucket"]: row["energy_wh"] for row in rows if row["evse_id"] == evse_id}
    midnights = [data.midnight(now, day) for day in range(1 - DAYS, 1)]
    return [(at, known.get(at, 0)) for at in midnights]


def card(
    evse: data.Row,
    now: datetime,
    days: list[tuple[datetime, int]],
    tries: Tries,
    paying: data.Row | None = None,
) -> Child:
    key, form = evse["evse_key"], formatter()
    plugs = ", ".join(dict.fromkeys(PLUGS.get(s, s) for s in evse["standards"] or [] if s))
    plate = ", ".join(p for p in (plugs, form.rating(evse["max_power_w"])) if p != "\u2013")
    head = html.Div(
        [html.Span(glyph(evse["state"], 14), id=f"evse-{key}-glyph"),
         html.H2(t("Evse {n}", n=evse["evse_id"])), html.Span(plate, className="sub"),
         html.Span(className="sp"), html.Span(evse["public_code"], className="mono faint")],
        className="ph",
    )  # fmt: skip
    words = staff_words(
        evse["state"], form, power_w=evse["power_w"], error_code=evse["error_code"],
        charging_state=evse["charging_state"], since=evse["state_since"], now=now,
    )  # fmt: skip
    line = html.P(words, id=f"evse-{key}-words", className="evse-state")
    if evse["state"] == "unconnected":
        inside = []
    else:
        inside = _session(evse, now) if evse["session_id"] else _idle(evse, now, days, tries)
    if paying:
        inside = [money(paying), *inside]
    classes = "panel evse busy" if evse["session_id"] else "panel evse"
    return html.Section([head, html.Div([line, *inside], className="pb evse-body")],
                        className=classes, id=f"evse-{key}")  # fmt: skip


def money(paying: data.Row) -> Child:
    """What the driver pays so far, and the reference a caller names. finance.js keeps it true."""
    about: dict[str, Any] = {"data-payment-cost": str(paying["payment_id"])}
    words = html.B(payment_search.cost_words(paying), **about)
    href = f"/app/payments?payment={paying['reference']}"
    part = min(100, 100 * (paying["cost"] or 0) / (paying["hold"] or 1))
    bar = html.I(html.I(style={"width": f"{part:.1f}%"}), className="money-bar",
                 **aria(hidden="true"))  # fmt: skip
    return html.P([words, " · ", html.A(paying["reference"], href=href, className="mono"), bar],
                  className="evse-money")  # fmt: skip


def _idle(
    evse: data.Row, now: datetime, days: list[tuple[datetime, int]], tries: Tries
) -> list[Child]:
    form, rows = formatter(), tries.of(evse["evse_id"])
    since = evse["state_since"]
    length = form.duration((now - since).total_seconds()) if since else "\u2013"
    pairs: list[tuple[str, Child]] = [
        (t("Since"), f"{form.since(since, now)} · {length}" if since else "\u2013"),
        (t("Last success"), last_success(rows, now)),
        (t("Today"), form.kwh(days[-1][1])),
    ]
    gap = tries.gaps.get(evse["evse_id"])
    if gap:
        pairs.insert(2, (t("Own normal gap"), t("at most {time}", time=form.length(gap))))
    if evse["info"]:
        pairs.append((t("Station says"), evse["info"]))
    return [*([shapes(rows)] if rows else []), facts(pairs), day_bars(days)]


def last_success(rows: list[data.Row], now: datetime) -> str:
    """13:36, 22.17 kWh; none among the last attempts: a dash."""
    good = next((row for row in rows if row["outcome"] == "succeeded"), None)
    if good is None:
        return "\u2013"
    form = formatter()
    return f"{form.since(good['started_at'], now)} \u00b7 {form.kwh(good['energy_wh'])}"


def day_bars(days: list[tuple[datetime, int]]) -> Child:
    """kWh per day as bars without an axis: is this a busy evse, and did it go quiet?"""
    form, most = formatter(), max(energy_wh for _, energy_wh in days) or 1
    bars = [
        html.I(
            style={"height": f"{100 * wh / most:.0f}%"}, title=f"{form.date(at)}: {form.kwh(wh)}"
        )
        for at, wh in days
    ]
    foot = html.Div([html.Span(t("kWh per day, {n} days", n=len(days))),
                     html.Span(t("most {energy}", energy=form.kwh(most)))],
                    className="days-foot")  # fmt: skip
    label = named(t("kWh per day, {n} days", n=len(days)))
    drawn = html.Div(bars, className="days", role="img", **label)
    return html.Div([drawn, foot], className="days-frame")


def _session(evse: data.Row, now: datetime) -> list[Child]:
    form, key = formatter(), evse["evse_key"]
    begun = evse["started_at"]
    length = form.duration((now - begun).total_seconds())
    figures = html.Div(
        [
            _figure(t("Power"), form.kw(evse["power_w"]), f"evse-{key}-power"),
            _figure(t("Energy"), form.kwh(evse["energy_wh"]), f"evse-{key}-energy"),
            _figure(t("State of charge"), _soc(evse["soc_pct"]), f"evse-{key}-soc"),
        ],
        className="evse-figures",
    )
    words = t("since {time}, {length}", time=form.since(begun, now), length=length)
    name = identity(evse["id_token"]) if evse["id_token"] else t("no id token")
    who = html.Span(name, className="mono")
    about = html.P([words, " · ", who], className="mut")
    drawn = curve(evse)
    # the newest values stand at the ends of the curves
    return [about, drawn or figures]


def _figure(label: str, value: str, id_: str) -> Child:
    return html.Div([html.B(value, id=id_), html.Span(label, className="faint")])


def _soc(value: float | None) -> str:
    return formatter().percent(None if value is None else value / 100)


def curve(evse: data.Row) -> Child | None:
    """Power, energy and state of charge of the running session; grows with the live feed.

    None before the second reading of power.
    """
    rows = data.read_curve(evse)
    if sum(row["power_w"] is not None for row in rows) < 2:
        return None
    labels = {"power": t("Power"), "energy": t("Energy"), "soc": t("State of charge"),
              "no_data": t("no data")}  # fmt: skip
    points = Curve(*(tuple(row[name] for row in rows) for name in COLUMNS))
    figure = session_curve(points, formatter(), theme(), labels, evse["max_power_w"])
    figure.update_layout(height=HEIGHT)
    more: dict[str, Any] = {"data-session": str(evse["session_id"])}
    graph = dcc.Graph(id=f"curve-{evse['evse_key']}", figure=figure, config=CHART,
                      style={"height": HEIGHT})  # fmt: skip
    return html.Div(graph, className="curve", **more)


COLUMNS = ("measured_at", "power_w", "counted_wh", "soc_pct")
