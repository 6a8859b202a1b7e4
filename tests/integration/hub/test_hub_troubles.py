"""A hub whose database cannot be opened says so in one sentence, with what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from devtools.database_servers import PostgresqlServer
from devtools.server import Server
from omnisync.hub.store import Store
from tests.support.command_line import run

COMMANDS = (("serve", "--port", "0"), ("company", "add", "aurora", "Aurora"), ("token", "list", "aurora"))


def ended(capsys: pytest.CaptureFixture[str], command: tuple[str, ...], database: str) -> str:
    """What a command says that fails: one line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMNISYNC_HUB_DATABASE", database)
        status, said = run(capsys, "hub", *command)
    assert status == 1, said
    assert len(said.strip().splitlines()) == 1, said
    return said


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("database", "words"),
    [
        ("nada", "não serve (nada)"),
        ("oracle://u:s3nha@h/x", "não serve (oracle://u:***@h/x)"),
        ("mysql+pymysql://u:s3nha@127.0.0.1:1/x", "não serve"),
        ("postgresql+psycopg2://u:s3nha@h/x", "Falta neste computador o driver"),
        ("postgresql+psycopg://u:s3nha@127.0.0.1:1/x", "não respondeu"),
        ("sqlite:////proc/nada/hub.db", "Confira a pasta"),
        ("sqlite:///{folder}", "não pode ser aberto"),
    ],
)
def test_case_d5_a_hub_command_names_the_trouble_and_the_remedy(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: tuple[str, ...], database: str, words: str
) -> None:
    said = ended(capsys, command, database.format(folder=tmp_path))
    assert words in said
    assert "s3nha" not in said


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_case_d5_a_file_that_is_no_database_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "hub.db").write_text("texto" * 500)
    assert "se estragou" in ended(capsys, command, f"sqlite:///{tmp_path / 'hub.db'}")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_case_d5_a_newer_database_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: tuple[str, ...]
) -> None:
    Store(f"sqlite:///{tmp_path / 'hub.db'}").migrate()
    with sqlite3.connect(tmp_path / "hub.db") as plain:
        plain.execute("UPDATE hub_version SET version_num = '9999'")
    assert "versão mais nova" in ended(capsys, command, f"sqlite:///{tmp_path / 'hub.db'}")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_case_d5_a_refused_login_is_said(
    capsys: pytest.CaptureFixture[str], postgresql_running: Server, command: tuple[str, ...]
) -> None:
    said = ended(capsys, command, f"postgresql+psycopg://estranho:s3nha@127.0.0.1:{postgresql_running.port}/postgres")
    assert "usuário ou a senha" in said
    assert "s3nha" not in said


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_case_j3_a_database_of_other_letters_is_said(
    capsys: pytest.CaptureFixture[str], postgresql_running: PostgresqlServer, command: tuple[str, ...], encoding: str
) -> None:
    name = postgresql_running.database(encoding)
    where = postgresql_running.address(name).replace("postgresql://", "postgresql+psycopg://")
    assert "não guarda textos em UTF-8" in ended(capsys, command, where)
