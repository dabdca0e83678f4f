"""The way of the money, step by step with times: what has happened, what runs, what is to come."""

from datetime import datetime

from msgspec import Struct

from dashboard.format import Format
from dashboard.i18n import mark, t
from dashboard.public.faces import GIVEN_UP_FACES, Payment
from dashboard.public.words import amount

# `payment.failure` in a driver's words
WHY = {
    "start_rejected": mark("The charger said no"),
    "start_timeout": mark("Charging did not begin in time"),
    "station_offline": mark("The charger lost contact"),
    "evse_taken": mark("Someone else was first at the charger"),
    "paid_too_late": mark("The payment came after the time was up"),
    "late_start": mark("The charger began too late"),
    "cancelled": mark("You cancelled"),
    "nothing_used": mark("There is nothing to charge"),
    "waived": mark("A person has checked it: you pay nothing"),
    "quarantine_over": mark("The reading could not be confirmed in time"),
    "not_startable": mark("The charger could no longer be started"),
}
UNKNOWN_WHY = mark("Charging did not begin")


class Step(Struct, frozen=True):
    """`shape` is also the colour: free (done), fault (failed), spin (runs), next (to come)."""

    shape: str
    what: str
    at: datetime | None = None
    more: str = ""
    is_now: bool = False


def failed_trail(payment: Payment, form: Format) -> list[Step]:
    """From the hold to its release; released is said only when that is confirmed."""
    held = amount(form, payment.hold, payment.currency)
    steps = [
        Step("free", t("{amount} was reserved", amount=held), payment.authorised_at),
        Step(_shape(payment), t(WHY.get(payment.failure or "", UNKNOWN_WHY)), payment.releasing_at),
    ]
    if payment.released_at:
        confirmed = t("Confirmed by the card payment.")
        done = t("{amount} was released", amount=held)
        return [*steps, Step("free", done, payment.released_at, confirmed)]
    return steps + _pending(payment, form, held)


def _shape(payment: Payment) -> str:
    """One's own wish is no failure."""
    return "fault" if GIVEN_UP_FACES.get(payment.failure or "") is None else "done"


def _pending(payment: Payment, form: Format, held: str) -> list[Step]:
    more = t("The card payment has not confirmed it yet.")
    if payment.next_try_at:
        more += " " + t("Next attempt {time}.", time=form.time(payment.next_try_at))
    later = t("The time is shown here. Scan the code again when you want to see it.")
    return [
        Step("spin", t("Releasing {amount}", amount=held), None, more, is_now=True),
        Step("next", t("Released and confirmed"), None, later),
    ]


def review_trail(payment: Payment, until: str) -> list[Step]:
    """What happens to a charge whose reading nobody can believe."""
    ended = payment.ended_at or payment.state_at
    return [
        Step("free", t("Charging has ended"), ended, t("Take out the cable and go when you like.")),
        Step("fault", t("The reading was held back"), payment.state_at),
        Step("wait", t("A person checks it"), None, t("By {date}.", date=until), is_now=True),
        Step("next", t("You get the answer and the receipt"), None, t("Here on this page.")),
    ]
