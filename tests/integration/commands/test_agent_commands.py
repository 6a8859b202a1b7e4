"""The command line's twins of the pages: the schedule, the retry, and where the agent may open its pages."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from omnisync.agent.config.connection import ErpAddress, HubAddress
from omnisync.agent.config.first_code import FirstCode
from omnisync.agent.config.page_password import PagePassword
from omnisync.agent.config.secrets import Secret, Secrets
from omnisync.agent.config.settings import Home
from omnisync.agent.erp.layout_check.findings import warning
from omnisync.agent.journal.journal import Journal
from omnisync.agent.runtime import Runtime
from omnisync.agent.schedule import Schedule
from omnisync.cli import composition
from omnisync.cli.doctor import DoctorFinding, status_of
from omnisync.cli.password import password
from tests.support.command_line import Terminal, run
from tests.support.erp_databases import make_sqlite
from tests.support.import_runs import Clock, runtime_at
from tests.support.page_client import QUICK, connection
from tests.support.tls import put


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    monkeypatch.setenv("OMNISYNC_HOME", str(tmp_path))
    kept = Journal(Home(tmp_path).prepare().journal)
    kept.connections.save(connection())
    return kept


def test_a_schedule_never_saved_is_said(journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "schedule", "show") == (0, "Agendamento: não definido.\n")
    assert run(capsys, "schedule", "off")[0] == 1


def test_set_saves_the_seeds_schedule_and_shows_it(journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = run(capsys, "schedule", "set")
    assert status == 0
    assert "Todos os dias, a partir das 08:00, a cada 15 minutos." in said
    assert "Próxima exportação" in said
    assert journal.connections.schedule("producao") == Schedule()


def test_set_takes_days_establishment_and_system(journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ("--start", "6:30", "--every", "1:00", "--day", "sex", "--day", "seg")
    assert run(capsys, "schedule", "set", *chosen, "--establishment", "0002", "--system", "omniforce")[0] == 0
    assert journal.connections.schedule("producao") == Schedule(
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
    assert journal.connections.schedule("producao") == Schedule(is_active=False, start_hour=6)


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
    assert journal.connections.schedule("producao") is None


def test_status_says_what_the_last_run_knew_when_the_hub_is_silent(
    journal: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    erp = ErpAddress(kind="sqlite", database=make_sqlite(tmp_path).database)
    journal.connections.save(connection(hub=HubAddress("http://127.0.0.1:9"), erp=erp))
    Secrets(Home(tmp_path).secrets).put(journal.connections.get("producao"), "hub_token", Secret("a key"))
    journal.connections.save_unread_orders("producao", {"0009": 2})
    status, said = run(capsys, "status")
    assert status == 0
    assert "Há 2 pedidos do estabelecimento 0009, que não está cadastrado na central." in said


def test_retry_wants_ids_or_all(journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "retry")[0] == 2
    assert run(capsys, "retry", "ord_1", "--all")[0] == 2


def test_a_busy_port_is_one_sentence(journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        status, said = run(capsys, "agent", "--port", str(port))
    assert status == 1
    assert said.startswith(f"A porta {port} deste computador está ocupada.")


PASSWORD = "pão de queijo às 6h"  # noqa: S105  # a made-up one


def test_a_password_comes_on_the_standard_input_and_is_never_shown(
    journal: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = run(capsys, "password", "set", stdin=f"{PASSWORD}\n")
    kept = PagePassword(Home(tmp_path).page_password)
    assert (status, kept.verify(PASSWORD)) == (0, True)
    assert PASSWORD not in said
    assert run(capsys, "password", "remove", "--yes") == (0, "Senha das telas retirada.\n")
    assert run(capsys, "password", "remove", "--yes") == (0, "As telas já abriam sem senha.\n")


@pytest.mark.parametrize(
    ("typed_in", "status", "said"),
    [
        ((PASSWORD, PASSWORD), 0, "Senha das telas guardada em"),
        ((PASSWORD, PASSWORD + "!"), 1, "As duas senhas digitadas não são iguais. Nada mudou; tente de novo."),
        (("curta", "curta"), 1, "A senha das telas tem de 8 a 200 letras. Escolha outra."),
    ],
)
def test_on_a_terminal_the_password_is_asked_for_twice(
    journal: Journal,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    typed_in: tuple[str, str],
    status: int,
    said: str,
) -> None:
    ended, told = run(capsys, "password", "set", stdin=Terminal(*typed_in))
    assert (ended, said in told) == (status, True)
    assert not any(line in told for line in typed_in)
    assert Home(tmp_path).page_password.exists() == (status == 0)


def test_no_command_takes_a_password_as_an_argument() -> None:
    arguments = {parameter.name for parameter in password.commands["set"].params}
    assert arguments - {"help"} == {"verbose"}  # the help is there once the command was asked for


def test_case_f1_the_switch_is_a_command(journal: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = "As telas ainda não têm senha. Defina uma com omnisync password set.\n"
    assert run(capsys, "password", "guard", "everything") == (1, missing)
    kept = PagePassword(Home(tmp_path).page_password, QUICK)
    kept.set(PASSWORD)
    assert not kept.guards_everything()
    said = "A senha passa a ser pedida em todas as telas.\n"
    assert run(capsys, "password", "guard", "everything") == (0, said)
    assert kept.guards_everything()
    assert run(capsys, "password", "guard", "settings")[0] == 0
    assert (kept.guards_everything(), kept.verify(PASSWORD)) == (False, True)


def test_case_f1_the_command_needs_no_code_and_ends_it(
    journal: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = FirstCode(Home(tmp_path).first_code)
    code.renew()
    assert run(capsys, "password", "set", stdin=f"{PASSWORD}\n")[0] == 0
    assert not code.path.exists()


@pytest.mark.parametrize("is_terminal", [True, False])
def test_case_f1_the_code_is_shown_to_a_terminal_and_to_no_log(
    journal: Journal, tmp_path: Path, is_terminal: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    reader, writer = pty.openpty() if is_terminal else os.pipe()
    command = [sys.executable, "-m", "omnisync", "agent", "--port", port]
    environ = os.environ | {"OMNISYNC_HOME": str(tmp_path)}  # noqa: TID251  # a program's own
    agent = subprocess.Popen(command, stderr=writer, env=environ)
    os.close(writer)
    try:
        said = ""
        while "omnisync password set" not in said or ".\n" not in said.replace("\r", "").rpartition("senha")[2]:
            said += os.read(reader, 65536).decode()
        code = Home(tmp_path).first_code
        assert code.stat().st_mode & 0o777 == 0o600
        assert (code.read_text().strip() in said) == is_terminal
        assert str(code) in said
    finally:
        agent.terminate()
        agent.wait(20)
        os.close(reader)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.10", "::1"])  # noqa: S104  # refused
def test_the_agent_opens_to_other_computers_with_a_password_and_tls_alone(
    journal: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str], host: str
) -> None:
    assert run(capsys, "agent", "--host", host) == (
        1,
        f"As telas não abrem em {host} sem senha: de outros computadores qualquer um chegaria a elas. Defina uma com "
        "omnisync password set, ou use 127.0.0.1.\n",
    )
    PagePassword(Home(tmp_path).page_password, QUICK).set(PASSWORD)
    assert run(capsys, "agent", "--host", host) == (
        1,
        f"As telas não abrem em {host} sem TLS: a senha passaria à vista pela rede. Informe o certificado e a chave "
        "(--certificate e --key), ou use 127.0.0.1.\n",
    )


def test_a_certificate_that_is_not_there_is_one_sentence(
    journal: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = run(capsys, "agent", "--certificate", str(tmp_path / "telas.pem"))
    assert status == 1
    assert said.startswith("O certificado das telas não pode ser usado (falta um dos arquivos). Confira ")


def test_doctor_does_not_fail_for_a_warning() -> None:
    ok = DoctorFinding("Disco", "ok", "")
    warning, failure = (DoctorFinding("Usuário do banco", severity, "") for severity in ("warning", "failure"))
    assert (status_of([ok]), status_of([ok, warning]), status_of([failure, warning, ok])) == (0, 0, 1)


def test_doctor_warns_of_a_login_that_may_do_more_than_it_needs(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    journal.connections.save(connection(erp=ErpAddress(kind="sqlite", database=make_sqlite(tmp_path).database)))
    reported = [warning("check_login_excess", "login", direitos="SYSDBA")]
    monkeypatch.setattr("omnisync.cli.doctor.check_login", lambda database: iter(reported))
    said = run(capsys, "doctor")[1].splitlines()
    assert [line[:22] for line in said if "SYSDBA" in line] == ["AVISO Usuário do banco"]


def test_doctor_says_who_reaches_the_pages(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def pages(runtime: Runtime | None = None) -> list[str]:
        told = run(capsys, "doctor", runtime=runtime)[1]
        return [line for line in told.splitlines() if "elas" in line or "ertificado" in line]

    where = "Telas: abrem em http://127.0.0.1:8787, só neste computador"
    without = "sem senha; para pedir uma: omnisync password set"
    monkeypatch.setattr(composition, "n_other_people", lambda: 0)  # those of the machine that tests are not the test's
    assert pages() == [f"ok    {where}, {without}."]
    monkeypatch.setattr(composition, "n_other_people", lambda: 2)
    assert pages() == [f"AVISO {where}, {without}. 2 outras contas deste computador abrem as telas."]
    password = PagePassword(Home(tmp_path).page_password, QUICK)
    password.set(PASSWORD)
    assert pages() == [f"ok    {where}, com senha para as configurações."]
    password.guard(everything=True)
    assert pages() == [f"ok    {where}, com senha para tudo."]
    monkeypatch.setenv("OMNISYNC_HOST", "0.0.0.0")  # noqa: S104  # what is tested
    [said] = pages()
    assert said.startswith("FALHA Telas: As telas não abrem em 0.0.0.0 sem TLS")
    soon = composition.clock() + timedelta(days=10, hours=1)
    certificate, key = put(tmp_path, trustme.CA().issue_cert("erp-01.example", not_after=soon))
    monkeypatch.setenv("OMNISYNC_CERTIFICATE", str(certificate))
    monkeypatch.setenv("OMNISYNC_KEY", str(key))
    key.chmod(0o644)
    assert pages() == [
        "ok    Telas: abrem em https://0.0.0.0:8787, também de outros computadores, por TLS, com senha para tudo.",
        "FALHA Certificado: de erp-01.example, vence em 10 dias. Renove-o.",
        f"FALHA Chave do certificado: em {key}, que outros usuários podem ler. Feche-o.",
    ]
    key.chmod(0o600)
    later = composition.clock() + timedelta(days=40)
    told = pages(runtime_at(lambda: later, Clock()))
    assert (
        told[1] == "FALHA Certificado: de erp-01.example, venceu. Renove-o: os navegadores avisam a quem abre as telas."
    )
    assert told[2] == f"ok    Chave do certificado: em {key}, só este usuário lê."
