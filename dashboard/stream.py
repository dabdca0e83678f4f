"""/live for staff, /live/public for everybody: the hub's frames as server-sent events."""

import errno
import os
import socket
import time
from collections.abc import Callable, Iterator
from functools import wraps

from flask import Blueprint, Response, abort, request
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from dashboard.auth import load_user
from dashboard.channel import Channel, Viewer, encode, frame
from dashboard.data import deps
from dashboard.live import BEAT_SECONDS, Hub

MAX_PUBLIC_VIEWERS = 3000  # staff must always get in: the workers' connections are bounded
SEND_SECONDS = 20.0
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def blueprint(hub: Hub) -> Blueprint:
    """The live addresses. /live and /live/network need a login, /live/public does not."""
    routes = Blueprint("live", __name__)

    @routes.get("/live")
    @_staff_only
    def live() -> AnyResponse:
        return _stream(hub, hub.staff)

    @routes.get("/live/network")
    @_staff_only
    def network() -> AnyResponse:
        return _network(hub)

    @routes.get("/live/public")
    def public() -> Response:
        if hub.public.viewers >= MAX_PUBLIC_VIEWERS:
            return Response("too many viewers, ask again later", 503, {"Retry-After": "30"})
        return _stream(hub, hub.public)

    return routes


def _staff_only(view: Callable[[], AnyResponse]) -> Callable[[], AnyResponse]:
    """An event stream has no use for a redirect to the login page: 401."""

    @wraps(view)
    def guarded() -> AnyResponse:
        if not current_user.is_authenticated:
            abort(401)
        return view()

    return guarded


def _stream(hub: Hub, channel: Channel) -> Response:
    hub.start()
    last_event_id = request.headers.get("Last-Event-ID", "") or request.args.get("after", "")
    body = events(hub, channel, last_event_id, _connection(), _may_still_look())
    return Response(body, mimetype="text/event-stream", headers=HEADERS, direct_passthrough=True)


def _may_still_look() -> Callable[[], bool]:
    """Whether who opened the stream may still look; asked when somebody's account changes."""
    if not current_user.is_authenticated:
        return lambda: True  # the public one
    found, session_id = deps(), current_user.get_id()
    return lambda: load_user(found, session_id) is not None


def _connection() -> socket.socket | None:
    """The viewer's socket, where frames may be written to it as chunks of HTTP/1.1.

    A viewer that takes nothing for so long is dropped; it comes back with its last id.
    """
    connection: socket.socket | None = request.environ.get("gunicorn.socket")
    if connection is not None:
        connection.settimeout(SEND_SECONDS)
    return connection if request.environ.get("SERVER_PROTOCOL") == "HTTP/1.1" else None


def events(
    hub: Hub, channel: Channel, last_event_id: str = "", connection: socket.socket | None = None,
    may_look: Callable[[], bool] = lambda: True,
) -> Iterator[bytes]:  # fmt: skip
    """Frames as they come; in silence a beat, but only while the database is heard.

    A viewer that gets no beat shows its view as not live, so a beat must never be a lie. With a
    connection, frames mostly go past here: the channel writes them.
    """
    viewer = channel.resume(last_event_id)
    channel.viewers += 1
    try:
        yield b"retry: 1000\n\n"
        if connection is not None:
            viewer.write = _writer(connection)
        hub.ready.wait(BEAT_SECONDS)
        beat_at, accounts = 0.0, hub.accounts_version
        while not channel.is_closed:
            if accounts != hub.accounts_version:
                if not may_look():
                    return
                accounts = hub.accounts_version
            frames = channel.read(viewer, BEAT_SECONDS) if hub.ready.is_set() else _pause(hub)
            _finish(viewer, connection)
            if time.monotonic() - beat_at > BEAT_SECONDS / 2 or not frames:
                frames, beat_at = frames + _beat(hub), time.monotonic()
            yield frames
    finally:
        channel.leave(viewer)


def _writer(connection: socket.socket) -> Callable[[bytes], bytes]:
    """Writes what the socket takes at once. gevent has made it non-blocking."""

    def write(chunked: bytes) -> bytes:
        try:
            return chunked[os.write(connection.fileno(), chunked) :]
        except BlockingIOError:
            return chunked

    return write


def _finish(viewer: Viewer, connection: socket.socket | None) -> None:
    """The rest of a chunk that was begun. Raises BrokenPipeError: nobody takes it."""
    try:
        if viewer.rest and connection is not None:
            rest, viewer.rest = viewer.rest, b""
            connection.sendall(rest)
    except OSError:
        viewer.is_gone = True
    if viewer.is_gone:
        raise BrokenPipeError(errno.EPIPE, "the viewer is gone")


def _pause(hub: Hub) -> bytes:
    hub.ready.wait(BEAT_SECONDS)
    return b""


def _beat(hub: Hub) -> bytes:
    if not hub.is_live:
        return b": no contact with the database\n\n"
    return frame("beat", encode({"at": time.time()}))


def _network(hub: Hub) -> AnyResponse:
    """What changes seldom about all evses; the browser keeps it until its version changes."""
    hub.start()
    if not hub.ready.wait(5):
        abort(503)
    response = Response(encode(hub.network), mimetype="application/json")
    response.set_etag(hub.network_version)
    response.headers["Cache-Control"] = "private, no-cache"
    return response.make_conditional(request)
