"""Outages in an evse's segments, and segments cut at midnights. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ingest.timeline import Segment


def pieces(segments: Sequence[Segment], zone: ZoneInfo) -> Iterator[Segment]:
    """Segments in order, cut at the midnights of a zone."""
    border = None
    for segment in segments:
        at = segment.started_at
        border = border if border and at < border else midnight(at, zone, days=1)
        while border < segment.ended_at:
            yield segment._replace(started_at=at, ended_at=border)
            at, border = border, midnight(border, zone, days=1)
        yield segment._replace(started_at=at) if at > segment.started_at else segment


def midnight(at: datetime, zone: ZoneInfo, days: int = 0) -> datetime:
    """When the day that `at` lies in began in a zone, or another day counted from it; in UTC."""
    local = at.astimezone(zone)
    day = datetime(local.year, local.month, local.day, tzinfo=zone) + timedelta(days=days)
    return day.astimezone(at.tzinfo)


class Outage(NamedTuple):
    """A run of segments of one cause; `ended_at` None: it goes on. `excluded_because` only where
    all of it is excluded for one reason."""

    started_at: datetime
    ended_at: datetime | None
    cause: str
    excluded_because: str | None
    excluded_seconds: int
    excluded_by: str | None
    began: tuple[dict[str, Any], ...]
    ended: tuple[dict[str, Any], ...]


def outages(segments: Sequence[Segment], now: datetime) -> list[Outage]:
    """The outages in gapless segments; one that lasts until `now` goes on."""
    runs: list[list[Segment]] = []
    for segment in segments:
        if runs and runs[-1][0].cause == segment.cause:
            runs[-1].append(segment)
        else:
            runs.append([segment])
    follows = [*(run[0].began for run in runs[1:]), None]
    pairs = zip(runs, follows, strict=False)  # without segments there is nothing to follow
    return [_outage(run, cause, ended, now) for run, ended in pairs if (cause := run[0].cause)]


def _outage(
    run: list[Segment], cause: str, ended: tuple[dict[str, Any], ...] | None, now: datetime
) -> Outage:
    reasons = {segment.excluded_because for segment in run}
    excluded = sum(segment.seconds for segment in run if segment.excluded_because)
    by = next((segment.excluded_by for segment in run if segment.excluded_by), None)
    ended_at = run[-1].ended_at if run[-1].ended_at < now else None
    because = reasons.pop() if len(reasons) == 1 else None
    return Outage(
        run[0].started_at, ended_at, cause, because, excluded, by, run[0].began, ended or ()
    )
