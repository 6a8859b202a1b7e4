"""Every command explains itself, in Portuguese."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import rich_click as click
from click.testing import CliRunner

from omnisync.cli import COMMANDS, cli


def _paths(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield words
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from _paths(below, (*words, name))


def _all() -> Iterator[tuple[str, ...]]:
    yield ()
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        yield from _paths(command, (name,))


@pytest.mark.parametrize("words", list(_all()), ids=" ".join)
@pytest.mark.parametrize("asked", ["-h", "--help"])
def test_every_command_says_what_it_does_in_portuguese(words: tuple[str, ...], asked: str) -> None:
    told = CliRunner().invoke(cli, [*words, asked])
    assert told.exit_code == 0
    assert "Mostra esta ajuda." in told.output
    for english in ("Show this", "[OPTIONS]", "COMMAND", "[ARGS]"):
        assert english not in told.output
