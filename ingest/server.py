"""The ingest process: accepts stations' WebSockets and wires writer, presence and commands."""

import asyncio
import logging
import os
import re
import secrets
import signal
import socket as sockets
import ssl
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote
from weakref import WeakKeyDictionary

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from ingest.auth import REFUSALS, Credentials, PasswordChecker, Throttle, parse_basic
from ingest.book import Station
from ingest.certificates import Certificate, of_file, of_peer
from ingest.codec import SUBPROTOCOLS
from ingest.commands import Dispatcher
from ingest.gather import Gather
from ingest.peer import Peer, remote_of
from ingest.presence import Presence
from ingest.store import station_of
from ingest.writer import LOST, Writer
from sql.database import AsyncConnection, async_pool
from sql.queries import load_async_queries
from sql.settings import Settings

log = logging.getLogger("kilowatch.ingest")
queries = load_async_queries("ingest")

PATH = re.compile(r"^/ocpp/([^/?#]{1,200})/?(?:\?.*)?$")
MOST_BYTES = 1024 * 1024  # the largest frame; NotifyReport may be long
PING_SECONDS = 30
BACKLOG = 4096  # a crowd that finds it full tries again after seconds


class Ingest:
    """One ingest process. It takes its port when made: OSError if somebody else has it."""

    def __init__(self, settings: Settings, dsn: str, secret_key: str) -> None:
        self.settings = settings
        self._listener = _bind(settings)
        self.pool = async_pool(dsn, application_name="kilowatch presence", max_size=6)
        worker_id = f"{sockets.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self.presence = Presence(self.pool, worker_id)
        self.writer = Writer(dsn, self._send_away)
        self.dispatcher = Dispatcher(dsn, self.presence)
        self.passwords = PasswordChecker(secret_key)
        self.throttle, self.unknown = Throttle(), Throttle()
        self._find = Gather(self._find_all)
        # weak: a handshake may break off after it was approved
        self._approved: WeakKeyDictionary[ServerConnection, Station] = WeakKeyDictionary()
        self._server: Server | None = None

    async def run(self, ready: asyncio.Future[int] | None = None) -> None:
        """Serve until cancelled; then everything accepted is made durable and stations are told."""
        async with self.pool, asyncio.TaskGroup() as tasks:
            background = [
                tasks.create_task(job)
                for job in (
                    self.writer.run(),
                    self.dispatcher.run(),
                    self.presence.run_releases(),
                    self.presence.run_upkeep(),
                )
            ]
            try:
                async with self._serve() as self._server:
                    port = self._server.sockets[0].getsockname()[1]
                    log.info("stations connect to ws://%s:%d/ocpp/<station_id>",
                             self.settings.ocpp_host, port)  # fmt: skip
                    if ready is not None:
                        ready.set_result(port)
                    if self.settings.tls_cert:
                        await self._note_certificate(None, of_file(self.settings.tls_cert))
                    await self._serve_until_cancelled()
            finally:
                await self.writer.drain()
                with suppress(*LOST):
                    await self.presence.release_all()
                for task in background:
                    task.cancel()
                self.passwords.close()

    async def _serve_until_cancelled(self) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.presence.is_our_outage = True  # before the sockets close

    def _serve(self) -> AbstractAsyncContextManager[Server]:
        return serve(
            self._on_socket,
            sock=self._listener,
            backlog=BACKLOG,
            process_request=self._admit,
            select_subprotocol=_select_subprotocol,
            compression=None,  # 13 KiB per idle connection instead of 40
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            open_timeout=60,
            close_timeout=2,
            max_size=MOST_BYTES,
            max_queue=8,
            ssl=_tls(self.settings),
            server_header="Kilowatch",
        )

    async def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        """Decide who may open a WebSocket; None lets the handshake go on."""
        match = PATH.match(request.path)
        if match is None:
            return _refusal(socket, HTTPStatus.NOT_FOUND)
        if self.writer.is_gone:
            return _refusal(socket, HTTPStatus.SERVICE_UNAVAILABLE)
        station_id = unquote(match[1])
        if not station_id.isprintable():
            return _refusal(socket, HTTPStatus.NOT_FOUND)
        try:
            status = await self._authenticate(socket, request, station_id)
        except LOST as error:
            log.warning("nobody can be let in: %s", " ".join(str(error).split())[:200])
            return _refusal(socket, HTTPStatus.SERVICE_UNAVAILABLE)
        return None if status is None else _refusal(socket, status)

    async def _authenticate(
        self, socket: ServerConnection, request: Request, station_id: str
    ) -> HTTPStatus | None:
        remote = remote_of(socket)
        row = await self._find(station_id)
        if row is None:
            await self._note_unknown(station_id, remote)
            return HTTPStatus.NOT_FOUND
        credentials = Credentials(station_id, row[7], row[8])
        # nothing is awaited from here to the miss, which is counted before the password has been
        # checked: many guesses at once must not slip through
        if self.throttle.is_blocked(station_id, remote):
            return HTTPStatus.TOO_MANY_REQUESTS
        if not self._is_known(socket, request, credentials):
            self.throttle.miss(station_id, remote)
            if not await self._is_right(request, credentials):
                await self._note_attempt(station_id, remote, "wrong password")
                return HTTPStatus.UNAUTHORIZED
        self.throttle.hit(station_id, remote)
        self._approved[socket] = station_of(row)
        return None

    async def _find_all(self, station_ids: list[str]) -> list[Any]:
        """The stations' rows, or None; where unknown ones are let in, they are made here."""
        async with self.pool.connection() as connection:
            found = await self._read(connection, station_ids)
            unknown = [i for i in station_ids if i not in found and self._takes_unknown(i)]
            if unknown:
                status = {"accept": "Accepted"}.get(self.settings.unknown_stations, "Pending")
                await queries.add_stations(
                    connection, station_ids=unknown, registration_status=status
                )
                found |= await self._read(connection, unknown)
        return [found.get(station_id) for station_id in station_ids]

    async def _read(self, connection: AsyncConnection, station_ids: list[str]) -> dict[str, Any]:
        rows = await queries.stations(connection, station_ids=station_ids)
        return {row[0]: row for row in rows}

    def _takes_unknown(self, station_id: str) -> bool:
        return (
            self.settings.unknown_stations != "reject"
            and len(station_id) <= 48
            and station_id.isprintable()
        )

    def _is_known(
        self, socket: ServerConnection, request: Request, credentials: Credentials
    ) -> bool:
        """By a certificate, or by a password that was checked before."""
        if _certificate_name(socket) == credentials.station_id:
            return True
        if credentials.password_hash is None:
            return self.settings.unknown_stations != "reject"
        password = _password(request, credentials)
        return password is not None and self.passwords.knows(credentials, password)

    async def _is_right(self, request: Request, credentials: Credentials) -> bool:
        """By a password seen for the first time, which takes a while."""
        password = _password(request, credentials)
        if password is None or credentials.password_hash is None:
            return False
        if not await self.passwords.verify(credentials, password):
            return False
        async with self.pool.connection() as connection:
            await queries.keep_password_hmac(
                connection,
                station_id=credentials.station_id,
                password_hash=credentials.password_hash,
                password_hmac=self.passwords.digest(credentials, password),
            )
        return True

    async def _note_unknown(self, station_id: str, remote: str) -> None:
        """A few of each source; a stranger must not fill the database."""
        if not self.unknown.is_blocked("", remote):
            self.unknown.miss("", remote)
            await self._note_attempt(station_id, remote, "unknown station")

    async def _note_attempt(self, station_id: str, remote: str, reason: str) -> None:
        log.warning("refused %r from %s: %s", station_id[:60], remote, reason)
        async with self.pool.connection() as connection:
            await queries.add_connection_attempt(
                connection,
                station_id=station_id[:200].replace("\x00", ""),
                remote=remote,
                reason=reason,
            )

    async def _on_socket(self, socket: ServerConnection) -> None:
        station = self._approved.pop(socket)
        if socket.subprotocol is None:
            await socket.close(1002, "expected one of the subprotocols " + ", ".join(SUBPROTOCOLS))
            return
        version = SUBPROTOCOLS[socket.subprotocol]
        peer = Peer(socket, station, version, self.writer.put, self._refresh)
        try:
            await self.presence.claim(peer)
        except LOST as error:
            log.warning("%s not let in: %s", station.station_id, error)
            await socket.close(1013, "the database is away")
            return
        with suppress(ValueError):  # an end that nobody can read is no reason to send it away
            if told := _certificate(socket):
                await self._note_certificate(station.station_id, of_peer(told))
        try:
            await peer.run()
        finally:
            self.presence.release(peer)

    async def _note_certificate(self, station_id: str | None, found: Certificate) -> None:
        """For the watchdog, which tells staff before it ends."""
        with suppress(*LOST):
            async with self.pool.connection() as connection:
                await queries.note_certificate(connection, station_id=station_id, **found._asdict())

    async def _refresh(self, peer: Peer) -> None:
        """At a boot: approval, heartbeat and evses may have changed."""
        with suppress(*LOST):
            if row := await self._find(peer.station.station_id):
                peer.station = station_of(row)

    def _send_away(self) -> None:
        """Connected stations count failures and drop data; disconnected ones keep it."""
        for peer in list(self.presence.peers.values()):
            peer.is_sent_away = True
            peer.socket.transport.abort()


