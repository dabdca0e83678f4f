"""/healthz: the process lives. /readyz: it can do its work. /metrics: what Prometheus asks for."""

from collections.abc import Iterable

import psycopg
from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg_pool import PoolTimeout

from dashboard.deps import Deps
from dashboard.live import Hub
from sql import DatabaseError
from sql.migrate import pending
from sql.queries import load_queries

queries = load_queries("live")


def blueprint(deps: Deps, hub: Hub, registry: CollectorRegistry) -> Blueprint:
    """Health and metrics; open to all, they tell nothing about anyone."""
    routes = Blueprint("health", __name__)
    registry.register(Network(deps, hub))

    @routes.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", mimetype="text/plain")

    @routes.get("/readyz")
    def readyz() -> Response:
        problems = problems_of(deps)
        response = jsonify(ready=not problems, problems=problems)
        response.status_code = 503 if problems else 200
        return response

    @routes.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    return routes


def problems_of(deps: Deps) -> list[str]:
    """Why this process can't do its work; nothing when it can."""
    try:
        waiting = pending(str(deps.pool.conninfo))
    except (DatabaseError, psycopg.Error):
        return ["the database does not answer"]
    return [f"migration {name} is not applied" for name in waiting]


class Network(Collector):
    """What the network and its viewers are doing, counted when asked."""

    def __init__(self, deps: Deps, hub: Hub) -> None:
        self._deps, self._hub = deps, hub

    def collect(self) -> Iterable[Metric]:
        viewers = GaugeMetricFamily("kilowatch_viewers", "Open live streams", labels=["kind"])
        for channel in (self._hub.staff, self._hub.public):
            viewers.add_metric([channel.name], channel.viewers)
        yield viewers
        try:
            with self._deps.connection() as connection:
                yield from self._counted(connection)
        except (psycopg.Error, PoolTimeout):
            return

    def _counted(self, connection: psycopg.Connection[object]) -> Iterable[Metric]:
        yield _family(
            "kilowatch_stations", "Stations by contact", "contact",
            queries.count_stations(connection),
        )  # fmt: skip
        yield _family("kilowatch_evses", "Evses by state", "state", queries.count_evses(connection))
        yield _family(
            "kilowatch_commands_last_hour", "Commands of the last hour by status", "status",
            queries.count_commands(connection),
        )  # fmt: skip


def _family(name: str, help_text: str, label: str, rows: list[dict[str, object]]) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for row in rows:
        family.add_metric([str(row["label"])], float(str(row["n"])))
    return family
