"""Every posting balances, and says what PAYMENTS.md section 3 says."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import postings
from billing.postings import About, Accounts, Entry, Posting, PostingError, checked, reversal
from billing.vat import VatLine, gross_of, negated, share_of

RATES = (Decimal(25), Decimal(12), Decimal(6), Decimal(0))
VAT = dict(zip(RATES, ("2611", "2621", "2631", "2610"), strict=True))
SALES = dict(zip(RATES, ("3001", "3002", "3003", "3004"), strict=True))
ACCOUNTS = Accounts("1510", "1512", "1580", "1585", "1930", "6352", "6570", VAT, SALES)
ABOUT = About(1, channel="guest")
OF_LINES = (
    postings.earned,
    postings.written_off,
    postings.refunded,
    postings.credited,
    postings.dispute_lost,
)
OF_AMOUNTS = (
    postings.captured,
    postings.fee,
    postings.payout,
    postings.repaid,
    postings.refund_failed,
    postings.disputed,
    postings.dispute_won,
    postings.invoiced,
    postings.paid,
)
amounts = st.integers(1, 10**12)


@st.composite
def vat_lines(draw: st.DrawFn) -> list[VatLine]:
    """One to four rates, each with an amount; VAT is free: the postings must not recompute it."""
    rates = draw(st.lists(st.sampled_from(RATES), min_size=1, max_size=4, unique=True))
    return [VatLine(r, draw(amounts), draw(st.integers(1, 10**9)) if r else 0) for r in rates]


def balances(*given: Posting) -> dict[str, int]:
    total: Counter[str] = Counter()
    for posting in given:
        for entry in posting.entries:
            total[entry.account] += entry.amount
    return {account: amount for account, amount in total.items() if amount}


def of_lines(make: Callable[..., Posting], lines: list[VatLine]) -> Posting:
    return make("key", ABOUT, lines, "SEK", ACCOUNTS)


def of_amount(make: Callable[..., Posting], amount: int, about: About = ABOUT) -> Posting:
    return make("key", about, amount, "SEK", ACCOUNTS)


@given(vat_lines(), amounts)
def test_every_posting_sums_to_zero_and_has_no_empty_line(
    lines: list[VatLine], amount: int
) -> None:
    made = [of_lines(make, lines) for make in OF_LINES]
    made += [of_amount(make, amount) for make in OF_AMOUNTS]
    made += [reversal("undo", posting) for posting in made]
    for posting in made:
        assert len(posting.entries) >= 2
        assert sum(entry.amount for entry in posting.entries) == 0
        assert all(entry.amount for entry in posting.entries)


TWO_RATES = [VatLine(Decimal(25), 40000, 10000), VatLine(Decimal(6), 1000, 60)]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            postings.earned,
            {"1510": 51060, "3001": -40000, "2611": -10000, "3003": -1000, "2631": -60},
        ),
        (
            postings.credited,
            {"1510": -51060, "3001": 40000, "2611": 10000, "3003": 1000, "2631": 60},
        ),
        (
            postings.refunded,
            {"1580": -51060, "3001": 40000, "2611": 10000, "3003": 1000, "2631": 60},
        ),
        (postings.written_off, {"1510": -51060, "6352": 41000, "2611": 10000, "2631": 60}),
        (postings.dispute_lost, {"1585": -51060, "6352": 41000, "2611": 10000, "2631": 60}),
    ],
)
def test_lines_go_to_the_accounts_of_their_rate(
    make: Callable[..., Posting], expected: dict[str, int]
) -> None:
    assert balances(of_lines(make, TWO_RATES)) == expected


@pytest.mark.parametrize(
    ("make", "debit", "credit"),
    [
        (postings.captured, "1580", "1510"),
        (postings.fee, "6570", "1580"),
        (postings.payout, "1930", "1580"),
        (postings.repaid, "1510", "1580"),
        (postings.refund_failed, "1580", "1510"),
        (postings.disputed, "1585", "1580"),
        (postings.dispute_won, "1580", "1585"),
        (postings.invoiced, "1512", "1510"),
        (postings.paid, "1930", "1510"),
    ],
)
def test_money_moves_between_two_accounts(
    make: Callable[..., Posting], debit: str, credit: str
) -> None:
    assert balances(of_amount(make, 300)) == {debit: 300, credit: -300}


def test_a_company_pays_its_invoice() -> None:
    company = About(1, channel="company")
    invoice = of_amount(postings.invoiced, 900, company)
    money = of_amount(postings.paid, 900, company)
    assert balances(invoice, money) == {"1510": -900, "1930": 900}


def test_a_session_that_is_paid_and_paid_out_leaves_sales_vat_fee_and_bank() -> None:
    lines = [VatLine(Decimal(25), 40000, 10000)]
    whole = [
        of_lines(postings.earned, lines),
        of_amount(postings.captured, 50000),
        of_amount(postings.fee, 930),
        of_amount(postings.payout, 49070),
    ]
    assert balances(*whole) == {"3001": -40000, "2611": -10000, "6570": 930, "1930": 49070}


@given(vat_lines())
def test_a_credit_undoes_a_sale_whichever_sign_its_lines_have(lines: list[VatLine]) -> None:
    sale = of_lines(postings.earned, lines)
    assert balances(sale, of_lines(postings.credited, lines)) == {}
    assert balances(sale, of_lines(postings.credited, list(negated(lines)))) == {}


@given(vat_lines())
def test_a_refund_undoes_a_paid_sale(lines: list[VatLine]) -> None:
    sale = of_lines(postings.earned, lines)
    money = of_amount(postings.captured, gross_of(lines))
    assert balances(sale, money, of_lines(postings.refunded, lines)) == {}
    apart = [of_lines(postings.credited, lines), of_amount(postings.repaid, gross_of(lines))]
    assert balances(sale, money, *apart) == {}


@given(vat_lines())
def test_a_reversal_undoes_anything(lines: list[VatLine]) -> None:
    for make in OF_LINES:
        posting = of_lines(make, lines)
        undone = reversal("undo", posting)
        assert undone.reverses == posting.key
        assert balances(posting, undone) == {}


@given(vat_lines(), st.data())
def test_parts_of_a_sale_keep_its_rates_and_sum_to_the_ore(
    lines: list[VatLine], data: st.DataObject
) -> None:
    part = data.draw(st.integers(1, gross_of(lines)))
    shares = share_of(lines, part)
    assert gross_of(shares) == part
    by_rate = {line.rate: line for line in lines}
    assert all(abs(s.net) <= by_rate[s.rate].net + 1 for s in shares)
    assert all(0 <= s.vat <= by_rate[s.rate].vat for s in shares)
    back = share_of(negated(lines), -part)
    assert back == negated(shares)


@given(vat_lines())
def test_the_whole_is_a_part_of_itself(lines: list[VatLine]) -> None:
    assert list(share_of(lines, gross_of(lines))) == lines


@pytest.mark.parametrize("gross", [0, 126, -5])
def test_more_than_there_is_is_no_part(gross: int) -> None:
    with pytest.raises(ValueError, match="no part of 125"):
        share_of([VatLine(Decimal(25), 100, 25)], gross)


def test_nothing_to_book_is_said() -> None:
    with pytest.raises(PostingError, match="key: nothing to book"):
        of_amount(postings.captured, 0)
    with pytest.raises(PostingError, match="nothing to book"):
        of_lines(postings.earned, [])


def test_a_rate_without_an_account_is_named() -> None:
    with pytest.raises(PostingError, match=r"VAT 19 %: no account"):
        of_lines(postings.earned, [VatLine(Decimal(19), 100, 19)])


def test_entries_that_differ_are_refused() -> None:
    lines = (Entry("1510", 5, "SEK"), Entry("1580", -5, "EUR"))
    with pytest.raises(PostingError, match="differ by"):
        checked(Posting("key", "captured", ABOUT, lines))


def test_vat_may_have_more_decimals_than_the_table_says() -> None:
    posting = of_lines(postings.earned, [VatLine(Decimal("25.00"), 100, 25)])
    assert {entry.account for entry in posting.entries} == {"1510", "3001", "2611"}
