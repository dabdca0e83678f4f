"""The end of a session: one CDR, one receipt, every column adding up, numbers without a gap."""

import random
import threading
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from charged import NOON, add, after, charged, place, plain

from billing.closing import (
    Closed,
    ToClose,
    close_many,
    close_session,
    correct_cdr,
    credit,
    note_paid,
    sessions_to_correct,
)
from billing.costs import ClosingError
from billing.reading import parse
from billing.records import repriced_lines
from billing.vat import VatLine, gross_of
from sql.database import Connection, connect

LATER = after(30)
WHOLE = (12543, 3136, 15679)  # 31.42 kWh at 3.992 and 25 %


@pytest.fixture
def tariff(connection: Connection) -> str:
    place(connection)
    return add(connection, plain())


def close(connection: Connection, session: int, tariff: str | None, **more: Any) -> Closed:
    given: dict[str, Any] = {"payment_id": None, "channel": "guest", "now": LATER} | more
    return close_session(connection, session, tariff, **given)


def papers(connection: Connection) -> list[Any]:
    """(number, net, VAT, gross, paid, due, written off, what it credits) of every receipt."""
    return connection.execute(
        "SELECT shown_number, net, vat, gross, paid, due, written_off, credits_receipt_id"
        " FROM receipt ORDER BY receipt_id"
    ).fetchall()


def document(connection: Connection, receipt_id: int | None) -> dict[str, Any]:
    found = connection.execute("SELECT document FROM receipt WHERE receipt_id = %s", [receipt_id])
    row = found.fetchone()
    assert row is not None
    return dict(row[0])


def adds_up(shown: dict[str, Any]) -> None:
    """Lines to VAT lines to totals, in every column."""
    for rate in shown["vat_lines"]:
        lines = [line for line in shown["lines"] if line["vat_rate"] == rate["rate"]]
        for column in ("net", "vat", "gross"):
            assert sum(line[column] for line in lines) == rate[column]
    for column in ("net", "vat", "gross"):
        assert sum(rate[column] for rate in shown["vat_lines"]) == shown["totals"][column]
        assert sum(line[column] for line in shown["lines"]) == shown["totals"][column]
    for line in [*shown["lines"], *shown["vat_lines"], shown["totals"]]:
        assert line["net"] + line["vat"] == line["gross"]


def test_a_session_is_closed_once(connection: Connection, tariff: str) -> None:
    session = charged(connection, [(5, 6_000), (20, 20_000), (25, 5_420)])
    closed = close(connection, session, tariff)
    assert (closed.net, closed.vat, closed.gross) == WHOLE
    assert (closed.currency, closed.energy_wh) == ("SEK", 31_420)
    assert closed.vat_lines == (VatLine(Decimal(25), 12543, 3136),)
    assert close(connection, session, tariff, now=after(90)) == closed
    assert papers(connection) == [("2026-000001", *WHOLE, 0, 15679, 0, None)]


def test_the_receipt_says_what_was_paid(connection: Connection, tariff: str) -> None:
    closed = close(connection, charged(connection), tariff)
    assert closed.receipt_id is not None
    note_paid(connection, closed.receipt_id, 15000, 679)
    assert papers(connection)[0][4:7] == (15000, 0, 679)
    note_paid(connection, closed.receipt_id, 15000, 0)
    assert papers(connection)[0][4:7] == (15000, 679, 0)
    with pytest.raises(ClosingError, match="receipt 99: there is none"):
        note_paid(connection, 99, 1, 0)


@pytest.mark.parametrize("readings", [[], [(5, 0), (25, 0)]])
def test_a_session_without_energy_costs_nothing(
    connection: Connection, tariff: str, readings: list[tuple[float, int]]
) -> None:
    flat = {"type": "FLAT", "price": Decimal(10), "vat": 25, "step_size": 1}
    parking = {"type": "PARKING_TIME", "price": Decimal(60), "vat": 25, "step_size": 1}
    elements = [{"price_components": [flat, parking]}]
    least = {"excl_vat": Decimal(5)}
    dear = add(connection, plain(id="dear", elements=elements, min_price=least))
    closed = close(connection, charged(connection, readings), dear)
    assert (closed.gross, closed.receipt_id, closed.vat_lines) == (0, None, ())
    assert papers(connection) == []


def test_a_session_without_a_tariff_is_free(connection: Connection, tariff: str) -> None:
    closed = close(connection, charged(connection), None, channel="free")
    assert (closed.gross, closed.receipt_id, closed.energy_wh) == (0, None, 31_420)
    assert repriced(connection, closed.cdr_id) == ()


