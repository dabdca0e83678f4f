"""What a search found in words, with the way to each: only where the reader's role leads."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice, zip_longest
from urllib.parse import quote, urlencode

from flask_login import current_user

from dashboard import search
from dashboard.data import Row
from dashboard.i18n import formatter, mark, t, tn
from dashboard.pages.frame import COMMANDING, may_open
from dashboard.pages.incident_words import kind_words, shape
from dashboard.pages.ledger_words import state_shape, state_words
from dashboard.pages.station_words import identity
from dashboard.search import Found
from dashboard.states import STATES, staff_words, state_word

# kind -> its word and icon
KINDS = {
    "evse": (mark("Evse"), "station"),
    "station": (mark("Station"), "station"),
    "site": (mark("Site"), "board"),
    "town": (mark("Town"), "board"),
    "session": (mark("Session"), "energy"),
    "payment": (mark("Payment"), "revenue"),
    "receipt": (mark("Receipt"), "receipts"),
    "incident": (mark("Incident"), "incidents"),
    "token": (mark("Id token"), "drivers"),
}
RUNNING = ("authorised", "start_requested", "charging", "stopping")
SUGGESTED = 8
LISTED = 20


@dataclass(frozen=True)
class Hit:
    """One thing. `shape` is a state's; `ways` are more (words, address) than its own."""

    kind: str
    label: str
    href: str
    detail: str = ""
    shape: str = ""
    ways: tuple[tuple[str, str], ...] = ()


def suggestions(text: str) -> list[dict[str, str]]:
    """The few best, as assets/staff/search.js shows them."""
    found = hits(text, 5)
    # the first of each kind, then the second of each: no kind crowds out the others
    by_kind = [[hit for hit in found if hit.kind == kind] for kind in KINDS]
    best = [hit for hit in chain.from_iterable(zip_longest(*by_kind)) if hit is not None]
    chosen = sorted(islice(best, SUGGESTED), key=found.index)
    return [
        {"label": hit.label, "href": hit.href, "detail": hit.detail, "shape": hit.shape,
         "kind": t(KINDS[hit.kind][0]), "icon": KINDS[hit.kind][1]}
        for hit in chosen
    ]  # fmt: skip


def hits(text: str, at_most: int = LISTED) -> list[Hit]:
    """Everything that fits and that the reader may open, in the order of KINDS."""
    money = may_open("/app/payments")
    found = search.find(search.asked(text), at_most, money=money)
    return [hit for hit in _all(found) if may_open(hit.href)]


def _all(found: Found) -> Iterator[Hit]:
    yield from map(_evse, found.evses)
    yield from map(_station, found.stations)
    yield from map(_site, found.sites)
    yield from map(_town, found.towns)
    yield from map(_session, found.sessions)
    yield from map(_payment, found.payments)
    # a receipt of a payment that is shown anyway says nothing new
    shown = {row["reference"] for row in found.payments}
    yield from (_receipt(row) for row in found.receipts if row["reference"] not in shown)
    yield from map(_incident, found.incidents)
    # tokens say who charged: whole ones are for those who help drivers
    if current_user.has_role(*COMMANDING):
        yield from map(_token, found.tokens)


def station_href(station_id: str, evse_id: int | None = None) -> str:
    """The page of a station, with the commands aimed at one of its evses."""
    path = f"/app/station/{quote(station_id, safe='')}"
    return f"{path}?evse={evse_id}" if evse_id else path


def _evse(row: Row) -> Hit:
    form, now = formatter(), datetime.now(UTC)
    words = staff_words(row["state"], form, power_w=row["power_w"], error_code=row["error_code"],
                        charging_state=row["charging_state"], since=row["state_since"],
                        now=now)  # fmt: skip
    where = _joined(row["station_id"], t("evse {n}", n=row["evse_id"]), row["site"])
    running = _running_words(row) if row["session_id"] else ""
    ways = _ways(row["session_id"])
    return Hit("evse", row["public_code"], station_href(row["station_id"], row["evse_id"]),
               _joined(where, words, running), row["state"], ways)  # fmt: skip


def _running_words(row: Row) -> str:
    form = formatter()
    return t("since {time}, {energy}", time=form.since(row["started_at"], datetime.now(UTC)),
             energy=form.kwh(row["energy_wh"]))  # fmt: skip


