"""The public pages: find a free charger, one site, one evse. No login, no Dash, no other host."""

from dashboard.public.views import create_blueprint

__all__ = ["create_blueprint"]
