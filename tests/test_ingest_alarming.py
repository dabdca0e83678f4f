"""Receivers hear of incidents once, in time, and whatever their servers do."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hooks import SECRET, Hook, hook
from inboxes import Inbox, inbox

from billing.mails import send_due as send_mails
from ingest import posting
from ingest.alarming import forget_messages, tell
from ingest.posting import NotTakenError, post
from ingest.watchdog import watch_own
from ingest.webhooks import pause, send_due
from sql.database import Connection, connect
from sql.settings import Settings

__all__ = ["hook", "inbox"]  # the fixtures
BASE = "https://kilowatch.example"
STATES = "SELECT event, state FROM delivery ORDER BY delivery_id"


class Desk:
    """Incidents, rules and receivers, and a clock that is moved by hand."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.now: datetime = self.one("SELECT date_trunc('second', now())")
        self.run("UPDATE operator SET time_zone = 'UTC'")
        self.run("INSERT INTO operator_receipt (operator_id, email) VALUES (1, 'ops@x.example')"
                 " ON CONFLICT DO NOTHING")  # fmt: skip

    def run(self, query: str, *parameters: Any) -> list[Any]:
        cursor = self.connection.execute(query.encode(), parameters)
        return cursor.fetchall() if cursor.description else []

    def one(self, query: str, *parameters: Any) -> Any:
        return self.run(query, *parameters)[0][0]

    def receiver(self, address: str, night: tuple[int, int] | None = None, **more: Any) -> int:
        channel = "email" if "@" in address else "webhook"
        quiet = [time(hour) for hour in night] if night else [None, None]
        return int(self.one(
            "INSERT INTO receiver (name, channel, address, secret, language, quiet_from,"
            " quiet_until) VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, %s)"
            " RETURNING receiver_id",
            channel, address, SECRET, more.get("language", "en"), *quiet,
        ))  # fmt: skip

    def rule(self, receiver_id: int, **given: Any) -> None:
        given = {"receiver_id": receiver_id, "active_from": self.now - timedelta(days=1), **given}
        self.run(
            f"INSERT INTO alert_rule ({', '.join(given)})"  # noqa: S608
            f" VALUES ({', '.join(['%s'] * len(given))})", *given.values(),
        )  # fmt: skip

    def incident(self, severity: str = "high", kind: str = "offline") -> int:
        return int(self.one(
            "INSERT INTO incident (kind, severity, group_key, opened_at, noticed_at, cause)"
            " VALUES (%s, %s, gen_random_uuid(), %s, %s, 'no contact') RETURNING incident_id",
            kind, severity, self.now, self.now,
        ))  # fmt: skip

    def end(self, incident_id: int, resolution: str = "over") -> None:
        self.run("UPDATE incident SET resolved_at = %s, resolution = %s WHERE incident_id = %s",
                 self.now, resolution, incident_id)  # fmt: skip

    def reopen(self, incident_id: int) -> None:
        self.run("UPDATE incident SET resolved_at = NULL, resolution = NULL,"
                 " reopened = reopened + 1, noticed_at = %s WHERE incident_id = %s",
                 self.now, incident_id)  # fmt: skip

    def round(self, seconds: float = 0) -> list[Any]:
        """What both jobs do, so much later; all deliveries."""
        self.now += timedelta(seconds=seconds)
        tell(self.connection, self.now)
        send_due(self.connection, BASE, self.now)
        tell(self.connection, self.now)
        return self.run(STATES)


@pytest.fixture
def desk(connection: Connection) -> Desk:
    return Desk(connection)


def events(hook: Hook) -> list[str]:
    return [one.document["event"] for one in hook.got]


