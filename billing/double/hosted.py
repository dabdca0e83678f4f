"""The hosted Checkout page, as the driver's browser asks for it. Plain HTML, no script."""

import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qsl

from billing.double import paying
from billing.double.api import Request
from billing.double.cards import CARDS
from billing.double.errors import ApiError, Obj
from billing.double.hosted_page import CSS, asking_page, closed_page, form_page
from billing.double.hosted_words import LANGUAGES, language_of, refusal
from billing.double.paying import Outcome
from billing.double.server import Reply
from billing.double.world import World, at_utc

_PATH = re.compile(r"/c/pay/(cs_test_[0-9A-Za-z]+)(/authenticate)?")
_NOWHERE = "<!doctype html><title>404</title><p>There is no such page."
EXAMPLE = {
    "number": "4242 4242 4242 4242",
    "expiry": "12 / 34",
    "cvc": "123",
    "name": "Dave Driver",
    "email": "dave@example.org",
}
_HEADERS = {
    "Cache-Control": "no-store",
    # `form-action` holds for the address a payment leads to as well, and that is the merchant's
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self' http:"
    " https:; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Pages:
    """GET shows a session, POST pays it; a paid one sends the browser to its success_url."""

    def __init__(self, world: World) -> None:
        self.world = world

    def handle(self, request: Request) -> Reply:
        if request.path == "/c/checkout.css":
            return Reply(200, CSS, {"Cache-Control": "max-age=3600"}, "text/css; charset=utf-8")
        match = _PATH.fullmatch(request.path)
        session = self._session(match[1]) if match else None
        if match is None or session is None:
            return Reply(404, _NOWHERE)
        language = language_of(session["locale"], request.headers.get("accept-language", ""))
        if session["status"] != "open":
            return _page(200, closed_page(self.world, session, language))
        act = self._authentication if match[2] else self._payment
        return act(request, session, language)

    def _session(self, session_id: str) -> Obj | None:
        with self.world.changing():
            return self.world.store.get("checkout.session", session_id)

    def _payment(self, request: Request, session: Obj, language: str) -> Reply:
        if request.method != "POST":
            card = dict(parse_qsl(request.query)).get("card", "")
            chosen = {"number": _grouped(card)} if card in CARDS else {}
            return self._form(session, language, EXAMPLE | chosen, {})
        given = {**dict(parse_qsl(request.body, keep_blank_values=True))}
        if problems := self._problems(given, session, language):
            return self._form(session, language, given, problems, 422)
        try:
            outcome = self._pay(session, given)
        except ApiError:  # paid in another tab meanwhile
            return Reply(303, "", {"Location": request.path})
        return self._after(outcome, session, language, given)

    def _pay(self, session: Obj, given: Mapping[str, str]) -> Outcome:
        with self.world.changing():
            return paying.pay(
                self.world, session["id"], given["number"], given.get("email"), given["name"],
                expiry_of(given["expiry"]),
            )  # fmt: skip

    def _problems(self, given: Mapping[str, str], session: Obj, language: str) -> dict[str, str]:
        known = (session["customer_details"] or {}).get("email")
        wanted = given if known is None else {**given, "email": known}
        names = wrong_fields(wanted, at_utc(self.world.now()))
        return {name: LANGUAGES[language][f"bad_{name}"] for name in names}

    def _authentication(self, request: Request, session: Obj, language: str) -> Reply:
        if request.method != "POST":
            return _page(200, asking_page(self.world, session, language))
        agreed = dict(parse_qsl(request.body)).get("answer") == "complete"
        try:
            with self.world.changing():
                outcome = paying.authenticate(self.world, session["id"], agreed)
        except ApiError:  # answered already, or never asked
            return Reply(303, "", {"Location": f"/c/pay/{session['id']}"})
        return self._after(outcome, session, language, EXAMPLE)

    def _after(
        self, outcome: Outcome, session: Obj, language: str, given: Mapping[str, str]
    ) -> Reply:
        if outcome.status != "refused":
            return Reply(303, "", {"Location": outcome.url, "Cache-Control": "no-store"})
        said = {"": refusal(language, outcome.code)}
        return self._form(session, language, given, said, 402)

    def _form(
        self, session: Obj, language: str, given: Mapping[str, str], problems: Mapping[str, str],
        status: int = 200,
    ) -> Reply:  # fmt: skip
        return _page(status, form_page(self.world, session, language, given, problems))


def _page(status: int, html: str) -> Reply:
    return Reply(status, html, dict(_HEADERS))


def _grouped(number: str) -> str:
    return " ".join(re.findall(".{1,4}", number))


def wrong_fields(given: Mapping[str, str], now: datetime) -> list[str]:
    """The fields someone must write again."""
    number = re.sub(r"[\s-]", "", given.get("number", ""))
    expiry = expiry_of(given.get("expiry", ""))
    fine = {
        "email": re.fullmatch(r"[^@\s]+@[^@\s]+", given.get("email", "")) is not None,
        "number": re.fullmatch(r"[0-9]{12,19}", number) is not None,
        "expiry": expiry is not None and (expiry[1], expiry[0]) >= (now.year, now.month),
        "cvc": re.fullmatch(r"[0-9]{3,4}", given.get("cvc", "")) is not None,
        "name": bool(given.get("name", "").strip()),
    }
    return [name for name, is_fine in fine.items() if not is_fine]


def expiry_of(text: str) -> tuple[int, int] | None:
    """Month and year of "12 / 34", None when it is no such thing."""
    match = re.fullmatch(r"\s*(0?[1-9]|1[0-2])\s*/?\s*(?:20)?([0-9]{2})\s*", text)
    return (int(match[1]), 2000 + int(match[2])) if match else None
