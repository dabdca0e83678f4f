"""All files of what analysis pages show: /app/download/<key>.csv. To add one, name it here."""

from dashboard.downloads import Download
from dashboard.pages.admin_audit import DOWNLOAD as AUDIT
from dashboard.pages.admin_imports import DOWNLOAD as REFUSED
from dashboard.pages.drivers import DOWNLOAD as DRIVERS
from dashboard.pages.energy_files import FILES as ENERGY
from dashboard.pages.reliability_files import FILES as RELIABILITY
from dashboard.pages.revenue import DOWNLOAD as REVENUE
from dashboard.pages.session_energy import DOWNLOAD as READINGS
from dashboard.pages.sessions import DOWNLOAD as SESSIONS
from dashboard.pages.utilisation_files import FILES as UTILISATION

DOWNLOADS: dict[str, Download] = {
    **ENERGY,
    **UTILISATION,
    **RELIABILITY,
    "sessions": SESSIONS,
    "readings": READINGS,
    "drivers": DRIVERS,
    "revenue": REVENUE,
    "audit": AUDIT,
    "refused": REFUSED,
}
