"""Sessions become money: tariffs, pricing, payments, ledger. Imports `sql`, never another part."""


class BillingError(Exception):
    """Billing can't do what was asked; the message is one line that says why."""

    retryable = False
