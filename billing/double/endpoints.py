"""Every endpoint the double has: method, path, parameters it knows, what answers."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from stripe import params
from stripe.params import checkout as checkout_params

from billing.double import (
    cards,
    charges,
    checkout,
    confirming,
    customers,
    disputes,
    events,
    intents,
    money,
    refunds,
)
from billing.double.errors import Obj
from billing.double.world import World

_INTENT_DATA = (
    "payment_intent_data.capture_method payment_intent_data.description"
    " payment_intent_data.metadata.* payment_intent_data.receipt_email"
    " payment_intent_data.setup_future_usage payment_intent_data.statement_descriptor_suffix"
)
_SESSION = (
    "allowed_payment_method_types cancel_url client_reference_id currency customer"
    " customer_creation customer_email expires_at line_items.price_data.currency"
    " line_items.price_data.product_data.name line_items.price_data.product_data.description"
    " line_items.price_data.unit_amount line_items.quantity locale metadata.* mode"
    f" setup_intent_data.description setup_intent_data.metadata.* submit_type success_url"
    f" ui_mode {_INTENT_DATA}"
)
_INTENT = (
    "allowed_payment_method_types amount automatic_payment_methods.* capture_method confirm"
    " currency customer description error_on_requires_action metadata.* off_session"
    " payment_method receipt_email return_url setup_future_usage statement_descriptor_suffix"
)
_PAGE = "created.* ending_before limit starting_after"


@dataclass(frozen=True)
class Endpoint:
    """`{}` in the path is an id, handed to `answer` in its turn.

    `answer` returns an object, or for a list what to look for (`kind` and `conditions`).
    """

    method: str
    path: str
    shape: Any
    known: str
    answer: Callable[..., Obj]
    is_list: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.path.replace("{}", "([^/]+)"))

    @property
    def names(self) -> list[str]:
        return [*self.known.split(), "expand", *(_PAGE.split() if self.is_list else [])]


def _one(kind: str, param: str) -> Callable[..., Obj]:
    return lambda world, _given, object_id: world.get(kind, object_id, param)


def _session(world: World, _given: Obj, session_id: str) -> Obj:
    return checkout.as_of_now(world, world.get("checkout.session", session_id, "session"))


def _transaction(world: World, _given: Obj, transaction_id: str) -> Obj:
    return money.with_status(world, world.get("balance_transaction", transaction_id, "id"))


def _get(path: str, shape: Any, answer: Callable[..., Obj]) -> Endpoint:
    return Endpoint("GET", path, shape, "", answer)


def _list(path: str, shape: Any, known: str, answer: Callable[..., Obj]) -> Endpoint:
    return Endpoint("GET", path, shape, known, answer, is_list=True)


def _post(path: str, shape: Any, known: str, answer: Callable[..., Obj]) -> Endpoint:
    return Endpoint("POST", path, shape, known, answer)


_SESSIONS, _INTENTS = "/v1/checkout/sessions", "/v1/payment_intents"
_FILTERS = "customer payment_intent"
_ABOUT = "description metadata.* receipt_email"
_CUSTOMER = "description email metadata.* name phone preferred_locales"
_EVIDENCE = "evidence.* metadata.* submit"
ENDPOINTS = [
    _post(_SESSIONS, checkout_params.SessionCreateParams, _SESSION, checkout.create),
    _list(_SESSIONS, checkout_params.SessionListParams, f"{_FILTERS} status",
          checkout.list_sessions),
    _get(_SESSIONS + "/{}", checkout_params.SessionRetrieveParams, _session),
    _post(_SESSIONS + "/{}", checkout_params.SessionUpdateParams, "metadata.*", checkout.update),
    _post(_SESSIONS + "/{}/expire", checkout_params.SessionExpireParams, "", checkout.expire),
    _get(_SESSIONS + "/{}/line_items", checkout_params.SessionLineItemListParams,
         checkout.items_of),
    _post(_INTENTS, params.PaymentIntentCreateParams, _INTENT, intents.create),
    _list(_INTENTS, params.PaymentIntentListParams, "customer", intents.list_intents),
    _get(_INTENTS + "/{}", params.PaymentIntentRetrieveParams, _one("payment_intent", "intent")),
    _post(_INTENTS + "/{}", params.PaymentIntentUpdateParams, _ABOUT, intents.update),
    _post(_INTENTS + "/{}/confirm", params.PaymentIntentConfirmParams,
          "payment_method off_session return_url error_on_requires_action", confirming.confirm),
    _post(_INTENTS + "/{}/capture", params.PaymentIntentCaptureParams,
          "amount_to_capture metadata.*", intents.capture),
    _post(_INTENTS + "/{}/cancel", params.PaymentIntentCancelParams, "cancellation_reason",
          intents.cancel),
    _list("/v1/charges", params.ChargeListParams, _FILTERS, charges.list_charges),
    _get("/v1/charges/{}", params.ChargeRetrieveParams, _one("charge", "id")),
    _post("/v1/charges/{}", params.ChargeUpdateParams, _ABOUT, charges.update_charge),
    _post("/v1/refunds", params.RefundCreateParams,
          "amount charge metadata.* payment_intent reason", refunds.create),
    _list("/v1/refunds", params.RefundListParams, "charge payment_intent", refunds.list_refunds),
    _get("/v1/refunds/{}", params.RefundRetrieveParams, _one("refund", "refund")),
    _post("/v1/refunds/{}", params.RefundUpdateParams, "metadata.*", refunds.update),
    _list("/v1/disputes", params.DisputeListParams, "charge payment_intent",
          disputes.list_disputes),
    _get("/v1/disputes/{}", params.DisputeRetrieveParams, _one("dispute", "dispute")),
    _post("/v1/disputes/{}", params.DisputeUpdateParams, _EVIDENCE, disputes.update),
    _post("/v1/disputes/{}/close", params.DisputeCloseParams, "", disputes.close),
    _get("/v1/balance", params.BalanceRetrieveParams, money.balance),
    _list("/v1/balance_transactions", params.BalanceTransactionListParams,
          "currency payout source type", money.list_transactions),
    _get("/v1/balance_transactions/{}", params.BalanceTransactionRetrieveParams, _transaction),
    _list("/v1/payouts", params.PayoutListParams, "arrival_date.* status", money.list_payouts),
    _get("/v1/payouts/{}", params.PayoutRetrieveParams, _one("payout", "payout")),
    _post("/v1/customers", params.CustomerCreateParams, _CUSTOMER, customers.new_customer),
    _list("/v1/customers", params.CustomerListParams, "email", customers.list_customers),
    _get("/v1/customers/{}", params.CustomerRetrieveParams, customers.retrieve_customer),
    Endpoint("DELETE", "/v1/customers/{}", params.CustomerDeleteParams, "",
             customers.delete_customer),
    _post("/v1/customers/{}", params.CustomerUpdateParams,
          f"{_CUSTOMER} invoice_settings.default_payment_method", customers.update_customer),
    _list("/v1/customers/{}/payment_methods", params.CustomerPaymentMethodListParams, "type",
          cards.list_of_customer),
    _get("/v1/customers/{}/payment_methods/{}", params.CustomerPaymentMethodRetrieveParams,
         cards.one_of_customer),
    _list("/v1/payment_methods", params.PaymentMethodListParams, "customer type",
          cards.list_methods),
    _get("/v1/payment_methods/{}", params.PaymentMethodRetrieveParams,
         _one("payment_method", "payment_method")),
    _post("/v1/payment_methods/{}/detach", params.PaymentMethodDetachParams, "", cards.detach),
    _get("/v1/setup_intents/{}", params.SetupIntentRetrieveParams, _one("setup_intent", "intent")),
    _list("/v1/setup_intents", params.SetupIntentListParams, "customer",
          checkout.list_setup_intents),
    _list("/v1/events", params.EventListParams, "type types", events.list_events),
    _get("/v1/events/{}", params.EventRetrieveParams, _one("event", "id")),
]  # fmt: skip
