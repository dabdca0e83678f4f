"""The lines of the books that a file holds: streamed from the one query behind all files."""

from collections.abc import Generator, Iterable, Iterator
from datetime import date
from decimal import Decimal

from msgspec import Struct

from billing.exports.scope import ExportError, Scope
from billing.exports.words import word
from billing.money import minor_unit
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("exports")
FETCHED = 5000  # rows at a time: a year of a large network does not fit into memory


class Line(Struct, frozen=True):
    """An entry with its journal; `amount` in minor units, debit positive."""

    day: date
    journal_id: int
    kind: str
    channel: str | None
    site: str | None
    station_id: str | None
    session_id: int | None
    reference: str | None
    receipt: str | None
    external_id: str | None
    requested_by: str
    account: str
    account_name: str
    amount: int
    currency: str
    vat_rate: Decimal | None

    @property
    def debit(self) -> int:
        return max(self.amount, 0)

    @property
    def credit(self) -> int:
        return max(-self.amount, 0)


class Entity(Struct, frozen=True):
    """Whose books they are."""

    operator_id: int
    name: str
    organisation_number: str | None
    currency: str


class Total(Struct):
    """Sums of an account, minor units."""

    account: str
    name: str
    debit: int = 0
    credit: int = 0

    @property
    def amount(self) -> int:
        return self.debit - self.credit


def entity_of(connection: Connection, scope: Scope) -> Entity:
    """The operator of a file. Raises ExportError: there is no such operator or site."""
    row = queries.entity(connection, operator_id=scope.operator_id)
    if row is None:
        raise ExportError(word(scope.language, "unknown", "operator_id", scope.operator_id))
    entity = Entity(*row)
    if scope.site_id is not None and not queries.has_site(
        connection, operator_id=entity.operator_id, site_id=scope.site_id
    ):
        raise ExportError(word(scope.language, "unknown", "site_id", scope.site_id))
    return entity


def read_lines(connection: Connection, entity: Entity, scope: Scope) -> Generator[Line, None, None]:
    """The lines in the order they were booked, a few thousand at a time."""
    parameters = {
        "operator_id": entity.operator_id,
        "currency": scope.currency or entity.currency,
        "from_day": scope.first,
        "until_day": scope.until,
        "site_id": scope.site_id,
        "channel": scope.channel,
    }
    with connection.transaction(), connection.cursor("lines") as cursor:
        cursor.itersize = FETCHED
        cursor.execute(queries.texts["lines"].encode(), parameters)
        for row in cursor:
            yield Line(*row)


class Totals:
    """Sums per account, gathered while lines go by."""

    def __init__(self) -> None:
        self._found: dict[str, Total] = {}

    def through(self, lines: Iterable[Line]) -> Iterator[Line]:
        for line in lines:
            total = self._found.setdefault(line.account, Total(line.account, line.account_name))
            total.debit += line.debit
            total.credit += line.credit
            yield line

    def rows(self) -> list[Total]:
        """By account number."""
        return [self._found[account] for account in sorted(self._found)]


def money(amount: int, currency: str) -> Decimal:
    """Minor units as an amount with the currency's decimals."""
    return Decimal(amount).scaleb(-minor_unit(currency))
