"""The files of Utilisation, read as the page reads them."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from dashboard import data
from dashboard.csv_text import percent
from dashboard.downloads import Download, Table
from dashboard.i18n import t
from dashboard.pages import utilisation_figures as figures
from dashboard.pages import utilisation_ranking as ranking
from dashboard.pages import utilisation_week as week
from dashboard.pages.analysis_bar import file_name
from dashboard.pages.utilisation_view import Part, View, read_other, read_part


def _of(made: Callable[[View, Part], Table]) -> Download:
    def read(parameters: Mapping[str, str]) -> Table:
        zone = data.deps().settings.zone
        today = datetime.now(UTC).astimezone(zone).date()
        view = View.read(parameters, today)
        return made(view, read_part(view.site, view.station, view.period(today, zone), today))

    return Download(read)


def _ranking(view: View, mine: Part) -> Table:
    against = view.against(mine.period)
    today = datetime.now(UTC).astimezone(mine.period.zone).date()
    before = read_other(against, today) if against and not against.is_site else None
    return ranking.ranking_table(view, mine, before)


def _days(view: View, mine: Part) -> Table:
    """Days or months with their shares of the time in service."""
    header = [t("Beginning"), *(f"{t(name)}, %" for name in
              ("Occupied", "Charging", "Idle after full", "Plugged in, not started"))]  # fmt: skip
    rows = [
        [one.bucket.astimezone(mine.period.zone).date(), percent(figures.occupied(one)),
         percent(one.charging), percent(one.idle), percent(one.preparing)] for one in mine.spent
    ]  # fmt: skip
    return Table(file_name(view, mine.period, "utilisation-days"), header, rows)


FILES = {
    "utilisation": _of(_ranking),
    "utilisation-days": _of(_days),
    "utilisation-week": _of(week.week_table),
}
