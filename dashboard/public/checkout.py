"""Where the browser may be sent to pay: the page's policy must name it, or the way there is a link.

Chromium applies `form-action` to every address a form's answer leads to.
"""

from urllib.parse import urlsplit

from flask import Response, make_response, redirect, render_template
from werkzeug.wrappers import Response as AnyResponse

from dashboard.public.responses import POLICY
from sql.settings import Settings

HOSTED = "https://checkout.stripe.com"


def origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def allowed(settings: Settings) -> list[str]:
    base = settings.stripe_api_base
    return [HOSTED, origin(base)] if base else [HOSTED]


def policy(settings: Settings) -> str:
    """The policy of pages with a button that leads to the card payment."""
    if not settings.stripe_api_key:
        return POLICY
    return POLICY.replace("form-action 'self'", "form-action 'self' " + " ".join(allowed(settings)))


def go(settings: Settings, address: str) -> AnyResponse:
    """To the card payment; an address the policy does not know is gone to by a page of its own."""
    if origin(address) in allowed(settings):
        return redirect(address, 303)
    page: Response = make_response(render_template("to_checkout.html", checkout_url=address))
    page.headers["Cache-Control"] = "private, no-store"
    return page
