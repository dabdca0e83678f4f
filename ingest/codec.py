"""OCPP-J frames: JSON text to checked payloads and back. No I/O.

Payloads are checked by the standard's own schemas (OCA's, as shipped in the `ocpp` package),
compiled by jsonschema-rs: 1.6 us for a MeterValues of eight samples, which leaves nothing for a
hand-written decoder to save.
"""

import json
from functools import cache
from importlib import resources
from typing import Any, Literal

import jsonschema_rs
import msgspec

Version = Literal["1.6", "2.0.1", "2.1"]
SUBPROTOCOLS: dict[str, Version] = {"ocpp2.0.1": "2.0.1", "ocpp1.6": "1.6"}
PACKAGES: dict[Version, str] = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}

CALL, CALLRESULT, CALLERROR = 2, 3, 4
MAX_MESSAGE_ID = 255  # 36 by the standard; longer ones are met in the field and answered
NUL = b"\\u0000"
UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)

encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


_Call = tuple[Literal[2], str, str, msgspec.Raw]
_decode_call = msgspec.json.Decoder(_Call).decode


class Call(msgspec.Struct, gc=False):
    message_id: str
    action: str
    payload: msgspec.Raw


class Answer(msgspec.Struct):
    """A CALLRESULT or, with `error_code`, a CALLERROR to one of our own CALLs."""

    message_id: str
    payload: Any
    error_code: str = ""
    description: str = ""


