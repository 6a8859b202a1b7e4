"""Run the hub: the port is taken first, so that a busy one is an error before anything starts."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import uvicorn

from omnisync.hub.app import HubClock, create_app
from omnisync.hub.store import Store
from omnisync.web.connections import ConnectionLimits
from omnisync.web.server import WebServer, listening_socket

Ready = Callable[[str], None]
"""Receives the address once the hub answers there."""


def wall_clock() -> datetime:
    """Return now, in UTC: the one place where the hub meets the machine's clock."""
    return datetime.now(UTC)  # noqa: TID251  # everything else takes the moment as an argument


def hub_server(
    store: Store,
    host: str,
    port: int,
    clock: HubClock = wall_clock,
    limits: ConnectionLimits | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> WebServer:
    """Return a hub on a port of its own; port 0 takes a free one. Raises OSError when the port is taken."""
    listening = listening_socket(host, port)
    named = f"[{host}]" if ":" in host else host
    # No access log: addresses carry ids and cursors, and a poll a minute says nothing.
    config = uvicorn.Config(
        create_app(store, clock, monotonic), access_log=False, log_level="warning", server_header=False
    )
    return WebServer(config, listening, f"http://{named}:{listening.getsockname()[1]}", limits)


def serve(url: str, host: str, port: int, ready: Ready | None = None) -> None:
    """Migrate the database at `url` and serve it until interrupted. `ready` receives the address.

    Raises OSError when the port is taken, before the database is touched.
    """
    store = Store(url)
    server = hub_server(store, host, port)
    try:
        store.migrate()
        server.run(ready)
    finally:
        server.close()
        store.close()
