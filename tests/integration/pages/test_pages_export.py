"""The way out on the pages: its button, its progress, its ends, what did not go, and what a person confirms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from omnisync.agent.journal.run import RunScope
from omnisync.agent.progress import Counts, ExportCounts, RowCounts
from omnisync.agent.sync.outbox import RowRefusal, outbox_of
from tests.support.page_client import ALL, HTMX, NOW, PageSetup, page_client, post, text, unsettled, whole

PRODUCTS = "omniforce.products"
FACTS = "dash.sales-facts"
WENT = Counts(
    exports={PRODUCTS: ExportCounts(read=1204, prepared=12, sent=12, deleted=2), FACTS: ExportCounts(read=90, sent=3)}
)


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[PageSetup]:
    with page_client(tmp_path) as made:
        yield made


def refuse(pages: PageSetup, *rows: tuple[str, str, str]) -> None:
    """Put rows into the outbox that the hub did not take: key, code, field."""
    with closing(outbox_of(pages.parts.settings.home, "producao")) as outbox:
        known = outbox.dataset_state("omniforce", "stock", hub="h", new_id=lambda: "s")
        unfit = [
            RowRefusal(key=key, code=code, pointer=f"/data/{field}" if field else "", detail="O texto é longo.", at=NOW)
            for key, code, field in rows
        ]
        outbox.enqueue(known, None, [], refused=unfit)


@pytest.mark.parametrize(
    ("chosen", "systems"),
    [("todos", "all"), ("dash", ("dash",)), ("omniforce", ("omniforce",)), ("", "all"), ("outro", "all")],
)
def test_the_button_exports_to_the_chosen_systems(pages: PageSetup, chosen: str, systems: Any) -> None:
    post(pages.client(), "/exportar", {"sistemas": chosen})
    run = pages.journal.current_run("producao")
    assert run is not None
    assert (run.kind, run.origin, run.scope.systems, run.scope.records) == ("export", "button", systems, ())


def test_a_click_during_an_import_shows_the_import(pages: PageSetup) -> None:
    run_id = pages.run("running", minutes_ago=0, seconds=0)
    answer = post(pages.client(), "/exportar", headers=HTMX)
    assert "Importando clientes…" in text(answer.text)
    assert [run.id for run in pages.journal.runs("producao", 5)] == [run_id]


@pytest.mark.parametrize(
    ("exported", "said", "unsaid"),
    [
        (["dash", "omniforce"], ["Exportar para OmniForce e Dash", "EXPORTAR", "Todos"], []),
        (["omniforce"], ["Exportar para OmniForce", "EXPORTAR"], ["Todos", "Dash"]),
        (["dash"], ["Exportar para Dash", "EXPORTAR"], ["Todos"]),
        ([], [], ["EXPORTAR"]),
    ],
)
def test_what_can_be_exported_is_offered_and_no_more(
    pages: PageSetup, exported: list[Any], said: list[str], unsaid: list[str]
) -> None:
    pages.exported[:] = exported
    shown = text(pages.client().get("/situacao").text)
    assert [words for words in said if words not in shown] == []
    assert [words for words in unsaid if words in shown] == []


@pytest.mark.parametrize(
    ("phase", "sentence"),
    [
        ("", "Começando a exportação…"),
        ("read:omniforce.price-tables", "Lendo no ERP: tabelas de preços…"),
        ("send:omniforce.products", "Enviando ao OmniForce: produtos…"),
        ("send:dash.sales-facts", "Enviando ao Dash: vendas…"),
    ],
)
def test_an_export_says_what_it_does(pages: PageSetup, phase: str, sentence: str) -> None:
    pages.run("running", kind="export", minutes_ago=0.5, seconds=20, counts=WENT, phase=phase)
    html = pages.client().get("/situacao").text
    said = text(html)
    for words in (sentence, "1.294 lidos · 15 enviados", "a exportação continua.", "Cancelar"):
        assert words in said, words
    assert "<title>Exportando · Omnisync</title>" in html
    assert "O que está sendo trazido" not in said
    assert "IMPORTAR" not in said
    assert "EXPORTAR" not in said


def test_each_dataset_has_its_row(pages: PageSetup) -> None:
    pages.run("running", kind="export", minutes_ago=0.5, seconds=20, counts=WENT, phase="read:dash.sales-facts")
    said = text(pages.client().get("/situacao").text)
    assert "Produtos 2 apagados 1.204 12 /12 0 Concluído" in said
    assert "Vendas (Dash) 90 3 0 Lendo" in said
    assert "1.294 lidos no ERP, 15 enviados, 2 deles apagados." in said


def test_a_run_of_both_halves_shows_both(pages: PageSetup) -> None:
    pages.run("running", kind="both", counts=whole() + WENT, totals=ALL, phase="send:omniforce.products")
    said = text(pages.client().get("/situacao").text)
    for words in ("Enviando ao OmniForce: produtos…", "Clientes 24.800", "Produtos 2 apagados", "a sincronização"):
        assert words in said, words


def test_a_cancelled_export_ends_its_batch_first(pages: PageSetup) -> None:
    pages.run("cancelling", kind="export", counts=WENT, phase="send:omniforce.products")
    said = text(pages.client().get("/situacao").text)
    assert "Cancelando… terminando de enviar o lote atual." in said


@pytest.mark.parametrize(
    ("kind", "state", "counts", "code", "sentences"),
    [
        (
            "export",
            "done",
            WENT,
            None,
            [
                "Tudo em dia. Última exportação hoje às 12:00.",
                "12 linhas enviadas ao OmniForce e 3 linhas ao Dash; 2 apagadas.",
            ],
        ),
        ("export", "done", Counts(), None, ["Nada mudou no ERP desde a última exportação."]),
        (
            "both",
            "done",
            Counts(customers=RowCounts(written=318)) + WENT,
            None,
            ["Última sincronização hoje às 12:00.", "318 registros gravados, nenhum recusado", "12 linhas enviadas"],
        ),
        ("export", "cancelled", WENT, "cancelled", ["Exportação cancelada. 15 linhas ficaram enviadas; a próxima"]),
        ("both", "interrupted", WENT, "interrupted", ["Sincronização interrompida. 0 registros ficaram gravados e 15"]),
        (
            "export",
            "failed",
            WENT,
            "scope_missing",
            [
                "A exportação parou: a chave de acesso não permite esta operação.",
                "Nada foi perdido: 15 linhas já foram enviadas e a próxima exportação continua daí.",
                "Abrir Conexão",
            ],
        ),
        ("export", "failed", Counts(), "hub_unreachable", ["Sem conexão com o OmniForce", "EXPORTAR tenta agora"]),
        (
            "export",
            "done_with_refusals",
            Counts(exports={PRODUCTS: ExportCounts(read=9, prepared=2, refused=2, held=12)}),
            "many_deleted",
            ["Exportação concluída com 2 linhas não enviadas e 12 linhas para confirmar.", "Abrir Pendências"],
        ),
        (
            "both",
            "done_with_refusals",
            whole() + Counts(exports={PRODUCTS: ExportCounts(read=9, prepared=1, refused=1)}),
            None,
            ["Sincronização concluída com 2 registros recusados e 1 linha não enviada."],
        ),
    ],
)
def test_each_end_has_its_sentence(
    pages: PageSetup, kind: Any, state: Any, counts: Counts, code: str | None, sentences: list[str]
) -> None:
    pages.run(state, kind=kind, counts=counts, code=code)
    said = text(pages.client().get("/").text)
    assert [words for words in sentences if words not in said] == []


def test_an_import_that_failed_stays_in_view_after_an_export_went_well(pages: PageSetup) -> None:
    pages.run("failed", minutes_ago=30, code="token_refused")
    pages.run("done", kind="export", counts=WENT)
    assert "Falha anterior, hoje às 11:33" in text(pages.client().get("/").text)
    pages.run("done", kind="both", minutes_ago=1)
    assert "Falha anterior" not in text(pages.client().get("/").text)


def test_the_lists_of_runs_show_both_halves(pages: PageSetup) -> None:
    sent = Counts(exports={PRODUCTS: ExportCounts(read=99, prepared=9, sent=7, refused=2, held=12)})
    pages.run("done_with_refusals", kind="both", counts=Counts(orders=RowCounts(written=5, refused=3)) + sent)
    client = pages.client()
    said = "Concluída com recusas Envio: 2 recusados, 12 para confirmar"
    assert f"Hoje, 12:00 Manual {said} 5 3 7 10 s" in text(client.get("/").text)
    assert f"Hoje, 12:00 Manual {said} 8 5 0 3 0 0 7 10 s" in text(client.get("/historico").text)


def test_rows_that_did_not_go_stand_with_reason_and_remedy(pages: PageSetup) -> None:
    pages.run("done_with_refusals", kind="export", counts=WENT)
    refuse(pages, ("0001/A~17", "length", "unit"), ("0001/000104", "repeated", ""))
    client = pages.client()
    for path in ("/", "/detalhes", "/pendencias"):
        said = text(client.get(path).text)
        assert "2 linhas não enviadas" in said, path
        assert "Estoque 0001 / A/7 O texto é longo (unit). Corrija no ERP: vai na próxima exportação." in said, path
        assert "Estoque 0001 / 000104 O texto é longo. Acerte a consulta no layout ou o cadastro no ERP." in said, path
        assert "Nenhum registro recusado nem aguardando." not in said, path
    assert '<span class="badge">2<' in client.get("/agendamento").text


def test_nothing_is_called_up_to_date_while_something_did_not_go_or_come(pages: PageSetup) -> None:
    pages.run("done", kind="export", counts=WENT)
    refuse(pages, ("0001/1", "length", "unit"))
    pages.erp.issues = [unsettled(codigo="1")]
    said = text(pages.client().get("/").text)
    assert "Última exportação hoje às 12:00; 1 registro continua recusado e 1 linha continua sem envio." in said
    assert "Tudo em dia" not in said


def test_they_are_sent_again_as_they_are_by_a_button(pages: PageSetup) -> None:
    pages.run("done_with_refusals", kind="export", counts=WENT)
    refuse(pages, ("0001/1", "length", "unit"))
    post(pages.client(), "/reenviar")
    run = pages.journal.current_run("producao")
    assert run is not None
    assert (run.origin, run.scope) == ("retry", RunScope(kind="export", resends_refused=True))


def test_during_a_run_the_outbox_is_left_alone(pages: PageSetup) -> None:
    refuse(pages, ("0001/1", "length", "unit"))
    pages.run("running", kind="export", minutes_ago=0, seconds=0)
    said = text(pages.client().get("/pendencias").text)
    assert "não enviada" not in said
    assert "Uma exportação está em andamento" in said
