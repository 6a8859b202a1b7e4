"""The hub as an ASGI application. Every route is authorized before it runs; a route names the scope it needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from litestar import Litestar, Router
from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from omnisync.hub.access import Authenticator
from omnisync.hub.errors import ProblemError
from omnisync.hub.health import HealthCheck
from omnisync.hub.intake import MAX_BYTES
from omnisync.hub.leases import Leases
from omnisync.hub.responses import add_standard_headers, problem_response
from omnisync.hub.routes import exports, feed, hub, intake, receipts
from omnisync.hub.store import Store

HubClock = Callable[[], datetime]

ROUTES = (*hub.ROUTES, *feed.ROUTES, *receipts.ROUTES, *intake.ROUTES, *exports.ROUTES)


def create_app(store: Store, clock: HubClock, monotonic: Callable[[], float] = time.monotonic) -> Litestar:
    """Return the hub as an ASGI application over a migrated store. `clock` gives moments with a zone."""
    app = Litestar(
        # In a router: handed over one by one, Litestar 2.25 wraps the handlers of a path with two methods twice.
        [Router("/", route_handlers=ROUTES)],
        guards=[_guard],
        exception_handlers={Exception: problem_response},
        before_send=[add_standard_headers],
        openapi_config=None,
        logging_config=None,
        request_max_body_size=MAX_BYTES,
    )
    app.state.update(
        {
            "store": store,
            "clock": clock,
            "door": Authenticator(store, monotonic),
            "leases": Leases(store),
            "health": HealthCheck(store),
        }
    )
    return app


async def _guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Authenticate and authorize the caller of every route that is not open."""
    if handler.opt.get("is_open") or connection.scope["method"] == "OPTIONS":  # type: ignore[typeddict-item]
        return
    if not connection.scope["path"].isprintable():  # nothing has it in its name, and PostgreSQL fails at a NUL
        raise ProblemError("not_found")
    headers = connection.headers
    door: Authenticator = connection.app.state.door
    connection.scope["state"]["caller"] = await sync_to_thread(
        door.authenticate,
        headers.get("authorization", ""),
        connection.client.host if connection.client else "",
        headers.get("user-agent", ""),
        handler.opt.get("scope"),
    )
