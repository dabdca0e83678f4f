"""Everything pages can show, made by the real parts: a network that was charged at on the hardest
nights of a year, its papers, books and people."""

import asyncio
import hashlib
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from finance_rows import CAROL, add_carol, add_payout, add_review, check, paid_session, refund
from happenings import add_network, days, first_contact, lose_contact, tell
from parity import NOW
from psycopg.types.json import Jsonb
from registering import DECLINED_LATER, Members

from billing import demo_past
from billing.checks import run_checks
from billing.double import Double
from billing.double.clock import Clock
from dashboard.admin import add_api_token
from ingest.attempting import book_attempts
from ingest.decisions import apply_decisions, judge_sessions
from ingest.timelines import book_time
from ingest.watchdog import find_normals, watch, watch_fleet, watch_sessions
from sql.database import Connection
from sql.queries import load_queries

MOMENTS = [
    datetime(2025, 12, 31, 23, tzinfo=UTC),  # a year begins in Stockholm
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # the clock jumps over 02:00
    datetime(2026, 5, 31, 22, tzinfo=UTC),  # a month begins
    datetime(2026, 10, 25, 1, tzinfo=UTC),  # the clock shows 02:00 twice
    datetime(2026, 10, 31, 23, tzinfo=UTC),  # a month begins, in winter time
    NOW - timedelta(hours=2),
]


def make(connection: Connection, dsn: str, folder: Path) -> None:
    """Fill an empty installation, whose now() is `parity.NOW`."""
    connection.execute("UPDATE billing_start SET at = %s", [NOW - timedelta(days=150)])
    with Double(clock=Clock(NOW - timedelta(days=120))) as double:
        street = Members(dsn, double)
        live_there(street)
        street.close()
    names = add_network(connection)
    connection.execute("UPDATE site SET grid_limit_w = 40000")
    first_contact(connection, MOMENTS[0] - timedelta(days=1))
    for name, moment in zip(names, MOMENTS[1:], strict=False):
        lose_contact(connection, name, moment, moment + timedelta(minutes=100), "station")
    asyncio.run(tell(dsn, days(7, names, MOMENTS), workers=2))
    connection.execute(  # one is out of contact now
        "UPDATE station SET is_online = false, offline_cause = 'station', contact_changed_at = %s"
        " WHERE station_id = 'N2'", [NOW - timedelta(hours=1)],
    )  # fmt: skip
    add_people(connection)
    add_orders(connection, names)
    exclude(connection, names)
    know(connection, names[0])
    work(connection)
    staff(connection)
    sell(connection, folder)
    add_files(connection)
    add_origins(connection)
    administrate(connection)
    connection.execute("SELECT fold_visits(1000000)")


def live_there(street: Members) -> None:
    """Some months ago: drivers with a card, one whose card is refused, a company, guests."""
    street.charge(street.member())
    street.charge(street.member(DECLINED_LATER, email="bob@example.org"))
    employee = street.member(card=None, email="eve@example.org", company_id=street.company())
    for wh in (20_000, 7):
        street.charge(employee, wh)
    street.next_month()
    street.pay_invoice(1, 5_000)
    street.charge(street.row("SELECT min(driver_id) FROM driver")[0])
    street.next_month()
    street.charged(wh=12_000)
    phone = hashlib.sha256(b"a phone").digest()
    street.run("UPDATE payment SET owner_hash = %s WHERE channel = 'guest'", phone)
    payment_id = street.ready_to_charge()
    street.begin(payment_id)
    street.run("UPDATE payment SET owner_hash = %s WHERE payment_id = %s", phone, payment_id)
    street.run("UPDATE session SET driver_id = 1 WHERE ended_at IS NULL")
    street.run("INSERT INTO dispute VALUES ('dp_1', %s, 'ch_1', 900, 'SEK', 'fraudulent',"
               " 'needs_response', NULL, %s)", payment_id, street.now)  # fmt: skip
    waiting = street.scan()
    street.run("UPDATE payment SET owner_hash = %s, checkout_expires_at = %s WHERE payment_id = %s",
               phone, NOW + timedelta(hours=20), waiting)  # fmt: skip


