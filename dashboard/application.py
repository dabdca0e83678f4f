"""Puts the web part together: accounts, public pages, API, live streams, staff app, health."""

from pathlib import Path
from typing import Any

import dash
from dash import Dash, dcc, html
from flask import Flask, Response, request
from prometheus_client import CollectorRegistry
from psycopg_pool import ConnectionPool
from werkzeug.middleware.proxy_fix import ProxyFix

from dashboard import (
    api,
    auth,
    downloads,
    files,
    health,
    import_upload,
    login,
    password_link,
    public,
    stream,
    transfer,
    unavailable,
)
from dashboard.deps import Deps
from dashboard.i18n import language, theme
from dashboard.live import Hub
from dashboard.pages import PAGES, Page, missing
from dashboard.pages.downloads import DOWNLOADS
from sql.database import Connection, connect
from sql.settings import Settings

ROOT = Path(__file__).parent.parent
ASSETS = ROOT / "assets"
PREFIX = "/app/"

# The look reads these before the first paint, so that no page flashes in the wrong theme.
INDEX = """<!DOCTYPE html>
<html lang="%(language)s" data-theme="%(theme)s" data-mantine-color-scheme="%(theme)s">
<head>{%%metas%%}<title>{%%title%%}</title>
<link rel="icon" href="/app/assets/favicon.svg">{%%css%%}</head>
<body>{%%app_entry%%}<footer>{%%config%%}{%%scripts%%}{%%renderer%%}</footer></body></html>"""


class StaffApp(Dash):
    """Dash whose index page knows the reader's language and theme."""

    def interpolate_index(self, **parts: Any) -> str:  # type: ignore[override]
        page = INDEX % {"language": language(), "theme": theme()}
        for name, text in parts.items():
            page = page.replace("{%" + name + "%}", text)
        return page


def build(settings: Settings, pool: ConnectionPool[Connection]) -> Flask:
    """See `dashboard.create_app`."""
    app = Flask("dashboard", static_folder=None)
    if settings.public_url:
        # a public address means a proxy before us; without one, what a client writes there is a lie
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    transfer.install(app)
    unavailable.install(app)
    deps = Deps(settings, pool)
    registry = CollectorRegistry()
    hub = Hub(
        lambda: connect(str(pool.conninfo), application_name="kilowatch hub"),
        settings.zone,
        registry,
    )
    app.extensions["kilowatch"], app.extensions["kilowatch_hub"] = deps, hub
    auth.install(app, deps)
    app.register_blueprint(login.create_blueprint(deps))
    app.register_blueprint(password_link.create_blueprint(deps))
    app.register_blueprint(public.create_blueprint(deps))
    app.register_blueprint(api.create_blueprint(deps))
    app.register_blueprint(stream.blueprint(hub))
    app.register_blueprint(files.create_blueprint())
    app.register_blueprint(downloads.create_blueprint(DOWNLOADS))
    app.register_blueprint(import_upload.create_blueprint())
    app.register_blueprint(health.blueprint(deps, hub, registry))
    staff = staff_app(app)
    app.after_request(lambda response: secured(response, staff, settings))
    return app


def staff_app(server: Flask) -> Dash:
    """The Dash app at /app/; `auth.guard` stands before every address below it."""
    staff = StaffApp(
        "dashboard",
        server=server,  # type: ignore[arg-type]
        url_base_pathname=PREFIX,
        assets_folder=str(ASSETS),
        assets_path_ignore=["public"],
        use_pages=True,
        pages_folder="",
        use_async=False,
        serve_locally=True,
        suppress_callback_exceptions=True,
        include_pages_meta=False,
        update_title="",
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    # a function: /_dash-layout would hand data of an import-time layout to anyone
    staff.layout = lambda: html.Div([dash.page_container, dcc.Store(id="live-tick")])
    for page in PAGES:
        _register(staff, page)
    dash.register_page(  # type: ignore[no-untyped-call]
        "not_found_404", path=f"{PREFIX}not-found", layout=missing.layout
    )
    return staff


def _register(staff: Dash, page: Page) -> None:
    dash.register_page(  # type: ignore[no-untyped-call]
        page.key,
        path=page.path,
        path_template=page.path_template,
        title=page.title,
        name=page.key,
        layout=page.guarded_layout,
    )
    page.register(staff)


def secured(response: Response, staff: Dash, settings: Settings) -> Response:
    """The headers every answer carries; pages may only load what we serve, or map tiles."""
    headers = response.headers
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Referrer-Policy", "same-origin")
    if settings.public_url.startswith("https:"):
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if response.mimetype == "text/html":
        headers.setdefault("Content-Security-Policy", _policy(staff, settings))
    if request.path.startswith(PREFIX + "_dash-update"):
        headers["Cache-Control"] = "no-store"
    return response


def _policy(staff: Dash, settings: Settings) -> str:
    scripts = "'self'"
    if request.path.startswith(PREFIX):
        scripts += " " + " ".join(staff.csp_hashes())
    tiles = settings.tile_url.split("{")[0] if settings.tile_url else ""
    return (
        f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline';"
        f" img-src 'self' data: blob: {tiles}; worker-src 'self' blob:; object-src 'none';"
        " base-uri 'self'; frame-ancestors 'none'"
    )
