"""The hosted page's HTML, made of a session."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from babel.numbers import format_currency
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from billing.double.errors import Obj
from billing.double.hosted_words import CARDS, LANGUAGES
from billing.double.world import World

_FOLDER = Path(__file__).parent / "pages"
_PAGES = Environment(
    loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip
CSS = (_FOLDER / "checkout.css").read_text()


def form_page(
    world: World, session: Obj, language: str, given: Mapping[str, str],
    problems: Mapping[str, str],
) -> str:  # fmt: skip
    """The card form. `problems`: by field, and "" for what the bank said."""
    w, amount = LANGUAGES[language], _amount(session, language)
    is_held = session["_intent_data"].get("capture_method") == "manual"
    button = w["save"] if amount is None else w["hold" if is_held else "pay"].format(amount=amount)
    note = w["save_note"] if amount is None else w["hold_note"] if is_held else ""
    fields = ("", "email", "number", "expiry", "cvc", "name")
    return _page(
        "form.html", world, session, language, title=amount or w["save_title"], button=button,
        note=note, items=[item["description"] for item in session["_line_items"]],
        email=(session["customer_details"] or {}).get("email"), back=session["cancel_url"],
        given={name: given.get(name, "") for name in fields},
        problems={name: problems.get(name, "") for name in fields}, cards=CARDS[language],
    )  # fmt: skip


def asking_page(world: World, session: Obj, language: str) -> str:
    """The bank's question."""
    w = LANGUAGES[language]
    amount = _amount(session, language) or w["save_title"].lower()
    note = w["asking_note"].format(merchant=world.rules.merchant, amount=amount)
    return _page("asking.html", world, session, language, note=note)


def closed_page(world: World, session: Obj, language: str) -> str:
    """Paid already, or too late."""
    w = LANGUAGES[language]
    is_paid = session["status"] == "complete"
    onward = session["success_url"] if is_paid else session["cancel_url"]
    onward = onward and onward.replace("{CHECKOUT_SESSION_ID}", session["id"])
    name = "paid" if is_paid else "expired"
    return _page("closed.html", world, session, language, title=w[f"{name}_title"], note=w[name],
                 onward=onward)  # fmt: skip


def _page(template: str, world: World, session: Obj, language: str, **more: object) -> str:
    return _PAGES.get_template(template).render(
        merchant=world.rules.merchant, language=language, w=LANGUAGES[language],
        path=f"/c/pay/{session['id']}", **more,
    )  # fmt: skip


def _amount(session: Obj, language: str) -> str | None:
    """As people write it, or None when nothing is to be paid."""
    if session["amount_total"] is None:
        return None
    locale = {"sv": "sv_SE", "en": "en_SE"}[language]
    amount = Decimal(session["amount_total"]) / 100
    return format_currency(amount, session["currency"].upper(), locale=locale)
