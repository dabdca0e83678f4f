"""What people see: the staff app, public pages, the API. Reads the database, talks to nobody."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask
    from psycopg_pool import ConnectionPool

    from sql.database import Connection
    from sql.settings import Settings


def create_app(settings: "Settings", pool: "ConnectionPool[Connection]") -> "Flask":
    """The whole web part on one Flask app, with an open pool of this process."""
    # Dash and plotly take a second to import: jobs and reports that only format need not pay it
    from dashboard.application import build  # noqa: PLC0415

    return build(settings, pool)
