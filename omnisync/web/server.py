"""Serve HTTP on a port taken beforehand, so that a busy one is an error before anything starts."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import ip_address

import uvicorn


class WebServer:
    """An application on one socket, under one address. `run` blocks until SIGINT, SIGTERM or `stop`."""

    def __init__(self, config: uvicorn.Config, listening: socket.socket, url: str) -> None:
        self.url = url
        self._socket = listening
        self._server = _ReadyUvicorn(config)

    def run(self, ready: Callable[[str], None] | None = None) -> None:
        """Serve until stopped. `ready` receives the address once it answers there."""
        self._server.when_ready = lambda: ready(self.url) if ready else None
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def stop(self) -> None:
        """Ask the server to end; it may come from any thread."""
        self._server.should_exit = True

    def close(self) -> None:
        """Give the port back, of a server that never ran. Idempotent."""
        self._socket.close()


class _ReadyUvicorn(uvicorn.Server):
    when_ready: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.when_ready()


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
        taken.listen(128)
    except OSError:
        taken.close()
        raise
    return taken
