"""All files of what analysis pages show: /app/download/<key>.csv. To add one, name it here."""

from dashboard.downloads import Download

DOWNLOADS: dict[str, Download] = {}
