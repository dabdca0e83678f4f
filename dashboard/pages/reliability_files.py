"""The files of Reliability, read as the page reads them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from dashboard import data, reliability
from dashboard.csv_text import Cell, hours, percent
from dashboard.downloads import Download, Table
from dashboard.i18n import t
from dashboard.pages import reliability_figures as figures
from dashboard.pages import reliability_outages as outages
from dashboard.pages.analysis_bar import file_name
from dashboard.pages.reliability_view import View, read_view
from dashboard.pages.reliability_words import CAUSES
from dashboard.periods import Period
from dashboard.reliability import Group, Scope
from dashboard.uptime import share

MOST_ROWS = 1_000_000  # outages


@dataclass(frozen=True)
class Asked:
    """What an address asks for."""

    view: View
    scope: Scope
    period: Period
    today: date


def _of(made: Callable[[Asked], Table]) -> Download:
    def read(parameters: Mapping[str, str]) -> Table:
        zone = data.deps().settings.zone
        today = datetime.now(UTC).astimezone(zone).date()
        since = reliability.known_since()
        view = read_view(parameters, today, since.astimezone(zone).date() if since else None)
        scope = reliability.read_scope(view.site, view.station)
        return made(Asked(view, scope, view.period(today, zone), today))

    return Download(read)


def _groups(asked: Asked) -> Table:
    lines = reliability.read_lines(asked.scope, asked.period, asked.today)
    rows = [_group(asked.view, one) for one in figures.ranked(asked.view, lines)]
    header = [
        t(figures.LEVELS[asked.view.level]), t("Evses"), t("First attempt") + ", %",
        t("In service") + ", h", t("Down") + ", h", t("Excluded") + ", h", t("Uptime") + ", %",
        t("Without exclusions") + ", %", t("Connected") + ", %", t("Lost sessions"),
    ]  # fmt: skip
    return Table(file_name(asked.view, asked.period), header, rows)


def _group(view: View, one: Group) -> list[Cell]:
    seconds = one.seconds
    return [
        figures.group_name(one, view.level), len(one.lines), percent(one.tries.first_success),
        hours(seconds.in_service), hours(seconds.down), hours(seconds.excluded),
        percent(seconds.uptime), percent(seconds.uptime_without_exclusions),
        percent(seconds.connected), round(Decimal(one.lost), 3),
    ]  # fmt: skip


def _outages(asked: Asked) -> Table:
    """All of them, also those that the page leaves out."""
    view = asked.view
    lines = reliability.read_lines(asked.scope, asked.period, asked.today)
    found = reliability.read_outages(
        asked.scope, asked.period, lines, cause=view.cause or None, sort=view.sort or "lost",
        at_most=MOST_ROWS,
    )  # fmt: skip
    header = [t("Start"), t("End"), t("Down") + ", h", t("Counted") + ", h", t("Site"),
              t("Station"), t("Evses"), t("Cause"), t("Lost sessions")]  # fmt: skip
    rows = [
        [row["started_at"], row["ended_at"], hours(row["seconds"]),
         hours(row["seconds"] - row["excluded"]), row["site"], outages.evses_words(row),
         row["evses"], t(CAUSES[row["cause"]]), round(Decimal(row["lost"]), 3)] for row in found
    ]  # fmt: skip
    return Table(file_name(view, asked.period, "reliability-outages"), header, rows)


def _builds(asked: Asked) -> Table:
    found = reliability.read_builds(asked.scope, asked.period, asked.today)
    header = [t("Model"), t("Firmware"), t("Visits"), t("Failed first attempts"),
              t("of visits") + ", %"]  # fmt: skip
    rows = [
        [one.name, one.row["firmware_version"], one.tries.visits, one.tries.failed_first,
         percent(share(one.tries.failed_first, one.tries.visits))]
        for one in sorted(found, key=lambda one: -one.tries.failed_first)
    ]  # fmt: skip
    return Table(file_name(asked.view, asked.period, "reliability-builds"), header, rows)


FILES = {
    "reliability": _of(_groups),
    "reliability-outages": _of(_outages),
    "reliability-builds": _of(_builds),
}
