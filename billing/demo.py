"""The demo's prices, told as any operator would, and its Stripe: the double."""

import hashlib
import hmac
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from billing.assignment import add_tariff, find_place
from billing.reading import Document
from sql.database import Connection
from sql.queries import load_queries
from sql.settings import PREFIX, Settings

queries = load_queries("demo")

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
MERCHANT = "Exempel Laddning"
FAST_W, FASTEST_W = 50_000, 150_000
STAY_SECONDS = 3 * 3600  # an occupancy fee begins then


def add_prices(connection: Connection) -> None:
    """Destination charging for the operator, fast charging for the stations that can; once."""
    found = connection.execute("SELECT EXISTS (SELECT FROM tariff_assignment)").fetchone()
    if found and found[0]:
        return
    queries.put_seller(
        connection, address="Exempelgatan 1\n111 11 Stockholm", email="hej@exempel.example",
        phone="+46 10 555 01 00", electricity_price=Decimal("1.92"),
    )  # fmt: skip
    add_tariff(connection, _tariff("NORMAL", "2.792"), find_place(connection), LONG_AGO)
    fast = _tariff("SNABB", "3.992", stay="96")
    fastest = _tariff("SNABBAST", "4.632", stay="96")
    rows = connection.execute(
        "SELECT station_id, max(max_power_w) FROM evse GROUP BY station_id"
        " HAVING max(max_power_w) >= %s ORDER BY station_id",
        [FAST_W],
    ).fetchall()
    for station_id, power_w in rows:
        document = fastest if power_w >= FASTEST_W else fast
        add_tariff(connection, document, find_place(connection, "station", station_id), LONG_AGO)


def _tariff(name: str, per_kwh: str, stay: str | None = None) -> Document:
    """Prices before VAT: per kWh, and per hour of staying after charging."""
    elements: list[dict[str, Any]] = [{"price_components": [_component("ENERGY", per_kwh)]}]
    if stay:
        elements.append(
            {
                "price_components": [_component("PARKING_TIME", stay)],
                "restrictions": {"min_duration": STAY_SECONDS},
            }
        )
    return {"id": name, "country_code": "SE", "party_id": "EXL", "currency": "SEK",
            "type": "AD_HOC_PAYMENT", "elements": elements,
            "last_updated": "2020-01-01T00:00:00Z"}  # fmt: skip


def _component(kind: str, price: str) -> dict[str, Any]:
    return {"type": kind, "price": Decimal(price), "vat": 25, "step_size": 1}


def double_settings(key: str, port: int) -> dict[str, str]:
    """The environment in which the demo's parts talk to the double; its secrets follow from the
    installation's key, so that a demo started again knows its past."""
    names = {
        "STRIPE_API_KEY": "sk_test_" + _secret(key, "key"),
        "STRIPE_API_BASE": f"http://127.0.0.1:{port}",
        "STRIPE_WEBHOOK_SECRET": "whsec_" + _secret(key, "webhook"),
    }
    return {PREFIX + name: value for name, value in names.items()}


def _secret(key: str, what: str) -> str:
    return hmac.new(key.encode(), f"stripe double {what}".encode(), hashlib.sha256).hexdigest()[:32]


def double_command(settings: Settings, port: int) -> list[str]:
    """How the double is started: it keeps what it knows beside the database."""
    webhook = f"http://{settings.web_host}:{settings.web_port}/stripe/webhook"
    return ["stripe-double", "--port", str(port), "--webhook-url", webhook,
            "--merchant", MERCHANT, "--database", str(double_file(settings))]  # fmt: skip


def double_file(settings: Settings) -> Path:
    return settings.data_dir / "stripe-double.sqlite"
