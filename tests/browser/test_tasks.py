"""Every task of docs/tasks.md in a real browser, within the clicks written there."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Error, Locator, Page, expect

from sql.database import Connection
from tests.browser.walking import settled
from tests.browser.web import ROOT, Web
from tests.task_world import CALLER, CALLERS_CODE, CALLERS_SESSION, WORST, add_world
from tests.timed import Past

ROW = re.compile(r"^\| (?P<title>[^|]+?) \| (?P<most>\d+) \| (?P<way>[^|]+?) \|$", re.MULTILINE)


AT_MOST_MS = 15_000


class Wanted(NamedTuple):
    """A row of the document."""

    title: str
    most: int


class Person:
    """Somebody at the board; counts what they press."""

    def __init__(self, page: Page, connection: Connection) -> None:
        self.page, self.connection, self.clicks = page, connection, 0

    def press(self, what: str | Locator) -> None:
        """A link, a button, a row: by its selector or found otherwise."""
        self.find(what).click()
        self.clicks += 1

    def choose(self, what: str | Locator, label: str) -> None:
        """From a list."""
        self.find(what).select_option(label=label)
        self.clicks += 1

    def type(self, what: str | Locator, text: str, *, enter: bool = False) -> None:
        """Typing is free, with the Enter that ends it."""
        self.find(what).fill(text)
        if enter:
            self.find(what).press("Enter")

    def go(self, name: str) -> None:
        """By the navigation."""
        self.press(self.page.locator("nav.nav a.to", has_text=re.compile(f"^{name}\\d*$")))
        expect(self.page.locator("h1")).to_contain_text(name)
        settled(self.page)

    def sees(self, where: str, words: str | re.Pattern[str]) -> None:
        expect(self.find(where)).to_contain_text(words, timeout=AT_MOST_MS)

    def find(self, what: str | Locator) -> Locator:
        return (self.page.locator(what) if isinstance(what, str) else what).first


Task = Callable[[Person], Any]
TASKS: dict[str, Task] = {}


def task(title: str) -> Callable[[Task], Task]:
    """The task of that row of the document."""

    def known(do: Task) -> Task:
        TASKS[title] = do
        return do

    return known


def wanted(role: str) -> list[Wanted]:
    """The rows of a role's part of the document."""
    _, operations, managers = (ROOT / "docs" / "tasks.md").read_text().split("\n## ")
    text = {"operator": operations, "manager": managers}[role]
    return [Wanted(row["title"], int(row["most"])) for row in ROW.finditer(text)]


def test_every_row_of_the_document_is_done_and_nothing_else() -> None:
    rows = [*wanted("operator"), *wanted("manager")]
    assert sorted(TASKS) == sorted(row.title for row in rows)


@pytest.fixture
def world(connection: Connection) -> Past:
    return add_world(connection)


@pytest.mark.parametrize("role", ["operator", "manager"])
def test_every_task_takes_no_more_clicks_than_written(
    open_page: Any, web: Web, connection: Connection, world: Past, role: str
) -> None:
    connection.execute("UPDATE app_user SET role = %s", [role])
    page, found = open_page("/app/"), []
    for title, most in wanted(role):
        page.goto(f"{web.address}/app/")
        settled(page)
        expect(page.locator("#incidents-list li")).to_have_count(2)
        person = Person(page, connection)
        try:
            TASKS[title](person)
        except (AssertionError, Error) as error:  # the others are worth knowing, too
            found.append(f"{title}: {error}")
        if person.clicks > most:
            found.append(f"{title}: {person.clicks} clicks, at most {most}")
    assert not found, "\n\n".join(found)


# -- operations -------------------------------------------------------------------------------

FIRST = "#incidents-list li"


@task("see the worst incident")
def _(person: Person) -> None:
    person.sees(FIRST, WORST)
    person.sees(FIRST, "critical")


@task("open its station")
def _(person: Person) -> None:
    to_station(person)
    person.sees("h1", WORST)


def to_station(person: Person) -> None:
    person.page.locator(FIRST).first.hover()
    person.press(person.page.locator(FIRST).first.get_by_role("link", name=WORST, exact=True))


@task("see its cause with the evidence")
def _(person: Person) -> None:
    person.press(f"{FIRST} a.inc")
    person.sees("#incident-verdict", WORST)
    person.sees("main", "StatusNotification")


@task("restart it and see the proof")
def _(person: Person) -> None:
    to_station(person)
    expect(person.find("#command-restart")).to_be_enabled()
    person.press("#command-restart")
    person.sees("#command-trail", "Restart")
    person.connection.execute(
        "UPDATE command SET status = 'answered', response = '{\"status\": \"Accepted\"}',"
        " claimed_at = now(), finished_at = now()"
    )
    person.sees("#command-trail", "Awaiting proof")
    # it boots, and says that it is free
    person.connection.execute("UPDATE station SET booted_at = now() WHERE station_id = %s", [WORST])
    person.connection.execute(
        "UPDATE connector SET status = 'Available', error_code = NULL, status_at = now()"
        " WHERE evse_key IN (SELECT evse_key FROM evse WHERE station_id = %s)", [WORST],
    )  # fmt: skip
    person.connection.execute("SELECT pg_notify('evse', '*')")
    person.sees("#command-trail", "Proven")


def suggested(person: Person, text: str, words: str) -> None:
    """What the search of everything offers while somebody types."""
    person.page.locator("#search").focus()
    person.type("#search", text)
    person.press(person.page.locator("#search-list a", has_text=words))


