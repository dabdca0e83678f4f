"""An address that leads nowhere."""

from typing import Any

from dashboard.components import Child, error_state
from dashboard.i18n import t
from dashboard.pages.frame import frame


def layout(**_parts: Any) -> Child:
    """Says so, and offers the board."""
    note = error_state(t("There is no such page"), t("The board shows where everything is."),
                       retry_href="/app/")  # fmt: skip
    return frame("", t("Not found"), [note])
