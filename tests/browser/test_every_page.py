"""Every staff page, from the register, where there is nothing to show."""

from typing import Any

import pytest

from sql.database import Connection
from tests.addresses import addresses
from tests.browser.walking import need_axe, problems, settled
from tests.browser.web import Web

PARTS = 2  # beside each other


@pytest.fixture(autouse=True)
def _axe() -> None:
    need_axe()


@pytest.mark.parametrize("part", range(PARTS))
def test_an_empty_installation_has_calm_pages_that_axe_accepts(
    open_page: Any, web: Web, connection: Connection, part: int
) -> None:
    connection.execute("UPDATE app_user SET role = 'admin'")
    page = open_page("/app/", reduced_motion="reduce")
    found: list[str] = []
    for address in addresses(connection)[part::PARTS]:
        page.goto(f"{web.address}{address}")
        settled(page)
        found += problems(page, str(address))
        # a page that came without its words would be calm, too
        assert len(page.locator("main").inner_text().strip()) > 20, address
    assert found == []
