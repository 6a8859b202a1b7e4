"""Pendências: what did not enter, with reason and remedy; what a person chooses and confirms; what entered warned."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from omnisync.agent.errors import BadTokenError, ErpSetupError
from omnisync.agent.messages import sentences
from omnisync.agent.record_ref import RecordRef
from omnisync.contract.feed import Reason
from tests.support.page_client import HTMX, NOW, Client, PageSetup, page_client, post, text, unsettled, whole

KEYS = "000012,000345"


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[PageSetup]:
    with page_client(tmp_path) as made:
        yield made


def duplicate(value: str | None = KEYS, id: str = "cus_1") -> object:
    return unsettled(
        kind="customer",
        id=id,
        label="Padaria do Zé",
        code="customer_duplicate",
        value=value,
        n="2",
        nome="Padaria do Zé",
    )


def pendings(pages: PageSetup, *records: object) -> Client:
    pages.run("done_with_refusals", counts=whole())
    pages.erp.issues = list(records)  # type: ignore[arg-type]
    return pages.client()


def badge(html: str) -> str:
    found = re.search(r'<span class="badge">([\d.]+)<', html)
    return found[1] if found else ""


def test_refused_and_waiting_records_stand_with_reason_remedy_and_button(pages: PageSetup) -> None:
    client = pendings(
        pages,
        unsettled(codigo="000123"),
        unsettled("waiting", id="o2", label="OF-2", code="customer_missing", nome="Fulano", minutes_ago=60),
    )
    html = client.get("/pendencias").text
    said = text(html)
    assert "1 registro recusado e 1 aguardando" in said
    assert "Pedido OF-004821 O produto 000123 não existe no ERP. Cadastre o produto" in said
    assert "Entra sozinho assim que o cliente chegar. Automático Aguardando há 1 hora" in said
    assert 'name="registro" value="order:ord_1"' in html
    assert "hx-post" not in html
    assert "/recusados.csv" in html


def test_a_code_missing_in_de_para_leads_there(pages: PageSetup) -> None:
    client = pendings(pages, unsettled(code="payment_method_unmapped", codigo="PIX", value="PIX"))
    for path in ("/", "/pendencias"):
        assert 'href="/de-para#payment_method-titulo">Abrir De/Para' in client.get(path).text, path


def test_a_customer_of_another_document_may_stay_with_its_row_or_be_imported_again(pages: PageSetup) -> None:
    record = unsettled(
        kind="customer",
        id="cus_1",
        label="Padaria do Zé",
        code="customer_other_document",
        value="000012",
        nome="Padaria do Zé",
        chave="000012",
    )
    client = pendings(pages, record)
    html = client.get("/pendencias").text
    assert "estava ligado ao cliente 000012 do ERP, que tem outro CNPJ/CPF." in text(html)
    assert 'value="000012"' in html
    assert "Buscar de novo" in text(html)


def test_nothing_pending_is_said(pages: PageSetup) -> None:
    said = text(pendings(pages).get("/pendencias").text)
    assert "Nenhum registro recusado nem aguardando." in said


def test_during_an_import_the_erp_is_left_alone(pages: PageSetup) -> None:
    pages.run("running", minutes_ago=0, seconds=0)
    pages.erp.error = ErpSetupError(banco="ERP", servidor="erp-01")
    assert "Uma importação está em andamento" in text(pages.client().get("/pendencias").text)


def test_an_erp_that_does_not_open_is_said(pages: PageSetup) -> None:
    pages.run("done")
    pages.erp.error = ErpSetupError(banco="ERP", servidor="erp-01")
    for path in ("/pendencias", "/pendencias/avisos"):
        assert "Não foi possível abrir o banco ERP" in text(pages.client().get(path).text), path


def test_the_tab_counts_what_waits_for_a_person(pages: PageSetup) -> None:
    client = pendings(
        pages, unsettled(), unsettled("waiting", id="o2"), unsettled("kept", id="o3", code="order_locked")
    )
    pages.journal.decisions.request_confirmation("producao", "products", 120, NOW)
    assert badge(client.get("/").text) == "3"
    assert badge(client.get("/agendamento").text) == "3"
    assert badge(client.get("/detalhes", headers=HTMX).text) == "3"


def test_no_page_opens_the_erp_for_the_badge_alone(pages: PageSetup) -> None:
    client = pendings(pages, unsettled())
    assert badge(client.get("/agendamento").text) == ""
    assert pages.erp.n_opened == 0


def test_a_duplicate_customer_is_chosen_and_tried_at_once(pages: PageSetup) -> None:
    client = pendings(pages, duplicate())
    html = client.get("/pendencias").text
    assert re.findall(r'name="chave" value="([^"]+)"', html) == KEYS.split(",")
    assert "Há 2 clientes no ERP com o mesmo CNPJ do cliente Padaria do Zé." in text(html)
    answer = post(client, "/pendencias/escolher", {"registro": "customer:cus_1", "chave": "000345"})
    assert answer.headers["location"] == "/pendencias?aviso=escolhido"
    assert pages.erp.chosen == [("cus_1", "000345")]
    run = pages.journal.current_run("producao")
    assert run is not None
    assert (run.origin, run.scope.records) == ("retry", (RecordRef("customer", "cus_1"),))


def test_a_choice_during_an_import_is_kept_for_the_next(pages: PageSetup) -> None:
    client = pendings(pages, duplicate())
    run_id = pages.run("running", minutes_ago=0, seconds=0)
    answer = post(client, "/pendencias/escolher", {"registro": "customer:cus_1", "chave": "000012"})
    assert answer.headers["location"] == "/pendencias?aviso=escolhido-depois"
    assert pages.erp.chosen == [("cus_1", "000012")]
    assert [run.id for run in pages.journal.runs("producao", 1)] == [run_id]


@pytest.mark.parametrize(
    ("record", "key"),
    [("customer:cus_1", "999"), ("customer:cus_2", "000012"), ("order:ord_1", "000012"), ("x y", "000012"), ("", "")],
)
def test_only_what_was_offered_can_be_chosen(pages: PageSetup, record: str, key: str) -> None:
    client = pendings(pages, duplicate(), unsettled())
    answer = post(client, "/pendencias/escolher", {"registro": record, "chave": key})
    assert answer.headers["location"] == "/pendencias?aviso=mudou"
    assert pages.erp.chosen == []
    assert pages.journal.current_run("producao") is None


def test_a_key_of_several_columns_reads_as_one(pages: PageSetup) -> None:
    client = pendings(pages, duplicate("01\x1f000012,02\x1f000345"))
    html = client.get("/pendencias").text
    assert "01 / 000012" in text(html)
    post(client, "/pendencias/escolher", {"registro": "customer:cus_1", "chave": "02\x1f000345"})
    assert pages.erp.chosen == [("cus_1", "02\x1f000345")]


def test_what_would_be_taken_away_is_confirmed_as_it_was_shown(pages: PageSetup) -> None:
    answers = pages.journal.decisions
    answers.request_confirmation("producao", "products", 1204, NOW)
    answers.request_confirmation("producao", "receivables", 7, NOW)
    client = pages.signed_in()
    said = text(client.get("/pendencias").text)
    assert "1.204 produtos deixarão de aparecer no OmniForce com esta exportação." in said
    assert "7 registros (títulos a receber) deixarão de existir no destino" in said
    answer = post(client, "/pendencias/confirmar", {"dados": "products", "quantos": "1204"})
    assert answer.headers["location"] == "/pendencias?aviso=confirmado"
    assert answers.is_confirmed("producao", "products", 1204)
    assert not answers.is_confirmed("producao", "receivables", 7)
    assert "Confirmado: acontece na próxima exportação." in text(client.get("/pendencias").text)


@pytest.mark.parametrize("n", ["1203", "", "-1", "１２０４", "9" * 30])
def test_another_number_than_the_one_shown_confirms_nothing(pages: PageSetup, n: str) -> None:
    pages.journal.decisions.request_confirmation("producao", "products", 1204, NOW)
    answer = post(pages.signed_in(), "/pendencias/confirmar", {"dados": "products", "quantos": n})
    assert answer.headers["location"] == "/pendencias?aviso=mudou"
    assert not pages.journal.decisions.is_confirmed("producao", "products", 1)


def test_what_entered_with_a_warning_or_stayed_as_it_was_is_shown_on_a_click(pages: PageSetup) -> None:
    shortened = Reason(code="name_empty", message=sentences.of_code("name_empty", codigo="cus_7"))
    client = pendings(
        pages,
        unsettled("imported", kind="customer", id="cus_7", label="Sem nome", code="", warnings=(shortened,)),
        unsettled("kept", id="o3", label="OF-3", code="order_locked", situacao="faturado", numero_erp="104"),
        unsettled("kept", id="o4", label="", code="", erp_number="105"),
        unsettled("kept", id="o5", label="", code=""),
        unsettled(),
    )
    said = text(client.get("/pendencias/avisos").text)
    assert "Cliente Sem nome hoje às 12:00 – O cliente cus_7 veio sem nome." in said
    assert "Pedido OF-3 hoje às 12:00 – O pedido OF-3 foi alterado no OmniForce depois de faturado" in said
    assert "Pedido o4 hoje às 12:00 105 Apagado no OmniForce. O que o ERP tinha ficou como estava." in said
    assert "Pedido o5 hoje às 12:00 – Apagado no OmniForce, sem número no ERP." in said
    assert "OF-004821" not in said


BUSY: dict[str, Any] = {
    "code": "establishment_busy",
    "codigo": "0001, 0002",
    "nome": "loja",
    "donos": '{"0001":["loja","2026-11-24T14:58:00+00:00"],"0002":["loja <b>",""]}',
}


def test_who_imports_an_establishment_is_shown_and_it_can_be_taken_over(pages: PageSetup) -> None:
    pages.run("failed", **BUSY)
    html = pages.signed_in().get("/pendencias").text
    said = text(html)
    assert (
        "Na última importação daqui, hoje às 12:00, o estabelecimento 0001 - FABRICA VEVO estava sendo importado por "
        "outro computador (loja), desde hoje às 11:58." in said
    )
    assert "o estabelecimento 0002 - FÁBIO VEVO estava sendo importado por outro computador (loja &lt;b&gt;)." in html
    answer = post(pages.signed_in(), "/pendencias/assumir", {"estabelecimento": "0001"})
    assert answer.headers["location"] == "/pendencias?aviso=assumido"
    assert pages.hub.taken_over == ["0001"]
    run = pages.journal.current_run("producao")
    assert run is not None
    assert (run.kind, run.origin, run.scope.records) == ("import", "button", ())
    assert "Estabelecimento assumido de outro computador" in text(pages.signed_in().get("/historico").text)
    assert "Assumir neste computador" not in pages.signed_in().get("/pendencias").text  # it is being imported here


@pytest.mark.parametrize("code", ["0003", "", "0001/../x"])
def test_only_what_was_busy_can_be_taken_over(pages: PageSetup, code: str) -> None:
    pages.run("failed", **BUSY)
    answer = post(pages.signed_in(), "/pendencias/assumir", {"estabelecimento": code})
    assert (answer.headers["location"], pages.hub.taken_over) == ("/pendencias?aviso=mudou", [])


def test_what_is_imported_here_by_now_is_not_offered(pages: PageSetup) -> None:
    pages.run("failed", minutes_ago=5, **BUSY)
    pages.run("done")
    assert "Assumir" not in pages.signed_in().get("/pendencias").text
    answer = post(pages.signed_in(), "/pendencias/assumir", {"estabelecimento": "0001"})
    assert answer.headers["location"] == "/pendencias?aviso=mudou"


def test_a_hub_that_refuses_says_why_and_nothing_starts(pages: PageSetup) -> None:
    pages.run("failed", **BUSY)
    pages.hub.error = BadTokenError("scope_missing")
    answer = post(pages.signed_in(), "/pendencias/assumir", {"estabelecimento": "0001"})
    assert "A chave de acesso não permite esta operação na central." in text(answer.text)
    assert pages.journal.current_run("producao") is None
