"""Run the hub: the port is taken first, so that a busy one is an error before anything starts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event, Thread

import uvicorn
from sqlalchemy.exc import SQLAlchemyError

from omnisync.hub import retention
from omnisync.hub.app import HubClock, create_app
from omnisync.hub.store import Store
from omnisync.web.connection_guard import ConnectionLimits
from omnisync.web.log_lines import log_plainly
from omnisync.web.server import WebServer, listening_socket

FIRST_PRUNE_S = 600.0
PRUNE_EVERY_S = 86_400.0

_log = logging.getLogger("omnisync.hub")

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
    proxy: str | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> WebServer:
    """Return a hub on a port of its own; port 0 takes a free one. Raises OSError when the port is taken.

    Only the `proxy`, an address or a network, is believed what it says of its callers' addresses (X-Forwarded-For).
    """
    listening = listening_socket(host, port)
    named = f"[{host}]" if ":" in host else host
    # No access log: addresses carry ids and cursors, and a poll a minute says nothing.
    config = uvicorn.Config(
        create_app(store, clock, monotonic),
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=proxy is not None,
        forwarded_allow_ips=proxy,
    )
    return WebServer(config, listening, f"http://{named}:{listening.getsockname()[1]}", limits)


def serve(url: str, host: str, port: int, ready: Ready | None = None, proxy: str | None = None) -> None:
    """Migrate the database at `url` and serve it until interrupted. `ready` receives the address; `proxy` as above.

    Raises OSError when the port is taken, before the database is touched.
    """
    store = Store(url)
    log_plainly()
    server = hub_server(store, host, port, proxy=proxy)
    try:
        store.migrate()
        with pruning(store):
            server.run(ready)
    finally:
        server.close()
        store.close()


@contextmanager
def pruning(store: Store, first_s: float = FIRST_PRUNE_S, every_s: float = PRUNE_EVERY_S) -> Iterator[None]:
    """Prune the hub beside what is done meanwhile: soon after the beginning, and once a day."""
    is_over = Event()

    def work() -> None:
        wait = first_s
        while not is_over.wait(wait):
            wait = every_s
            try:
                retention.prune(store, wall_clock())
            except SQLAlchemyError as error:  # the next one does it
                _log.warning("pruning ended early: %s", type(error).__name__)

    thread = Thread(target=work, name="prune", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(10)
