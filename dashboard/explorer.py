"""What the session explorer reads: pages of sessions by any filter, and what they add up to.

A page walks along an index from its place on and looks at ten thousand sessions at most; how many
and how far back is part of the answer, so that rare sessions cost no more than common ones. Sums
come from the daily counts where these tell all that is asked, else from the newest sessions.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from dashboard.data import Row, deps
from dashboard.periods import Period
from sql.queries import load_queries

queries = load_queries("sessions")
visits = load_queries("visits")
PAGE_ROWS, LOOKED_AT, SUMMED = 50, 10_000, 20_000
MOST_FILED = 100_000  # rows of a file
FAR = (datetime(9999, 1, 1, tzinfo=UTC), 0)


@dataclass(frozen=True)
class Wanted:
    """Parameters of the queries; what is None or False is not asked for."""

    from_at: datetime
    until_at: datetime
    of_site: int | None = None
    of_station: str | None = None
    of_evse: int | None = None
    of_token: str | None = None
    is_open: bool = False
    is_ended: bool = False
    is_flagged: bool = False
    is_doubted: bool = False
    flag: str | None = None
    of_channel: str | None = None
    of_tariff: str | None = None
    of_hour: int | None = None
    least_wh: int | None = None
    most_wh: int | None = None
    least_seconds: int | None = None
    most_seconds: int | None = None
    words: str | None = None
    sort: str = ""
    stations: list[str] = field(default_factory=list)
    evse_keys: list[int] = field(default_factory=list)

    @property
    def is_sifted(self) -> bool:
        """Whether sessions are left out after they were walked along."""
        sieves = (
            self.flag,
            self.of_channel,
            self.of_tariff,
            self.of_hour,
            self.least_wh,
            self.most_wh,
            self.least_seconds,
            self.most_seconds,
            self.words,
        )
        return self.is_ended or bool(self.sort) or any(one is not None for one in sieves)


@dataclass(frozen=True)
class Found:
    """A page: rows, how many sessions were looked at for it, and where the next one begins."""

    rows: list[Row]
    walked: int
    oldest_at: datetime | None
    next_place: tuple[datetime, int] | None

    @property
    def is_cut(self) -> bool:
        """Whether it ends because enough were looked at."""
        return self.walked >= LOOKED_AT


def resolved(wanted: Wanted) -> Wanted:
    """With the stations that its free words name; an exact public code names one evse."""
    if wanted.words is None:
        return wanted
    with deps().connection() as connection:
        rows = queries.places(connection, words=wanted.words)
    codes = sorted({row["evse_key"] for row in rows if row["is_code"]})
    stations = sorted({row["station_id"] for row in rows if not row["is_code"]})
    return replace(wanted, evse_keys=codes, stations=[] if codes else stations)


def find(
    wanted: Wanted, place: tuple[datetime, int] | None = None, at_most: int = PAGE_ROWS
) -> Found:
    """The sessions from a place in the list on."""
    at, number = place or FAR
    sieved = LOOKED_AT if wanted.is_sifted else at_most + 1
    with deps().connection() as connection:
        rows = queries.find(
            connection,
            before_at=at,
            before_id=number,
            at_most=at_most + 1,
            looked_at=sieved,
            zone=deps().settings.zone.key,
            **asdict(wanted),
        )
    head, met = rows[0], [row for row in rows if row["session_id"] is not None]
    shown = met[:at_most]
    after = None
    if len(met) > at_most and not wanted.sort:
        after = (shown[-1]["started_at"], shown[-1]["session_id"])
    elif wanted.is_sifted and head["walked"] >= LOOKED_AT and not wanted.sort:
        after = (head["oldest_at"], head["oldest_id"])
    return Found(shown, head["walked"] if wanted.is_sifted else 0, head["oldest_at"], after)


def every(wanted: Wanted) -> Iterator[Row]:
    """All rows of a filter, a page at a time, each in a transaction of its own."""
    place, count = None, 0
    while count < MOST_FILED:
        found = find(wanted, place, 1000)
        yield from found.rows
        count += len(found.rows)
        place = found.next_place
        if place is None:
            return


@dataclass(frozen=True)
class Sums:
    """What a filter adds up to; `since`: only sessions begun from then on were added up."""

    sessions: int
    open: int
    energy_wh: int
    seconds: int
    gross: dict[str, int]
    since: datetime | None = None


def sums_of_days(period: Period, site: str, channel: str, *, with_open: bool) -> Sums:
    """From the counts per day: all ended sessions of a period, and those that go on."""
    days = {"first_day": period.first, "until_day": period.until, "scope": int(site or 0)}
    asked = {
        "from_at": period.start,
        "until_at": period.end,
        "of_site": int(site) if site else None,
        "of_channel": channel or None,
    }
    with deps().connection() as connection:
        rows = visits.totals(connection, **days)
        sales = visits.sales(connection, **days)
        going = queries.open_sums(connection, **asked) if with_open else None
    rows = [r for r in rows if r["what"] == "channel" and channel in ("", r["part"])]
    gross: dict[str, int] = {}
    for row in sales:
        if channel in ("", row["channel"]):
            gross[row["currency"]] = gross.get(row["currency"], 0) + row["gross"]
    open_count, open_wh = (going["sessions"], going["energy_wh"]) if going else (0, 0)
    return Sums(
        sum(r["sessions"] for r in rows) + open_count,
        open_count,
        sum(r["energy_wh"] for r in rows) + open_wh,
        sum(r["seconds"] for r in rows),
        gross,
    )


def sums_of_newest(wanted: Wanted) -> Sums:
    """Of the newest sessions that a filter walks along, twenty thousand at most."""
    asked = asdict(wanted)
    asked.pop("sort")
    with deps().connection() as connection:
        row = queries.sums(connection, looked_at=SUMMED, zone=deps().settings.zone.key, **asked)[0]
    is_cut = row["walked"] >= SUMMED
    return Sums(
        row["sessions"],
        row["open"],
        row["energy_wh"],
        row["seconds"],
        row["gross"] or {},
        row["oldest_at"] if is_cut else None,
    )


def waiting() -> int:
    """Changes that are not in the daily counts yet, up to a thousand."""
    with deps().connection() as connection:
        return int(visits.waiting(connection))


def counted_since() -> date | None:
    with deps().connection() as connection:
        found: date | None = visits.since(connection)
    return found


def evses(station_id: str) -> list[Row]:
    with deps().connection() as connection:
        rows: list[Row] = queries.evses(connection, station_id=station_id)
    return rows


def exists(session_id: int) -> bool:
    with deps().connection() as connection:
        return queries.session(connection, session_id=session_id) is not None


def idle_seconds(row: Row) -> int | None:
    """How long the cable stayed after the last energy; None while nothing is known of it."""
    if row["ended_at"] is None or row["charged_until"] is None:
        return None
    idle: timedelta = row["ended_at"] - row["charged_until"]
    return max(0, int(idle.total_seconds()))
