"""Serve HTTP on a port taken beforehand, so that a busy one is an error before anything starts."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from ipaddress import ip_address

import uvicorn

from omnisync.web.connection_guard import BACKLOG, ConnectionGuard, ConnectionLimits, OncePerMinute, default_limits

_TICKS_PER_SWEEP = 5
"""uvicorn ticks ten times a second."""
_CHATTY = ("asyncio", "uvicorn.error")
"""They write a line for each connection that goes wrong."""


class WebServer:
    """An application on one socket, under one address. `run` blocks until SIGINT, SIGTERM or `stop`.

    `limits` bound its connections; without them, what the process has handles for.
    """

    def __init__(
        self, config: uvicorn.Config, listening: socket.socket, url: str, limits: ConnectionLimits | None = None
    ) -> None:
        self.url = url
        self._socket = listening
        guard = ConnectionGuard(limits or default_limits(), time.monotonic)
        config.http = guard.protocol  # type: ignore[assignment]  # uvicorn only calls it
        config.backlog = BACKLOG
        self._server = _ReadyUvicorn(config)
        self._server.guard = guard

    def run(self, ready: Callable[[str], None] | None = None) -> None:
        """Serve until stopped. `ready` receives the address once it answers there."""
        self._server.when_ready = lambda: ready(self.url) if ready else None
        seldom = OncePerMinute(time.monotonic)
        for name in _CHATTY:
            logging.getLogger(name).addFilter(seldom)
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()
            for name in _CHATTY:
                logging.getLogger(name).removeFilter(seldom)

    def stop(self) -> None:
        """Ask the server to end; it may come from any thread."""
        self._server.should_exit = True

    def close(self) -> None:
        """Give the port back, of a server that never ran. Idempotent."""
        self._socket.close()


class _ReadyUvicorn(uvicorn.Server):
    when_ready: Callable[[], None]
    guard: ConnectionGuard

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.when_ready()

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_PER_SWEEP == 0:
            self.guard.sweep()
        return await super().on_tick(counter)


def is_loopback(host: str) -> bool:
    """Return whether only this computer can reach it. Of IPv6 we bind nothing."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.version == 4 and address.is_loopback


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; port 0 takes a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sends small answers at once (TCP_NODELAY) only on a socket that says TCP.
    taken = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows would share the port
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, port))
        taken.listen(BACKLOG)
    except OSError:
        taken.close()
        raise
    return taken
