"""`omnisync connection`: the hub, the ERP's database and the establishments of this computer."""

from __future__ import annotations

import sys

import msgspec
import rich_click as click

from omnisync.agent import texts
from omnisync.agent.errors import NotConfiguredError, SettingsError
from omnisync.agent.settings import (
    Connection,
    ErpAddress,
    Establishment,
    HubAddress,
    Secret,
    SecretKind,
    changed_connection,
)
from omnisync.cli import parts as build
from omnisync.cli.ending import plain_ending, say
from omnisync.cli.status import connection_option, verbose_option


@click.group("connection")
def connection() -> None:
    """A central, o banco do ERP e os estabelecimentos."""


@connection.command("show")
@connection_option
@verbose_option
def show(name: str | None, verbose: bool) -> None:
    """Mostra a conexão, sem os segredos."""
    with plain_ending(verbose=verbose):
        parts = build.agent_parts()
        known = parts.connection(name)
        click.echo(f"Conexão:           {known.name}")
        click.echo(f"Central:           {known.hub.url}")
        click.echo(f"Chave de acesso:   {_kept(parts, known, 'hub_token')}")
        click.echo(f"Banco do ERP:      {known.erp.kind} {known.erp.database}")
        for establishment in known.establishments:
            click.echo(f"Estabelecimento:   {establishment.code} - {establishment.name}")


def _kept(parts: build.Parts, known: Connection, kind: SecretKind) -> str:
    if parts.secrets.get(known, kind) is None:
        return "não informada"
    return f"guardada em {parts.home.secrets} (só este usuário lê)"


@connection.command("set")
@click.option("--connection", "name", default="producao", show_default=True, metavar="NOME", help="O nome da conexão.")
@click.option("--hub", "hub_url", metavar="ENDEREÇO", help="O endereço da central (https://…).")
@click.option("--token-stdin", is_flag=True, help="Lê a chave de acesso da entrada padrão (nunca na linha de comando).")
@click.option("--erp-kind", metavar="TIPO", help="O tipo do banco do ERP (sqlite).")
@click.option("--erp-database", metavar="BANCO", help="O banco do ERP (no SQLite, o arquivo).")
@click.option("--establishment", "codes", metavar="CÓDIGO", multiple=True, help="Um estabelecimento (repetível).")
@verbose_option
def set_(
    name: str,
    hub_url: str | None,
    token_stdin: bool,
    erp_kind: str | None,
    erp_database: str | None,
    codes: tuple[str, ...],
    verbose: bool,
) -> None:
    """Cria ou muda a conexão. Mudar a central ou o banco esvazia o segredo que era do outro."""
    with plain_ending(verbose=verbose):
        parts = build.agent_parts()
        before = _before(parts, name)
        after = _changed(before, name, hub_url, erp_kind, erp_database, codes)
        emptied = changed_connection(before, after) if before is not None else frozenset()
        parts.journal.save_connection(after)
        parts.secrets.keep_only_for(after)
        if token_stdin:
            parts.secrets.put(after, "hub_token", Secret(sys.stdin.readline().strip()))
        elif "hub_token" in emptied:
            say("A central mudou: informe de novo a chave de acesso com --token-stdin.")
        say(f"Conexão {name} guardada.")


def _before(parts: build.Parts, name: str) -> Connection | None:
    try:
        return parts.journal.connection(name)
    except NotConfiguredError:
        return None


def _changed(
    before: Connection | None,
    name: str,
    hub_url: str | None,
    erp_kind: str | None,
    erp_database: str | None,
    codes: tuple[str, ...],
) -> Connection:
    if before is None:
        if not hub_url or not erp_database:
            raise SettingsError(motivo="falta --hub ou --erp-database")
        before = Connection(name=name, hub=HubAddress(hub_url), erp=ErpAddress(database=erp_database))
    hub = HubAddress(hub_url) if hub_url else before.hub
    erp = msgspec.structs.replace(
        before.erp, kind=erp_kind or before.erp.kind, database=erp_database or before.erp.database
    )
    names = {establishment.code: establishment.name for establishment in before.establishments}
    chosen = tuple(Establishment(code, names.get(code, "")) for code in codes) or before.establishments
    company = before.company if hub == before.hub else ""
    return msgspec.structs.replace(before, hub=hub, erp=erp, establishments=chosen, company=company)


@connection.command("test")
@connection_option
@verbose_option
def test(name: str | None, verbose: bool) -> None:
    """Fala com a central e com o banco do ERP, e diz o que encontrou; traz os estabelecimentos se não houver."""
    with plain_ending(verbose=verbose):
        parts = build.agent_parts()
        known = parts.connection(name)
        hub = build.hub_client(parts, known)
        try:
            identity = hub.identity()
        finally:
            hub.close()
        establishments = known.establishments or tuple(Establishment(e.code, e.name) for e in identity.establishments)
        known = msgspec.structs.replace(known, company=identity.company.id, establishments=establishments)
        parts.journal.save_connection(known)
        known_there = texts.counted(len(identity.establishments), "estabelecimento", "estabelecimentos")
        click.echo(f"Central: {identity.company.name}, {known_there}.")
        erp = parts.erp(known)
        try:
            erp.prepare()
            rows = erp.rows()
        finally:
            erp.close()
        click.echo(f"Banco do ERP: aberto, {texts.counted(rows['orders'], 'pedido', 'pedidos')}.")
