"""The finance pages: what they show is what is booked, and what they ask for is asked once."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.format import Format
from dashboard.pages.ledger_refund import is_address, minor_of
from dashboard.pages.ledger_view import read_view
from sql.database import Connection
from tests.finance_rows import (
    CAROL,
    Paid,
    add_carol,
    add_payout,
    add_review,
    check,
    paid_session,
    post,
    refund,
)
from tests.staff import page, signed_in, staff_app
from tests.test_dashboard_pages import callback
from tests.web import ALICE, add_evse, add_site, add_user

AT = datetime(2026, 10, 14, 18, 44, 5, tzinfo=UTC)
OCTOBER = "?month=2026-10"


@pytest.fixture
def app(database: str, connection: Connection) -> Iterator[Flask]:
    add_carol(connection)
    add_user(connection, ALICE, "operator")
    with staff_app(database) as app:
        yield app


@pytest.fixture
def carol(app: Flask) -> FlaskClient:
    return signed_in(app, CAROL)


@pytest.fixture
def evse_key(connection: Connection) -> int:
    return add_evse(connection, add_site(connection, "Malmö Hyllie"), "MHY-05", "K7-4M2Q")


@pytest.fixture
def paid(connection: Connection, evse_key: int) -> Paid:
    return paid_session(connection, evse_key, 104897, AT)


def shown(client: FlaskClient, path: str, search: str = "") -> str:
    """A page's text with the blanks of its numbers written plainly."""
    return plain(page(client, path, search))


def plain(text: str) -> str:
    text = json.dumps(json.loads(text), ensure_ascii=False)
    return re.sub("[\u202f\u00a0]", " ", text).replace("\u2212", "-")


def ask_refund(
    client: FlaskClient, paid: Paid, amount: str = "", reason: str = "Meter stood still",
    kind: str = "whole", key: str = "form-1",
) -> Any:  # fmt: skip
    form = {"payment_id": paid.payment_id, "reference": paid.reference, "currency": "SEK",
            "key": key}  # fmt: skip
    return callback(
        client, "act-notice.children", [("refund-send", "n_clicks", 1)],
        [("refund-kind", "value", kind), ("refund-amount", "value", amount),
         ("refund-reason", "value", reason), ("refund-form", "data", form)],
    )  # fmt: skip


def requests(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT kind, amount, reason, requested_by, status FROM refund_request"
        " ORDER BY refund_request_id"
    ).fetchall()


# -- what is shown ------------------------------------------------------------------------------


def test_an_empty_ledger_says_so_calmly(carol: FlaskClient) -> None:
    text = shown(carol, "/app/ledger")
    assert "Nothing is booked in this month" in text
    assert "Not checked yet: 0 sessions" in text


def test_the_figures_are_the_sums_of_what_is_booked(
    carol: FlaskClient, connection: Connection, evse_key: int
) -> None:
    other = add_evse(connection, add_site(connection, "Lund Nova"), "LUN-01", "K7-0002")
    first = paid_session(connection, evse_key, 1, AT, payout="po_1")
    paid_session(connection, other, 2, AT + timedelta(days=2), gross=10_000, channel="registered")
    paid_session(connection, other, 3, AT + timedelta(days=30), gross=77_700)  # another month
    refund(connection, first, 4, AT + timedelta(days=3), 1_000)
    add_payout(connection, "po_1", AT + timedelta(days=1))
    text = shown(carol, "/app/ledger", OCTOBER)
    net, vat = connection.execute(
        "SELECT -sum(amount) FILTER (WHERE account LIKE '3%'),"
        " -sum(amount) FILTER (WHERE account LIKE '26%') FROM entry JOIN journal USING (journal_id)"
        " WHERE booked_at < '2026-10-31'"
    ).fetchone()  # type: ignore[misc]
    form = Format("en")
    for amount in (net, vat, net + vat):
        assert form.amount(int(amount), "SEK") in text
    assert "2026-10" in text
    assert "777.00" not in text
    assert "SEK 138.97" in text  # paid out: charged less the fee


