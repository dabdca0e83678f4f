"""The line that says whether the books agree, or what differs and since when."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from dash import html

from dashboard.books import Book, Proof, Scope
from dashboard.components import Child, glyph, link
from dashboard.data import Row
from dashboard.i18n import formatter, mark, t, tn
from dashboard.pages.frame import named
from dashboard.pages.ledger_words import known
from dashboard.pages.review_evidence import readable

# what the daily checks look at (billing names them)
CHECKS = {
    "captured_within_hold": mark("Charged within the hold, refunded within what was charged"),
    "once_per_session": mark("One start, one charge and one receipt per session"),
    "no_hold_is_left": mark("No finished session leaves a hold open"),
    "priced_is_settled": mark("Charged, due and written off make the price"),
    "receipts_are_booked": mark("Every receipt is booked as it stands"),
    "sales_have_receipts": mark("Every booked sale has its receipt"),
    "sessions_are_booked": mark("Every priced session is booked"),
    "entries_sum_to_zero": mark("Every booking balances"),
    "totals_are_sums": mark("Day totals equal their entries"),
    "matches_stripe": mark("What Stripe moved is booked, to the öre"),
    "stripe_balance": mark("The card account equals Stripe's balance"),
    "stripe_is_read": mark("Stripe was read lately"),
    "payouts_add_up": mark("Every payout is the sum of its parts"),
    "numbers_are_unbroken": mark("Receipt numbers are unbroken"),
    "priced_again": mark("Pricing again gives the same amount"),
}


def line(book: Book, proof: Proof, scope: Scope, month: date) -> Child:
    """Agrees: everything equal, and when that was checked. Otherwise the difference."""
    failed = proof.failed
    kind = "crit" if failed else ""
    shape, colour = _shape(proof)
    words = html.Div([html.P(sentence(book, proof, scope), className="proof-line", id="proof"),
                      html.P(_evidence(proof, scope), className="mut")])  # fmt: skip
    head = html.Div([glyph(shape, 24, title=colour), words, html.Span(className="sp"),
                     *_marks(proof, month)], className="proof")  # fmt: skip
    explained = [_explanation(failed, scope)] if failed else []
    return html.Section([head, *explained], className=f"panel {kind}".strip(),
                        **named(t("Do the books agree?")))  # fmt: skip


def _shape(proof: Proof) -> tuple[str, str]:
    if not proof.checks:
        return "unknown", t("not checked yet")
    return ("faulted", t("differs")) if proof.failed else ("finished", t("agrees"))


def sentence(book: Book, proof: Proof, scope: Scope) -> str:
    form, failed = formatter(), proof.failed
    amount = form.money(book.gross(), scope.currency)
    sold = book.bookings("earned")
    if not proof.checks:
        number = form.number(sold)
        return t("Not checked yet: {number} sessions, {amount}", number=number, amount=amount)
    if not failed:
        return tn("Agrees: {number} session = receipt = ledger = Stripe, {amount}",
                  "Agrees: {number} sessions = receipts = ledger = Stripe, {amount}",
                  sold, number=form.number(sold), amount=amount)  # fmt: skip
    difference = form.money(sum(abs(row["difference"]) for row in failed), scope.currency)
    since = min(row["checked_at"] for row in failed)
    return tn("Difference {amount}: {n} check fails since {time}",
              "Difference {amount}: {n} checks fail since {time}", len(failed),
              amount=difference, time=form.since(since, datetime.now(UTC)))  # fmt: skip


def _evidence(proof: Proof, scope: Scope) -> str:
    form, now = formatter(), datetime.now(UTC)
    parts = []
    if proof.checked_at:
        parts.append(t("Checked {time}", time=form.since(proof.checked_at, now)))
        unexplained = sum(abs(row["difference"]) for row in proof.failed)
        amount = form.money(unexplained, scope.currency)
        parts.append(t("unexplained difference {amount}", amount=amount))
    parts += [_range(row) for row in proof.numbers]
    closed = proof.closing["closed_at"]
    if closed:
        who = proof.closing["closed_by"]
        parts.append(t("closed {time} by {name}", time=form.since(closed, now), name=who))
    return " · ".join(parts)


def _range(row: Row) -> str:
    words = t("receipt numbers {series}-{first} to {last}", **_ends(row))
    if row["numbers"] == row["last"] - row["first"] + 1:
        return t("{numbers} without a gap", numbers=words)
    return words


def _ends(row: Row) -> dict[str, object]:
    return {name: row[name] for name in ("series", "first", "last")}


def _marks(proof: Proof, month: date) -> list[Child]:
    """One small mark per day: agreed, differed and was mended, differs, not checked."""
    if not proof.days:
        return []
    found = {row["day"]: row for row in proof.days}
    last = max(found)
    marks = [_mark(day, found.get(day)) for day in _days(month, last)]
    mended = sum(row["ok"] and row["failed"] for row in proof.days)
    words = tn("{n} day checked", "{n} days checked", len(found))
    label = named(f"{words}. " + t("{n} mended", n=mended))
    foot = html.Span([words, html.Br(), t("{n} mended", n=mended)], className="faint proof-note")
    return [html.Span(marks, className="proof-days", role="img", **label), foot]


def _days(month: date, last: date) -> Iterable[date]:
    day = month
    while day <= last and day.month == month.month:
        yield day
        day += timedelta(days=1)


def _mark(day: date, row: Row | None) -> Child:
    form = formatter()
    when = form.date(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
    if row is None:
        return html.I(className="none", title=f"{when}: {t('not checked')}")
    if not row["ok"]:
        return html.I(className="bad", title=f"{when}: {t('differs')}")
    if row["failed"]:
        return html.I(className="mended", title=f"{when}: {t('differed, was mended')}")
    return html.I(title=f"{when}: {t('agrees')}")


def _explanation(failed: list[Row], scope: Scope) -> Child:
    """Which checks fail, by how much, and what they found."""
    form = formatter()
    items = [
        html.Li(
            [html.B(t("Does not hold: {rule}", rule=known(CHECKS, row["name"]))),
             html.Span(className="sp"),
             html.Span(form.money(row["difference"], scope.currency), className="num strong"),
             *_found(row["detail"], scope.currency)]
        )
        for row in failed
    ]  # fmt: skip
    away = link(t("To the review queue"), "/app/review", "review", kind="")
    return html.Div([html.Ul(items), away], className="explained", id="difference")


def _found(detail: dict[str, object], currency: str) -> list[Child]:
    return [readable(detail, currency)] if detail else []
