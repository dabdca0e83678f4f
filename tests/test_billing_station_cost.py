"""Stations are told the cost so far: where they can show it, when it changes, not too often."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.station_cost import Told, cost_command
from ingest.codec import validator

NOW = datetime(2026, 6, 1, 10, tzinfo=UTC)


def told(cost: int = 15679, version: str | None = "2.0.1", **more: Any) -> Any:
    given: dict[str, Any] = {"told": None, "now": NOW} | more
    return cost_command(version, "T-1", cost, given.pop("currency", "SEK"), **given)


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_the_payload_is_the_standard_s(version: str) -> None:
    command = told(version=version)
    assert command.payload == '{"totalCost":156.79,"transactionId":"T-1"}'
    assert (command.action, command.expires_seconds) == ("CostUpdated", 30)
    schema = validator("2.0.1", command.action)
    assert schema is not None
    schema.validate(json.loads(command.payload))


@pytest.mark.parametrize(
    ("cost", "currency", "total"), [(500, "ISK", "500"), (1500, "KWD", "1.5"), (0, "SEK", "0")]
)
def test_the_total_is_in_the_currency_s_unit(cost: int, currency: str, total: str) -> None:
    assert json.loads(told(cost, currency=currency).payload)["totalCost"] == float(total)


@pytest.mark.parametrize("version", ["1.6", None])
def test_stations_without_the_message_are_left_alone(version: str | None) -> None:
    assert told(version=version) is None


def test_it_is_told_when_it_changes_and_at_most_every_half_minute() -> None:
    last = Told(NOW, 15000)
    assert told(15000, told=last, now=NOW + timedelta(hours=1)) is None
    assert told(15679, told=last, now=NOW + timedelta(seconds=29)) is None
    assert told(15679, told=last, now=NOW + timedelta(seconds=30)) is not None


def test_the_final_cost_is_told_at_once_and_once() -> None:
    last = Told(NOW, 15000)
    assert told(15679, told=last, is_final=True) is not None
    assert told(15000, told=last, is_final=True) is None
