"""Implausible sessions for those who decide: what they read and say, and who they are."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.doubts import wh_of
from dashboard.i18n import in_language
from dashboard.pages.doubt_words import DECISIONS, NEEDED, SENTENCES, WITH_NUMBERS, sentence
from ingest.decisions import apply_decisions
from sql.database import Connection
from sql.doubts import REASONS
from sql.quarantine import judge
from tests.doubted import add_doubted, add_session
from tests.finance_rows import CAROL, add_carol
from tests.staff import signed_in, staff_app
from tests.test_dashboard_finance import shown
from tests.web import ALICE, add_evse, add_site, add_user

MARY = "mary@example.org"
PATTERN = '"doubt-decide"'


@pytest.fixture
def app(database: str, connection: Connection) -> Iterator[Flask]:
    add_carol(connection)
    add_user(connection, ALICE, "operator")
    add_user(connection, MARY, "manager")
    with staff_app(database) as app:
        yield app


@pytest.fixture
def carol(app: Flask) -> FlaskClient:
    return signed_in(app, CAROL)


@pytest.fixture
def evse_key(connection: Connection) -> int:
    site = add_site(connection, "Malmö Hyllie")
    return add_evse(connection, site, "MHY-05", "K7-4M2Q", power_w=22_000)


@pytest.fixture
def odd(connection: Connection, evse_key: int) -> int:
    """A guest's session of 14.03 kWh whose meter jumped; its number."""
    return add_doubted(connection, evse_key)


def decide(
    client: FlaskClient, session: int, decision: str, energy: str | None = None,
    reason: str | None = "the display showed it", newest: int = 0,
) -> Any:  # fmt: skip
    """Press a button of a session's form; Dash's answer."""
    pressed = {"type": "doubt-decide", "session": session, "newest": newest, "decision": decision}
    fields = [{"type": f"doubt-{name}", "session": session} for name in ("energy", "reason")]
    known = client.get("/app/_dash-dependencies").json
    found = next(d for d in known if "doubt-decide" in json.dumps(d["inputs"]))
    outputs = [dict(zip(("id", "property"), part.rsplit(".", 1), strict=True))
               for part in re.split(r"\.\.\.", found["output"].strip("."))]  # fmt: skip
    body = {
        "output": found["output"], "outputs": outputs,
        "inputs": [[{"id": pressed, "property": "n_clicks", "value": 1}]],
        "state": [[{"id": fields[0], "property": "value", "value": energy}],
                  [{"id": fields[1], "property": "value", "value": reason}],
                  [{"id": fields[1], "property": "id", "value": fields[1]}]],
        "changedPropIds": [json.dumps(pressed, sort_keys=True, separators=(",", ":"))
                           + ".n_clicks"],
    }  # fmt: skip
    return client.post("/app/_dash-update-component", json=body)


def decisions(connection: Connection) -> list[Any]:
    return connection.execute(
        "SELECT session_id, decision, energy_wh, reason, decided_by FROM session_decision"
        " ORDER BY decision_id"
    ).fetchall()


# -- what is shown ------------------------------------------------------------------------------


def test_the_queue_says_why_with_evidence_and_where_to_look(carol: FlaskClient, odd: int) -> None:
    text = shown(carol, "/app/review")
    for words in ("The meter jumped from 48,215.560 kWh", "to 482,177.300 kWh",
                  "the evse delivers 22 kW at most", "The meter went backwards: from 482,177.300",
                  "14.030 kWh", "8F3K-27W, Held, finished", "/app/station/MHY-05#log",
                  "+433,961.740 kWh", "an impossibly high meter reading", "SEK 70.01",
                  "Accept as measured", "1 open item"):  # fmt: skip
        assert words in text, words
    assert carol.get("/app/review/count").text == "1"


def test_a_session_without_a_payment_is_listed_too(
    carol: FlaskClient, connection: Connection, evse_key: int
) -> None:
    session = add_session(connection, evse_key, energy_wh=912_000)
    judge(connection, [session], datetime.now(UTC))
    text = shown(carol, "/app/review")
    assert "is more than any vehicle takes in" in text
    assert '"none"' in text


def test_a_manager_reads_and_has_no_form(app: Flask, odd: int) -> None:
    text = shown(signed_in(app, MARY), "/app/review")
    assert "The meter jumped" in text
    assert PATTERN not in text


def test_an_unknown_session_is_said_to_be_none(carol: FlaskClient) -> None:
    assert "There is no session 77" in shown(carol, "/app/review", "?session=77")
    assert "Nothing waits" in shown(carol, "/app/review", "?session=x7")