def test_unknown_sessions_and_tariffs_are_named(connection: Connection, tariff: str) -> None:
    with pytest.raises(ClosingError, match="session 99: there is none"):
        close(connection, 99, tariff)
    with pytest.raises(ClosingError, match="tariff abc: there is none"):
        close(connection, charged(connection), "abc")


def repriced(connection: Connection, cdr_id: int) -> tuple[VatLine, ...]:
    row = connection.execute("SELECT document::text FROM cdr WHERE cdr_id = %s", [cdr_id])
    (text,) = row.fetchone() or ("",)
    return repriced_lines(parse(text, ClosingError))


def rich(connection: Connection) -> str:
    """Night and day prices, time, parking, a fee without VAT, a step, a highest price."""

    def part(kind: str, price: str, vat: int = 25, step: int = 1) -> dict[str, Any]:
        return {"type": kind, "price": Decimal(price), "vat": vat, "step_size": step}

    early = {"restrictions": {"end_time": "12:10"}}
    elements = [
        {"price_components": [part("ENERGY", "2.333"), part("TIME", "10")]} | early,
        {
            "price_components": [
                part("ENERGY", "4.777", 12, 500),
                part("PARKING_TIME", "120", 25, 60),
                part("FLAT", "7.11", 0),
            ]
        },
    ]
    return add(connection, plain(id="rich", elements=elements, max_price={"excl_vat": Decimal(90)}))


@pytest.mark.parametrize("last", [5_420, 420, 19, 1])
def test_every_column_adds_up_and_the_stored_cdr_gives_the_same_price(
    connection: Connection, tariff: str, last: int
) -> None:
    readings = [(3, 1_007), (8, 700), (13, 0), (14, 333), (20, last), (24, 0)]
    closed = close(connection, charged(connection, readings), rich(connection))
    adds_up(document(connection, closed.receipt_id))
    assert gross_of(closed.vat_lines) == closed.gross
    assert repriced(connection, closed.cdr_id) == closed.vat_lines
    assert len(closed.vat_lines) == 3


def test_electricity_and_network_are_separate_lines(connection: Connection, tariff: str) -> None:
    connection.execute(
        "INSERT INTO operator_receipt (operator_id, electricity_price) VALUES (1, 1.92)"
    )
    closed = close(connection, charged(connection), tariff)
    shown = document(connection, closed.receipt_id)
    adds_up(shown)
    assert [
        (line["what"], line["quantity"], line["unit_price"], line["net"], line["vat"])
        for line in shown["lines"]
    ] == [("electricity", "31.42", "1.92", 6033, 1508), ("network", "31.42", "2.072", 6510, 1628)]


def test_a_cdr_says_nothing_of_who_charged(connection: Connection, tariff: str) -> None:
    session = charged(connection)
    connection.execute("UPDATE session SET id_token = 'DEADBEEF01'")
    closed = close(connection, session, tariff)
    (text,) = connection.execute("SELECT document::text || (SELECT document::text FROM receipt)"
                                 " FROM cdr").fetchone() or ("",)  # fmt: skip
    assert "DEADBEEF01" not in text
    assert closed.receipt_id


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE cdr SET net = net",
        "DELETE FROM cdr",
        "UPDATE receipt SET gross = 1, due = 1, net = 1, vat = 0",
        "UPDATE receipt SET number = 7",
        "DELETE FROM receipt",
        "TRUNCATE receipt CASCADE",
    ],
)
def test_papers_are_final(connection: Connection, tariff: str, change: str) -> None:
    close(connection, charged(connection), tariff)
    with pytest.raises(psycopg.errors.RestrictViolation, match="is final"):
        connection.execute(change.encode())


def test_many_are_closed_in_one_go(connection: Connection, tariff: str) -> None:
    sessions = [charged(connection, [(25, wh)]) for wh in (1_000, 0, 2_000, 0, 3_000)]
    first = close(connection, sessions[2], tariff)
    closed = close_many(connection, [ToClose(s, tariff, "registered") for s in sessions], LATER)
    assert [each.session_id for each in closed] == sessions
    assert closed[2] == first
    assert [each.gross for each in closed] == [499, 0, 998, 0, 1497]
    assert [row[0][-1] for row in papers(connection)] == ["1", "2", "3"]


# -- credit notes ---------------------------------------------------------------------------------


