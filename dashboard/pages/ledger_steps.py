"""The steps of the money: session, receipts, bookings, Stripe, payouts, one below the other.

Everything is read from the rows: nothing is added up here but what a step shows as its own sum.
"""

from datetime import UTC, datetime
from typing import Any

from dash import html

from dashboard.components import Child, facts
from dashboard.data import Row
from dashboard.format import UNKNOWN
from dashboard.i18n import formatter, t, tn
from dashboard.pages import ledger_price
from dashboard.pages.ledger_verdict import found_money as money_of
from dashboard.pages.ledger_words import BOOKINGS, PAYOUT_STATES, UNDER_WAY, known, state_words
from dashboard.trails import Trail


def steps(found: Trail) -> list[Child]:
    """Session, receipts, bookings, Stripe, payouts; what has not happened is left out."""
    drawn = [
        _session(found),
        *(_receipt(row) for row in found.receipts),
        _booked_step(found),
        _stripe(found),
        *(_payout(row) for row in found.payouts),
    ]
    return [step for step in drawn if step is not None]


def step(title: str, sub: str, *body: Child, right: Child = None) -> Child:
    head = html.Div([html.H3(title), html.Span(sub, className="faint"), html.Span(className="sp"),
                     right], className="step-head")  # fmt: skip
    return html.Li([head, *body])


def _session(found: Trail) -> Child:
    row, form = found.session, formatter()
    if row is None:
        return None
    ended = row["ended_at"]
    length = form.duration(((ended or datetime.now(UTC)) - row["started_at"]).total_seconds())
    station = html.A(row["public_code"] or row["station_id"], className="mono",
                     href=f"/app/station/{row['station_id']}")  # fmt: skip
    energy = unit_kwh(row["energy_wh"])
    pairs: list[tuple[str, Child]] = [
        (t("Start {time}", time=form.time(row["started_at"], seconds=True)),
         _register(row["meter_start_wh"])),
        (t("Stop {time}", time=form.time(ended, seconds=True)), _register(row["meter_stop_wh"])),
        (t("Measured"), html.B(energy)),
    ]  # fmt: skip
    where = t("{station} evse {n}, {length}", station=row["station_id"], n=row["evse_id"],
              length=length)  # fmt: skip
    return step(t("Session"), where, facts(pairs), *ledger_price.parts(found), right=station)


def unit_kwh(wh: int | None) -> str:
    return formatter().kwh(wh, 3)


def _register(wh: int | None) -> str:
    return UNKNOWN if wh is None else f"{formatter().number(wh)}\u00a0Wh"


def _receipt(row: Row) -> Child:
    credit = row["credits_receipt_id"] is not None
    form, money = formatter(), row["currency"]
    pairs: list[tuple[str, Child]] = ledger_price.receipt_lines(row)
    sums = t("Net {net} + VAT {vat}", net=form.amount(row["net"], money),
             vat=form.amount(row["vat"], money))  # fmt: skip
    pairs.append((sums, html.B(form.money(row["gross"], money))))
    if row["due"]:
        pairs.append((t("Still due"), form.money(row["due"], money)))
    if row["written_off"]:
        pairs.append((t("Written off"), form.money(row["written_off"], money)))
    if row["reason"]:
        pairs.append((t("Reason"), row["reason"]))
    about: dict[str, Any] = {"data-receipt": str(row["receipt_id"])}
    pdf = html.Button(
        "PDF", type="button", className="linkish mono", title=t("Make the PDF"), **about
    )
    title = t("Credit note") if credit else t("Receipt")
    return step(title, row["shown_number"], facts(pairs), right=pdf)


def _booked_step(found: Trail) -> Child:
    """Every journal as a small table: account, debit, credit."""
    if not found.bookings:
        return None
    journals: dict[int, list[Row]] = {}
    for row in found.bookings:
        journals.setdefault(row["journal_id"], []).append(row)
    count = tn("{n} booking", "{n} bookings", len(journals))
    return step(t("Booked"), count, *(_journal(rows) for rows in journals.values()))