def work(connection: Connection) -> None:
    """What the jobs do."""
    book_attempts(connection, NOW)
    book_time(connection, NOW)
    for job in (judge_sessions, apply_decisions, find_normals, watch, watch_sessions, watch_fleet):
        job(connection, NOW)
    connection.execute("CALL refresh_rollups('2020-01-01', %s)", [NOW])
    connection.execute("DELETE FROM rollup_refresh_request")


def know(connection: Connection, name: str) -> None:
    """What a station told of itself, and what staff know of it."""
    connection.execute("UPDATE site SET city = 'Lund' WHERE city IS NULL OR city = ''")
    connection.execute(
        "UPDATE station SET firmware_version = '2.7.1' WHERE station_id = %s", [name]
    )
    for kind in ("note", "host", "part"):
        connection.execute(
            "INSERT INTO station_note (station_id, kind, at, author, text)"
            " VALUES (%s, %s, %s, 'Carol', 'a word')", [name, kind, NOW],
        )  # fmt: skip
    connection.execute(
        "INSERT INTO station_log (station_id, token_hash, requested_by, requested_at, expires_at,"
        " received_at, file_name, content) VALUES (%s, '\\x01', %s, %s, %s, %s, 'a.log', '\\x61')",
        [name, CAROL, NOW, NOW, NOW],
    )
    connection.execute(
        "INSERT INTO certificate (station_id, subject, not_after, seen_at)"
        " VALUES (%s, 'CN=x', %s, %s) ON CONFLICT DO NOTHING", [name, NOW + timedelta(days=9), NOW],
    )  # fmt: skip
    for action in ("NotifyReport", "LogStatusNotification"):
        connection.execute(
            "INSERT INTO message_log (station_id, received_at, direction, message_id, action,"
            " frame) VALUES (%s, %s, 'in', %s, %s, '[2]')", [name, NOW, action, action],
        )  # fmt: skip
    connection.execute(
        "INSERT INTO command (station_id, action, status, requested_at, finished_at, response)"
        " VALUES (%s, 'GetConfiguration', 'answered', %s, %s, '{}')", [name, NOW, NOW],
    )  # fmt: skip


def staff(connection: Connection) -> None:
    """A shift in the control room: one incident given away with a note, one over, a window planned,
    somebody told, a stranger refused, a station that is expected, the list handed over."""
    hour, day = timedelta(hours=1), timedelta(days=1)
    connection.execute(
        "WITH i AS (INSERT INTO incident (kind, severity, site_id, opened_at, resolved_at,"
        " resolution) VALUES ('faulted', 'high', 701, %s, %s, 'over') RETURNING incident_id)"
        " INSERT INTO alert (incident_id, kind, station_id, evse_id, raised_at, resolved_at)"
        " SELECT incident_id, 'faulted', 'N0', 1, %s, %s FROM i",
        [NOW - 3 * hour, NOW - 2 * hour, NOW - 3 * hour, NOW - 2 * hour],
    )
    connection.execute(
        "INSERT INTO incident_note (incident_id, at, author, text)"
        " SELECT incident_id, %s, 'Carol', 'looked at it' FROM incident", [NOW - hour],
    )  # fmt: skip
    connection.execute(
        "INSERT INTO audit_log (at, actor, action, subject, detail) SELECT %s, %s,"
        " 'assign_incident', 'incident ' || incident_id, '{\"owner\": \"Carol\"}' FROM incident",
        [NOW - hour, CAROL],
    )
    connection.execute("INSERT INTO receiver (name, channel, address) VALUES"
                       " ('On call', 'email', %s)", [CAROL])  # fmt: skip
    connection.execute("INSERT INTO alert_rule (receiver_id) SELECT receiver_id FROM receiver")
    connection.execute("INSERT INTO app_user (email, name, role, password_hash)"
                       " VALUES ('olle@example.org', 'Olle', 'operator', 'x')")  # fmt: skip
    connection.execute(
        "INSERT INTO delivery (incident_id, receiver_id, event, created_at)"
        " SELECT incident_id, receiver_id, 'raised', %s FROM incident, receiver", [NOW - hour],
    )  # fmt: skip
    connection.execute(
        "INSERT INTO watch_threshold (kind, name, unit, standard, least, most)"
        " VALUES ('offline', 'grace', 'seconds', 20, 5, 3600) ON CONFLICT DO NOTHING"
    )
    connection.execute("INSERT INTO handover (at, author, text) VALUES (%s, 'Carol', 'all calm')",
                       [NOW - 4 * hour])  # fmt: skip
    connection.execute(
        "INSERT INTO outage_exclusion (site_id, from_at, until_at, reason, note, created_by)"
        " VALUES (702, %s, %s, 'scheduled_maintenance', 'new cables', %s)",
        [NOW + day, NOW + day + hour, CAROL],
    )
    connection.execute(
        "INSERT INTO alert (kind, station_id, raised_at, planned_until)"
        " VALUES ('clock_off', 'N1', %s, %s)", [NOW - hour, NOW + hour],
    )  # fmt: skip
    connection.execute("INSERT INTO station (station_id, site_id) VALUES ('N9', 702)")
    connection.execute(
        "INSERT INTO connection_attempt (station_id, at, remote, reason)"
        " VALUES ('N9', %s, '203.0.113.7', 'wrong password')", [NOW - hour],
    )  # fmt: skip


