"""Signed meter values are kept as they came, verified, and compared with the plain register."""

import base64
import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from ocpp_messages import begin, event201, sample16, stop16, values16
from stations import add_stations, ago, serving, session

from app import cli
from ingest.signatures import register_key
from ingest.signed import Signed, of_text, verify
from sql import RequestError
from sql.database import connect


@cache
def private(name: str = "SECP256R1") -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(getattr(ec, name)())


def der(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pem(key: ec.EllipticCurvePrivateKey) -> str:
    made = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return made.decode()


def ocmf(
    kwh: str, key: ec.EllipticCurvePrivateKey | None = None, name: str = "secp256r1", **reading: Any
) -> str:
    """An OCMF record whose newest reading is `kwh`."""
    key = key or private()
    read = {"TM": "2026-11-20T10:00:00,000+0000 S", "TX": "E", "RV": 0, "RI": "1-b:1.8.0",
            "RU": "kWh", "ST": "G", **reading}  # fmt: skip
    payload = json.dumps(
        {"FV": "1.0", "GI": "Volt AB", "GS": "1", "PG": "T1", "MS": "7", "IS": True, "RD": [read]}
    ).replace('"RV": 0', f'"RV": {kwh}')
    data = key.sign(payload.encode(), ec.ECDSA(hashes.SHA256())).hex()
    return f"OCMF|{payload}|{json.dumps({'SA': f'ECDSA-{name}-SHA256', 'SD': data})}"


@pytest.mark.parametrize(
    ("curve", "name"),
    [("SECP256R1", "secp256r1"), ("SECP192R1", "secp192r1"), ("SECP256K1", "secp256k1"),
     ("SECP384R1", "secp384r1"), ("BrainpoolP256R1", "brainpoolP256r1")],
)  # fmt: skip
def test_records_on_the_curves_of_the_standard_are_verified(curve: str, name: str) -> None:
    key = private(curve)
    verdict = verify(Signed(ocmf("12.345", key, name)), [der(key).hex()])
    assert (verdict.verified, verdict.register_wh, verdict.step_wh) == ("valid", 12345, 1)
    other = ec.generate_private_key(key.curve)
    assert verify(Signed(ocmf("12.345", key, name)), [der(other).hex()]).verified == "invalid"
    both = [der(other).hex(), der(key).hex()]
    assert verify(Signed(ocmf("12.345", key, name)), both).verified == "valid"


def test_a_changed_record_is_invalid() -> None:
    changed = ocmf("12.345").replace("12.345", "22.345")
    assert verify(Signed(changed), [der(private()).hex()]).verified == "invalid"


def test_records_and_keys_come_in_many_wrappings() -> None:
    record, key = ocmf("1.0"), der(private())
    texts = [record, record.encode().hex(), base64.b64encode(record.encode()).decode()]
    texts.append(json.dumps({"signedMeterData": texts[2], "encodingMethod": "OCMF"}))
    prefixed = f"oca:base16:asn1:{key.hex()}"
    keys = [key.hex(), base64.b64encode(key).decode(), prefixed, pem(private())]
    keys.append(base64.b64encode(prefixed.encode()).decode())
    for text in texts:
        for one in keys:
            assert verify(of_text(text), [one]).verified == "valid"


@pytest.mark.parametrize(
    ("signed", "keys", "verified"),
    [
        (Signed("OCMF|{}"), ["00"], "unreadable"),
        (Signed("OCMF|{broken|{}"), ["00"], "unreadable"),
        (Signed("", "OCMF"), [], "unreadable"),
        (Signed("GF0A", "OCMF"), [], "unreadable"),
        (Signed("AP;0;3;ALCV3ABB", "ALFEN"), [], "unsupported"),
        (Signed("77070100"), [], "unsupported"),
        (Signed(ocmf("1.0")), [], "no_key"),
        (Signed(ocmf("1.0")), ["no key at all"], "unsupported"),
        (Signed(ocmf("1.0", name="secp192k1")), [der(private()).hex()], "invalid"),
        (Signed(ocmf("1.0", name="RSA")), [der(private()).hex()], "unsupported"),
        (Signed(ocmf("1.0").replace('"SD": "30', '"SD": "31')), [der(private()).hex()], "invalid"),
    ],
)
def test_what_cannot_be_verified_says_why(signed: Signed, keys: list[str], verified: str) -> None:
    verdict = verify(signed, keys)
    assert verdict.verified == verified
    assert verified == "no_key" or verdict.detail


@settings(max_examples=200, deadline=None)
@given(
    text=st.one_of(st.text(), st.binary().map(bytes.hex), st.just(ocmf("1"))), cut=st.integers(0)
)
def test_any_text_gets_a_verdict(text: str, cut: int) -> None:
    for damaged in (text, text[: cut % 200], text[:40] + "\ud800" + text[40:], "OCMF|" + text):
        assert verify(of_text(damaged), [text, der(private()).hex()]).verified


@pytest.mark.parametrize(
    ("reading", "register_wh"),
    [
        ({}, 12_500),
        ({"RI": "01-00:B0.08.00*FF"}, 12_500),
        ({"RI": "01-00:B2.08.00*FF"}, None),  # the transaction's own
        ({"RI": "01-00:C0.08.00*FF"}, None),  # exported
        ({"RU": "Wh"}, Decimal("12.5")),
        ({"RU": "mOhm"}, None),
    ],
)
def test_only_a_total_of_imported_energy_is_a_register(
    reading: dict[str, Any], register_wh: int | None
) -> None:
    assert verify(Signed(ocmf("12.5", **reading)), [pem(private())]).register_wh == register_wh


SIGNED = "verified, context, register_wh, plain_wh, session_id IS NOT NULL"


def signed16(text: str, context: str) -> dict[str, Any]:
    return sample16(text, format="SignedData", context=context)


async def test_1_6_readings_are_verified_by_the_registered_key(database: str) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        with connect(database) as connection:
            assert register_key(connection, "S1", 1, pem(private())) == 0
        number = await begin(station, 5000, ago(minutes=30))
        data = [
            values16([signed16(ocmf("5.000", TX="B"), "Transaction.Begin")])["meterValue"][0],
            values16([signed16(ocmf("7.000"), "Transaction.End")])["meterValue"][0],
        ]
        stop = stop16(number, 7000, ago(minutes=1), transactionData=data)
        await station.call("StopTransaction", stop)
        await station.call("StopTransaction", stop)
        rows = csms.rows(f"SELECT {SIGNED} FROM signed_meter_value ORDER BY register_wh")  # noqa: S608
        assert rows == [
            ("valid", "Transaction.Begin", 5000, 5000, True),
            ("valid", "Transaction.End", 7000, 7000, True),
        ]
        assert session(csms, "energy_wh, flags") == (2000, [])
        assert csms.one("SELECT count(*) FROM meter_value WHERE flags IS NOT NULL") == 0


async def test_2_0_1_readings_bring_their_key_once(database: str) -> None:
    key = base64.b64encode(f"oca:base16:asn1:{der(private()).hex()}".encode()).decode()
    async with serving(database, "S1") as csms, csms.station("S1", "2.0.1") as station:
        for seq_no, (kind, wh, sent_key) in enumerate(
            [("Started", 1000, key), ("Ended", 3000, "")]
        ):
            at = ago(minutes=20 - 10 * seq_no)
            event = event201(kind, "T", seq_no, at, wh=wh)
            event["meterValue"][0]["sampledValue"][0]["signedMeterValue"] = {
                "signedMeterData": base64.b64encode(ocmf(f"{wh / 1000:.2f}").encode()).decode(),
                "signingMethod": "ECDSA-secp256r1-SHA256",
                "encodingMethod": "OCMF",
                "publicKey": sent_key,
            }
            await station.call("TransactionEvent", event)
        rows = csms.rows("SELECT verified, plain_wh FROM signed_meter_value ORDER BY signed_id")
        assert rows == [("valid", 1000), ("valid", 3000)]
        assert session(csms, "energy_wh, flags") == (2000, [])


@pytest.mark.parametrize(
    ("record", "verified", "flags"),
    [
        (ocmf("9.000"), "valid", ["signed_register_differs"]),
        (ocmf("7.000").replace("7.000", "7.001"), "invalid", ["signature_invalid"]),
        ("OCMF|garbage|", "unreadable", []),
        (ocmf("7"), "valid", []),
    ],
)
async def test_what_contradicts_its_signature_is_flagged_and_answered(
    database: str, record: str, verified: str, flags: list[str]
) -> None:
    async with serving(database, "S1") as csms, csms.station() as station:
        with connect(database) as connection:
            register_key(connection, "S1", 1, pem(private()))
        number = await begin(station, 5000, ago(minutes=30))
        values = [signed16(record, "Transaction.End"), sample16(7000, context="Transaction.End")]
        await station.call("MeterValues", values16(values, ago(minutes=1), transactionId=number))
        await station.call("StopTransaction", stop16(number, 7000))
        assert csms.one("SELECT verified FROM signed_meter_value") == verified
        assert session(csms, "energy_wh, flags") == (2000, flags)
        assert csms.one("SELECT raw FROM signed_meter_value") == record
        assert csms.ingest.writer.set_aside == 0


async def test_a_key_registered_later_judges_what_came_before(database: str) -> None:
    """Where staff registered a key, the one a station sends itself is worth nothing."""
    stranger = ec.generate_private_key(ec.SECP256R1())
    async with serving(database, "S1") as csms, csms.station() as station:
        envelope = {
            "signedMeterData": ocmf("1.0", stranger), "encodingMethod": "OCMF",
            "publicKey": der(stranger).hex(),
        }  # fmt: skip
        # before any key is known; OCMF is one even where the station does not say so
        await station.call("MeterValues", values16([sample16(ocmf("2.0"))]))
        stated = sample16(json.dumps(envelope), format="SignedData")
        await station.call("MeterValues", values16([stated]))
        query = "SELECT verified FROM signed_meter_value ORDER BY signed_id"
        assert csms.rows(query) == [("no_key",), ("valid",)]
        with connect(database) as connection:
            assert register_key(connection, "S1", 1, pem(private())) == 2
            with pytest.raises(RequestError, match="no evse 9"):
                register_key(connection, "S1", 9, pem(private()))
            with pytest.raises(RequestError, match="public key: expected"):
                register_key(connection, "S1", 1, "nonsense")
        assert csms.rows(query) == [("valid",), ("invalid",)]


def test_a_key_is_registered_from_the_command_line(database: str, tmp_path: Path) -> None:
    add_stations(database, "S1")
    (tmp_path / "key.pem").write_text(pem(private()))
    (tmp_path / "none.pem").write_text("nonsense")

    def run(*arguments: str) -> Result:
        environment = {"KILOWATCH_DATABASE_URL": database}
        return CliRunner().invoke(cli, ["station", "meter-key", *arguments], env=environment)

    found = run("S1", "1", str(tmp_path / "key.pem"))
    assert found.output == "key of S1 evse 1 registered, 0 records verified again\n"
    assert run("S1", "1", str(tmp_path / "none.pem")).exit_code == 1
    assert "has no evse 7" in run("S1", "7", str(tmp_path / "key.pem")).output
    assert run("S1", "1", str(tmp_path / "missing.pem")).exit_code == 2
