"""Looks for what nobody reports: silence, dark sites, faults; and gathers alerts into incidents.

Incidents are rows; the database arbitrates between watchdogs (one open incident per kind and
site, one open alert per kind and evse).
"""

from sql.database import Connection
from sql.queries import load_queries

queries = load_queries("watchdog")

# Contact that comes back sooner was a blink of the network
OFFLINE_GRACE_SECONDS = 20
DARK_GRACE_SECONDS = 8
# A deliberate restart of ours is over by then
RESTART_SECONDS = 10
# Stations back off for minutes before they try again
RETURN_GRACE_SECONDS = 300


def watch(connection: Connection) -> None:
    """One round; each step is a statement that can be repeated."""
    queries.expire_leases(connection)
    queries.expire_silence(connection)
    queries.end_our_outage(connection, grace_seconds=RETURN_GRACE_SECONDS)
    queries.raise_offline(connection, grace_seconds=OFFLINE_GRACE_SECONDS)
    queries.raise_faults(connection)
    queries.resolve_offline(connection)
    queries.resolve_faults(connection)
    queries.open_platform_outage(connection, grace_seconds=RESTART_SECONDS)
    queries.open_dark_sites(connection, grace_seconds=DARK_GRACE_SECONDS)
    queries.open_station_incidents(connection)
    queries.gather_alerts(connection)
    queries.resolve_incidents(connection)
