"""`omnisync export`: one run of the export, by a person at the command line or as the child process of the agent."""

from __future__ import annotations

from typing import cast

import msgspec
import rich_click as click

from omnisync.agent.config.connection import Connection
from omnisync.agent.journal.run import RunScope
from omnisync.agent.progress import Counts
from omnisync.agent.schedule import SYSTEMS, System
from omnisync.agent.sync.run import RunRequest
from omnisync.cli import composition
from omnisync.cli.command import command
from omnisync.cli.exit import DONE, DONE_WITH_REFUSALS
from omnisync.cli.progress import execute_with_progress, export_summary, show_result
from omnisync.contract.datasets import DATASETS

NAMES = sorted({name for _, name in DATASETS})


@command("export")
@click.option(
    "--system", "systems", type=click.Choice(SYSTEMS), multiple=True, help="Só para este sistema (repetível)."
)
@click.option(
    "--dataset", "datasets", type=click.Choice(NAMES), multiple=True, help="Só este conjunto de dados (repetível)."
)
@click.option("--full", "is_full", is_flag=True, help="Lê todas as linhas no ERP, também onde bastaria o que mudou.")
@click.option("--again", "is_again", is_flag=True, help="Tenta de novo as linhas recusadas, como estão.")
@click.option("--json", "as_json", is_flag=True, help="O resultado em JSON na saída padrão.")
@click.option("--run", "run_id", hidden=True, help="A execução do histórico que este processo carrega.")
def export(
    context: composition.AgentContext,
    connection: Connection,
    systems: tuple[str, ...],
    datasets: tuple[str, ...],
    is_full: bool,
    is_again: bool,
    as_json: bool,
    run_id: str | None,
) -> int:
    """Envia ao OmniForce e ao Dash o que mudou no ERP desde a última vez.

    Termina com 0 (feito), 1 (falhou), 2 (uso errado), 3 (feito, com recusas) ou 4 (cancelado ou interrompido).
    """
    scope = RunScope(kind="export", systems=cast("tuple[System, ...]", systems) or "all", resends_refused=is_again)
    asked = RunRequest(scope=scope, datasets=datasets, is_full=is_full)
    counts = execute_with_progress(context, connection, asked, run_id=run_id, quiet=as_json)
    show_result(as_builtins(counts), lambda: export_summary(counts), as_json=as_json)
    return DONE_WITH_REFUSALS if counts.has_refusals else DONE


def as_builtins(counts: Counts) -> dict[str, dict[str, int]]:
    """Return the counts of every dataset as plain numbers."""
    return {name: msgspec.structs.asdict(sent) for name, sent in counts.exports.items()}
