"""The web server's process: it starts, ends quickly with streams open, and names a taken port."""

import socket
import subprocess
import sys
import time
import urllib.request

from tests.browser.web import PROGRAM, ROOT, Web, free_port


def test_open_streams_end_within_two_seconds_of_sigterm(database: str) -> None:
    with Web(database, free_port()) as web:
        streams = [urllib.request.urlopen(f"{web.address}/live/public") for _ in range(5)]  # noqa: S310
        assert all(stream.readline() == b"retry: 1000\n" for stream in streams)
        begun = time.monotonic()
        code = web.stop()
        took = time.monotonic() - begun
        for stream in streams:
            stream.close()
    assert code == 0
    assert took < 2


def test_a_taken_port_is_one_clear_line(database: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = subprocess.run(
            [sys.executable, "-c", PROGRAM, database, str(port)],
            cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
    assert found.returncode == 1
    assert found.stderr.splitlines() == [
        f"error: can't listen on 127.0.0.1:{port}: Address already in use"
        " (KILOWATCH_WEB_HOST, KILOWATCH_WEB_PORT)"
    ]