def without_nul(value: Any) -> Any:
    """The same without NUL characters: valid JSON, but PostgreSQL keeps them in no text."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list):
        return [without_nul(item) for item in value]
    if isinstance(value, dict):
        return {without_nul(name): without_nul(item) for name, item in value.items()}
    return value


def _read(text: bytes | msgspec.Raw) -> Any:
    value = _decode(text)
    return without_nul(value) if NUL in bytes(text) else value


class CallError(Exception):
    """A frame that must be answered with CALLERROR.

    `code` is spelled as OCPP 2.x does; `encode_error` writes it in the version's own spelling
    (1.6 J section 4.2.3, 2.0.1 part 4 section 4.3). With `message_id` None nobody can be answered.
    """

    def __init__(
        self,
        message_id: str | None,
        code: str,
        description: str = "",
        details: dict[str, Any] | None = None,
        action: str = "",
    ) -> None:
        super().__init__(f"{code}: {description}")
        self.message_id, self.code, self.description = message_id, code, description
        self.details, self.action = details or {}, action


OLD_SPELLING = {
    "FormatViolation": "FormationViolation",
    "OccurrenceConstraintViolation": "OccurenceConstraintViolation",
    "RpcFrameworkError": "ProtocolError",
    "MessageTypeNotSupported": "ProtocolError",
}


def decode_frame(text: bytes) -> Call | Answer:
    """Read one frame.

    Raises:
        CallError: it is no readable CALL, CALLRESULT or CALLERROR.
    """
    try:
        _, message_id, action, payload = _decode_call(text)
    except UNREADABLE:
        return _decode_slowly(text)
    if not message_id or len(message_id) > MAX_MESSAGE_ID:
        raise CallError(None, "RpcFrameworkError", "messageId: expected 1 to 36 characters")
    return Call(message_id, action, payload)


def _decode_slowly(text: bytes) -> Call | Answer:
    """Everything that is not a plain CALL: answers to our CALLs, and frames to be refused."""
    try:
        frame = _read(text)
    except UNREADABLE:
        raise CallError(None, "RpcFrameworkError", "the frame is not JSON") from None
    if not isinstance(frame, list) or len(frame) < 2:
        raise CallError(None, "RpcFrameworkError", "the frame is no array of type, messageId")
    message_type, message_id = frame[0], frame[1]
    if not isinstance(message_id, str) or not 0 < len(message_id) <= MAX_MESSAGE_ID:
        raise CallError(None, "RpcFrameworkError", "messageId: expected 1 to 36 characters")
    if message_type == CALLRESULT and len(frame) == 3:
        return Answer(message_id, frame[2])
    if message_type == CALLERROR and len(frame) >= 3:
        return Answer(message_id, frame[4] if len(frame) > 4 else {}, *_texts(frame[2:4]))
    if message_type in (CALLRESULT, CALLERROR):
        raise CallError(None, "RpcFrameworkError", "the answer is incomplete")
    if message_type != CALL:
        raise CallError(message_id, "MessageTypeNotSupported", f"messageType {message_type!r}"[:80])
    raise CallError(message_id, "RpcFrameworkError", "expected [2, messageId, action, payload]")


def _texts(values: list[Any]) -> list[str]:
    return [str(value)[:255] for value in values]


def encode_result(message_id: str, payload: Any) -> bytes:
    return encode([CALLRESULT, message_id, payload])


def encode_error(error: CallError, version: Version) -> bytes:
    code = OLD_SPELLING.get(error.code, error.code) if version == "1.6" else error.code
    return encode([CALLERROR, error.message_id, code, error.description[:255], error.details])


def encode_call(message_id: str, action: str, payload: Any) -> bytes:
    return encode([CALL, message_id, action, payload])


# What a schema keyword's violation is called (1.6 J table 7; 2.0.1 part 4 table 8).
CODES = {
    "type": "TypeConstraintViolation",
    "required": "OccurrenceConstraintViolation",
    "minItems": "OccurrenceConstraintViolation",
    "maxItems": "OccurrenceConstraintViolation",
    "additionalProperties": "FormatViolation",
}


@cache
def actions(version: Version) -> frozenset[str]:
    """All actions of the version, in both directions."""
    names = (path.name for path in _schemas(version).iterdir())
    return frozenset(name.removesuffix("Response.json") for name in names if "Response." in name)


def _schemas(version: Version) -> Any:
    return resources.files("ocpp") / PACKAGES[version] / "schemas"


def validator(version: Version, action: str, *, response: bool = False) -> Any:
    """The compiled schema of a message, or None where the version has no such message."""
    return _validator(version, action, response) if action in actions(version) else None


@cache
def _validator(version: Version, action: str, response: bool) -> Any:
    request = "" if version == "1.6" else "Request"
    path = _schemas(version) / f"{action}{'Response' if response else request}.json"
    schema = json.loads(path.read_text(encoding="utf-8-sig"))
    draft = jsonschema_rs.Draft4Validator if version == "1.6" else jsonschema_rs.Draft6Validator
    return draft(schema, validate_formats=False)


def check(call: Call, version: Version) -> dict[str, Any]:
    """The payload, valid by the standard's schema.

    Raises:
        CallError: the version has no such action, or the payload breaks its schema; the details
            name the field.
    """
    schema = validator(version, call.action)
    if schema is None:
        raise _error(call, "NotImplemented", f"unknown action {call.action[:200]}")
    try:
        payload = _read(call.payload)
        schema.validate(payload)
    except jsonschema_rs.ValidationError as error:
        raise _violation(call, error) from None
    except (*UNREADABLE, ValueError):  # ValueError: too deep for the validator
        raise _error(call, "FormatViolation", "payload: not readable or too deep") from None
    return payload  # type: ignore[no-any-return]  # the schema says object


def _error(call: Call, code: str, description: str) -> CallError:
    return CallError(call.message_id, code, description, {}, call.action)


def _violation(call: Call, error: Any) -> CallError:
    keyword = str(error.schema_path[-1]) if error.schema_path else ""
    field = ".".join(str(part) for part in [*error.instance_path, *_culprit(error, keyword)])
    field = field or "payload"
    return CallError(
        call.message_id,
        CODES.get(keyword, "PropertyConstraintViolation"),
        f"{field}: {error.message}"[:255],
        {"field": field, "expected": keyword},
        call.action,
    )


def _culprit(error: Any, keyword: str) -> list[str]:
    """The missing or surplus property, which the error's path does not contain."""
    if keyword == "required":
        return [str(error.kind.property)]
    if keyword == "additionalProperties":
        return [str(name) for name in error.kind.unexpected[:1]]
    return []


def problem(version: Version, action: str, payload: Any) -> str | None:
    """Why one of our own CALLs must not be sent, or None: the station's version decides."""
    schema = validator(version, action)
    if schema is None:
        return f"action: OCPP {version} has no {action}"
    for error in schema.iter_errors(payload):
        field = ".".join(["payload", *(str(part) for part in error.instance_path)])
        return f"{field}: {error.message}"[:500]
    return None
