"""What the pages say of the runs: each state its sentence, and numbers that add up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from omnisync.agent.errors import SettingsError
from omnisync.agent.journal.journal_file import JournalFile
from omnisync.agent.messages import pt
from omnisync.agent.messages.format import format_duration, format_short_duration
from omnisync.agent.pages import server
from omnisync.agent.pages.app import create_app
from omnisync.agent.progress import Counts, ExpectedCounts, RowCounts
from omnisync.agent.scheduler.scheduler import Offline
from tests.support.page_client import ALL, HOST, HTMX, NOW, PageSetup, page_client, text, token_in, unsettled, whole


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[PageSetup]:
    with page_client(tmp_path) as made:
        yield made


def test_a_new_computer_is_welcomed_with_four_steps(tmp_path: Path) -> None:
    with page_client(tmp_path, is_new=True) as pages:
        said = text(pages.client().get("/").text)
    for words_ in ("Bem-vindo ao Omnisync", "Banco do ERP", "Endereço e chave de acesso", "Conferência sem gravar"):
        assert words_ in said


def test_before_the_first_run_it_says_so(pages: PageSetup) -> None:
    said = text(pages.client().get("/").text)
    assert "Nenhuma importação feita ainda." in said
    assert "IMPORTAR" in said


def test_a_run_shows_its_progress_by_the_four_nouns(pages: PageSetup) -> None:
    counts = Counts(
        customers=RowCounts(written=24_800), orders=RowCounts(written=90, refused=2, waiting=3, kept=1, unchanged=4)
    )
    pages.run("running", minutes_ago=0.5, seconds=20, counts=counts, totals=ALL, phase="order:0001")
    said = text(pages.client().get("/").text)
    for words_ in (
        "Importando pedidos de vendas… 5%",
        "24.900 de 415.406 · 1.245 registros/s · faltam cerca de 5 min",
        "Iniciada hoje às 12:02 por você. Pode fechar esta página: a importação continua.",
        "Clientes 24.800 /24.800 24.800 0 Concluído",
        "Pedidos de vendas 4 sem alteração, 3 aguardando, 1 mantido no ERP 100 /96.400 90 2 Importando",
        "Itens de vendas 0 /289.204 0 0 Importando",
        "Cancelar",
        "24.900 recebidos = 24.890 gravados + 4 sem alteração + 2 recusados + 3 aguardando + 1 mantidos no ERP.",
    ):
        assert words_ in said, words_
    assert "IMPORTAR" not in said


def test_what_is_waited_out_is_said_while_the_run_goes(pages: PageSetup) -> None:
    pages.run("running", minutes_ago=1, seconds=50, phase="customer!hub_unreachable!2026-11-24T15:04:10+00:00")
    said = text(pages.client().get("/situacao").text)
    assert "Verifique a internet deste computador. Vamos tentar de novo às 12:04." in said
    assert "Importando clientes…" in said


def test_a_pause_the_hub_asked_for_is_counted_down(pages: PageSetup) -> None:
    pages.run("running", minutes_ago=1, seconds=50, phase="order:0001!rate_limited!2026-11-24T15:03:07+00:00")
    said = text(pages.client().get("/situacao").text)
    assert "A importação continua sozinha em 7 segundos; não é preciso fazer nada." in said


def test_a_busy_erp_is_waited_out_and_asks_nothing_of_a_person(pages: PageSetup) -> None:
    pages.run("running", minutes_ago=1, seconds=50, phase="customer!erp_busy!2026-11-24T15:03:12+00:00")
    said = text(pages.client().get("/situacao").text)
    assert "O banco do ERP está ocupado. Tentamos de novo em 12 segundos; não é preciso fazer nada." in said
    assert "tente de novo" not in said


def test_who_cancels_is_not_told_that_it_goes_on(pages: PageSetup) -> None:
    pages.run("cancelling", minutes_ago=0.5, seconds=20)
    said = text(pages.client().get("/situacao").text)
    assert "Pode fechar esta página: o que já foi gravado fica." in said
    assert "continua" not in said


def test_the_bars_of_the_days_are_told_in_numbers_too(pages: PageSetup) -> None:
    pages.run("done", counts=Counts(orders=RowCounts(written=3)))
    assert "24/11: 3 registros gravados, 0 recusados" in text(pages.client().get("/").text)


def test_a_run_without_totals_shows_a_bar_without_an_end(pages: PageSetup) -> None:
    pages.run("waiting", minutes_ago=0)
    html = pages.client().get("/situacao").text
    assert "Começando a importação…" in html
    assert '<progress aria-label="Importação em andamento" max="100">' in html


@pytest.mark.parametrize(
    ("state", "code", "sentences"),
    [
        ("cancelling", None, ["Cancelando… terminando de gravar a página atual."]),
        (
            "cancelled",
            "cancelled",
            ["Importação cancelada. 415.398 registros ficaram gravados; a próxima continua daí."],
        ),
        ("interrupted", "interrupted", ["Importação interrompida. 415.398 registros ficaram gravados"]),
        (
            "done_with_refusals",
            None,
            ["Importação concluída com 2 registros recusados.", "415.398 registros gravados em 10 segundos."],
        ),
        (
            "failed",
            "token_refused",
            [
                "A importação parou: o OmniForce recusou o acesso deste computador.",
                "Nada foi perdido: 415.398 registros já estão gravados e a próxima importação continua daí.",
                "(token_refused)",
                "Abrir Conexão",
            ],
        ),
        ("failed", "internal", ["A importação parou.", "(internal)"]),
        (
            "failed",
            "establishment_busy",
            ["A importação foi feita em parte: outro computador está importando o resto.", "Abrir Pendências"],
        ),
        (
            "failed",
            "hub_unreachable",
            ["Sem conexão com o OmniForce desde 12:00.", "IMPORTAR tenta agora.", "IMPORTAR"],
        ),
    ],
)
def test_each_end_has_its_sentence(pages: PageSetup, state: Any, code: str | None, sentences: list[str]) -> None:
    pages.run(state, counts=whole(), totals=ALL, code=code)
    said = text(pages.client().get("/").text)
    for words_ in sentences:
        assert words_ in said, words_


def test_a_done_run_is_up_to_date(pages: PageSetup) -> None:
    pages.run("done", seconds=4, counts=Counts(customers=RowCounts(written=318)))
    said = text(pages.client().get("/").text)
    assert "Tudo em dia. Última importação hoje às 12:00." in said
    assert "318 registros gravados, nenhum recusado, em 4 segundos." in said


def test_nothing_new_is_no_error(pages: PageSetup) -> None:
    pages.run("done")
    assert "Não há dados novos no OmniForce." in text(pages.client().get("/").text)


def test_what_is_still_refused_keeps_a_done_run_from_saying_all_is_well(pages: PageSetup) -> None:
    pages.run("done")
    pages.erp.issues = [unsettled(codigo="1")]
    said = text(pages.client().get("/").text)
    assert "Tudo em dia" not in said
    assert "1 registro continua recusado" in said


def test_offline_says_when_it_tries_again(pages: PageSetup) -> None:
    pages.run("failed", code="hub_unreachable", minutes_ago=11)
    pages.run("failed", code="hub_unreachable", minutes_ago=5, origin="retry")
    pages.offline["producao"] = Offline(NOW, 3, NOW + timedelta(seconds=45))
    said = text(pages.client().get("/").text)
    assert "Sem conexão com o OmniForce desde 11:52." in said
    assert "de novo em 45 segundos (tentativa 4); IMPORTAR tenta agora." in said


def test_a_failure_stays_in_view_until_a_run_succeeds(pages: PageSetup) -> None:
    pages.run("failed", code="token_refused", minutes_ago=30)
    pages.run("cancelled", code="cancelled", minutes_ago=20)
    assert "recusou o acesso deste computador" in text(pages.client().get("/situacao").text)
    pages.run("done", minutes_ago=10)
    assert "recusou o acesso deste computador" not in text(pages.client().get("/situacao").text)


def test_a_going_run_hides_the_last_failure(pages: PageSetup) -> None:
    pages.run("failed", code="token_refused", minutes_ago=30)
    pages.run("running", minutes_ago=0, seconds=0)
    assert "recusou o acesso" not in text(pages.client().get("/situacao").text)


def test_the_history_adds_up_in_every_row(pages: PageSetup) -> None:
    tally = RowCounts(written=5, unchanged=4, refused=3, waiting=2, kept=1)
    pages.run("done_with_refusals", counts=Counts(orders=tally), origin="catch_up")
    said = text(pages.client().get("/historico").text)
    assert "Hoje, 12:00 Atrasada Concluída com recusas 15 5 4 3 2 1 0 10 s" in said


def test_the_history_goes_on_to_older_runs(pages: PageSetup) -> None:
    ids = [pages.run("done", minutes_ago=200 - n) for n in range(60)]
    client = pages.client()
    html = client.get("/historico").text
    [older] = re.findall(r"/historico\?antes=(\w+)", html)
    assert older == ids[10]
    assert client.get(f"/historico?antes={older}").text.count("<tr>") == 11


def test_a_page_that_does_not_exist_says_so_and_nothing_of_the_company(pages: PageSetup) -> None:
    answer = pages.client().get("/nada")
    assert answer.status_code == 404
    assert text(answer.text) == "OMNISYNC Esta página não existe. Volte ao início. Voltar ao início"


def test_a_journal_built_anew_is_told_on_the_first_screen(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"not a database" * 1000)
    with page_client(tmp_path, is_new=True) as pages:
        pages.parts.journal.connections.all()
        [notice] = pages.journal.notices()
        parts = msgspec.structs.replace(pages.parts, clock=lambda: notice.at)
        said = text(TestClient(create_app(parts, [HOST]), base_url=f"http://{HOST}").get("/").text)
    assert "O histórico deste computador estava danificado e foi refeito." in said
    assert notice.words["arquivo"] in said


def test_a_failed_refresh_leaves_the_page_as_it_is(pages: PageSetup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JournalFile, "rows", _broken)  # a disk that fails under a running agent
    answer = pages.client().get("/situacao", headers=HTMX)
    assert (answer.status_code, answer.text, answer.headers["hx-reswap"]) == (409, "", "none")


def _broken(journal: JournalFile, sql: str, *values: object) -> Any:
    raise SettingsError("disk_full", pasta="/x")


def test_a_failed_button_says_so_in_place(pages: PageSetup, monkeypatch: pytest.MonkeyPatch) -> None:
    client = pages.client()
    token = token_in(client.get("/").text)
    monkeypatch.setattr(JournalFile, "rows", _broken)  # as above
    answer = client.post("/importar", data={"_token": token}, headers=HTMX)
    assert (answer.status_code, answer.headers["hx-retarget"]) == (409, "#aviso")
    assert "O disco deste computador está cheio (/x)." in text(answer.text)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.10", "::", "::1", "erp.local"])
def test_an_address_others_could_reach_is_refused(pages: PageSetup, host: str) -> None:
    with pytest.raises(SettingsError) as refused:
        server.PageServer(pages.parts, host, 0)
    assert refused.value.code == "pages_without_password"


def test_a_busy_port_is_told(pages: PageSetup) -> None:
    first = server.PageServer(pages.parts, "127.0.0.1", 0)
    with pytest.raises(SettingsError) as refused:
        server.PageServer(pages.parts, "127.0.0.1", int(first.url.rsplit(":", 1)[1]))
    first.close()
    assert refused.value.code == "pages_port_busy"


def test_every_code_of_the_pages_has_its_sentence() -> None:
    codes = {"pages_address", "pages_port_busy", "schedule_never_saved"}
    assert codes <= pt.MESSAGES.keys()


@pytest.mark.parametrize(
    ("seconds", "said", "short"),
    [
        (0, "menos de 1 segundo", "0 s"),
        (1, "1 segundo", "1 s"),
        (65, "1 minuto e 5 segundos", "1 min 05 s"),
        (3600, "1 hora", "1 h 00 min"),
        (7385, "2 horas e 3 minutos", "2 h 03 min"),
    ],
)
def test_spans_are_said_in_words(seconds: int, said: str, short: str) -> None:
    length = timedelta(seconds=seconds)
    assert (format_duration(length), format_short_duration(length)) == (said, short)


def test_totals_smaller_than_what_came_show_what_came(pages: PageSetup) -> None:
    pages.run("running", counts=Counts(customers=RowCounts(written=12)), totals=ExpectedCounts(customers=10))
    said = text(pages.client().get("/situacao").text)
    assert "Clientes 12 /12 12 0 Concluído" in said


def test_what_did_not_enter_can_be_taken_to_a_spreadsheet(pages: PageSetup) -> None:
    pages.erp.issues = [unsettled(codigo="1")]
    pages.run("done_with_refusals")
    with pages.client() as client:
        assert 'href="/recusados.csv" download>Exportar CSV</a>' in client.get("/").text
        answer = client.get("/recusados.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text.startswith("\ufeff")
    assert len(answer.text.splitlines()) == 2
