"""The words of reliability: causes, reasons, how attempts end, what the figures mean."""

from dashboard.i18n import mark

CAUSES = {
    "hardware": mark("Hardware"),
    "network": mark("Network or power"),
    "unavailable": mark("Taken out of service"),
    "failed_starts": mark("Failed starts"),
    "csms": mark("Our platform"),
}
REASONS = {
    "scheduled_maintenance": mark("Planned maintenance"),
    "electricity_supply": mark("Power supply of the grid"),
    "vandalism": mark("Vandalism"),
    "natural_disaster": mark("Natural disaster"),
    "vehicle": mark("Fault of a vehicle"),
    "limited_hours": mark("Limited opening hours"),
}
PLATFORM = mark("Our platform")  # excluded by itself
SHAPES = {
    "hardware": "faulted", "network": "unknown", "unavailable": "unavailable",
    "failed_starts": "derated", "csms": "unconnected",
}  # fmt: skip
STAGES = {
    "authorise": mark("asked for authorisation"),
    "plug_in": mark("plugged in"),
    "remote_start": mark("asked to start remotely"),
    "start": mark("started"),
    "charge": mark("charging"),
}
OUTCOMES = {
    "open": mark("goes on"), "succeeded": mark("Succeeded"), "failed": mark("Failed"),
    "refused": mark("Refused"), "abandoned": mark("Abandoned"),
}  # fmt: skip
MEANINGS = (
    (mark("First-attempt success"),
     mark("Visits whose first attempt delivered at least 0.1 kWh. A visit is one driver at a site;"
          " attempts up to 30 minutes apart belong to it.")),
    (mark("Charging success"),
     mark("Attempts that delivered at least 0.1 kWh and ended normally, of those that came past"
          " authorisation or payment.")),
    (mark("Uptime"),
     mark("(T \u2212 (outage \u2212 excluded)) / T, by the second and per evse; T is the time in"
          " service. Time without contact counts as outage until something proves otherwise.")),
    (mark("Connected"),
     mark("Time in service that was not without contact. Energy that flowed meanwhile proves that"
          " an evse worked.")),
    (mark("Time to repair"),
     mark("From the beginning of an outage until the evse was usable again, for outages that ended"
          " in the period; excluded ones and our own are left out.")),
    (mark("Lost sessions"),
     mark("An estimate: seconds down \u00d7 the evse\u2019s own successful charges per usable"
          " second, over three months up to the period\u2019s end.")),
)  # fmt: skip
