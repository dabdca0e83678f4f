"""What is behind a cell of the week: that hour on every date, each with its sessions."""

from dash import html

from dashboard import utilisation
from dashboard.components import Child, Column, empty_state, panel, table
from dashboard.data import Row
from dashboard.i18n import formatter, t
from dashboard.pages.frame import named
from dashboard.pages.utilisation_view import Part, View
from dashboard.pages.utilisation_week import hour_words
from dashboard.uptime import share


def hour(view: View, mine: Part) -> list[Child]:
    """Shares of the evses in that hour, date by date; nothing when no cell is chosen."""
    if view.hour is None:
        return []
    form, heading = formatter(), hour_words(*view.hour)
    rows = [
        [
            html.A(form.date(row["bucket"], year=True), href=_sessions(view, mine, row)),
            html.B(form.percent(share(row["occupied"], row["seconds"]))),
            form.percent(share(row["charging"], row["seconds"])),
            form.percent(share(row["idle"], row["seconds"])),
        ]
        for row in utilisation.read_hour(mine.scope, mine.period, *view.hour)
    ]  # fmt: skip
    columns = [Column(t("Date"), "ell"), Column(t("Occupied"), "num"),
               Column(t("Charging"), "num"), Column(t("Idle"), "num")]  # fmt: skip
    listed = table(heading, columns, rows, empty=empty_state(t("No evse was in service")))
    body = html.Div(listed, className="ranking", tabIndex="0", role="region", **named(heading))
    away = html.A("\u00d7", href=view.href(cell=""), className="ctl icon ghost", title=t("Close"),
                  **named(t("Close")))  # fmt: skip
    return [panel(heading, body, sub=t("% of evses; a date leads to its sessions"), right=[away],
                  id="week-hour")]  # fmt: skip


def _sessions(view: View, mine: Part, row: Row) -> str:
    day = row["bucket"].astimezone(mine.period.zone).date()
    return view.sessions(day, day)
