"""Frames for live viewers: one ring that all viewers of a kind read, each at its own place.

A frame is serialised once, whoever reads it. A viewer is only a number: the last frame it has
seen. One that falls behind the ring starts over with a snapshot, so a slow viewer costs the others
nothing and costs the server no memory.

A viewer that waits and whose socket takes bytes at once is written to by whoever publishes: two
hundred viewers cost two hundred writes, and nobody is woken for it.
"""

import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

import msgspec

FRAMES_KEPT = 512
encode = msgspec.json.Encoder().encode


def frame(event: str, data: bytes, frame_id: str = "") -> bytes:
    """A server-sent event; JSON holds no line breaks, so one data line is enough."""
    head = f"id: {frame_id}\n" if frame_id else ""
    return f"{head}event: {event}\ndata: ".encode() + data + b"\n\n"


def chunk(data: bytes) -> bytes:
    """Bytes as HTTP/1.1 sends a body of unknown length."""
    return b"%x\r\n%b\r\n" % (len(data), data)


@dataclass(eq=False)
class Viewer:
    """How far one viewer has read; `place` is None before its first snapshot.

    `write` sends a chunk without waiting and returns what did not fit: `rest` must go out, as it
    is, before anything else. It raises OSError when the other side is gone.
    """

    place: int | None = None
    snapshots: int = 0
    write: Callable[[bytes], bytes] | None = None
    rest: bytes = b""
    is_gone: bool = False
    woken: threading.Event = field(default_factory=threading.Event)

    def take(self, write: Callable[[bytes], bytes], chunked: bytes) -> bool:
        """Whether the whole chunk is on its way."""
        try:
            self.rest = write(chunked)
        except OSError:
            self.is_gone = True
        return not (self.rest or self.is_gone)


class Channel:
    """The ring. `snapshot` gives the whole picture; it is called with `lock` held."""

    def __init__(
        self, name: str, snapshot: Callable[[], object], lock: "threading.RLock | None" = None
    ) -> None:
        self.name, self._snapshot = name, snapshot
        # ids of another process or an earlier life must not look like ours
        self.epoch = secrets.token_hex(4)
        self.viewers = 0
        self.is_closed = False
        self._lock = lock or threading.RLock()
        self._waiting: set[Viewer] = set()
        self._frames: deque[tuple[int, bytes]] = deque(maxlen=FRAMES_KEPT)
        self._last = 0
        self._cached: tuple[int, bytes] | None = None

    def publish(self, event: str, data: object) -> None:
        """Give every viewer this event."""
        with self._lock:
            self._last += 1
            self._frames.append((self._last, frame(event, encode(data), self._id())))
            self._hand_out(chunk(self._frames[-1][1]))

    def _hand_out(self, chunked: bytes) -> None:
        """The newest frame to all who wait; those who cannot take it at once are woken."""
        for viewer in list(self._waiting):
            if viewer.write and viewer.place == self._last - 1:
                viewer.place = self._last
                if viewer.take(viewer.write, chunked):
                    continue
            self._wake(viewer)

    def _wake(self, viewer: Viewer) -> None:
        self._waiting.discard(viewer)
        viewer.woken.set()

    def restart(self) -> None:
        """Give every viewer a new snapshot: what they know cannot be mended by deltas."""
        with self._lock:
            self._frames.clear()
            self._last += 1
            for viewer in list(self._waiting):
                self._wake(viewer)

    def close(self) -> None:
        with self._lock:
            self.is_closed = True
            for viewer in list(self._waiting):
                self._wake(viewer)

    def leave(self, viewer: Viewer) -> None:
        """It is written to no more."""
        with self._lock:
            self.viewers -= 1
            viewer.write = None
            self._waiting.discard(viewer)

    def resume(self, last_event_id: str) -> Viewer:
        """A viewer that continues after an id of ours, or starts over."""
        epoch, _, number = last_event_id.partition("-")
        if epoch == self.epoch and number.isdecimal() and len(number) < 16:
            return Viewer(int(number))
        return Viewer()

    def read(self, viewer: Viewer, seconds: float) -> bytes:
        """What the viewer has not seen yet; waits for it, empty after so many seconds.

        Empty also when a chunk was begun: see `viewer.rest` and `viewer.is_gone`.
        """
        deadline = monotonic() + seconds
        while not self._has_news(viewer):
            if not viewer.woken.wait(max(0.0, deadline - monotonic())):
                break
        with self._lock:
            self._waiting.discard(viewer)
            has_seen_all = viewer.place == self._last or viewer.rest or viewer.is_gone
            return b"" if self.is_closed or has_seen_all else self._unseen(viewer)

    def _has_news(self, viewer: Viewer) -> bool:
        """If not, it waits from now on."""
        with self._lock:
            if viewer.place != self._last or viewer.rest or viewer.is_gone or self.is_closed:
                return True
            viewer.woken.clear()
            self._waiting.add(viewer)
            return False

    def _unseen(self, viewer: Viewer) -> bytes:
        place, viewer.place = viewer.place, self._last
        if place is None or not self._covers(place):
            viewer.snapshots += 1
            return self._whole()
        behind = self._last - place
        return b"".join(self._frames[i][1] for i in range(-behind, 0))

    def _covers(self, place: int) -> bool:
        return self._last - len(self._frames) <= place <= self._last

    def _whole(self) -> bytes:
        if self._cached is None or self._cached[0] != self._last:
            whole = frame("snapshot", encode(self._snapshot()), self._id())
            self._cached = (self._last, whole)
        return self._cached[1]

    def _id(self) -> str:
        return f"{self.epoch}-{self._last}"
