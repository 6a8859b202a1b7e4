"""`omnisync connection`: the hub, the ERP's database and the establishments of this computer."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import rich_click as click

from omnisync.agent.config.connection import (
    FIRST_LAYOUT,
    Connection,
    ConnectionEstablishment,
    ErpAddress,
    HubAddress,
    with_zone,
)
from omnisync.agent.config.secrets import Secret, SecretKind, changed_connection
from omnisync.agent.erp.databases import KINDS, has_server
from omnisync.agent.erp.layout.schema import shipped_names
from omnisync.agent.errors import ErpSetupError, NotConfiguredError, SettingsError
from omnisync.agent.layout_folder import chosen, names_in
from omnisync.agent.messages import sentences, zone_text
from omnisync.agent.messages.format import format_count
from omnisync.agent.sync.outbox import outbox_of
from omnisync.agent.zones import typed_zone
from omnisync.cli import composition
from omnisync.cli.command import command
from omnisync.cli.exit import print_status
from omnisync.cli.questions import confirm


@click.group("connection")
def connection() -> None:
    """A central, o banco do ERP e os estabelecimentos."""


@command("list", group=connection)
def list_(context: composition.AgentContext) -> None:
    """Mostra as conexões deste computador."""
    known = context.journal.connections.all()
    if not known:
        raise NotConfiguredError("no_connection")
    for one in known:
        click.echo(f"{one.name:<20}{_place(one.erp)}")


@command("show", group=connection)
def show(context: composition.AgentContext, connection: Connection) -> None:
    """Mostra a conexão, sem os segredos."""
    erp = connection.erp
    click.echo(f"Conexão:           {connection.name}")
    click.echo(f"Central:           {connection.hub.url if connection.hub is not None else 'não informada'}")
    click.echo(f"Chave de acesso:   {_kept(context, connection, 'hub_token')}")
    click.echo(f"Banco do ERP:      {_place(erp)}")
    if has_server(erp.kind):
        click.echo(f"Usuário do banco:  {erp.user or 'não informado'}")
        click.echo(f"Senha do banco:    {_kept(context, connection, 'erp_password')}")
        click.echo(f"Caracteres:        {erp.charset or 'os de costume do banco'}")
    click.echo(f"Layout:            {erp.layout}")
    zone, now = context.zone_found(connection), context.runtime.clock()
    click.echo(f"Fuso horário:      {zone_text.zone_line(zone, now)}")
    if connection.adjusts_centavo:
        click.echo("Regra:             ajusta 1 centavo no maior item")
    for establishment in connection.establishments:
        click.echo(f"Estabelecimento:   {establishment.code} - {establishment.name}")
    if advice := zone_text.zone_advice(zone, now, zone_text.zone_command(connection.name)):
        print_status(advice)


def _place(erp: ErpAddress) -> str:
    port = f":{erp.port}" if erp.port else ""
    where = f" em {erp.server}{port}" if erp.server else ""
    return f"{erp.kind} {erp.database}{where}"


def _kept(context: composition.AgentContext, known: Connection, kind: SecretKind) -> str:
    if context.secrets.get(known, kind) is None:
        return "não informada"
    return f"guardada em {context.home.secrets} (só este usuário lê)"


@command("set", group=connection)
@click.option("--connection", "name", default="producao", show_default=True, metavar="NOME", help="O nome da conexão.")
@click.option("--hub", "hub_url", metavar="ENDEREÇO", help="O endereço da central (https://…).")
@click.option("--token-stdin", is_flag=True, help="Lê a chave de acesso da entrada padrão (nunca na linha de comando).")
@click.option("--erp-kind", "kind", type=click.Choice(list(KINDS)), help="O tipo do banco do ERP.")
@click.option("--erp-server", "server", metavar="SERVIDOR", help="O servidor do banco; vazio é este computador.")
@click.option("--erp-port", "port", type=int, metavar="PORTA", help="A porta do servidor; 0 é a de costume do banco.")
@click.option("--erp-database", "database", metavar="BANCO", help="O banco do ERP (no SQLite, o arquivo).")
@click.option("--erp-user", "user", metavar="USUÁRIO", help="O usuário do banco.")
@click.option(
    "--erp-password-stdin",
    is_flag=True,
    help="Lê a senha do banco da entrada padrão; com --token-stdin, a chave na primeira linha e a senha na segunda.",
)
@click.option("--erp-charset", "charset", metavar="NOME", help="O conjunto de caracteres (no Firebird, obrigatório).")
@click.option(
    "--layout",
    metavar="NOME",
    help="O layout do ERP: um dos prontos, o nome de um da pasta layouts, ou um arquivo .toml.",
)
@click.option(
    "--zone", metavar="FUSO", help="O fuso horário da empresa, como America/Sao_Paulo; vazio volta ao do computador."
)
@click.option("--establishment", "codes", metavar="CÓDIGO", multiple=True, help="Um estabelecimento (repetível).")
@click.option(
    "--adjust-centavo/--no-adjust-centavo",
    "adjusts_centavo",
    default=None,
    help="Se o total do pedido difere da soma dos itens por 1 centavo, ajusta o maior item e avisa; sem isto, recusa.",
)
def set_(
    context: composition.AgentContext,
    name: str,
    hub_url: str | None,
    token_stdin: bool,
    erp_password_stdin: bool,
    codes: tuple[str, ...],
    adjusts_centavo: bool | None,
    zone: str | None,
    **erp: Any,
) -> None:
    """Cria ou muda a conexão. Mudar a central ou o banco esvazia o segredo que era do outro."""
    before = _before(context, name)
    if erp.get("layout") and erp["layout"] in names_in(context.home.layouts):
        erp["layout"] = chosen(erp["layout"], context.home.layouts, shipped_names())
    after = _changed(before, name, hub_url, {field: value for field, value in erp.items() if value is not None})
    if zone is not None:
        after = with_zone(after, typed_zone(zone) if zone.strip() else None)
    after = _with_establishments(after, codes)
    if adjusts_centavo is not None:
        after = msgspec.structs.replace(after, adjusts_centavo=adjusts_centavo)
    composition.check_erp(context, after)
    emptied = _emptied(context, before, after)
    context.journal.connections.save(after)
    if before is not None and before.zone != after.zone:
        context.journal.free_slots(after.name, context.runtime.clock().astimezone(context.zone(after)))
    context.journal.connections.add_event(after.name, "connection_saved", context.runtime.clock())
    context.secrets.keep_only_for(after)
    if token_stdin:
        context.secrets.put(after, "hub_token", Secret(sys.stdin.readline().strip()))
    elif "hub_token" in emptied:
        print_status("A central mudou: informe de novo a chave de acesso com --token-stdin.")
    if erp_password_stdin:
        context.secrets.put(after, "erp_password", Secret(sys.stdin.readline().rstrip("\r\n")))
    elif "erp_password" in emptied:
        print_status(
            "O banco mudou: a senha que era do outro foi apagada. Se este pede senha, use --erp-password-stdin."
        )
    print_status(f"Conexão {name} guardada.")
    _say_zone(context, before, after)


def _say_zone(context: composition.AgentContext, before: Connection | None, after: Connection) -> None:
    """A new connection's zone where it is not the machine's, and another one's where it changed."""
    found, now = context.zone_found(after), context.runtime.clock()
    if before is not None and found.zone != context.zone(before):
        print_status(f"Fuso horário: {zone_text.zone_line(found, now)}. {zone_text.FIXED_BY_ZONE}")
    if advice := zone_text.zone_advice(found, now, zone_text.zone_command(after.name)):
        print_status(advice)


