"""Options that many commands have."""

from __future__ import annotations

import rich_click as click

connection_option = click.option("--connection", "name", metavar="NOME", help="A conexão; sem ela, a única que houver.")
verbose_option = click.option("--verbose", is_flag=True, help="Mostra mais quando algo falha.")
json_option = click.option("--json", "as_json", is_flag=True, help="A resposta em JSON.")

help_option = click.help_option("-h", "--help", help="Mostra esta ajuda.")


def in_portuguese(command: click.Command) -> click.Command:
    """The command and those below it, with what the library would say of them in English."""
    if not any(option.name == "help" for option in command.params):
        help_option(command)
    command.options_metavar = "[OPÇÕES]"
    if isinstance(command, click.Group):
        command.subcommand_metavar = "COMANDO [ARGUMENTOS]..."
        for below in command.commands.values():
            in_portuguese(below)
    return command
