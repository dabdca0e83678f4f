"""Mails get to the mail server once, come back after refusals, and say why they wait."""

import socket
import threading
from datetime import datetime, timedelta
from email.message import EmailMessage
from html import escape
from typing import Any

import psycopg
import pytest
from charged import add, after, charged, place, plain
from inboxes import Inbox, inbox

from billing.closing import close_session, credit
from billing.letters import LETTERS
from billing.mails import base_url, queue_mail, send_due
from billing.smtp import MailServerError, ascii_domain, server_of
from sql.database import Connection, connect
from sql.settings import Settings

__all__ = ["inbox"]  # the fixture
DAVE = "dave@example.com"


def receipt(connection: Connection) -> int:
    place(connection)
    connection.execute(
        "INSERT INTO operator_receipt (operator_id, address, email, phone, f_tax,"
        " electricity_price) VALUES (1, E'Exempelgatan 1\n111 11 Stockholm',"
        " 'hej@exempel.example', '08-465 004 20', true, 1.92)"
    )
    closed = close_session(
        connection, charged(connection), add(connection, plain()),
        payment_id=None, channel="guest", now=after(30),
    )  # fmt: skip
    assert closed.receipt_id is not None
    return closed.receipt_id


def mails(connection: Connection) -> list[Any]:
    return connection.execute(
        "SELECT attempts, sent_at IS NOT NULL, failed_at IS NOT NULL, error FROM mail ORDER BY 1"
    ).fetchall()


def now_of(connection: Connection) -> datetime:
    """The database's clock, which dates new mails; a moment later, so that they are due."""
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    return row[0] + timedelta(seconds=1)  # type: ignore[no-any-return]


def queue(connection: Connection, receipt_id: int, to: str = DAVE, language: str = "sv") -> None:
    queue_mail(
        connection, to, "receipt", language, {"receipt_id": receipt_id}, f"{receipt_id} {to}"
    )


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_a_receipt_arrives_as_html_text_and_pdf(
    connection: Connection, inbox: tuple[Inbox, Settings]
) -> None:
    receipt_id = receipt(connection)
    queue(connection, receipt_id)
    queue(connection, receipt_id)  # the same key: once
    assert send_due(connection, inbox[1], now_of(connection)) == 1
    assert send_due(connection, inbox[1], now_of(connection)) == 0
    (message,) = inbox[0].messages
    assert message["To"] == DAVE
    assert message["From"] == "Kilowatch <kvitto@exempel.example>"
    assert message["Reply-To"] == "hej@exempel.example"
    assert message["Subject"] == "Kvitto 2026-000001: 156,79\u00a0kr, Torget".replace("\u00a0", " ")
    for kind in ("html", "plain"):
        assert "https://ladda.example/receipt/" in body(message, kind)
        assert "31,42\u00a0kWh" in body(message, kind)
        assert "08-465 004 20" in body(message, kind)
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == "kvitto-2026-000001.pdf"
    assert attached.get_content().startswith(b"%PDF-")
    assert mails(connection) == [(1, True, False, None)]


def test_a_credit_note_arrives_in_english(
    connection: Connection, inbox: tuple[Inbox, Settings]
) -> None:
    credited = credit(connection, receipt(connection), 5000, "Cable was stuck", now=after(60))
    queue_mail(connection, DAVE, "credit_note", "en", {"receipt_id": credited.receipt_id}, None)
    send_due(connection, inbox[1], now_of(connection))
    (message,) = inbox[0].messages
    assert message["Subject"] == "Credit note 2026-000002: SEK 50.00, Torget"
    text = body(message, "plain")
    assert "Cable was stuck" in text
    assert "We are paying SEK\u00a050.00 back" in text


def test_without_a_server_mails_wait_and_say_why(connection: Connection) -> None:
    queue(connection, receipt(connection))
    assert send_due(connection, Settings(), now_of(connection)) == 0
    assert mails(connection) == [
        (0, False, False, "not sent: KILOWATCH_SMTP_URL names no mail server")
    ]


def test_they_are_sent_once_there_is_a_server(
    connection: Connection, inbox: tuple[Inbox, Settings]
) -> None:
    queue(connection, receipt(connection))
    send_due(connection, Settings(), now_of(connection))
    assert send_due(connection, inbox[1], now_of(connection) + timedelta(days=3)) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [("451 try later", "451 try later"), ("554 spam", "554 spam"), (None, "closed")],
)
def test_a_mail_that_is_refused_is_tried_again_for_a_day(
    connection: Connection, inbox: tuple[Inbox, Settings], answer: str | None, said: str
) -> None:
    queue(connection, receipt(connection))
    inbox[0].answer = answer
    at = start = now_of(connection)
    waited = []
    for _ in range(40):
        send_due(connection, inbox[1], at)
        row = connection.execute("SELECT next_at, failed_at, error FROM mail").fetchone()
        assert row is not None
        assert said in row[2]
        if row[1]:
            break
        waited.append(round((row[0] - at).total_seconds() / 60))
        assert send_due(connection, inbox[1], row[0] - timedelta(seconds=30)) == 0
        at = row[0] + timedelta(seconds=1)
    assert waited[:5] == [1, 5, 30, 60, 60]
    assert timedelta(days=1) <= at - start <= timedelta(hours=25)
    review = connection.execute("SELECT kind, subject, evidence FROM review_item").fetchall()
    assert [(r[0], r[1], r[2]["receipt"]) for r in review] == [
        ("mail_failed", "mail 1", "2026-000001")
    ]
    inbox[0].answer = "250 OK"
    assert send_due(connection, inbox[1], at + timedelta(days=2)) == 0


