"""The public pages: find a free charger, one site, one evse, drivers' accounts. No staff login, no
Dash, no other host."""

from flask import Blueprint

from dashboard.deps import Deps
from dashboard.public import account, views


def create_blueprint(deps: Deps) -> Blueprint:
    """What anybody may see, and below /my what drivers who have signed in may."""
    routes = views.create_blueprint(deps)
    routes.register_blueprint(account.create_blueprint(deps))
    return routes
