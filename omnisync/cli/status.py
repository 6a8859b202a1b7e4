"""`omnisync status`, `runs` and `refused`: what a person asks about the import."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, tzinfo
from typing import Any

import msgspec
import rich_click as click

from omnisync.agent.config.connection import Connection
from omnisync.agent.erp.base import OpenIssue
from omnisync.agent.errors import OmnisyncError
from omnisync.agent.journal.run import Run
from omnisync.agent.messages import labels, sentences, zone_text
from omnisync.agent.messages.format import format_age, format_integer
from omnisync.agent.messages.row_refusals import reason_of_row, remedy_of_row
from omnisync.agent.messages.spreadsheet import open_issues_csv
from omnisync.agent.progress import NOUNS
from omnisync.agent.sync.outbox import RowRefusal, outbox_of
from omnisync.cli import composition
from omnisync.cli.command import command
from omnisync.cli.options import json_option


@command("status")
def status(context: composition.AgentContext, connection: Connection, as_json: bool) -> None:
    """Como está a conexão: última importação, linhas no ERP, recusados e o que aguarda."""
    context.close_orphaned_run(connection)
    last = context.journal.last_run(connection.name)
    with context.records(connection) as records:
        rows, unsettled, since = records.rows(), records.n_open_issues(), records.waiting_since()
    if as_json:
        known: dict[str, Any] = {"connection": connection.name, "state": last.state if last else None, "rows": rows}
        known |= {**unsettled, "waiting_since": since}
        zone = context.zone_found(connection)
        known |= {"zone": zone.name, "zone_is_unanswered": zone.is_unanswered}
        known["unknown_establishments"] = unread_orders(context, connection)
        click.echo(msgspec.json.encode(known).decode())
        return
    hub_url = connection.hub.url if connection.hub is not None else "central não informada"
    click.echo(f"Conexão {connection.name}: {hub_url} → {connection.erp.database}")
    click.echo(_last(last, context.zone(connection)))
    for noun in NOUNS:
        click.echo(f"  {labels.NOUNS[noun]:<22}{format_integer(rows[noun]):>12}")
    click.echo(f"  {'Recusados':<22}{format_integer(unsettled['refused']):>12}")
    oldest = f"   o mais antigo {format_age(since, context.runtime.clock())}" if since is not None else ""
    click.echo(f"  {'Aguardando':<22}{format_integer(unsettled['waiting']):>12}{oldest}")
    for sentence in sentences.of_unread_orders(unread_orders(context, connection)):
        click.echo(sentence)
    if context.zone_found(connection).is_unanswered:
        where = zone_text.zone_command(connection.name)
        click.echo(zone_text.zone_advice(context.zone_found(connection), context.runtime.clock(), where))


def unread_orders(context: composition.AgentContext, connection: Connection) -> dict[str, int]:
    """Return the orders of establishments that are not registered, which no agent reads; as of the last run when the
    hub does not answer.
    """
    try:
        hub = composition.hub_client(context, connection)
        try:
            return hub.unknown_establishments()
        finally:
            hub.close()
    except OmnisyncError:
        return context.journal.connections.unread_orders(connection.name)


def _last(run: Run | None, zone: tzinfo) -> str:
    if run is None:
        return "Nenhuma importação feita ainda."
    return f"Última execução: {_moment(run.started_at or run.asked_at, zone)}, {labels.STATES[run.state].lower()}."


def _moment(moment: datetime, zone: tzinfo) -> str:
    return moment.astimezone(zone).strftime("%d/%m/%Y %H:%M")


@command("runs")
@click.option("--limit", default=20, type=click.IntRange(1, 1000), metavar="N", help="Quantas mostrar.")
def runs(context: composition.AgentContext, connection: Connection, limit: int, as_json: bool) -> None:
    """As últimas execuções, a mais nova primeiro."""
    context.close_orphaned_run(connection)
    found = context.journal.runs(connection.name, limit)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    if not found:
        click.echo("Nenhuma importação feita ainda.")
    for run in found:
        click.echo(_run_line(run, context.zone(connection)))


def _run_line(run: Run, zone: tzinfo) -> str:
    total = run.counts.total
    when = _moment(run.started_at or run.asked_at, zone)
    line = (
        f"{when}  {labels.ORIGINS[run.origin]:<16}  {labels.STATES[run.state]:<21}"
        f"{format_integer(total.written):>10} gravados  {format_integer(total.refused):>6} recusados"
        f"{format_integer(run.counts.sent.sent):>10} enviados"
    )
    if run.code is None or run.state in ("cancelled", "interrupted"):
        return line
    return f"{line}\n    {sentences.of_run(run.code, run.words, is_export=run.kind == 'export')}"


@command("refused")
@click.option("--limit", default=200, type=click.IntRange(1, 100_000), metavar="N", help="Quantos mostrar.")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Para planilha: ponto e vírgula, acentos certos no Excel.")
def refused(context: composition.AgentContext, connection: Connection, limit: int, as_json: bool, as_csv: bool) -> None:
    """Os registros recusados, os que aguardam e as linhas que não foram enviadas, com o motivo."""
    with context.records(connection) as records:
        found = records.open_issues(("refused", "waiting"), limit)
    with closing(outbox_of(context.home, connection.name)) as outbox:
        unsent = outbox.refused(limit)
    if as_json:
        click.echo(msgspec.json.encode([*found, *map(_as_builtins, unsent)]).decode())
        return
    if as_csv:
        click.echo(open_issues_csv(found, context.zone(connection), unsent), nl=False)
        return
    if not found and not unsent:
        click.echo("Nenhum registro recusado nem aguardando.")
    for record in found:
        click.echo(open_issue_line(record, context.runtime.clock()))
    for row in unsent:
        why = f"{reason_of_row(row)} {remedy_of_row(row)}"
        click.echo(f"{labels.UNSENT:<11}{labels.row_name(row.dataset, row.key)}: {why}")


def _as_builtins(row: RowRefusal) -> dict[str, object]:
    """Return a row that did not go out, beside the records that did not come in."""
    shown = {name: getattr(row, name) for name in ("system", "dataset", "key", "code", "pointer")}
    return {"kind": "row", "outcome": "unsent"} | shown | {"message": row.detail, "since": row.at}


def open_issue_line(record: OpenIssue, now: datetime) -> str:
    """Return one record that did not enter, with its reason; one that waits, with its age."""
    age = f" ({format_age(record.since, now)})" if record.outcome == "waiting" else ""
    label = record.label or record.id
    return f"{labels.OUTCOMES[record.outcome]:<11}{labels.KINDS[record.kind]} {label}{age}: {record.message}"
