"""Serve the pages: the port is taken first, so that a busy one is an error before anything starts."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

import uvicorn

from omnisync.agent.config.certificate import Certificate
from omnisync.agent.config.exposure import check_exposure
from omnisync.agent.errors import SettingsError
from omnisync.agent.pages.app import create_app
from omnisync.agent.pages.rendering import PageServices
from omnisync.web.server import WebServer, is_loopback, listening_socket

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
        listening = _listen(host, port)
        taken: int = listening.getsockname()[1]
        names = {host, "127.0.0.1", "localhost"} - {ANY} | set(certificate.names if certificate else ())
        scheme, usual = ("https", 443) if certificate else ("http", 80)
        url = f"{scheme}://{_display_host(host, certificate)}:{taken}"
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
        self._server = WebServer(config, listening, url)
        self.url = url

    def run(self, ready: Callable[[str], None] | None = None) -> None:
        """Serve until stopped. `ready` receives the address once it answers there."""
        self._server.run(ready)

    def stop(self) -> None:
        """Ask the server to end; it may come from any thread."""
        self._server.stop()

    def close(self) -> None:
        """Give the port back, of a server that never ran. Idempotent."""
        self._server.close()


def _display_host(host: str, certificate: Certificate | None) -> str:
    """Return the name to open the pages by: an address that stands for all of them is none."""
    names = [name for name in (certificate.names if certificate else ()) if "*" not in name]
    return names[0] if host == ANY and names else host


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket of this computer. Raises SettingsError when the port is taken or the address is none of ours."""
    try:
        if ":" in host:  # the pages are opened by IPv4
            raise OSError(errno.EAFNOSUPPORT, "IPv6")
        return listening_socket(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SettingsError("pages_port_busy", porta=port) from error
        raise SettingsError("pages_address", endereco=host, porta=port) from error