def test_the_filters_in_the_address_choose_the_rows(
    carol: FlaskClient, connection: Connection, evse_key: int
) -> None:
    site_id = add_site(connection, "Lund Nova")
    other = add_evse(connection, site_id, "LUN-01", "K7-0002")
    paid_session(connection, evse_key, 1, AT)
    paid_session(connection, other, 2, AT, gross=10_000, channel="registered")
    at_site = shown(carol, "/app/ledger", f"{OCTOBER}&site={site_id}")
    assert "100.00" in at_site
    assert "142.91" not in at_site
    by_channel = shown(carol, "/app/ledger", f"{OCTOBER}&channel=guest")
    assert "142.91" in by_channel
    assert "2026-000002" not in by_channel


@pytest.mark.parametrize(
    "search",
    ["?month=x&site=-1&channel=%27", "?month=2026-13", "?month=9999-01", "?session=9" * 30,
     "?operator=99999999999999&site=99999999999"],
)  # fmt: skip
def test_an_odd_address_falls_back_to_the_default(carol: FlaskClient, search: str) -> None:
    assert "Nothing is booked in this month" in shown(carol, "/app/ledger", search)


def test_an_odd_month_is_this_month() -> None:
    assert read_view({"month": "2026-11-01"}, date(2026, 5, 2)).month == "2026-05"
    assert read_view({"month": "2026-11"}, date(2026, 5, 2)).month == "2026-11"


def test_the_proof_line_says_that_everything_agrees_and_when_it_was_checked(
    carol: FlaskClient, connection: Connection, paid: Paid
) -> None:
    check(connection, "receipts_equal_journal", AT)
    check(connection, "stripe_balance", AT, ok=False, difference=1240)
    check(connection, "stripe_balance", AT + timedelta(hours=1))  # mended
    text = shown(carol, "/app/ledger", OCTOBER)
    assert "Agrees: 1 session = receipt = ledger = Stripe, SEK 142.91" in text
    assert "receipt numbers 2026-104897 to 104897 without a gap" in text
    assert "1 day checked" in text
    assert "1 mended" in text


def test_a_difference_names_the_check_the_amount_and_the_evidence(
    carol: FlaskClient, connection: Connection, paid: Paid
) -> None:
    check(connection, "stripe_balance", AT, ok=False, difference=-1240, detail={"expected": 31200})
    text = shown(carol, "/app/ledger", OCTOBER)
    assert "Difference SEK 12.40: 1 check fails since" in text
    assert "The card account equals Stripe's balance" in text
    assert "SEK -12.40" in text or "-SEK 12.40" in text
    assert "31200" in text


def test_the_trail_shows_every_step_from_meter_to_bank(
    carol: FlaskClient, connection: Connection, evse_key: int
) -> None:
    paid = paid_session(connection, evse_key, 104897, AT, payout="po_1Q")
    paid_session(connection, evse_key, 104898, AT, payout="po_1Q")
    add_payout(connection, "po_1Q", AT + timedelta(days=1))
    text = shown(carol, "/app/ledger", f"?payment={paid.reference.lower()}")
    for words in (
        "SEK 142.91 all the way from meter to bank", "213,420 Wh", "242,060 Wh", "28.640 kWh",
        "2026-104897", "1510 Kundfordringar", "SEK 300.00", "SEK 157.09", "SEK -3.94",
        "SEK 138.97", "SEK 277.94", "po_1Q", "3.992", "cable pulled out", "8 steps of the payment",
    ):  # fmt: skip
        assert words in text, words


def test_a_session_opens_by_its_id_and_a_stranger_is_named(carol: FlaskClient, paid: Paid) -> None:
    assert paid.number in shown(carol, "/app/ledger", f"?session={paid.session_id}")
    assert "Nothing is known of AAAA-22" in shown(carol, "/app/ledger", "?payment=AAAA-22")


def test_two_steps_that_differ_are_said_first(
    carol: FlaskClient, connection: Connection, paid: Paid
) -> None:
    connection.execute("UPDATE balance_transaction SET amount = 14290, net = 13896")
    text = shown(carol, "/app/ledger", f"?payment={paid.reference}")
    assert "Stripe has another amount" in text


