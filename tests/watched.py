"""A site with stations, as the watchdog sees it, and time that passes when told to."""

from datetime import UTC, datetime
from typing import Any

import pytest
from stations import rows

from ingest.watchdog import watch
from sql.database import Connection, connect

OPEN = "SELECT kind, s.name FROM incident LEFT JOIN site s USING (site_id) WHERE resolved_at IS NULL ORDER BY 1, 2"  # noqa: E501


class Network:
    """A site with stations that are online, and time that passes when told to."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.connection: Connection = connect(dsn)
        self.run("INSERT INTO site (operator_id, name) SELECT operator_id, 'Dock' FROM operator")

    def run(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return rows(self.dsn, query, *parameters)

    def add(self, station_id: str, evses: int = 1, site: str | None = "Dock") -> None:
        self.run("INSERT INTO station (station_id, site_id) VALUES (%s,"
                 " (SELECT site_id FROM site WHERE name = %s))", station_id, site)  # fmt: skip
        self.run("INSERT INTO evse (station_id, evse_id) SELECT %s, generate_series(1, %s)",
                 station_id, evses)  # fmt: skip
        self.run("INSERT INTO connector (evse_key, connector_id, status, status_at)"
                 " SELECT evse_key, 1, 'Available', now() FROM evse WHERE station_id = %s",
                 station_id)  # fmt: skip
        self.connect(station_id)

    def connect(self, *station_ids: str) -> None:
        for station_id in station_ids:
            self.run("INSERT INTO connection VALUES (%s, 'worker', 1, now() + interval '1 minute',"
                     " now()) ON CONFLICT (station_id) DO UPDATE SET epoch = connection.epoch + 1,"
                     " lease_until = excluded.lease_until, connected_at = now()",
                     station_id)  # fmt: skip
            self.run("UPDATE station SET is_online = true, offline_cause = NULL,"
                     " last_seen_at = now(), contact_changed_at = now()"
                     " WHERE station_id = %s", station_id)  # fmt: skip

    def lose(self, *station_ids: str, cause: str = "station") -> None:
        """Their sockets have closed."""
        self.run("UPDATE station SET is_online = false, offline_cause = %s,"
                 " contact_changed_at = now() WHERE station_id = ANY(%s)",
                 cause, list(station_ids))  # fmt: skip
        self.run("UPDATE connection SET lease_until = now() WHERE station_id = ANY(%s)",
                 list(station_ids))  # fmt: skip

    def wait(self, seconds: int) -> None:
        """As if everything had happened so much earlier."""
        for table, column in (
            ("station", "contact_changed_at"), ("station", "last_seen_at"),
            ("connection", "lease_until"), ("connection", "connected_at"),
        ):  # fmt: skip
            # what is held is extended meanwhile
            held = " WHERE lease_until <= now()" if column == "lease_until" else ""
            self.run(f"UPDATE {table} SET {column} = {column} - %s * interval '1 second'{held}",  # noqa: S608
                     seconds)  # fmt: skip

    def watch(self) -> list[tuple[Any, ...]]:
        """One round; the open incidents."""
        watch(self.connection, datetime.now(UTC))
        return self.run(OPEN)


@pytest.fixture
def network(database: str) -> Any:
    made = Network(database)
    yield made
    made.connection.close()
