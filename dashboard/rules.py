"""Who is told of incidents and how: receivers, rules, thresholds, the messages that went out."""

import re
from dataclasses import dataclass
from datetime import time
from typing import Any

import psycopg
from flask_login import current_user
from psycopg.types.json import Jsonb

from dashboard.data import Row, deps
from dashboard.digits import whole
from dashboard.i18n import mark
from dashboard.incidents import NEWEST, SEVERITIES
from dashboard.incidents import queries as incidents
from sql.queries import load_queries

queries = load_queries("rules")

READING, ACTING = ("operator", "manager"), ("operator",)  # and admins
CHANNELS, LANGUAGES = ("email", "webhook"), ("sv", "en")
PAGE = 50
LEAST_SECRET = 16
WRONG = {
    "name": mark("Write a name."),
    "taken": mark("There is a receiver of that name already."),
    "address": mark("An e-mail address looks like ops@example.org, a webhook like https://..."),
    "secret": mark("A webhook needs a secret of 16 characters or more, which signs what is sent."),
    "quiet": mark("Quiet hours are two times such as 22:00 and 07:00, or none."),
    "receiver": mark("Choose who is told."),
    "delay": mark("A delay is a whole number of minutes, 0 to 1440."),
    "escalate": mark("To escalate, choose after how many minutes (1 to 1440) and to whom else."),
    "value": mark("That value is outside of what is allowed."),
    "gone": mark("It is not there any more."),
}


