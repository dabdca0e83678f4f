"""A virtual station's log: the last frames of its line, and how the file gets to who asks for it.

OCPP 1.6 section 5.9 (GetDiagnostics), OCPP 2.0.1 part 2 use case N01 (GetLog).
"""

import asyncio
import urllib.request
from collections import deque
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

FRAMES = 60
_SECONDS = 20.0
_SCHEMES = ("http", "https")


class Diary:
    """The newest frames of a line, oldest first."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=FRAMES)

    def note(self, at: datetime, direction: str, frame: str) -> None:
        self._lines.append(f"{at.isoformat(timespec='milliseconds')} {direction} {frame}")

    def text(self, title: str) -> str:
        return "\n".join([title, *self._lines, ""])


def name_of(station_id: str, at: datetime) -> str:
    """The file's name."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in station_id)
    return f"{kept}-{at:%Y%m%dT%H%M%SZ}.log"


async def upload(text: str, location: str, say: Callable[[str], None]) -> None:
    """Put a file there; `say` hears Uploading, then Uploaded or UploadFailed."""
    say("Uploading")
    try:
        await asyncio.to_thread(_put, text.encode(), location)
    except (OSError, ValueError):
        say("UploadFailed")
    else:
        say("Uploaded")


def _put(content: bytes, location: str) -> None:
    """Raises OSError or ValueError: it can't be put there."""
    if urlsplit(location).scheme not in _SCHEMES:
        raise ValueError(location)
    request = urllib.request.Request(location, content, method="PUT")  # noqa: S310 - checked above
    request.add_header("Content-Type", "text/plain; charset=utf-8")
    with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310
        pass
