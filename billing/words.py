"""What papers and mails say, in Swedish and English, and how they write numbers. Pure.

The one catalogue of this part; words as in the driver's pages. Swedish: 1 234,50 kr; English:
SEK 1,234.50; no line breaks between a number and its unit.
"""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime
from babel.numbers import format_decimal
from msgspec import Struct

from billing.money import decimals_of, minor_unit

NBSP, MINUS = "\u00a0", "\u2212"
LOCALES = {"sv": Locale("sv", "SE"), "en": Locale("en", "GB")}

# what: (Swedish, English)
WORDS: dict[str, tuple[str, str]] = {
    # papers
    "receipt": ("Kvitto", "Receipt"),
    "credit_note": ("Kreditkvitto", "Credit note"),
    "seller": ("Säljare", "Seller"),
    "organisation_number": ("Org.nr {0}", "Company reg. no. {0}"),
    "vat_number": ("Momsreg.nr {0}", "VAT reg. no. {0}"),
    "f_tax": ("Godkänd för F-skatt", "Approved for F-tax (Sweden)"),
    "session": ("Laddning", "Charging session"),
    "station": ("Laddare", "Charger"),
    "evse": ("EVSE-id", "EVSE ID"),
    "site": ("Plats", "Place"),
    "start": ("Start", "Start"),
    "stop": ("Stopp", "Stop"),
    "registers": ("Mätarställning", "Meter reading"),
    "energy_measured": ("Uppmätt energi", "Measured energy"),
    "lines": ("Rader", "Items"),
    "what": ("Vad", "Item"),
    "quantity": ("Mängd", "Quantity"),
    "unit_price": ("Pris exkl.", "Price excl."),
    "net": ("Netto", "Net"),
    "vat": ("Moms", "VAT"),
    "vat_rate": ("Moms {0}", "VAT {0}"),
    "rate": ("Momssats", "VAT rate"),
    "gross": ("Summa {0}", "Total {0}"),
    "to_pay": ("Att betala", "To pay"),
    "given_back": ("Åter", "Given back"),
    "per_rate": ("Moms per sats", "VAT by rate"),
    "payment": ("Betalning", "Payment"),
    "card": ("Kort", "Card"),
    "held": ("Reserverat {0}", "Held {0}"),
    "captured": ("Draget {0}", "Charged {0}"),
    "released": ("Släppt {0}", "Released {0}"),
    "refunded": ("Återbetalt", "Refunded"),
    "paid": ("Betalt", "Paid"),
    "written_off": ("Avskrivet", "Written off"),
    "due": ("Kvar att betala", "Still to pay"),
    "to_give_back": ("Kvar att återbetala", "Still to be given back"),
    "trace": ("Spårbarhet", "Traceability"),
    "reference": ("Referens", "Reference"),
    "intent": ("Betalning", "Payment"),
    "shown_at": ("Pris visat", "Price shown"),
    "tariff": ("Tariff", "Tariff"),
    "credits": ("Krediterar kvitto", "Credits receipt"),
    "credited_of": ("av den {0}", "of {0}"),
    "reason": ("Anledning", "Reason"),
    "electricity": ("El", "Electricity"),
    "network": ("Tillgång till laddnätet", "Access to the charging network"),
    "energy": ("Laddad energi", "Charged energy"),
    "time": ("Laddtid", "Charging time"),
    "parking": ("Tid efter laddning", "Time after charging"),
    "flat": ("Avgift per laddning", "Fee per session"),
    "bound": ("Pris per laddning: lägst/högst", "Price limit per session"),
    "credit": ("Kreditering", "Credit"),
    "unit_session": ("gång", "session"),
    "page": ("Sida {0} av {1}", "Page {0} of {1}"),
    "note_receipt": (
        "Kvittonumren följer varandra utan luckor. En ändring görs alltid som ett kreditkvitto"
        " som hänvisar till det här numret.",
        "Receipt numbers follow each other without a gap. A change is always made as a credit"
        " note that refers to this number.",
    ),
    "note_supplies": (
        "El och tillgång till laddnätet är två tjänster och visas därför var för sig.",
        "Electricity and access to the charging network are two supplies and are therefore"
        " shown separately.",
    ),
    "note_credit": (
        "Kreditkvittot minskar det kvitto som det hänvisar till. Kvittot självt ändras aldrig.",
        "The credit note reduces the receipt that it refers to. The receipt itself is never"
        " changed.",
    ),
    "note_estimated": (
        "Laddaren skickade ingen slutavläsning: energin är den senast uppmätta.",
        "The charger sent no final reading: the energy is the last that was measured.",
    ),
    # collective invoices
    "invoice": ("Faktura", "Invoice"),
    "buyer": ("Köpare", "Buyer"),
    "name": ("Namn", "Name"),
    "address": ("Adress", "Address"),
    "your_reference": ("Er referens", "Your reference"),
    "pay_by": ("Betalas senast", "To be paid by"),
    "quote": ("Ange vid betalning", "Quote when paying"),
    "month": ("Månad", "Month"),
    "sessions": ("Rader", "Lines"),
    "note_invoice": (
        "Varje rad är en laddning med eget kvitto, eller en kreditering av ett. Det som tillkommer"
        " efter månadens slut står på nästa faktura.",
        "Each line is a charging session with a receipt of its own, or a credit of one. What comes"
        " after the month is over stands on the next invoice.",
    ),
    # mails
    "mail_receipt_subject": ("{0} {1}: {2}, {3}", "{0} {1}: {2}, {3}"),
    "mail_receipt_preview": ("{0} för {1}.", "{0} for {1}."),
    "mail_done": ("Klar", "Done"),
    "mail_credited": ("Pengar tillbaka", "Money back"),
    "mail_vat_of_it": ("Varav moms {0}", "Of which VAT {0}"),
    "mail_line": ("{0}, {1} + moms {2}", "{0}, {1} + VAT {2}"),
    "mail_paid_with": ("Betalt med {0}", "Paid with {0}"),
    "mail_held": (
        "Vi reserverade {0}. Resten, {1}, släpptes kl. {2}. Banken kan visa den några dagar.",
        "We held {0}. The rest, {1}, was released at {2}. Your bank may show it for some days.",
    ),
    "mail_given_back": (
        "Vi betalar tillbaka {0} till kortet du betalade med. Det kan ta några dagar innan banken"
        " visar det.",
        "We are paying {0} back to the card you paid with. It can take some days until your bank"
        " shows it.",
    ),
    "mail_see": ("Visa hela kvittot", "Show the whole receipt"),
    "mail_attached": ("{0} {1} bifogas som PDF.", "{0} {1} is attached as a PDF."),
    "mail_ref": ("Ref. {0}.", "Ref. {0}."),
    "mail_wrong_call": (
        "Stämmer något inte? Svara på brevet eller ring {0}.",
        "Is something wrong? Reply to this mail or call {0}.",
    ),
    "mail_wrong": (
        "Stämmer något inte? Svara på brevet.",
        "Is something wrong? Reply to this mail.",
    ),
    "mail_why": (
        "Du får det här för att du bad om kvittot. Vi skickar ingen reklam.",
        "You get this because you asked for the receipt. We send no advertising.",
    ),
    "mail_alert_button": ("Öppna incidenten", "Open the incident"),
    "mail_alert_footer": (
        "Du får det här enligt larmreglerna i Kilowatch. En administratör kan ändra dem.",
        "You get this by the alert rules of Kilowatch. An administrator can change them.",
    ),
    "mail_alert_test_subject": ("Test av larm", "Test of alerts"),
    "mail_alert_test_text": (
        "Det här är ett test: larm till den här adressen kommer fram.",
        "This is a test: alerts to this address arrive.",
    ),
    "mail_alert_test_button": ("Öppna Kilowatch", "Open Kilowatch"),
    "mail_alert_escalated": (
        "Ingen har kvitterat incidenten. Kvittera den för att visa att någon tar hand om den.",
        "Nobody has acknowledged the incident. Acknowledge it to show that somebody handles it.",
    ),
    "alarm_router": ("Router", "Router"),
    "alarm_build": ("Modell och firmware", "Model and firmware"),
    "alarm_failure": ("Fel", "Failure"),
    "alarm_severity": ("Allvar", "Severity"),
    "alarm_since": ("Sedan", "Since"),
    "alarm_until": ("Över", "Over"),
    "alarm_how": ("Hur det slutade", "How it ended"),
    "alarm_next": ("Nästa steg", "Next"),
    "alarm_stations": ("Laddare", "Stations"),
    "alarm_more": ("och {0} till", "and {0} more"),
    "mail_login_subject": ("Din länk till Mina laddningar", "Your link to My charging"),
    "mail_login_title": ("Logga in", "Sign in"),
    "mail_login_text": (
        "Öppna länken för att se dina laddningar. Den gäller en gång och till {0}.",
        "Open the link to see your charging sessions. It works once and until {0}.",
    ),
    "mail_login_once": (
        "Öppna länken för att se dina laddningar. Den gäller en gång.",
        "Open the link to see your charging sessions. It works once.",
    ),
    "mail_login_button": ("Visa mina laddningar", "Show my charging"),
    "mail_login_not_you": (
        "Bad du inte om det här? Då behöver du inte göra något.",
        "Didn't ask for this? Then you need do nothing.",
    ),
    "mail_declined_subject": (
        "Betalningen på {0} gick inte igenom",
        "The payment of {0} did not go through",
    ),
    "mail_declined_title": ("Betalningen gick inte igenom", "The payment did not go through"),
    "mail_declined_text": (
        "Banken nekade betalningen på {0}. Inget har dragits. Betala med ett annat kort, eller"
        " godkänn betalningen, på sidan bakom knappen.",
        "Your bank declined the payment of {0}. Nothing has been charged. Pay with another card,"
        " or approve the payment, on the page behind the button.",
    ),
    "mail_declined_button": ("Betala nu", "Pay now"),
    "mail_authentication_subject": (
        "Godkänn betalningen på {0}",
        "Approve the payment of {0}",
    ),
    "mail_authentication_title": (
        "Banken vill ha ditt godkännande",
        "Your bank wants your approval",
    ),
    "mail_authentication_text": (
        "Banken vill att du själv godkänner betalningen på {0}. Inget har dragits. Det gör du på"
        " sidan bakom knappen.",
        "Your bank wants you to approve the payment of {0} yourself. Nothing has been charged. You"
        " do it on the page behind the button.",
    ),
    "mail_authentication_button": ("Godkänn och betala", "Approve and pay"),
    "mail_no_card_subject": ("Betala din laddning: {0}", "Pay for your charging: {0}"),
    "mail_no_card_title": ("Du har inget sparat kort", "You have no saved card"),
    "mail_no_card_text": (
        "Du har laddat för {0}, och det finns inget kort att dra det från. Betala på sidan bakom"
        " knappen. Spara ett kort på Mina laddningar, så sköts nästa gång av sig själv.",
        "You have charged for {0}, and there is no card to take it from. Pay on the page behind the"
        " button. Save a card in My charging, and the next time takes care of itself.",
    ),
    "mail_no_card_button": ("Betala nu", "Pay now"),
    "mail_reminder_subject": ("Påminnelse: {0} är inte betalt", "Reminder: {0} is not paid"),
    "mail_reminder_title": ("En laddning är inte betald", "A charging session is not paid"),
    "mail_reminder_text": (
        "{0} för en laddning är inte betalt än. Betala på sidan bakom knappen. Är det inte betalt"
        " två veckor efter att vi bad om det går det inte att ladda med dina taggar.",
        "{0} for a charging session is not paid yet. Pay on the page behind the button. If it is"
        " not paid two weeks after we asked for it, your tags can't be used for charging.",
    ),
    "mail_reminder_button": ("Betala nu", "Pay now"),
    "mail_invoice_subject": ("Faktura {0}: {1}", "Invoice {0}: {1}"),
    "mail_invoice_title": ("Faktura {0}", "Invoice {0}"),
    "mail_invoice_text": (
        "Här är fakturan för laddning i {0}. Betala senast {1} och ange {2}.",
        "Here is the invoice for charging in {0}. Pay by {1} and quote {2}.",
    ),
    "mail_invoice_button": ("Visa fakturan", "Show the invoice"),
    "mail_statement_subject": ("Dina laddningar i {0}", "Your charging in {0}"),
    "mail_statement_title": ("Månadsöversikt", "Monthly statement"),
    "mail_statement_text": (
        "Här är dina laddningar i {0}: {1} för {2}.",
        "Here is your charging in {0}: {1} for {2}.",
    ),
    "mail_statement_button": ("Visa översikten", "Show the statement"),
}  # fmt: skip


