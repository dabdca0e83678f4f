"""`app.py simulate`: the fleet, its tokens and its panel in one process."""

import asyncio
import signal
from contextlib import AsyncExitStack, suppress

from ingest.server import loop_factory
from ingest.simulator.controls import Controls
from ingest.simulator.fleet import run_fleet
from ingest.simulator.panel import serve_panel
from ingest.simulator.seed import id_tokens, register, specs
from ingest.simulator.spec import VirtualStationSpec
from sql.database import Connection


def simulate(
    connection: Connection,
    secret_key: str,
    *,
    url: str,
    stations: int,
    speed: float,
    seed: int,
    panel_port: int,
) -> None:
    """Register the network, then play its first `stations` stations until SIGTERM or Ctrl-C.

    Raises OSError when the panel's port is taken.
    """
    sites = register(connection, secret_key)
    played = specs(connection, sites, secret_key)[:stations]
    names = {site.site_id: site.name for site in sites}
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_play(played, names, url, speed, seed, panel_port))


async def _play(
    played: list[VirtualStationSpec],
    names: dict[str, str],
    url: str,
    speed: float,
    seed: int,
    panel_port: int,
) -> None:
    controls = Controls()
    here = {spec.site_id: names[spec.site_id] for spec in played}
    async with AsyncExitStack() as stack:
        if panel_port:
            await stack.enter_async_context(await serve_panel(controls, here, port=panel_port))
        fleet = asyncio.create_task(
            run_fleet(played, url, speed=speed, seed=seed, id_tokens=id_tokens(), controls=controls)
        )
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, fleet.cancel)
        with suppress(asyncio.CancelledError):
            await fleet
