"""The hosted Checkout page, as the driver's browser asks for it."""

from billing.double.api import Request
from billing.double.server import Reply
from billing.double.world import World


class Pages:
    """GET shows a session, POST pays it."""

    def __init__(self, world: World) -> None:
        self.world = world

    def handle(self, request: Request) -> Reply:
        return Reply(404, f"<!doctype html><title>404</title><p>{request.method}: not found")
