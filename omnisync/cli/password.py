"""`omnisync password`: the password of the pages. It is typed or comes on the standard input, never in an argument."""

from __future__ import annotations

import sys

import rich_click as click

from omnisync.agent.errors import SettingsError
from omnisync.cli import composition
from omnisync.cli.command import command
from omnisync.cli.exit import print_status
from omnisync.cli.questions import confirm


@click.group("password")
def password() -> None:
    """A senha das telas: definir, retirar."""


@command("set", group=password)
def set_(context: composition.AgentContext) -> None:
    """Define a senha das telas: pergunta, ou lê uma linha da entrada padrão. Quem estava dentro entra de novo."""
    kept = context.password
    kept.set(_prompt() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n"))
    print_status(f"Senha das telas guardada em {kept.path}, cifrada sem volta (argon2id); só este usuário lê.")


def _prompt() -> str:
    typed = [str(click.prompt(text, hide_input=True, err=True)) for text in ("Nova senha das telas", "De novo")]
    if typed[0] != typed[1]:
        raise SettingsError("page_password_differs")
    return typed[0]


@command("remove", group=password)
@click.option("--yes", is_flag=True, help="Não pergunta.")
def remove(context: composition.AgentContext, yes: bool) -> None:
    """Retira a senha: as telas abrem a quem usa este computador, e em nenhum outro."""
    kept = context.password
    if not yes:
        confirm("As telas passam a abrir sem senha neste computador. Continuar?")
    print_status("Senha das telas retirada." if kept.forget() else "As telas já abriam sem senha.")
