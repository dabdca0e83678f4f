"""Kinds of alerts: how bad, and what their incident says to who reads the rows. Pages and messages
have words of their own."""

from typing import NamedTuple


class Kind(NamedTuple):
    """What an incident of this kind says."""

    severity: str
    cause: str
    next_step: str


KINDS: dict[str, Kind] = {
    "offline": Kind("high", "no contact", "probe, then call the site host"),
    "faulted": Kind("high", "fault", "restart, then watch for a real session"),
    "silent_evse": Kind(
        "high", "available, but no success for far longer than normal",
        "restart, then watch for a real session",
    ),
    "failing_starts": Kind(
        "high", "starts fail one after the other", "restart, then watch for a real session"
    ),
    "no_energy": Kind(
        "high", "charging by its own account, nothing delivered", "call the driver, then restart"
    ),
    "meter_frozen": Kind(
        "high", "power flows, the register stands still", "take out of service, order a technician"
    ),
    "derated": Kind("low", "far less power than normal", "look for a hot or broken power module"),
    "stuck_preparing": Kind("low", "plugged in, not started", "see whether starts are refused"),
    "ghost_session": Kind(
        "low", "session without news, closed at its last evidence", "check the station's meter"
    ),
    "clock_off": Kind("low", "its clock is off", "let it set its clock, then restart"),
    "token_guessing": Kind(
        "high", "many different id tokens refused", "look at the camera, or call the site host"
    ),
    "rejected_connections": Kind(
        "low", "refused at the door: unknown name or wrong password", "check name and password"
    ),
    "payment_stuck": Kind(
        "high", "a payment can't go on", "look at its steps, then decide in the review queue"
    ),
    "job_failed": Kind("high", "recurring work fails or stands still", "read the job's error"),
    "certificate": Kind("high", "a certificate is near its end", "renew the certificate"),
    "undelivered": Kind(
        "high", "a message to a receiver was given up", "check the receiver's address"
    ),
}  # fmt: skip

# Nothing that somebody does on site brings these about, or money and doors are at stake.
NEVER_PLANNED = (
    "token_guessing", "payment_stuck", "job_failed", "certificate", "undelivered",
)  # fmt: skip
