"""`omnisync agent`: the pages of this computer, its schedule, and the runs."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import rich_click as click

from omnisync import __version__
from omnisync.agent.config.settings import Connection
from omnisync.agent.erp.databases import KINDS
from omnisync.agent.erp.layout.schema import shipped_names
from omnisync.agent.errors import OmnisyncError
from omnisync.agent.pages.certificate import Certificate, read_certificate
from omnisync.agent.pages.rendering import PageServices
from omnisync.agent.pages.server import PageServer
from omnisync.agent.scheduler.processes import ProcessSupervisor
from omnisync.agent.scheduler.scheduler import Scheduler
from omnisync.cli import parts as build
from omnisync.cli.ending import plain_ending, say
from omnisync.cli.import_ import converted
from omnisync.cli.options import verbose_option

PEM = click.Path(dir_okay=False, path_type=Path)


@click.command("agent")
@click.option(
    "--host",
    metavar="ENDEREÇO",
    help="Onde as telas abrem (padrão 127.0.0.1, só neste computador; outro pede senha e certificado).",
)
@click.option("--port", type=click.IntRange(1, 65535), metavar="PORTA", help="A porta das telas (padrão 8787).")
@click.option("--certificate", type=PEM, metavar="ARQUIVO", help="O certificado das telas (TLS), em PEM.")
@click.option("--key", type=PEM, metavar="ARQUIVO", help="A chave do certificado, se não estiver no mesmo arquivo.")
@verbose_option
def agent(host: str | None, port: int | None, certificate: Path | None, key: Path | None, verbose: bool) -> None:
    """Abre as telas, cuida do agendamento e carrega as execuções, até Ctrl-C."""
    with plain_ending(verbose=verbose):
        parts = build.agent_parts()
        known = parts.settings
        read = certificate_of(certificate or known.certificate, key or (None if certificate else known.key))
        if read is not None and read.expires_at <= build.clock():
            say("O certificado das telas venceu: os navegadores avisam a quem as abre. Renove-o.")
        address = host or known.host, port or known.port
        serve(parts, *address, lambda url: say(f"Omnisync em {url} (Ctrl-C encerra)"), certificate=read)


def certificate_of(certificate: Path | None, key: Path | None) -> Certificate | None:
    """The certificate of these files, None where there is none. Raises SettingsError (pages_certificate)."""
    return read_certificate(certificate, key) if certificate is not None else None


def serve(
    parts: build.Parts, host: str, port: int, ready: Callable[[str], None], *, certificate: Certificate | None = None
) -> None:
    """Serve the pages, keep the schedule and carry the runs until told to end; the page being written is ended first.

    Raises SettingsError, before anything starts, when the port is taken, or when other computers could reach the
    pages without a password and TLS.
    """
    environ = {**build.environ, "OMNISYNC_HOME": str(parts.home.path)}  # the runs find the same home
    carrier = ProcessSupervisor(parts.journal, parts.home, clock=build.clock, environ=environ)
    clockwork = Scheduler(
        parts.journal,
        carrier,
        clock=build.clock,
        zone_of=parts.zone,
        probe=lambda connection: is_hub_there(parts, connection),
    )
    server = PageServer(page_parts(parts, carrier, clockwork), host, port, certificate)
    # The server hands a signal on once it has ended; SIGTERM's own way would leave the runs without their shutdown.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    clockwork.start()
    try:
        with suppress(KeyboardInterrupt):  # the way a person ends it: no error
            server.run(ready)
    finally:
        clockwork.shutdown()
    say("Omnisync encerrado.")


def page_parts(parts: build.Parts, carrier: ProcessSupervisor, clockwork: Scheduler) -> PageServices:
    """What the pages stand on."""
    return PageServices(
        journal=parts.journal,
        secrets=parts.secrets,
        password=parts.password,
        runs=carrier,
        settings=parts.settings,
        clock=build.clock,
        open_erp=parts.erp,
        hub=lambda connection: build.hub_client(parts, connection),
        offline=clockwork.offline,
        erp_kinds={kind: one.label for kind, one in KINDS.items()},
        layouts=shipped_names(),
        check_erp=lambda connection: build.check_erp(parts, connection),
        de_para=build.de_para,
        exports=build.exports,
        convert=lambda connection: converted(parts, connection),
        version=version_text(),
        computer=socket.gethostname(),
    )


def version_text() -> str:
    """The version as the seed writes it: v AA.MM R."""
    year, month, *_ = __version__.split(".")
    return f"v {year}.{int(month):02} R"


def is_hub_there(parts: build.Parts, connection: Connection) -> bool:
    """Whether the connection's hub answers."""
    try:
        hub = build.hub_client(parts, connection)
        try:
            hub.health()
        finally:
            hub.close()
    except OmnisyncError:
        return False
    return True
