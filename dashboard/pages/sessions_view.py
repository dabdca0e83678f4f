"""Which sessions an address of the explorer asks for, and what that means to the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, ClassVar, Self

from dashboard.doubts import wh_of
from dashboard.explorer import Wanted
from dashboard.i18n import mark
from dashboard.pages.analysis import View, number_of, one_of, text_of
from dashboard.pages.flag_words import FLAGS
from dashboard.pages.ledger_words import CHANNELS
from dashboard.periods import Period

STATES = {"open": mark("Going on"), "ended": mark("Ended")}
SORTS = {"": mark("Newest"), "energy": mark("Most energy"), "length": mark("Longest")}
NO_PAYMENT = "none"
MINUTE = 60


@dataclass(frozen=True)
class SessionsView(View):
    """`least` and `most` are kWh as typed, `longer` and `shorter` minutes, `before` a place in the
    list: an instant and a session's number."""

    page: ClassVar[str] = "sessions"
    presets: ClassVar[tuple[str, ...]] = ("today", "7d", "4w", "13w", "12m")
    usual: ClassVar[str] = "7d"

    evse: str = ""
    state: str = ""
    channel: str = ""
    flag: str = ""
    least: str = ""
    most: str = ""
    token: str = ""
    q: str = ""
    longer: str = ""
    shorter: str = ""
    hour: str = ""
    tariff: str = ""
    sort: str = ""
    before: str = ""

    @classmethod
    def own(cls, parameters: Mapping[str, Any], today: date) -> dict[str, str]:  # noqa: ARG003
        numbers = ("evse", "longer", "shorter", "hour")
        words = {"token": 255, "q": 100, "tariff": 64}
        return {
            "state": one_of(parameters, "state", STATES),
            "channel": one_of(parameters, "channel", (*CHANNELS, NO_PAYMENT)),
            "flag": one_of(parameters, "flag", ("any", "quarantine", *FLAGS)),
            "sort": one_of(parameters, "sort", SORTS),
            "least": _energy(parameters, "least"),
            "most": _energy(parameters, "most"),
            "before": before if place_of(before := text_of(parameters, "before")) else "",
            **{name: number_of(parameters, name) for name in numbers},
            **{name: text_of(parameters, name, most).strip() for name, most in words.items()},
        }

    def changed(self, **changes: str) -> Self:
        """As everywhere, and from the first page on."""
        return super().changed(**{"before": "", **changes})

    @property
    def is_plain(self) -> bool:
        """Whether sums by day, site and channel tell everything that is asked for."""
        narrowed = (
            self.evse,
            self.flag,
            self.least,
            self.most,
            self.token,
            self.q,
            self.longer,
            self.shorter,
            self.hour,
            self.tariff,
            self.station,
        )
        return not any(narrowed) and self.state != "open"

    def wanted(self, period: Period) -> Wanted:
        """The same as parameters of the queries."""
        flagged = self.flag not in ("", "any", "quarantine")
        return Wanted(
            period.start,
            period.end,
            of_site=_whole(self.site),
            of_station=self.station or None,
            of_evse=_whole(self.evse),
            of_token=self.token.lower() or None,
            is_open=self.state == "open",
            is_ended=self.state == "ended",
            is_flagged=flagged or self.flag == "any",
            is_doubted=self.flag == "quarantine",
            flag=self.flag if flagged else None,
            of_channel=self.channel or None,
            of_tariff=self.tariff or None,
            of_hour=_whole(self.hour),
            least_wh=wh_of(self.least) if self.least else None,
            most_wh=wh_of(self.most) if self.most else None,
            least_seconds=_seconds(self.longer),
            most_seconds=_seconds(self.shorter),
            words=self.q.lower() or None,
            sort=self.sort,
        )


def _energy(parameters: Mapping[str, Any], name: str) -> str:
    """kWh as typed, where it is an amount of energy that anybody could mean."""
    typed = text_of(parameters, name, 20).strip()
    found = wh_of(typed) if typed else None
    return typed if found is not None and 0 <= found < 10**9 else ""


def _whole(digits: str) -> int | None:
    return int(digits) if digits else None


def _seconds(minutes: str) -> int | None:
    return int(minutes) * MINUTE if minutes else None


def place_of(text: str) -> tuple[datetime, int] | None:
    """Where a page begins: "1763912345123456-4711", microseconds and number; None: no place."""
    micros, _, number = text.partition("-")
    if not (micros.isdecimal() and number.isdecimal() and text.isascii()):
        return None
    if len(micros) > 16 or len(number) > 18:
        return None
    try:
        at = datetime.fromtimestamp(int(micros) // 1_000_000, UTC)
    except (OverflowError, OSError, ValueError):
        return None
    return at.replace(microsecond=int(micros) % 1_000_000), int(number)


def place_words(at: datetime, session_id: int) -> str:
    """The opposite of `place_of`: microseconds since 1970, and the session."""
    since = at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return f"{micros}-{session_id}"
