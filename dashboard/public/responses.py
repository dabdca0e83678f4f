"""What every server-rendered page is sent with: strict headers, compression, its own files."""

import gzip
import hashlib
import re
from functools import cache
from pathlib import Path

from flask import Response, abort, request

from dashboard.public.geo import outline_svg

ASSETS = Path(__file__).parents[2] / "assets"
YEAR = 365 * 24 * 3600
WORTH_COMPRESSING = 1000  # bytes
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def harden(response: Response) -> Response:
    """No inline script or style, no framing, no guessing of types; small on the wire."""
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers.setdefault("Cache-Control", "no-cache")
    response.vary.update(["Accept-Encoding", "Accept-Language", "Cookie"])
    if not response.content_encoding and request.accept_encodings["gzip"] > 0:
        _compress(response)
    return response


def _compress(response: Response) -> None:
    if response.is_streamed or len(response.get_data()) < WORTH_COMPRESSING:
        return
    response.set_data(gzip.compress(response.get_data(), 6))
    response.content_encoding = "gzip"


def public_file(name: str) -> Response:
    """A file of the public pages; its address carries its digest, so it is kept for a year."""
    if name not in names():
        abort(404)
    response = Response(content(name), mimetype=TYPES[Path(name).suffix])
    response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    return response


def names() -> frozenset[str]:
    """What may be asked for under /public/."""
    found = {path.name for path in (ASSETS / "public").iterdir()}
    return frozenset(found | {"basemap.svg", "favicon.svg"})


@cache
def content(name: str) -> bytes:
    """The bytes to send: style sheets without comments and blanks, the basemap simplified."""
    if name == "basemap.svg":
        return outline_svg(ASSETS / "nordic.geojson").encode()
    if name == "favicon.svg":
        return (ASSETS / name).read_bytes()
    text = (ASSETS / "public" / name).read_text()
    return (squeezed(text) if name.endswith(".css") else text).encode()


def squeezed(css: str) -> str:
    """CSS without comments and without blanks that mean nothing."""
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    css = re.sub(r"\s*([{};])\s*", r"\1", re.sub(r"\s+", " ", css))
    return css.replace(": ", ":").replace(", ", ",").replace(";}", "}").strip()


@cache
def address(name: str) -> str:
    """Where the pages find a file of theirs."""
    digest = hashlib.sha256(content(name)).hexdigest()[:10]
    return f"/public/{name}?v={digest}"