class Tongue(Struct, frozen=True):
    """One language and one place's clock."""

    language: str
    zone: ZoneInfo

    def say(self, key: str, *values: str) -> str:
        text = WORDS[key][0 if self.language == "sv" else 1]
        return text.format(*values) if values else text

    def number(self, value: Decimal | int, decimals: int) -> str:
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
        text = str(format_decimal(value, pattern, LOCALES[self.language]))
        # Babel's Swedish separator may break a line; ours is narrow and doesn't
        return text.replace("\u00a0", "\u202f").replace("-", MINUS)

    def amount(self, minor: int, currency: str) -> str:
        """Minor units without the currency, as in a column that names it."""
        decimals = minor_unit(currency)
        return self.number(Decimal(minor).scaleb(-decimals), decimals)

    def money(self, minor: int, currency: str) -> str:
        text = self.amount(minor, currency)
        if self.language == "sv":
            return f"{text}{NBSP}{self.currency(currency)}"
        return f"{currency}{NBSP}{text}"

    def currency(self, currency: str) -> str:
        return "kr" if (self.language, currency) == ("sv", "SEK") else currency

    def kwh(self, energy_wh: int) -> str:
        """Two decimals, three where the meter's last digit asks for it: never rounded."""
        decimals = 3 if energy_wh % 10 else 2
        return f"{self.number(Decimal(energy_wh).scaleb(-3), decimals)}{NBSP}kWh"

    def quantity(self, value: Decimal, unit: str) -> str:
        if unit == "session":
            return f"{self.number(value, 0)}{NBSP}{self.say('unit_session')}"
        decimals = max(2, decimals_of(value)) if unit == "kWh" else decimals_of(value)
        return f"{self.number(value, decimals)}{NBSP}{unit}"

    def price(self, value: Decimal) -> str:
        """A unit price: two decimals or as many as it needs."""
        return self.number(value, max(2, decimals_of(value)))

    def percent(self, rate: Decimal) -> str:
        return f"{self.number(rate, decimals_of(rate))}{NBSP}%"

    def at(self, when: datetime, pattern: str) -> str:
        """Local time in Babel's pattern."""
        local = when.astimezone(self.zone)
        return str(format_datetime(local, pattern, self.zone, LOCALES[self.language]))

    def day_and_time(self, when: datetime) -> str:
        """22 november 2026 kl. 14:38"""
        word = "'kl.' " if self.language == "sv" else "'at' "
        return self.at(when, f"d MMMM y {word}HH:mm")

    def second(self, when: datetime) -> str:
        """22 nov 2026 14:12:41"""
        return self.at(when, "d MMM y HH:mm:ss").replace(".", "")

    def clock(self, when: datetime) -> str:
        return self.at(when, "HH:mm")