def _journal(rows: list[Row]) -> Child:
    form, first = formatter(), rows[0]
    lines = [
        html.Tr([
            html.Td(f"{row['account']} {row['account_name']}", className="ell"),
            html.Td(form.amount(row["amount"], row["currency"]) if row["amount"] > 0 else "",
                    className="num"),
            html.Td(form.amount(-row["amount"], row["currency"]) if row["amount"] < 0 else "",
                    className="num"),
        ])
        for row in rows
    ]  # fmt: skip
    when = f"{form.date(first['booked_at'])} {form.time(first['booked_at'])}"
    title: list[Child] = [html.B(known(BOOKINGS, first["kind"])), " ", when,
             html.Span(f" V{first['journal_id']}", className="mono faint"),
             html.Span(first["external_id"] or "", className="mono faint id")]  # fmt: skip
    head = html.Thead(html.Tr([html.Th(t("Account"), scope="col", className="ell"),
                               html.Th(t("Dr"), scope="col", className="num"),
                               html.Th(t("Cr"), scope="col", className="num")]))  # fmt: skip
    label = f"{known(BOOKINGS, first['kind'])} V{first['journal_id']}"
    return html.Div([html.P(title, className="journal-head"),
                     html.Table([html.Caption(label), head, html.Tbody(lines)],
                                className="tbl journal")])  # fmt: skip


def _stripe(found: Trail) -> Child:
    """Held, charged, released, the fee, and what is left to us."""
    pay, form = found.payment, formatter()
    if pay is None:
        return None
    at = pay["captured_at"] or pay["released_at"] or pay["authorised_at"]
    when = f"{form.date(at)} {form.time(at, seconds=True)}" if at else ""
    fee = sum(row["fee"] for row in found.balance)
    pairs: list[tuple[str, Child]] = [(t("Held"), money_of(found, pay["hold"]))]
    if pay["captured"]:
        pairs.append((t("Charged"), html.B(money_of(found, pay["captured"]))))
    pairs += _let_go(found, pay)
    if pay["refunded"]:
        pairs.append((t("Refunded"), money_of(found, -pay["refunded"])))
    if found.balance:
        pairs.append((t("Fee"), money_of(found, -fee)))
        left = sum(row["net"] for row in found.balance)
        pairs.append((t("Left to us"), html.B(money_of(found, left))))
    ids = [name for name in (pay["intent_id"], pay["charge_id"]) if name]
    pairs += [(t("At Stripe"), html.Span(name, className="mono id", title=name)) for name in ids]
    if pay["card_last4"]:
        card = f"{pay['card_brand'] or ''} \u2022\u2022\u2022\u2022 {pay['card_last4']}"
        pairs.append((t("Card"), card.strip()))
    state = state_words(pay["state"], pay["failure"])
    return step("Stripe", f"{state[:1].lower()}{state[1:]} {when}".strip(), facts(pairs))


def _let_go(found: Trail, pay: Row) -> list[tuple[str, Child]]:
    """What of the hold the driver has back; "released" only once Stripe has said so."""
    if pay["captured_at"]:
        return [(t("Released"), money_of(found, pay["hold"] - pay["captured"]))]
    if pay["released_at"]:
        return [(t("Released"), html.B(money_of(found, pay["hold"])))]
    if pay["state"] == "releasing":
        return [(t("Release asked for"), money_of(found, pay["held"] or pay["hold"]))]
    return []


def _payout(row: Row) -> Child:
    """The payout that holds this session's money, and what else is in it."""
    form, money = formatter(), row["currency"]
    parts = tn("{n} part", "{n} parts", row["parts"])
    arrives = row["arrives_at"] or row["created_at"]
    way = row["status"] in UNDER_WAY
    bank = t("In the bank by {date}", date=form.date(arrives)) if way else t(
        "In the bank {date}", date=form.date(arrives))  # fmt: skip
    others = row["parts"] - row["mine_count"]
    pairs: list[tuple[str, Child]] = [
        (t("This payment"), form.money(row["mine"], money)),
        (tn("The other part", "The other {n} parts", others),
         form.money(row["others"], money)),
        (bank, html.B(form.money(row["amount"], money))),
    ]  # fmt: skip
    if row["mine"] + row["others"] != row["amount"]:
        gap = row["amount"] - row["mine"] - row["others"]
        pairs.append((t("Not explained"), html.B(form.money(gap, money), className="down")))
    name = html.Span(row["payout_id"], className="mono id", title=row["payout_id"])
    sub = f"{known(PAYOUT_STATES, row['status'])}, {parts}"
    return step(t("Payout"), sub, facts(pairs), right=name)