def test_it_arrives_when_the_server_is_well_again(
    connection: Connection, inbox: tuple[Inbox, Settings]
) -> None:
    queue(connection, receipt(connection))
    inbox[0].answer = None
    first = now_of(connection)
    assert send_due(connection, inbox[1], first) == 0
    inbox[0].answer = "250 OK"
    assert send_due(connection, inbox[1], first + timedelta(seconds=30)) == 0
    assert send_due(connection, inbox[1], first + timedelta(seconds=90)) == 1
    assert mails(connection) == [(2, True, False, None)]


def test_one_refused_mailbox_does_not_keep_the_others(
    connection: Connection, inbox: tuple[Inbox, Settings]
) -> None:
    number = receipt(connection)
    inbox[0].refused = {"gone@example.com"}
    for to in ("gone@example.com", DAVE, "erin@example.com"):
        queue(connection, number, to)
    assert send_due(connection, inbox[1], now_of(connection)) == 2
    assert [message["To"] for message in inbox[0].messages] == [DAVE, "erin@example.com"]


def test_nobody_listening_is_no_harm(connection: Connection) -> None:
    number = receipt(connection)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for to in (DAVE, "erin@example.com"):
        queue(connection, number, to)
    settings = Settings(smtp_url=f"smtp://127.0.0.1:{port}?from=a@b.example")
    assert send_due(connection, settings, now_of(connection)) == 0
    # one was tried, the other waits with it instead of knocking at a closed door
    assert [row[0] for row in mails(connection)] == [0, 1]
    assert all("refused" in row[3] for row in mails(connection))


def test_two_senders_never_send_one_mail_twice(
    database: str, connection: Connection, inbox: tuple[Inbox, Settings]
) -> None:
    number = receipt(connection)
    people = [f"driver{n}@example.com" for n in range(30)]
    for to in people:
        queue(connection, number, to)
    now, sent = now_of(connection), []

    def work() -> None:
        with connect(database) as mine:
            sent.append(send_due(mine, inbox[1], now))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sent) == 30
    assert sorted(message["To"] for message in inbox[0].messages) == sorted(people)


def test_a_sender_that_died_loses_its_lease(
    connection: Connection, inbox: tuple[Inbox, Settings]
) -> None:
    queue(connection, receipt(connection))
    now = now_of(connection)
    connection.execute("UPDATE mail SET claimed_until = %s", [now + timedelta(minutes=5)])
    assert send_due(connection, inbox[1], now) == 0
    assert send_due(connection, inbox[1], now + timedelta(minutes=6)) == 1


def test_no_name_can_add_a_header(connection: Connection, inbox: tuple[Inbox, Settings]) -> None:
    number = receipt(connection)
    connection.execute("UPDATE operator SET name = E'Eve\r\nBcc: mallory@example.com\r\n\r\nHi'")
    connection.execute("UPDATE site SET name = E'Torget\nX-Evil: yes'")
    session = charged(connection)
    closed = close_session(
        connection, session, add(connection, plain()), payment_id=None, channel="guest",
        now=after(30),
    )  # fmt: skip
    assert closed.receipt_id != number
    queue(connection, closed.receipt_id or 0)
    assert send_due(connection, inbox[1], now_of(connection)) == 1
    (message,) = inbox[0].messages
    assert message["Bcc"] is None
    assert message["X-Evil"] is None
    assert "X-Evil: yes" in message["Subject"]


@pytest.mark.parametrize("reason", ["<i>Åsa & co</i>", "a\u2028b", "x" * 500, "{0} %s {{ 7*7 }}"])
def test_any_text_of_people_can_stand_in_a_mail(
    connection: Connection, inbox: tuple[Inbox, Settings], reason: str
) -> None:
    credited = credit(connection, receipt(connection), None, reason, now=after(60))
    queue(connection, credited.receipt_id)
    assert send_due(connection, inbox[1], now_of(connection)) == 1
    assert escape(reason, quote=False) in body(inbox[0].messages[0], "html")


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("no such kind", {}),
        ("receipt", {}),
        ("receipt", {"receipt_id": 99}),
        ("receipt", {"receipt_id": "x"}),
        ("statement", {"url": "https://a.example", "month": "soon"}),
    ],
)
def test_a_mail_nobody_can_write_goes_to_a_human_at_once(
    connection: Connection, inbox: tuple[Inbox, Settings], kind: str, parameters: dict[str, Any]
) -> None:
    queue_mail(connection, DAVE, kind, "sv", parameters, None)
    assert send_due(connection, inbox[1], now_of(connection)) == 0
    assert [row[:3] for row in mails(connection)] == [(1, False, True)]
    assert connection.execute("SELECT count(*) FROM review_item").fetchone() == (1,)


