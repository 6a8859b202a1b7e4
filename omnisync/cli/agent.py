"""`omnisync agent`: the pages of this computer, its schedule, and the runs."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from contextlib import suppress

import rich_click as click

from omnisync import __version__
from omnisync.agent.erp.catalog import KINDS
from omnisync.agent.erp.language.layout import names
from omnisync.agent.errors import OmnisyncError
from omnisync.agent.runner import Carrier, Clockwork
from omnisync.agent.settings import Connection
from omnisync.agent.ui import Parts
from omnisync.agent.ui.serving import PageServer
from omnisync.cli import parts as build
from omnisync.cli.ending import plain_ending, say
from omnisync.cli.import_ import converted
from omnisync.cli.status import verbose_option

HOST = "127.0.0.1"


@click.command("agent")
@click.option("--host", default=HOST, show_default=True, metavar="ENDEREÇO", help="Onde as telas abrem.")
@click.option("--port", type=click.IntRange(1, 65535), metavar="PORTA", help="A porta das telas (padrão 8787).")
@verbose_option
def agent(host: str, port: int | None, verbose: bool) -> None:
    """Abre as telas, cuida do agendamento e carrega as execuções, até Ctrl-C."""
    with plain_ending(verbose=verbose):
        parts = build.agent_parts()
        serve(parts, host, port or parts.settings.port, lambda url: say(f"Omnisync em {url} (Ctrl-C encerra)"))


def serve(parts: build.Parts, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve the pages, keep the schedule and carry the runs until told to end; the page being written is ended first.

    Raises SettingsError when the port is taken or the address is not this computer's own, before anything starts.
    """
    environ = {**build.environ, "OMNISYNC_HOME": str(parts.home.path)}  # the runs find the same home
    carrier = Carrier(parts.journal, parts.home, clock=build.clock, environ=environ)
    clockwork = Clockwork(
        parts.journal,
        carrier,
        clock=build.clock,
        zone_of=parts.zone,
        probe=lambda connection: is_hub_there(parts, connection),
    )
    server = PageServer(page_parts(parts, carrier, clockwork), host, port)
    # The server hands a signal on once it has ended; SIGTERM's own way would leave the runs without their shutdown.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    clockwork.start()
    try:
        with suppress(KeyboardInterrupt):  # the way a person ends it: no error
            server.run(ready)
    finally:
        clockwork.shutdown()
    say("Omnisync encerrado.")


def page_parts(parts: build.Parts, carrier: Carrier, clockwork: Clockwork) -> Parts:
    """What the pages stand on."""
    return Parts(
        journal=parts.journal,
        secrets=parts.secrets,
        carrier=carrier,
        settings=parts.settings,
        clock=build.clock,
        open_erp=parts.erp,
        hub=lambda connection: build.hub_client(parts, connection),
        offline=clockwork.offline,
        erp_kinds={kind: one.label for kind, one in KINDS.items()},
        layouts=names(),
        check_erp=lambda connection: build.check_erp(parts, connection),
        de_para=build.de_para,
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
