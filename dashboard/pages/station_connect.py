"""How a station that has never connected gets there: address, user name, versions; no password."""

from ipaddress import ip_address
from urllib.parse import quote, urlsplit

from dash import html
from flask import request

from dashboard.components import Child, button, facts, panel
from dashboard.data import Station, deps
from dashboard.i18n import t
from sql.settings import Settings

VERSIONS = "ocpp1.6, ocpp2.0.1"


def instructions(found: Station) -> Child:
    """What to type into the station; nothing once it has been in contact."""
    if found.has_connected:
        return None
    station_id = found.row["station_id"]
    address = ocpp_address(deps().settings, request.host, station_id)
    pairs: list[tuple[str, Child]] = [
        (t("Address"), _copied(address)),
        (t("User name"), _copied(station_id)),
        (t("Password"), t("The one it was added with. It is never shown; set a new one with")),
        ("", html.Span(f"python app.py station password {station_id}", className="mono")),
        (t("Subprotocol"), html.Span(VERSIONS, className="mono")),
    ]
    words = t("The station shows up here by itself with its first message.")
    body = html.Div([facts(pairs), html.P(words, className="mut")], className="pb connect")
    return panel(t("How to connect it"), body)


def _copied(text: str) -> Child:
    copy = button(t("Copy"), "copy", kind="ghost copy")
    return html.Span([html.Pre(text, className="mono"), copy], className="copied")


def ocpp_address(settings: Settings, host: str, station_id: str) -> str:
    """Where the station connects to.

    When stations are heard on all addresses it is the one that people use: PUBLIC_URL's, else the
    `host` of this very page.
    """
    name = settings.ocpp_host
    if _everywhere(name):
        name = urlsplit(settings.public_url or f"//{host}").hostname or host
    if ":" in name:
        name = f"[{name}]"
    scheme = "wss" if settings.tls_cert else "ws"
    return f"{scheme}://{name}:{settings.ocpp_port}/ocpp/{quote(station_id, safe='')}"


def _everywhere(name: str) -> bool:
    try:
        return ip_address(name).is_unspecified
    except ValueError:
        return False  # a name
