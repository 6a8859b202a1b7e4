"""A command is made of a function: its parameters say what it needs."""

from __future__ import annotations

from pathlib import Path

import pytest
import rich_click as click

from omnisync.agent.config.connection import Connection, ErpAddress
from omnisync.agent.errors import StoppedError
from omnisync.cli.command import command
from omnisync.cli.composition import AgentContext, open_context
from omnisync.cli.exit import DONE, FAILED, STOPPED, run
from omnisync.cli.options import connection_option


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of the agent."""
    monkeypatch.setenv("OMNISYNC_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def options_of(made: click.Command) -> list[str]:
    return [parameter.opts[0] for parameter in made.params]


def test_the_parameters_of_the_function_bring_the_options() -> None:
    @command("look")
    @click.option("--limit")
    def look(connection: Connection, limit: str | None, as_json: bool) -> None:
        """Look."""

    assert options_of(look) == ["--connection", "--limit", "--json", "--verbose"]


def test_an_option_that_the_function_declares_keeps_its_place() -> None:
    @command("look")
    @click.option("--limit")
    @connection_option
    def look(connection: Connection, limit: str | None) -> None:
        """Look."""

    assert options_of(look) == ["--limit", "--connection", "--verbose"]


def test_the_connection_is_the_one_named(home: Path) -> None:
    open_context().journal.connections.save(Connection(name="filial", erp=ErpAddress(kind="sqlite", database="erp.db")))
    seen: list[tuple[Path, str]] = []

    @command("look")
    def look(context: AgentContext, connection: Connection) -> int:
        """Look."""
        seen.append((context.home.path, connection.name))
        return 3

    assert run(look, ["--connection", "filial"]) == 3
    assert seen == [(home, "filial")]


def test_a_command_that_needs_nothing_opens_nothing(home: Path) -> None:
    @command("look")
    def look() -> None:
        """Look."""

    assert run(look, []) == DONE
    assert not home.exists()


def test_no_connection_is_one_sentence_and_status_1(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    @command("look")
    def look(connection: Connection) -> None:
        """Look."""

    with pytest.raises(SystemExit) as ended:
        run(look, [])
    assert ended.value.code == FAILED
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_an_error_of_the_function_ends_with_its_status() -> None:
    @command("look")
    def look() -> None:
        """Look."""
        raise StoppedError

    with pytest.raises(SystemExit) as ended:
        run(look, [])
    assert ended.value.code == STOPPED
