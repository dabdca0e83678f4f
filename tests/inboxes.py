"""A mail server for tests, and the settings that name it."""

import threading
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from sql.settings import Settings


class Inbox:
    """A mail server that keeps what it is sent; `answer` is said after DATA, None: it hangs up."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.answer: str | None = "250 OK"
        self.refused: set[str] = set()
        self.lock = threading.Lock()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.answer is None:
            server.transport.abort()
            return "421 gone"
        if self.answer.startswith("250"):
            with self.lock:
                self.messages.append(message_from_bytes(envelope.content, policy=default))
        return self.answer


class _Server(Controller):
    """Listens on the port it is given from the start: nobody else can take it."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, Settings]]:
    handler = Inbox()
    server = _Server(handler, hostname="127.0.0.1", port=0)
    server.start()
    url = f"smtp://127.0.0.1:{server.port}?from=kvitto@exempel.example"
    yield handler, Settings(smtp_url=url, public_url="https://ladda.example/")
    server.stop()
