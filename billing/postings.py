"""What is booked when something happens to money: double entry, debit positive. Pure.

A posting is a journal to be: `billing/ledger.py` books it, once per key. Every posting sums to
zero per currency. Amounts are minor units. Accounts come from the tables `posting_account` and
`vat_rate`; the numbers in the comments are the defaults.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from billing import BillingError
from billing.vat import VatLine, gross_of


class PostingError(BillingError):
    """It can't be booked as it is; the message says what is wrong."""


class Accounts(Struct, frozen=True):
    """The accounts of each role; VAT and sales by rate in per cent."""

    receivable: str
    company_receivable: str
    card_receivable: str
    dispute: str
    bank: str
    write_off: str
    payment_fee: str
    vat: Mapping[Decimal, str]
    sales: Mapping[Decimal, str]


class Entry(Struct, frozen=True):
    """One line of a journal; `vat_rate` says which rate a sales or VAT line belongs to."""

    account: str
    amount: int
    currency: str
    vat_rate: Decimal | None = None


class About(Struct, frozen=True):
    """What a journal is about: the dimensions of reports and the keys of the drill-down."""

    operator_id: int
    site_id: int | None = None
    station_id: str | None = None
    channel: str | None = None  # guest | registered | roaming | company | free
    session_id: int | None = None
    payment_id: int | None = None
    cdr_id: int | None = None
    receipt_id: int | None = None
    external_id: str | None = None


class Posting(Struct, frozen=True):
    """A journal to be; `key` says what happened, `reverses` is the key of the journal it undoes."""

    key: str
    kind: str
    about: About
    entries: tuple[Entry, ...]
    requested_by: str = "billing"
    reverses: str | None = None


def earned(
    key: str, about: About, lines: Sequence[VatLine], currency: str, accounts: Accounts
) -> Posting:
    """A session was priced: D 1510 / K 3001 + K 2611, a line per rate."""
    owed = Entry(accounts.receivable, gross_of(lines), currency)
    return _posting(key, "earned", about, [owed, *_sold(lines, currency, accounts)])


def captured(key: str, about: About, amount: int, currency: str, accounts: Accounts) -> Posting:
    """The card was charged: D 1580 / K 1510."""
    sides = (accounts.card_receivable, accounts.receivable)
    return _move(key, "captured", about, amount, currency, sides)


def fee(key: str, about: About, amount: int, currency: str, accounts: Accounts) -> Posting:
    """Stripe kept its fee: D 6570 / K 1580. A fee that is given back is negative."""
    sides = (accounts.payment_fee, accounts.card_receivable)
    return _move(key, "fee", about, amount, currency, sides)


def payout(key: str, about: About, amount: int, currency: str, accounts: Accounts) -> Posting:
    """Stripe paid to the bank: D 1930 / K 1580. A payout that came back is negative."""
    sides = (accounts.bank, accounts.card_receivable)
    return _move(key, "payout", about, amount, currency, sides)


def written_off(
    key: str, about: About, lines: Sequence[VatLine], currency: str, accounts: Accounts
) -> Posting:
    """What nobody will pay: D 6352 + VAT back / K 1510. `lines`: the part that is given up."""
    return _lost(key, "write_off", about, lines, currency, accounts, accounts.receivable)


def credited(
    key: str, about: About, lines: Sequence[VatLine], currency: str, accounts: Accounts
) -> Posting:
    """A credit note: the reverse of `earned`, D 3001 + D 2611 / K 1510.

    `lines` are what is credited, positive or as the credit note has them (negative).
    """
    given_back = _turned(earned(key, about, _positive(lines), currency, accounts))
    return _posting(key, "credit", about, given_back)


def repaid(key: str, about: About, amount: int, currency: str, accounts: Accounts) -> Posting:
    """Money went back to the card: the reverse of `captured`, D 1510 / K 1580."""
    sides = (accounts.receivable, accounts.card_receivable)
    return _move(key, "refund", about, amount, currency, sides)


def refunded(
    key: str, about: About, lines: Sequence[VatLine], currency: str, accounts: Accounts
) -> Posting:
    """Credit note and money back in one: D 3001 + D 2611 / K 1510, and D 1510 / K 1580.

    For a refund whose credit note is booked by `credited` already, book `repaid` instead.
    """
    sold = _positive(lines)
    credit = credited(key, about, sold, currency, accounts)
    money = repaid(key, about, gross_of(sold), currency, accounts)
    return _posting(key, "refund", about, [*credit.entries, *money.entries])


def refund_failed(
    key: str, about: About, amount: int, currency: str, accounts: Accounts
) -> Posting:
    """The card took no refund, the money is back with us: D 1580 / K 1510.

    The credit note stands: we owe the driver until somebody finds another way.
    """
    sides = (accounts.card_receivable, accounts.receivable)
    return _move(key, "refund_failed", about, amount, currency, sides)


