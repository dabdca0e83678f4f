"""A request to the API, from its text to the answer: faults, key, parameters, deed, journal."""

import base64
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from billing.double import forms, idempotency
from billing.double.endpoints import ENDPOINTS, Endpoint
from billing.double.errors import ApiError, Obj, unauthorized
from billing.double.faults import Fault, Faults
from billing.double.idempotency import Asked, Remembered
from billing.double.listing import page
from billing.double.rendering import rendered
from billing.double.shapes import check
from billing.double.world import API_VERSION, World

_KEPT = 20_000


@dataclass(frozen=True)
class Request:
    """As it came over the wire; header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: str = ""


@dataclass
class Answer:
    status: int
    body: Obj
    headers: dict[str, str] = field(default_factory=dict)


class DroppedError(Exception):
    """The connection shall break without an answer."""


@dataclass(frozen=True)
class Entry:
    """One request in the journal. `status` 0: nobody got an answer."""

    at: int
    method: str
    path: str
    params: Obj
    key: str | None
    status: int
    request_id: str
    fault: str | None = None
    replayed: bool = False
    error: str | None = None


class Api:
    """Answers requests one at a time, faults apart."""

    def __init__(self, world: World, key: str) -> None:
        self.world, self.key = world, key
        self.faults = Faults()
        self.journal: deque[Entry] = deque(maxlen=_KEPT)
        self._in_flight = idempotency.InFlight()
        self.rest = threading.Event()  # set when the double stops: nobody sleeps on

    def answer(self, request: Request) -> Answer:
        """Raises DroppedError where a fault wants it."""
        request_id = self.world.new_id("req")[:18]
        fault = self.faults.strike(request.method, request.path)
        if fault and fault.kind == "down":
            self._note(request, Answer(0, {}), request_id, fault)
            raise DroppedError
        try:
            answer = self._tried(request, request_id, fault)
        except ApiError as error:
            answer = Answer(error.status, error.body())
        self._head(request, request_id, answer)
        lost = fault is not None and fault.kind == "lose_answer"
        self._note(request, answer, request_id, fault)
        if lost:
            raise DroppedError
        return answer

    def _tried(self, request: Request, request_id: str, fault: Fault | None) -> Answer:
        key = request.headers.get("idempotency-key")
        self._check_key(request)
        asked = idempotency.asked_with(key, request.method, request.path, request.body)
        with self._in_flight.holding(asked):
            if fault and fault.kind == "slow":
                self.rest.wait(fault.seconds)
            if fault and fault.kind == "refuse":
                return self._refused(fault, asked, request_id)
            return self._done(request, request_id, asked)

    def _refused(self, fault: Fault, asked: Asked | None, request_id: str) -> Answer:
        kind = "rate_limit_error" if fault.status == 429 else "api_error"
        body = ApiError(fault.status, "Refused by a fault of the double.", kind=kind).body()
        if fault.remembered:
            with self.world.changing():
                answer = Remembered(fault.status, body, request_id)
                idempotency.remember(self.world, asked, answer)
        return Answer(fault.status, body)

    def _check_key(self, request: Request) -> None:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            value = base64.b64decode(value).decode().partition(":")[0]
        if not value:
            raise unauthorized(
                "You did not provide an API key. You need to provide your API key in the"
                " Authorization header, using Bearer auth (e.g. 'Authorization: Bearer"
                " YOUR_SECRET_KEY')."
            )
        if value != self.key:
            raise unauthorized(f"Invalid API Key provided: {value[:8]}{'*' * 8}{value[-4:]}")

    def _done(self, request: Request, request_id: str, asked: Asked | None) -> Answer:
        with self.world.changing():
            before = idempotency.recall(self.world, asked)
        if before:
            headers = {"Idempotent-Replayed": "true", "Original-Request": before.request_id}
            return Answer(before.status, before.body, headers)
        endpoint, ids = _endpoint(request)
        text = request.query if request.method == "GET" else request.body
        given = check(forms.parse(text), endpoint.shape, endpoint.names)
        return self._executed(endpoint, ids, given, (request, request_id, asked))

    def _executed(
        self, endpoint: Endpoint, ids: tuple[str, ...], given: Obj,
        context: tuple[Request, str, Asked | None],
    ) -> Answer:  # fmt: skip
        request, request_id, asked = context
        world = self.world
        try:
            with world.changing(), world.asked_by(request_id, asked.key if asked else None):
                answer = Answer(200, self._body(endpoint, ids, given, request.path))
                idempotency.remember(world, asked, Remembered(200, answer.body, request_id))
                return answer
        except ApiError as error:
            if error.executed:
                with world.changing():
                    kept = Remembered(error.status, error.body(), request_id)
                    idempotency.remember(world, asked, kept)
            raise

    def _body(self, endpoint: Endpoint, ids: tuple[str, ...], given: Obj, path: str) -> Obj:
        expand = given.pop("expand", [])
        answer = endpoint.answer(self.world, given, *ids)
        if endpoint.is_list:
            answer = page(self.world, given, path, answer)
        return rendered(self.world, answer, expand)

    def _head(self, request: Request, request_id: str, answer: Answer) -> None:
        answer.headers |= {
            "Request-Id": request_id,
            "Stripe-Version": request.headers.get("stripe-version", API_VERSION),
        }
        if key := request.headers.get("idempotency-key"):
            answer.headers["Idempotency-Key"] = key
        if "error" in answer.body:
            log = f"https://dashboard.stripe.com/test/logs/{request_id}"
            answer.body["error"].setdefault("request_log_url", log)

    def _note(self, request: Request, answer: Answer, request_id: str, fault: Fault | None) -> None:
        text = request.query if request.method == "GET" else request.body
        try:
            params = forms.parse(text)
        except ApiError:
            params = {"unreadable": text}
        error = answer.body.get("error", {})
        self.journal.append(
            Entry(
                int(self.world.clock.now().timestamp()), request.method, request.path, params,
                request.headers.get("idempotency-key"), answer.status, request_id,
                fault.kind if fault else None, "Idempotent-Replayed" in answer.headers,
                error.get("code") or error.get("message"),
            )
        )  # fmt: skip


def _endpoint(request: Request) -> tuple[Endpoint, tuple[str, ...]]:
    for endpoint in ENDPOINTS:
        match = endpoint.pattern.fullmatch(request.path)
        if match and endpoint.method == request.method:
            return endpoint, match.groups()
    message = f"Unrecognized request URL ({request.method}: {request.path}). Please see"
    message += " https://stripe.com/docs or we can help at https://support.stripe.com/."
    raise ApiError(404, message, executed=False)
