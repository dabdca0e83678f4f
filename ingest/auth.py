"""Who may connect as which station: Basic authentication and client certificates
(OCPP security profiles 1 to 3)."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import msgspec
from argon2.exceptions import InvalidHashError, VerificationError

from sql.admin.passwords import station_hasher

MISSES, WINDOW_SECONDS, COOL_DOWN_SECONDS = 5, 60.0, 30.0
REMEMBERED = 50_000  # sources of misses; beyond it the oldest is forgotten


class Credentials(msgspec.Struct):
    """What a station's password is checked against; without a hash none is set."""

    station_id: str
    password_hash: str | None
    password_hmac: bytes | None


def parse_basic(header: str | None) -> tuple[str, str] | None:
    """User and password of an Authorization header, or None (RFC 7617).

    UTF-8, as our challenge says, and Latin-1 for what is none.
    """
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).partition(b":")
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        return None
    return (_text(user), _text(password)) if colon else None


def _text(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")


class Throttle:
    """Counts misses by station and source address, so that guessing is slow and shuts nobody else
    out. Time is monotonic seconds."""

    def __init__(self) -> None:
        self._misses: dict[tuple[str, str], tuple[int, float]] = {}

    def is_blocked(self, station_id: str, remote: str) -> bool:
        count, last = self._misses.get((station_id, remote), (0, 0.0))
        return count >= MISSES and time.monotonic() - last < COOL_DOWN_SECONDS

    def miss(self, station_id: str, remote: str) -> None:
        key = (station_id, remote)
        count, last = self._misses.pop(key, (0, 0.0))
        fresh = time.monotonic() - last < WINDOW_SECONDS and not (
            count >= MISSES and time.monotonic() - last >= COOL_DOWN_SECONDS
        )
        self._misses[key] = (count + 1 if fresh else 1, time.monotonic())
        if len(self._misses) > REMEMBERED:
            self._misses.pop(next(iter(self._misses)))

    def hit(self, station_id: str, remote: str) -> None:
        self._misses.pop((station_id, remote), None)


class PasswordChecker:
    """Checks passwords: by HMAC where the password was seen before, else by argon2 in a few
    threads. The HMAC's key is the installation's secret, which is not in the database."""

    def __init__(self, secret_key: str, threads: int = 2) -> None:
        self._key = hashlib.sha256(b"station password " + secret_key.encode()).digest()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")

    def digest(self, credentials: Credentials, password: str) -> bytes:
        """Bound to the argon2 hash too: a changed password makes it worthless."""
        text = f"{credentials.station_id}\0{credentials.password_hash}\0{password}"
        return hmac.digest(self._key, text.encode(), "sha256")

    def knows(self, credentials: Credentials, password: str) -> bool:
        return credentials.password_hmac is not None and hmac.compare_digest(
            credentials.password_hmac, self.digest(credentials, password)
        )

    async def verify(self, credentials: Credentials, password: str) -> bool:
        """The slow check, off the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _verify, credentials, password)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _verify(credentials: Credentials, password: str) -> bool:
    try:
        return station_hasher.verify(credentials.password_hash or "", password)
    except (VerificationError, InvalidHashError):
        return False


REFUSALS: dict[HTTPStatus, str] = {
    HTTPStatus.NOT_FOUND: "No such station here.",
    HTTPStatus.UNAUTHORIZED: "Wrong user name or password; the user name is the station's id.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many wrong passwords; wait half a minute.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The database is away; try again soon.",
}
