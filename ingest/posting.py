"""One POST to somebody else's server: no redirects, no patience, nothing told of its address."""

import hashlib
import hmac
import http.client
import socket
import ssl
from collections.abc import Mapping
from threading import Timer
from urllib.parse import quote, urlsplit

SECONDS = 5.0  # to connect, and between any two bytes
LATE = "no answer in time"
IN_ALL = 15.0  # a receiver that drips is no better than one that is silent
SAFE = "/?&=%:;,+@!$'()*~"


class NotTakenError(Exception):
    """The receiver has not taken it; the message says why, without address or secret."""


def signature(secret: str, at: int, body: bytes) -> str:
    """HMAC-SHA256 of `<at>.<body>` in hex; `at`: Unix time, so that an old one can be refused."""
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def post(address: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Raises NotTakenError, unless the answer is 2xx."""
    status = _Call(address).status(body, headers)
    if 300 <= status < 400:
        raise NotTakenError(f"HTTP {status}: redirects are not followed")
    if not 200 <= status < 300:
        raise NotTakenError(f"HTTP {status}")


class _Call:
    """A connection that is cut off when it takes too long in all."""

    def __init__(self, address: str) -> None:
        self._is_late = False
        try:
            parts = urlsplit(address)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise NotTakenError("the address is no URL") from None
        query = f"?{parts.query}" if parts.query else ""
        self._target = quote((parts.path or "/") + query, safe=SAFE)
        if parts.scheme == "https":
            context = ssl.create_default_context()
            self._link: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=SECONDS, context=context
            )
        else:
            self._link = http.client.HTTPConnection(host, port, timeout=SECONDS)

    def status(self, body: bytes, headers: Mapping[str, str]) -> int:
        timer = Timer(IN_ALL, self._cut)
        timer.daemon = True
        timer.start()
        try:
            self._link.request("POST", self._target, body, dict(headers))
            status = self._link.getresponse().status
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise NotTakenError(self._reason(error)) from None
        finally:
            timer.cancel()
            self._link.close()
        if self._is_late:  # cut off within its headers, which the library takes for their end
            raise NotTakenError(LATE)
        return status

    def _cut(self) -> None:
        self._is_late = True
        if link := self._link.sock:
            try:
                link.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it is over anyway

    def _reason(self, error: Exception) -> str:
        if self._is_late or isinstance(error, TimeoutError):
            return LATE
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"certificate: {error.verify_message}"
        for kind, words in REASONS:
            if isinstance(error, kind):
                return words
        return "not reached"


REASONS: tuple[tuple[type[Exception], str], ...] = (
    (ssl.SSLError, "TLS failed"),
    (ConnectionRefusedError, "connection refused"),
    (socket.gaierror, "its name is not known"),
    (http.client.RemoteDisconnected, "closed without an answer"),
    (ConnectionError, "connection broken"),
    (http.client.HTTPException, "no answer in HTTP"),
    (UnicodeError, "the address is no URL"),
)
