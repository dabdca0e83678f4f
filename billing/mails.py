"""Mails: rows that wait, and the sender that gets them to the mail server.

A row is claimed (SKIP LOCKED and a lease), written, handed over and marked. Any number of senders
may run. A crash between the server's yes and ours sends it once more, under the same Message-ID.
"""

import logging
import smtplib
import time
from datetime import datetime, timedelta
from email.utils import formatdate
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from billing import BillingError
from billing.letters import Mail, letter_of
from billing.smtp import MailServerError, Server, connected, message_of, server_of
from sql.database import Connection
from sql.queries import load_queries
from sql.settings import Settings

log = logging.getLogger("kilowatch.mails")
queries = load_queries("receipts")

PAUSES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))
HOURLY = timedelta(hours=1)
GIVE_UP = timedelta(days=1)
LEASE = timedelta(minutes=5)
PER_ROUND = 100
NO_SERVER = "not sent: KILOWATCH_SMTP_URL names no mail server"


class Due(NamedTuple):
    mail_id: int
    recipient: str
    kind: str
    language: str
    parameters: dict[str, Any]
    attempts: int
    created_at: datetime


def queue_mail(
    connection: Connection,
    recipient: str,
    kind: str,
    language: str,
    parameters: dict[str, Any],
    key: str | None,
) -> None:
    """A mail to be sent, once per key; kinds and their parameters are in `billing.letters`.

    Raises psycopg.errors.CheckViolation: `recipient` is no address.
    """
    queries.queue_mail(
        connection,
        recipient=recipient.strip(),
        kind=kind,
        language=language,
        parameters=Jsonb(parameters),
        key=key,
    )


def send_due(connection: Connection, settings: Settings, now: datetime) -> int:
    """Send what waits; how many the mail server has taken.

    Without a server the mails stay and say why. When it can't be reached, the round ends.
    """
    try:
        server = server_of(settings.smtp_url) if settings.smtp_url else None
    except MailServerError as error:
        queries.mails_wait(connection, at=now, reason=f"not sent: {error}")
        return 0
    if server is None:
        queries.mails_wait(connection, at=now, reason=NO_SERVER)
        return 0
    return _Round(connection, server, base_url(settings), now).run()


def base_url(settings: Settings) -> str:
    """Where drivers' pages are, without a slash at the end."""
    return (settings.public_url or f"http://{settings.web_host}:{settings.web_port}").rstrip("/")


class _Round:
    """One go at what is due, over one connection to the server."""

    def __init__(
        self, connection: Connection, server: Server, base_url: str, now: datetime
    ) -> None:
        self.connection, self.server, self.base_url = connection, server, base_url
        self._now, self._began = now, time.monotonic()

    def now(self) -> datetime:
        """The caller's clock, going on: a lease must not be dated from the round's start."""
        return self._now + timedelta(seconds=time.monotonic() - self._began)

    def run(self) -> int:
        due, sent, tried = self._claim(), 0, 0
        if due is None:
            return 0
        try:
            with connected(self.server) as link:
                while due is not None:
                    sent += self._send(link, due)
                    tried += 1
                    due = self._claim() if tried < PER_ROUND else None
        except OSError as error:
            self._unreachable(due, _told(error))
        return sent

    def _unreachable(self, due: Due | None, error: str) -> None:
        """The connection is gone: the mail on its way is tried again, the others wait a minute."""
        if due is not None:
            self._postpone(due, error)
        now = self.now()
        queries.mails_pause(self.connection, at=now, next_at=now + PAUSES[0], reason=error)

    def _claim(self) -> Due | None:
        at = self.now()
        row = queries.claim_mail(self.connection, at=at, until=at + LEASE)
        return None if row is None else Due(*row)

    def _send(self, link: smtplib.SMTP, due: Due) -> bool:
        """Raises OSError when the connection is gone; other failures are the mail's own."""
        try:
            message = self._message(due)
        except MailServerError as error:
            self._postpone(due, str(error))
            return False
        except (BillingError, ValueError) as error:
            self._fail(due, str(error))
            return False
        try:
            link.send_message(message)
        except smtplib.SMTPServerDisconnected:
            raise
        except (smtplib.SMTPException, UnicodeError) as error:
            self._postpone(due, _told(error))
            return False
        queries.mail_sent(self.connection, mail_id=due.mail_id, at=self.now())
        return True

    def _message(self, due: Due) -> Any:
        mail = Mail(*due[:5], base_url=self.base_url)
        letter = letter_of(self.connection, mail)
        sender = self.server.sender or letter.reply_to or ""
        if not sender:
            raise MailServerError(
                "no sender: name one in KILOWATCH_SMTP_URL (?from=) or for the operator"
            )
        domain = sender.rpartition("@")[2] or "kilowatch"
        stable = f"<mail-{due.mail_id}.{int(due.created_at.timestamp())}@{domain}>"
        message = message_of(letter, due.recipient, sender, stable)
        message["Date"] = formatdate(self.now().timestamp(), localtime=False)
        return message

    def _postpone(self, due: Due, error: str) -> None:
        """Again in 1, 5 and 30 minutes, then hourly; a day after it was asked for it is over."""
        now = self.now()
        if now - due.created_at >= GIVE_UP:
            self._fail(due, error)
            return
        pause = PAUSES[due.attempts - 1] if due.attempts <= len(PAUSES) else HOURLY
        queries.mail_waits(self.connection, mail_id=due.mail_id, next_at=now + pause, error=error)
        log.warning("mail %d waits: %s", due.mail_id, error)

    def _fail(self, due: Due, error: str) -> None:
        queries.mail_failed(self.connection, mail_id=due.mail_id, at=self.now(), error=error)
        log.error("mail %d is given up: %s", due.mail_id, error)


def _told(error: Exception) -> str:
    """What the server said, in one line."""
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        return " ".join(f"{error.smtp_code} {text}".split())[:300]
    return " ".join((str(error) or type(error).__name__).split())[:300]