# -- deciding -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decision", "energy", "expected"),
    [("accept", "", None), ("void", "9.5", 0), ("correct", "9,5", 9_500),
     ("correct", " 9.500 kWh", 9_500), ("correct", "0", 0)],
)  # fmt: skip
def test_a_decision_is_a_row_with_who_and_why(
    carol: FlaskClient, connection: Connection, odd: int, decision: str, energy: str,
    expected: int | None,
) -> None:  # fmt: skip
    assert decide(carol, odd, decision, energy).status_code == 200
    row = (odd, decision, expected, "the display showed it", CAROL)
    assert decisions(connection) == [row]
    assert carol.get("/app/review/count").text == ""
    (subject,) = connection.execute(
        "SELECT subject FROM audit_log WHERE action = 'decide_session'"
    ).fetchone() or ("",)
    assert subject == f"session {odd}"
    apply_decisions(connection)
    pages = (("/app/review", "?show=decided"), ("/app/review", f"?session={odd}"),
             ("/app/ledger", "?payment=8F3K-27W"))  # fmt: skip
    for path, search in pages:
        text = shown(carol, path, search)
        assert CAROL in text
        assert "the display showed it" in text


@pytest.mark.parametrize(
    ("energy", "words"),
    [("-1", "less than nothing"), ("lots", "must be written in kWh"), ("", "must be written"),
     (None, "must be written"), ("9.0001", "must be written"), ("NaN", "must be written"),
     ("1e999999", "must be written"), ("19.481", "At most 19.480"), ("99999999", "At most")],
)  # fmt: skip
def test_an_energy_that_can_t_be_is_refused_with_what_was_expected(
    carol: FlaskClient, connection: Connection, odd: int, energy: str | None, words: str
) -> None:
    answer = decide(carol, odd, "correct", energy)
    text = json.dumps(answer.json, ensure_ascii=False).replace("\u202f", "").replace("\xa0", " ")
    assert words in text
    assert decisions(connection) == []


def test_a_decision_needs_a_reason(carol: FlaskClient, connection: Connection, odd: int) -> None:
    for reason in (None, "", "  a  "):
        assert "Write why" in decide(carol, odd, "void", reason=reason).text
    assert "not there any more" in decide(carol, 999, "void").text
    assert "not there any more" in decide(carol, odd, "forget").text
    assert decisions(connection) == []


def test_a_form_that_is_sent_twice_decides_once(
    carol: FlaskClient, connection: Connection, odd: int
) -> None:
    decide(carol, odd, "void")
    assert "somebody was quicker" in decide(carol, odd, "void").text
    assert "somebody was quicker" in decide(carol, odd, "accept").text
    assert len(decisions(connection)) == 1
    (newest,) = connection.execute("SELECT decision_id FROM session_decision").fetchone() or (0,)
    decide(carol, odd, "accept", newest=newest, reason="the car says so, too")
    assert [row[1] for row in decisions(connection)] == ["void", "accept"]


@pytest.mark.parametrize("who", [ALICE, MARY])
def test_nobody_else_decides(app: Flask, connection: Connection, odd: int, who: str) -> None:
    assert decide(signed_in(app, who), odd, "void").status_code == 403
    assert decisions(connection) == []


def test_what_is_typed_as_kwh() -> None:
    assert wh_of("31,42") == 31_420
    assert wh_of("1\u202f031.420 kWh") == 1_031_420
    assert [wh_of(text) for text in ("", "x", "1.2345", "Infinity", "1e30", "--1")] == [None] * 6


# -- words --------------------------------------------------------------------------------------


def test_every_doubt_has_a_sentence_with_and_without_its_numbers() -> None:
    assert set(SENTENCES) == set(REASONS)
    assert set(WITH_NUMBERS) == set(NEEDED) <= set(REASONS)
    assert set(DECISIONS) == {"accept", "correct", "void"}
    detail = {"before_wh": 1, "after_wh": 2, "before_at": "2026-06-01T10:00:00+00:00",
              "after_at": "2026-06-01T10:00:00+00:00", "at": "2026-06-01T10:00:00+00:00",
              "energy_wh": 1, "most_wh": 1, "power_wh": 1, "limit_w": None, "seconds": 60,
              "session_id": 7}  # fmt: skip
    for language in ("sv", "en"):
        with in_language(language):
            for reason in REASONS:
                for given in ({}, detail):
                    words = sentence({"reason": reason, "detail": given})
                    assert words.endswith(".")
                    assert "{" not in words
            assert sentence({"reason": "brand_new", "detail": None}) == "brand new"
