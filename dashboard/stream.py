"""/live for staff, /live/public for everybody: the hub's frames as server-sent events."""

import time
from collections.abc import Callable, Iterator
from functools import wraps

from flask import Blueprint, Response, abort, request
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from dashboard.channel import Channel, encode, frame
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
    _limit_sending()
    last_event_id = request.headers.get("Last-Event-ID", "") or request.args.get("after", "")
    body = events(hub, channel, last_event_id)
    return Response(body, mimetype="text/event-stream", headers=HEADERS, direct_passthrough=True)


def _limit_sending() -> None:
    """A viewer that takes nothing for so long is dropped; it comes back with its last id."""
    connection = request.environ.get("gunicorn.socket")
    if connection is not None:
        connection.settimeout(SEND_SECONDS)


def events(hub: Hub, channel: Channel, last_event_id: str = "") -> Iterator[bytes]:
    """Frames as they come; in silence a beat, but only while the database is heard.

    A viewer that gets no beat shows its view as not live, so a beat must never be a lie.
    """
    viewer = channel.resume(last_event_id)
    channel.viewers += 1
    try:
        yield b"retry: 1000\n\n"
        hub.ready.wait(BEAT_SECONDS)
        beat_at = 0.0
        while not channel.is_closed:
            frames = channel.read(viewer, BEAT_SECONDS) if hub.ready.is_set() else _pause(hub)
            if time.monotonic() - beat_at > BEAT_SECONDS / 2 or not frames:
                frames, beat_at = frames + _beat(hub), time.monotonic()
            yield frames
    finally:
        channel.viewers -= 1


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
