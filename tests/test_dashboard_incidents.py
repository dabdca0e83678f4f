"""Incidents as staff handle them: pages for each role, what may be done by whom, what is kept."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sql.database import Connection
from tests.staff import page as raw_page
from tests.staff import signed_in, staff_app
from tests.test_dashboard_pages import callback
from tests.web import add_evse, add_site, add_user

MARKUP = "<img src=x onerror=alert(1)>"
BOB, MALIN, FRIDA, ADA = (f"{name}@example.org" for name in ("bob", "malin", "frida", "ada"))
PAGES = ("/app/incidents", "/app/incident/1", "/app/wall", "/app/handover", "/app/rollout",
         "/app/maintenance")  # fmt: skip


@pytest.fixture
def app(database: str, connection: Connection) -> Iterator[Flask]:
    add_user(connection)
    with staff_app(database) as app:
        yield app


@pytest.fixture
def alice(app: Flask) -> FlaskClient:
    return signed_in(app)


@pytest.fixture
def incident(connection: Connection) -> int:
    """A fault at one of two evses of a site, raised an hour ago."""
    site_id = add_site(connection, "Ödeshög E4", "Ödeshög", (58.2, 14.6))
    add_evse(connection, site_id, "ODH-01", "K7-0001", status="Faulted")
    add_evse(connection, site_id, "ODH-02", "K7-0002")
    row = connection.execute(
        "WITH i AS (INSERT INTO incident (kind, severity, site_id, opened_at, grouped_by)"
        " VALUES ('faulted', 'high', %s, now() - interval '1 hour', 'station')"
        " RETURNING incident_id), a AS (INSERT INTO alert (incident_id, kind, station_id, evse_id,"
        " raised_at, detail) SELECT incident_id, 'faulted', 'ODH-01', 1, now() - interval '1 hour',"
        ' \'{"error_code": "GroundFailure"}\' FROM i) SELECT incident_id FROM i',
        [site_id],
    ).fetchone()
    assert row
    return int(row[0])


def page(client: FlaskClient, path: str, search: str = "") -> str:
    """What is drawn, with its characters as people read them."""
    return json.dumps(json.loads(raw_page(client, path, search)), ensure_ascii=False)


def another(app: Flask, connection: Connection, email: str, role: str) -> FlaskClient:
    add_user(connection, email, role)
    connection.execute(
        "UPDATE app_user SET name = initcap(split_part(email, '@', 1)) WHERE email = %s", [email]
    )
    return signed_in(app, email)


def rows(connection: Connection, query: str, *values: Any) -> list[Any]:
    return connection.execute(query.encode(), values).fetchall()


def audited(connection: Connection) -> list[Any]:
    return rows(connection, "SELECT actor, action, subject FROM audit_log"
                " WHERE action <> 'login' ORDER BY audit_id")  # fmt: skip


# -- forms, as the pages send them --------------------------------------------------------------


def deed(client: FlaskClient, incident_id: Any, what: str) -> Any:
    return callback(client, "incident-notice.children",
                    [("incident-deed", "data", [incident_id, what, 1])], [])  # fmt: skip


def assign(client: FlaskClient, incident_id: Any, owner: str, note: str = "") -> Any:
    return callback(
        client, "incident-act-notice.children",
        [("assign-send", "n_clicks", 1), ("assign-note", "n_submit", None)],
        [("assign-owner", "value", owner), ("assign-note", "value", note),
         ("incident-view", "data", {"incident": incident_id})],
    )  # fmt: skip


def write(client: FlaskClient, incident_id: Any, text: str) -> Any:
    return callback(client, "incident-act-notice.children", [("note-send", "n_clicks", 1)],
                    [("note-text", "value", text),
                     ("incident-view", "data", {"incident": incident_id})])  # fmt: skip


def false_alarm(client: FlaskClient, incident_id: Any, reason: str) -> Any:
    return callback(client, "incident-act-notice.children", [("false-send", "n_clicks", 1)],
                    [("false-reason", "value", reason),
                     ("incident-view", "data", {"incident": incident_id})])  # fmt: skip


def plan(client: FlaskClient, what: str, from_: str, until: str, note: str = "new cables") -> Any:
    return callback(
        client, "plan-notice.children", [("plan-send", "n_clicks", 1)],
        [("plan-what", "value", what), ("plan-from", "value", from_),
         ("plan-until", "value", until), ("plan-note", "value", note),
         ("plan-site", "data", None)],
    )  # fmt: skip


def hand_over(client: FlaskClient, text: str) -> Any:
    return callback(client, "handover-notice.children", [("handover-send", "n_clicks", 1)],
                    [("handover-text", "value", text)])  # fmt: skip


RECEIVER = {"name": "On call", "channel": "email", "address": "ops@example.org", "secret": "",
            "language": "sv", "quiet_from": "22:00", "quiet_until": "07:00"}  # fmt: skip
RULE = {"kind": "", "severity": "high", "site": "", "delay": "5", "receiver": "1",
        "escalate_after": "", "escalate_to": ""}  # fmt: skip


def save(client: FlaskClient, kind: str, form: dict[str, str], number: int | None = None) -> Any:
    state: list[Any] = [(f"{kind}-number", "data", number)]
    state += [(f"{kind}-{name}", "value", value) for name, value in form.items()]
    return callback(client, f"{kind}-form-notice.children", [(f"{kind}-save", "n_clicks", 1)],
                    state)  # fmt: skip


def press(client: FlaskClient, kind: str, number: int) -> Any:
    """One of the buttons of a list; their callback hears all of that kind."""
    pattern = json.dumps({"id": ["ALL"], "type": kind}, separators=(",", ":"))
    known = client.get("/app/_dash-dependencies").json
    found = next(d for d in known if d["inputs"][0]["id"] == pattern)
    own = {"id": number, "type": kind}
    name = json.dumps(own, separators=(",", ":"), sort_keys=True)
    body = {
        "output": found["output"],
        "outputs": dict(zip(("id", "property"), found["output"].rsplit(".", 1), strict=True)),
        "inputs": [[{"id": own, "property": "n_clicks", "value": 1}]],
        "state": [],
        "changedPropIds": [f"{name}.n_clicks"],
    }
    return client.post("/app/_dash-update-component", json=body)


# -- pages --------------------------------------------------------------------------------------


def test_every_role_may_look_and_only_some_may_look_at_rules(
    app: Flask, connection: Connection, incident: int
) -> None:
    for email, role in ((BOB, "operator"), (MALIN, "manager"), (FRIDA, "finance"), (ADA, "admin")):
        client = another(app, connection, email, role)
        for path in PAGES:
            text = page(client, path.replace("/1", f"/{incident}"))
            assert "You may not open this page" not in text, (role, path)
            assert "Something went wrong" not in text
        rules = page(client, "/app/incidents/rules")
        assert ("You may not open this page" in rules) == (role == "finance")
        assert ("Add a rule" in rules) == (role in ("operator", "admin"))
        one = page(client, f"/app/incident/{incident}")
        assert ("false-send" in one) == (role in ("operator", "admin"))
        assert ("plan-send" in one) == (role != "finance")


def test_an_empty_database_gives_calm_pages(alice: FlaskClient) -> None:
    assert "No past incident fits" in page(alice, "/app/incidents", "?state=past")
    assert "There is no incident 1" in page(alice, "/app/incident/1")
    handover = page(alice, "/app/handover")
    assert "No open incidents" in handover
    assert "Nothing was resolved yet" in handover
    assert "Every station has been in contact" in page(alice, "/app/rollout")
    assert "No maintenance is planned" in page(alice, "/app/maintenance")
    rules = page(alice, "/app/incidents/rules")
    assert "No rules yet" in rules
    assert "No messages yet" in rules


@pytest.mark.parametrize("number", ["0", "999", "x", "-1", "9" * 30, "1%27", "%D9%A3"])
def test_an_unknown_incident_is_named_as_such(alice: FlaskClient, number: str) -> None:
    assert "There is no incident" in page(alice, f"/app/incident/{number}")


@pytest.mark.parametrize(
    "search",
    ["?state=past&before=x&site=-1&severity=x&kind=%00&owner=%27&q=%25",
     "?state=past&site=99999999999",
     "?before=99999999999999999999999", "?state=past&q=" + "a" * 500, "?state=odd&site=1%201"],
)  # fmt: skip
def test_odd_filters_break_nothing(alice: FlaskClient, incident: int, search: str) -> None:
    assert "Incidents" in page(alice, "/app/incidents", search)


def test_one_incident_tells_what_why_next_and_shows_the_evidence(
    alice: FlaskClient, connection: Connection, incident: int
) -> None:
    connection.execute(
        "INSERT INTO message_log (station_id, received_at, direction, message_id, action, frame)"
        " VALUES ('ODH-01', now() - interval '1 hour', 'in', '1', 'StatusNotification',"
        ' \'[2,"1","StatusNotification",{"connectorId":1,"status":"Faulted",'
        '"errorCode":"GroundFailure"}]\')'
    )
    connection.execute(
        "INSERT INTO status_history (evse_key, station_id, evse_id, connector_id, status,"
        " status_at, received_at, error_code) SELECT evse_key, 'ODH-01', 1, 1, 'Faulted',"
        " now() - interval '1 hour', now(), 'GroundFailure' FROM evse WHERE station_id = 'ODH-01'"
    )
    text = page(alice, f"/app/incident/{incident}")
    assert "ODH-01 reports a fault since" in text
    assert "Restart the station, then watch for a real session" in text
    assert "/app/station/ODH-01" in text
    assert "ground failure" in text
    assert '[2,\\"1\\"' in text or "StatusNotification" in text


def test_a_dark_site_shows_all_its_stations(
    alice: FlaskClient, connection: Connection, incident: int
) -> None:
    connection.execute("UPDATE incident SET kind = 'site_dark', severity = 'critical'")
    connection.execute("UPDATE station SET is_online = false")
    text = page(alice, f"/app/incident/{incident}")
    assert "all 2 evses lost contact" in text
    assert "ODH-02" in text


def test_markup_in_notes_names_and_causes_stays_text(
    app: Flask, alice: FlaskClient, connection: Connection, incident: int
) -> None:
    connection.execute("UPDATE site SET name = %s", [MARKUP])
    connection.execute("UPDATE incident SET cause = %s, kind = 'odd'", [MARKUP])
    assert write(alice, incident, MARKUP).status_code == 200
    for path in (f"/app/incident/{incident}", "/app/handover"):
        text = page(alice, path)
        assert MARKUP in text
        assert "dangerously_allow_html" not in text


def test_past_incidents_are_filtered_and_paged(
    alice: FlaskClient, connection: Connection, incident: int
) -> None:
    connection.execute(
        "INSERT INTO incident (kind, severity, site_id, opened_at, resolved_at, resolution, owner)"
        " SELECT CASE n % 2 WHEN 0 THEN 'offline' ELSE 'derated' END, 'low', site_id,"
        " now() - n * interval '1 day', now() - n * interval '1 day' + interval '1 hour', 'over',"
        " CASE WHEN n <= 3 THEN 'Alice' END FROM generate_series(1, 60) n, site"
    )
    connection.execute(
        "INSERT INTO alert (incident_id, kind, station_id, raised_at, resolved_at)"
        " SELECT incident_id, kind, 'ODH-0' || 1 + incident_id % 2, opened_at, resolved_at"
        " FROM incident WHERE resolved_at IS NOT NULL"
    )

    def links(search: str) -> int:
        return page(alice, "/app/incidents", search).count('"/app/incident/')

    assert links("?state=past") == 50
    assert "Earlier incidents" in page(alice, "/app/incidents", "?state=past")
    last = rows(connection, "SELECT incident_id FROM incident ORDER BY 1 DESC OFFSET 49 LIMIT 1")
    assert links(f"?state=past&before={last[0][0]}") == 10
    assert links("?state=past&owner=Alice") == 3
    assert links("?state=past&owner=-") == 50
    assert links("?state=past&kind=offline") == 30
    assert links("?state=past&severity=critical") == 0
    assert links("?state=past&q=odh-01") == 30
    assert links("?state=past&q=%25") == 0  # what people type is no pattern
    assert links("?state=past&site=424242") == 0


# -- what people do -----------------------------------------------------------------------------


def test_an_incident_is_given_to_a_person_with_a_note(
    app: Flask, alice: FlaskClient, connection: Connection, incident: int
) -> None:
    another(app, connection, BOB, "operator")
    assert "Bob has it now." in assign(alice, incident, "Bob", "the key is in the box").text
    assert rows(connection, "SELECT owner FROM incident") == [("Bob",)]
    assert rows(connection, "SELECT author, text FROM incident_note") == [
        ("Alice", "the key is in the box")
    ]
    assert audited(connection) == [("alice@example.org", "assign_incident", f"incident {incident}")]
    text = page(alice, f"/app/incident/{incident}")
    assert "Given to Bob" in text
    assert "the key is in the box" in text
    # nobody of that name, nobody at all, an incident that is not there
    assert "Nothing was changed" in assign(alice, incident, "Mallory").text
    assert "Choose a person" in assign(alice, incident, "").text
    assert "Nothing was changed" in assign(alice, 4711, "Bob").text
    for odd in (None, "1", -1, 2**70, 0):
        assert "Nothing was changed" in assign(alice, odd, "Bob").text
    assert rows(connection, "SELECT count(*) FROM incident_note") == [(1,)]


def test_the_first_to_acknowledge_counts(
    app: Flask, alice: FlaskClient, connection: Connection, incident: int
) -> None:
    bob = another(app, connection, BOB, "operator")
    assert deed(alice, incident, "acknowledge").json["response"]["incident-notice"] == {
        "children": ""
    }
    assert "somebody was quicker" in deed(bob, incident, "acknowledge").text
    assert rows(connection, "SELECT acknowledged_by FROM incident") == [("Alice",)]
    assert "somebody was quicker" in deed(bob, incident, "explode").text
    assert "somebody was quicker" in deed(bob, "x", "assign").text


def test_a_false_alarm_ends_the_incident_and_quiets_its_alerts(
    alice: FlaskClient, connection: Connection, incident: int
) -> None:
    assert "Write how you know it." in false_alarm(alice, incident, "  ").text
    assert "It is closed." in false_alarm(alice, incident, "tested on site").text
    [(resolution, by, is_over)] = rows(
        connection, "SELECT resolution, resolved_by, resolved_at IS NOT NULL FROM incident"
    )
    assert (resolution, by, is_over) == ("false_alarm", "Alice", True)
    [(dismissed, is_open)] = rows(connection, "SELECT dismissed_by, resolved_at IS NULL FROM alert")
    assert (dismissed, is_open) == ("Alice", True)
    assert "Nothing was changed" in false_alarm(alice, incident, "again").text
    text = page(alice, "/app/incidents", "?state=past")
    assert "False alarm, closed" in text
    # a note to what is over
    assert "Written." in write(alice, incident, "the cable was wet").text


@pytest.mark.parametrize("role", ["manager", "finance"])
def test_who_may_only_look_changes_nothing(
    app: Flask, connection: Connection, incident: int, role: str
) -> None:
    client = another(app, connection, BOB, role)
    answers = [
        deed(client, incident, "assign"), assign(client, incident, "Bob"),
        write(client, incident, "x"), false_alarm(client, incident, "x"), hand_over(client, "x"),
        save(client, "receiver", RECEIVER), save(client, "rule", RULE),
        press(client, "receiver-test", 1), press(client, "rule-switch", 1),
        press(client, "delivery-again", 1),
    ]  # fmt: skip
    assert {answer.status_code for answer in answers} == {403}
    planned = plan(client, "station:ODH-01", "2030-01-07T08:00", "2030-01-07T12:00")
    assert planned.status_code == (200 if role == "manager" else 403)
    assert audited(connection) == ([(BOB, "exclude_time", "station ODH-01")]
                                   if role == "manager" else [])  # fmt: skip
    assert rows(connection, "SELECT owner FROM incident") == [(None,)]


def test_strangers_get_401(app: Flask, incident: int) -> None:
    stranger = app.test_client()
    known = signed_in(app).get("/app/_dash-dependencies")
    assert known.status_code == 200
    answer = stranger.post("/app/_dash-update-component", json={})
    assert answer.status_code == 401


def test_maintenance_is_planned_for_a_site_and_listed(
    alice: FlaskClient, connection: Connection, incident: int
) -> None:
    [(site_id,)] = rows(connection, "SELECT site_id FROM site")
    soon = datetime.now(UTC) + timedelta(hours=3)
    begin, end = f"{soon:%Y-%m-%dT%H:00}", f"{soon + timedelta(hours=2):%Y-%m-%dT%H:00}"
    answer = plan(alice, f"site:{site_id}", begin, end, "new cables <b>")
    assert "It is planned" in answer.text
    [(reason, note)] = rows(connection, "SELECT reason, note FROM outage_exclusion")
    assert (reason, note) == ("scheduled_maintenance", "new cables <b>")
    connection.execute("UPDATE alert SET planned_until = now() + interval '1 hour'")
    assert "Quiet under maintenance now" in page(alice, "/app/maintenance")
    for path in ("/app/maintenance", "/app/handover", f"/app/incident/{incident}"):
        assert "new cables" in page(alice, path)
    assert "Until must be after from" in plan(alice, f"site:{site_id}", end, begin).text
    assert "From must be a date" in plan(alice, f"site:{site_id}", "", end).text
    assert "Choose what it is about" in plan(alice, "site:4711", begin, end).text
    assert "Choose what it is about" in plan(alice, "", begin, end).text
    assert "what proves it" in plan(alice, f"site:{site_id}", begin, end, "").text


def test_a_shift_is_handed_over_and_the_list_kept_as_it_was(
    app: Flask, alice: FlaskClient, connection: Connection, incident: int
) -> None:
    assign(alice, incident, "Alice", "technician comes at 14")
    assert "Handed over" in hand_over(alice, "Watch Ödeshög.\n" + MARKUP).text
    [(number, author, listed)] = rows(
        connection, "SELECT handover_id, author, incidents FROM handover"
    )
    assert (author, [one["incident_id"] for one in listed]) == ("Alice", [incident])
    false_alarm(alice, incident, "was nothing")
    given = page(alice, "/app/handover", f"?id={number}")
    assert "technician comes at 14" in given
    assert "Watch Ödeshög." in given
    assert "reports a fault" in given
    now = page(alice, "/app/handover")
    assert "No open incidents" in now
    assert "From the shift before" in now
    assert "Resolved this shift" in now
    for odd in ("999", "x", "-1", "9" * 40):
        assert "There is no such handover" in page(alice, "/app/handover", f"?id={odd}")


# -- roll-out -----------------------------------------------------------------------------------


def test_stations_are_expected_connected_and_proven(
    app: Flask, alice: FlaskClient, connection: Connection
) -> None:
    site_id = add_site(connection, "Mora")
    add_evse(connection, site_id, "NEW-01", "K7-0001", online=False)
    connection.execute("UPDATE station SET contact_changed_at = NULL, last_seen_at = NULL")
    add_evse(connection, site_id, "CON-01", "K7-0002")
    key = add_evse(connection, None, "PRO-01", "K7-0003")
    connection.execute(
        "INSERT INTO session (session_id, station_id, evse_id, evse_key, transaction_id,"
        " started_at, ended_at, energy_wh) VALUES (1, 'PRO-01', 1, %s, '1', now() - interval"
        " '1 day', now(), 100)", [key],
    )  # fmt: skip
    connection.execute(
        "INSERT INTO connection_attempt (station_id, remote, reason) VALUES"
        " ('NEW-01', '203.0.113.7', 'wrong password'), ('<b>X</b>', '203.0.113.8',"
        " 'unknown station'), ('<b>X</b>', '203.0.113.9', 'unknown station')"
    )

    def table(search: str, client: FlaskClient = alice) -> str:
        text = page(client, "/app/rollout", search)
        return text[: text.index('"children": "Refused connections"')]

    assert "NEW-01" in table("")
    assert "refused" in table("")
    assert "CON-01" in table("?step=connected")
    assert "CON-01" not in table("?step=proven")
    assert "PRO-01" in table("?step=proven")
    assert "PRO-01" not in table(f"?step=proven&site={site_id}")
    assert "PRO-01" not in table("?step=proven&after=PRO-01")
    text = page(alice, "/app/rollout", "?step=odd&site=x&after=%00")
    assert "No station has this name" in text
    assert " and 1 more" in text
    assert "/app/admin/stations?new=" not in text
    ada = another(app, connection, ADA, "admin")
    assert "/app/admin/stations?new=%3Cb%3EX%3C%2Fb%3E" in page(ada, "/app/rollout")
    assert '"value": "NEW-77"' in page(ada, "/app/admin/stations", "?new=NEW-77")


# -- rules --------------------------------------------------------------------------------------


def test_receivers_and_rules_are_kept_and_changed(
    alice: FlaskClient, connection: Connection, incident: int
) -> None:
    assert "Saved." in save(alice, "receiver", RECEIVER).text
    hook = RECEIVER | {"name": "Pager", "channel": "webhook", "address": "https://pager.example/x",
                       "secret": "s" * 16, "quiet_from": "", "quiet_until": ""}  # fmt: skip
    assert "Saved." in save(alice, "receiver", hook).text
    [mail, pager] = rows(connection, "SELECT receiver_id, quiet_from::text, secret FROM receiver"
                         " ORDER BY receiver_id")  # fmt: skip
    assert (mail[1], mail[2], pager[2]) == ("22:00:00", None, "s" * 16)
    # without a new secret the old one stays, and it is never shown
    assert (
        "Saved." in save(alice, "receiver", hook | {"secret": "", "language": "en"}, pager[0]).text
    )
    assert rows(connection, "SELECT secret, language FROM receiver WHERE channel = 'webhook'") == [
        ("s" * 16, "en")
    ]
    assert "s" * 16 not in page(alice, "/app/incidents/rules", f"?receiver={pager[0]}")

    form = RULE | {"receiver": str(mail[0]), "escalate_after": "15", "escalate_to": str(pager[0])}
    assert "Saved." in save(alice, "rule", form).text
    [(rule_id, delay, after)] = rows(
        connection, "SELECT rule_id, delay_seconds, escalate_after_seconds FROM alert_rule"
    )
    assert (delay, after) == (300, 900)
    assert "Saved." in save(alice, "rule", form | {"kind": "offline", "delay": ""}, rule_id).text
    assert rows(connection, "SELECT kind, delay_seconds FROM alert_rule") == [("offline", 0)]
    assert "Changed." in press(alice, "rule-switch", rule_id).text
    assert rows(connection, "SELECT is_active FROM alert_rule") == [(False,)]
    text = page(alice, "/app/incidents/rules", f"?rule={rule_id}")
    assert "Change rule" in text
    assert "Pager after 15" in text

    assert "The test is on its way" in press(alice, "receiver-test", mail[0]).text
    assert "Nothing was changed" in press(alice, "receiver-test", mail[0]).text
    assert "Nothing was changed" in press(alice, "receiver-test", 4711).text
    connection.execute("UPDATE delivery SET state = 'failed', error = %s", [MARKUP])
    [(delivery_id,)] = rows(connection, "SELECT delivery_id FROM delivery")
    assert "delivery-again" in page(alice, "/app/incidents/rules")
    assert "It is sent once more." in press(alice, "delivery-again", delivery_id).text
    assert rows(connection, "SELECT state FROM delivery") == [("waiting",)]
    assert {row[1] for row in audited(connection)} == {
        "add_receiver", "change_receiver", "add_rule", "change_rule", "switch_rule", "send_test",
        "send_again",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": " "}, "Write a name"),
        ({"address": "nobody"}, "An e-mail address looks like"),
        ({"address": "a b@example.org"}, "An e-mail address looks like"),
        ({"channel": "webhook", "address": "javascript:alert(1)"}, "An e-mail address looks like"),
        ({"channel": "webhook", "address": "https://x.example"}, "needs a secret"),
        (
            {"channel": "webhook", "address": "https://x.example", "secret": "short"},
            "needs a secret",
        ),
        ({"quiet_from": ""}, "Quiet hours are two times"),
        ({"quiet_from": "25:00"}, "Quiet hours are two times"),
        ({"quiet_until": "22:00"}, "Quiet hours are two times"),
    ],
)
def test_a_receiver_that_makes_no_sense_is_refused_in_words(
    alice: FlaskClient, connection: Connection, changes: dict[str, str], words: str
) -> None:
    assert words in save(alice, "receiver", RECEIVER | changes).text
    assert rows(connection, "SELECT count(*) FROM receiver") == [(0,)]


def test_rules_that_make_no_sense_are_refused_in_words(
    alice: FlaskClient, connection: Connection
) -> None:
    save(alice, "receiver", RECEIVER)
    assert "of that name already" in save(alice, "receiver", RECEIVER).text
    [(number,)] = rows(connection, "SELECT receiver_id FROM receiver")
    good = RULE | {"receiver": str(number)}
    for changes, words in (
        ({"receiver": ""}, "Choose who is told"),
        ({"receiver": "4711"}, "not there any more"),
        ({"site": "4711"}, "not there any more"),
        ({"delay": "-1"}, "whole number of minutes"),
        ({"delay": "5000"}, "whole number of minutes"),
        ({"escalate_after": "5"}, "To escalate"),
        ({"escalate_to": str(number), "escalate_after": "5"}, "To escalate"),
        ({"escalate_to": "7", "escalate_after": "0"}, "To escalate"),
    ):
        assert words in save(alice, "rule", good | changes).text, changes
    assert "not there any more" in save(alice, "rule", good, 4711).text
    assert rows(connection, "SELECT count(*) FROM alert_rule") == [(0,)]


def test_a_threshold_is_set_within_its_bounds_and_back_to_the_standard(
    alice: FlaskClient, connection: Connection
) -> None:
    connection.execute(
        "INSERT INTO watch_threshold (kind, name, unit, standard, least, most)"
        " VALUES ('offline', 'grace', 'seconds', 20, 5, 3600)"
    )

    def set_to(value: str) -> str:
        about = {"kind": "offline", "name": "grace"}
        own = {part: about | {"type": f"threshold-{part}"} for part in ("set", "value", "told")}
        key = json.dumps(own["set"], separators=(",", ":"), sort_keys=True)
        body = {
            "output": json.dumps(
                own["told"] | {"kind": ["MATCH"], "name": ["MATCH"]},
                separators=(",", ":"), sort_keys=True) + ".children",
            "outputs": {"id": own["told"], "property": "children"},
            "inputs": [{"id": own["set"], "property": "n_clicks", "value": 1}],
            "state": [{"id": own["value"], "property": "value", "value": value}],
            "changedPropIds": [f"{key}.n_clicks"],
        }  # fmt: skip
        return str(alice.post("/app/_dash-update-component", json=body).text)

    assert "Set." in set_to("60")
    assert rows(connection, "SELECT value, changed_by FROM watch_threshold") == [
        (60, "alice@example.org")
    ]
    assert "1" in page(alice, "/app/incidents/rules")
    for wrong in ("4", "3601", "x", "-5", "1e3", "9" * 12):
        assert "outside of what is allowed" in set_to(wrong)
    assert "Set." in set_to("")
    assert rows(connection, "SELECT value FROM watch_threshold") == [(None,)]
