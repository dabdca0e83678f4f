"""Price stored CDRs again: what invariant 9 and `audit` compare with what was booked."""

from billing.cdrs import CdrError
from billing.reading import parse
from billing.records import repriced_lines
from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("checks")


def price_again(connection: Connection, cdr_id: int) -> tuple[int, int, int]:
    """(net, VAT, gross) in minor units, from the CDR's own tariff and periods.

    Raises BillingError: the document can't be priced.
    """
    lines = repriced_lines(parse(queries.cdr_document(connection, cdr_id=cdr_id), CdrError))
    net, vat = sum(line.net for line in lines), sum(line.vat for line in lines)
    return net, vat, net + vat
