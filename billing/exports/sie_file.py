"""SIE 4I: vouchers for an accounting program, one per day, entity and channel. Pure.

SIE file format, edition 4B (2008-09-30), type 4I: text in PC8 (code page 437), fields between
quotes, a quote within them behind a backslash, no control characters. Vouchers come without
numbers: the program that reads them gives its own.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date

from billing.exports.lines import Entity, Line, money
from billing.exports.words import channel_word

MEDIA_TYPE = "application/x-sie"
Key = tuple[date, str]


def sie_file(
    lines: Iterable[Line],
    entity: Entity,
    currency: str,
    language: str,
    made_on: date,
    version: str,
) -> bytes:
    """A whole file. Within a voucher an account has at most a debit and a credit row."""
    vouchers: dict[Key, dict[tuple[str, bool], int]] = defaultdict(lambda: defaultdict(int))
    names: dict[str, str] = {}
    for line in lines:
        vouchers[line.day, line.channel or ""][line.account, line.amount < 0] += line.amount
        names[line.account] = line.account_name
    rows = [
        *_head(entity, currency, made_on, version),
        *(f"#KONTO {account} {quoted(names[account])}" for account in sorted(names)),
    ]
    for (day, channel), amounts in sorted(vouchers.items()):
        text = f"Kilowatch {channel_word(language, channel or None)} {day}"
        rows += _voucher(day, text, amounts, currency)
    return "".join(f"{row}\r\n" for row in rows).encode("cp437")


def _head(entity: Entity, currency: str, made_on: date, version: str) -> Iterator[str]:
    yield "#FLAGGA 0"
    yield f"#PROGRAM {quoted('Kilowatch')} {quoted(version)}"
    yield "#FORMAT PC8"
    yield f"#GEN {made_on:%Y%m%d}"
    yield "#SIETYP 4"
    if entity.organisation_number:
        yield f"#ORGNR {quoted(entity.organisation_number)}"
    yield f"#FNAMN {quoted(entity.name)}"
    yield "#KPTYP EUBAS97"
    if currency != "SEK":
        yield f"#VALUTA {currency}"


def _voucher(
    day: date, text: str, amounts: dict[tuple[str, bool], int], currency: str
) -> Iterator[str]:
    yield f'#VER "" "" {day:%Y%m%d} {quoted(text)}'
    yield "{"
    for (account, _), amount in sorted(amounts.items()):
        yield f"   #TRANS {account} {{}} {money(amount, currency):f}"
    yield "}"


def quoted(text: str) -> str:
    """A field: what code page 437 lacks without its accents or as ?, no control characters.

    A backslash would make the quote behind it part of the text; there is no way to escape it.
    """
    shown = "".join(_letter(letter) for letter in text if ord(letter) >= 32 and ord(letter) != 127)
    return '"' + shown.replace("\\", "/").replace('"', '\\"') + '"'


def _letter(letter: str) -> str:
    for form in (letter, unicodedata.normalize("NFC", letter), _plain(letter)):
        try:
            form.encode("cp437")
        except UnicodeEncodeError:
            continue
        return form
    return "?"


def _plain(letter: str) -> str:
    parts = unicodedata.normalize("NFKD", letter)
    return "".join(part for part in parts if not unicodedata.combining(part)) or "?"