def test_credit_notes_refer_to_their_receipt_and_never_exceed_it(
    connection: Connection, tariff: str
) -> None:
    receipt = close(connection, charged(connection), tariff).receipt_id or 0
    first = credit(connection, receipt, 5000, "Kabeln satt fast", now=LATER)
    assert (first.net, first.vat, first.gross) == (-4000, -1000, -5000)
    with pytest.raises(ClosingError, match="10679 is left to credit, not 10680"):
        credit(connection, receipt, 10680, "too much", now=LATER)
    rest = credit(connection, receipt, None, "resten", now=LATER)
    assert first.net + rest.net == -WHOLE[0]
    assert first.vat + rest.vat == -WHOLE[1]
    with pytest.raises(ClosingError, match="0 is left to credit"):
        credit(connection, receipt, None, "again", now=LATER)
    with pytest.raises(ClosingError, match="2026-000002: it is a credit note itself"):
        credit(connection, first.receipt_id, 1, "credit a credit", now=LATER)
    shown = document(connection, first.receipt_id)
    adds_up(shown)
    assert shown["credits"]["number"] == "2026-000001"
    assert (shown["kind"], shown["reason"]) == ("credit_note", "Kabeln satt fast")
    assert papers(connection)[1] == ("2026-000002", -4000, -1000, -5000, 0, -5000, 0, receipt)


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_can_be_no_credit(connection: Connection, tariff: str, amount: int) -> None:
    receipt = close(connection, charged(connection), tariff).receipt_id or 0
    with pytest.raises(ClosingError, match=f"not {amount}"):
        credit(connection, receipt, amount, "nothing", now=LATER)


