"""Programs under test, waited for by what they print."""

import os
import queue
import subprocess
import threading
import time

import pytest


class Program:
    """A program under test whose output can be waited for."""

    def __init__(self, command: list[str], environment: dict[str, str] | None = None) -> None:
        self.lines: list[str] = []
        self._arrived: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # ends with us, which it may watch
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._arrived.put(line.rstrip("\n"))
        self._arrived.put(None)

    def wait_for(self, text: str, seconds: float = 30) -> str:
        """The next line that contains `text`; fails when the program ends without it."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                line = self._arrived.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"no {text!r} within {seconds} s, but: {self.lines}")
            if line is None:
                pytest.fail(f"ended without {text!r}, but: {self.lines}")
            self.lines.append(line)
            if text in line:
                return line

    def end(self, seconds: float = 10) -> int:
        """Ask it to end, insist after a while; the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe
            pipe.close()
        return self.process.returncode
