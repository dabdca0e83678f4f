"""The control over HTTP: JSON below `/_double/`."""

import inspect
import json
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any

from billing.double.api import Request
from billing.double.control import Control
from billing.double.errors import ApiError
from billing.double.server import Reply


def _actions(double: Control) -> dict[str, Callable[..., Any]]:
    """Paths below `/_double/` and what they do; the JSON body holds the arguments."""
    hooks = double.webhooks
    return {
        "clock": double.set_clock, "deliver_all": double.deliver_all, "pay": double.pay,
        "dispute": double.open_dispute, "close_dispute": double.close_dispute,
        "pend_refunds": double.pend_refunds, "succeed_refund": double.succeed_refund,
        "fail_refund": double.fail_refund, "seed": double.seed_rows, "object": double.object,
        "objects": double.objects, "holds": double.open_holds, "effects": double.effects,
        "captures": double.captures, "journal": double.journal, "balance": double.balance,
        "faults/add": double.faults.add, "faults/clear": double.faults.clear,
        "faults": double.faults.waiting, "webhooks": hooks.deliveries,
        "webhooks/hold": hooks.hold, "webhooks/release": hooks.release,
        "webhooks/drop": hooks.drop, "webhooks/duplicate": hooks.duplicate,
        "webhooks/delay": hooks.delay, "webhooks/behave": hooks.behave,
        "webhooks/resend": hooks.resend, "webhooks/forge": hooks.forge,
        "webhooks/roll": hooks.roll, "webhooks/forget_old": hooks.forget_old,
    }  # fmt: skip


def handle(double: Control, request: Request, port: int) -> Reply:
    """GET or POST `/_double/<action>`. Only for programs on this machine, not for web pages."""
    if problem := _refused(request, port):
        return Reply(403, {"error": problem})
    act = _actions(double).get(request.path.removeprefix("/_double/"))
    if act is None:
        return Reply(404, {"error": f"no such action; there are {sorted(_actions(double))}"})
    try:
        arguments = inspect.signature(act).bind(**json.loads(request.body or "{}"))
        return Reply(200, {"result": _plain(act(*arguments.args, **arguments.kwargs))})
    except ApiError as error:
        return Reply(error.status, error.body())
    except (TypeError, ValueError, KeyError) as error:
        return Reply(400, {"error": str(error)})


def _refused(request: Request, port: int) -> str:
    """A page elsewhere can neither name this host nor send JSON without asking first."""
    if request.headers.get("host") not in {f"127.0.0.1:{port}", f"localhost:{port}"}:
        return "ask by the address of loopback"
    if request.method != "GET" and "json" not in request.headers.get("content-type", ""):
        return "send application/json"
    return ""


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, datetime) else value
