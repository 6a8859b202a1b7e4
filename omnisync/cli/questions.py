"""A question of a command to the person at its terminal, in pt-BR."""

from __future__ import annotations

import sys

import rich_click as click

from omnisync.agent.errors import SettingsError

_YES = frozenset({"s", "sim", "y", "yes"})


def confirm(question: str) -> None:
    """Ask for a yes. Raises click.Abort for anything else, SettingsError where standard input is at its end."""
    click.echo(f"{question} [s/N] ", nl=False, err=True)
    answer = sys.stdin.readline()
    if not answer:
        click.echo(err=True)
        raise SettingsError("question_unanswered")
    if answer.strip().lower() not in _YES:
        raise click.Abort
