"""`omnisync import`: one run of the import, by a person at the command line or as the child process of the agent."""

from __future__ import annotations

import msgspec
import rich_click as click

from omnisync.agent.config.connection import Connection
from omnisync.agent.journal.run import RunScope
from omnisync.agent.messages import zone_text
from omnisync.agent.progress import NOUNS, Counts
from omnisync.agent.record_ref import RecordRef
from omnisync.agent.sync.run import DRY_RUN, RunRequest, exclusive_run, importer_of
from omnisync.cli import composition
from omnisync.cli.command import command
from omnisync.cli.exit import DONE, DONE_WITH_REFUSALS, print_status
from omnisync.cli.progress import dry_run_lines, execute_with_progress, show_result, summary
from omnisync.cli.questions import confirm


@command("import")
@click.option("--establishment", "codes", metavar="CÓDIGO", multiple=True, help="Só este estabelecimento (repetível).")
@click.option(
    "--again", metavar="ID", multiple=True, help="Traz de novo este pedido ou cliente que o ERP não tem mais."
)
@click.option("--rehearse", is_flag=True, help="Ensaia: grava a próxima página, mostra as linhas e desfaz tudo.")
@click.option("--yes", is_flag=True, help="Não pergunta (com --again e --rehearse).")
@click.option("--json", "as_json", is_flag=True, help="O resultado em JSON na saída padrão.")
@click.option("--run", "run_id", hidden=True, help="A execução do histórico que este processo carrega.")
def import_(
    context: composition.AgentContext,
    connection: Connection,
    codes: tuple[str, ...],
    again: tuple[str, ...],
    rehearse: bool,
    yes: bool,
    as_json: bool,
    run_id: str | None,
) -> int:
    """Traz do OmniForce para o banco do ERP os clientes e os pedidos novos.

    Termina com 0 (feito), 1 (falhou), 2 (uso errado), 3 (feito, com recusas) ou 4 (cancelado ou interrompido).
    """
    if rehearse:
        return show_dry_run(context, connection, codes, as_json=as_json, yes=yes)
    if again and not yes:
        print_status("O que o ERP não tem mais será criado de novo nele: " + ", ".join(again))
        confirm("Continuar?")
    scope = RunScope(establishments=codes, records=tuple(RecordRef(None, id_, again=True) for id_ in again))
    counts = execute_with_progress(context, connection, RunRequest(scope=scope), run_id=run_id, quiet=as_json)
    show_result(as_builtins(counts), lambda: summary(counts), as_json=as_json)
    return DONE_WITH_REFUSALS if counts.has_refusals else DONE


def show_dry_run(
    context: composition.AgentContext, connection: Connection, codes: tuple[str, ...], *, as_json: bool, yes: bool
) -> int:
    """Rehearse, holding the connection's lock, and show what would have been written."""
    services = composition.run_services(context)
    with exclusive_run(services, connection), services.listen_for_stop() as is_stopped:
        erp = context.erp(connection)
        left = erp.dry_run_side_effects()
        if left and not yes:
            print_status("O ensaio desfaz o que gravar, menos isto: " + "; ".join(left) + ".")
            confirm("Continuar?")
        with importer_of(services, connection, DRY_RUN, codes, lambda progress: is_stopped()) as importer:
            seen = importer.dry_run()
    if as_json:
        click.echo(msgspec.json.encode(seen).decode())
    elif seen is None:
        print_status("Não há dados novos no OmniForce.")
    else:
        at = seen.issued_at or context.runtime.clock()
        file = composition.layout_file(context, connection, connection.erp.layout)
        for line in dry_run_lines(seen, zone_text.moment_line(file, context.zone(connection), at)):
            click.echo(line)
    return DONE


def as_builtins(counts: Counts) -> dict[str, dict[str, int]]:
    """Return the counts of the four nouns as plain numbers, received included."""
    return {
        noun: {
            "received": getattr(counts, noun).received,
            "written": getattr(counts, noun).written,
            "unchanged": getattr(counts, noun).unchanged,
            "refused": getattr(counts, noun).refused,
            "waiting": getattr(counts, noun).waiting,
            "kept": getattr(counts, noun).kept,
        }
        for noun in NOUNS
    }
