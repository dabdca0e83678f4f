"""Forms and buttons of the administration as the browser presses them."""

import json
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

UPDATE = "/app/_dash-update-component"


def _written(identity: Any) -> str:
    """An id as Dash writes it into the name of a property."""
    if isinstance(identity, str):
        return identity
    return json.dumps(identity, sort_keys=True, separators=(",", ":"))


def found(client: FlaskClient, trigger: str) -> dict[str, Any]:
    """The callback that a component triggers, by a part of its first input's id."""
    known: list[dict[str, Any]] = client.get("/app/_dash-dependencies").json  # type: ignore[assignment]
    return next(one for one in known if trigger in one["inputs"][0]["id"])


def _outputs(output: str, names: list[str], key: str) -> list[Any]:
    """What the browser says of the outputs: for all of a kind, each one."""
    parts = output[2:-2].split("...") if output.startswith("..") else [output]
    told: list[Any] = []
    for part in parts:
        identity, _, name = part.rpartition(".")
        if identity.startswith("{"):
            kind = json.loads(identity)["type"]
            told.append([{"id": {"type": kind, "form": key, "name": one}, "property": name}
                         for one in names])  # fmt: skip
        else:
            told.append({"id": identity, "property": name})
    return told


def send(client: FlaskClient, key: str, values: dict[str, str], about: Any = None) -> TestResponse:
    """Press a form's button with what is written in its fields."""
    names = list(values)
    known = found(client, f"{key}-send")
    fields = [
        {"id": {"type": "field", "form": key, "name": name}, "property": "value", "value": value}
        for name, value in values.items()
    ]
    body = {
        "output": known["output"], "outputs": _outputs(known["output"], names, key),
        "inputs": [{"id": f"{key}-send", "property": "n_clicks", "value": 1}],
        "state": [fields, {"id": f"{key}-about", "property": "data", "value": about}],
        "changedPropIds": [f"{key}-send.n_clicks"],
    }  # fmt: skip
    return client.post(UPDATE, json=body)


def press(client: FlaskClient, key: str, deed: str, of: Any) -> TestResponse:
    """Press a button of a list."""
    known = found(client, f'"{key}"')
    identity = {"type": key, "deed": deed, "of": of}
    body = {
        "output": known["output"], "outputs": _outputs(known["output"], [], key),
        "inputs": [[{"id": identity, "property": "n_clicks", "value": 1}]],
        "changedPropIds": [_written(identity) + ".n_clicks"],
    }  # fmt: skip
    return client.post(UPDATE, json=body)


def wrong(answer: TestResponse, key: str) -> dict[str, str]:
    """What stands at the fields, by their names."""
    assert answer.status_code == 200, answer.text
    told = {}
    for identity, values in answer.json["response"].items():  # type: ignore[index]
        if identity.startswith("{"):
            place = json.loads(identity)
            if place["type"] == "wrong" and place["form"] == key and values["children"]:
                told[place["name"]] = values["children"]
    return told


def said(answer: TestResponse, key: str) -> str:
    """What stands below the form, as text."""
    assert answer.status_code == 200, answer.text
    return texts(answer.json["response"][f"{key}-said"])  # type: ignore[index]


def texts(tree: Any) -> str:
    """All words of a tree of components."""
    if isinstance(tree, dict):
        inner = tree.get("props", tree)
        return " ".join(filter(None, (texts(value) for name, value in inner.items()
                                      if name in ("children", "props"))))  # fmt: skip
    if isinstance(tree, list):
        return " ".join(filter(None, map(texts, tree)))
    return str(tree) if isinstance(tree, str | int | float) else ""


def kept(answer: TestResponse, key: str) -> dict[str, str]:
    """What the fields hold afterwards, where that was changed."""
    found = {}
    for identity, values in answer.json["response"].items():  # type: ignore[index]
        if identity.startswith("{"):
            place = json.loads(identity)
            if place["type"] == "field" and "value" in values:
                found[place["name"]] = values["value"]
    return found
