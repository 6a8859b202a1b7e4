"""`omnisync agent`: the pages of this computer, its schedule, and the runs."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import rich_click as click

from omnisync.agent.config.certificate import Certificate, read_optional
from omnisync.cli import composition
from omnisync.cli.command import command
from omnisync.cli.exit import print_status

PEM = click.Path(dir_okay=False, path_type=Path)


@command("agent")
@click.option(
    "--host",
    metavar="ENDEREÇO",
    help="Onde as telas abrem (padrão 127.0.0.1, só neste computador; outro pede senha e certificado).",
)
@click.option("--port", type=click.IntRange(1, 65535), metavar="PORTA", help="A porta das telas (padrão 8787).")
@click.option("--certificate", type=PEM, metavar="ARQUIVO", help="O certificado das telas (TLS), em PEM.")
@click.option("--key", type=PEM, metavar="ARQUIVO", help="A chave do certificado, se não estiver no mesmo arquivo.")
def agent(
    context: composition.AgentContext, host: str | None, port: int | None, certificate: Path | None, key: Path | None
) -> None:
    """Abre as telas, cuida do agendamento e carrega as execuções, até Ctrl-C."""
    known = context.settings
    read = read_optional(certificate or known.certificate, key or (None if certificate else known.key))
    if read is not None and read.expires_at <= context.runtime.clock():
        print_status("O certificado das telas venceu: os navegadores avisam a quem as abre. Renove-o.")
    address = host or known.host, port or known.port
    serve(context, *address, lambda url: print_status(f"Omnisync em {url} (Ctrl-C encerra)"), certificate=read)


def serve(
    context: composition.AgentContext,
    host: str,
    port: int,
    ready: Callable[[str], None],
    *,
    certificate: Certificate | None = None,
    password_command: str = "omnisync password set",  # noqa: S107  # a command
) -> None:
    """Serve the pages, keep the schedule and carry the runs until told to end; the page being written is ended first.

    `password_command` is what sets the pages' password, said where there is none.

    Raises SettingsError, before anything starts, when the port is taken, or when other computers could reach the
    pages without a password and TLS.
    """
    code = context.first_code.renew() if context.password.stored_hash() is None else None

    def announce(url: str) -> None:
        ready(url)
        if code is not None:
            print_status(_how_to_protect(url, code, context.first_code.path, password_command))

    supervisor = composition.supervisor(context)
    scheduler = composition.scheduler(context, supervisor)
    server = composition.page_server(context, supervisor, scheduler, host, port, certificate)
    # The server hands a signal on once it has ended; SIGTERM's own way would leave the runs without their shutdown.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    scheduler.start()
    try:
        with suppress(KeyboardInterrupt):  # the way a person ends it: no error
            server.run(announce)
    finally:
        scheduler.shutdown()
    print_status("Omnisync encerrado.")


def _how_to_protect(url: str, code: str, path: Path, command: str) -> str:
    """Return how the first password is set. The code is shown to a terminal alone: a log may have other readers."""
    shown = f"o código {code}, que" if sys.stderr.isatty() else "o código que"
    return (
        "Sem senha das telas, conexão, chaves, layout e De/Para mudam só pela linha de comando. Para definir uma: "
        f"{command}, ou {url}/senha com {shown} está em {path}."
    )
