"""The staff pages: to add one, copy a neighbour and name it in PAGES."""

from dashboard.pages.admin_pages import PAGES as ADMIN
from dashboard.pages.board import PAGE as BOARD
from dashboard.pages.drivers import PAGE as DRIVERS
from dashboard.pages.energy import PAGE as ENERGY
from dashboard.pages.frame import NAVIGATION, Page
from dashboard.pages.handover import PAGE as HANDOVER
from dashboard.pages.help import PAGE as HELP
from dashboard.pages.incident import PAGE as INCIDENT
from dashboard.pages.incident_rules import PAGE as RULES
from dashboard.pages.incidents import PAGE as INCIDENTS
from dashboard.pages.ledger import PAGE as LEDGER
from dashboard.pages.maintenance import PAGE as MAINTENANCE
from dashboard.pages.payments import PAGE as PAYMENTS
from dashboard.pages.receipts import PAGE as RECEIPTS
from dashboard.pages.reliability import PAGE as RELIABILITY
from dashboard.pages.revenue import PAGE as REVENUE
from dashboard.pages.review import PAGE as REVIEW
from dashboard.pages.rollout import PAGE as ROLLOUT
from dashboard.pages.search import PAGE as SEARCH
from dashboard.pages.session import PAGE as SESSION
from dashboard.pages.sessions import PAGE as SESSIONS
from dashboard.pages.station import PAGE as STATION
from dashboard.pages.stations import PAGE as STATIONS
from dashboard.pages.tariffs import PAGE as TARIFFS
from dashboard.pages.utilisation import PAGE as UTILISATION
from dashboard.pages.wall import PAGE as WALL

PAGES: tuple[Page, ...] = (
    BOARD, STATIONS, STATION, PAYMENTS, UTILISATION, ENERGY, RELIABILITY, LEDGER, REVIEW, RECEIPTS,
    TARIFFS, HELP, SEARCH, INCIDENTS, RULES, INCIDENT, WALL, HANDOVER, MAINTENANCE, ROLLOUT,
    SESSIONS, SESSION, DRIVERS, REVENUE, *ADMIN,
)  # fmt: skip

__all__ = ["NAVIGATION", "PAGES", "Page"]
