"""The staff pages: to add one, copy a neighbour and name it in PAGES."""

from dashboard.pages import board, energy, station, stations
from dashboard.pages.frame import NAVIGATION, Page

PAGES: tuple[Page, ...] = (board.PAGE, stations.PAGE, station.PAGE, energy.PAGE)

__all__ = ["NAVIGATION", "PAGES", "Page"]
