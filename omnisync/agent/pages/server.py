"""Serves the pages: the port is taken first, so that a busy one is an error before anything starts."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from ipaddress import ip_address

import uvicorn

from omnisync.agent.config.page_password import PagePassword
from omnisync.agent.errors import SettingsError
from omnisync.agent.pages.app import create_app
from omnisync.agent.pages.certificate import Certificate
from omnisync.agent.pages.rendering import PageServices

ANY = "0.0.0.0"  # noqa: S104  # every address of this computer: allowed with a password and TLS alone
GOODBYE_S = 2
"""How long answers under way are waited for at the end."""


class PageServer:
    """The pages on one port of this computer. `run` blocks until SIGINT, SIGTERM or `stop`.

    Raises SettingsError for an address other computers could reach, unless there are a password and a certificate; and
    when the address or the port cannot be had. Port 0 takes a free one, named by `url`.
    """

    def __init__(self, services: PageServices, host: str, port: int, certificate: Certificate | None = None) -> None:
        check_exposure(services.password, host, certificate)
        self._socket = listening_socket(host, port)
        taken: int = self._socket.getsockname()[1]
        names = {host, "127.0.0.1", "localhost"} - {ANY} | set(certificate.names if certificate else ())
        scheme, usual = ("https", 443) if certificate else ("http", 80)
        self.url = f"{scheme}://{_display_host(host, certificate)}:{taken}"
        hosts = [f"{name}:{taken}" for name in sorted(names)] + (sorted(names) if taken == usual else [])
        config = uvicorn.Config(
            create_app(
                services, hosts, port=taken, is_secure=certificate is not None, needs_password=not is_loopback(host)
            ),
            ssl_context_factory=(lambda config, usual: certificate.context) if certificate else None,
            proxy_headers=False,  # no proxy stands between: a client may not claim another address
            access_log=False,
            log_level="warning",
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=GOODBYE_S,
        )
        self._server = _PagesUvicorn(config)

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


class _PagesUvicorn(uvicorn.Server):
    when_ready: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.when_ready()


def check_exposure(password: PagePassword, host: str, certificate: Certificate | None) -> None:
    """Other computers may reach the pages only with a password, and over TLS. Raises SettingsError saying which."""
    if is_loopback(host):
        return
    if password.stored_hash() is None:
        raise SettingsError("pages_without_password", endereco=host)
    if certificate is None:
        raise SettingsError("pages_without_tls", endereco=host)


def _display_host(host: str, certificate: Certificate | None) -> str:
    """Return the name to open the pages by: an address that stands for all of them is none."""
    names = [name for name in (certificate.names if certificate else ()) if "*" not in name]
    return names[0] if host == ANY and names else host


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
    """Return a socket that listens there. Raises SettingsError when the port is taken or the address is none of
    ours.
    """
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
        if error.errno == errno.EADDRINUSE:
            raise SettingsError("pages_port_busy", porta=port) from error
        raise SettingsError("pages_address", endereco=host, porta=port) from error
    return taken
