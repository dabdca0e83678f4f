"""Views of the public pages: availability `/`, one site, one evse `/e/<public_code>`."""

import threading
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import partial
from time import monotonic
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from dashboard.deps import Deps
from dashboard.i18n import formatter, language, t, tn
from dashboard.public.geo import marks, view_of
from dashboard.public.places import (
    PLUGS,
    POWERS_KW,
    Evse,
    Found,
    Place,
    Wish,
    bare_code,
    find,
    group,
    nearest_free,
    plug_summary,
    read_wish,
    same_code,
)
from dashboard.public.responses import address, harden, public_file
from dashboard.states import driver_state
from sql.queries import load_queries

queries = load_queries("public")
KEPT_SECONDS = 1.0
READING_SHARE = 0.05  # of the time; the pages that are open hear of changes by the live stream
ON_A_PAGE = 40
ON_THE_MAP = 12  # nearest sites that decide what a map around the driver shows
SUGGESTIONS = 3


class Places:
    """All places, read at most once a second: any number of visitors costs one query.

    A network so large that reading takes long is read less often.
    """

    def __init__(self, deps: Deps) -> None:
        self._deps, self._lock = deps, threading.Lock()
        self._read_again_at, self._places, self._operator = 0.0, list[Place](), ""

    def all(self) -> list[Place]:
        with self._lock:
            if monotonic() >= self._read_again_at:
                self._read()
            return self._places

    def operator(self) -> str:
        self.all()
        return self._operator

    def evse(self, code: str) -> tuple[Place, Evse] | None:
        """The evse with this code, as a person may type it."""
        pairs = ((place, evse) for place in self.all() for evse in place.evses)
        return next((pair for pair in pairs if same_code(pair[1].code, code)), None)

    def codes(self) -> dict[str, str]:
        """Codes without dashes -> codes as they stand on the chargers."""
        evses = (evse for place in self.all() for evse in place.evses)
        return {bare_code(evse.code): evse.code for evse in evses if evse.code}

    def _read(self) -> None:
        begun = monotonic()
        with self._deps.connection() as connection:
            self._places = group(queries.places(connection))
        self._operator = self._name()
        now = monotonic()
        self._read_again_at = now + max(KEPT_SECONDS, (now - begun) / READING_SHARE)

    def _name(self) -> str:
        with self._deps.pool.connection() as connection:
            return str(queries.operator_name(connection) or "Kilowatch")


def create_blueprint(deps: Deps) -> Blueprint:
    """/, /site/<id>, /e, /e/<code>, /public/<file>; and the context of all server-made pages."""
    routes = Blueprint("public", __name__, template_folder="templates")
    places = Places(deps)
    routes.add_url_rule("/", "availability", partial(_availability, places))
    routes.add_url_rule("/site/<int:site_id>", "site", partial(_site, places))
    routes.add_url_rule("/e", "code", _code)
    routes.add_url_rule("/e/<code>", "evse", partial(_evse, places))
    routes.add_url_rule("/public/<name>", "file", public_file)
    routes.add_url_rule("/favicon.ico", "favicon", partial(public_file, "favicon.svg"))
    routes.app_context_processor(partial(_context, places))
    routes.after_request(harden)
    return routes


def _context(places: Places) -> dict[str, Any]:
    return {
        "t": t, "tn": tn, "form_of": formatter, "language": language(), "address": address,
        "operator": places.operator, "state_of": _state_of, "plug_name": plug_name,
        "summary": plug_summary, "here_path": request.full_path.rstrip("?"),
    }  # fmt: skip


def plug_name(plug: str) -> str:
    """CCS and CHAdeMO are names; only Type 2 is translated."""
    return t(PLUGS[plug][0]) if plug == "t2" else PLUGS[plug][0] if plug else t("Other connector")


def _state_of(evse: Evse, place: Place) -> Any:
    form = formatter(place.zone)
    now = datetime.now(UTC)
    return driver_state(
        evse.state, form, charging_state=evse.charging_state, since=evse.since, now=now
    )


def _availability(places: Places) -> AnyResponse:
    wish = read_wish(request.args, request.args.getlist("plug"))
    if wish.text and (exact := places.evse(wish.text)):
        return redirect(f"/e/{exact[1].code}")
    found = find(places.all(), wish)
    shown = max(1, request.args.get("page", 1, type=int)) * ON_A_PAGE
    return _page("availability.html", 200, wish=wish, found=found[:shown], total=_counts(found),
                 rest=len(found) - shown, more=_more(), plugs=PLUGS, powers=POWERS_KW,
                 **_map(found, wish))  # fmt: skip


def _counts(found: list[Found]) -> tuple[int, int]:
    return sum(one.free for one in found), sum(len(one.evses) for one in found)


def _more() -> str:
    """The same question, one page further."""
    arguments = [(k, v) for k, v in request.args.items(multi=True) if k != "page"]
    arguments.append(("page", str(max(1, request.args.get("page", 1, type=int)) + 1)))
    return "/?" + urlencode(arguments)


def _map(found: list[Found], wish: Wish) -> dict[str, Any]:
    """The map's view and marks: around the driver if we know where, else around what was found."""
    inside = found[:ON_THE_MAP] if wish.here else found
    points = [one.place.position for one in inside] + [wish.here]
    view = view_of([point for point in points if point])
    here = view.place(*wish.here) if wish.here else None
    return {"view": view, "marks": marks(found, view), "here": here}


def _site(places: Places, site_id: int) -> AnyResponse:
    place = next((one for one in places.all() if one.site_id == site_id), None)
    if place is None:
        return _page("missing.html", 404)
    return _page("site.html", 200, place=place, found=Found(place, place.evses))


def _code() -> AnyResponse:
    """The form on the wrong-code page."""
    return redirect("/e/" + request.args.get("code", "").strip().replace("/", "")[:20])


def _evse(places: Places, code: str) -> AnyResponse:
    found = places.evse(code)
    if found is None:
        codes = places.codes()
        close = get_close_matches(bare_code(code), codes, SUGGESTIONS, cutoff=0.7)
        example = next(iter(codes.values()), "AB-1234")
        return _page("wrong_code.html", 404, code=code[:20], example=example,
                     near=[codes[one] for one in close])  # fmt: skip
    place, evse = found
    if code != evse.code:
        return redirect(f"/e/{evse.code}")
    others = nearest_free(places.all(), place, evse, 1 + SUGGESTIONS)
    return _page("evse.html", 200, place=place, evse=evse, state=_state_of(evse, place),
                 others=others)  # fmt: skip


def _page(template: str, status: int, **values: Any) -> Response:
    zone = values["place"].zone if "place" in values else None
    form = formatter(zone)
    page = render_template(template, form=form, now=datetime.now(UTC), **values)
    return make_response(page, status)
