"""The command line's twins of the pages: the schedule, the retry, and where the agent may open its pages."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from omnisync.agent.journal import Journal
from omnisync.agent.schedule import Schedule
from omnisync.agent.settings import ErpAddress, Home, HubAddress, Secret, Secrets
from omnisync.cli import main
from tests.erps import make_sqlite
from tests.pages import connection


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    monkeypatch.setenv("OMNISYNC_HOME", str(tmp_path))
    kept = Journal(Home(tmp_path).prepare().journal)
    kept.save_connection(connection())
    return kept


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[Any, str]:
    """The status a command ends with, and all it said."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capsys.readouterr()
    return ended.value.code, said.out + said.err


def test_a_schedule_never_saved_is_said(journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "schedule", "show") == (0, "Agendamento: não definido.\n")
    assert run(capsys, "schedule", "off")[0] == 1


def test_set_saves_the_seeds_schedule_and_shows_it(journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = run(capsys, "schedule", "set")
    assert status == 0
    assert "Todos os dias, a partir das 08:00, a cada 15 minutos." in said
    assert "Próxima exportação" in said
    assert journal.schedule("producao") == Schedule()


def test_set_takes_days_establishment_and_system(journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ("--start", "6:30", "--every", "1:00", "--day", "sex", "--day", "seg")
    assert run(capsys, "schedule", "set", *chosen, "--establishment", "0002", "--system", "omniforce")[0] == 0
    assert journal.schedule("producao") == Schedule(
        start_hour=6,
        start_minute=30,
        every_hours=1,
        every_minutes=0,
        days=(0, 4),
        establishments=("0002",),
        systems=("omniforce",),
    )


def test_off_keeps_the_values(journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "schedule", "set", "--start", "6:00")
    assert run(capsys, "schedule", "off") == (0, "Agendamento desativado.\n")
    assert journal.schedule("producao") == Schedule(is_active=False, start_hour=6)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--every", "0:04"), "O menor intervalo é de 5 minutos."),
        (("--start", "25:00"), "A hora de início vai de 0 a 23 hora(s)"),
        (("--start", "cedo"), "A hora de início vai de 0 a 23 hora(s)"),
        (("--establishment", "0009"), "O estabelecimento 0009 não está mais configurado neste computador."),
    ],
)
def test_a_wrong_schedule_is_one_sentence(
    journal: Journal, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str
) -> None:
    status, said = run(capsys, "schedule", "set", *arguments)
    assert status == 1
    assert sentence in said
    assert journal.schedule("producao") is None


def test_status_says_what_the_last_run_knew_when_the_hub_is_silent(
    journal: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    erp = ErpAddress(kind="sqlite", database=make_sqlite(tmp_path).database)
    journal.save_connection(connection(hub=HubAddress("http://127.0.0.1:9"), erp=erp))
    Secrets(Home(tmp_path).secrets).put(journal.connection("producao"), "hub_token", Secret("a key"))
    journal.note_unread("producao", {"0009": 2})
    status, said = run(capsys, "status")
    assert status == 0
    assert "Há 2 pedidos do estabelecimento 0009, que não está cadastrado na central." in said


def test_retry_wants_ids_or_all(journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "retry")[0] == 2
    assert run(capsys, "retry", "ord_1", "--all")[0] == 2


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.10", "::1"])
def test_the_agent_does_not_open_to_other_computers(
    journal: Journal, capsys: pytest.CaptureFixture[str], host: str
) -> None:
    status, said = run(capsys, "agent", "--host", host)
    assert status == 1
    assert said == (
        f"As telas não abrem em {host}: fora deste computador elas só podem abrir com senha e TLS, "
        "que esta versão ainda não tem. Use 127.0.0.1.\n"
    )


def test_a_busy_port_is_one_sentence(journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        status, said = run(capsys, "agent", "--port", str(port))
    assert status == 1
    assert said.startswith(f"A porta {port} deste computador está ocupada.")
