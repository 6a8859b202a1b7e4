"""`omnisync pending`: decisions for a person, as on Pendências: choose, confirm, refuse, take over."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import msgspec
import rich_click as click

from omnisync.agent.config.connection import Connection
from omnisync.agent.config.establishments import chosen_codes
from omnisync.agent.erp.base import OpenIssue
from omnisync.agent.errors import SetupError
from omnisync.agent.journal.decisions import Confirmation
from omnisync.agent.journal.run import holders_of, left_to_another
from omnisync.agent.messages import labels, sentences
from omnisync.agent.messages.choices import PART, Choice, choice_of
from omnisync.agent.messages.format import format_integer
from omnisync.agent.progress import deletes_to_confirm
from omnisync.cli import composition
from omnisync.cli.command import command
from omnisync.cli.exit import print_status
from omnisync.cli.retry import MOST

dataset_argument = click.argument("dataset", type=click.Choice(list(labels.DATASETS)), metavar="DADOS")


@click.group("pending")
def pending() -> None:
    """As pendências que pedem uma pessoa: escolher, confirmar, recusar, assumir."""


@command("list", group=pending)
def list_(context: composition.AgentContext, connection: Connection, as_json: bool) -> None:
    """Mostra o que espera uma escolha ou uma confirmação, e como responder."""
    choices = _choices(context, connection)
    asked = context.journal.decisions.confirmations(connection.name)
    busy = _busy(context, connection)
    if as_json:
        shown = {
            "choices": [{"customer": id_, "keys": _typed(choice)} for id_, choice in choices.items()],
            "confirmations": asked,
            "taken": {code: holder for code, (holder, _) in busy.items()},
        }
        click.echo(msgspec.json.encode(shown).decode())
        return
    for line in (*_of_choices(choices), *_of_confirmations(asked), *_of_busy(busy)):
        click.echo(line)
    if not choices and not asked and not busy:
        click.echo("Nada espera por uma escolha nem por uma confirmação.")


@command("choose", group=pending)
@click.argument("customer_id", metavar="CLIENTE")
@click.argument("key", metavar="CÓDIGO_NO_ERP")
def choose(context: composition.AgentContext, connection: Connection, customer_id: str, key: str) -> None:
    """De vários clientes do ERP com um CNPJ, diz qual é este. Entra na próxima importação, com seus pedidos."""
    choice = _choices(context, connection).get(customer_id)
    if choice is None:
        raise SetupError("choice_not_asked", codigo=customer_id)
    meant = dict(zip(_typed(choice), (key for key, _ in choice.options), strict=True))
    typed = key.replace(" ", "")
    if typed not in meant:
        raise SetupError("choice_not_offered", codigo=customer_id, chave=key, chaves=", ".join(meant))
    with context.records(connection) as records:
        records.choose(customer_id, meant[typed])
    print_status(
        f"Escolha salva: {choice.name} é {typed} no ERP. O cliente e seus pedidos entram na próxima importação."
    )


@command("confirm", group=pending)
@dataset_argument
@click.argument("n", type=click.IntRange(1), metavar="QUANTOS")
def confirm(context: composition.AgentContext, connection: Connection, dataset: str, n: int) -> None:
    """Confirma que tantos registros deixam de aparecer; o número é o que `pending list` mostra."""
    asked = _open_confirmation(context, connection, dataset)
    if not context.journal.decisions.confirm(connection.name, dataset, n, context.runtime.clock()):
        raise SetupError("confirmation_changed", dados=labels.DATASETS[dataset], n=format_integer(asked.n))
    print_status("Confirmado: a próxima exportação continua.")


@command("refuse", group=pending)
@dataset_argument
def refuse(context: composition.AgentContext, connection: Connection, dataset: str) -> None:
    """Recusa que registros deixem de aparecer, ou volta atrás antes que aconteça. Nada sai sem nova pergunta."""
    _open_confirmation(context, connection, dataset)
    context.journal.decisions.end_confirmation(connection.name, dataset)
    print_status("Recusado: nada deixa de aparecer. Se no ERP continuar assim, a próxima exportação pergunta de novo.")


@command("take-over", group=pending)
@click.argument("code", metavar="ESTABELECIMENTO")
def take_over(context: composition.AgentContext, connection: Connection, code: str) -> None:
    """Assume um estabelecimento que outro computador está importando; o outro para na próxima página."""
    chosen_codes(connection, [code])
    with closing(composition.hub_client(context, connection)) as hub:
        lease = hub.take_over(code)
    context.journal.connections.add_event(connection.name, "taken_over", context.runtime.clock())
    whose = f", que estava com outro computador ({lease.taken_from})" if lease.taken_from else ""
    print_status(f"Este computador assumiu o estabelecimento {code}{whose}. Importe agora com omnisync import.")


def _choices(context: composition.AgentContext, connection: Connection) -> dict[str, Choice]:
    """Return what is to be chosen, by the customer's id."""
    with context.records(connection) as records:
        found: Sequence[OpenIssue] = records.open_issues(("refused",), MOST)
    return {one.id: choice for one in found if (choice := choice_of(one)) is not None}


def _typed(choice: Choice) -> list[str]:
    """Return the answers as a person types them."""
    return [key.replace(PART, "/").replace(" ", "") for key, _ in choice.options]


def _open_confirmation(context: composition.AgentContext, connection: Connection, dataset: str) -> Confirmation:
    for one in context.journal.decisions.confirmations(connection.name):
        if one.dataset == dataset:
            return one
    raise SetupError("confirmation_not_asked", dados=labels.DATASETS[dataset])


def _busy(context: composition.AgentContext, connection: Connection) -> dict[str, tuple[str, str]]:
    """Return what another computer was importing when this one last tried."""
    last = left_to_another(context.journal.runs(connection.name, 10))
    return holders_of(last) if last is not None else {}


def _of_choices(choices: dict[str, Choice]) -> list[str]:
    return [
        f"{choice.name}: {choice.reason}\n    omnisync pending choose {id_} {' | '.join(_typed(choice))}"
        for id_, choice in choices.items()
    ]


def _of_confirmations(asked: Sequence[Confirmation]) -> list[str]:
    lines = []
    for one in asked:
        how = f"omnisync pending confirm {one.dataset} {one.n} | omnisync pending refuse {one.dataset}"
        done = f"confirmado: acontece na próxima exportação (omnisync pending refuse {one.dataset} volta atrás)"
        question = sentences.of_message(deletes_to_confirm(one.dataset, one.n))
        lines.append(f"{question}\n    {how if one.confirmed_at is None else done}")
    return lines


def _of_busy(busy: dict[str, tuple[str, str]]) -> list[str]:
    return [
        f"O estabelecimento {code} estava sendo importado por outro computador ({holder}).\n"
        f"    omnisync pending take-over {code}"
        for code, (holder, _) in busy.items()
    ]
