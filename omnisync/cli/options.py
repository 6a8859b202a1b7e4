"""Options that many commands have."""

from __future__ import annotations

import rich_click as click

connection_option = click.option("--connection", "name", metavar="NOME", help="A conexão; sem ela, a única que houver.")
verbose_option = click.option("--verbose", is_flag=True, help="Mostra mais quando algo falha.")
json_option = click.option("--json", "as_json", is_flag=True, help="A resposta em JSON.")

_METAVARS = {"text": "TEXTO", "integer": "N", "float": "N", "path": "ARQUIVO", "filename": "ARQUIVO"}

help_option = click.help_option("-h", "--help", help="Mostra esta ajuda.")


class _Formatter(click.RichHelpFormatter):
    """Says `Uso:` where the library says it in English."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, prefix or "Uso:")


class _Context(click.RichContext):
    formatter_class = _Formatter


def in_portuguese(command: click.Command) -> click.Command:
    """Return the command and those below it, with what the library would say of them in English."""
    if not any(option.name == "help" for option in command.params):
        help_option(command)
    command.options_metavar = "[OPÇÕES]"
    command.context_class = _Context
    for parameter in command.params:
        if parameter.metavar is None and isinstance(parameter, click.Option) and not parameter.is_flag:
            parameter.metavar = _METAVARS.get(parameter.type.name.partition(" ")[0])
    if isinstance(command, click.Group):
        command.subcommand_metavar = "COMANDO [ARGUMENTOS]..."
        for below in command.commands.values():
            in_portuguese(below)
    return command
