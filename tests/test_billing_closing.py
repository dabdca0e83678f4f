"""The end of a session: one CDR, one receipt, every column adding up."""

from charged import add, after, charged, place, plain

from billing.closing import close_session, note_paid
from billing.costs import running_cost
from sql.database import Connection

LATER = after(30)


def test_a_session_at_a_plain_price(connection: Connection) -> None:
    place(connection)
    tariff = add(connection, plain())
    session = charged(connection, [(5, 6_000), (20, 20_000), (25, 5_420)])
    cost = running_cost(connection, session, tariff, LATER)
    assert (cost.energy_wh, cost.net, cost.gross, cost.currency) == (31_420, 12543, 15679, "SEK")
    closed = close_session(connection, session, tariff, payment_id=None, channel="guest", now=LATER)
    assert (closed.net, closed.vat, closed.gross) == (12543, 3136, 15679)
    again = close_session(
        connection, session, tariff, payment_id=None, channel="guest", now=after(90)
    )
    assert again == closed
    assert closed.receipt_id is not None
    note_paid(connection, closed.receipt_id, 15679, 0)
    row = connection.execute("SELECT shown_number, paid, due FROM receipt").fetchone()
    assert row == ("2026-000001", 15679, 0)
