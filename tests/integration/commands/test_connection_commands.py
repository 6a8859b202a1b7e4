"""`omnisync connection`: what is told, what is kept, and that a secret comes in on the standard input alone."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from omnisync.agent.config.connection import ConnectionEstablishment, ErpAddress, HubAddress
from omnisync.agent.config.secrets import Secret, Secrets
from omnisync.agent.config.settings import Home
from omnisync.agent.journal.journal import Journal
from omnisync.agent.progress import RowCounts
from omnisync.cli import composition
from tests.support.command_line import run
from tests.support.erp_databases import make_sqlite, write
from tests.support.hub_server import running_hub
from tests.support.page_client import connection
from tests.support.record_samples import change, customer, order

CANARY = "s3nha com espaço "
SET = ("connection", "set", "--hub", "https://central.example")
FIREBIRD = ("--erp-kind", "firebird", "--erp-server", "erp-01", "--erp-port", "3051", "--erp-database", "ERP")
USER = ("--erp-user", "OMNISYNC", "--erp-charset", "WIN1252", "--layout", "padrao")
ADDRESS = ErpAddress(
    kind="firebird", server="erp-01", port=3051, database="ERP", user="OMNISYNC", charset="WIN1252", layout="padrao"
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("OMNISYNC_HOME", str(tmp_path))
    monkeypatch.setenv("OMNISYNC_ZONE", "America/Sao_Paulo")  # wherever the tests run
    monkeypatch.chdir(tmp_path)
    return Home(tmp_path).prepare()


def test_set_keeps_all_of_the_erps_address(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, *SET, *FIREBIRD, *USER) == (0, "Conexão producao guardada.\n")
    assert Journal(home.journal).connections.get("producao").erp == ADDRESS


def test_set_changes_what_is_told_and_nothing_else(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, *SET, *FIREBIRD, *USER)
    run(capsys, "connection", "set", "--erp-port", "0", "--erp-user", "")
    known = Journal(home.journal).connections.get("producao")
    assert (known.erp.port, known.erp.user) == (None, "")
    assert (known.erp.server, known.erp.charset) == ("erp-01", "WIN1252")
    assert known.hub == HubAddress("https://central.example")


def test_the_rule_of_the_centavo_is_set_kept_and_taken_back(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, *SET, *FIREBIRD, *USER)
    assert "Regra:" not in run(capsys, "connection", "show")[1]
    run(capsys, "connection", "set", "--adjust-centavo")
    run(capsys, "connection", "set", "--erp-server", "erp-02")
    assert "Regra:             ajusta 1 centavo no maior item\n" in run(capsys, "connection", "show")[1]
    run(capsys, "connection", "set", "--no-adjust-centavo")
    assert Journal(home.journal).connections.get("producao").adjusts_centavo is False


def test_the_rule_reaches_the_erp(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    make_sqlite(home.path)
    run(capsys, *SET, "--erp-database", str(home.path / "erp.db"), "--adjust-centavo")
    parts = composition.open_context()
    known = msgspec.structs.replace(
        parts.connection(None), company="aurora", establishments=(ConnectionEstablishment("0001"),)
    )
    erp = parts.erp(known)
    erp.prepare()
    write(erp, change(customer()))
    total = Decimal("29.11")
    off = msgspec.structs.replace(order().totals, total_amount=total)
    assert write(erp, change(order(totals=off, paid=str(total)))).counts.orders == RowCounts(written=1)
    erp.close()


def test_two_secrets_come_one_a_line_the_key_first(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    typed = f"a-chave\n{CANARY}\n"
    status, said = run(capsys, *SET, *FIREBIRD, *USER, "--token-stdin", "--erp-password-stdin", stdin=typed)
    known, secrets = Journal(home.journal).connections.get("producao"), Secrets(home.secrets)
    assert status == 0
    assert secrets.get(known, "hub_token") == Secret("a-chave")
    assert secrets.get(known, "erp_password") == Secret(CANARY)
    assert CANARY not in said


def test_show_never_shows_a_secret(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, *SET, *FIREBIRD, *USER, "--erp-password-stdin", stdin=f"{CANARY}\n")
    _, said = run(capsys, "connection", "show")
    assert "Banco do ERP:      firebird ERP em erp-01:3051\n" in said
    assert "Usuário do banco:  OMNISYNC\n" in said
    assert "Senha do banco:    guardada em" in said
    assert "Chave de acesso:   não informada\n" in said
    assert "Caracteres:        WIN1252\nLayout:            padrao\n" in said
    assert CANARY.strip() not in said


@pytest.mark.parametrize(
    "change", [("--erp-server", "outro"), ("--erp-port", "3050"), ("--erp-user", "sa"), ("--erp-database", "OUTRO")]
)
def test_another_address_empties_the_password_and_says_so(
    home: Home, capsys: pytest.CaptureFixture[str], change: tuple[str, str]
) -> None:
    run(capsys, *SET, *FIREBIRD, *USER, "--erp-password-stdin", stdin=f"{CANARY}\n")
    _, said = run(capsys, "connection", "set", *change)
    assert "a senha que era do outro foi apagada" in said
    run(capsys, "connection", "set", *FIREBIRD, *USER)
    assert Secrets(home.secrets).get(Journal(home.journal).connections.get("producao"), "erp_password") is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--erp-kind", "firebird", "--erp-database", "ERP"), "o Firebird precisa do conjunto de caracteres"),
        (("--erp-database", "erp.db", "--layout", "padrão"), "o layout padrão não existe"),
        (("--erp-database", "erp.db", "--layout", "nada.toml"), "nada.toml não pode ser lido"),
        (("--erp-database", "erp.db", "--erp-port", "99999"), "a porta 99999 não existe"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_saves_nothing(
    home: Home, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str
) -> None:
    status, said = run(capsys, *SET, *arguments)
    assert (status, sentence in said) == (1, True)
    assert Journal(home.journal).connections.all() == ()


def test_a_kind_nobody_knows_is_a_wrong_use(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, *SET, "--erp-kind", "dbase", "--erp-database", "x")[0] == 2


def test_a_files_path_is_kept_whole(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, *SET, "--erp-database", "erp.db")
    assert Journal(home.journal).connections.get("producao").erp.database == str(home.path / "erp.db")


def test_list_names_every_connection(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    journal = Journal(home.journal)
    for name in ("producao", "testes"):
        journal.connections.save(connection(name=name))
    status, said = run(capsys, "connection", "list")
    assert (status, [line.split()[0] for line in said.splitlines()]) == (0, ["producao", "testes"])


def test_remove_forgets_the_connection_and_its_secrets(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    journal, secrets = Journal(home.journal), Secrets(home.secrets)
    for name in ("producao", "testes"):
        journal.connections.save(connection(name=name))
        secrets.put(connection(name=name), "hub_token", Secret("a-chave"))
    assert run(capsys, "connection", "remove", "--connection", "testes", "--yes")[0] == 0
    assert [known.name for known in journal.connections.all()] == ["producao"]
    assert secrets.get(connection(name="testes"), "hub_token") is None
    assert secrets.get(connection(), "hub_token") == Secret("a-chave")


@pytest.mark.parametrize(("layout", "status"), [("padrao", 0), ("direto", 1)])
def test_case_e8_before_a_layout_is_chosen_the_test_is_of_the_connection_alone(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str], layout: str, status: int
) -> None:
    erp = tmp_path / "erp.db"
    sqlite3.connect(erp).execute("CREATE TABLE venda (a)").connection.close()
    with running_hub(tmp_path) as hub:
        told = ("--hub", hub.url, "--erp-kind", "sqlite", "--erp-database", str(erp), "--layout", layout)
        assert run(capsys, "connection", "set", *told, "--token-stdin", stdin=f"{hub.token}\n")[0] == 0
        ended, said = run(capsys, "connection", "test")
    assert ended == status
    assert "Banco do ERP: aberto." in said
    assert ("omnisync layout list" in said) is (status == 0)
    assert said.count("\n") <= 4
