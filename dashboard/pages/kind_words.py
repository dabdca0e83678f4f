"""What the kinds of alerts and incidents are called, in lists and choices."""

from dashboard.i18n import mark

KINDS = {
    "site_dark": mark("Site dark"),
    "platform": mark("Our own outage"),
    "router_down": mark("Router down"),
    "firmware": mark("One firmware fails"),
    "offline": mark("No contact"),
    "faulted": mark("Fault"),
    "silent_evse": mark("Available but silent"),
    "failing_starts": mark("Failing starts"),
    "no_energy": mark("Session without energy"),
    "meter_frozen": mark("Meter stands still"),
    "derated": mark("Reduced power"),
    "stuck_preparing": mark("Plugged in, not started"),
    "ghost_session": mark("Ghost session"),
    "clock_off": mark("Clock off"),
    "token_guessing": mark("Guessing of id tokens"),
    "rejected_connections": mark("Rejected connections"),
    "payment_stuck": mark("Payment stuck"),
    "job_failed": mark("Job failed"),
    "certificate": mark("Certificate near its end"),
    "undelivered": mark("Message not delivered"),
    "audit": mark("Numbers differ"),
}
