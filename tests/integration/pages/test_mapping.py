"""De/Para: told by page or by command, kept by the journal, and what a missing code kept out enters by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from omnisync.agent.config.settings import Home
from omnisync.agent.erp.databases import layout_named
from omnisync.agent.erp.layout.code_map import of_layout
from omnisync.agent.erp.layout.schema import shipped_text
from omnisync.agent.errors import ErpSetupError
from omnisync.agent.journal.journal import Journal
from tests.support.command_line import run
from tests.support.hub_server import RunningHub, running_hub
from tests.support.import_runs import send
from tests.support.installed_program import Program, installed
from tests.support.page_client import HOSTILE, Client, PageSetup, connection, page_client, post, text, unsettled
from tests.support.record_samples import change, customer, order

MAPPED = 'meio = { field = "method_code", map = { BOLETO = "15" }, de_para = "payment_method" }'


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[PageSetup]:
    with page_client(tmp_path) as made:
        made.de_para["payment_method"] = {"BOLETO": "15"}
        yield made


def loja(folder: Path) -> Path:
    """The layout padrao, with a De/Para for the payment's method."""
    path = folder / "loja.toml"
    path.write_text(shipped_text("padrao").replace('meio = "method_code"', MAPPED), encoding="utf-8")
    return path


def missing(pages: PageSetup, *codes: str) -> None:
    pages.run("done_with_refusals")
    pages.erp.issues = [
        unsettled(id=f"ord_{n}", code="payment_method_unmapped", codigo=code, value=code)
        for n, code in enumerate(codes)
    ]


def rows(client: Client) -> list[tuple[str, str]]:
    """The codes on the page with what is typed beside each, in their order."""
    html = client.get("/de-para").text
    return re.findall(r'name="codigo" value="([^"]*)"></th>\s*<td[^>]*><input name="erp" value="([^"]*)"', html)


def test_codes_that_kept_orders_out_stand_first_with_how_many(pages: PageSetup) -> None:
    missing(pages, "PIX", "PIX", "VALE")
    pages.journal.decisions.save_mappings("producao", "payment_method", {"CHEQUE": "3"})
    client = pages.signed_in()
    assert rows(client) == [("PIX", ""), ("VALE", ""), ("CHEQUE", "3"), ("BOLETO", "")]
    said = text(client.get("/de-para").text)
    assert "Meio de pagamento 2 códigos sem correspondente" in said
    assert "PIX Falta: 2 pedidos não entraram" in said
    assert 'placeholder="15"' in client.get("/de-para").text


def test_what_is_typed_is_saved_and_an_empty_field_is_forgotten(pages: PageSetup) -> None:
    missing(pages, "PIX")
    pages.journal.decisions.save_mappings("producao", "payment_method", {"CHEQUE": "3"})
    client = pages.signed_in()
    fields = {"grupo": "payment_method", "codigo": ["PIX", "CHEQUE", "BOLETO", "DEP"], "erp": [" 7 ", "", "", "9"]}
    assert post(client, "/de-para", fields).headers["location"] == "/de-para?salvo=1"
    assert pages.journal.decisions.mappings("producao") == {"payment_method": {"PIX": "7", "DEP": "9"}}
    assert rows(client)[0] == ("DEP", "9")
    assert "De/Para alterado" in text(client.get("/historico").text)


def test_saving_one_group_leaves_the_others(pages: PageSetup) -> None:
    pages.journal.decisions.save_mappings("producao", "seller", {"12": "V012"})
    post(pages.signed_in(), "/de-para", {"grupo": "payment_method", "codigo": "PIX", "erp": "7"})
    assert pages.journal.decisions.mappings("producao") == {"payment_method": {"PIX": "7"}, "seller": {"12": "V012"}}


@pytest.mark.parametrize(
    "fields",
    [
        {"grupo": "product", "codigo": "A", "erp": "1"},
        {"grupo": "payment_method", "codigo": "A", "erp": "1" * 101},
        {"grupo": "payment_method", "codigo": "A\x00B", "erp": "1"},
    ],
)
def test_what_is_no_code_is_not_saved(pages: PageSetup, fields: dict[str, str]) -> None:
    assert post(pages.signed_in(), "/de-para", fields).status_code == 422
    assert pages.journal.decisions.mappings("producao") == {}


def test_groups_the_layout_does_not_ask_for_are_named_only(pages: PageSetup) -> None:
    said = text(pages.signed_in().get("/de-para").text)
    assert "não pergunta por: condição de pagamento, vendedor, estabelecimento, tabela de preços." in said


def test_a_layout_without_de_para_says_so(pages: PageSetup) -> None:
    pages.de_para.clear()
    assert "O layout desta conexão não usa De/Para" in text(pages.signed_in().get("/de-para").text)


def test_an_erp_that_does_not_open_leaves_the_codes_to_be_told(pages: PageSetup) -> None:
    missing(pages, "PIX")
    pages.erp.error = ErpSetupError(banco="ERP", servidor="erp-01")
    client = pages.signed_in()
    assert "Não foi possível abrir o banco ERP" in text(client.get("/de-para").text)
    assert rows(client) == [("BOLETO", "")]


def test_hostile_codes_are_only_text(pages: PageSetup) -> None:
    missing(pages, HOSTILE)
    pages.journal.decisions.save_mappings("producao", "payment_method", {"A": HOSTILE})
    html = pages.signed_in().get("/de-para").text
    assert "<script>alert" not in html
    assert HOSTILE in text(html).replace("“", '"')


def test_the_command_tells_shows_and_forgets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OMNISYNC_HOME", str(tmp_path))
    with closing(Journal(Home(tmp_path).prepare().journal)) as journal:
        erp = connection().erp
        journal.connections.save(connection(erp=type(erp)(database=erp.database, layout=str(loja(tmp_path)))))
        assert run(capsys, "mapping", "set", "payment_method", "PIX", "7")[0] == 0
        assert journal.decisions.mappings("producao") == {"payment_method": {"PIX": "7"}}
        status, said = run(capsys, "mapping", "list")
        assert status == 0
        assert [line.split() for line in said.splitlines()] == [
            ["Meio", "de", "pagamento", "(payment_method)"],
            ["BOLETO", "15", "do", "layout"],
            ["PIX", "7"],
        ]
        assert run(capsys, "mapping", "unset", "payment_method", "PIX")[0] == 0
        assert journal.decisions.mappings("producao") == {}
        assert run(capsys, "mapping", "set", "preco", "A", "B")[0] == 2
        assert run(capsys, "mapping", "set", "seller", "A", " ")[0] == 1


def test_a_layout_names_the_groups_it_asks_for(tmp_path: Path) -> None:
    assert of_layout(layout_named(str(loja(tmp_path)))) == {"payment_method": {"BOLETO": "15"}}
    assert of_layout(layout_named("padrao")) == {}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running_hub(tmp_path) as running:
        yield running


def test_what_a_missing_code_kept_out_enters_once_it_is_told(tmp_path: Path, hub: RunningHub) -> None:
    program: Program = installed(tmp_path / "computer", hub)
    assert program.run("connection", "set", "--layout", str(loja(tmp_path))).status == 0
    send(hub, change(customer()), change(order()))
    assert program.run("import").status == 3
    assert "A forma de pagamento PIX ainda não tem correspondente no ERP." in program.run("refused").out
    assert program.run("mapping", "set", "payment_method", "PIX", "7").status == 0
    assert program.run("import").status == 0
    assert program.keeper.query("SELECT meio FROM formas_pagamento") == [("7",)]