def _before(context: composition.AgentContext, name: str) -> Connection | None:
    try:
        return context.journal.connections.get(name)
    except NotConfiguredError:
        return None


def _emptied(context: composition.AgentContext, before: Connection | None, after: Connection) -> set[SecretKind]:
    """Return the secrets there were for the old addresses."""
    if before is None:
        return set()
    return {kind for kind in changed_connection(before, after) if context.secrets.get(before, kind) is not None}


def _changed(before: Connection | None, name: str, hub_url: str | None, erp: dict[str, Any]) -> Connection:
    """Return the connection with the options given. Paths are made absolute: the agent works in another folder."""
    if before is None and not erp.get("database"):
        raise SettingsError(motivo="falta --erp-database")
    known = msgspec.structs.asdict(before.erp) if before is not None else {}
    wanted = known | erp | ({"port": erp["port"] or None} if "port" in erp else {})
    if erp.get("database") and not has_server(wanted.get("kind", "sqlite")):
        wanted["database"] = str(Path(erp["database"]).absolute())
    if erp.get("layout", "").endswith(".toml"):
        wanted["layout"] = str(Path(erp["layout"]).absolute())
    address = ErpAddress(**wanted)
    hub = HubAddress(hub_url) if hub_url else before.hub if before is not None else None
    if before is None:
        return Connection(name=name, hub=hub, erp=address, keeps_machine_zone=False)
    company = before.company if hub == before.hub else ""
    return msgspec.structs.replace(before, hub=hub, erp=address, company=company)


