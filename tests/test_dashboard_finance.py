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
from dashboard.live import TODAY
from dashboard.pages.ledger_refund import is_address, minor_of
from dashboard.pages.ledger_view import read_view
from sql.database import Connection
from sql.queries import load_queries
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
from tests.test_dashboard_pages import callback, press
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
    assert "57.280" in text  # kWh of both sessions
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
    check(connection, "receipts_are_booked", AT)
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
    assert "SEK 312.00" in text


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
    assert minor_of("1e999999", "SEK") is None


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
    names = ("csv", "xlsx", "sie", "vat")
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


def look_at_closing(client: FlaskClient, month: str = "2026-10") -> Any:
    return callback(client, "close-place.children", [("close-open", "n_clicks", 1)],
                    [("ledger-view", "data", {"month": month})])  # fmt: skip


def test_closing_a_month_first_shows_what_blocks_it(
    carol: FlaskClient, connection: Connection, paid: Paid
) -> None:
    assert "Nothing stands against it" in look_at_closing(carol).text
    add_review(connection, "difference", "payout po_1", amount=500, currency="SEK", opened_at=AT)
    check(connection, "stripe_balance", AT, ok=False, difference=1240)
    text = plain(look_at_closing(carol).text)
    assert "This must be settled first" in text
    assert "1 open review items" in text
    assert "SEK 12.40" in text
    ahead = f"{datetime.now(UTC) + timedelta(days=40):%Y-%m}"
    assert "The month is not over" in look_at_closing(carol, ahead).text


def test_a_month_is_asked_to_be_closed_once_and_the_outcome_is_shown(
    carol: FlaskClient, connection: Connection
) -> None:
    view = [("ledger-view", "data", {"month": "2026-10"})]
    for _ in range(2):
        callback(carol, "close-tick.data", [("close-sure", "n_clicks", 1)], view)
    said = callback(carol, "close-place.children", [("close-tick", "data", 1)], view)
    assert "asked for the month to be closed" in said.text
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


# -- the review queue -----------------------------------------------------------------------------


def decide(client: FlaskClient, item_id: int, note: str, code: str = "") -> Any:
    """Press one of the buttons below an item as the page does."""
    button = {"type": "review-done", "item": item_id, "decision": code}
    field = {"type": "review-note", "item": item_id}
    known = client.get("/app/_dash-dependencies").json
    found = next(d for d in known if "review-done" in json.dumps(d["inputs"]))
    outputs = [dict(zip(("id", "property"), part.rsplit(".", 1), strict=True))
               for part in re.split(r"\.\.\.", found["output"].strip("."))]  # fmt: skip
    body = {
        "output": found["output"], "outputs": outputs,
        "inputs": [[{"id": button, "property": "n_clicks", "value": 1}]],
        "state": [[{"id": field, "property": "value", "value": note}],
                  [{"id": field, "property": "id", "value": field}]],
        "changedPropIds": [json.dumps(button, sort_keys=True, separators=(",", ":")) + ".n_clicks"],
    }  # fmt: skip
    return client.post("/app/_dash-update-component", json=body)


def test_the_queue_says_what_is_wrong_in_plain_words(
    carol: FlaskClient, connection: Connection, paid: Paid
) -> None:
    add_review(connection, "quarantine", "payment x", payment_id=paid.payment_id,
               deadline_at=datetime.now(UTC) - timedelta(days=1), opened_at=AT,
               evidence={"flags": ["register_backwards"], "expected": None,
                         "rows": list(range(20))})  # fmt: skip
    add_review(connection, "brand_new_kind", "payout po_9", amount=1240, currency="SEK")
    text = shown(carol, "/app/review")
    for words in ("Quarantine: the reading looks wrong", paid.number, "overdue", "and 8 more",
                  "Charge what was metered", "Charge nothing", "brand new kind", "payout po_9",
                  "SEK 12.40", "2 open items"):  # fmt: skip
        assert words in text, words
    assert carol.get("/app/review/count").text == "2"


