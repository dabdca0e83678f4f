"""What people find who do the tasks of docs/tasks.md: two sites with a past of eighty days, a
faulted station, a driver who calls, sales, drivers who are new."""

from datetime import datetime, timedelta

from sql.database import Connection
from tests.finance_rows import paid_session
from tests.timed import Past
from tests.web import add_user

WORST, CALLER = "ODH-01", "MOR-01"  # stations
CALLERS_CODE, CALLERS_SESSION = "K7-MOR-01-1", 770_001
COLLEAGUE = "bo@example.org"


def add_world(connection: Connection) -> Past:
    past = Past(connection, seed=3)
    _sites(past)
    past.fill()
    _readings(past)
    _sales(past)
    _newcomer(past)
    _fault(past)
    _caller(past)
    add_user(connection, COLLEAGUE)
    past.run("UPDATE app_user SET name = 'Bo' WHERE email = %s", COLLEAGUE)
    past.book()
    while (connection.execute("SELECT fold_visits(5000)").fetchone() or (0,))[0] == 5000:
        pass
    past.run("CALL refresh_rollups(now() - interval '90 days', now())")
    return past


def _sites(past: Past) -> None:
    for site_id, limit_w in zip(past.sites, (100_000, 40_000), strict=True):
        past.run("UPDATE site SET grid_limit_w = %s WHERE site_id = %s", limit_w, site_id)
    past.run("UPDATE station SET vendor = 'ABB', model = 'Terra', firmware_version = '1.8.21',"
             " ocpp_version = '1.6'")  # fmt: skip


def _readings(past: Past) -> None:
    """One for each session of the last thirty days, in its middle."""
    past.run(
        "INSERT INTO meter_value (measured_at, received_at, session_id, reading_hash, energy_wh,"
        " energy_delta_wh, evse_key, evse_id, power_w, station_id, source)"
        " SELECT started_at + (ended_at - started_at) / 2, now(), session_id, 1, energy_wh,"
        " energy_wh, evse_key, evse_id, 42000, station_id, 'meter' FROM session"
        " WHERE started_at > now() - interval '30 days' AND ended_at IS NOT NULL"
    )


def _sales(past: Past) -> None:
    """Three at each site in the last days, dearer at the second."""
    for number in range(6):
        key = past.keys["ODH-02", 1] if number % 2 else past.keys["MOR-01", 2]
        at = past.now - timedelta(days=3, hours=5 * number)
        paid_session(past.connection, key, number + 1, at, gross=14_291 if number % 2 else 17_500)


def _newcomer(past: Past) -> None:
    """Somebody who was never here before."""
    begun = past.now - timedelta(hours=30)
    past.run("INSERT INTO session (station_id, evse_id, evse_key, site_id, transaction_id,"
             " started_at, ended_at, charged_until, energy_wh, id_token, stop_reason)"
             " SELECT 'ODH-02', 1, %s, site_id, 'new', %s, %s, %s, 9000, 'NEWCOMER', 'Local'"
             " FROM station WHERE station_id = 'ODH-02'", past.keys["ODH-02", 1], begun,
             begun + timedelta(minutes=30), begun + timedelta(minutes=25))  # fmt: skip


def _fault(past: Past) -> None:
    """The worst incident: a critical one, of one station."""
    at = past.now - timedelta(minutes=40)
    past.run("UPDATE connector SET status = 'Faulted', error_code = 'GroundFailure',"
             " status_at = %s WHERE evse_key = %s", at, past.keys[WORST, 1])  # fmt: skip
    past.status(WORST, 1, at, "Faulted")
    for severity, station_id in (("critical", WORST), ("low", CALLER)):
        past.run("WITH i AS (INSERT INTO incident (kind, severity, site_id, opened_at)"
                 " SELECT 'faulted', %s, site_id, %s FROM station WHERE station_id = %s"
                 " RETURNING incident_id)"
                 " INSERT INTO alert (incident_id, kind, station_id, evse_id, raised_at)"
                 " SELECT incident_id, 'faulted', %s, 1, %s FROM i",
                 severity, at, station_id, station_id, at)  # fmt: skip
    _frame(past, WORST, at, "StatusNotification",
           '[2,"1","StatusNotification",{"connectorId":1,"status":"Faulted",'
           '"errorCode":"GroundFailure"}]')  # fmt: skip


def _frame(past: Past, station_id: str, at: datetime, action: str, frame: str) -> None:
    past.run("INSERT INTO message_log (station_id, received_at, direction, message_id, action,"
             " frame, answer) VALUES (%s, %s, 'in', '1', %s, %s, '[3,\"1\",{}]')",
             station_id, at, action, frame)  # fmt: skip


def _caller(past: Past) -> None:
    """A guest who paid by card, whose car charges and whose cable is stuck."""
    key, begun = past.keys[CALLER, 1], past.now - timedelta(minutes=25)
    past.run("UPDATE connector SET status = 'Occupied', charging_state = 'Charging',"
             " error_code = NULL WHERE evse_key = %s", key)  # fmt: skip
    past.run("INSERT INTO session (session_id, operator_id, site_id, station_id, evse_id, evse_key,"
             " connector_id, transaction_id, id_token, started_at, energy_wh, power_w)"
             " SELECT %s, 1, site_id, %s, 1, %s, 1, '4711', 'GUEST', %s, 9200, 41000"
             " FROM station WHERE station_id = %s",
             CALLERS_SESSION, CALLER, key, begun, CALLER)  # fmt: skip
    past.run("INSERT INTO payment (reference, channel, operator_id, evse_key, session_id, state,"
             " created_at, currency, hold, held, cost, card_brand, card_last4) VALUES ('8F3K-27',"
             " 'guest', 1, %s, %s, 'charging', %s, 'SEK', 30000, 30000, 4600, 'visa', '4242')",
             key, CALLERS_SESSION, begun)  # fmt: skip