def test_a_webhook_hears_of_an_incident_and_of_its_end(desk: Desk, hook: Hook) -> None:
    desk.rule(desk.receiver(hook.address))
    incident_id = desk.incident("critical", "site_dark")
    desk.run("INSERT INTO site (site_id, operator_id, name) VALUES (3, 1, 'Torget')")
    desk.run("UPDATE incident SET site_id = 3")
    desk.run("INSERT INTO station (station_id, site_id, contact_changed_at)"
             " VALUES ('S1', 3, now()), ('S2', 3, now()), ('S3', 3, NULL)")  # fmt: skip
    assert desk.round() == [("raised", "sent")]
    assert desk.round(60) == [("raised", "sent")]
    desk.end(incident_id)
    assert desk.round(60) == [("raised", "sent"), ("resolved", "sent")]
    desk.round(60)
    assert events(hook) == ["raised", "resolved"]
    assert all(one.is_signed for one in hook.got)
    first = hook.got[0]
    assert first.document["id"] == first.headers["Kilowatch-Delivery"]
    assert first.document["text"] == "Alert (critical): Whole site without contact, Torget"
    about = first.document["incident"]
    assert about["url"] == f"{BASE}/app/incident/{incident_id}"
    assert (about["kind"], about["severity"], about["alerts"]) == ("site_dark", "critical", [])
    assert (about["stations"], about["station_ids"]) == (2, ["S1", "S2"])  # before its alerts
    assert hook.got[1].document["incident"]["resolution"] == "over"


def test_what_nobody_was_told_of_ends_in_silence(desk: Desk, hook: Hook) -> None:
    desk.rule(desk.receiver(hook.address), delay_seconds=300)
    incident_id = desk.incident()
    assert desk.round(299) == []
    desk.end(incident_id)
    assert desk.round(60) == []
    assert hook.got == []


def test_what_is_held_goes_out_in_the_morning_if_it_still_goes_on(desk: Desk, hook: Hook) -> None:
    desk.now = desk.now.replace(hour=23, minute=0, second=0)
    desk.rule(desk.receiver(hook.address, night=(22, 7)))
    over, _ = desk.incident(), desk.incident()
    desk.incident("critical")
    assert desk.round() == [("raised", "held"), ("raised", "held"), ("raised", "sent")]
    desk.round(7 * 3600)
    desk.end(over)
    assert desk.round(59 * 60) == [("raised", "dropped"), ("raised", "held"), ("raised", "sent")]
    assert desk.round(60) == [("raised", "dropped"), ("raised", "sent"), ("raised", "sent")]
    assert len(hook.got) == 2


def test_an_end_at_night_is_told_in_the_morning(desk: Desk, hook: Hook) -> None:
    desk.now = desk.now.replace(hour=21, minute=0, second=0)
    desk.rule(desk.receiver(hook.address, night=(22, 7)))
    incident_id = desk.incident()
    desk.round()
    desk.round(3 * 3600)
    desk.end(incident_id)
    assert desk.round() == [("raised", "sent"), ("resolved", "held")]
    assert desk.round(7 * 3600) == [("raised", "sent"), ("resolved", "sent")]


def test_what_becomes_critical_at_night_is_told_at_once(desk: Desk, hook: Hook) -> None:
    desk.now = desk.now.replace(hour=23)
    desk.rule(desk.receiver(hook.address, night=(22, 7)))
    desk.incident()
    assert desk.round() == [("raised", "held")]
    desk.run("UPDATE incident SET severity = 'critical'")
    assert desk.round(60) == [("raised", "sent")]


def test_what_nobody_acknowledges_is_escalated(desk: Desk, hook: Hook) -> None:
    first, second = desk.receiver(hook.address), desk.receiver(hook.address)
    desk.rule(first, escalate_after_seconds=600, escalate_to=second)
    ours, theirs = desk.incident(), desk.incident()
    desk.round()
    desk.run("UPDATE incident SET acknowledged_at = %s, acknowledged_by = 'Alice'"
             " WHERE incident_id = %s", desk.now, ours)  # fmt: skip
    assert len(desk.round(599)) == 2
    assert desk.round(1) == [("raised", "sent")] * 2 + [("escalated", "sent")]
    assert desk.one("SELECT incident_id FROM delivery WHERE event = 'escalated'") == theirs
    # both were told of it, so both hear that it is over
    desk.end(theirs)
    assert desk.round(60)[3:] == [("resolved", "sent")] * 2


