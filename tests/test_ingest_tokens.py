"""Id tokens: judged as the standard says, whatever their case; guessing is slow."""

from typing import Any

import pytest
from ocpp_messages import (
    authorize,
    start16,
)
from stations import add_token, ago, serving, session

TOKENS = [
    ("Accepted", {}, "Accepted", "Accepted"), ("Blocked", {}, "Blocked", "Blocked"),
    ("Accepted", {"expires_at": "2020-01-01T00:00:00Z"}, "Expired", "Expired"),
    ("Invalid", {}, "Invalid", "Invalid"), (None, {}, "Invalid", "Unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "columns", "said16", "said201"), TOKENS)
async def test_tokens_are_judged(
    database: str, status: str | None, columns: dict[str, Any], said16: str, said201: str
) -> None:
    if status:
        add_token(database, "Tag-1", status, parent_id_token="FLEET", **columns)
    async with serving(database, "S1") as csms:
        async with csms.station() as station:
            info = (await station.call("Authorize", authorize("1.6", "TAG-1")))["idTagInfo"]
            assert info["status"] == said16
            assert info.get("parentIdTag") == ("FLEET" if status else None)
            start = start16(0, ago(minutes=5), tag="tAG-1")
            answer = await station.call("StartTransaction", start)
            assert answer["idTagInfo"]["status"] == said16
            assert answer["transactionId"] > 0
        async with csms.station("S1", "2.0.1") as station:
            info = (await station.call("Authorize", authorize("2.0.1", "TAG-1")))["idTokenInfo"]
            assert info["status"] == said201
        flags = [] if said201 == "Accepted" else [f"token_{said201.lower()}"]
        assert session(csms, "flags") == flags


async def test_one_token_charges_one_vehicle_unless_it_may_more(database: str) -> None:
    add_token(database, "ONE")
    add_token(database, "MANY", is_concurrent=True)
    async with serving(database, "S1") as csms, csms.station() as station:
        for tag, second in (("ONE", "ConcurrentTx"), ("MANY", "Accepted")):
            said = []
            for connector in (1, 2):
                start = start16(0, ago(minutes=5), connector, tag)
                answer = await station.call("StartTransaction", start)
                said.append(answer["idTagInfo"]["status"])
            assert said == ["Accepted", second]


async def test_two_starts_in_one_batch_see_each_other(database: str) -> None:
    add_token(database, "ONE")
    async with serving(database, "S1") as csms, csms.station() as station:
        starts = [station.post("StartTransaction", start16(0, ago(minutes=5), connector, "ONE"))
                  for connector in (1, 2)]  # fmt: skip
        said = [(await one)[1][2]["idTagInfo"]["status"] for one in starts]
        assert sorted(said) == ["Accepted", "ConcurrentTx"]


async def test_guessing_tokens_is_slowed_down_but_orders_are_still_obeyed(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.peer.GUESS_PAUSE", 0.5)
    async with serving(database, "S1") as csms, csms.station() as station:
        for number in range(10):
            await station.call("Authorize", authorize("1.6", f"GUESS{number}"))
        guess = station.post("Authorize", authorize("1.6", "GUESS"))
        answer = await csms.ingest.presence.peers["S1"].call("ClearCache", {})
        assert answer.payload == {"status": "Accepted"}
        assert not guess.done()
        assert (await guess)[1][2]["idTagInfo"]["status"] == "Invalid"
