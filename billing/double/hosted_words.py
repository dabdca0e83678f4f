"""What the hosted page says, in Swedish and English."""

ENGLISH = {
    "pay": "Pay {amount}",
    "hold": "Reserve {amount}",
    "hold_note": "The amount is reserved now. You pay for what you use; the rest is released.",
    "save": "Save card",
    "save_title": "Save a card",
    "save_note": "Nothing is charged now.",
    "back": "Back to {merchant}",
    "test": "Test card, no real money",
    "test_note": "This is a practice payment page. Nothing leaves this computer.",
    "email": "E-mail",
    "number": "Card number",
    "expiry": "Expires (MM / YY)",
    "cvc": "Security code",
    "name": "Name on card",
    "other": "Other test cards",
    "bad_email": "Write an e-mail address, like dave@example.org.",
    "bad_number": "Write the number on the card.",
    "bad_expiry": "Write month and year in the future, like 12 / 34.",
    "bad_cvc": "Write the three or four digits of the security code.",
    "bad_name": "Write the name on the card.",
    "asking": "Your bank wants to know that it is you",
    "asking_note": "{merchant} asks for {amount}. Here a real bank would ask for your BankID.",
    "complete": "Confirm",
    "fail": "Decline",
    "paid_title": "Done",
    "paid": "This payment has been made. You can close this page.",
    "expired_title": "This page has expired",
    "expired": "Nothing has been reserved. Go back and start again.",
    "on": "Continue to {merchant}",
}
SWEDISH = {
    "pay": "Betala {amount}",
    "hold": "Reservera {amount}",
    "hold_note": "Beloppet reserveras nu. Du betalar för det du använder; resten släpps.",
    "save": "Spara kort",
    "save_title": "Spara ett kort",
    "save_note": "Inget dras nu.",
    "back": "Tillbaka till {merchant}",
    "test": "Testkort, inga riktiga pengar",
    "test_note": "Det här är en övningssida för betalning. Inget lämnar den här datorn.",
    "email": "E-post",
    "number": "Kortnummer",
    "expiry": "Giltigt till (MM / ÅÅ)",
    "cvc": "Säkerhetskod",
    "name": "Namn på kortet",
    "other": "Andra testkort",
    "bad_email": "Skriv en e-postadress, till exempel dave@example.org.",
    "bad_number": "Skriv numret på kortet.",
    "bad_expiry": "Skriv månad och år i framtiden, till exempel 12 / 34.",
    "bad_cvc": "Skriv säkerhetskodens tre eller fyra siffror.",
    "bad_name": "Skriv namnet på kortet.",
    "asking": "Din bank vill veta att det är du",
    "asking_note": "{merchant} ber om {amount}. Här skulle en riktig bank be om ditt BankID.",
    "complete": "Bekräfta",
    "fail": "Neka",
    "paid_title": "Klart",
    "paid": "Betalningen är gjord. Du kan stänga sidan.",
    "expired_title": "Sidan har gått ut",
    "expired": "Inget har reserverats. Gå tillbaka och börja om.",
    "on": "Fortsätt till {merchant}",
}
LANGUAGES = {"en": ENGLISH, "sv": SWEDISH}
# by decline code, else by code, else the first
_REFUSED = {
    "en": {
        "": "Your bank declined the card. Nothing has been reserved. Try another card.",
        "insufficient_funds": "There is not enough money on the card. Try another card.",
        "expired_card": "The card has expired. Try another card.",
        "incorrect_cvc": "The security code is wrong.",
        "incorrect_number": "The card number is wrong.",
        "live_mode_test_card": "Only test cards work here, for example 4242 4242 4242 4242.",
        "processing_error": "The bank did not answer. Try again in a little while.",
        "payment_intent_authentication_failure": "Your bank could not confirm that it was you."
        " Nothing has been reserved.",
    },
    "sv": {
        "": "Banken nekade kortet. Inget har reserverats. Prova ett annat kort.",
        "insufficient_funds": "Det finns inte tillräckligt med pengar på kortet. Prova ett annat.",
        "expired_card": "Kortet har gått ut. Prova ett annat kort.",
        "incorrect_cvc": "Säkerhetskoden är fel.",
        "incorrect_number": "Kortnumret är fel.",
        "live_mode_test_card": "Bara testkort fungerar här, till exempel 4242 4242 4242 4242.",
        "processing_error": "Banken svarade inte. Försök igen om en liten stund.",
        "payment_intent_authentication_failure": "Din bank kunde inte bekräfta att det var du."
        " Inget har reserverats.",
    },
}
CARDS = {
    "en": {
        "4242424242424242": "is accepted",
        "4000000000000002": "is declined",
        "4000000000009995": "has too little money",
        "4000002500003155": "asks your bank first",
        "4000000000005126": "takes no refund later",
        "4000000000000259": "is disputed afterwards",
    },
    "sv": {
        "4242424242424242": "godkänns",
        "4000000000000002": "nekas",
        "4000000000009995": "har för lite pengar",
        "4000002500003155": "frågar banken först",
        "4000000000005126": "tar inte emot återbetalning",
        "4000000000000259": "bestrids efteråt",
    },
}


def language_of(locale: str | None, wished: str) -> str:
    """`locale` of the session; `auto` or none follows the browser's Accept-Language."""
    if locale in {None, "auto"}:
        locale = wished.strip()
    return "sv" if str(locale).lower().startswith("sv") else "en"


def refusal(language: str, code: str) -> str:
    words = _REFUSED[language]
    return words.get(code, words[""])