def test_an_escalation_that_waits_is_dropped_when_somebody_acknowledges(
    desk: Desk, hook: Hook
) -> None:
    desk.now = desk.now.replace(hour=12)
    second = desk.receiver(hook.address, night=(11, 14))
    desk.rule(desk.receiver(hook.address), escalate_after_seconds=600, escalate_to=second)
    desk.incident()
    desk.round()
    assert desk.round(600) == [("raised", "sent"), ("escalated", "held")]
    desk.run("UPDATE incident SET acknowledged_at = now(), acknowledged_by = 'Alice'")
    assert desk.round(60) == [("raised", "sent"), ("escalated", "dropped")]
    assert desk.round(7200) == [("raised", "sent"), ("escalated", "dropped")]


def test_what_is_part_of_a_larger_incident_is_over_with_that(desk: Desk, hook: Hook) -> None:
    first = desk.receiver(hook.address)
    desk.rule(first, kind="offline")
    small, large = desk.incident(), desk.incident("critical", "site_dark")
    desk.round()
    desk.end(small, "merged")
    desk.run("UPDATE incident SET merged_into = %s WHERE incident_id = %s", large, small)
    assert desk.round(60) == [("raised", "sent")]
    desk.end(large)
    assert desk.round(60) == [("raised", "sent"), ("resolved", "sent")]
    assert hook.got[1].document["incident"]["incident_id"] == large
    assert desk.one("SELECT count(*) FROM delivery WHERE NOT is_closed AND event = 'raised'") == 0


def test_what_comes_and_goes_is_not_told_each_time(desk: Desk, hook: Hook) -> None:
    desk.rule(desk.receiver(hook.address))
    incident_id = desk.incident()
    desk.round()
    for _ in range(5):
        desk.now += timedelta(seconds=60)
        desk.end(incident_id)
        desk.round()
        desk.now += timedelta(seconds=60)
        desk.reopen(incident_id)
        desk.round()
    desk.end(incident_id)
    assert events(hook) == ["raised", "resolved", "raised", "resolved", "raised"]
    desk.round(899)
    assert events(hook)[5:] == []
    desk.round(1)
    assert events(hook)[5:] == ["resolved"]


def test_several_rules_and_rounds_tell_each_receiver_once(desk: Desk, hook: Hook) -> None:
    receiver_id = desk.receiver(hook.address)
    for severity in ("low", "high", "critical"):
        desk.rule(receiver_id, severity=severity)
    desk.incident()
    desk.incident("low")
    for _ in range(3):
        desk.round(10)
    assert len(hook.got) == 2


def test_a_receiver_that_is_switched_off_is_told_nothing_but_tests(desk: Desk, hook: Hook) -> None:
    receiver_id = desk.receiver(hook.address)
    desk.rule(receiver_id)
    hook.answer = 500
    desk.incident()
    assert desk.round() == [("raised", "waiting")]
    hook.answer = 200
    desk.run("UPDATE receiver SET is_active = false")
    assert desk.round(60) == [("raised", "dropped")]
    desk.run("INSERT INTO delivery (receiver_id, event) VALUES (%s, 'test')", receiver_id)
    assert desk.round(60)[1:] == [("test", "sent")]
    assert hook.got[-1].document["incident"] is None


