"""Signed meter values, purely: what stations send of them, and whether the signature holds.

1.6 sends them as a sampled value of format SignedData: an OCMF record, or the SignedMeterValue of
2.0.1 as JSON (OCA, Signed Meter Values in OCPP 1.6). 2.0.1 and 2.1: part 2, SignedMeterValueType.
OCMF 1.x: SAFE e.V., Open Charge Metering Format. What is no OCMF is kept and not verified.
"""

import base64
import binascii
import re
import warnings
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import msgspec

LONGEST = 32_768  # characters; 2.1's limit
OCMF = "OCMF"
UNITS_WH = {"Wh": 1, "kWh": 1000, "MWh": 1_000_000}
# OBIS codes of a total of imported energy: 1.8.0, and B0 and B1 of the meter, not of a transaction
IMPORTED = re.compile(r"(?i)(?:[0-9a-f]{1,2}-[0-9a-f]{1,2}:)?(?:0?1|B0|B1)\.0?8\.0?0(?:\*.*)?")

Verified = Literal["valid", "invalid", "no_key", "unreadable", "unsupported"]


class Signed(NamedTuple):
    """A signed value as it came; `encoding` and `method` are the station's words."""

    raw: str
    encoding: str | None = None
    method: str | None = None
    public_key: str | None = None


class Verdict(NamedTuple):
    """`register_wh` is the newest register of a valid record, `step_wh` its smallest step."""

    verified: Verified
    detail: str | None = None
    public_key: str | None = None
    register_wh: Decimal | None = None
    step_wh: Decimal = Decimal(0)
    read_at: datetime | None = None


def of_object(value: dict[str, Any]) -> Signed:
    """2.x's SignedMeterValueType; also 1.6's, where its parts may be anything."""
    parts = [value.get(k) for k in ("encodingMethod", "signingMethod", "publicKey")]
    encoding, method, key = (str(part)[:2500] if part else None for part in parts)
    return Signed(str(value.get("signedMeterData", ""))[:LONGEST], encoding, method, key)


def of_text(text: str) -> Signed:
    """1.6's value of format SignedData."""
    if text.lstrip().startswith("{"):
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return Signed(text[:LONGEST])
        if isinstance(value, dict) and "signedMeterData" in value:
            return of_object(value)
    return Signed(text[:LONGEST])


def record_of(raw: str) -> str | None:
    """The OCMF record in it: as it stands, or in base64 or hexadecimal; None if it holds none."""
    text = raw.strip()
    if text.startswith(f"{OCMF}|"):
        return text
    for decode in (bytes.fromhex, base64.b64decode):
        try:
            decoded = decode(text).decode()
        except ValueError:
            continue
        if decoded.startswith(f"{OCMF}|"):
            return decoded
    return None


def key_of(text: str) -> str:
    """A public key as hexadecimal or base64 DER: without PEM's lines, and without the prefix
    "oca:base16:asn1:", with which 2.x sends it (in base64 once more)."""
    text = re.sub(r"-----[A-Z ]+-----|\s", "", text)
    try:
        decoded = base64.b64decode(text, validate=True)
        text = decoded.decode("ascii") if decoded.startswith(b"oca:") else text
    except (binascii.Error, UnicodeDecodeError):
        pass
    return text.rpartition(":")[2]


def verify(signed: Signed, keys: Iterable[str]) -> Verdict:
    """Check an OCMF record by the first key that fits it. Never raises: whatever is in a message,
    its energy has been counted."""
    record = record_of(signed.raw)
    if record is None:
        named = (signed.encoding or "").upper()
        is_broken = named.startswith(OCMF) or not signed.raw
        detail = f"no {named or OCMF} record" if is_broken else f"format {named or 'unknown'}"
        return Verdict("unreadable" if is_broken else "unsupported", detail[:300])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deviations that other verifiers accept, too
            return _verify(record, [*keys])
    except Exception as error:  # a library meets bytes that anybody may have sent
        return Verdict("unreadable", _words(error))


def _verify(record: str, keys: list[str]) -> Verdict:
    # takes 0.7 s and 30 MB: only for those who have signed values
    import pyocmf  # noqa: PLC0415

    try:
        parsed = pyocmf.OCMF.from_string(record)
    except pyocmf.PyOCMFError as error:
        return Verdict("unreadable", _words(error))
    if not keys:
        return Verdict("no_key")
    verdict = Verdict("no_key")
    for key in keys:
        verdict = _by_key(parsed, key)
        if verdict.verified == "valid":
            break
    return verdict


def _by_key(parsed: Any, key: str) -> Verdict:
    from pyocmf import SignatureVerificationError  # noqa: PLC0415

    try:
        holds = parsed.verify_signature(key_of(key))
    except SignatureVerificationError as error:
        words = _words(error)
        no_fit = "mismatch" in words or error.reason == "invalid_signature_format"
        return Verdict("invalid" if no_fit else "unsupported", words, key)
    if not holds:
        return Verdict("invalid", "the signature is not of this key or this content", key)
    return Verdict("valid", None, key, *_register(parsed))


def _register(parsed: Any) -> tuple[Decimal | None, Decimal, datetime | None]:
    """The newest reading of the meter's total of imported energy, in Wh."""
    for reading in reversed(parsed.payload.RD):
        factor = UNITS_WH.get(str(reading.RU))
        is_total = reading.RI is None or IMPORTED.fullmatch(str(reading.RI))
        if reading.RV is None or factor is None or not is_total:
            continue
        value = Decimal(reading.RV)
        if value.is_finite():
            step = Decimal(1).scaleb(int(value.as_tuple().exponent)) * factor
            return value * factor, step, reading.timestamp
    return None, Decimal(0), None


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def differs(verdict: Verdict, register_wh: int | None, limit_w: int | None, context: str) -> bool:
    """Whether a valid record contradicts the plain register beside it: by more than either's
    rounding and, while power flows, more than may be delivered in 10 s between the two."""
    if verdict.register_wh is None or register_wh is None:
        return False
    slack = 1 + verdict.step_wh
    if context not in ("Transaction.Begin", "Transaction.End"):
        slack += Decimal(limit_w or 0) / 360
    return abs(verdict.register_wh - register_wh) > slack
