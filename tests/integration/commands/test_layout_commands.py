"""`omnisync layout` and `omnisync erp`: what they say, how they end, and that nothing is written."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from omnisync.agent.config.connection import ErpAddress
from omnisync.agent.config.settings import Home
from omnisync.agent.erp.layout.schema import shipped_text
from omnisync.agent.journal.journal import Journal
from omnisync.cli import main
from tests.support.erp_databases import make_sqlite
from tests.support.page_client import connection

ONE_MOMENT = (
    r"Um pedido feito em [0-9/]+ [0-9:]+ \(UTC\) no aplicativo entra no ERP com [0-9-]+ [0-9:]+ em pedidos.emitido_em, "
    r"no fuso .+ \(UTC.+\)\."
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A computer with one connection, to a database with padrao's tables and a customer with accents."""
    monkeypatch.setenv("OMNISYNC_HOME", str(tmp_path / "home"))
    keeper = make_sqlite(tmp_path)
    keeper.run(
        "INSERT INTO clientes (id_externo, tipo_pessoa, tipo_documento, nome, contribuinte_icms, ativo) "
        "VALUES ('x', 'company', 'none', 'Padaria São João', '9', 1)"
    )
    journal = Journal(Home(tmp_path / "home").prepare().journal)
    journal.connections.save(msgspec.structs.replace(connection(), erp=keeper.address))
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[Any, str]:
    """The status a command ends with, and all it said."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capsys.readouterr()
    return ended.value.code, said.out + said.err


def _tables(place: Path) -> set[str]:
    with closing(sqlite3.connect(place / "erp.db")) as plain:
        return {
            row[0]
            for row in plain.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        }


def test_the_shipped_layouts_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    status, said = run(capsys, "layout", "list")
    assert status == 0
    assert "padrao" in said
    assert "sqlite, postgresql, mariadb, firebird, sqlserver" in said
    assert run(capsys, "layout", "show", "padrao") == (0, shipped_text("padrao"))
    status, said = run(capsys, "layout", "show", "padrão")
    assert (status, "seria padrao?" in said) == (1, True)


def test_a_layout_that_fits_says_so_and_warns_of_what_is_slow(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = _tables(place)
    for arguments in (("padrao",), ()):
        status, said = run(capsys, "layout", "check", *arguments)
        *_, moment, fits = said.splitlines()
        assert (status, fits) == (0, "O layout padrao serve para este banco.")
        assert re.fullmatch(ONE_MOMENT, moment)
    assert _tables(place) == before


def test_a_layout_that_does_not_fit_ends_with_one_and_says_where(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = place / "meu.toml"
    path.write_text(shipped_text("padrao").replace('nome = "name"', 'nomes = "name"'), encoding="utf-8")
    status, said = run(capsys, "layout", "check", str(path))
    assert status == 1
    assert "ERRO  customer.columns.nomes: A tabela clientes não tem a coluna nomes (seria nome?)." in said
    assert said.endswith("Layout padrao: 2 erros, 0 avisos.\n")


def test_a_layout_wrong_in_itself_never_reaches_the_database(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = place / "meu.toml"
    path.write_text(shipped_text("padrao").replace('nome = "name"', 'nome = "nam"'), encoding="utf-8")
    (place / "erp.db").unlink()
    status, said = run(capsys, "layout", "check", str(path))
    assert (status, "seria name?" in said) == (1, True)
    assert "não pode ser lido" in run(capsys, "layout", "check", str(place / "outro.toml"))[1]


def test_a_draft_is_written_once_and_can_be_checked(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, before = place / "meu.toml", _tables(place)
    status, said = run(capsys, "layout", "new", "--out", str(path))
    assert status == 0
    assert (
        f"Rascunho gravado em {path}. Tabelas reconhecidas: clientes, pedidos, itens_pedido, formas_pagamento." in said
    )
    assert "palpites a conferir" in said
    assert 'name = "meu"' in path.read_text(encoding="utf-8")
    assert run(capsys, "layout", "check", str(path))[0] == 0
    path.write_text("# meu", encoding="utf-8")
    status, said = run(capsys, "layout", "new", "--out", str(path))
    assert (status, "já existe" in said, path.read_text(encoding="utf-8")) == (1, True, "# meu")
    assert run(capsys, "layout", "new", "--out", str(path), "--force")[0] == 0
    assert _tables(place) == before


@pytest.mark.parametrize(
    ("out", "sentence"), [("meu.txt", "termina em .toml"), ("nada/meu.toml", "não pode ser gravado")]
)
def test_a_draft_that_cannot_be_written_is_one_sentence(
    place: Path, capsys: pytest.CaptureFixture[str], out: str, sentence: str
) -> None:
    status, said = run(capsys, "layout", "new", "--out", str(place / out))
    assert (status, sentence in said) == (1, True)


def test_the_erps_database_is_looked_at_from_end_to_end(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = _tables(place)
    status, said = run(capsys, "erp", "check")
    assert status == 0
    assert re.fullmatch(f"ok    Hora: {ONE_MOMENT}", said.splitlines()[4])
    assert [line for line in said.splitlines() if "Hora: " not in line] == [
        f"ok    Conexão: SQLite, {place / 'erp.db'}.",
        f"ok    Banco: {len(before)} tabelas, charset UTF-8.",
        "ok    Letras: confira se estes nomes estão certos: Padaria São João.",
        "ok    Tabelas do Omnisync: serão criadas na primeira importação (omnisync_binding e omnisync_cursor).",
        "ok    Layout padrao: as tabelas, as colunas e as permissões servem.",
    ]
    assert _tables(place) == before


def test_a_database_with_a_fault_ends_with_one(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(place / "erp.db")) as plain:
        plain.execute("DROP TABLE formas_pagamento")
    status, said = run(capsys, "erp", "check")
    assert status == 1
    assert "ERRO  payment.table: A tabela formas_pagamento não existe neste banco" in said
    assert "as permissões servem" not in said


def test_a_database_that_does_not_open_is_one_sentence(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = Journal(Home(place / "home").journal)
    journal.connections.save(msgspec.structs.replace(connection(), erp=ErpAddress(database=str(place / "nada.db"))))
    for command in (("erp", "check"), ("layout", "check"), ("layout", "new", "--out", str(place / "meu.toml"))):
        status, said = run(capsys, *command)
        assert (status, "nada.db não existe neste computador" in said) == (1, True)


def test_a_layout_that_keeps_our_tables_here_is_checked_for_what_it_needs(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = place / "meu.toml"
    path.write_text('state = "agent"\n' + shipped_text("padrao"), encoding="utf-8")
    status, said = run(capsys, "layout", "check", str(path))
    assert (status, said.splitlines()[-1]) == (0, "O layout padrao serve para este banco.")
    with closing(sqlite3.connect(place / "erp.db")) as plain:
        [(made,)] = plain.execute("SELECT sql FROM sqlite_master WHERE name = 'pedidos'")
        plain.execute("ALTER TABLE pedidos RENAME TO velha")
        plain.execute(made.replace("UNIQUE", ""))
        plain.commit()
    status, said = run(capsys, "layout", "check", str(path))
    assert (status, "A coluna pedidos.id_externo guarda o código do OmniForce e não tem chave única." in said) == (
        1,
        True,
    )
    path.write_text('state = "agent"\n' + shipped_text("padrao").replace('id_externo = "id"', "", 1), encoding="utf-8")
    status, said = run(capsys, "layout", "check", str(path))
    assert (status, "customer.columns.id_externo: com state = 'agent', é 'id', sem conversores" in said) == (1, True)


def test_the_look_at_the_erp_says_where_our_tables_are(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = place / "meu.toml"
    path.write_text('state = "agent"\n' + shipped_text("padrao"), encoding="utf-8")
    journal = Journal(Home(place / "home").journal)
    known = journal.connections.get("producao")
    journal.connections.save(msgspec.structs.replace(known, erp=msgspec.structs.replace(known.erp, layout=str(path))))
    status, said = run(capsys, "erp", "check")
    assert (status, "ok    Tabelas do Omnisync: ficam neste computador, como o layout pede." in said) == (0, True)
    assert not any(name.startswith("omnisync") for name in _tables(place))


def test_case_f1_the_check_lists_every_sql_text_first(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = place / "meu.toml"
    sql = "UPDATE pedidos SET observacao = 'lido' WHERE codigo = :key"
    path.write_text(shipped_text("padrao").replace("[order]\n", f'[order]\nafter_sql = "{sql}"\n', 1), encoding="utf-8")
    said = run(capsys, "layout", "check", str(path))[1]
    assert said.splitlines()[0] == f"SQL   order.after_sql: {sql}"