def test_a_released_hold_is_only_called_released_when_stripe_has_said_so(
    carol: FlaskClient, connection: Connection, evse_key: int
) -> None:
    connection.execute(
        "INSERT INTO payment (reference, channel, operator_id, evse_key, state, currency, hold,"
        " held, failure) VALUES ('8F3K-27', 'guest', 1, %s, 'releasing', 'SEK', 30000, 30000,"
        " 'start_rejected')",
        [evse_key],
    )
    text = shown(carol, "/app/ledger", "?payment=8F3K-27")
    assert "Release asked for" in text
    assert "the station refused to start" in text
    assert '"Released"' not in text
    connection.execute("UPDATE payment SET state = 'released', released_at = now(), held = 0")
    assert '"Released"' in shown(carol, "/app/ledger", "?payment=8F3K-27")


def test_more_rows_are_read_from_where_the_last_page_ended(
    carol: FlaskClient, connection: Connection, evse_key: int
) -> None:
    for n in range(53):
        gross = 10_000 + n
        post(connection, "earned", AT + timedelta(minutes=n // 2),
             [("1510", gross, None), ("3001", -gross, 0)], session_id=n + 1)  # fmt: skip
    text = page(carol, "/app/ledger", OCTOBER)
    assert text.count('"className":"row"') == 50
    place = re.search(r'"data-place":\s*"([^"]+)"', text)
    assert place
    answer = callback(
        carol, "ledger-rows-body.children", [("ledger-next", "n_clicks", 1)],
        [("ledger-more", "children", [{"props": {"data-place": place[1]}}]),
         ("ledger-view", "data", {"month": "2026-10"})],
    )  # fmt: skip
    assert answer.text.count('"className":"row"') == 3
    assert "100.00" in answer.text


def test_the_page_speaks_swedish(app: Flask, connection: Connection, paid: Paid) -> None:
    check(connection, "stripe_balance", AT)
    text = shown(signed_in(app, CAROL, "sv"), "/app/ledger", OCTOBER)
    assert "Stämmer: 1 laddning = kvitto = bokfört = Stripe, 142,91 kr" in text
    assert "Huvudbok" in text


# -- who may --------------------------------------------------------------------------------------


def test_operators_see_no_ledger_and_refund_nothing(
    app: Flask, connection: Connection, paid: Paid
) -> None:
    alice = signed_in(app, ALICE)
    text = shown(alice, "/app/ledger", OCTOBER)
    assert "You may not open this page" in text
    assert paid.number not in text
    assert ask_refund(alice, paid).status_code == 403
    assert requests(connection) == []


def test_managers_may_look_and_not_act(app: Flask, connection: Connection, paid: Paid) -> None:
    connection.execute("UPDATE app_user SET role = 'manager' WHERE email = %s", [ALICE])
    bob = signed_in(app, ALICE)
    text = shown(bob, "/app/ledger", f"?payment={paid.reference}")
    assert paid.number in text
    assert "refund-send" not in text
    assert ask_refund(bob, paid).status_code == 403
    assert requests(connection) == []


# -- refunds --------------------------------------------------------------------------------------


def test_a_refund_is_a_row_with_who_how_much_and_why(
    carol: FlaskClient, connection: Connection, paid: Paid
) -> None:
    assert ask_refund(carol, paid, "100,50", kind="partial").status_code == 200
    assert requests(connection) == [("partial", 10_050, "Meter stood still", CAROL, "requested")]
    (line,) = connection.execute(
        "SELECT actor, action, subject, detail FROM audit_log WHERE action = 'ask_refund'"
    ).fetchall()
    detail = {"kind": "partial", "amount": 10_050, "reason": "Meter stood still"}
    assert line == (CAROL, "ask_refund", f"payment {paid.reference}", detail)


def test_the_same_form_asks_once(carol: FlaskClient, connection: Connection, paid: Paid) -> None:
    ask_refund(carol, paid, "10")
    ask_refund(carol, paid, "10")
    assert len(requests(connection)) == 1
    ask_refund(carol, paid, "10", key="form-2")
    assert len(requests(connection)) == 2


def test_the_whole_is_what_remains(carol: FlaskClient, connection: Connection, paid: Paid) -> None:
    ask_refund(carol, paid, "42.91", kind="goodwill")
    ask_refund(carol, paid, key="form-2")
    assert [row[:2] for row in requests(connection)] == [("goodwill", 4_291), ("whole", 10_000)]
    assert "Nothing is left to refund" in ask_refund(carol, paid, key="form-3").text


@pytest.mark.parametrize(
    ("amount", "kind", "reason", "words"),
    [
        ("142,92", "partial", "too much by an öre", "more than what is left"),
        ("0", "partial", "nothing", "must be written like"),
        ("-5", "partial", "negative", "must be written like"),
        ("1,005", "partial", "half an öre", "must be written like"),
        ("NaN", "partial", "no number", "must be written like"),
        ("1e9999", "partial", "huge", "must be written like"),
        ("", "goodwill", "no amount", "must be written like"),
        ("10", "partial", "  ", "Write why"),
    ],
)
def test_a_refund_that_cannot_be_is_refused_with_the_reason(
    carol: FlaskClient, connection: Connection, paid: Paid, amount: str, kind: str, reason: str,
    words: str,
) -> None:  # fmt: skip
    assert words in ask_refund(carol, paid, amount, reason, kind).text
    assert requests(connection) == []


def test_two_people_cannot_ask_for_more_than_was_charged(
    app: Flask, connection: Connection, paid: Paid
) -> None:
    clients = [signed_in(app, CAROL) for _ in range(4)]
    for client in clients:
        client.get("/app/_dash-dependencies")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: ask_refund(clients[n], paid, "100", key=f"form-{n}"), range(4)))
    assert [row[1] for row in requests(connection)] == [10_000]


