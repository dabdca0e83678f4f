"""The files of Energy and load, read as the page reads them."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from dashboard import data, load
from dashboard.downloads import Download, Table
from dashboard.pages import analysis, energy_figures, energy_load
from dashboard.pages.energy_view import Part, View, read_other, read_part
from dashboard.periods import Period


def _asked(parameters: Mapping[str, str]) -> tuple[View, Period, datetime]:
    zone, now = data.deps().settings.zone, datetime.now(UTC)
    today = now.astimezone(zone).date()
    view = View.read(parameters, today)
    return view, view.period(today, zone), now


def _bars(parameters: Mapping[str, str]) -> Table:
    view, period, now = _asked(parameters)
    grain, against = view.grain_of(period), view.against(period)
    mine = read_part(view.site, view.station, period, grain, now)
    other = read_other(against, grain, now)
    named = analysis.against_words(against, data.sites())
    return energy_figures.bars_table(view, grain, mine, other, named, now)


def _of(made: Callable[[View, Part, datetime], Table]) -> Download:
    def read(parameters: Mapping[str, str]) -> Table:
        view, period, now = _asked(parameters)
        part = read_part(view.site, view.station, period, view.grain_of(period), now)
        return made(view, part, now)

    return Download(read)


def _sites(parameters: Mapping[str, str]) -> Table:
    view, period, _ = _asked(parameters)
    return energy_load.sites_table(view, load.read_site_peaks(view.site, period), period)


FILES = {
    "energy": Download(_bars),
    "energy-load": _of(energy_load.load_table),
    "energy-sites": Download(_sites),
    "energy-stations": _of(lambda view, part, _: energy_figures.stations_table(view, part)),
}
