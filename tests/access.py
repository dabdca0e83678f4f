"""Who may do what, as it is: every page, callback, address and call of the API is tried by nobody
and by one person of each role."""

import json
import re
from collections.abc import Iterator
from typing import Any

import dash
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dashboard.pages.downloads import DOWNLOADS
from tests.staff import page, signed_in

ROLES = ("operator", "manager", "finance", "admin")
CALLERS = ("nobody", *ROLES)
SCOPES = ("no token", "read", "command")
UPDATE = "/app/_dash-update-component"
REFUSED = "You may not open this page"
SAMPLES = {"int": "1", "path": "x", "default": "x", "string": "x"}
KNOWN = {"station_id": "S1", "session_id": "1", "incident_id": "1", "name": "numbers"}
Line = tuple[str, tuple[bool, ...]]


def clients(app: Flask) -> list[FlaskClient]:
    """Nobody, and somebody of each role."""
    known = [signed_in(app, f"{role}@example.org") for role in ROLES]
    known[0].get("/app/_dash-dependencies")  # Dash sets itself up at the first request
    return [app.test_client(), *known]


def is_let_in(answer: TestResponse) -> bool:
    """As far as the role goes: forms still want their token, links their secret."""
    location = answer.headers.get("Location", "")
    return answer.status_code not in (401, 403) and not re.match(r"/login(\?|$)", location)


# -- pages ----------------------------------------------------------------------------------------


def pages(callers: list[FlaskClient]) -> Iterator[Line]:
    for found in dash.page_registry.values():
        template = found.get("path_template") or found["path"]
        path = "/app" + re.sub(r"<(\w+)>", lambda match: KNOWN[match[1]], template)
        if found["module"] != "not_found_404":
            shown = (f"/app{template}", tuple(_opens(caller, path) for caller in callers))
            yield shown


def _opens(client: FlaskClient, path: str) -> bool:
    if not is_let_in(client.get(path, headers={"Accept": "text/html"})):
        return False
    return REFUSED not in page(client, path)


# -- callbacks ------------------------------------------------------------------------------------


def callbacks(callers: list[FlaskClient]) -> Iterator[Line]:
    """By module, function, and what triggers it; called with nothing in any field. What breaks on
    that was let in: the role is looked at first."""
    for output, known in dash.get_app().callback_map.items():
        work = known.get("callback")
        if work is None or work.__module__.startswith("dash."):
            continue  # in the browser; pages themselves, which are above
        trigger = known["inputs"][0]["id"]
        kind = json.loads(trigger)["type"] if trigger.startswith("{") else trigger
        module = work.__module__.rpartition(".")[2]
        answers = [caller.post(UPDATE, json=_call(output, known)) for caller in callers]
        name = f"{module}.{work.__name__} ({kind})"
        yield name, tuple(map(is_let_in, answers))


def _call(output: str, known: dict[str, Any]) -> dict[str, Any]:
    parts = output[2:-2].split("...") if output.startswith("..") else [output]
    outputs = [_concrete(*part.rsplit(".", 1)) for part in parts]
    inputs = [_concrete(one["id"], one["property"], value=None) for one in known["inputs"]]
    state = [_concrete(one["id"], one["property"], value=None) for one in known["state"]]
    is_many = output.startswith("..")
    first = inputs[0]
    changed = [] if isinstance(first, list) else [f"{_text(first['id'])}.{first['property']}"]
    return {"output": output, "outputs": outputs if is_many else outputs[0], "inputs": inputs,
            "state": state, "changedPropIds": changed}  # fmt: skip


def _concrete(identity: str, name: str, **more: Any) -> Any:
    """A component as the browser names it: none of a kind (ALL), one of each (MATCH)."""
    if not identity.startswith("{"):
        return {"id": identity, "property": name, **more}
    place = json.loads(identity)
    if ["ALL"] in place.values():
        return []
    return {"id": {key: "x" if value == ["MATCH"] else value for key, value in place.items()},
            "property": name, **more}  # fmt: skip


def _text(identity: Any) -> str:
    if isinstance(identity, str):
        return identity
    return json.dumps(identity, sort_keys=True, separators=(",", ":"))


# -- addresses ------------------------------------------------------------------------------------


def addresses(app: Flask, callers: list[FlaskClient]) -> Iterator[Line]:
    """Everything that Flask answers but the API: files, streams, forms, public pages."""
    for rule in sorted(app.url_map.iter_rules(), key=str):
        if str(rule).startswith("/api/") or rule.endpoint.startswith("/app/_pages"):
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield _address(callers, method, str(rule))
    for name in sorted(DOWNLOADS):
        yield _address(callers, "GET", f"/app/download/{name}.csv")


def _address(callers: list[FlaskClient], method: str, rule: str) -> Line:
    path = filled(rule)
    return f"{method} {rule}", tuple(is_let_in(_ask(caller, method, path)) for caller in callers)


def filled(rule: str) -> str:
    """The rule as an address."""
    return re.sub(r"<(?:(\w+)(?:\([^)]*\))?:)?\w+>", lambda m: SAMPLES[m[1] or "default"], rule)


def _ask(client: FlaskClient, method: str, path: str, **more: Any) -> TestResponse:
    """The head of the answer: streams never end."""
    answer = client.open(path, method=method, buffered=False, **more)
    answer.close()
    return answer


# -- the API --------------------------------------------------------------------------------------


def api(app: Flask, callers: list[FlaskClient], tokens: dict[str, str]) -> Iterator[Line]:
    """By tokens; who is signed in, in whatever role, is nobody here."""
    for rule in sorted(app.url_map.iter_rules(), key=str):
        if not str(rule).startswith("/api/"):
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            path = filled(str(rule))
            without = {is_let_in(_ask(caller, method, path)) for caller in callers}
            assert len(without) == 1, f"{method} {rule}: a role makes a difference"
            by_token = [
                is_let_in(_ask(callers[0], method, path,
                               headers={"Authorization": f"Bearer {tokens[scope]}"}))
                for scope in SCOPES[1:]
            ]  # fmt: skip
            yield f"{method} {rule}", (without.pop(), *by_token)
