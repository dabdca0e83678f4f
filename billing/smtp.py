"""The mail server of KILOWATCH_SMTP_URL, and letters as messages for it.

smtp://user:password@host:587?from=kvitto@example.org (STARTTLS when offered; required and with a
checked certificate by starttls=1) or smtps://host (TLS from the start, checked).
"""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from urllib.parse import parse_qs, unquote, urlsplit

from msgspec import Struct

from billing import BillingError
from billing.letters import Letter, html_of, text_of

SECONDS = 20.0  # for each answer of the server
PORTS = {"smtp": 25, "smtps": 465}


class MailServerError(BillingError):
    """The mail server can't be used; the message says which and why."""

    retryable = True


class Server(Struct, frozen=True):
    """Where mails go; `sender` is the address they come from, if the URL names one."""

    host: str
    port: int
    is_tls: bool = False
    must_start_tls: bool = False
    user: str = ""
    password: str = ""
    sender: str = ""


def server_of(url: str) -> Server:
    """Raises MailServerError: the URL is none of a mail server (it is not repeated: a secret)."""
    try:
        parts = urlsplit(url)
        given = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        return Server(
            host=parts.hostname or "",
            port=parts.port or PORTS[parts.scheme],
            is_tls=parts.scheme == "smtps",
            must_start_tls=given.get("starttls", "0") in ("1", "true", "yes"),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            sender=given.get("from", ""),
        )
    except (KeyError, ValueError):
        raise MailServerError(
            "KILOWATCH_SMTP_URL: expected smtp://user:password@host:port or smtps://host"
        ) from None


@contextmanager
def connected(server: Server) -> Iterator[smtplib.SMTP]:
    """An open, encrypted as far as can be, and authenticated connection. Raises OSError (which
    smtplib's errors are)."""
    checked = ssl.create_default_context()
    link = (
        smtplib.SMTP_SSL(server.host, server.port, timeout=SECONDS, context=checked)
        if server.is_tls
        else smtplib.SMTP(server.host, server.port, timeout=SECONDS)
    )
    try:
        if not server.is_tls:
            _start_tls(link, server, checked)
        if server.user:
            link.login(server.user, server.password)
        yield link
    finally:
        with suppress(OSError):
            link.quit()
        link.close()


def _start_tls(link: smtplib.SMTP, server: Server, checked: ssl.SSLContext) -> None:
    """Whoever gives a password or asks for TLS gets it checked; else any TLS beats none."""
    link.ehlo()
    if link.has_extn("starttls"):
        is_strict = server.must_start_tls or bool(server.user)
        link.starttls(context=checked if is_strict else _unchecked())
        link.ehlo()
    elif server.must_start_tls:
        raise smtplib.SMTPNotSupportedError(f"{server.host} offers no STARTTLS")


def _unchecked() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def message_of(letter: Letter, recipient: str, sender: str, message_id: str) -> EmailMessage:
    """The letter for one recipient. Raises ValueError: an address is none."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = _one_line(letter.subject)
    message["From"] = Address(_one_line(letter.sender), addr_spec=ascii_domain(sender))
    message["To"] = Address(addr_spec=ascii_domain(recipient))
    if letter.reply_to and letter.reply_to != sender:
        with suppress(ValueError):
            message["Reply-To"] = Address(addr_spec=ascii_domain(letter.reply_to))
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text_of(letter))
    message.add_alternative(html_of(letter), subtype="html")
    for name, content in letter.files:
        message.add_attachment(content, maintype="application", subtype="pdf", filename=name)
    return message


def _one_line(text: str) -> str:
    """Names and titles come from people: no line of theirs may become a header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def ascii_domain(address: str) -> str:
    """User@räksmörgås.example as every server knows it. Raises ValueError: it is no address."""
    user, at, domain = address.rpartition("@")
    if not at or not user or not address.isprintable() or any(c in address for c in '<>,;:\\"()[]'):
        raise ValueError(f"{address!r} is no mail address")
    return f"{user}@{domain.encode('idna').decode()}"
