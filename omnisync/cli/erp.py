"""`omnisync erp check`: the ERP's database looked at from end to end, nothing written."""

from __future__ import annotations

from collections.abc import Iterator

import rich_click as click

from omnisync.agent.config.connection import Connection
from omnisync.agent.erp.database import Database
from omnisync.agent.erp.databases import KINDS
from omnisync.agent.erp.layout.schema import LayoutFile
from omnisync.agent.erp.layout_check.check import OURS, check_schema
from omnisync.agent.erp.layout_check.encoding_check import name_column, names_read
from omnisync.agent.erp.layout_check.table_usage import table_usages
from omnisync.agent.erp.schema import Schema
from omnisync.agent.errors import OmnisyncError, TemporaryError
from omnisync.agent.messages import zone_text
from omnisync.cli import composition
from omnisync.cli import layout as layouts
from omnisync.cli.command import command
from omnisync.cli.exit import DONE, FAILED

_SHOWN = 5


@click.group("erp")
def erp() -> None:
    """O banco do ERP."""


@command("check", group=erp)
def check(context: composition.AgentContext, connection: Connection) -> int:
    """Confere o banco do ERP: abre, lê nomes com acento, compara com o layout, vê as permissões. Não grava nada."""
    file = composition.layout_file(context, connection, connection.erp.layout)
    database = context.database(connection)
    try:
        database.connect()
        click.echo(f"ok    Conexão: {KINDS[connection.erp.kind].label}, {connection.erp.database}.")
        schema = database.dialect.reflect(database)
        for line in seen(file, schema, database):
            click.echo(f"ok    {line}")
        if moment := zone_text.moment_line(file, context.zone(connection), context.runtime.clock()):
            click.echo(f"ok    Hora: {moment}")
        findings = check_schema(file, schema, database, connection.erp, zone=context.zone(connection))
    finally:
        database.close()
    for finding in findings:
        click.echo(layouts.finding_line(finding))
    has_errors = any(finding.level == "error" for finding in findings)
    if not has_errors:
        click.echo(f"ok    Layout {file.name}: as tabelas, as colunas e as permissões servem.")
    return FAILED if has_errors else DONE


def seen(layout: LayoutFile, schema: Schema, database: Database) -> Iterator[str]:
    """Yield what the database holds, for a person to recognize it by."""
    yield f"Banco: {len(schema.tables)} tabelas, charset {schema.charset}."
    found = name_column(table_usages(layout, schema), schema)
    try:
        read = names_read(database, *found) if found is not None else []
    except TemporaryError:
        raise
    except OmnisyncError:
        read = []  # the check says why
    if read:
        yield f"Letras: confira se estes nomes estão certos: {', '.join(read[:_SHOWN])}."
    if layout.state == "agent":
        yield "Tabelas do Omnisync: ficam neste computador, como o layout pede."
        return
    there = [name for name in OURS if schema.table(name) is not None]
    if len(there) == len(OURS):
        yield "Tabelas do Omnisync: já existem."
    else:
        yield "Tabelas do Omnisync: serão criadas na primeira importação (omnisync_binding e omnisync_cursor)."