def _with_establishments(known: Connection, codes: tuple[str, ...]) -> Connection:
    names = {establishment.code: establishment.name for establishment in known.establishments}
    chosen = tuple(ConnectionEstablishment(code, names.get(code, "")) for code in codes)
    return msgspec.structs.replace(known, establishments=chosen) if chosen else known


@command("remove", group=connection)
@click.option("--connection", "name", required=True, metavar="NOME", help="A conexão.")
@click.option("--yes", is_flag=True, help="Não pergunta.")
def remove(context: composition.AgentContext, name: str, yes: bool) -> None:
    """Esquece a conexão, seu agendamento, seu histórico e seus segredos. O banco do ERP fica como está."""
    known = context.connection(name)
    if not yes:
        print_status(f"A conexão {known.name} será esquecida, com o agendamento, o histórico, a chave e a senha.")
        confirm("Continuar?")
    context.close_orphaned_run(known)
    context.journal.connections.remove(known.name)
    context.secrets.forget(known.name)
    outbox_of(context.home, known.name).remove()
    print_status(f"Conexão {known.name} esquecida.")


@command("test", group=connection)
def test(context: composition.AgentContext, connection: Connection) -> None:
    """Fala com a central e com o banco do ERP, e diz o que encontrou; traz os estabelecimentos se não houver."""
    hub = composition.hub_client(context, connection)
    try:
        identity = hub.identity()
    finally:
        hub.close()
    establishments = connection.establishments or tuple(
        ConnectionEstablishment(e.code, e.name) for e in identity.establishments
    )
    connection = msgspec.structs.replace(connection, company=identity.company.id, establishments=establishments)
    context.journal.connections.save(connection)
    known_there = format_count(len(identity.establishments), "estabelecimento", "estabelecimentos")
    click.echo(f"Central: {identity.company.name}, {known_there}.")
    with closing(context.database(connection)) as database:
        database.connect()
    click.echo("Banco do ERP: aberto.")
    try:
        with context.records(connection) as records:
            orders = format_count(records.rows()["orders"], "pedido", "pedidos")
    except ErpSetupError as error:
        if connection.erp.layout != FIRST_LAYOUT or error.code not in ("destination_missing_table", "layout"):
            raise
        # As it is before a layout was chosen: the connection is sound.
        click.echo(sentences.of_code("layout_not_chosen", layout=connection.erp.layout))
    else:
        click.echo(f"Layout {connection.erp.layout}: as tabelas estão lá, com {orders}.")
