"""What the files and their errors say, in Swedish and English. Pure."""

# what: (Swedish, English)
WORDS: dict[str, tuple[str, str]] = {
    "day": ("Datum", "Date"),
    "journal": ("Verifikat", "Journal"),
    "kind": ("Händelse", "Event"),
    "account": ("Konto", "Account"),
    "account_name": ("Kontonamn", "Account name"),
    "debit": ("Debet", "Debit"),
    "credit": ("Kredit", "Credit"),
    "amount": ("Saldo", "Balance"),
    "currency": ("Valuta", "Currency"),
    "vat_rate": ("Momssats %", "VAT rate %"),
    "channel": ("Kanal", "Channel"),
    "site": ("Plats", "Site"),
    "station": ("Station", "Station"),
    "session": ("Laddning", "Session"),
    "payment": ("Betalning", "Payment"),
    "receipt": ("Kvitto", "Receipt"),
    "external": ("Stripe-id", "Stripe ID"),
    "booked_by": ("Bokförd av", "Booked by"),
    "totals": ("Summor", "Totals"),
    "lines": ("Rader", "Lines"),
    "vat": ("Moms", "VAT"),
    "sum": ("Summa", "Sum"),
    "sold_net": ("Försäljning exkl. moms", "Sales excl. VAT"),
    "sold_vat": ("Utgående moms", "Output VAT"),
    "lost_net": ("Kundförluster exkl. moms", "Bad debts excl. VAT"),
    "lost_vat": ("Moms åter på kundförluster", "VAT back on bad debts"),
    "vat_to_pay": ("Moms att betala", "VAT to pay"),
    "file": ("bokforing", "ledger"),
    "vat_file": ("moms", "vat"),
    # kinds of journals
    "earned": ("Intjänat", "Earned"),
    "captured": ("Draget", "Charged"),
    "fee": ("Avgift", "Fee"),
    "payout": ("Utbetalning", "Payout"),
    "write_off": ("Avskrivning", "Write-off"),
    "refund": ("Återbetalning", "Refund"),
    "refund_failed": ("Återbetalning misslyckad", "Refund failed"),
    "credit_note": ("Kreditering", "Credit note"),
    "dispute": ("Tvist", "Dispute"),
    "dispute_won": ("Tvist vunnen", "Dispute won"),
    "dispute_lost": ("Tvist förlorad", "Dispute lost"),
    "invoiced": ("Fakturerat", "Invoiced"),
    "paid": ("Betalt", "Paid"),
    "adjustment": ("Rättelse", "Correction"),
    # channels
    "guest": ("Gäst", "Guest"),
    "registered": ("Registrerad", "Registered"),
    "roaming": ("Roaming", "Roaming"),
    "company": ("Företag", "Company"),
    "free": ("Gratis", "Free"),
    "no_channel": ("Gemensamt", "General"),
    # errors
    "bad_parameters": ("parametrar: väntade ett objekt", "parameters: expected an object"),
    "no_parameter": ("{0}: finns inte bland valen", "{0}: is no parameter"),
    "bad_month": (
        "{0}: väntade en månad som 2026-06, fick {1}",
        "{0}: expected a month such as 2026-06, got {1}",
    ),
    "bad_day": (
        "{0}: väntade ett datum som 2026-06-30, fick {1}",
        "{0}: expected a date such as 2026-06-30, got {1}",
    ),
    "no_period": (
        "month: ange en månad, eller from och to",
        "month: give a month, or from and to",
    ),
    "two_periods": (
        "month: ange antingen en månad eller from och to",
        "month: give either a month, or from and to",
    ),
    "turned_period": (
        "to: väntade {1} eller senare, fick {0}",
        "to: expected {1} or later, got {0}",
    ),
    "bad_number": ("{0}: väntade ett heltal, fick {1}", "{0}: expected a whole number, got {1}"),
    "bad_choice": ("{0}: väntade {2}, fick {1}", "{0}: expected {2}, got {1}"),
    "unknown": ("{0}: {1} finns inte", "{0}: there is no {1}"),
    "bad_currency": (
        "{0}: väntade en valutakod som SEK, fick {1}",
        "{0}: expected a currency such as SEK, got {1}",
    ),
    "too_many_rows": (
        "Perioden har fler rader än Excel klarar ({0}). Välj en kortare period, eller CSV.",
        "The period has more rows than Excel can hold ({0}). Choose a shorter one, or CSV.",
    ),
    "no_kind": ("Filen {0} finns inte.", "There is no file {0}."),
    "not_made": (
        "Filen kunde inte skapas. Felet är noterat; försök igen senare.",
        "The file could not be made. The fault is logged; try again later.",
    ),
}
KINDS = {"credit": "credit_note"}  # the kind, not the side of an account


def word(language: str, what: str, *values: object) -> str:
    """A text in "sv" or "en" with its values filled in."""
    return WORDS[what][language != "sv"].format(*values)


def kind_word(language: str, kind: str) -> str:
    return word(language, KINDS.get(kind, kind))


def channel_word(language: str, channel: str | None) -> str:
    return word(language, channel or "no_channel")