def test_amounts_are_read_as_people_write_them() -> None:
    assert minor_of("1 000,50", "SEK") == 100_050
    assert minor_of("1\u202f000.5", "SEK") == 100_050
    assert minor_of("19.99", "EUR") == 1_999
    assert minor_of("12,345", "SEK") is None
    assert minor_of("abc", "SEK") is None
    assert minor_of("", "SEK") is None


def test_a_receipt_is_sent_once_more(
    carol: FlaskClient, connection: Connection, paid: Paid
) -> None:
    form = {
        "receipt_id": paid.receipt_id,
        "shown_number": paid.number,
        "language": "sv",
        "key": "m",
    }

    def send(to: str) -> Any:
        return callback(
            carol, "act-notice.children", [("mail-send", "n_clicks", 1)],
            [("mail-to", "value", to), ("mail-form", "data", form),
             ("ledger-chosen", "data", {"payment": paid.reference})],
        )  # fmt: skip

    assert "no e-mail address" in send("dave at home").text
    send(" dave@example.org ")
    send("dave@example.org")
    rows = connection.execute("SELECT recipient, kind, language, parameters FROM mail").fetchall()
    assert rows == [("dave@example.org", "receipt", "sv", {"receipt_id": paid.receipt_id})]
    assert "dave@example.org" in shown(carol, "/app/ledger", f"?payment={paid.reference}")


