"""`omnisync mapping`: De/Para, which code of OmniForce is which code of the ERP, as the page has it."""

from __future__ import annotations

import msgspec
import rich_click as click

from omnisync.agent.config.connection import Connection
from omnisync.agent.erp.layout.code_map import KINDS
from omnisync.agent.errors import SettingsError
from omnisync.agent.messages import labels
from omnisync.cli import composition
from omnisync.cli.command import command, open_context
from omnisync.cli.exit import print_status
from omnisync.cli.options import connection_option

kind_argument = click.argument("kind", type=click.Choice(KINDS), metavar="GRUPO")


@click.group("mapping")
def mapping() -> None:
    """O De/Para: mostrar, informar e esquecer códigos."""


@command("list", group=mapping)
def list_(context: composition.AgentContext, connection: Connection, as_json: bool) -> None:
    """Mostra os códigos informados e os do layout."""
    told, of_layout = context.journal.decisions.mappings(connection.name), composition.de_para(connection)
    if as_json:
        click.echo(msgspec.json.encode({"told": told, "layout": of_layout}).decode())
        return
    for kind in KINDS:
        if kind in told or kind in of_layout:
            click.echo(f"{labels.MAPPINGS[kind]} ({kind})")
        for code, erp_code in sorted({**of_layout.get(kind, {}), **told.get(kind, {})}.items()):
            click.echo(f"  {code:<30}{erp_code:<30}{'' if code in told.get(kind, {}) else 'do layout'}".rstrip())
    if not told and not of_layout:
        click.echo("O layout desta conexão não usa De/Para.")


@command("set", group=mapping)
@kind_argument
@click.argument("code", metavar="CÓDIGO")
@click.argument("erp_code", metavar="CÓDIGO_NO_ERP")
@connection_option
def set_(kind: str, code: str, erp_code: str, name: str | None) -> None:
    """Diz qual é o código no ERP. O recusado por causa dele é tentado de novo na próxima importação."""
    if not code.strip() or not erp_code.strip():
        raise SettingsError(motivo="o código não pode ser vazio")
    context = open_context()
    _save(context, context.connection(name), kind, code.strip(), erp_code.strip())
    print_status(f"{labels.MAPPINGS[kind]}: {code} é {erp_code} no ERP.")


@command("unset", group=mapping)
@kind_argument
@click.argument("code", metavar="CÓDIGO")
def unset(context: composition.AgentContext, connection: Connection, kind: str, code: str) -> None:
    """Esquece o código; volta a valer o que o layout diz."""
    _save(context, connection, kind, code.strip(), None)
    print_status(f"{labels.MAPPINGS[kind]}: {code} esquecido.")


def _save(
    context: composition.AgentContext, connection: Connection, kind: str, code: str, erp_code: str | None
) -> None:
    context.journal.decisions.save_mappings(connection.name, kind, {code: erp_code})
    context.journal.connections.add_event(connection.name, "mapping_saved", context.runtime.clock())
