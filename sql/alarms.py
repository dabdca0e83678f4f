"""What messages about incidents say of each kind, in Swedish and English: for mails and webhooks.
Pure. Pages have words of their own, with the numbers in them."""

Pair = tuple[str, str]

# what has happened, and what to do next
TITLES: dict[str, Pair] = {
    "site_dark": ("Hela platsen utan kontakt", "Whole site without contact"),
    "router_down": (
        "Alla laddare bakom en router utan kontakt",
        "All stations of a router without contact",
    ),
    "firmware": (
        "Samma fel på flera platser med samma firmware",
        "The same failure at several sites with one firmware",
    ),
    "platform": ("Vår plattform tar inte emot", "Our platform is not receiving"),
    "audit": ("Siffror skiljer sig från rådata", "Numbers differ from their raw facts"),
    "offline": ("Ingen kontakt", "No contact"),
    "faulted": ("Fel rapporterat", "Fault reported"),
    "silent_evse": ("Ledig men tyst", "Available but silent"),
    "failing_starts": ("Starter misslyckas", "Starts fail"),
    "no_energy": ("Laddar utan att leverera energi", "Charging without delivering energy"),
    "meter_frozen": ("Mätaren står stilla", "The meter stands still"),
    "derated": ("Nedsatt effekt", "Reduced power"),
    "stuck_preparing": ("Inkopplad, inte startad", "Plugged in, not started"),
    "ghost_session": ("Laddning slutade utan besked", "A session ended without a word"),
    "clock_off": ("Klockan går fel", "The clock is off"),
    "token_guessing": ("Någon gissar taggar", "Someone is guessing id tokens"),
    "rejected_connections": ("Anslutningar avvisas", "Connections are being rejected"),
    "payment_stuck": ("En betalning har fastnat", "A payment is stuck"),
    "job_failed": ("Återkommande arbete misslyckas", "Recurring work fails"),
    "certificate": ("Ett certifikat går snart ut", "A certificate is near its end"),
    "undelivered": ("Ett larm nådde inte fram", "A message was not delivered"),
}
NEXT: dict[str, Pair] = {
    "site_dark": (
        "Ring platsvärden, sedan elnätsbolaget",
        "Call the site host, then the grid operator",
    ),
    "router_down": (
        "Starta om routern eller ring platsvärden",
        "Restart the router, or call the site host",
    ),
    "firmware": (
        "Stoppa utrullningen, jämför med annan firmware",
        "Stop the roll-out, compare with other firmware",
    ),
    "platform": ("Kontrollera vår mottagande process", "Check the ingest process"),
    "audit": ("Kör revisionen för dagarna", "Run the audit for those days"),
    "offline": (
        "Starta om routern eller besök laddaren",
        "Restart the router, or visit the station",
    ),
    "faulted": (
        "Starta om och vänta på en riktig laddning",
        "Restart, then watch for a real session",
    ),
    "silent_evse": (
        "Starta om och vänta på en riktig laddning",
        "Restart, then watch for a real session",
    ),
    "failing_starts": (
        "Starta om och vänta på en riktig laddning",
        "Restart, then watch for a real session",
    ),
    "no_energy": ("Ring föraren, starta sedan om", "Call the driver, then restart"),
    "meter_frozen": (
        "Stäng uttaget och skicka en tekniker",
        "Take the evse out of service, send a technician",
    ),
    "derated": (
        "Leta efter en varm eller trasig effektmodul",
        "Look for a hot or broken power module",
    ),
    "stuck_preparing": ("Se om starter avvisas", "See whether starts are refused"),
    "ghost_session": ("Se om mätvärden kommer", "See whether meter values still come"),
    "clock_off": ("Starta om så att den ställer klockan", "Restart, so that it sets its clock"),
    "token_guessing": (
        "Titta i kameran eller ring platsvärden",
        "Look at the camera, or call the site host",
    ),
    "rejected_connections": (
        "Kontrollera laddarens namn och lösenord",
        "Check the station's name and password",
    ),
    "payment_stuck": (
        "Se stegen och avgör i granskningskön",
        "See its steps, decide in the review queue",
    ),
    "job_failed": ("Läs felet under Jobb", "Read the error under Jobs"),
    "certificate": ("Förnya certifikatet", "Renew the certificate"),
    "undelivered": ("Kontrollera mottagarens adress", "Check the receiver's address"),
}
SEVERITIES: dict[str, Pair] = {
    "critical": ("Kritisk", "Critical"),
    "high": ("Hög", "High"),
    "low": ("Låg", "Low"),
}
EVENTS: dict[str, Pair] = {
    "raised": ("Larm", "Alert"),
    "escalated": ("Ingen har kvitterat", "Not acknowledged"),
    "resolved": ("Över", "Over"),
    "test": ("Test", "Test"),
}
RESOLUTIONS: dict[str, Pair] = {
    "over": ("Felet är borta", "It is over"),
    "merged": ("Ingår nu i en större incident", "Part of a larger incident now"),
    "planned": ("Planerat underhåll", "Planned maintenance"),
    "false_alarm": ("Falsklarm", "False alarm"),
}


def said(words: dict[str, Pair], key: str, language: str) -> str:
    """A word of a catalogue; a key that it does not know, as it is."""
    swedish, english = words.get(key, (key, key))
    return swedish if language == "sv" else english


def headline(event: str, severity: str, kind: str, place: str, language: str) -> str:
    """One line: `Alert (critical): Whole site without contact, Torget`."""
    what = said(TITLES, kind, language)
    where = f", {place}" if place else ""
    how_bad = said(SEVERITIES, severity, language).lower()
    return f"{said(EVENTS, event, language)} ({how_bad}): {what}{where}"
