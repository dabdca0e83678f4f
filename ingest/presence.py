"""Which stations this worker holds: connection leases, last seen, offline."""

import asyncio
import logging
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg_pool import AsyncConnectionPool

from ingest.gather import Gather
from ingest.peer import Peer, remote_of
from ingest.writer import LOST
from sql.database import AsyncConnection
from sql.queries import load_async_queries

log = logging.getLogger("kilowatch.ingest")
queries = load_async_queries("ingest")

LEASE_SECONDS = 60
POLICY_VIOLATION = 1008
EXTEND_SECONDS = 15.0
SEEN_EVERY = timedelta(seconds=30)
FLUSH_SECONDS = 0.05
RETRY_SECONDS = 1.0
TAKEN_OVER = "taken over by a newer connection"
COME_ANEW = "what let you in is good no more: connect again"


class Presence:
    """Claims connections as they open, gives them back as they close, keeps both in sets."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection], worker_id: str) -> None:
        self.pool, self.worker_id = pool, worker_id
        self.peers: dict[str, Peer] = {}
        self.is_our_outage = False
        self._released: list[tuple[str, int, str]] = []  # station_id, epoch, cause
        self._wake = asyncio.Event()
        self._claim = Gather(self._claim_all)

    async def claim(self, peer: Peer) -> None:
        """Take over the station: the older connection, here or at another worker, is closed."""
        peer.epoch = await self._claim(peer)
        station_id = peer.station.station_id
        other = self.peers.get(station_id)
        # of two that opened at once, the answers may come in either order
        older, newer = sorted((other or peer, peer), key=lambda one: one.epoch)
        self.peers[station_id] = newer
        if older is not newer:
            _close_soon(older, TAKEN_OVER)

    async def _claim_all(self, peers: list[Peer]) -> list[int]:
        """The epochs of many claims; of one station's several, each in its turn."""
        epochs: dict[Peer, int] = {}
        while waiting := [peer for peer in peers if peer not in epochs]:
            once = {peer.station.station_id: peer for peer in reversed(waiting)}
            for station_id, epoch in await self._write_claims(list(once.values())):
                epochs[once[station_id]] = epoch
        return [epochs[peer] for peer in peers]

    async def _write_claims(self, peers: list[Peer]) -> list[Any]:
        station_ids = [peer.station.station_id for peer in peers]
        async with self.pool.connection() as connection, connection.transaction():
            rows: list[Any] = await queries.claim_connections(
                connection,
                worker_id=self.worker_id,
                lease_seconds=LEASE_SECONDS,
                station_ids=station_ids,
                remotes=[remote_of(peer.socket) for peer in peers],
                subprotocols=[peer.socket.subprotocol for peer in peers],
                ocpp_versions=[peer.version for peer in peers],
            )
            await queries.notify_evses(connection, station_ids=station_ids)
        return rows

    def release(self, peer: Peer) -> None:
        """The socket has closed; whether the station is offline is for the epoch to tell."""
        if self.peers.get(peer.station.station_id) is peer:
            del self.peers[peer.station.station_id]
        is_ours = self.is_our_outage or peer.is_sent_away
        self._released.append(
            (peer.station.station_id, peer.epoch, "csms" if is_ours else "station")
        )
        self._wake.set()

    def on_takeover(self, payload: str) -> None:
        """NOTIFY connection: '<station_id> <epoch>'; ours is older if its epoch is lower."""
        station_id, _, epoch = payload.rpartition(" ")
        peer = self.peers.get(station_id)
        if peer is not None and epoch.isdigit() and 0 < peer.epoch < int(epoch):
            _close_soon(peer, TAKEN_OVER)

    def on_entry(self, payload: str) -> None:
        """NOTIFY entry: '<station_id> <version>'; who came in under an older one must come anew, of
        others something has changed that their messages need."""
        station_id, _, version = payload.rpartition(" ")
        peer = self.peers.get(station_id)
        if peer is None or not version.isdigit():
            return
        if peer.entry_version < int(version):
            _close_soon(peer, COME_ANEW, POLICY_VIOLATION)
        else:
            _soon(peer.refresh())

    async def run_releases(self) -> None:
        """Write closed connections, many at a time."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(FLUSH_SECONDS)
            self._wake.clear()
            try:
                await self.flush_releases()
            except LOST as error:
                log.warning("offline not written yet: %s", " ".join(str(error).split())[:200])
                await asyncio.sleep(RETRY_SECONDS)
                self._wake.set()

    async def flush_releases(self) -> None:
        """Write who has gone; what can't be written is kept for the next time."""
        released, self._released = self._released, []
        try:
            for cause in sorted({cause for _, _, cause in released}):
                gone = [(id_, epoch) for id_, epoch, why in released if why == cause]
                await self._write_releases(gone, cause)
        except BaseException:
            self._released = released + self._released
            raise

    async def _write_releases(self, gone: list[tuple[str, int]], cause: str) -> None:
        async with self.pool.connection() as connection:
            rows = await queries.release_connections(
                connection,
                station_ids=[station_id for station_id, _ in gone],
                epochs=[epoch for _, epoch in gone],
                cause=cause,
            )
            await queries.notify_evses(connection, station_ids=[row[0] for row in rows])

    async def release_all(self) -> None:
        """At our own end: what follows is our outage, not the stations'."""
        self.is_our_outage = True
        self._released += [(id_, peer.epoch, "csms") for id_, peer in self.peers.items()]
        self.peers.clear()
        await self.flush_releases()

    async def run_upkeep(self) -> None:
        """Extend the leases and write when stations were last seen."""
        while True:
            await asyncio.sleep(EXTEND_SECONDS)
            try:
                async with self.pool.connection() as connection:
                    await self._extend(connection)
                    await self._flush_seen(connection)
            except LOST as error:
                log.warning("leases not extended: %s", error)

    async def _extend(self, connection: AsyncConnection) -> None:
        """Only what this worker holds; who was taken over while nobody told us is closed."""
        held = {(id_, peer.epoch): peer for id_, peer in self.peers.items()}
        rows = await queries.extend_leases(
            connection,
            station_ids=[station_id for station_id, _ in held],
            epochs=[epoch for _, epoch in held],
            lease_seconds=LEASE_SECONDS,
        )
        for key in held.keys() - {(row[0], row[1]) for row in rows}:
            _close_soon(held[key], TAKEN_OVER)
        for station_id, epoch, version in rows:  # should a notice ever be lost
            if held[station_id, epoch].entry_version < version:
                _close_soon(held[station_id, epoch], COME_ANEW, POLICY_VIOLATION)

    async def _flush_seen(self, connection: AsyncConnection) -> None:
        due = [p for p in self.peers.values() if p.seen_at - p.flushed_at >= SEEN_EVERY]
        if not due:
            return
        rows: list[Any] = await queries.saw_stations(
            connection,
            station_ids=[peer.station.station_id for peer in due],
            seen_at=[peer.seen_at for peer in due],
        )
        for peer in due:
            peer.flushed_at = datetime.now(UTC)
        back = [station_id for station_id, is_back in rows if is_back]
        await queries.notify_evses(connection, station_ids=back)


_tasks: set[asyncio.Task[None]] = set()


def _close_soon(peer: Peer, reason: str, code: int = 1000) -> None:
    _soon(peer.close(code, reason))


def _soon(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.get_running_loop().create_task(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
