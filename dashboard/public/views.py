"""Views of the public pages: availability `/`, one site, one evse `/e/<public_code>`."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from dashboard.deps import Deps
from dashboard.i18n import formatter, language, t, tn
from dashboard.public import pay, receipts, words
from dashboard.public.geo import marks, view_of
from dashboard.public.network import Places
from dashboard.public.places import (
    PLUGS,
    POWERS_KW,
    Evse,
    Found,
    Wish,
    find,
    plug_summary,
    read_wish,
)
from dashboard.public.responses import address, harden, public_file
from dashboard.public.scan import scan
from dashboard.public.states import state_of

ON_A_PAGE = 40
ON_THE_MAP = 12  # nearest sites that decide what a map around the driver shows


def create_blueprint(deps: Deps) -> Blueprint:
    """/, /site/<id>, /e, /e/<code>, /public/<file>; and the context of all server-made pages."""
    routes = Blueprint("public", __name__, template_folder="templates")
    places = Places(deps)
    routes.add_url_rule("/", "availability", partial(_availability, places))
    routes.add_url_rule("/site/<int:site_id>", "site", partial(_site, places))
    routes.add_url_rule("/e", "code", _code)
    routes.add_url_rule("/e/<code>", "evse", partial(scan, deps, places))
    pay.add_routes(routes, deps, places)
    receipts.add_routes(routes, deps, places)
    routes.add_url_rule("/public/<name>", "file", public_file)
    routes.add_url_rule("/favicon.ico", "favicon", partial(public_file, "favicon.svg"))
    routes.app_context_processor(partial(_context, places))
    routes.after_request(harden)
    for status in (400, 403, 404, 405, 429):
        routes.register_error_handler(status, pay.refusal)
    return routes


def _context(places: Places) -> dict[str, Any]:
    return {
        "t": t, "tn": tn, "form_of": formatter, "language": language(), "address": address,
        "operator": places.operator, "state_of": state_of, "plug_name": plug_name,
        "summary": plug_summary, "words": words, "part": request.args.get("part") == "1",
        "price_of": partial(_price_of, places), "here_path": request.full_path.rstrip("?"),
    }  # fmt: skip


def plug_name(plug: str) -> str:
    """CCS and CHAdeMO are names; only Type 2 is translated."""
    return t(PLUGS[plug][0]) if plug == "t2" else PLUGS[plug][0] if plug else t("Other connector")


def _price_of(places: Places, evses: Iterable[Evse]) -> str:
    """The price per kWh of evses in a row of a list: `4,99 kr/kWh`, `from 3,49 kr/kWh`, or none."""
    prices, zone = places.prices(), formatter()
    known = [row for evse in evses if (row := prices.get(evse.key))]
    if not known:
        return ""
    lowest = min(known, key=lambda row: row["energy_per_kwh_incl_vat"])
    said = words.rate(zone, lowest["energy_per_kwh_incl_vat"], lowest["currency"], "/kWh")
    several = any(
        row["energy_per_kwh_incl_vat"] != lowest["energy_per_kwh_incl_vat"] for row in known
    )
    return t("from {start}", start=said) if several else said


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


def _page(template: str, status: int, **values: Any) -> Response:
    zone = values["place"].zone if "place" in values else None
    form = formatter(zone)
    page = render_template(template, form=form, now=datetime.now(UTC), **values)
    return make_response(page, status)
