"""What a station told of its configuration."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard.told import Variable, certificates, variables

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
HEARTBEAT = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}


def report(*items: Any, at: datetime = AT) -> dict[str, Any]:
    frame = [2, "1", "NotifyReport", {"requestId": 1, "seqNo": 0, "reportData": list(items)}]
    return {"received_at": at, "frame": json.dumps(frame)}


def answer(action: str, response: Any, at: datetime = AT) -> dict[str, Any]:
    return {"action": action, "payload": {}, "response": response, "finished_at": at}


def test_16_keys_are_read_with_whether_they_can_be_set() -> None:
    keys = [{"key": "HeartbeatInterval", "readonly": False, "value": "300"},
            {"key": "NumberOfConnectors", "readonly": True, "value": "2"},
            {"key": "AuthorizationKey", "readonly": False}]  # fmt: skip
    found = variables([], [answer("GetConfiguration", {"configurationKey": keys})])
    assert [(one.name, one.value, one.is_fixed) for one in found] == [
        ("AuthorizationKey", None, False), ("HeartbeatInterval", "300", False),
        ("NumberOfConnectors", "2", True),
    ]  # fmt: skip


def test_2x_reports_are_read_by_component_place_and_instance() -> None:
    items = [
        HEARTBEAT | {"variableAttribute": [{"value": "300", "mutability": "ReadWrite"}],
                     "variableCharacteristics": {"unit": "s"}},
        {"component": {"name": "EVSE", "evse": {"id": 2}}, "variable": {"name": "Power"},
         "variableAttribute": [{"type": "MaxSet", "value": "9"},
                               {"type": "Actual", "value": "7", "mutability": "ReadOnly"}]},
        {"component": {"name": "Ctrlr", "instance": "A"},
         "variable": {"name": "V", "instance": "1"}, "variableAttribute": [{"value": "x"}]},
    ]  # fmt: skip
    assert variables([report(*items)], []) == [
        Variable("Ctrlr[A]", "V[1]", "x", at=AT),
        Variable("EVSE 2", "Power", "7", is_fixed=True, at=AT),
        Variable("OCPPCommCtrlr", "HeartbeatInterval", "300", "s", at=AT),
    ]


def test_the_newest_word_counts_whichever_way_it_came() -> None:
    got = HEARTBEAT | {"attributeStatus": "Accepted", "attributeValue": "60"}
    later = answer("GetVariables", {"getVariableResult": [got]}, AT + timedelta(hours=1))
    told = report(HEARTBEAT | {"variableAttribute": [{"value": "300"}]})
    assert [one.value for one in variables([told], [later])] == ["60"]
    newest = report(HEARTBEAT | {"variableAttribute": [{"value": "5"}]}, at=AT + timedelta(days=1))
    assert [one.value for one in variables([told, newest], [later])] == ["5"]


def test_what_is_not_as_the_standard_says_is_left_out_and_the_rest_read() -> None:
    bad: list[Any] = [
        {"received_at": AT, "frame": frame}
        for frame in (None, "", "{", "[]", "7", '[2,"1","NotifyReport",null]',
                      '[2,"1","NotifyReport",{"reportData":[1,{"component":3,"variable":"x"}]}]')
    ]  # fmt: skip
    good = report({"variable": {"name": "A"}, "variableAttribute": [{"value": 7}]})
    bodies: list[Any] = [None, [], {"configurationKey": 5, "getVariableResult": [{}]}]
    actions = ("GetConfiguration", "GetVariables")
    answers = [answer(action, body) for action in actions for body in bodies]
    refused = HEARTBEAT | {"attributeStatus": "UnknownVariable"}
    answers.append(answer("GetVariables", {"getVariableResult": [refused]}))
    assert variables([*bad, good], answers) == [Variable("", "A", "7", at=AT)]


def test_certificates_are_those_of_the_newest_list() -> None:
    def listed(*serials: str) -> dict[str, Any]:
        chain = [{"certificateType": "CSMSRootCertificate",
                  "certificateHashData": {"serialNumber": serial, "issuerNameHash": "ab" * 20}}
                 for serial in serials]  # fmt: skip
        return {"status": "Accepted", "certificateHashDataChain": chain}

    answers = [answer("GetInstalledCertificateIds", listed("1", "2")),
               answer("GetInstalledCertificateIds", listed("3"))]  # fmt: skip
    assert [one.serial for one in certificates(answers)] == ["3"]
    assert certificates([answer("GetInstalledCertificateIds", {"status": "NotFound"})]) == []