# -- what servers do ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (500, "HTTP 500"), (404, "HTTP 404"), (302, "HTTP 302: redirects are not followed"),
        (307, "HTTP 307: redirects are not followed"), ("silence", "no answer in time"),
        ("drip", "no answer in time"), ("hang up", "closed without an answer"),
        ("nonsense", "no answer in HTTP"),
    ],
)  # fmt: skip
def test_what_is_not_taken_is_sent_again_under_the_same_id(
    desk: Desk, hook: Hook, monkeypatch: pytest.MonkeyPatch, answer: int | str, error: str
) -> None:
    monkeypatch.setattr(posting, "SECONDS", 0.4)
    monkeypatch.setattr(posting, "IN_ALL", 0.6)
    hook.answers = [answer]
    desk.rule(desk.receiver(hook.address))
    desk.incident()
    assert desk.round() == [("raised", "waiting")]
    assert desk.run("SELECT error, attempts FROM delivery") == [(error, 1)]
    assert desk.round(9) == [("raised", "waiting")]
    assert len(hook.got) == 1
    assert desk.round(3) == [("raised", "sent")]
    assert desk.run("SELECT error, attempts FROM delivery") == [(None, 2)]
    assert len(set(hook.keys())) == 1


def test_who_refuses_for_a_day_is_given_up_and_staff_are_told(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    desk.rule(desk.receiver(f"http://127.0.0.1:{port}/"))
    desk.incident()
    start, waits = desk.now, []
    while desk.round() == [("raised", "waiting")]:
        next_at = desk.one("SELECT next_at FROM delivery")
        waits.append(round((next_at - desk.now).total_seconds()))
        desk.now = next_at + timedelta(seconds=1)
    assert waits[:6] == [10, 30, 120, 600, 1800, 3600]
    assert timedelta(days=1) <= desk.now - start < timedelta(hours=26)
    assert desk.run("SELECT state, error FROM delivery") == [("failed", "connection refused")]
    watch_own(desk.connection, desk.now)
    assert desk.run("SELECT kind, detail ->> 'error' FROM alert") == [
        ("undelivered", "connection refused")
    ]
    # sent again by hand: as documented
    desk.run("UPDATE delivery SET state = 'waiting', next_at = now(), mail_id = NULL, error = NULL")
    assert desk.round()[0] == ("raised", "failed")


def test_nothing_private_is_logged_or_kept(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    addresses = [
        "http://host-of-alice.invalid/token-of-alice",
        "http://[::1",
        "https://127.0.0.1:1/t",
    ]
    for address in addresses:
        with pytest.raises(NotTakenError) as caught:
            post(address, b"{}", {})
        assert "alice" not in str(caught.value)
    desk.rule(desk.receiver(addresses[0]))
    desk.incident()
    desk.round()
    told = caplog.text + desk.one("SELECT error FROM delivery")
    assert "waits: its name is not known" in told
    assert "alice" not in told
    assert SECRET not in told


def test_two_workers_never_send_one_message_twice(desk: Desk, hook: Hook, database: str) -> None:
    desk.rule(desk.receiver(hook.address))
    for _ in range(40):
        desk.incident()
    tell(desk.connection, desk.now)

    def work() -> None:
        with connect(database) as mine:
            tell(mine, desk.now)
            send_due(mine, BASE, desk.now)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hook.keys()) == len(set(hook.keys())) == 40
    assert desk.run("SELECT DISTINCT state FROM delivery") == [("sent",)]


KILLED = """
import sys
from datetime import datetime
from ingest.webhooks import send_due
from sql.database import connect
with connect(sys.argv[1]) as connection:
    send_due(connection, "https://x.example", datetime.fromisoformat(sys.argv[2]))
"""


def test_a_sender_killed_before_it_could_mark_sends_once_more_under_the_same_id(
    desk: Desk, hook: Hook, database: str
) -> None:
    desk.rule(desk.receiver(hook.address))
    desk.incident()
    tell(desk.connection, desk.now)
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, database, desk.now.isoformat()],
        cwd=Path(__file__).parents[1],
    ) as worker:
        hook.on_request = lambda: os.kill(worker.pid, signal.SIGKILL)
        assert worker.wait(30) == -signal.SIGKILL
    hook.on_request = lambda: None
    assert desk.run("SELECT state, attempts FROM delivery") == [("waiting", 1)]
    assert desk.round(60) == [("raised", "waiting")]  # it may still be at it
    assert desk.round(120) == [("raised", "sent")]
    assert len(hook.got) == 2
    assert len(set(hook.keys())) == 1


