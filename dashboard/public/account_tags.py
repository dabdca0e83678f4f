"""A driver's tags: add one that staff have handed out, block it, open it, let it go."""

import re
from datetime import UTC, datetime
from functools import partial
from typing import Any

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from dashboard.deps import Deps
from dashboard.public.account_login import posting
from dashboard.public.guard import not_too_often
from sql.queries import load_queries

queries = load_queries("account")
MOST_TAGS = 10
LONGEST_LABEL = 40
NUMBER = re.compile(r"[0-9A-Za-z][0-9A-Za-z:. _-]{2,60}")
BETWEEN = re.compile(r"[:. _-]")


def add_routes(routes: Blueprint, deps: Deps) -> None:
    routes.add_url_rule("/my/tags", "add_tag", partial(_add, deps), methods=["POST"])
    wishes = {
        "block": queries.block_token,
        "open": queries.open_token,
        "remove": queries.remove_token,
    }
    for name, wish in wishes.items():
        view = partial(_change, deps, wish)
        routes.add_url_rule(f"/my/tags/{name}", f"{name}_tag", view, methods=["POST"])


def _add(deps: Deps) -> AnyResponse:
    """One answer for all that can't be added: a tag of nobody's, of another's, an eleventh."""
    driver = posting(deps)
    not_too_often(deps, "tag", f"driver {driver.driver_id}")
    number = request.form.get("number", "").strip()
    if not NUMBER.fullmatch(number) or not _claim(deps, driver.driver_id, number):
        return redirect("/my/account?said=no_tag#tags", 303)
    return redirect("/my/account?said=tag_added#tags", 303)


def _claim(deps: Deps, driver_id: int, number: str) -> bool:
    label = "".join(filter(str.isprintable, request.form.get("label", ""))).strip()
    with deps.transaction() as connection:
        if not queries.lock_driver(connection, driver_id=driver_id):
            return False
        claimed = queries.claim_token(
            connection, driver_id=driver_id, numbers=spellings(number), now=datetime.now(UTC),
            label=label[:LONGEST_LABEL] or None, at_most=MOST_TAGS,
        )  # fmt: skip
    return bool(claimed)


def spellings(number: str) -> list[str]:
    """As it was typed, and without what people put between the digits."""
    return sorted({number.lower(), BETWEEN.sub("", number).lower()})


def _change(deps: Deps, wish: Any) -> AnyResponse:
    driver = posting(deps)
    number = request.form.get("tag", "").replace("\0", "")[:255]
    with deps.connection() as connection:
        wish(connection, driver_id=driver.driver_id, id_token=number)
    return redirect("/my/account#tags", 303)
