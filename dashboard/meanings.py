"""What every figure means and how it is computed, for the "?" beside it.

Each has a section in docs/numbers.md, which /app/help/numbers shows: there the sentence stands in
both languages, with the formula and the queries down to what stations said. A test holds the two
against each other. To add a figure: an entry here, a section there, the Swedish in help.po.
"""

import re
from typing import NamedTuple

from dashboard.i18n import mark


class Meaning(NamedTuple):
    """`name` is the heading of its section; all three are English sources of translations."""

    name: str
    meaning: str
    computed: str


NUMBERS = "/app/help/numbers"


def anchor(heading: str) -> str:
    """The key of a heading: `### 12. kWh per evse-day` is `kwh_per_evse_day`."""
    english = heading.partition(" \u00b7 ")[0]
    words = re.sub(r"^\d+\.\s+", "", english).lower()
    return re.sub(r"[^a-z0-9]+", "_", words).strip("_")


def address(key: str) -> str:
    """Where the figure is explained in full."""
    return f"{NUMBERS}#{key}"


def _keyed(*meanings: Meaning) -> dict[str, Meaning]:
    return {anchor(one.name): one for one in meanings}


MEANINGS: dict[str, Meaning] = _keyed(
    Meaning(
        mark("Uptime"),
        mark(
            "The share of its time in service that an evse could be used; excluded time counts as"
            " up, and unknown time is down until proven."
        ),
        mark("(T \u2212 (outage \u2212 excluded)) / T; T = seconds in service"),
    ),
    Meaning(
        mark("Connected"),
        mark("The share of its time in service in which there was contact and a known state."),
        mark("(T \u2212 seconds unknown) / T"),
    ),
    Meaning(
        mark("Charging success"),
        mark(
            "Of the attempts that came past authorisation or payment, the share that delivered at"
            " least 0.1 kWh and ended normally."
        ),
        mark("succeeded / authorised"),
    ),
    Meaning(
        mark("First-attempt success"),
        mark(
            "The share of visits whose first attempt succeeded; a visit is one token or card at a"
            " site, with gaps up to 30 minutes."
        ),
        mark("visits whose first attempt succeeded / visits"),
    ),
    Meaning(
        mark("Visit success"),
        mark("The share of visits in which any attempt succeeded."),
        mark("visits with any success / visits"),
    ),
    Meaning(
        mark("Time to acknowledge"),
        mark("The median time from the beginning of an incident until somebody acknowledged it."),
        mark("median(acknowledged \u2212 opened)"),
    ),
    Meaning(
        mark("Time to repair"),
        mark(
            "Median and 90th percentile of how long outages took until the evse was back; those of"
            " our own platform and excluded ones are nobody's repair."
        ),
        mark("median and p90 of (back \u2212 outage began)"),
    ),
    Meaning(
        mark("Remote fix rate"),
        mark(
            "The share of outages that ended within 15 minutes of a command of ours, without a"
            " visit."
        ),
        mark("outages that ended after a command of ours / outages that ended"),
    ),
    Meaning(
        mark("Silent evses"),
        mark(
            "Evses that say available but have had no success for three times their own normal gap."
        ),
        mark("count(available, last success older than 3 \u00d7 own p95 gap)"),
    ),
    Meaning(
        mark("Occupancy"),
        mark("The share of its time in service in which an evse had a vehicle."),
        mark("occupied seconds / T"),
    ),
    Meaning(
        mark("Idle share"),
        mark("The share of occupied time in which the vehicle was full or took no more energy."),
        mark("seconds idle after full / occupied seconds"),
    ),
    Meaning(
        mark("kWh per evse-day"),
        mark("Delivered kWh divided by the days that evses were in service."),
        mark("delivered kWh / (T / 86,400)"),
    ),
    Meaning(
        mark("Margin per kWh"),
        mark(
            "Net sales less payment fees and less electricity at the price in the settings, per"
            " billed kWh; grid fees and the site's share are yours to take off."
        ),
        mark("(net sales \u2212 fees \u2212 billed kWh \u00d7 electricity price) / billed kWh"),
    ),
    Meaning(
        mark("Leakage"),
        mark(
            "The share of delivered energy that nobody was billed for and that was not meant to be"
            " free."
        ),
        mark("1 \u2212 billed kWh / (delivered \u2212 deliberately free kWh)"),
    ),
    Meaning(
        mark("Unexplained difference"),
        mark(
            "The sum of all amounts by which sessions, receipts, ledger and Stripe disagree, and"
            " the age of the oldest; the target is 0."
        ),
        mark("sum of |difference| over open differences"),
    ),
    Meaning(
        mark("Drivers affected"),
        mark(
            "Running sessions that nobody can see or help: at an evse out of contact, or at one"
            " that reports a fault."
        ),
        mark("count(running sessions at evses without contact or faulted)"),
    ),
    Meaning(
        mark("Sites dark"),
        mark("Sites at which every station that was ever in contact has lost it."),
        mark("count(sites without one evse in contact)"),
    ),
    Meaning(
        mark("Evses down, silent, no contact"),
        mark(
            "Evses that report a fault, that say available but are silent, and that have lost"
            " contact; those never connected count in none."
        ),
        mark("count(evses) by state now"),
    ),
    Meaning(
        mark("Charging now"),
        mark(
            "Evses that deliver energy at this moment, and the sum of the power they last reported."
        ),
        mark("count(evses charging); sum(last reported power)"),
    ),
    Meaning(
        mark("Holds over 15 minutes"),
        mark(
            "Payments whose money is still held 15 minutes after their session ended or was given"
            " up; those in quarantine are left out."
        ),
        mark("count(payments held > 15 min after the end)"),
    ),
    Meaning(
        mark("Energy delivered"),
        mark(
            "What the meters of all sessions counted within the time, each reading at its own time."
        ),
        mark("sum of energy deltas"),
    ),
    Meaning(
        mark("Sessions begun"),
        mark("Sessions that began within the time, also those without energy."),
        mark("count(sessions begun)"),
    ),
    Meaning(
        mark("Energy per session"),
        mark("Energy delivered within the time for each session that began in it."),
        mark("energy delivered / sessions begun"),
    ),
    Meaning(
        mark("Highest single power"),
        mark("The highest power that any single evse reported; it informs and adds up to nothing."),
        mark("max(reported power)"),
    ),
    Meaning(
        mark("Largest simultaneous power"),
        mark(
            "The highest mean power of a quarter of an hour that all evses took together; power"
            " within the quarter may have been higher, so it informs."
        ),
        mark("max(energy of a quarter of an hour) \u00d7 4"),
    ),
    Meaning(
        mark("Coincidence"),
        mark("The largest simultaneous power against what all evses are rated at together."),
        mark("largest simultaneous power / sum of the ratings"),
    ),
    Meaning(
        mark("Complete as of"),
        mark(
            "Up to when all readings that have come are in the sums; late ones are added within"
            " seconds."
        ),
        mark("newest complete quarter of an hour"),
    ),
    Meaning(
        mark("Really charging"),
        mark("The share of its time in service in which energy flowed at an evse."),
        mark("charging seconds / T"),
    ),
    Meaning(
        mark("Successful charges"),
        mark("Attempts that delivered at least 0.1 kWh and ended normally."),
        mark("count(attempts that succeeded)"),
    ),
    Meaning(
        mark("Fullest hour"),
        mark("The hour of the week in which the largest share of evses was occupied."),
        mark("max over hours of the week(occupied seconds / T)"),
    ),
    Meaning(
        mark("Lost sessions"),
        mark(
            "An estimate of the charges that outages cost: what each evse usually sells per usable"
            " second, over three months up to the period's end, for its seconds down."
        ),
        mark("seconds down \u00d7 own successful charges per usable second"),
    ),
    Meaning(
        mark("Net sales"),
        mark("What was sold without VAT, less what was given back; as booked."),
        mark("sum of entries on sales accounts"),
    ),
    Meaning(
        mark("VAT"),
        mark("The VAT of what was sold, less that of what was given back; as booked."),
        mark("sum of entries on output VAT accounts"),
    ),
    Meaning(
        mark("Gross sales"),
        mark("What drivers pay: net sales and their VAT."),
        mark("net sales + VAT"),
    ),
    Meaning(
        mark("Paid out"),
        mark("What the payment service has paid into the bank account within the time."),
        mark("sum of payouts booked on the bank account"),
    ),
    Meaning(
        mark("Open items"),
        mark("Differences, doubts and requests that wait for a person's decision."),
        mark("count(review items not settled)"),
    ),
    Meaning(
        mark("Users"),
        mark(
            "Distinct people who ended a session within the time: by account, a guest's browser, or"
            " token."
        ),
        mark("count(distinct users of ended sessions)"),
    ),
    Meaning(
        mark("New users"),
        mark("Users of the time who had never ended a session before it."),
        mark("count(users whose first session lies within the time)"),
    ),
    Meaning(
        mark("Sessions per user"),
        mark("Ended sessions for each of their users; sessions of nobody known count, too."),
        mark("ended sessions / users"),
    ),
    Meaning(
        mark("Ended sessions"),
        mark("Sessions that began within the time and have ended, also those without energy."),
        mark("count(ended sessions)"),
    ),
    Meaning(
        mark("Mean length"),
        mark("From the start to the end of a session, on average over the ended ones."),
        mark("sum of (ended \u2212 begun) / ended sessions"),
    ),
    Meaning(
        mark("Net price per kWh"),
        mark(
            "Net sales for each kWh that was billed: the price that was really paid, without VAT."
        ),
        mark("net sales / billed kWh"),
    ),
    Meaning(
        mark("Sessions billed"),
        mark(
            "Sessions whose price was booked within the time; each counts once, also when it"
            " is priced anew."
        ),
        mark("count(sessions with their first booking within the time)"),
    ),
    Meaning(
        mark("Refunds and credit notes"),
        mark("What was given back with VAT; it is taken off net and gross sales already."),
        mark("sum of entries on sales and VAT accounts of refunds and credit notes"),
    ),
    Meaning(
        mark("Payment fees"),
        mark("What the payment service kept for its work, as booked."),
        mark("sum of entries on the account of payment fees"),
    ),
)
