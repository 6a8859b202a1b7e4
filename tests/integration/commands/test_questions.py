"""What a command asks before it goes on, and what it says where it cannot go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from omnisync.agent.config.connection import ErpAddress
from omnisync.agent.config.secrets import Secret, Secrets
from omnisync.agent.config.settings import Home
from omnisync.agent.journal.journal import Journal
from tests.support.command_line import run
from tests.support.page_client import connection


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    monkeypatch.setenv("OMNISYNC_HOME", str(tmp_path / "home"))
    kept = Journal(Home(tmp_path / "home").prepare().journal)
    known = connection(erp=ErpAddress(database=str(tmp_path / "erp.db")), establishments=())
    kept.connections.save(known)
    Secrets(Home(tmp_path / "home").secrets).put(known, "hub_token", Secret("osk_" + "x" * 40))
    return kept


def test_case_e7_without_an_answer_a_command_names_the_option(
    journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = run(capsys, "connection", "remove", "--connection", "producao", stdin="")
    assert (status, "--yes" in said, "Continuar? [s/N]" in said) == (1, True, True)
    assert [one.name for one in journal.connections.all()] == ["producao"]


@pytest.mark.parametrize(("answer", "is_removed"), [("s\n", True), ("Sim\n", True), ("n\n", False), ("\n", False)])
def test_case_e7_a_question_is_answered_in_portuguese(
    journal: Journal, capsys: pytest.CaptureFixture[str], answer: str, is_removed: bool
) -> None:
    status, _ = run(capsys, "connection", "remove", "--connection", "producao", stdin=answer)
    assert (status == 0, journal.connections.all() == ()) == (is_removed, is_removed)


def test_case_e7_an_import_before_establishments_were_brought_says_how_to_bring_them(
    journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = run(capsys, "import")
    assert status == 1
    assert "connection test" in said


def test_a_schedule_is_saved_before_establishments_were_brought(
    journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = run(capsys, "schedule", "set", "--start", "7:30", "--every", "1:00")
    saved = journal.connections.schedule("producao")
    assert (status, saved is not None and saved.is_active) == (0, True), said