def _station(row: Row) -> Hit:
    states = row["states"] or []
    nothing = "unknown" if row["has_connected"] else "unconnected"
    worst = min(states, key=STATES.index, default=nothing)
    model = " ".join(part for part in (row["vendor"], row["model"]) if part)
    return Hit("station", row["station_id"], station_href(row["station_id"]),
               _joined(row["site"], row["city"], state_word(worst), model), worst)  # fmt: skip


def _site(row: Row) -> Hit:
    stations = tn("{n} station", "{n} stations", row["stations"])
    return Hit("site", row["name"], f"/app/stations?site={row['site_id']}",
               _joined(row["address"], row["city"], stations))  # fmt: skip


def _town(row: Row) -> Hit:
    return Hit("town", row["city"], f"/app/stations?{urlencode({'q': row['city']})}",
               tn("{n} site", "{n} sites", row["sites"]))  # fmt: skip


def _session(row: Row) -> Hit:
    """A running one leads to where it can be stopped, one that is over to what is known of it."""
    form, now = formatter(), datetime.now(UTC)
    station = station_href(row["station_id"], row["evse_id"])
    own = f"/app/session/{row['session_id']}"
    is_running = row["ended_at"] is None
    href = own if not is_running and may_open(own) else station
    begun = form.since(row["started_at"], now)
    length = t("running") if is_running else form.time(row["ended_at"])
    detail = _joined(row["site"], t("evse {n}", n=row["evse_id"]), f"{begun} \u2013 {length}",
                     form.kwh(row["energy_wh"]), identity(row["id_token"]))  # fmt: skip
    label = t("Session {number}, {station}", number=row["session_id"], station=row["station_id"])
    shape = "charging" if is_running else "finished" if row["energy_wh"] >= 100 else "faulted"
    return Hit("session", label, href, detail, shape, _ways(row["session_id"], station))


def _payment(row: Row) -> Hit:
    """While it runs it leads to the station, where it can be stopped and unlocked."""
    form = formatter()
    own = f"/app/payments?{urlencode({'payment': row['reference']})}"
    amount = row["captured"] or row["cost"] or row["hold"]
    card = f"\u2022\u2022\u2022\u2022\u00a0{row['card_last4']}" if row["card_last4"] else ""
    label = _joined(row["reference"], card, form.money(amount, row["currency"]))
    station = row["station_id"] and station_href(row["station_id"], row["evse_id"])
    href = station if station and row["state"] in RUNNING else own
    detail = _joined(form.since(row["created_at"], datetime.now(UTC)),
                     row["site"] or row["station_id"], row["public_code"],
                     state_words(row["state"], row["failure"]))  # fmt: skip
    more = [(t("Payment"), own), *([(t("To the station"), station)] if station else [])]
    ways = tuple(way for way in more if way[1] != href) + _ways(row["session_id"])
    return Hit("payment", label, href, detail, state_shape(row["state"]), ways)


def _receipt(row: Row) -> Hit:
    form = formatter()
    where = (
        {"payment": row["reference"]} if row["reference"] else {"session": row["session_id"] or ""}
    )
    kind = t("Credit note") if row["is_credit"] else t("Receipt")
    return Hit("receipt", f"{kind} {row['shown_number']}", f"/app/ledger?{urlencode(where)}",
               _joined(form.stamp(row["issued_at"], seconds=False),
                       form.money(row["gross"], row["currency"])))  # fmt: skip


def _incident(row: Row) -> Hit:
    form, now = formatter(), datetime.now(UTC)
    over = t("over") if row["resolved_at"] else t("open")
    label = t("Incident {number}: {what}", number=row["incident_id"], what=kind_words(row["kind"]))
    words = _joined(row["site"], row["station_id"], form.since(row["opened_at"], now), over)
    return Hit("incident", label, f"/app/incident/{row['incident_id']}", words,
               "finished" if row["resolved_at"] else shape(row["kind"]))  # fmt: skip


def _token(row: Row) -> Hit:
    """Its sessions: what is found for the whole of it."""
    return Hit("token", row["id_token"], f"/app/search?{urlencode({'q': row['id_token']})}",
               t("Registered, its sessions"))  # fmt: skip


def _ways(session_id: int | None, station: str = "") -> tuple[tuple[str, str], ...]:
    ways = [(t("To the station"), station)] if station else []
    if session_id:
        ways.append((t("All about the session"), f"/app/session/{session_id}"))
    return tuple(way for way in ways if may_open(way[1]))


def _joined(*parts: str | None) -> str:
    return " \u00b7 ".join(part for part in parts if part)