def _bind(settings: Settings) -> sockets.socket:
    family = sockets.AF_INET6 if ":" in settings.ocpp_host else sockets.AF_INET
    listener = sockets.socket(family, sockets.SOCK_STREAM)
    listener.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
    if settings.workers > 1:  # workers share the port, the kernel shares out the connections
        listener.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEPORT, 1)
    try:
        listener.bind((settings.ocpp_host, settings.ocpp_port))
    except OSError:
        listener.close()
        raise
    listener.listen(BACKLOG)
    return listener


def _password(request: Request, credentials: Credentials) -> str | None:
    """The Basic password, if there is one and the user name is the station's id."""
    given = parse_basic(_only(request.headers.get_all("Authorization")))
    return given[1] if given and given[0] == credentials.station_id else None


def _only(values: list[str]) -> str | None:
    return values[0] if len(values) == 1 else None


def _refusal(socket: ServerConnection, status: HTTPStatus) -> Response:
    response = socket.respond(status, REFUSALS[status] + "\n")
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Basic realm="Kilowatch", charset="UTF-8"'
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        response.headers["Retry-After"] = "30"
    return response


def _select_subprotocol(
    _socket: ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    """Our newest that the station offers. None: the handshake ends well and the socket is closed
    right after, as OCPP-J 1.6 section 3.1.2 asks."""
    return next((Subprotocol(name) for name in SUBPROTOCOLS if name in offered), None)


def _certificate(socket: ServerConnection) -> dict[str, Any]:
    """A verified client certificate (security profile 3); empty: there is none."""
    tls = socket.transport.get_extra_info("ssl_object")
    return (tls.getpeercert() if tls else None) or {}


def _certificate_name(socket: ServerConnection) -> str | None:
    """The common name of a verified client certificate."""
    certificate = _certificate(socket)
    if not certificate:
        return None
    names = dict(pair for part in certificate.get("subject", ()) for pair in part)
    return names.get("commonName")


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if not settings.tls_cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.tls_cert, settings.tls_key)
    if settings.tls_client_ca:
        context.load_verify_locations(settings.tls_client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def run(settings: Settings, dsn: str, secret_key: str) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_run(settings, dsn, secret_key))


def loop_factory() -> Any:
    """uvloop where there is one; None leaves asyncio its own."""
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 - not on every platform

    return uvloop.new_event_loop


async def _run(settings: Settings, dsn: str, secret_key: str) -> None:
    task = asyncio.create_task(Ingest(settings, dsn, secret_key).run())
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, task.cancel)
    with suppress(asyncio.CancelledError):
        await task
