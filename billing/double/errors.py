"""Errors in Stripe's shape (https://docs.stripe.com/api/errors)."""

from typing import Any

Obj = dict[str, Any]


class ApiError(Exception):
    """Answered as `{"error": {...}}` with `status`.

    `executed`: the endpoint had begun, so an idempotency key remembers the answer. `kept`: what was
    written before stays (a declined card leaves its traces).
    """

    def __init__(
        self, status: int, message: str, *, kind: str = "invalid_request_error",
        executed: bool = True, kept: bool = False, **more: Any,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.status, self.executed, self.kept = status, executed, kept
        self.error: Obj = {"type": kind, "message": message}
        self.error |= {name: value for name, value in more.items() if value is not None}
        if code := self.error.get("code"):
            self.error["doc_url"] = f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"

    def body(self) -> Obj:
        return {"error": self.error}


def invalid(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """Something is wrong with what was asked for, seen while doing it."""
    return ApiError(400, message, param=param, code=code)


def malformed(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """A parameter is wrong: nothing has begun and an idempotency key stays unused."""
    return ApiError(400, message, param=param, code=code, executed=False)


def missing(kind: str, object_id: str, param: str = "id", status: int = 404) -> ApiError:
    """Stripe says 404 for an id in the path and 400 for one in a parameter."""
    name = {"checkout.session": "checkout.session", "balance_transaction": "balance transaction"}
    message = f"No such {name.get(kind, kind)}: '{object_id}'"
    return ApiError(status, message, code="resource_missing", param=param)


def wrong_state(message: str, **more: Any) -> ApiError:
    return ApiError(400, message, code="payment_intent_unexpected_state", **more)


def unauthorized(message: str) -> ApiError:
    return ApiError(401, message, executed=False)