def test_a_decision_is_kept_with_its_note_and_who_took_it(
    carol: FlaskClient, connection: Connection, paid: Paid
) -> None:
    item = add_review(connection, "quarantine", "payment x", payment_id=paid.payment_id)
    assert "Write why" in decide(carol, item, " ").text
    decide(carol, item, "Meter was swapped", "waive")
    assert "somebody was quicker" in decide(carol, item, "Too late", "charge").text
    rows = connection.execute(
        "SELECT resolved_by, resolution, decision FROM review_item WHERE resolved_at IS NOT NULL"
    ).fetchall()
    assert rows == [(CAROL, "Meter was swapped", "waive")]
    (subject, detail) = connection.execute(
        "SELECT subject, detail FROM audit_log WHERE action = 'resolve_review_item'"
    ).fetchone()  # type: ignore[misc]
    assert subject == f"review item {item}"
    assert detail == {"note": "Meter was swapped", "decision": "waive"}
    assert "Meter was swapped" in shown(carol, "/app/review", "?show=decided")


def test_operators_neither_see_the_queue_nor_decide(
    app: Flask, connection: Connection, paid: Paid
) -> None:
    item = add_review(connection, "difference", "payment x", payment_id=paid.payment_id)
    alice = signed_in(app, ALICE)
    assert "You may not open this page" in shown(alice, "/app/review")
    assert "Finance" not in shown(alice, "/app/payments")
    assert alice.get("/app/review/count").text == ""
    assert decide(alice, item, "I say so").status_code == 403


# -- receipts, payments, prices -------------------------------------------------------------------


def test_receipts_are_found_by_number_and_name_their_credit_notes(
    carol: FlaskClient, connection: Connection, paid: Paid, evse_key: int
) -> None:
    paid_session(connection, evse_key, 7, AT)
    refund(connection, paid, 104899, AT, 1_000)
    text = shown(carol, "/app/receipts", "?q=2026-104897")
    assert "credited by" in text
    assert "2026-104899" in text
    assert "2026-000007" not in text
    assert "2026-000007" in shown(carol, "/app/receipts", "?q=7")
    credits_only = shown(carol, "/app/receipts", "?show=credits")
    assert "-10.00" in credits_only
    assert "2026-000007" not in credits_only
    assert "No receipt has the number x7" in shown(carol, "/app/receipts", "?q=x7")


def test_receipts_come_page_by_page(
    carol: FlaskClient, connection: Connection, evse_key: int
) -> None:
    connection.execute("INSERT INTO receipt_series VALUES ('2026', 1)")
    connection.execute(
        "INSERT INTO receipt (series, number, issued_at, net, vat, gross, currency, due, document,"
        " secret) SELECT '2026', n, %s, 80, 20, 100, 'SEK', 100, '{}', 's' || n"
        " FROM generate_series(1, 53) n",
        [AT],
    )
    first = page(carol, "/app/receipts")
    assert first.count("data-receipt") == 50
    following = re.search(r"before=([^\"&\\]+)", first)
    assert following
    second = page(carol, "/app/receipts", f"?before={following[1]}")
    assert second.count("data-receipt") == 3
    for odd in ("x", "2026-10-14 x", "2026-10-14T10:00:00 5", "9999-99-99T00:00:00+00:00 1"):
        assert page(carol, "/app/receipts", f"?before={odd}").count("data-receipt") == 50


@pytest.mark.parametrize(
    "text", ["4897-65", "489765", "k7-4m2q", "4242", "4242 142,91", "4242 300 kr", "2026-104897",
             "104897", "2026-0104897"],
)  # fmt: skip
def test_a_payment_is_found_by_whatever_a_caller_knows(
    app: Flask, connection: Connection, paid: Paid, evse_key: int, text: str
) -> None:
    other = add_evse(connection, None, "OTHER", "K7-9999")
    paid_session(connection, other, 8, AT, gross=5_000, card="1111")
    found = shown(signed_in(app, ALICE), "/app/payments", f"?q={text}")
    assert paid.reference in found
    assert "0008-18" not in found
    assert "Payment 4897-65" in found  # one hit opens at once


@pytest.mark.parametrize(
    "text", ["4242 142,92", "9999", "nothing", "'; DROP TABLE payment", "\\", "%"]
)
def test_a_search_without_a_hit_says_what_can_be_searched_for(
    carol: FlaskClient, paid: Paid, text: str
) -> None:
    assert "Try the reference" in shown(carol, "/app/payments", f"?q={text}")


def test_operators_see_where_the_money_is_and_no_way_into_the_books(app: Flask, paid: Paid) -> None:
    text = shown(signed_in(app, ALICE), "/app/payments", f"?payment={paid.reference}")
    assert "SEK 142.91" in text
    assert "/app/station/MHY-05" in text
    assert "/app/ledger" not in text


