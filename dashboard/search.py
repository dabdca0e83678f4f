"""Finding anything by what somebody has of it. Each kind of thing is asked for by an index of its
own, and only when the text can be one; docs/search.md.
"""

import re
from dataclasses import dataclass, field

from dashboard import payment_search
from dashboard.data import Row, deps
from sql.queries import load_queries

queries = load_queries("search")

LONGEST = 100
NUMBER = re.compile(r"^(?:(?:incident|h\u00e4ndelse|session|laddning)\s*)?#?(\d{1,18})$")
PLAIN = re.compile(r"^[\w.:*+/-]{3,64}$")


@dataclass(frozen=True)
class Asked:
    """A search text as the queries want it. `number`: what it says when it is one."""

    text: str

    @property
    def folded(self) -> str:
        return self.text.lower()

    @property
    def begin(self) -> str:
        """As codes and references are compared: without hyphens and spaces."""
        return re.sub(r"[\s-]", "", self.folded)

    @property
    def patterns(self) -> list[str]:
        return [f"%{escaped(word)}%" for word in self.folded.split()[:8]]

    @property
    def begins(self) -> str:
        return f"{escaped(self.folded)}%"

    @property
    def number(self) -> int | None:
        found = NUMBER.match(self.folded)
        return int(found[1]) if found else None

    def __bool__(self) -> bool:
        return len(self.text) > 1 or self.number is not None


@dataclass(frozen=True)
class Found:
    """Rows by kind, as sql/queries/search.sql and find_payments give them."""

    stations: list[Row] = field(default_factory=list)
    sites: list[Row] = field(default_factory=list)
    towns: list[Row] = field(default_factory=list)
    evses: list[Row] = field(default_factory=list)
    sessions: list[Row] = field(default_factory=list)
    tokens: list[Row] = field(default_factory=list)
    incidents: list[Row] = field(default_factory=list)
    payments: list[Row] = field(default_factory=list)
    receipts: list[Row] = field(default_factory=list)


def asked(text: str) -> Asked:
    """From what was typed: NUL and line breaks are no letters of anything."""
    return Asked(" ".join(text.replace("\x00", " ").split())[:LONGEST])


def escaped(word: str) -> str:
    """% and _ stand for themselves in LIKE."""
    return re.sub(r"([\\%_])", r"\\\1", word)


def find(what: Asked, at_most: int, *, money: bool) -> Found:
    """At most so many of each kind; payments and receipts only if `money`."""
    if not what:
        return Found()
    places = _places(what, at_most)
    payments = _payments(what, at_most, bool(places.evses)) if money else []
    return Found(
        **vars(places) | _events(what, at_most)
        | {"payments": payments, "receipts": _receipts(what, at_most) if money else []}
    )  # fmt: skip


def _places(what: Asked, at_most: int) -> Found:
    words = {"patterns": what.patterns, "begins": what.begins, "at_most": at_most}
    with deps().connection() as connection:
        return Found(
            stations=queries.stations(connection, folded=what.folded, **words),
            sites=queries.sites(connection, **words),
            towns=queries.towns(connection, begins=what.begins, at_most=at_most),
            evses=queries.evses(connection, begin=what.begin, at_most=at_most)
            if len(what.begin) > 1 else [],
        )  # fmt: skip


def _events(what: Asked, at_most: int) -> dict[str, list[Row]]:
    """Sessions, id tokens and incidents: all of them are one word or a number."""
    number, found = what.number, dict[str, list[Row]]()
    is_token = PLAIN.match(what.text) is not None
    with deps().connection() as connection:
        if number is not None or is_token:
            found["sessions"] = queries.sessions(
                connection, number=number, exact=what.text, at_most=at_most
            )
        if is_token:
            token = {"folded": what.folded, "at_most": at_most}
            found["tokens"] = queries.tokens(connection, **token)
            known = {row["session_id"] for row in found["sessions"]}
            found["sessions"] += [row for row in queries.token_sessions(connection, **token)
                                  if row["session_id"] not in known]  # fmt: skip
        if number is not None:
            found["incidents"] = queries.incidents(connection, number=number)
    return found


def _payments(what: Asked, at_most: int, is_code: bool) -> list[Row]:
    """What a caller says; the beginning of a reference; the newest at an evse of that code."""
    rows = payment_search.find(what.text)[:at_most] if is_code or payment_search.fits(
        what.text) else []  # fmt: skip
    if rows or not 4 <= len(what.begin) <= 8 or not what.begin.isalnum():
        return rows
    with deps().connection() as connection:
        likely = queries.references(connection, begin=what.begin, at_most=min(at_most, 3))
    return [row for one in likely for row in payment_search.find(one["reference"])]


def _receipts(what: Asked, at_most: int) -> list[Row]:
    series, number = payment_search.receipt_key(what.text)
    if number is None:
        return []
    with deps().connection() as connection:
        rows: list[Row] = queries.receipts(
            connection, series=series, number=number, at_most=at_most
        )
    return rows
