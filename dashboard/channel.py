"""Frames for live viewers: one ring that all viewers of a kind read, each at its own place.

A frame is serialised once, whoever reads it. A viewer is only a number: the last frame it has
seen. One that falls behind the ring starts over with a snapshot, so a slow viewer costs the others
nothing and costs the server no memory.
"""

import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import msgspec

FRAMES_KEPT = 512
encode = msgspec.json.Encoder().encode


def frame(event: str, data: bytes, frame_id: str = "") -> bytes:
    """A server-sent event; JSON holds no line breaks, so one data line is enough."""
    head = f"id: {frame_id}\n" if frame_id else ""
    return f"{head}event: {event}\ndata: ".encode() + data + b"\n\n"


@dataclass
class Viewer:
    """How far one viewer has read; `place` is None before its first snapshot."""

    place: int | None = None
    snapshots: int = 0


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
        self._news = threading.Condition(lock or threading.RLock())
        self._frames: deque[tuple[int, bytes]] = deque(maxlen=FRAMES_KEPT)
        self._last = 0
        self._cached: tuple[int, bytes] | None = None

    def publish(self, event: str, data: object) -> None:
        """Give every viewer this event."""
        with self._news:
            self._last += 1
            self._frames.append((self._last, frame(event, encode(data), self._id())))
            self._news.notify_all()

    def restart(self) -> None:
        """Give every viewer a new snapshot: what they know cannot be mended by deltas."""
        with self._news:
            self._frames.clear()
            self._last += 1
            self._news.notify_all()

    def close(self) -> None:
        with self._news:
            self.is_closed = True
            self._news.notify_all()

    def resume(self, last_event_id: str) -> Viewer:
        """A viewer that continues after an id of ours, or starts over."""
        epoch, _, number = last_event_id.partition("-")
        if epoch == self.epoch and number.isdecimal() and len(number) < 16:
            return Viewer(int(number))
        return Viewer()

    def read(self, viewer: Viewer, seconds: float) -> bytes:
        """What the viewer has not seen yet; waits for it, empty after so many seconds."""
        deadline = monotonic() + seconds
        with self._news:
            while viewer.place == self._last and not self.is_closed:
                if not self._news.wait(max(0.0, deadline - monotonic())):
                    return b""
            return b"" if self.is_closed else self._unseen(viewer)

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