def test_a_slow_receiver_does_not_keep_the_others(
    desk: Desk, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "SECONDS", 0.5)
    hook.answers = ["silence"]
    receivers = [desk.receiver(hook.address) for _ in range(6)]
    for receiver_id in receivers:
        desk.rule(receiver_id)
    desk.incident()
    assert sorted(state for _, state in desk.round()) == ["sent"] * 5 + ["waiting"]


def test_pauses_grow() -> None:
    assert [pause(n).total_seconds() for n in (1, 2, 6, 99)] == [10, 30, 3600, 3600]


# -- by e-mail ------------------------------------------------------------------------------------


@pytest.fixture
def post_office(desk: Desk, inbox: tuple[Inbox, Settings]) -> tuple[Inbox, Settings]:
    """Mails are dated by the database's clock: so is the desk."""
    desk.now = desk.one("SELECT clock_timestamp()") + timedelta(seconds=1)
    return inbox


def text(inbox: Inbox, number: int) -> str:
    part = inbox.messages[number].get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def test_an_incident_is_told_by_mail_in_the_receivers_language(
    desk: Desk, post_office: tuple[Inbox, Settings]
) -> None:
    inbox, settings = post_office
    desk.rule(desk.receiver("dave@example.com", language="sv"))
    desk.run("INSERT INTO site (site_id, operator_id, name) VALUES (3, 1, 'Torget <b>')")
    incident_id = desk.incident("critical", "site_dark")
    desk.run("UPDATE incident SET site_id = 3")
    desk.run("INSERT INTO alert (incident_id, kind, station_id) SELECT %s, 'offline', 'S' || n"
             " FROM generate_series(1, 12) n", incident_id)  # fmt: skip
    assert desk.round() == [("raised", "waiting")]
    assert send_mails(desk.connection, settings, desk.now) == 1
    assert desk.round(1) == [("raised", "sent")]
    assert inbox.messages[0]["To"] == "dave@example.com"
    assert inbox.messages[0]["Subject"] == ("Larm (kritisk): Hela platsen utan kontakt, Torget <b>")
    said = text(inbox, 0)
    assert f"https://ladda.example/app/incident/{incident_id}" in said
    assert "Nästa steg: Ring platsvärden, sedan elnätsbolaget." in said
    assert "Laddare: S1, S10, S11, S12, S2, S3, S4, S5, S6, S7 och 2 till" in said
    desk.end(incident_id)
    desk.round(60)
    assert send_mails(desk.connection, settings, desk.now) == 1
    assert desk.round(1) == [("raised", "sent"), ("resolved", "sent")]
    assert inbox.messages[1]["Subject"].startswith("Över (kritisk): Hela platsen")
    assert "Hur det slutade: Felet är borta" in text(inbox, 1)


@pytest.mark.parametrize("event", ["escalated", "test"])
def test_other_letters_to_staff(
    desk: Desk, post_office: tuple[Inbox, Settings], event: str
) -> None:
    inbox, settings = post_office
    receiver_id = desk.receiver("dave@example.com")
    incident_id = desk.incident(kind="firmware") if event != "test" else None
    desk.run("UPDATE incident SET detail = %s", '{"alert_kind": "faulted", "model": "One"}')
    desk.run("INSERT INTO delivery (incident_id, receiver_id, event) VALUES (%s, %s, %s)",
             incident_id, receiver_id, event)  # fmt: skip
    desk.round()
    assert send_mails(desk.connection, settings, desk.now) == 1
    assert desk.round(1) == [(event, "sent")]
    if event == "test":
        assert inbox.messages[0]["Subject"] == "Test of alerts"
    else:
        assert "Failure: Fault reported" in text(inbox, 0)
        assert "Nobody has acknowledged the incident." in text(inbox, 0)


