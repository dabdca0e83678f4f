"""Words that scripts write on live pages, in the reader's language."""

from dashboard.i18n import mark, t
from dashboard.states import FAULTS, STAFF

WORDS = {
    "charging": mark("Charging {power}"),
    "paused": mark("Paused by charger"),
    "fault": mark("Fault: {fault}"),
    "no_contact_since": mark("No contact since {time}"),
    "no_contact": mark("No contact"),
    "no_site": mark("Without a site"),
    "live": mark("Live"),
    "not_live": mark("Not live"),
    "old": mark("{age} old"),
    "connecting": mark("Connecting"),
    "try_now": mark("Try now"),
    "waiting": mark("Trying now."),
    "next_try": mark("Next try in {seconds} s (attempt {attempt})."),
    "view_is_from": mark("View is from {time}, not live"),
    "nothing_lost": mark(
        "Stations keep working and nothing is lost. Commands are locked until it is live."
    ),
    "of_n": mark("of {n}"),
    "unseen": mark("{unseen} unseen · {failed} on a faulted evse"),
    "none_affected": mark("no running session is out of sight"),
    "all_in_contact": mark("all sites in contact"),
    "and_more": mark("{name} and {n} more"),
    "of_evses": mark("of {n}, and {closed} out of service by us"),
    "share": mark("{share} of evses"),
    "sessions_and_net": mark("{n} sessions · {net} net"),
    "no_old_holds": mark("none left open"),
    "look_at_holds": mark("money is held without a session"),
    "open_alerts": mark("{n} open · {alerts} alerts grouped"),
    "critical_n": mark("{n} critical"),
    "unassigned_n": mark("{n} unassigned"),
    "no_incidents": mark("No open incidents"),
    "checked_sites": mark("{n} sites watched, last check {time}"),
    "nothing_wrong": mark("Every station works"),
    "no_stations": mark("No stations yet"),
    "add_station": mark("Add one with: python app.py station add"),
    "need_look": mark("{n} of {all} need a look"),
    "next": mark("Next"),
    "nobody": mark("Nobody yet"),
    "assign": mark("Assign to me"),
    "acknowledge": mark("Acknowledge"),
    "assign_label": mark("Assign to me: {incident}"),
    "acknowledge_label": mark("Acknowledge: {incident}"),
    "acknowledged": mark("Acknowledged {time} by {name}"),
    "severity.critical": mark("critical"),
    "severity.high": mark("high"),
    "severity.low": mark("low"),
    "incident.site_dark": mark("{site}: all {n} evses lost contact at {time}"),
    "incident.offline": mark("{site}: {station} lost contact at {time}"),
    "incident.offline_n": mark("{site}: {stations} stations without contact since {time}"),
    "incident.faulted": mark("{site}: {station} reports a fault since {time}"),
    "incident.faulted_n": mark("{site}: faults on {stations} stations since {time}"),
    "incident.platform": mark("Our platform was not receiving from {time}"),
    "incident.token_guessing": mark("{site}: someone is guessing id tokens since {time}"),
    "incident.rejected_connections": mark("Connections are being rejected since {time}"),
    "cause.site_dark": mark("Probable cause: power or router on site."),
    "cause.platform": mark("No station alarms; uptime is counted separately."),
    "next.site_dark": mark("Call the site host, then the grid operator"),
    "next.offline": mark("Restart the router, or visit the station"),
    "next.faulted": mark("Restart the station, then watch for a real session"),
    "evses_1": mark("1 evse"),
    "evses_n": mark("{n} evses"),
    "drivers_1": mark("1 driver"),
    "drivers_n": mark("{n} drivers"),
    "cars_may_charge_1": mark("1 session was running; the car may still be charging."),
    "cars_may_charge_n": mark("{n} sessions were running; cars may still be charging."),
    "map_sub": mark("{evses} evses, {sites} sites"),
    "cluster": mark("{name}: {n} evses, {faulted} faulted, {unknown} no contact"),
    "site_dark_stations": mark("Site dark, {n} stations"),
    "of_n_free": mark("{n} of {all} available"),
    "none_free": mark("none available here"),
    "since": mark("since {time}"),
    "last_message": mark("last message {age} ago"),
    "copied": mark("Copied"),
    "no_site_on_map": mark("No site has a place on the map yet"),
    "occupied_idle": mark("Occupied, idle"),
}


def client_words() -> dict[str, str]:
    """Every word by its key; states and faults come from the lists all pages share."""
    return (
        {key: t(text) for key, text in WORDS.items()}
        | {f"state.{state}": t(word) for state, word in STAFF.items()}
        | {f"fault.{code}": t(word) for code, word in FAULTS.items()}
    )
