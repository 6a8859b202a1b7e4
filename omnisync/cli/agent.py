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
from omnisync.agent.sync.run import preview
from omnisync.cli import composition
from omnisync.cli.exit import exit_cleanly, print_status
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
    with exit_cleanly(verbose=verbose):
        context = composition.open_context()
        known = context.settings
        read = certificate_of(certificate or known.certificate, key or (None if certificate else known.key))
        if read is not None and read.expires_at <= composition.clock():
            print_status("O certificado das telas venceu: os navegadores avisam a quem as abre. Renove-o.")
        address = host or known.host, port or known.port
        serve(context, *address, lambda url: print_status(f"Omnisync em {url} (Ctrl-C encerra)"), certificate=read)


def certificate_of(certificate: Path | None, key: Path | None) -> Certificate | None:
    """Return the certificate of these files, None where there is none. Raises SettingsError (pages_certificate)."""
    return read_certificate(certificate, key) if certificate is not None else None


def serve(
    context: composition.AgentContext,
    host: str,
    port: int,
    ready: Callable[[str], None],
    *,
    certificate: Certificate | None = None,
) -> None:
    """Serve the pages, keep the schedule and carry the runs until told to end; the page being written is ended first.

    Raises SettingsError, before anything starts, when the port is taken, or when other computers could reach the
    pages without a password and TLS.
    """
    environ = {**composition.environ, "OMNISYNC_HOME": str(context.home.path)}  # the runs find the same home
    supervisor = ProcessSupervisor(context.journal, context.home, clock=composition.clock, environ=environ)
    scheduler = Scheduler(
        context.journal,
        supervisor,
        clock=composition.clock,
        zone_of=context.zone,
        probe=lambda connection: is_hub_there(context, connection),
    )
    server = PageServer(page_services(context, supervisor, scheduler), host, port, certificate)
    # The server hands a signal on once it has ended; SIGTERM's own way would leave the runs without their shutdown.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    scheduler.start()
    try:
        with suppress(KeyboardInterrupt):  # the way a person ends it: no error
            server.run(ready)
    finally:
        scheduler.shutdown()
    print_status("Omnisync encerrado.")


def page_services(
    context: composition.AgentContext, supervisor: ProcessSupervisor, scheduler: Scheduler
) -> PageServices:
    """Return what the pages stand on."""
    return PageServices(
        journal=context.journal,
        secrets=context.secrets,
        password=context.password,
        runs=supervisor,
        settings=context.settings,
        clock=composition.clock,
        open_erp=context.erp,
        hub=lambda connection: composition.hub_client(context, connection),
        offline=scheduler.offline,
        erp_kinds={kind: one.label for kind, one in KINDS.items()},
        layouts=shipped_names(),
        check_erp=lambda connection: composition.check_erp(context, connection),
        de_para=composition.de_para,
        exports=composition.exported_systems,
        convert=lambda connection: preview(composition.run_services(context), connection),
        version=version_text(),
        computer=socket.gethostname(),
    )


def version_text() -> str:
    """Return the version as the seed writes it: v AA.MM R."""
    year, month, *_ = __version__.split(".")
    return f"v {year}.{int(month):02} R"


def is_hub_there(context: composition.AgentContext, connection: Connection) -> bool:
    """Return whether the connection's hub answers."""
    try:
        hub = composition.hub_client(context, connection)
        try:
            hub.health()
        finally:
            hub.close()
    except OmnisyncError:
        return False
    return True
