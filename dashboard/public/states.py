"""The state of an evse in a driver's words, at the clock of its site."""

from datetime import UTC, datetime

from dashboard.i18n import formatter
from dashboard.public.places import Evse, Place
from dashboard.states import DriverState, driver_state


def state_of(evse: Evse, place: Place) -> DriverState:
    form = formatter(place.zone)
    now = datetime.now(UTC)
    return driver_state(
        evse.state, form, charging_state=evse.charging_state, since=evse.since, now=now
    )
