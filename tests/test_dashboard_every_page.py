"""Every staff page, from the register, asked for what nobody should ask: it answers anyway."""

import pytest

from dashboard.auth import ROLES
from sql.database import Connection
from tests.addresses import addresses
from tests.staff import page, signed_in, staff_app
from tests.web import ALICE, add_evse, add_site, add_user

MARKUP = "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"
ODD = (
    "",
    "?from=2026-10-31&until=2026-10-01",  # upside down
    "?from=1990-01-01&until=2040-12-31",  # fifty years
    "?from=yesterday&until=2026-02-30&range=forever&grain=second&month=2026-13",
    "?site=999999&station=NOPE&evse=0&session=999999999999999999999&incident=-1",
    "?site=site:1&compare=site:999999&sort=random&show=everything&by=colour&cursor=x",
    f"?q={MARKUP}&station={MARKUP}&site={MARKUP}&compare={MARKUP}&range={MARKUP}",
    "?q=" + "9" * 5000 + "&site=%00&station=%F0%9F%94%8C&until=9999-12-31&from=0001-01-01",
)


@pytest.mark.parametrize("role", ROLES)
def test_odd_addresses_break_no_page_for_no_role(
    database: str, connection: Connection, role: str
) -> None:
    add_user(connection, ALICE, role)
    add_evse(connection, add_site(connection, "\u00d6desh\u00f6g E4"), "ODH-01", "K7-0001")
    with staff_app(database) as app:
        client = signed_in(app)
        for address in addresses(connection):
            for search in ODD if role == "admin" else ODD[:1]:
                text = page(client, address.path, search)
                assert "dangerously_allow_html" not in text
                assert "Error loading" not in text, f"{address.path}{search}"