def test_prices_show_their_lines_and_where_they_apply(
    carol: FlaskClient, connection: Connection, evse_key: int
) -> None:
    assert "No tariffs yet" in shown(carol, "/app/tariffs")
    document = {
        "id": "DAY", "currency": "SEK", "elements": [
            {"price_components": [{"type": "ENERGY", "price": 3.992, "vat": 25, "step_size": 1}],
             "restrictions": {"start_time": "06:00", "end_time": "22:00",
                              "day_of_week": ["MONDAY"], "max_power": 50, "min_duration": 3600}},
            {"price_components": [{"type": "PARKING_TIME", "price": 96, "step_size": 60}]}],
    }  # fmt: skip
    connection.execute(
        "INSERT INTO tariff (operator_id, document, hash, valid_until)"
        " VALUES (1, %s, repeat('ab', 32), '2030-01-01')", [json.dumps(document)],
    )  # fmt: skip
    connection.execute("INSERT INTO tariff_assignment (tariff_id, station_id) VALUES (1, 'MHY-05')")
    text = shown(carol, "/app/tariffs")
    for words in ("SEK 3.992/kWh", "SEK 4.99/kWh", "SEK 96.00/h", "06:00\u201322:00", "Mon",
                  "below 50 kW", "after 1 h 00 min", "applies to 1 evse", "MHY-05",
                  "until 1 Jan 2030", "always"):  # fmt: skip
        assert words in text, words


# -- stations and board ---------------------------------------------------------------------------


def start_paying(connection: Connection, evse_key: int) -> int:
    connection.execute(
        "INSERT INTO session (session_id, station_id, evse_id, evse_key, transaction_id,"
        " started_at, energy_wh)"
        " VALUES (77, 'MHY-05', 1, %s, '77', now() - interval '9 minutes', 12400)",
        [evse_key],
    )
    row = connection.execute(
        "INSERT INTO payment (reference, channel, operator_id, evse_key, session_id, state,"
        " currency, hold, held, cost) VALUES ('8F3K-27', 'guest', 1, %s, 77, 'charging', 'SEK',"
        " 30000, 30000, 6188) RETURNING payment_id",
        [evse_key],
    ).fetchone()
    assert row
    return int(row[0])


def test_a_station_shows_what_its_running_session_costs_and_its_reference(
    app: Flask, connection: Connection, evse_key: int
) -> None:
    payment_id = start_paying(connection, evse_key)
    alice = signed_in(app, ALICE)
    text = shown(alice, "/app/station/MHY-05")
    assert "SEK 61.88 of at most SEK 300.00" in text
    assert "/app/payments?payment=8F3K-27" in text
    costs = alice.get(f"/app/payments/costs?ids={payment_id},x,{'9' * 30}")
    assert plain(costs.text) == f'{{"{payment_id}": "SEK 61.88 of at most SEK 300.00"}}'


def test_the_guard_names_the_money_that_an_interruption_cuts_off(
    app: Flask, connection: Connection, evse_key: int
) -> None:
    start_paying(connection, evse_key)
    connection.execute("UPDATE station SET ocpp_version = '1.6'")
    answer = press(signed_in(app, ALICE), "restart", station_id="MHY-05")
    assert "A car is charging here (12.40 kWh, SEK 61.88)" in plain(answer.text)


def test_the_board_counts_net_sales_and_holds_left_open(
    connection: Connection, evse_key: int, paid: Paid
) -> None:
    now = datetime.now(UTC)
    paid_session(connection, evse_key, 9, now - timedelta(seconds=1))
    late = now - timedelta(minutes=16)
    for n, (state, at, until) in enumerate([
        ("releasing", late, None), ("releasing", now, None),
        ("releasing", late, now + timedelta(hours=1)), ("authorised", late, None),
    ]):  # fmt: skip
        connection.execute(
            "INSERT INTO payment (reference, channel, operator_id, evse_key, state, state_at,"
            " currency, hold, held, quarantined_until) VALUES (%s, 'guest', 1, %s, %s, %s, 'SEK',"
            " 30000, 30000, %s)",
            [f"AAAA-2{n}", evse_key + n + 1, state, at, until],
        )
    row = load_queries("live").today(connection, time_zone="Europe/Stockholm")
    found = dict(zip(TODAY, row, strict=True))
    assert (found["currency"], found["net"], found["holds"]) == ("SEK", 11_433, 1)
