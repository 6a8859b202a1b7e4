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
    """A senha das telas: definir, escolher o que ela protege, retirar."""


@command("set", group=password)
def set_(context: composition.AgentContext) -> None:
    """Define a senha das telas: pergunta, ou lê uma linha da entrada padrão. Quem estava dentro entra de novo."""
    kept = context.password
    kept.set(_prompt() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n"))
    context.first_code.forget()
    print_status(f"Senha das telas guardada em {kept.path}, cifrada sem volta (argon2id); só este usuário lê.")


def _prompt() -> str:
    typed = [str(click.prompt(text, hide_input=True, err=True)) for text in ("Nova senha das telas", "De novo")]
    if typed[0] != typed[1]:
        raise SettingsError("page_password_differs")
    return typed[0]


@command("guard", group=password)
@click.argument("what", metavar="settings|everything", type=click.Choice(("settings", "everything")))
def guard(context: composition.AgentContext, what: str) -> None:
    """O que a senha protege em 127.0.0.1: settings (conexão, chaves, layout, De/Para) ou everything (tudo)."""
    context.password.guard(everything=what == "everything")
    print_status(
        "A senha passa a ser pedida em todas as telas."
        if what == "everything"
        else "A senha protege conexão, chaves, layout e De/Para; ler, importar, exportar e agendar ficam abertos."
    )


@command("remove", group=password)
@click.option("--yes", is_flag=True, help="Não pergunta.")
def remove(context: composition.AgentContext, yes: bool) -> None:
    """Retira a senha: o que ela protegia passa a mudar só pela linha de comando, e outros computadores não entram."""
    kept = context.password
    if not yes:
        confirm("Conexão, chaves, layout e De/Para passam a mudar só pela linha de comando. Continuar?")
    print_status("Senha das telas retirada." if kept.forget() else "As telas já abriam sem senha.")
