"""`omnisync retry`: try refused records again, those named or all of them."""

from __future__ import annotations

import rich_click as click

from omnisync.agent.journal.run import RunScope
from omnisync.agent.record_ref import RecordRef
from omnisync.agent.sync.run import RunRequest
from omnisync.cli import composition
from omnisync.cli.command import command, open_context
from omnisync.cli.exit import DONE, DONE_WITH_REFUSALS, WRONG_USE, print_status
from omnisync.cli.import_ import as_builtins
from omnisync.cli.options import connection_option
from omnisync.cli.progress import execute_with_progress, show_result, summary

MOST = 100_000


@command("retry")
@click.argument("ids", nargs=-1, metavar="[ID]…")
@click.option("--all", "is_all", is_flag=True, help="Todos os recusados.")
@connection_option
def retry(ids: tuple[str, ...], is_all: bool, name: str | None, as_json: bool) -> int:
    """Tenta de novo os registros recusados de ID (como em `omnisync refused --json`), ou todos com --all."""
    if bool(ids) is is_all:
        print_status("Diga os registros a tentar de novo, ou todos com --all.")
        return WRONG_USE
    context = open_context()
    connection = context.connection(name)
    wanted = tuple(RecordRef(None, id_) for id_ in ids) or _refused(context, name)
    if not wanted:
        print_status("Nenhum registro recusado.")
        return DONE
    counts = execute_with_progress(
        context, connection, RunRequest(scope=RunScope(records=wanted), origin="retry"), quiet=as_json
    )
    show_result(as_builtins(counts), lambda: summary(counts), as_json=as_json)
    return DONE_WITH_REFUSALS if counts.total.refused else DONE


def _refused(context: composition.AgentContext, name: str | None) -> tuple[RecordRef, ...]:
    with context.records(context.connection(name)) as records:
        return tuple(RecordRef(record.kind, record.id) for record in records.open_issues(("refused",), MOST))
