"""Sites: added and changed."""

from collections.abc import Mapping
from typing import Any

import psycopg

from sql import fields
from sql.admin import audit, queries
from sql.database import Connection
from sql.fields import FieldError, FormError, RefusedError, read_form

CHECKS: dict[str, fields.Check] = {
    "name": fields.plain(200),
    "address": fields.plain(200),
    "city": fields.plain(100),
    "country": fields.country,
    "latitude": fields.degrees(90),
    "longitude": fields.degrees(180),
    "time_zone": fields.time_zone,
    "grid_limit_w": fields.watts(1000),
    "help_phone": fields.phone,
}


def read_site(form: Mapping[str, str]) -> dict[str, Any]:
    """A site as a form says it (grid limit in kW); a name, a country and a time zone there must
    be. Raises FormError."""
    site = read_form(form, CHECKS, needed=("name", "country", "time_zone"))
    if (site["latitude"] is None) != (site["longitude"] is None):
        missing = "latitude" if site["latitude"] is None else "longitude"
        raise FormError({missing: FieldError(missing, "", "both coordinates, or none")})
    return site


def put_site(
    connection: Connection, actor: str, site: Mapping[str, Any], site_id: int | None = None
) -> int:
    """Change a site, or add one of the first operator's; returns its number.

    Raises FormError: another site has the name; RequestError: there is no such site.
    """
    try:
        with connection.transaction():
            before = queries.site_now(connection, site_id=site_id) if site_id else None
            if site_id and before is None:
                raise RefusedError("no site has the number {number}", number=site_id)
            found = queries.put_site(connection, site_id=site_id, **site)
            action = "site.change" if site_id else "site.add"
            if before != dict(site):
                audit(connection, actor, action, f"site {found}", before, site)
    except psycopg.errors.UniqueViolation:
        taken = FieldError("name", str(site["name"]), "a name that no other site has")
        raise FormError({"name": taken}) from None
    return int(found)


def site_named(connection: Connection, actor: str, text: str) -> int:
    """The site with that number or name; a new name becomes a new site, to be filled in later."""
    if text.isdecimal():
        if not queries.has_site(connection, site_id=int(text)):
            raise RefusedError("no site has the number {number}", number=text)
        return int(text)
    found = queries.site_by_name(connection, name=text)
    if found is None:
        found = queries.add_site(connection, name=text)
        audit(connection, actor, "site.add", f"site {found}", after={"name": text})
    return int(found)


def find_site(connection: Connection, field: str, text: str) -> int:
    """The site with that name. Raises FormError."""
    found = queries.site_by_name(connection, name=text)
    if found is None:
        raise FormError({field: FieldError(field, text, "the name of a site that is there")})
    return int(found)
