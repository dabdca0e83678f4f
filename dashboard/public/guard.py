"""Who may post to pages that need no login: only our own pages, and nobody without end."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from flask import abort, current_app, request

from dashboard.deps import Deps
from sql.queries import load_queries

queries = load_queries("driver")
KEPT = timedelta(days=1)
# purpose -> at most so many within so many minutes. Phones of one mobile operator share addresses,
# so these stop machines, not people who try again.
LIMITS = {
    "pay": (60, 10), "report": (10, 10), "mail": (20, 60), "file": (60, 10), "login": (40, 60),
    "login_mail": (3, 15), "tag": (20, 60), "card": (30, 60),
}  # fmt: skip


def own_page_only(deps: Deps) -> None:
    """403 for a form of another site. Browsers say where a post comes from; the cookie's
    SameSite=Lax keeps strangers' forms without it anyway."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return None if site in ("same-origin", "none") else abort(403)
    origin = request.headers.get("Origin")
    ours = {request.host, urlsplit(deps.settings.public_url).netloc}
    if origin is not None and urlsplit(origin).netloc not in ours - {""}:
        abort(403)
    return None


def not_too_often(deps: Deps, purpose: str, caller: str | None = None) -> None:
    """429 when an address (or another caller) asks for this too often."""
    at_most, minutes = LIMITS[purpose]
    began = _window(datetime.now(UTC), minutes)
    with deps.pool.connection() as connection:
        asked = queries.count_request(
            connection, caller=_hashed(caller or _network()), purpose=purpose, began_at=began
        )
        if asked == 1:
            queries.forget_requests(connection, before=began - KEPT)
    if asked > at_most:
        abort(429)


def _window(now: datetime, minutes: int) -> datetime:
    return now.replace(minute=now.minute - now.minute % minutes, second=0, microsecond=0)


def _network() -> str:
    """The caller's address; of IPv6 the network that one household or phone has."""
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        return str(int(address) >> 64)
    return str(address)


def _hashed(caller: str) -> bytes:
    """Counts need no addresses: a keyed hash tells callers apart and names nobody."""
    key = str(current_app.secret_key).encode()
    return hmac.digest(key, caller.encode(), hashlib.sha256)[:16]
