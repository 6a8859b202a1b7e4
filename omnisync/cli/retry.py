"""`omnisync retry`: try refused records again, those named or all of them."""

from __future__ import annotations

import rich_click as click

from omnisync.cli import parts as build
from omnisync.cli.ending import DONE, DONE_WITH_REFUSALS, WRONG_USE, plain_ending, say
from omnisync.cli.import_ import as_builtins
from omnisync.cli.observers import show_result
from omnisync.cli.options import connection_option, json_option, verbose_option
from omnisync.cli.progress import summary
from omnisync.cli.running import Asked, carry

MOST = 100_000


@click.command("retry")
@click.argument("ids", nargs=-1, metavar="[ID]…")
@click.option("--all", "is_all", is_flag=True, help="Todos os recusados.")
@connection_option
@json_option
@verbose_option
def retry(ids: tuple[str, ...], is_all: bool, name: str | None, as_json: bool, verbose: bool) -> int:
    """Tenta de novo os registros recusados de ID (como em `omnisync refused --json`), ou todos com --all."""
    with plain_ending(verbose=verbose):
        if bool(ids) is is_all:
            say("Diga os registros a tentar de novo, ou todos com --all.")
            return WRONG_USE
        parts = build.agent_parts()
        connection = parts.connection(name)
        wanted = tuple(f"any:{id_}" for id_ in ids) or _refused(parts, name)
        if not wanted:
            say("Nenhum registro recusado.")
            return DONE
        counts = carry(parts, connection, Asked(ids=wanted, origin="retry"), quiet=as_json)
        show_result(as_builtins(counts), lambda: summary(counts), as_json=as_json)
        return DONE_WITH_REFUSALS if counts.total.refused else DONE
    return DONE


def _refused(parts: build.Parts, name: str | None) -> tuple[str, ...]:
    erp = parts.erp(parts.connection(name))
    try:
        erp.prepare()
        return tuple(f"{record.kind}:{record.id}" for record in erp.open_issues(("refused",), MOST))
    finally:
        erp.close()
