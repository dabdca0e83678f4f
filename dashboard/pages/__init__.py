"""The staff pages: to add one, copy a neighbour and name it in PAGES."""

from dashboard.pages.board import PAGE as BOARD
from dashboard.pages.energy import PAGE as ENERGY
from dashboard.pages.frame import NAVIGATION, Page
from dashboard.pages.ledger import PAGE as LEDGER
from dashboard.pages.station import PAGE as STATION
from dashboard.pages.stations import PAGE as STATIONS

PAGES: tuple[Page, ...] = (BOARD, STATIONS, STATION, ENERGY, LEDGER)

__all__ = ["NAVIGATION", "PAGES", "Page"]
