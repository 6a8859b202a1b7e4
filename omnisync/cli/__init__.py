"""The commands, a file per group: the only place where parts are built and joined."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import rich_click as click

from omnisync import __version__
from omnisync.agent.runtime import Runtime
from omnisync.cli.exit import run
from omnisync.cli.options import in_portuguese

# httpx would bring its own command line along, and rich and pygments with it: a third of what an idle poll imports.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None says that there is no such module

COMMANDS = {
    "demo": ("omnisync.cli.demo:demo", "A empresa de exemplo: central, ERP, uma importação e as telas."),
    "import": ("omnisync.cli.import_:import_", "Traz do OmniForce para o banco do ERP o que há de novo."),
    "export": ("omnisync.cli.export:export", "Envia ao OmniForce e ao Dash o que mudou no ERP."),
    "status": ("omnisync.cli.status:status", "Como está a conexão: última importação, recusados, o que aguarda."),
    "runs": ("omnisync.cli.status:runs", "As últimas execuções."),
    "refused": ("omnisync.cli.status:refused", "Os registros recusados e os que aguardam, com o motivo."),
    "connection": ("omnisync.cli.connection:connection", "A central, o banco do ERP e os estabelecimentos."),
    "layout": ("omnisync.cli.layout:layout", "Os layouts: listar, mostrar, conferir, rascunhar um novo."),
    "erp": ("omnisync.cli.erp:erp", "O banco do ERP: conferir de ponta a ponta, sem gravar nada."),
    "pending": (
        "omnisync.cli.pending:pending",
        "As pendências que pedem uma pessoa: escolher, confirmar, recusar, assumir.",
    ),
    "mapping": ("omnisync.cli.mapping:mapping", "O De/Para: qual código do OmniForce é qual código do ERP."),
    "agent": ("omnisync.cli.agent:agent", "As telas, o agendamento e as execuções deste computador."),
    "password": ("omnisync.cli.password:password", "A senha das telas: definir, retirar."),
    "schedule": ("omnisync.cli.schedule:schedule", "O agendamento: mostrar, salvar, desativar."),
    "retry": ("omnisync.cli.retry:retry", "Tenta de novo os registros recusados."),
    "doctor": (
        "omnisync.cli.doctor:doctor",
        "Confere a central, a chave, o relógio, o banco do ERP, o disco e as telas.",
    ),
    "hub": ("omnisync.cli.hub:hub", "A central: servir, cadastrar empresa, estabelecimento e chave."),
}
"""Every command, where it lives and one line about it; a command's parts are imported when it runs."""


class _Lazy(click.RichGroup):
    """A group that imports a command only when it is called: `--help` and an idle poll stay quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command as the help lists it: its name and its line."""
        return click.RichCommand(name=cmd_name, help=COMMANDS[cmd_name][1]) if cmd_name in COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, found, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if found is not None and name is not None else None, rest


def load_command(name: str) -> click.Command:
    """Return a command with all its parts, importing its module."""
    module, _, function = COMMANDS[name][0].partition(":")
    command: click.Command = getattr(import_module(module), function)
    return in_portuguese(command)


_HELP = {
    "arguments_panel_title": "Argumentos",
    "options_panel_title": "Opções",
    "commands_panel_title": "Comandos",
    "required_long_string": "[obrigatório]",
    "default_string": "(padrão: {})",
}


@click.group(cls=_Lazy, context_settings={"rich_help_config": _HELP})  # its decorator would import rich's console
@click.version_option(
    __version__, "--version", prog_name="omnisync", message="%(prog)s %(version)s", help="Mostra a versão."
)
def cli() -> None:
    """Omnisync: traz as vendas do OmniForce para o ERP e leva os dados do ERP ao OmniForce e ao Dash."""


in_portuguese(cli)


def main(arguments: Sequence[str] | None = None, runtime: Runtime | None = None) -> None:
    """Run the program and leave with its status. `runtime` replaces the machine's clocks and randomness."""
    sys.exit(run(cli, None if arguments is None else list(arguments), runtime))
