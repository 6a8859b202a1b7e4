"""Runs the hub behind uvicorn: the port is taken first, so that a busy one is an error before anything starts."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import UTC, datetime

import uvicorn

from omnisync.hub.app import HubClock, create_app
from omnisync.hub.store import Store

Ready = Callable[[str], None]
"""Told the address once the hub answers there."""


def wall_clock() -> datetime:
    """Now, in UTC: the one place where the hub meets the machine's clock."""
    return datetime.now(UTC)  # noqa: TID251  # everything else takes the moment as an argument


class HubServer:
    """A hub on a port of its own. `run` blocks; `stop` may come from any thread.

    Raises OSError when the port is taken. Port 0 takes a free one, named by `url`.
    """

    def __init__(self, store: Store, host: str, port: int, clock: HubClock = wall_clock) -> None:
        self._socket = _listening_socket(host, port)
        named = f"[{host}]" if ":" in host else host
        self.url = f"http://{named}:{self._socket.getsockname()[1]}"
        # No access log: addresses carry ids and cursors, and a poll a minute says nothing.
        config = uvicorn.Config(create_app(store, clock), access_log=False, log_level="warning", server_header=False)
        self._server = _HubUvicorn(config)

    def run(self, ready: Ready | None = None) -> None:
        """Serve until stopped."""
        self._server.when_ready = lambda: ready(self.url) if ready else None
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def stop(self) -> None:
        """Ask the server to end; requests under way are answered first."""
        self._server.should_exit = True


def serve(url: str, host: str, port: int, ready: Ready | None = None) -> None:
    """Migrate the database at `url` and serve it until interrupted. `ready` receives the address.

    Raises OSError when the port is taken, before the database is touched.
    """
    store = Store(url)
    server = HubServer(store, host, port)
    try:
        store.migrate()
        server.run(ready)
    finally:
        store.close()


class _HubUvicorn(uvicorn.Server):
    when_ready: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.when_ready()


def _listening_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sends small answers at once (TCP_NODELAY) only on a socket that says TCP.
    taken = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows would share the port
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, port))
        taken.listen(128)
    except OSError:
        taken.close()
        raise
    return taken
