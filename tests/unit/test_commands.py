"""Every command explains itself, in Portuguese."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import rich_click as click
from click.testing import CliRunner

from omnisync.cli import cli, load_command


def _paths(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield words
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = load_command(name) if command is cli else command.get_command(context, name)
            assert below is not None
            yield from _paths(below, (*words, name))


@pytest.mark.parametrize("words", list(_paths(cli, ())), ids=" ".join)
def test_every_command_says_what_it_does_in_portuguese(words: tuple[str, ...]) -> None:
    told = CliRunner().invoke(cli, [*words, "--help"])
    assert told.exit_code == 0
    assert re.search(r"--help +-h +Mostra esta ajuda\.", told.output)
    for english in (
        "Show this",
        "[OPTIONS]",
        "COMMAND",
        "[ARGS]",
        "[default",
        "Usage:",
        "INTEGER",
        "FLOAT",
        "TEXT ",
        " NAME",
    ):
        assert english not in told.output


def test_the_simulated_salespeople_are_the_hubs_and_nobody_elses() -> None:
    simulating = [words for words in _paths(cli, ()) if words[-1:] == ("simulate",)]
    assert simulating == [("hub", "simulate")]


def test_case_f2_no_option_takes_a_secret_as_its_value() -> None:
    found = []
    for words in _paths(cli, ()):
        command: click.Command = cli
        for word in words:
            below = load_command(word) if command is cli else command.get_command(click.Context(command), word)  # type: ignore[attr-defined]
            assert below is not None
            command = below
        for parameter in command.params:
            is_flag = isinstance(parameter, click.Option) and parameter.is_flag
            if re.search("token|password|secret", parameter.name or "") and not is_flag:
                found.append((words, parameter.name))
    assert found == []
