"""A strict double of the Stripe API over real HTTP, for tests, the demo and offline development.

The product talks to it as to Stripe (`StripeClient(key, base_addresses={"api": base})`) and has no
branch for it. `Double` starts it in this process; `python app.py stripe-double` on its own. What it
knows, refuses and breaks on demand is told in docs/stripe-double.md.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from billing.double.clock import Clock
    from billing.double.double import Double
    from billing.double.rules import Rules

__all__ = ["Clock", "Double", "Rules"]


def __getattr__(name: str) -> Any:
    """Imported when asked for: the SDK's typed dicts take a while, `--help` shall not."""
    if name not in __all__:
        raise AttributeError(name)
    return getattr(import_module(f"billing.double.{name.lower()}"), name)
