"""Monthly statements of drivers, and collective invoices of companies, as pages."""

import json
from decimal import Decimal
from functools import partial

from flask import Blueprint, abort, make_response, redirect, render_template
from werkzeug.wrappers import Response as AnyResponse

from dashboard.deps import Deps
from dashboard.i18n import formatter
from dashboard.public.account_login import driver_of
from sql.queries import load_queries

queries = load_queries("account")
PRIVATE = "private, no-store"


def add_routes(routes: Blueprint, deps: Deps) -> None:
    routes.add_url_rule("/my/statement/<int:statement_id>", "statement", partial(_statement, deps))
    routes.add_url_rule("/my/invoice/<secret>", "invoice", partial(_invoice, deps))


def _statement(deps: Deps, statement_id: int) -> AnyResponse:
    driver = driver_of(deps)
    if driver is None:
        return redirect("/my/login", 303)
    with deps.connection() as connection:
        row = queries.statement_of(
            connection, driver_id=driver.driver_id, statement_id=min(statement_id, 2**63 - 1)
        ) or abort(404)
        papers = queries.papers_of(
            connection, driver_id=driver.driver_id, month=row["month"], currency=row["currency"]
        )
    return _private(
        render_template("account/statement.html", row=row, papers=papers, form=formatter())
    )


def _invoice(deps: Deps, secret: str) -> AnyResponse:
    with deps.connection() as connection:
        row = queries.invoice_by_secret(connection, secret=secret) or abort(404)
    document = json.loads(row["document"], parse_float=Decimal)
    return _private(
        render_template("account/invoice.html", row=row, document=document, form=formatter())
    )


def _private(text: str) -> AnyResponse:
    page = make_response(text)
    page.headers["Cache-Control"] = PRIVATE
    return page
