"""Every address of the staff pages, from their register: a new page is walked through without being
told. Benches, accessibility and tests of a database that goes away share them."""

import re
from typing import Any, NamedTuple
from urllib.parse import quote

from dashboard.pages import PAGES, Page
from sql.database import Connection

PREFIX = "/app"
PLACE = re.compile(r"<(\w+)>")
# what stands for a name in a path's template: the first that there is
FILLED = {
    "station_id": "SELECT station_id FROM station ORDER BY contact_changed_at IS NULL, 1 LIMIT 1",
    "incident_id": "SELECT incident_id FROM incident ORDER BY resolved_at IS NOT NULL, 1 LIMIT 1",
    "session_id": "SELECT session_id FROM session WHERE ended_at IS NOT NULL"
    " ORDER BY ended_at DESC LIMIT 1",
    "site_id": "SELECT site_id FROM site ORDER BY 1 LIMIT 1",
    "payment_id": "SELECT payment_id FROM payment ORDER BY 1 DESC LIMIT 1",
    "driver_id": "SELECT driver_id FROM driver ORDER BY 1 LIMIT 1",
    "name": "SELECT 'numbers'",  # of a document of the help
}
NOBODY = "0"  # of an empty database


class Address(NamedTuple):
    """Where a page is: its key, its path with its parts filled in, and the query."""

    key: str
    path: str
    search: str = ""

    def __str__(self) -> str:
        return self.path + self.search


def addresses(connection: Connection) -> list[Address]:
    """The plain address of every registered page, in the order of the register."""
    return [of_page(connection, page) for page in PAGES]


def of_page(connection: Connection, page: Page) -> Address:
    template = page.path_template or page.path
    filled = PLACE.sub(lambda found: _value(connection, found[1]), template)
    return Address(page.key, PREFIX + filled)


def _value(connection: Connection, name: str) -> str:
    """Raises KeyError: FILLED has no query for a name of a path's template."""
    row = connection.execute(FILLED[name].encode()).fetchone()
    return quote(str(row[0]), safe="") if row else NOBODY


def layout_request(address: Address) -> dict[str, Any]:
    """What the browser posts to /app/_dash-update-component to have a page drawn."""
    location = "_pages_location"
    return {
        "output": ".._pages_content.children..._pages_store.data..",
        "outputs": [
            {"id": "_pages_content", "property": "children"},
            {"id": "_pages_store", "property": "data"},
        ],
        "inputs": [
            {"id": location, "property": "pathname", "value": address.path},
            {"id": location, "property": "search", "value": address.search},
        ],
        "changedPropIds": [f"{location}.pathname"],
    }