def exclude(connection: Connection, names: list[str]) -> None:
    """Part of a night counts against nobody; what was decided about a site was taken back."""
    connection.execute(
        "INSERT INTO outage_exclusion (site_id, station_id, from_at, until_at, reason, created_by,"
        " revoked_at, revoked_by) VALUES (NULL, %s, %s, %s, 'electricity_supply', %s, NULL, NULL),"
        " (701, NULL, %s, %s, 'vandalism', %s, %s, %s)",
        [names[0], MOMENTS[1], MOMENTS[1] + timedelta(minutes=40), CAROL,
         MOMENTS[3], MOMENTS[3] + timedelta(days=1), CAROL, NOW, CAROL],
    )  # fmt: skip


def add_people(connection: Connection) -> None:
    add_carol(connection)
    add_api_token(connection, "grafana", ("read",))
    later = NOW + timedelta(hours=1)
    connection.execute("INSERT INTO login_link VALUES ('\\x01', 'dave@example.org', 'sv', %s, %s)",
                       [NOW, later])  # fmt: skip
    connection.execute(
        "INSERT INTO driver_session (secret_hash, driver_id, expires_at) VALUES ('\\x02', 1, %s)",
        [later],
    )


def add_files(connection: Connection) -> None:
    """Papers made and sent, work on sessions that people decided about."""
    connection.execute(
        "INSERT INTO file_request (kind, requested_by, finished_at, file_name, media_type, content)"
        " VALUES ('receipt_pdf', %s, %s, 'a.pdf', 'application/pdf', '\\x25')", [CAROL, NOW],
    )  # fmt: skip
    connection.execute(
        "INSERT INTO mail (recipient, kind, language, parameters, sent_at)"
        " SELECT 'dave@example.org', 'receipt', 'sv', jsonb_build_object('receipt_id', receipt_id),"
        " %s FROM receipt", [NOW],
    )  # fmt: skip
    connection.execute(
        "INSERT INTO session_decision (session_id, decision, reasons, reason, decided_by)"
        " SELECT session_id, 'accept', array_agg(reason), 'it was so', %s FROM session_doubt"
        " GROUP BY 1 ORDER BY 1 LIMIT 2", [CAROL],
    )  # fmt: skip
    apply_decisions(connection, NOW)
    connection.execute(
        "UPDATE review_item SET resolved_at = %s, resolved_by = %s, resolution = 'it was so'"
        " WHERE review_item_id = (SELECT max(review_item_id) FROM review_item"
        " WHERE kind = 'difference')", [NOW, CAROL],
    )  # fmt: skip