def disputed(key: str, about: About, amount: int, currency: str, accounts: Accounts) -> Posting:
    """The bank took the money back until it has decided: D 1585 / K 1580."""
    sides = (accounts.dispute, accounts.card_receivable)
    return _move(key, "dispute", about, amount, currency, sides)


def dispute_won(key: str, about: About, amount: int, currency: str, accounts: Accounts) -> Posting:
    """The money came back: D 1580 / K 1585."""
    sides = (accounts.card_receivable, accounts.dispute)
    return _move(key, "dispute_won", about, amount, currency, sides)


def dispute_lost(
    key: str, about: About, lines: Sequence[VatLine], currency: str, accounts: Accounts
) -> Posting:
    """The money is gone: D 6352 + VAT back / K 1585. `lines`: the part that was disputed."""
    return _lost(key, "dispute_lost", about, lines, currency, accounts, accounts.dispute)


def invoiced(key: str, about: About, amount: int, currency: str, accounts: Accounts) -> Posting:
    """A company's sessions were put on its invoice: D 1512 / K 1510."""
    sides = (accounts.company_receivable, accounts.receivable)
    return _move(key, "invoiced", about, amount, currency, sides)


def paid(key: str, about: About, amount: int, currency: str, accounts: Accounts) -> Posting:
    """Money came to the bank: D 1930 / K 1512 from a company, / K 1510 from anyone else."""
    company = about.channel == "company"
    owing = accounts.company_receivable if company else accounts.receivable
    return _move(key, "paid", about, amount, currency, (accounts.bank, owing))


def reversal(key: str, posting: Posting, requested_by: str = "billing") -> Posting:
    """The same lines with the other sign; the database allows one per journal."""
    entries = _turned(posting)
    return Posting(key, "adjustment", posting.about, entries, requested_by, posting.key)


def checked(posting: Posting) -> Posting:
    """The posting, if it is one. Raises PostingError: under two lines, or no zero sum."""
    if len(posting.entries) < 2:
        raise PostingError(f"{posting.key}: nothing to book, a journal has two lines or more")
    for currency in {entry.currency for entry in posting.entries}:
        off = sum(entry.amount for entry in posting.entries if entry.currency == currency)
        if off:
            raise PostingError(f"{posting.key}: debit and credit differ by {off} {currency}")
    return posting


def _move(
    key: str, kind: str, about: About, amount: int, currency: str, sides: tuple[str, str]
) -> Posting:
    """`amount` from the second account to the first."""
    debit, credit = sides
    entries = [Entry(debit, amount, currency), Entry(credit, -amount, currency)]
    return _posting(key, kind, about, entries)


def _lost(
    key: str,
    kind: str,
    about: About,
    lines: Sequence[VatLine],
    currency: str,
    accounts: Accounts,
    claim: str,
) -> Posting:
    costs = [Entry(accounts.write_off, line.net, currency, line.rate) for line in lines]
    vat = [_vat(line, -1, currency, accounts) for line in lines if line.vat]
    gone = Entry(claim, -gross_of(lines), currency)
    return _posting(key, kind, about, [*costs, *vat, gone])


def _sold(lines: Sequence[VatLine], currency: str, accounts: Accounts) -> list[Entry]:
    sales = [
        Entry(_of_rate(accounts.sales, line.rate), -line.net, currency, line.rate)
        for line in lines
        if line.net
    ]
    return [*sales, *(_vat(line, 1, currency, accounts) for line in lines if line.vat)]


def _vat(line: VatLine, sign: int, currency: str, accounts: Accounts) -> Entry:
    return Entry(_of_rate(accounts.vat, line.rate), -sign * line.vat, currency, line.rate)


def _of_rate(accounts: Mapping[Decimal, str], rate: Decimal) -> str:
    try:
        return accounts[rate]
    except KeyError:
        raise PostingError(f"VAT {rate} %: no account is known for it, see vat_rate") from None


def _positive(lines: Iterable[VatLine]) -> list[VatLine]:
    found = list(lines)
    sign = -1 if gross_of(found) < 0 else 1
    return [VatLine(line.rate, sign * line.net, sign * line.vat) for line in found]


def _turned(posting: Posting) -> tuple[Entry, ...]:
    return tuple(
        Entry(entry.account, -entry.amount, entry.currency, entry.vat_rate)
        for entry in posting.entries
    )


def _posting(key: str, kind: str, about: About, entries: Iterable[Entry]) -> Posting:
    """Lines of nothing are left out; what is left must balance."""
    return checked(Posting(key, kind, about, tuple(each for each in entries if each.amount)))