@pytest.mark.parametrize("seed", range(6))
def test_any_parts_credited_add_up_to_the_receipt(
    connection: Connection, tariff: str, seed: int
) -> None:
    dice = random.Random(seed)
    readings = [(3, 1_007), (8, 700), (20, dice.randint(1, 9_999)), (24, 0)]
    closed = close(connection, charged(connection, readings), rich(connection))
    left = closed.gross
    while left:
        part = dice.randint(1, max(1, left // 2))
        credit(connection, closed.receipt_id or 0, part, "a part", now=LATER)
        left -= part
    sums = connection.execute("SELECT sum(net), sum(vat), sum(gross) FROM receipt").fetchone()
    assert sums == (0, 0, 0)
    with pytest.raises(ClosingError):
        credit(connection, closed.receipt_id or 0, 1, "one too many", now=LATER)


# -- corrections ----------------------------------------------------------------------------------


def recount(connection: Connection, session: int, wh: int) -> None:
    """A later reading changes the session's energy by so much."""
    connection.execute(
        "INSERT INTO meter_value (evse_key, station_id, evse_id, measured_at, received_at,"
        " session_id, source, revision, reading_hash, energy_delta_wh) VALUES"
        " (11, 'CP1', 1, %s, %s, %s, 'adjustment', 1, 77, %s)",
        [after(20), LATER, session, wh],
    )
    connection.execute(
        "UPDATE session SET energy_wh = energy_wh + %s WHERE session_id = %s", [wh, session]
    )


def held(connection: Connection) -> list[Any]:
    """(net, VAT, gross, Wh, whether it is a credit, what it corrects) of every CDR."""
    return connection.execute(
        "SELECT net, vat, gross, energy_wh, is_credit, corrects_cdr_id FROM cdr ORDER BY cdr_id"
    ).fetchall()


@pytest.mark.parametrize("channel", ["guest", "registered"])
def test_less_energy_gives_a_credit_note_over_the_difference(
    connection: Connection, tariff: str, channel: str
) -> None:
    session = charged(connection, [(5, 6_000), (20, 25_420)])
    closed = close(connection, session, tariff, channel=channel)
    assert sessions_to_correct(connection, NOON, 9) == []
    recount(connection, session, -1_420)
    assert sessions_to_correct(connection, NOON, 9) == [session]
    corrected = correct_cdr(connection, session, "sen avläsning", now=LATER)
    assert sessions_to_correct(connection, NOON, 9) == []
    assert corrected is not None
    assert corrected.credited is not None
    assert corrected.gross == 14970
    assert corrected.credited.gross == 14970 - 15679
    assert corrected.receipt_id is None
    assert held(connection) == [
        (*WHOLE, 31_420, False, None),
        (*(-each for each in WHOLE), -31_420, True, closed.cdr_id),
        (corrected.net, corrected.vat, 14970, 30_000, False, corrected.credit_cdr_id),
    ]
    assert repriced(connection, corrected.cdr_id) == corrected.vat_lines
    assert gross_of(repriced(connection, corrected.credit_cdr_id)) == -15679
    assert correct_cdr(connection, session, "again", now=LATER) is None
    assert close(connection, session, tariff).cdr_id == corrected.cdr_id


def test_more_energy_never_costs_a_guest_more(connection: Connection, tariff: str) -> None:
    session = charged(connection)
    close(connection, session, tariff)
    recount(connection, session, 580)
    assert sessions_to_correct(connection, NOON, 9) == []
    assert correct_cdr(connection, session, "sen avläsning", now=LATER) is None
    assert len(held(connection)) == len(papers(connection)) == 1


def test_more_energy_gives_a_registered_driver_a_new_receipt(
    connection: Connection, tariff: str
) -> None:
    session = charged(connection)
    close(connection, session, tariff, channel="registered")
    recount(connection, session, 580)
    corrected = correct_cdr(connection, session, "sen avläsning", now=LATER)
    assert corrected is not None
    assert [row[3] for row in papers(connection)] == [15679, -15679, 15968]
    assert (corrected.credited or corrected).gross == -15679
    assert corrected.receipt_id is not None


def test_after_a_goodwill_only_the_rest_is_given_back(connection: Connection, tariff: str) -> None:
    session = charged(connection)
    receipt = close(connection, session, tariff).receipt_id or 0
    credit(connection, receipt, 15000, "kulans", now=LATER)
    recount(connection, session, -20_000)
    corrected = correct_cdr(connection, session, "sen avläsning", now=LATER)
    assert corrected is not None
    assert corrected.credited is not None
    assert corrected.credited.gross == -679


def test_what_is_not_closed_can_t_be_corrected(connection: Connection, tariff: str) -> None:
    with pytest.raises(ClosingError, match="it is not closed"):
        correct_cdr(connection, charged(connection), "why", now=LATER)


def at_once(database: str, work: Any, count: int = 4) -> list[Any]:
    """The same work on so many connections at once; what each returned or raised."""
    results: list[Any] = []

    def run() -> None:
        with connect(database) as connection:
            try:
                results.append(work(connection))
            except ClosingError as error:
                results.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_of_credits_at_once_only_as_many_succeed_as_there_is_money(
    database: str, connection: Connection, tariff: str
) -> None:
    receipt = close(connection, charged(connection), tariff).receipt_id or 0
    results = at_once(database, lambda c: credit(c, receipt, 6000, "twice", now=LATER))
    assert sorted(isinstance(each, ClosingError) for each in results) == [False, False, True, True]
    assert sum(row[3] for row in papers(connection)) == 15679 - 12000


def test_a_session_is_corrected_once_by_many_at_once(
    database: str, connection: Connection, tariff: str
) -> None:
    session = charged(connection, [(5, 6_000), (20, 25_420)])
    close(connection, session, tariff)
    recount(connection, session, -1_420)
    results = at_once(database, lambda c: correct_cdr(c, session, "sen", now=LATER))
    assert sum(each is not None for each in results) == 1
    assert (len(held(connection)), len(papers(connection))) == (3, 2)


# -- numbers --------------------------------------------------------------------------------------


def test_each_operator_and_year_has_a_series_of_its_own(
    connection: Connection, tariff: str
) -> None:
    new_year = NOON.replace(month=12, day=31, hour=23, minute=30)  # 2027 already in Stockholm
    close(connection, charged(connection), tariff, now=new_year.replace(hour=22))
    close(connection, charged(connection), tariff, now=new_year)
    connection.execute("INSERT INTO operator (operator_id, name) VALUES (2, 'Other')")
    session = charged(connection)
    connection.execute("UPDATE session SET operator_id = 2 WHERE session_id = %s", [session])
    close(connection, session, tariff)
    assert [row[0] for row in papers(connection)] == ["2026-000001", "2027-000001", "2-2026-000001"]


class _UndoneError(Exception):
    """A transaction that changes its mind."""


def _close_some(database: str, sessions: list[int], tariff: str, seed: int) -> None:
    """Close each session, half of the time only at the second try; some are closed twice."""
    dice = random.Random(seed)
    with connect(database) as connection:
        for session in sessions:
            while True:
                try:
                    with connection.transaction():
                        close(connection, session, tariff)
                        if dice.random() < 0.5:
                            raise _UndoneError
                    break
                except _UndoneError:
                    continue


def test_numbers_have_no_gap_with_many_closing_and_some_rolling_back(
    database: str, connection: Connection, tariff: str
) -> None:
    sessions = [charged(connection, [(20, 1_000 + n)]) for n in range(60)]
    threads = [
        # neighbours share sessions: of two that close one at once, one wins
        threading.Thread(target=_close_some, args=(database, some, tariff, seed))
        for seed, some in enumerate([sessions[n : n + 15] for n in range(0, 50, 5)])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = connection.execute("SELECT number FROM receipt ORDER BY number").fetchall()
    assert numbers == [(n,) for n in range(1, 61)]
    assert connection.execute("SELECT count(DISTINCT session_id) FROM cdr").fetchone() == (60,)
    assert connection.execute("SELECT last_number FROM receipt_series").fetchone() == (60,)
