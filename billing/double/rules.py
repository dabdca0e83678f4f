"""What differs between Stripe accounts: fees, delays, limits. Amounts in minor units."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

MINUTE, HOUR, DAY = 60, 3600, 86400
# https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
SMALLEST = {"sek": 300, "eur": 50, "nok": 300, "dkk": 250, "usd": 50, "gbp": 30}


@dataclass(frozen=True)
class Rules:
    """Defaults are those of a Swedish account with standard prices."""

    merchant: str = "Kilowatch"
    country: str = "SE"
    fee_percent: Decimal = Decimal("1.5")
    fee_fixed: int = 180
    dispute_fee: int = 15000
    dispute_fee_returned: bool = True  # when it is won
    hold_seconds: int = 7 * DAY
    days_until_available: int = 2
    payout_arrives_after: int = 8 * HOUR
    idempotency_seconds: int = 24 * HOUR
    # Stripe books an `automatic_async` charge a little after it has answered
    late_balance_seconds: int = 2
    dispute_after: int = MINUTE  # the card 4000 0000 0000 0259, after its capture
    dispute_days: int = 7
    refund_turns_after: int = MINUTE  # the cards whose refunds fail or succeed later

    def fee(self, amount: int) -> int:
        """Of a captured amount, rounded half-up."""
        share = (self.fee_percent * amount / 100).quantize(Decimal(1), ROUND_HALF_UP)
        return int(share) + self.fee_fixed

    def smallest(self, currency: str) -> int:
        """What may be charged at all; a capture of less is refused too."""
        return SMALLEST.get(currency, 50)
