"""What a layout may not reach: other files than the ERP's, and a page by more than its name."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from omnisync.agent.config.connection import ErpAddress
from omnisync.agent.erp.databases import open_database
from omnisync.agent.erp.layout.schema import shipped_text
from omnisync.agent.errors import LayoutError
from omnisync.agent.messages import sentences
from tests.support.command_line import run
from tests.support.erp_databases import SampleErp, make_sqlite, write
from tests.support.page_client import PageSetup, connection, page_client, post, text
from tests.support.record_samples import change, customer, order

OUTSIDE = (
    "ATTACH DATABASE '{file}' AS outro",
    "/* um */ attach '{file}' AS outro",
    "VACUUM INTO '{file}'",
    "PRAGMA writable_schema = 1",
    "PRAGMA main.Writable_Schema = ON",
    "SELECT load_extension('{file}')",
)


@pytest.fixture
def keeper(tmp_path: Path) -> SampleErp:
    return make_sqlite(tmp_path)


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[PageSetup]:
    with page_client(tmp_path / "home", known=connection(erp=ErpAddress(database=str(tmp_path / "erp.db")))) as made:
        yield made


@pytest.mark.parametrize("is_begun", [True, False])
@pytest.mark.parametrize("sql", OUTSIDE)
def test_case_f1_a_statement_stays_within_the_erps_file(
    keeper: SampleErp, tmp_path: Path, sql: str, is_begun: bool
) -> None:
    outside = tmp_path / "outro.db"
    with closing(open_database(ErpAddress(database=keeper.database))) as database:
        database.connect()
        if is_begun:
            database.begin()
        with pytest.raises(LayoutError):
            database.execute(sql.format(file=outside))
    assert not outside.exists()


def test_case_f1_a_layout_that_attaches_is_refused_and_writes_nothing(keeper: SampleErp, tmp_path: Path) -> None:
    outside = tmp_path / "outro.db"
    evil = tmp_path / "evil.toml"
    line = f"""[order]\nafter_sql = "ATTACH DATABASE '{outside}' AS outro"\n"""
    evil.write_text(shipped_text("padrao").replace("[order]\n", line, 1))
    with closing(keeper.open(layout=str(evil))) as erp:
        write(erp, change(customer()))
        with pytest.raises(LayoutError) as refused:
            write(erp, change(order()))
    assert sentences.of_code(refused.value.code, **refused.value.words) == (
        "O layout não pode ser usado: um SQL dele sai do banco do ERP (ATTACH, VACUUM, PRAGMA ou extensão). Corrija o "
        "arquivo do layout."
    )
    assert not outside.exists()
    with closing(sqlite3.connect(keeper.database)) as plain:
        assert plain.execute("SELECT COUNT(*) FROM pedidos").fetchone() == (0,)


def laid(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(shipped_text("padrao"))
    return file


@pytest.mark.parametrize(
    "typed",
    [
        "{elsewhere}/evil.toml",
        "../../elsewhere/evil",
        "../../elsewhere/evil.toml",
        "../layouts/meu",
        "{home}/layouts/meu.toml",
        "./meu",
        "C:\\evil.toml",
        "..\\evil.toml",
        "\\\\servidor\\evil.toml",
        "meu\0.toml",
        "meu.toml.toml",
        "ligado",
        "ligado.toml",
        "pasta",
        "file:///evil.toml",
    ],
)
@pytest.mark.parametrize("page", ["/conexao", "/conexao/nova"])
def test_case_f1_over_the_pages_a_layout_is_a_name_and_never_a_path(
    pages: PageSetup, tmp_path: Path, typed: str, page: str
) -> None:
    home, layouts = pages.parts.settings.home, pages.parts.settings.home.path / "layouts"
    evil = laid(tmp_path / "elsewhere", "evil.toml")
    laid(layouts, "meu.toml")
    (layouts / "ligado.toml").symlink_to(evil)
    (layouts / "pasta.toml").mkdir()
    typed = typed.format(elsewhere=evil.parent, home=home.path)
    fields = {"nome": "filial", "tipo": "sqlite", "banco": "/e.db", "layout": typed}
    answer = post(pages.signed_in(), page, fields | ({"_conexao": "producao"} if page == "/conexao" else {}))
    assert answer.status_code == 422
    assert '<a href="#layout">' in answer.text
    assert 'id="erro-layout"' in answer.text
    assert "não é conhecido. Escolha um destes: direto, padrao" in text(answer.text)
    assert [one.erp.layout for one in pages.journal.connections.all()] == ["padrao"]


@pytest.mark.parametrize("typed", ["meu", "meu.toml"])
def test_case_f1_a_layout_of_the_homes_folder_is_chosen_by_its_name(pages: PageSetup, typed: str) -> None:
    file = laid(pages.parts.settings.home.path / "layouts", "meu.toml")
    client = pages.signed_in()
    assert post(client, "/conexao", {"layout": typed}).status_code == 303
    assert pages.journal.connections.get("producao").erp.layout == str(file)
    shown = client.get("/conexao").text
    assert 'name="layout" autocomplete="off" spellcheck="false" aria-describedby="layout-dica" value="meu"' in shown
    assert '<option value="meu"></option>' in shown
    assert post(client, "/conexao", {"layout": "meu", "banco": "/outro.db"}).status_code == 303
    assert pages.journal.connections.get("producao").erp == ErpAddress(database="/outro.db", layout=str(file))


def test_case_f1_a_path_the_command_line_chose_stays_until_another_layout_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = laid(tmp_path / "elsewhere", "evil.toml")
    with page_client(tmp_path / "home") as pages:
        monkeypatch.setenv("OMNISYNC_HOME", str(tmp_path / "home"))
        assert run(capsys, "connection", "set", "--layout", str(file))[0] == 0
        client = pages.signed_in()
        assert f'value="{file}"' in client.get("/conexao").text
        assert post(client, "/conexao", {"layout": str(file), "banco": "/outro.db"}).status_code == 303
        assert pages.journal.connections.get("producao").erp.layout == str(file)
        assert post(client, "/conexao", {"layout": str(file) + " "}).status_code == 303
        post(client, "/conexao", {"layout": "padrao"})
        assert post(client, "/conexao", {"layout": str(file)}).status_code == 422
        assert pages.journal.connections.get("producao").erp.layout == "padrao"


def test_a_layout_path_longer_than_a_field_stays_too(pages: PageSetup, tmp_path: Path) -> None:
    file = laid(tmp_path / ("longo" * 20) / ("longo" * 20) / ("longo" * 20) / ("longo" * 20), "meu.toml")
    pages.journal.connections.save(connection(erp=ErpAddress(database="/e.db", layout=str(file))))
    assert post(pages.signed_in(), "/conexao", {"layout": str(file), "banco": "/outro.db"}).status_code == 303
    assert pages.journal.connections.get("producao").erp == ErpAddress(database="/outro.db", layout=str(file))


def test_case_f1_a_path_of_one_connection_is_none_for_another(pages: PageSetup, tmp_path: Path) -> None:
    file = laid(tmp_path / "elsewhere", "evil.toml")
    by_path = ErpAddress(database="/f.db", layout=str(file))
    pages.journal.connections.save(connection(name="filial", erp=by_path))
    answer = post(pages.signed_in(), "/conexao", {"_conexao": "producao", "layout": str(file)})
    assert answer.status_code == 422


def test_case_f1_the_command_line_knows_the_names_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    erp = ErpAddress(database=make_sqlite(tmp_path).database)
    with page_client(tmp_path, known=connection(erp=erp)) as pages:
        file = laid(pages.parts.settings.home.path / "layouts", "meu.toml")
        monkeypatch.setenv("OMNISYNC_HOME", str(tmp_path))
        assert run(capsys, "layout", "check", "meu")[0] == 0
        assert run(capsys, "connection", "set", "--layout", "meu")[0] == 0
        assert pages.journal.connections.get("producao").erp.layout == str(file)


ITS_SQL = "UPDATE pedidos SET observacao = 'lido' WHERE codigo = :key"


def laid_with_sql(pages: PageSetup, sql: str = ITS_SQL) -> Path:
    """A layout of the folder with a statement of its own."""
    file = laid(pages.parts.settings.home.layouts, "meu.toml")
    file.write_text(shipped_text("padrao").replace("[order]\n", f'[order]\nafter_sql = "{sql}"\n', 1))
    return file


def test_case_f1_a_layouts_sql_is_shown_before_it_is_saved(pages: PageSetup) -> None:
    file = laid_with_sql(pages)
    client = pages.signed_in()
    fields = {"_conexao": "producao", "layout": "meu"}
    for _ in range(2):
        answer = post(client, "/conexao", fields | {"sql_visto": "0" * 64})
        assert answer.status_code == 422
        assert "nada foi salvo ainda" in text(answer.text)
        assert f"order.after_sql {ITS_SQL}" in text(answer.text)
        assert pages.journal.connections.get("producao").erp.layout == "padrao"
    seen = re.search(r'name="sql_visto" value="([0-9a-f]{64})"', answer.text)
    assert seen is not None
    laid_with_sql(pages, "DELETE FROM pedidos")  # changed after it was shown
    assert post(client, "/conexao", fields | {"sql_visto": seen[1]}).status_code == 422
    laid_with_sql(pages)
    assert post(client, "/conexao", fields | {"sql_visto": seen[1]}).status_code == 303
    assert pages.journal.connections.get("producao").erp.layout == str(file)
    assert f"order.after_sql {ITS_SQL}" in text(client.get("/conexao").text)
    assert post(client, "/conexao", fields | {"banco": "/outro.db"}).status_code == 303
