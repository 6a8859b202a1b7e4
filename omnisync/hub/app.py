"""The hub as an ASGI application. Every route is authorized before it runs; a route names the scope it needs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from litestar import Litestar, Router
from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.datastructures import Headers
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from omnisync.hub.access import Authenticator, Caller
from omnisync.hub.errors import ProblemError
from omnisync.hub.health import HealthCheck
from omnisync.hub.intake import MAX_BYTES
from omnisync.hub.leases import Leases
from omnisync.hub.limits import CompanyLimits, OwnUsage, RateLimiter, SharedUsage, WorkQueue
from omnisync.hub.responses import add_standard_headers, problem_response
from omnisync.hub.routes import exports, feed, hub, intake, receipts
from omnisync.hub.store import Store

N_THREADS = 32

HubClock = Callable[[], datetime]

ROUTES = (*hub.ROUTES, *feed.ROUTES, *receipts.ROUTES, *intake.ROUTES, *exports.ROUTES)


def create_app(
    store: Store,
    clock: HubClock,
    monotonic: Callable[[], float] = time.monotonic,
    limits: CompanyLimits | None = None,
) -> Litestar:
    """Return the hub as an ASGI application over a migrated store. `clock` gives moments with a zone."""
    limits = limits or CompanyLimits()
    app = Litestar(
        # In a router: handed over one by one, Litestar 2.25 wraps the handlers of a path with two methods twice.
        [Router("/", route_handlers=ROUTES)],
        guards=[_guard],
        middleware=[_release_queue_slot],
        on_startup=[_widen_executor],
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
            "rates": RateLimiter(SharedUsage(store) if store.is_shared else OwnUsage(), limits),
            "queue": WorkQueue(limits),
        }
    )
    return app


async def _guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Authenticate and authorize the caller of every route that is not open."""
    if handler.opt.get("is_open") or connection.scope["method"] == "OPTIONS":  # type: ignore[typeddict-item]
        return
    if not connection.scope["path"].isprintable():  # nothing has it in its name, and PostgreSQL fails at a NUL
        raise ProblemError("not_found")
    state = connection.scope["state"]
    caller: Caller = await sync_to_thread(_admitted, connection, handler.opt.get("scope"))
    state["caller"] = caller
    queue: WorkQueue = connection.app.state.queue
    state["leave_queue"] = await queue.enter(caller.company)


def _admitted(connection: ASGIConnection[Any, Any, Any, Any], scope: str | None) -> Caller:
    """Return the caller, one request of whose minute is taken."""
    headers, app = connection.headers, connection.app.state
    door: Authenticator = app.door
    address = connection.client.host if connection.client else ""
    authorization, agent, now = headers.get("authorization", ""), headers.get("user-agent", ""), app.clock()
    caller = door.authenticate(authorization, address, agent, scope, now)
    rates: RateLimiter = app.rates
    rates.charge(caller, _announced_bytes(headers), now)
    return caller


def _announced_bytes(headers: Headers) -> int:
    """Return how much the request says it will send; the most there may be, where it does not say."""
    if "transfer-encoding" in headers:
        return MAX_BYTES
    length = headers.get("content-length", "0")
    return min(int(length), MAX_BYTES) if length.isascii() and length.isdigit() else MAX_BYTES


def _release_queue_slot(app: ASGIApp) -> ASGIApp:
    """Give the place in the company's queue back when the request is over, however it ends."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        finally:
            if (leave := scope.get("state", {}).pop("leave_queue", None)) is not None:
                leave()

    return answer


def _widen_executor() -> None:
    """Let as many requests work as the database has connections for: Python's own pool has few threads."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(N_THREADS, thread_name_prefix="hub"))
