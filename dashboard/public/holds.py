"""The amounts a driver may choose as the most a charge may cost. Pure."""

from babel.numbers import get_currency_precision

# In whole units; the middle one is proposed. About 40, 60 and 100 kWh at what they cost there.
CHOICES = {
    "SEK": (200, 300, 500),
    "NOK": (200, 300, 500),
    "DKK": (150, 250, 400),
    "EUR": (20, 30, 50),
    "GBP": (20, 30, 50),
    "PLN": (80, 120, 200),
    "CZK": (500, 700, 1200),
}
ELSEWHERE = (20, 30, 50)


def choices(currency: str) -> tuple[int, ...]:
    """What may be chosen, in whole units of the currency."""
    return CHOICES.get(currency, ELSEWHERE)


def proposed(currency: str) -> int:
    return choices(currency)[1]


def chosen(text: str, currency: str) -> int | None:
    """The amount a form names, in whole units; None when it is not one of the choices."""
    amount = int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else None
    return amount if amount in choices(currency) else None


def minor(amount: int, currency: str) -> int:
    """Minor units of an amount in whole units."""
    return int(amount * 10 ** int(get_currency_precision(currency)))
