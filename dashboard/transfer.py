"""What goes over the wire: answers of the staff app compressed, unchanging files kept by browsers.

Dash puts a version into the address of its scripts, and ?m= into that of our assets: such a file
never changes and is asked for once. Public pages are small and stay as they are; so do pages with
forms, as compression and secrets do not mix.

Flask-Compress has one level for the whole application, so files would be packed as hastily as
answers to callbacks; its cache is by address, which for callbacks is the same for everybody; and
it packs in the worker's greenlet, where megabytes at level 9 hold up every live stream. Levels,
cache, thread and the choice of paths would all be overridden: what is left of it is less than
this module.
"""

import gzip
import hashlib
from collections.abc import Callable

from dash.fingerprint import check_fingerprint
from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from gevent import get_hub, monkey

SCRIPTS, ASSETS = "/app/_dash-component-suites/", "/app/assets/"
COMPRESSED = ("/app/_dash-", ASSETS, "/live/network")
SMALLEST = 1000  # bytes; less is one packet either way
TEXTS = frozenset({
    "application/geo+json", "application/javascript", "application/json", "application/xml",
    "image/svg+xml", "text/css", "text/javascript", "text/plain",
})  # fmt: skip
FOR_EVER = "public, max-age=31536000, immutable"
# named without a version, by style sheets: shown at once, looked after behind the reader's back
FOR_NOW = "public, max-age=600, stale-while-revalidate=604800"
MOST_PACKED = 128

_packed: dict[bytes, bytes] = {}


class Sessions(SecureCookieSessionInterface):
    """Files are the same for everybody: no cookie comes with them, and none decides about them."""

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if not _is_file():
            super().save_session(app, session, response)


def install(app: Flask) -> None:
    """To be called before anything else that looks at answers: it must be the last to do so."""
    app.session_interface = Sessions()
    app.after_request(light)


def light(response: Response) -> Response:
    """The answer with what a browser may keep, and compressed where that pays."""
    if _is_file() and response.status_code in (200, 304):
        response.headers["Cache-Control"] = FOR_EVER if _is_versioned() else FOR_NOW
    if request.path.startswith(COMPRESSED) and response.mimetype in TEXTS:
        response.vary.add("Accept-Encoding")
        if _may_compress(response):
            _compress(response)
    return response


def _is_file() -> bool:
    return request.path.startswith((SCRIPTS, ASSETS))


def _is_versioned() -> bool:
    if request.path.startswith(ASSETS):
        return "m" in request.args
    return bool(check_fingerprint(request.path)[1])  # type: ignore[no-untyped-call]


def _may_compress(response: Response) -> bool:
    return (
        response.status_code == 200
        and (response.is_sequence or response.content_length is not None)
        and "Content-Encoding" not in response.headers
        and request.method != "HEAD"
        and request.accept_encodings.quality("gzip") > 0
    )


def _compress(response: Response) -> None:
    data = _read(response)
    if len(data) < SMALLEST:
        return
    packed = _kept(data) if _is_file() else gzip.compress(data, 1, mtime=0)
    response.set_data(packed)
    response.headers["Content-Encoding"] = "gzip"
    response.headers.pop("Accept-Ranges", None)
    tag, _ = response.get_etag()
    if tag:
        response.set_etag(tag, weak=True)


def _read(response: Response) -> bytes:
    """All of it; a file behind it is closed, as nobody will send it."""
    source = response.response
    response.direct_passthrough = False
    data = response.get_data()
    if close := getattr(source, "close", None):
        close()
    return data


def _kept(data: bytes) -> bytes:
    """A file packed as small as it gets, once."""
    key = hashlib.blake2b(data, digest_size=16).digest()
    packed = _packed.get(key) or _beside(lambda: gzip.compress(data, 9, mtime=0))
    if len(_packed) < MOST_PACKED:
        _packed[key] = packed
    return packed


def _beside(work: Callable[[], bytes]) -> bytes:
    """In a real thread: megabytes take a third of a second that live streams would feel."""
    if monkey.is_module_patched("threading"):
        return bytes(get_hub().threadpool.apply(work))
    return work()
