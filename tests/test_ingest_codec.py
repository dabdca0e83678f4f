"""Frames: what is read, what is refused and how, in each version's own words."""

import json
from typing import Any

import msgspec
import pytest
from ocpp_messages import start16, values16

from ingest.codec import (
    Answer,
    Call,
    CallError,
    actions,
    check,
    decode_frame,
    encode_error,
    problem,
    validator,
)


def refusal(version: Any, action: str, payload: str) -> tuple[str, str | None]:
    """The code on the wire, and the field that the details name."""
    with pytest.raises(CallError) as caught:
        check(Call("7", action, msgspec.Raw(payload.encode())), version)
    frame = json.loads(encode_error(caught.value, version))
    assert frame[:2] == [4, "7"]
    assert len(frame) == 5
    return frame[2], frame[4].get("field")


def test_a_call_is_read_without_decoding_its_payload() -> None:
    call = decode_frame(b'[2, "1", "Heartbeat", {"x": 1}]')
    assert isinstance(call, Call)
    assert (call.message_id, call.action, bytes(call.payload)) == ("1", "Heartbeat", b'{"x": 1}')


def test_answers_to_our_calls_are_read() -> None:
    assert decode_frame(b'[3, "1", {}]') == Answer("1", {})
    refused = Answer("1", {"a": 1}, "InternalError", "no")
    assert decode_frame(b'[4, "1", "InternalError", "no", {"a": 1}]') == refused
    assert decode_frame(b'[4, "1", "InternalError"]') == Answer("1", {}, "InternalError")


@pytest.mark.parametrize(
    "frame",
    [
        b"", b"hello", b"\xff\xfe", b"{}", b"null", b"2", b"[]", b"[2]", b'[2, 5, "Heartbeat", {}]',
        b'[2, null, "Heartbeat", {}]', b'[2, "", "Heartbeat", {}]', b'[3, "1"]', b'[4, "1"]',
        b'[2, "' + b"a" * 256 + b'", "Heartbeat", {}]', b"[" * 100_000, b'[2, "1", "\\ud800", {}]',
    ],
)  # fmt: skip
def test_frames_without_a_readable_message_id_have_nobody_to_answer(frame: bytes) -> None:
    with pytest.raises(CallError) as caught:
        decode_frame(frame)
    assert caught.value.message_id is None


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b'[5, "1", "Heartbeat", {}]', "MessageTypeNotSupported"),
        (b'["2", "1", "Heartbeat", {}]', "MessageTypeNotSupported"),
        (b'[2, "1"]', "RpcFrameworkError"),
        (b'[2, "1", "Heartbeat"]', "RpcFrameworkError"),
        (b'[2, "1", 5, {}]', "RpcFrameworkError"),
        (b'[2, "1", "Heartbeat", {}, {}]', "RpcFrameworkError"),
    ],
)
def test_frames_with_a_message_id_are_refused_by_it(frame: bytes, code: str) -> None:
    with pytest.raises(CallError) as caught:
        decode_frame(frame)
    assert (caught.value.message_id, caught.value.code) == ("1", code)


def test_1_6_has_its_own_spelling_of_codes() -> None:
    payload = '{"connectorId": 1, "idTag": "A", "timestamp": "2026-01-01T00:00:00Z"}'
    missing = ("OccurenceConstraintViolation", "meterStart")
    assert refusal("1.6", "StartTransaction", payload) == missing
    surplus = json.dumps({**start16(1), "note": "hi"})
    assert refusal("1.6", "StartTransaction", surplus) == ("FormationViolation", "note")
    assert refusal("1.6", "StartTransaction", json.dumps(start16("1")))[0] == (
        "TypeConstraintViolation"
    )
    long = json.dumps(start16(1, tag="A" * 21))
    assert refusal("1.6", "StartTransaction", long) == ("PropertyConstraintViolation", "idTag")


def test_2_0_1_has_its_own_spelling_of_codes() -> None:
    missing = ("OccurrenceConstraintViolation", "chargingStation")
    assert refusal("2.0.1", "BootNotification", '{"reason": "PowerUp"}') == missing
    assert refusal("2.0.1", "Heartbeat", '{"note": 1}') == ("FormatViolation", "note")


def test_the_field_is_named_with_its_path() -> None:
    payload = json.dumps(values16([{"value": 5}]))
    named = ("TypeConstraintViolation", "meterValue.0.sampledValue.0.value")
    assert refusal("1.6", "MeterValues", payload) == named


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize("payload", ["[]", "null", "5", '"x"'])
def test_a_payload_is_an_object(version: str, payload: str) -> None:
    assert refusal(version, "Heartbeat", payload)[0] == "TypeConstraintViolation"


@pytest.mark.parametrize("depth", [300, 2000, 100_000])
def test_deep_payloads_are_refused_and_cost_no_stack(depth: int) -> None:
    payload = '{"vendorId": "x", "data": ' + "[" * depth + "]" * depth + "}"
    assert refusal("1.6", "DataTransfer", payload)[0] == "FormationViolation"


def test_what_is_no_action_is_not_looked_for_on_disk_nor_remembered() -> None:
    for action in ("A" * 100_000, "HeartbeatResponse", "../Heartbeat", "heartbeat", "Reset\0"):
        assert refusal("1.6", action, "{}") == ("NotImplemented", None)
        assert validator("1.6", action) is None
    assert {"Heartbeat", "Reset", "SecurityEventNotification"} <= actions("1.6")
    assert "HeartbeatRequest" not in actions("2.0.1")


def test_every_schema_of_every_version_compiles() -> None:
    for version in ("1.6", "2.0.1", "2.1"):
        for action in actions(version):
            assert validator(version, action) is not None
            assert validator(version, action, response=True) is not None


def test_nul_characters_are_left_out_wherever_they_hide() -> None:
    payload = rb'{"vendorId": "a\u0000b", "data": "\u0000"}'
    assert check(Call("1", "DataTransfer", msgspec.Raw(payload)), "1.6") == {
        "vendorId": "ab",
        "data": "",
    }
    assert decode_frame(rb'[3, "1", {"a\u0000": ["\u0000b"]}]') == Answer("1", {"a": ["b"]})


def test_an_escaped_backslash_before_u0000_is_text() -> None:
    payload = rb'{"vendorId": "\\u0000"}'
    assert check(Call("1", "DataTransfer", msgspec.Raw(payload)), "1.6") == {"vendorId": r"\u0000"}


def test_our_own_calls_are_checked_by_the_station_s_version() -> None:
    assert problem("1.6", "Reset", {"type": "Hard"}) is None
    assert problem("2.0.1", "Reset", {"type": "Immediate"}) is None
    assert problem("1.6", "RequestStartTransaction", {}) == (
        "action: OCPP 1.6 has no RequestStartTransaction"
    )
    assert "payload.type" in (problem("1.6", "Reset", {"type": "Immediate"}) or "")
    assert '"type" is a required' in (problem("1.6", "Reset", {}) or "")
    assert "'now' was unexpected" in (problem("1.6", "Reset", {"type": "Hard", "now": True}) or "")


@pytest.mark.parametrize("limit", [16, 21.4, 6.1, 0.3])
def test_limits_with_one_decimal_pass_as_multiples_of_a_tenth(limit: float) -> None:
    schedule = {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
    }
    profile = {
        "chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute", "chargingSchedule": schedule,
    }  # fmt: skip
    payload = {"connectorId": 1, "csChargingProfiles": profile}
    assert problem("1.6", "SetChargingProfile", payload) is None