def administrate(connection: Connection) -> None:
    """A file was imported, in part; a person has a link to choose a password by."""
    connection.execute(
        "INSERT INTO import_run (kind, source, file_name, sha256, settings, finished_at)"
        " VALUES ('stations', 'csv', 'list.csv', 'abc', '{}', now())"
    )
    connection.execute(
        "INSERT INTO import_row (run_id, line, status, field, problem) SELECT max(run_id), 3,"
        " 'rejected', 'evse_id', 'expected a whole number' FROM import_run"
    )
    connection.execute(
        "INSERT INTO import_request (kind, file_name, sha256, bytes, requested_by, status,"
        " finished_at, run_id, counts) SELECT 'stations', 'list.csv', 'abc', 10, 'ada', 'done',"
        " now(), max(run_id), '{\"added\": 1}' FROM import_run"
    )
    connection.execute(
        "INSERT INTO password_link (token_hash, user_id, created_by, expires_at)"
        " SELECT 'x', min(user_id), 'ada', now() + interval '1 day' FROM app_user"
    )
    connection.execute(
        "INSERT INTO audit_log (at, actor, action, subject, detail)"
        " VALUES (now() - interval '1 hour', 'ada', 'import.ask', 'import 1', '{}')"
    )


def add_origins(connection: Connection) -> None:
    """A signed reading, charging states, and a session that an earlier system had."""
    connection.execute(
        "INSERT INTO signed_meter_value (session_id, measured_at, raw_hash, evse_key, evse_id,"
        " register_wh, station_id, raw, verified) SELECT session_id, started_at, 1, evse_key,"
        " evse_id, 7000.5, station_id, '{}', 'no_key' FROM session ORDER BY session_id LIMIT 1"
    )
    connection.execute(
        "WITH run AS (INSERT INTO import_run (kind, source, file_name, sha256, settings)"
        " VALUES ('sessions', 'old', 'a.csv', 'x', '{}') RETURNING run_id)"
        " INSERT INTO import_row (run_id, line, status, session_id)"
        " SELECT run_id, 2, 'imported', min(session_id) FROM run, session GROUP BY 1"
    )
    connection.execute(
        "INSERT INTO session_state (session_id, state_at, charging_state)"
        " SELECT session_id, started_at, 'Charging' FROM session ORDER BY session_id LIMIT 3"
        " ON CONFLICT DO NOTHING"
    )


def add_orders(connection: Connection, names: list[str]) -> None:
    """Commands and who holds the sockets."""
    for n, name in enumerate(names):
        connection.execute(
            "INSERT INTO command (station_id, action, payload, status, requested_at, finished_at,"
            " response) VALUES (%s, 'Reset', '{}', 'answered', %s, %s, %s)",
            [name, NOW - timedelta(minutes=n), NOW, Jsonb({"status": "Accepted"})],
        )
        connection.execute(
            "INSERT INTO connection VALUES (%s, 'w1', 1, %s, %s, '127.0.0.1', 'ocpp1.6')",
            [name, NOW + timedelta(minutes=1), NOW - timedelta(hours=1)],
        )


def sell(connection: Connection, folder: Path) -> None:
    """Prices, the fast charging of two weeks paid by card, and what people look into."""
    bill_past(connection, folder / "double.json")
    (evse_key,) = connection.execute("SELECT min(evse_key) FROM evse").fetchone() or (0,)
    at = NOW - timedelta(hours=30)
    paid = [
        paid_session(connection, evse_key, 9000 + n, at + timedelta(hours=n), payout="po_1")
        for n in range(3)
    ]
    refund(connection, paid[0], 9100, at + timedelta(hours=5), 2_000)
    add_payout(connection, "po_1", at + timedelta(hours=6))
    for one in paid[1:]:
        add_review(connection, "difference", f"payment {one.reference}",
                   payment_id=one.payment_id, amount=100, currency="SEK")  # fmt: skip
    run_checks(connection, NOW)
    check(connection, "stripe_balance", NOW - timedelta(days=1), ok=False, difference=5)


def bill_past(connection: Connection, double_file: Path) -> None:
    """As `billing.demo_past.add_past`, where something has been paid already."""
    rows = load_queries("demo").past_to_bill(
        connection, since=NOW - timedelta(days=14), until=NOW, power_w=150_000
    )
    assert len(rows) > 3
    dice = random.Random("books")
    bills = demo_past._close(connection, [demo_past.Charged(*row) for row in rows], dice)
    charged = [bill for bill in bills if bill.captured]
    charges = demo_past._tell_double(double_file, "sk_test_parity", charged, dice)
    demo_past._book(connection, bills, charges)
