"""A driver's account below /my: what was charged and what it cost, card, tags, statements."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from dashboard.deps import Deps
from dashboard.i18n import formatter
from dashboard.public import (
    account_card,
    account_close,
    account_login,
    account_papers,
    account_pay,
    account_tags,
    checkout,
)
from dashboard.public.account_lines import Bar, bars, lines, month_and_year, month_word
from dashboard.public.account_login import Driver, driver_of
from sql.queries import load_queries

queries = load_queries("account")
SHOWN_MONTHS = 6
FIRST_YEAR = 2000


def create_blueprint(deps: Deps) -> Blueprint:
    """/my/login, /my/link, /my/account, /my/card, /my/tags, /my/pay, /my/statement, /my/close."""
    routes = Blueprint("account", __name__)
    routes.add_url_rule("/my/account", "account", partial(_account, deps))
    routes.context_processor(lambda: {"month_word": month_word, "month_and_year": month_and_year})
    parts = (account_login, account_card, account_tags, account_pay, account_papers, account_close)
    for part in parts:
        part.add_routes(routes, deps)
    return routes


def _account(deps: Deps) -> AnyResponse:
    driver = driver_of(deps)
    if driver is None:
        return redirect("/my/login", 303)
    now = datetime.now(UTC)
    month = _chosen(now.astimezone(deps.settings.zone).date())
    page = make_response(
        render_template("account/account.html", **_shown(deps, driver, month, now))
    )
    return private(page, deps)


def private(page: Response, deps: Deps) -> Response:
    """Nobody else's cache, and forms may lead to the card page."""
    page.headers["Cache-Control"] = "private, no-store"
    page.headers["Content-Security-Policy"] = checkout.policy(deps.settings)
    return page


def _chosen(today: date) -> date:
    """The month asked for as 2026-11, this one if nothing or nonsense is asked for."""
    text = request.args.get("month", "")
    try:
        month = date.fromisoformat(f"{text}-01") if text else today.replace(day=1)
    except ValueError:
        return abort(404)
    return month if FIRST_YEAR <= month.year <= today.year + 1 else abort(404)


def _shown(deps: Deps, driver: Driver, month: date, now: datetime) -> dict[str, Any]:
    form = formatter()
    with deps.connection() as connection:
        rows = queries.sessions_of(
            connection, driver_id=driver.driver_id, from_at=_begins(deps, month),
            until_at=_begins(deps, next_month(month)),
        )  # fmt: skip
        named = {"driver_id": driver.driver_id}
        found = {
            "running": queries.running_of(connection, **named),
            "due": queries.due_of(connection, **named),
            "tags": queries.tokens_of(connection, **named),
            "statements": queries.statements_of(connection, **named),
        }
    return found | {
        "driver": driver, "form": form, "now": now, "charges": lines(rows, form),
        "sums": sums(rows), "bars": _bars(deps, driver, month), "month": _begins(deps, month),
        "month_before": f"{_before(month, 1):%Y-%m}",
        "said": request.args.get("said", ""), "card_saved": request.args.get("card") == "saved",
    }  # fmt: skip


def sums(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per currency: what the month's receipts less credit notes come to."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["gross"] is not None:
            one = found.setdefault(
                row["currency"], {"currency": row["currency"], "gross": 0, "wh": 0, "charges": 0}
            )
            one["gross"] += row["gross"] + row["credited"]
            one["wh"] += row["energy_wh"]
            one["charges"] += 1
    return list(found.values())


def _bars(deps: Deps, driver: Driver, month: date) -> list[Bar]:
    first = _before(month, SHOWN_MONTHS - 1)
    with deps.connection() as connection:
        rows = queries.months_of(
            connection, driver_id=driver.driver_id, from_at=_begins(deps, first),
            zone=deps.settings.time_zone,
        )  # fmt: skip
    months = [_before(month, back) for back in range(SHOWN_MONTHS - 1, -1, -1)]
    return bars(rows, months)


def _begins(deps: Deps, month: date) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=deps.settings.zone)


def next_month(month: date) -> date:
    return (month.replace(day=1) + timedelta(days=31)).replace(day=1)


def _before(month: date, count: int) -> date:
    index = month.year * 12 + month.month - 1 - count
    return date(index // 12, index % 12 + 1, 1)
