"""The administration pages, in the order of their tabs."""

from dashboard.pages.admin import PAGE as OVERVIEW
from dashboard.pages.admin_api import PAGE as API_TOKENS
from dashboard.pages.admin_audit import PAGE as AUDIT
from dashboard.pages.admin_imports import PAGE as IMPORTS
from dashboard.pages.admin_settings import PAGE as SETTINGS
from dashboard.pages.admin_sites import PAGE as SITES
from dashboard.pages.admin_station import PAGE as STATION
from dashboard.pages.admin_stations import PAGE as STATIONS
from dashboard.pages.admin_tokens import PAGE as TOKENS
from dashboard.pages.admin_users import PAGE as USERS

PAGES = (
    OVERVIEW,
    SITES,
    STATIONS,
    STATION,
    IMPORTS,
    TOKENS,
    USERS,
    API_TOKENS,
    SETTINGS,
    AUDIT,
)
