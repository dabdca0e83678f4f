"""`python app.py stripe-double`: the double as a program of its own."""

import signal
import threading
from pathlib import Path
from typing import Any

import click

from billing.double.settings import KEY, SECRET
from sql.settings import PREFIX


@click.command("stripe-double")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8070, show_default=True)
@click.option(
    "--database", type=click.Path(dir_okay=False, path_type=Path),
    help="SQLite file that keeps what happened; without it all is forgotten at the end.",
)  # fmt: skip
@click.option("--webhook-url", default="", help="Where events are sent.")
@click.option(
    "--webhook-secret", default=SECRET, show_default=True, envvar=PREFIX + "STRIPE_WEBHOOK_SECRET"
)
@click.option(
    "--key", default=KEY, show_default=True, help="The API key it accepts, sk_test_...",
    envvar=PREFIX + "STRIPE_API_KEY",
)  # fmt: skip
@click.option("--public-url", default="", help="How browsers reach it, if not by its own address.")
@click.option("--merchant", default="Kilowatch", show_default=True, help="Named on its pages.")
def stripe_double(database: Path | None, merchant: str, **given: Any) -> None:
    """Be Stripe, strictly: API, Checkout page and webhooks, without any real money."""
    from billing.double import Double, Rules

    try:
        double = Double(database=database or ":memory:", rules=Rules(merchant=merchant), **given)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    with double:
        click.echo(f"KILOWATCH_STRIPE_API_BASE={double.base}")
        click.echo(f"KILOWATCH_STRIPE_API_KEY={double.key}")
        click.echo(f"KILOWATCH_STRIPE_WEBHOOK_SECRET={double.webhook_secret}")
        _wait()


def _wait() -> None:
    """Until Ctrl-C or SIGTERM."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
