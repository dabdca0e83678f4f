"""Frames that are written to viewers' sockets by whoever publishes them."""

import socket
import threading
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import CollectorRegistry

from dashboard.channel import Channel
from dashboard.live import Hub
from dashboard.stream import events
from sql.database import Connection

BIG = "x" * 2**18  # bytes


class Silent(Hub):
    """A hub that is never started and hears its database all the same."""

    def __init__(self) -> None:
        super().__init__(connect_to_nothing, ZoneInfo("UTC"), CollectorRegistry())
        self.ready.set()

    @property
    def is_live(self) -> bool:
        return True


def connect_to_nothing() -> Connection:
    raise AssertionError("nobody asks this hub to start")


class Connected:
    """A viewer at the other end of a socket; a thread does what the server's worker does."""

    def __init__(self, channel: Channel) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.ours.settimeout(10)
        self.theirs.settimeout(10)
        self.error: Exception | None = None
        self.text = b""
        self._thread = threading.Thread(target=self._serve, args=[channel])
        self._thread.start()

    def _serve(self, channel: Channel) -> None:
        try:
            for data in events(Silent(), channel, "", self.ours):
                if data:
                    self.ours.sendall(b"%x\r\n%b\r\n" % (len(data), data))
        except OSError as error:
            self.error = error

    def until(self, *words: bytes) -> bytes:
        """Everything heard so far, once all of these are in it."""
        while not all(word in self.text for word in words):
            data = self.theirs.recv(2**16)
            assert data
            self.text += data
        return self.text

    def join(self) -> None:
        self._thread.join(10)
        assert not self._thread.is_alive()
        self.ours.close()
        self.theirs.close()


@pytest.fixture
def channel() -> Iterator[Channel]:
    channel = Channel("test", lambda: "whole")
    yield channel
    channel.close()


def chunks(text: bytes) -> list[bytes]:
    """What the chunks hold; fails unless they are whole."""
    found = []
    while text:
        size, _, text = text.partition(b"\r\n")
        found.append(text[: int(size, 16)])
        assert text[int(size, 16) : int(size, 16) + 2] == b"\r\n"
        text = text[int(size, 16) + 2 :]
    return found


def test_a_waiting_viewer_is_written_to_without_being_woken(channel: Channel) -> None:
    viewer = Connected(channel)
    viewer.until(b"snapshot", b"beat\n")
    wait_until_idle(channel)
    channel.publish("evses", "one")
    channel.publish("evses", "two")
    text = viewer.until(b'"two"')
    assert b"".join(chunks(text)).index(b'"one"') < b"".join(chunks(text)).index(b'"two"')
    channel.close()
    viewer.join()


def test_one_that_takes_bytes_slowly_gets_all_of_them_in_order(channel: Channel) -> None:
    viewer = Connected(channel)
    viewer.until(b"snapshot")
    wait_until_idle(channel)
    for number in range(20):  # more than the socket holds
        channel.publish("evses", f"{number} {BIG}")
    channel.publish("evses", "last")
    text = viewer.until(b'"last"\n\n\r\n')
    told = [int(line[7:].split()[0]) for line in b"".join(chunks(text)).split(b"\n")
            if line.startswith(b'data: "') and line.endswith(b'x"')]  # fmt: skip
    assert told == list(range(20))
    channel.close()
    viewer.join()


def test_one_that_is_gone_ends_its_stream_and_costs_the_others_nothing(channel: Channel) -> None:
    gone, other = Connected(channel), Connected(channel)
    for viewer in (gone, other):
        viewer.until(b"snapshot")
    wait_until_idle(channel, 2)
    gone.theirs.shutdown(socket.SHUT_RDWR)
    gone.theirs.close()
    channel.publish("evses", "one")
    assert b'"one"' in other.until(b'"one"')
    gone._thread.join(10)
    assert isinstance(gone.error, BrokenPipeError)
    assert channel.viewers == 1
    channel.close()
    other.join()
    gone.join()


def wait_until_idle(channel: Channel, viewers: int = 1) -> None:
    """Until so many viewers wait for news."""
    for _ in range(10_000):
        if len(channel._waiting) == viewers:
            return
        threading.Event().wait(0.001)
    raise AssertionError("nobody waits")