@task("stop and unlock for a caller")
def _(person: Person) -> None:
    suggested(person, CALLERS_CODE, CALLERS_CODE)
    person.sees("h1", CALLER)
    expect(person.find("#command-stop")).to_be_enabled()
    person.press("#command-stop")
    person.sees("#command-trail", "Stop, evse 1")
    person.press("#command-unlock")
    person.sees("#command-trail", "Unlock, evse 1")


@task("find the caller's session")
def _(person: Person) -> None:
    person.type("#search", "4242 300,00", enter=True)
    person.sees("h1", "4242 300,00")
    person.press(person.page.get_by_role("link", name="All about the session"))
    person.sees("h1", str(CALLERS_SESSION))


@task("plan a maintenance window for a site")
def _(person: Person) -> None:
    person.go("Maintenance")
    person.choose("#plan-pick", "Mora")
    person.type("#plan-note", "ticket 12, new cables")
    person.press("#plan-send")
    person.sees("#plan-notice", "It is planned")
    person.sees("#exclusions-list", "ticket 12")


@task("assign an incident with a note")
def _(person: Person) -> None:
    person.press(f"{FIRST} a.inc")
    person.press(person.page.locator("#assign-owner label", has_text="Bo"))
    person.type("#assign-note", "the host waits for your call")
    person.press("#assign-send")
    person.sees("#incident-act-notice", "Bo has it now")
    person.sees("#incident-history", "the host waits for your call")


@task("hand over the shift")
def _(person: Person) -> None:
    person.press(person.page.locator("main, header").get_by_role("link", name="Hand over shift"))
    person.sees("#handover-open", WORST)


@task("find the firmware with most failed starts")
def _(person: Person) -> None:
    person.go("Reliability")
    person.sees("#past-builds .bar-row:not(.faint)", "1.8.21")


# -- managers ---------------------------------------------------------------------------------


@task("which site loses most sessions?")
def _(person: Person) -> None:
    person.go("Reliability")
    rows = person.page.locator("#past-groups tbody tr")
    expect(rows).to_have_count(2)
    lost = [float(text.replace(",", "")) for text in
            person.page.locator("#past-groups tbody td:last-child").all_inner_texts()]  # fmt: skip
    assert lost == sorted(lost, reverse=True)


def drawn(person: Person, asked: str) -> None:
    """The page of an address that asks for this: its file is of the same."""
    expect(person.find(f"a.csv[href*='{asked}']")).to_be_visible(timeout=AT_MOST_MS)


def days(person: Person, first: date, last: date) -> None:
    """Other days than the usual ones."""
    person.press("#view-days")
    person.type("#view-from", first.isoformat())
    person.type("#view-until", last.isoformat())
    person.press("#view-dates button[type=submit]")
    drawn(person, f"from={first.isoformat()}")


@task("how full was a site last month, against the month before?")
def _(person: Person) -> None:
    person.go("Utilisation")
    person.choose("#view-site", "Mora")
    drawn(person, "site=")
    last = datetime.now(UTC).date().replace(day=1) - timedelta(days=1)
    days(person, last.replace(day=1), last)
    person.sees("#used-occupancy", re.compile(r"was \d+\.\d\s%"))


@task("which is the busiest hour of the week?")
def _(person: Person) -> None:
    person.go("Utilisation")
    person.sees("#used-peak", re.compile(r"[A-Z][a-z][a-z] \d\d\u2013\d\d"))


@task("which evses does nobody use?")
def _(person: Person) -> None:
    person.go("Utilisation")
    person.press(person.page.locator("#used-ranking").get_by_role("link", name="Evse", exact=True))
    rows = person.page.locator("#used-ranking tbody tr")
    expect(rows).to_have_count(5, timeout=AT_MOST_MS)  # the least used last


@task("how near do sites come to their grid connections?")
def _(person: Person) -> None:
    person.go("Energy and load")
    mora = person.page.locator("#energy-sites tbody tr", has_text="Mora")
    expect(mora).to_contain_text("40 kW")
    expect(mora).to_contain_text(re.compile(r"200\s%"))


@task("what does a kWh bring, by site?")
def _(person: Person) -> None:
    person.go("Revenue")
    mora = person.page.locator("#revenue-sites tbody tr", has_text="Mora")
    expect(mora).to_contain_text("4.89")  # 140.00 without VAT for 28.640 kWh


@task("how long do cars stay after they are full, by site?")
def _(person: Person) -> None:
    person.go("Utilisation")
    person.sees("#used-ranking thead", "Idle")
    expect(person.page.locator("#used-ranking tbody tr", has_text="Mora")).to_contain_text("%")


@task("how many drivers are new this month?")
def _(person: Person) -> None:
    person.go("Drivers")
    today = datetime.now(UTC).date()
    days(person, min(today.replace(day=1), today - timedelta(days=2)), today)
    person.sees("#new-users", re.compile(r"[1-9]"))


@task("take a year's sessions along")
def _(person: Person) -> None:
    person.go("Sessions")
    person.press(person.page.get_by_role("link", name="12 months", exact=True))
    with person.page.expect_download() as download:
        person.press("a.csv[href*='range=12m']")  # of the page that comes
    lines = download.value.path().read_text("utf-8-sig").splitlines()
    assert len(lines) > 100
    assert lines[0].startswith("Session")


@task("how do two sites compare?")
def _(person: Person) -> None:
    person.go("Utilisation")
    person.choose("#view-site", "Mora")
    drawn(person, "site=")
    person.choose("#view-compare", "against \u00d6desh\u00f6g E4")
    for words in ("Mora", "\u00d6desh\u00f6g E4", "Occupancy"):
        person.sees("#side-by-side", words)
