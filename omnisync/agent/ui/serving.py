"""Serves the pages: the port is taken first, so that a busy one is an error before anything starts."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import ip_address

import uvicorn

from omnisync.agent.errors import SettingsError
from omnisync.agent.ui.app import create_app
from omnisync.agent.ui.pages import Parts

GOODBYE_S = 2
"""How long answers under way are waited for at the end."""


class PageServer:
    """The pages on one port of this computer. `run` blocks until SIGINT, SIGTERM or `stop`.

    Raises SettingsError for an address other computers could reach, and when the port is taken. Port 0 takes a free
    one, named by `url`.
    """

    def __init__(self, parts: Parts, host: str, port: int) -> None:
        if not is_loopback(host):
            raise SettingsError("pages_open_to_all", endereco=host)
        self._socket = _listening(host, port)
        taken: int = self._socket.getsockname()[1]
        self.url = f"http://{host}:{taken}"
        names = {host, "127.0.0.1", "localhost"}
        hosts = [f"{name}:{taken}" for name in sorted(names)] + (sorted(names) if taken == 80 else [])
        config = uvicorn.Config(
            create_app(parts, hosts),
            access_log=False,
            log_level="warning",
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=GOODBYE_S,
        )
        self._server = _Server(config)

    def run(self, ready: Callable[[str], None] | None = None) -> None:
        """Serve until told to end. `ready` is told the address once it answers there."""
        self._server.when_ready = lambda: ready(self.url) if ready else None
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def stop(self) -> None:
        """Ask the server to end; it may come from any thread."""
        self._server.should_exit = True


class _Server(uvicorn.Server):
    when_ready: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.when_ready()


def is_loopback(host: str) -> bool:
    """Whether only this computer can reach it. Of IPv6 we bind nothing."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.version == 4 and address.is_loopback


def _listening(host: str, port: int) -> socket.socket:
    # The protocol is named because asyncio sends small answers at once (TCP_NODELAY) only on a socket that says TCP.
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows would share the port
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, port))
        taken.listen(128)
    except OSError as error:
        taken.close()
        raise SettingsError("pages_port_busy", porta=port) from error
    return taken
