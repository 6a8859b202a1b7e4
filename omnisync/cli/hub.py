"""`omnisync hub …`: serve the hub, and say who may use it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import TYPE_CHECKING, TypeVar

import rich_click as click

from omnisync.agent.zones import machine_zone
from omnisync.cli.hub_database import database_option, make_private, naming_the_trouble, open_store
from omnisync.cli.options import in_portuguese
from omnisync.cli.questions import confirm

if TYPE_CHECKING:
    from omnisync.hub.store import Store, Token

Result = TypeVar("Result")


def _proxy_address(_ctx: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    try:
        return None if value is None else str(ip_network(value))
    except ValueError as error:
        raise click.ClickException(
            "Informe em --proxy um endereço IP, como 10.0.0.5, ou uma rede, como 10.0.0.0/24."
        ) from error


class _WithSimulation(click.RichGroup):
    """Brings the simulated salespeople only when they are called: they come with the demo and the agent."""

    group_class = click.RichGroup  # of the groups below it, which have none

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), "simulate"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name != "simulate":
            return super().get_command(ctx, cmd_name)
        from omnisync.cli.simulate import simulate

        return in_portuguese(simulate)


@click.group(cls=_WithSimulation)
def hub() -> None:
    """A central: o web service que recebe dos aplicativos e entrega aos agentes."""


@hub.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, metavar="ENDEREÇO", help="Endereço em que a central atende."
)
@click.option(
    "--port",
    default=8788,
    show_default=True,
    type=click.IntRange(0, 65535),
    metavar="PORTA",
    help="Porta; 0 = uma livre.",
)
@click.option(
    "--proxy",
    metavar="ENDEREÇO",
    callback=_proxy_address,
    help="Endereço (ou rede) do proxy diante da central: só dele se aceita de que endereço vem um pedido "
    "(X-Forwarded-For).",
)
@database_option
def serve(host: str, port: int, proxy: str | None, database: str) -> None:
    """Atende até ser interrompida."""
    from omnisync.hub.server import serve as serve_hub

    try:
        with naming_the_trouble(database):
            make_private(database)
            serve_hub(database, host, port, lambda url: click.echo(f"Central em {url}"), proxy)
    except KeyboardInterrupt:  # the way a person ends it: no error
        click.echo("Central encerrada.")
    except OSError as error:
        raise click.ClickException(f"A porta {port} de {host} já está em uso. Escolha outra com --port.") from error


@hub.command("prune")
@database_option
def prune_command(database: str) -> None:
    """Remove o que passou do prazo ou do limite de cada tabela. A central faz isto sozinha uma vez por dia."""
    from omnisync.hub.retention import prune
    from omnisync.hub.server import wall_clock

    removed = {table: n for table, n in prune(open_store(database), wall_clock()).items() if n}
    for table, n in removed.items():
        click.echo(f"{table}: {n}")
    click.echo("Pronto." if removed else "Nada a remover.")


@hub.group()
def company() -> None:
    """Empresas atendidas pela central."""


@company.command("add")
@click.argument("id")
@click.argument("name", metavar="NOME")
@database_option
def company_add(id: str, name: str, database: str) -> None:
    """Cadastra a empresa ID com o nome NOME (ou muda o nome)."""
    _try(
        lambda: open_store(database).add_company(id, name),
        "O código da empresa tem de 1 a 40 letras sem acento e números.",
    )
    click.echo(f"Empresa {id} cadastrada.")


@company.command("new-epoch")
@click.argument("id")
@database_option
def company_new_epoch(id: str, database: str) -> None:
    """Depois de restaurar um backup: faz os agentes da empresa ID lerem tudo de novo."""
    _try(lambda: open_store(database).new_epoch(id))
    click.echo(f"Os agentes da empresa {id} lerão tudo de novo na próxima importação.")


@company.command("list")
@database_option
def company_list(database: str) -> None:
    """Lista as empresas e diz quais estão suspensas."""
    from omnisync.hub.administration import companies

    for known in companies(open_store(database)):
        state = "em uso" if known.suspended_at is None else f"suspensa em {_local_time(known.suspended_at)}"
        click.echo(f"{known.id}  {known.name}  {state}")


@company.command("show")
@click.argument("id")
@database_option
def company_show(id: str, database: str) -> None:
    """Mostra o que a central tem da empresa ID."""
    from omnisync.hub.administration import company_summary

    known = _try(lambda: company_summary(open_store(database), id))
    state = "em uso" if known.suspended_at is None else f"suspensa em {_local_time(known.suspended_at)}"
    click.echo(f"{known.id}  {known.name}  {state}")
    click.echo(f"estabelecimentos: {known.n_establishments}")
    click.echo(f"chaves em uso: {known.n_tokens}")
    click.echo(f"registros: {known.n_records}")
    click.echo(f"último registro recebido: {_local_time(known.last_received_at)}")


@company.command("suspend")
@click.argument("id")
@database_option
def company_suspend(id: str, database: str) -> None:
    """Fecha a central para a empresa ID, sem perder nada dela."""
    from omnisync.hub.administration import set_suspended
    from omnisync.hub.server import wall_clock

    _try(lambda: set_suspended(open_store(database), id, wall_clock()))
    click.echo(f"Empresa {id} suspensa. Para reabrir: omnisync hub company resume {id}")


@company.command("resume")
@click.argument("id")
@database_option
def company_resume(id: str, database: str) -> None:
    """Reabre a central para a empresa ID."""
    from omnisync.hub.administration import set_suspended

    _try(lambda: set_suspended(open_store(database), id, None))
    click.echo(f"Empresa {id} em uso.")


@company.command("remove")
@click.argument("id")
@click.option("--yes", is_flag=True, help="Não pergunta.")
@database_option
def company_remove(id: str, yes: bool, database: str) -> None:
    """Apaga a empresa ID, já suspensa, com tudo o que a central tem dela."""
    from omnisync.hub.administration import company_summary, remove_company

    store = open_store(database)
    known = _try(lambda: company_summary(store, id))
    if not yes:
        click.echo(f"{known.name}: {known.n_records} registros serão apagados. Isto não tem volta.")
        confirm("Continuar?")
    _try(lambda: remove_company(store, id), f"Suspenda a empresa antes: omnisync hub company suspend {id}")
    click.echo(f"Empresa {id} apagada.")


@hub.group()
def establishment() -> None:
    """Estabelecimentos das empresas."""


@establishment.command("add")
@click.argument("company", metavar="EMPRESA")
@click.argument("code", metavar="CÓDIGO")
@click.argument("name", metavar="NOME")
@database_option
def establishment_add(company: str, code: str, name: str, database: str) -> None:
    """Cadastra o estabelecimento CÓDIGO da empresa EMPRESA com o nome NOME."""
    _try(
        lambda: open_store(database).add_establishment(company, code, name),
        "O código do estabelecimento tem de 1 a 10 letras sem acento e números.",
    )
    click.echo(f"Estabelecimento {code} cadastrado.")


@hub.group()
def token() -> None:
    """Chaves de acesso."""


@token.command("create")
@click.argument("company", metavar="EMPRESA")
@click.option("--name", required=True, metavar="NOME", help="Nome da chave; os retornos são guardados por ele.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="PERMISSÃO",
    help="O que a chave permite (repetível). Um computador: orders:read, receipts:write, exports:write. O OmniForce: "
    "records:write, exports:read. O Dash: exports:read.",
)
@click.option("--days", type=click.IntRange(1, 3650), metavar="DIAS", help="Dias que a chave vale (sem: sempre).")
@click.option("--computer", metavar="NOME", help="Nome do computador que a usa, para a lista.")
@database_option
def token_create(
    company: str, name: str, scopes: tuple[str, ...], days: int | None, computer: str | None, database: str
) -> None:
    """Cria uma chave para a empresa EMPRESA e a mostra uma única vez.

    Sem --scope, a chave permite o que um computador com o Omnisync precisa.
    """
    from omnisync.hub.administration import is_token_named
    from omnisync.hub.server import wall_clock
    from omnisync.hub.store import AGENT_SCOPES, SCOPES

    store = open_store(database)
    is_taken = is_token_named(store, company, name)
    now = wall_clock()
    ends = None if days is None else now + timedelta(days=days)
    text = _try(
        lambda: store.create_token(company, name, scopes or AGENT_SCOPES, now, expires_at=ends, computer=computer),
        f"O nome tem de 1 a 60 letras, e as permissões são: {', '.join(SCOPES)}.",
    )
    click.echo(text)
    if is_taken:
        click.echo(
            f"Atenção: outra chave em uso se chama {name}. Retornos e linhas exportadas são guardados pelo nome: em "
            "dois computadores, um apaga as linhas do outro. Escolha outro nome, ou revogue a "
            "antiga quando esta a substituir.",
            err=True,
        )
    click.echo("Guarde esta chave: ela não será mostrada de novo.", err=True)


@token.command("rotate")
@click.argument("company", metavar="EMPRESA")
@click.argument("beginning", metavar="COMEÇO")
@click.option("--overlap", default=24, show_default=True, type=click.IntRange(0, 720), metavar="HORAS",
              help="Por quantas horas a chave antiga ainda vale.")  # fmt: skip
@database_option
def token_rotate(company: str, beginning: str, overlap: int, database: str) -> None:
    """Troca a chave que começa por COMEÇO por outra de mesmo nome, que mostra uma única vez."""
    from omnisync.hub.administration import rotate_token
    from omnisync.hub.server import wall_clock

    store = open_store(database)
    old = _token(store, company, beginning)
    click.echo(rotate_token(store, old, timedelta(hours=overlap), wall_clock()))
    click.echo("Guarde esta chave: ela não será mostrada de novo.", err=True)
    click.echo(f"A antiga ({old.prefix}) vale mais {overlap} h.", err=True)


@token.command("revoke")
@click.argument("company", metavar="EMPRESA")
@click.argument("beginning", metavar="COMEÇO")
@database_option
def token_revoke(company: str, beginning: str, database: str) -> None:
    """Revoga na hora a chave que começa por COMEÇO (veja `token list`)."""
    from omnisync.hub.server import wall_clock

    store = open_store(database)
    old = _token(store, company, beginning)
    store.revoke_token(company, old.prefix, wall_clock())
    click.echo(f"Chave {old.prefix} revogada.")


@token.command("list")
@click.argument("company", metavar="EMPRESA")
@database_option
def token_list(company: str, database: str) -> None:
    """Lista as chaves da empresa EMPRESA, sem mostrá-las."""
    from omnisync.hub.server import wall_clock

    now = wall_clock()
    for known in open_store(database).tokens(company):
        parts = [known.prefix, known.name, " ".join(known.scopes), f"criada em {_local_time(known.created_at)}"]
        parts += [f"computador {known.computer}"] if known.computer else []
        parts += [
            f"usada em {_local_time(known.last_used_at)}" if known.last_used_at else "nunca usada",
            _state(known, now),
        ]
        click.echo("  ".join(parts))


def _state(known: Token, now: datetime) -> str:
    if known.revoked_at is not None:
        return f"revogada em {_local_time(known.revoked_at)}"
    if known.expires_at is None:
        return "em uso"
    is_over = datetime.fromisoformat(known.expires_at) <= now
    return f"{'venceu' if is_over else 'em uso, vence'} em {_local_time(known.expires_at)}"


def _token(store: Store, company: str, beginning: str) -> Token:
    from omnisync.hub.administration import MIN_BEGINNING, token_beginning_with

    try:
        return token_beginning_with(store, company, beginning)
    except LookupError as error:
        raise click.ClickException(f"A empresa {company} não tem chave em uso que comece por {beginning}.") from error
    except ValueError as error:
        raise click.ClickException(
            f"Mais de uma chave pode começar por {beginning}. Informe mais dela ({MIN_BEGINNING} letras ou mais)."
        ) from error


def _local_time(moment: str | None) -> str:
    """Return a kept moment in this computer's own time."""
    if moment is None:
        return "nunca"
    return datetime.fromisoformat(moment).astimezone(machine_zone()).strftime("%d/%m/%Y %H:%M")


def _try(action: Callable[[], Result], on_value: str = "") -> Result:
    """Do it; what the store refuses becomes one sentence, `on_value` for a value it does not take."""
    try:
        return action()
    except LookupError as error:
        raise click.ClickException("Esta empresa não está cadastrada na central.") from error
    except ValueError as error:
        raise click.ClickException(on_value) from error