@pytest.mark.parametrize("text", ["a@b", "å@exempel.se"])
def test_addresses_that_the_table_takes_pass(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize("text", ["", "@b", "a@", "a b@c", "a@b@c", "a@b\n", "x" * 250 + "@b.se"])
def test_others_do_not(text: str) -> None:
    assert not is_address(text)


# -- files and months -----------------------------------------------------------------------------


def ask_file(client: FlaskClient, name: str) -> Any:
    names = ("csv", "xlsx", "sie")
    inputs = [(f"export-{n}", "n_clicks", 1 if n == name else None) for n in names]
    state = [("ledger-view", "data", {"month": "2026-10", "channel": "guest"})]
    return callback(client, "file-pending.data", inputs, state)


def test_an_export_is_asked_for_followed_and_fetched(
    app: Flask, carol: FlaskClient, connection: Connection
) -> None:
    assert ask_file(carol, "sie").status_code == 200
    file_id, kind, parameters = connection.execute(
        "SELECT file_request_id, kind, parameters FROM file_request"
    ).fetchone()  # type: ignore[misc]
    assert kind == "sie"
    assert parameters == {"month": "2026-10", "operator_id": 1, "site_id": None,
                          "channel": "guest", "decimal": ".", "language": "en"}  # fmt: skip
    follow = [("file-pending", "data", file_id), ("finance-tick", "data", 1)]
    assert "Being made" in callback(carol, "file-notice.children", follow, []).text
    assert carol.get(f"/app/file/{file_id}").status_code == 404
    connection.execute(
        "UPDATE file_request SET finished_at = now(), content = 'FLAGGA',"
        " media_type = 'text/plain', file_name = E'books\\r\\n\"2026-10.si'"
    )
    done = callback(carol, "file-notice.children", follow, [])
    assert f'"/app/file/{file_id}"' in plain(done.text)
    answer = carol.get(f"/app/file/{file_id}")
    assert answer.data == b"FLAGGA"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="books2026-10.si"'
    assert signed_in(app, ALICE).get(f"/app/file/{file_id}").status_code == 403
    add_user(connection, "bob@example.org", "manager")
    assert signed_in(app, "bob@example.org").get(f"/app/file/{file_id}").status_code == 404
    assert app.test_client().get(f"/app/file/{file_id}").status_code in (302, 401)


def test_a_file_that_cannot_be_made_says_why(carol: FlaskClient, connection: Connection) -> None:
    ask_file(carol, "csv")
    (file_id,) = connection.execute(
        "UPDATE file_request SET finished_at = now(), error = 'no such month'"
        " RETURNING file_request_id"
    ).fetchone()  # type: ignore[misc]
    follow = [("file-pending", "data", file_id), ("finance-tick", "data", 1)]
    assert "no such month" in callback(carol, "file-notice.children", follow, []).text
    assert carol.get(f"/app/file/{file_id}").status_code == 404


def look_at_closing(client: FlaskClient, button: str, month: str = "2026-10") -> Any:
    return callback(client, "close-place.children", [(button, "n_clicks", 1)],
                    [("ledger-view", "data", {"month": month})])  # fmt: skip


def test_closing_a_month_first_shows_what_blocks_it(
    carol: FlaskClient, connection: Connection, paid: Paid
) -> None:
    assert "Nothing stands against it" in look_at_closing(carol, "close-open").text
    add_review(connection, "difference", "payout po_1", amount=500, currency="SEK", opened_at=AT)
    check(connection, "stripe_balance", AT, ok=False, difference=1240)
    text = plain(look_at_closing(carol, "close-open").text)
    assert "This must be settled first" in text
    assert "1 open review items" in text
    assert "SEK 12.40" in text
    ahead = f"{datetime.now(UTC) + timedelta(days=40):%Y-%m}"
    assert "The month is not over" in look_at_closing(carol, "close-open", ahead).text


def test_a_month_is_asked_to_be_closed_once_and_the_outcome_is_shown(
    carol: FlaskClient, connection: Connection
) -> None:
    for _ in range(2):
        assert "asked for the month to be closed" in look_at_closing(carol, "close-sure").text
    rows = connection.execute(
        "SELECT operator_id, month, requested_by, status FROM period_close_request"
    ).fetchall()
    assert rows == [(1, date(2026, 10, 1), CAROL, "requested")]
    connection.execute("UPDATE period_close_request SET status = 'refused', outcome = 'two holds'")
    assert "The month stays open: two holds" in shown(carol, "/app/ledger", OCTOBER)


def test_a_closed_month_says_who_closed_it(carol: FlaskClient, connection: Connection) -> None:
    connection.execute(
        "INSERT INTO accounting_period (operator_id, month, closed_by)"
        " VALUES (1, '2026-10-01', %s)",
        [CAROL],
    )
    text = shown(carol, "/app/ledger", OCTOBER)
    assert f"by {CAROL}" in text
    assert '"close-open"' not in text