@pytest.mark.parametrize("to", ["<dave@example.com>", "dave,eve@example.com", "a;b@x.example"])
def test_odd_addresses_get_nothing(
    connection: Connection, inbox: tuple[Inbox, Settings], to: str
) -> None:
    queue(connection, receipt(connection), to)
    send_due(connection, inbox[1], now_of(connection))
    assert inbox[0].messages == []
    assert [row[:3] for row in mails(connection)] == [(1, False, True)]


@pytest.mark.parametrize(
    "to", ["", "dave", "a@b@c", "a b@c.example", "a@c.example\nBcc: x@y.example"]
)
def test_what_is_no_address_is_not_queued(connection: Connection, to: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        queue_mail(connection, to, "receipt", "sv", {}, None)


PARAMETERS: dict[str, dict[str, Any]] = {
    "login_link": {"url": "https://a.example/l?x=1&y=2", "valid_until": "2026-06-01T12:00:00Z"},
    **{
        f"payment_{why}": {"url": "https://a.example/p", "amount": 15679, "currency": "SEK"}
        for why in ("declined", "authentication", "no_card", "reminder")
    },
    "statement": {
        "url": "https://a.example/s", "month": "2026-11", "energy_wh": 123_450, "amount": 61_600,
        "currency": "SEK",
    },
}  # fmt: skip


@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize("kind", sorted(PARAMETERS))
def test_every_other_kind_is_written_in_both_languages(
    connection: Connection, inbox: tuple[Inbox, Settings], kind: str, language: str
) -> None:
    assert {"receipt", "credit_note", "invoice", "alert", *PARAMETERS} == set(LETTERS)
    queue_mail(connection, DAVE, kind, language, PARAMETERS[kind], None)
    assert send_due(connection, inbox[1], now_of(connection)) == 1
    (message,) = inbox[0].messages
    assert PARAMETERS[kind]["url"] in body(message, "plain")
    assert PARAMETERS[kind]["url"].replace("&", "&amp;") in body(message, "html")
    assert "{0}" not in body(message, "html") + str(message["Subject"])


def test_without_any_sender_mails_wait(
    connection: Connection, inbox: tuple[Inbox, Settings]
) -> None:
    queue(connection, receipt(connection))
    connection.execute("UPDATE operator_receipt SET email = NULL")
    queue_mail(connection, DAVE, "login_link", "sv", PARAMETERS["login_link"], None)
    settings = Settings(smtp_url=inbox[1].smtp_url.partition("?")[0])
    send_due(connection, settings, now_of(connection))
    row = connection.execute("SELECT error, failed_at FROM mail WHERE sent_at IS NULL").fetchone()
    assert row is not None
    assert row[0].startswith("no sender")
    assert row[1] is None


def test_urls_of_mail_servers() -> None:
    server = server_of("smtps://kvitto%40x.example:p%2Fw@mail.example?from=a@b.example")
    assert (server.host, server.port, server.is_tls) == ("mail.example", 465, True)
    assert (server.user, server.password) == ("kvitto@x.example", "p/w")
    assert server_of("smtp://mail.example:587?starttls=1").must_start_tls
    for url in ("http://mail.example", "mail.example", "smtp://mail:port"):
        with pytest.raises(MailServerError, match="KILOWATCH_SMTP_URL: expected"):
            server_of(url)


def test_a_wrong_url_is_said_without_its_password(connection: Connection) -> None:
    queue(connection, receipt(connection))
    send_due(connection, Settings(smtp_url="smpt://me:secret@mail"), now_of(connection))
    ((_, _, _, error),) = mails(connection)
    assert "KILOWATCH_SMTP_URL: expected" in error
    assert "secret" not in error


def test_starttls_that_is_asked_for_is_needed(
    connection: Connection, inbox: tuple[Inbox, Settings]
) -> None:
    queue(connection, receipt(connection))
    settings = Settings(smtp_url=f"{inbox[1].smtp_url}&starttls=1")
    assert send_due(connection, settings, now_of(connection)) == 0
    assert inbox[0].messages == []
    assert "offers no STARTTLS" in mails(connection)[0][3]


def test_domains_with_letters_of_their_own() -> None:
    assert ascii_domain("dave@räksmörgås.example") == "dave@xn--rksmrgs-5wao1o.example"


def test_pages_are_where_the_settings_say() -> None:
    assert base_url(Settings()) == "http://127.0.0.1:8050"
    assert base_url(Settings(public_url="https://a.example/")) == "https://a.example"