def test_a_mail_that_is_refused_is_seen_in_the_delivery_and_is_nothing_for_finance(
    desk: Desk, post_office: tuple[Inbox, Settings]
) -> None:
    inbox, settings = post_office
    inbox.refused = {"dave@example.com"}
    desk.rule(desk.receiver("dave@example.com"))
    desk.incident()
    desk.round()
    send_mails(desk.connection, settings, desk.now)
    desk.round(1)
    ((state, error),) = desk.run("SELECT state, error FROM delivery")
    assert state == "waiting"
    assert "550" in error
    assert "dave" not in error
    desk.run("UPDATE mail SET created_at = created_at - interval '2 days', next_at = now()")
    send_mails(desk.connection, settings, desk.now)
    assert desk.round(1) == [("raised", "failed")]
    assert desk.one("SELECT count(*) FROM review_item") == 0
    inbox.refused = set()
    desk.run("UPDATE delivery SET state = 'waiting', next_at = %s, mail_id = NULL", desk.now)
    desk.round(1)
    assert send_mails(desk.connection, settings, desk.now) == 1
    assert desk.round(1) == [("raised", "sent")]


def test_without_a_mail_server_alerts_wait_say_why_and_are_recalled(desk: Desk) -> None:
    desk.now = desk.one("SELECT clock_timestamp()") + timedelta(seconds=1)
    desk.rule(desk.receiver("dave@example.com"))
    over, _ = desk.incident(), desk.incident()
    desk.round()
    assert send_mails(desk.connection, Settings(), desk.now) == 0
    watch_own(desk.connection, desk.now)
    assert desk.round(3601) == [("raised", "waiting")] * 2
    assert {row[0] for row in desk.run("SELECT error FROM delivery")} == {
        "not sent: KILOWATCH_SMTP_URL names no mail server"
    }
    assert desk.run("SELECT kind FROM alert") == []
    watch_own(desk.connection, desk.now)
    assert desk.run("SELECT kind, detail ->> 'deliveries' FROM alert") == [("undelivered", "2")]
    desk.end(over)
    assert desk.round(60) == [("raised", "dropped"), ("raised", "waiting")]
    assert desk.round(86_400) == [("raised", "dropped"), ("raised", "failed")]
    assert desk.one("SELECT count(*) FROM mail WHERE failed_at IS NULL") == 0


def test_two_workers_queue_one_mail_each_message(desk: Desk, database: str) -> None:
    desk.rule(desk.receiver("dave@example.com"))
    for _ in range(20):
        desk.incident()

    def work() -> None:
        with connect(database) as mine:
            for _ in range(5):
                tell(mine, desk.now)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert desk.one("SELECT count(*) FROM mail") == desk.one("SELECT count(*) FROM delivery") == 20


def test_old_deliveries_are_forgotten(desk: Desk, hook: Hook) -> None:
    desk.rule(desk.receiver(hook.address))
    desk.incident()
    desk.round()
    forget_messages(desk.connection, desk.now + timedelta(days=399))
    assert len(desk.run(STATES)) == 1
    forget_messages(desk.connection, desk.now + timedelta(days=401))
    assert desk.run(STATES) == []


@pytest.mark.parametrize(
    ("channel", "address", "secret"),
    [
        ("email", "dave", None), ("email", "a@b@c", None), ("webhook", "ftp://x.example/", SECRET),
        ("webhook", "https://user:pw@x.example/", SECRET), ("webhook", "https://x.example", None),
        ("webhook", "https://x.example/ y", SECRET), ("webhook", "https://x.example", "short"),
    ],
)  # fmt: skip
def test_receivers_that_can_not_be_reached_are_refused(
    desk: Desk, channel: str, address: str, secret: str | None
) -> None:
    with pytest.raises(Exception, match="violates check constraint"):
        desk.run("INSERT INTO receiver (name, channel, address, secret) VALUES ('x', %s, %s, %s)",
                 channel, address, secret)  # fmt: skip