class WrongError(ValueError):
    """What was asked for makes no sense; `what` is a key of WRONG."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True)
class Setup:
    """All that the page of rules shows."""

    receivers: list[Row]
    rules: list[Row]
    thresholds: list[Row]
    deliveries: list[Row]


def read_setup(before_id: int = NEWEST) -> Setup:
    """Deliveries: one more than a page, where there are more."""
    with deps().connection() as connection:
        return Setup(
            queries.receivers(connection),
            queries.rules(connection),
            queries.thresholds(connection),
            queries.deliveries(connection, before_id=before_id, at_most=PAGE + 1),
        )


# -- receivers --------------------------------------------------------------------------------

MAIL, HOOK = re.compile(r"[^@\s]+@[^@\s]+"), re.compile(r"https?://[^\s/?#@]+([/?#]\S*)?")


def save_receiver(receiver_id: int | None, form: dict[str, str]) -> None:
    """Add one, or change what is known of it. Raises WrongError."""
    row = read_receiver(form)
    if row["channel"] == "webhook" and receiver_id is None and row["secret"] is None:
        raise WrongError("secret")
    try:
        if receiver_id is None:
            _done("add_receiver", f"receiver {row['name']}",
                  lambda c: queries.add_receiver(c, **row))  # fmt: skip
        else:
            _done("change_receiver", f"receiver {row['name']}",
                  lambda c: queries.change_receiver(c, receiver_id=receiver_id, **row))  # fmt: skip
    except psycopg.errors.UniqueViolation as error:
        raise WrongError("taken") from error
    except psycopg.errors.CheckViolation as error:
        # an e-mail receiver that becomes a webhook has no secret to keep
        raise WrongError("secret" if row["channel"] == "webhook" else "address") from error


def read_receiver(form: dict[str, str]) -> Row:
    """A receiver as a form has it. Raises WrongError."""
    name, address = form["name"].strip()[:100], form["address"].strip()
    channel = form["channel"] if form["channel"] in CHANNELS else "email"
    secret = form["secret"].strip() or None
    if not name:
        raise WrongError("name")
    fits, most = (MAIL, 254) if channel == "email" else (HOOK, 500)
    if not fits.fullmatch(address) or len(address) > most:
        raise WrongError("address")
    if channel == "webhook" and secret is not None and not LEAST_SECRET <= len(secret) <= 200:
        raise WrongError("secret")
    quiet_from, quiet_until = _quiet(form["quiet_from"], form["quiet_until"])
    return {
        "name": name, "channel": channel, "address": address,
        "secret": secret if channel == "webhook" else None,
        "language": form["language"] if form["language"] in LANGUAGES else "sv",
        "quiet_from": quiet_from, "quiet_until": quiet_until,
    }  # fmt: skip


def _quiet(begin: str, end: str) -> tuple[time | None, time | None]:
    edges = [_clock(text.strip()) for text in (begin, end)]
    if (edges[0] is None) != (edges[1] is None) or (edges[0] and edges[0] == edges[1]):
        raise WrongError("quiet")
    return edges[0], edges[1]


def _clock(text: str) -> time | None:
    if not text:
        return None
    try:
        return time.fromisoformat(text.zfill(5)).replace(tzinfo=None)
    except ValueError as error:
        raise WrongError("quiet") from error


def switch_receiver(receiver_id: int) -> bool:
    return _done("switch_receiver", f"receiver {receiver_id}",
                 lambda c: queries.switch_receiver(c, receiver_id=receiver_id))  # fmt: skip


def send_test(receiver_id: int) -> bool:
    """False: there is no such receiver, or a test is on its way already."""
    return _done("send_test", f"receiver {receiver_id}",
                 lambda c: queries.send_test(c, receiver_id=receiver_id))  # fmt: skip


def send_again(delivery_id: int) -> bool:
    """False: it was not given up."""
    return _done("send_again", f"delivery {delivery_id}",
                 lambda c: queries.send_again(c, delivery_id=delivery_id))  # fmt: skip


# -- rules ------------------------------------------------------------------------------------


def save_rule(rule_id: int | None, form: dict[str, str]) -> None:
    """Add a rule or change one. Raises WrongError."""
    row = read_rule(form)
    try:
        if rule_id is None:
            _done("add_rule", "alert rule", lambda c: queries.add_rule(c, **row), row)
        elif not _done("change_rule", f"alert rule {rule_id}",
                       lambda c: queries.change_rule(c, rule_id=rule_id, **row), row):  # fmt: skip
            raise WrongError("gone")
    except psycopg.errors.IntegrityError as error:
        raise WrongError("gone") from error


def read_rule(form: dict[str, str]) -> Row:
    """A rule as a form has it. Raises WrongError."""
    receiver_id, escalate_to = _number(form["receiver"]), _number(form["escalate_to"])
    delay, after = _number(form["delay"] or "0"), _number(form["escalate_after"])
    if receiver_id is None:
        raise WrongError("receiver")
    if delay is None or delay > 1440:
        raise WrongError("delay")
    is_half = (escalate_to is None) != (not form["escalate_after"].strip())
    if is_half or escalate_to == receiver_id or (escalate_to and not (after and after <= 1440)):
        raise WrongError("escalate")
    return {
        "kind": form["kind"][:40] or None,
        "severity": form["severity"] if form["severity"] in SEVERITIES else "low",
        "site_id": _number(form["site"]), "delay_seconds": delay * 60, "receiver_id": receiver_id,
        "escalate_after_seconds": after * 60 if escalate_to and after else None,
        "escalate_to": escalate_to,
    }  # fmt: skip


def _number(text: str) -> int | None:
    return whole(text.strip())


def switch_rule(rule_id: int) -> bool:
    return _done("switch_rule", f"alert rule {rule_id}",
                 lambda c: queries.switch_rule(c, rule_id=rule_id))  # fmt: skip


# -- thresholds -------------------------------------------------------------------------------


def set_threshold(kind: str, name: str, value: int | None) -> None:
    """Within what is allowed; None: the standard. Raises WrongError."""
    by = current_user.email
    done = _done("set_threshold", f"threshold {kind}.{name}",
                 lambda c: queries.set_threshold(c, kind=kind, name=name, value=value, by=by),
                 {"value": value})  # fmt: skip
    if not done:
        raise WrongError("value")


def _done(action: str, subject: str, deed: Any, detail: Row | None = None) -> bool:
    """A change and its line in the audit log, both or neither."""
    with deps().transaction() as connection:
        found = deed(connection)
        if found is not None:
            incidents.audit(connection, actor=current_user.email, action=action, subject=subject,
                            detail=Jsonb(detail or {}))  # fmt: skip
    return found is not None
