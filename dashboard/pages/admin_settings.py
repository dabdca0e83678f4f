"""Settings as this web process has them, and where each comes from; secrets are only said to be
set."""

import os
from typing import Any

from dash import html

from dashboard.components import Child, Column, link, panel, table
from dashboard.data import deps
from dashboard.i18n import mark, t
from dashboard.pages.admin_frame import ADMINS, admin_page
from dashboard.pages.frame import Page, title
from sql.settings import HIDDEN, PREFIX, Settings, origins, unknown_names

ORIGINS = {"environment": mark("environment"), "default": mark("default")}


def layout(**_parameters: Any) -> Child:
    given = deps().settings
    where = origins(os.environ)
    columns = [Column(t("Setting")), Column(t("Value"), "ell"), Column(t("From"))]
    rows = [
        [
            html.Span(f"{PREFIX}{name.upper()}", className="mono"),
            shown(given, name),
            t(ORIGINS[where[name]]),
        ]
        for name in Settings.__struct_fields__
    ]
    body: list[Child] = [table(t("Settings"), columns, rows)]
    if strange := unknown_names(os.environ):
        words = t("These look like settings and are none: {names}", names=", ".join(strange))
        body.insert(0, html.P(words, className="guard said"))
    note = html.P(
        t("They are read when a process starts: change the environment and start it anew."),
        className="mut pb",
    )
    rules = link(t("Thresholds, receivers and rules of alerts"), "/app/incidents/rules")
    return admin_page("settings", [panel(t("Settings"), *body, note, right=[rules])])


def shown(given: Settings, name: str) -> Child:
    """A value for people; of a secret only whether there is one."""
    value = str(getattr(given, name))
    if name in HIDDEN:
        return html.Span(t("set, not shown") if value else t("not set"), className="mut")
    return html.Span(value, className="mono") if value else html.Span(t("empty"), className="mut")


PAGE = Page("admin_settings", "/admin/settings", title(mark("Settings")), layout, roles=ADMINS)
