"""What refreshes by itself: how often, where the focus stays, many tabs, and an agent that goes away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from omnisync.agent.pages.server import PageServer
from omnisync.agent.phase import decode_phase
from omnisync.agent.progress import Counts, ExpectedCounts, RowCounts
from tests.support.browser import Complaints, served, window
from tests.support.page_client import ALL, NOW, PageSetup, page_client, unsettled, whole


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[PageSetup]:
    with page_client(tmp_path) as made:
        yield made


def count_polls(page: Page) -> list[str]:
    polls: list[str] = []
    page.on("request", lambda request: polls.append(request.url) if "/situacao" in request.url else None)
    return polls


def beat(pages: PageSetup, run_id: str, written: int) -> None:
    counts = Counts(customers=RowCounts(written=written))
    pages.journal.heartbeat(run_id, NOW, counts, ExpectedCounts(customers=1000), decode_phase("customer"))


def test_the_page_asks_each_second_while_a_run_goes_and_seldom_else(browser: Browser, pages: PageSetup) -> None:
    with served(pages.parts) as url, window(browser) as page:
        polls = count_polls(page)
        page.goto(url)
        page.wait_for_timeout(2500)
        n_idle = len(polls)
        pages.run("running", minutes_ago=0, seconds=0)
        page.reload()
        page.wait_for_timeout(3300)
        assert (n_idle, len(polls)) == (0, 3)


def test_a_paused_page_asks_nothing(browser: Browser, pages: PageSetup) -> None:
    pages.run("running", minutes_ago=0, seconds=0)
    with served(pages.parts) as url, window(browser) as page:
        page.goto(url)
        page.get_by_role("button", name="Pausar atualização").click()
        polls = count_polls(page)
        page.wait_for_timeout(2200)
        assert polls == []
        page.get_by_role("button", name="Pausar atualização").click()
        expect(page.get_by_role("button", name="Pausar atualização")).to_have_attribute("aria-pressed", "false")
        page.wait_for_timeout(300)
        assert len(polls) == 1


def test_the_counts_and_the_title_follow_the_run(browser: Browser, pages: PageSetup) -> None:
    run_id = pages.run("running", minutes_ago=0, seconds=0)
    complaints = Complaints()
    with served(pages.parts) as url, window(browser, complaints) as page:
        page.goto(url)
        for written in (100, 620):
            beat(pages, run_id, written)
            expect(page.locator("#estado")).to_have_text(f"Importando clientes… {written // 10}%", timeout=3000)
        expect(page).to_have_title("Importando 62% · Omnisync")
        expect(page.get_by_role("status").filter(has_text="50%")).to_be_attached()
        pages.journal.end_run(run_id, "done", NOW)
        expect(page.locator("#estado")).to_contain_text("Tudo em dia.", timeout=3000)
        expect(page.locator("#ultimas tbody tr")).to_have_count(1, timeout=3000)
        expect(page).to_have_title("Sincronização · Omnisync")
    assert complaints.said == []


def test_orders_that_nobody_reads_are_said_when_the_run_that_met_them_ends(browser: Browser, pages: PageSetup) -> None:
    run_id = pages.run("running", minutes_ago=0, seconds=0)
    complaints = Complaints()
    with served(pages.parts) as url, window(browser, complaints) as page:
        page.goto(url)
        pages.journal.connections.save_unread_orders("producao", {"0009": 2})
        pages.journal.end_run(run_id, "done", NOW)
        expect(page.locator("#avisos")).to_contain_text("Há 2 pedidos do estabelecimento 0009", timeout=4000)
    assert complaints.said == []


def test_the_focus_stays_over_refreshes(browser: Browser, pages: PageSetup) -> None:
    run_id = pages.run("running", minutes_ago=0, seconds=0)
    with served(pages.parts) as url, window(browser) as page:
        page.goto(url)
        cancel = page.get_by_role("button", name="Cancelar")
        cancel.focus()
        polls = count_polls(page)
        for written in (100, 200):
            beat(pages, run_id, written)
            expect(page.locator("#estado")).to_contain_text(f"{written // 10}%", timeout=3000)
        assert len(polls) >= 2
        assert page.evaluate("document.activeElement.id") == "cancelar"


def test_what_is_typed_in_the_search_stays_when_a_run_ends(browser: Browser, pages: PageSetup) -> None:
    run_id = pages.run("running", minutes_ago=0, seconds=0)
    with served(pages.parts) as url, window(browser) as page:
        page.goto(url)
        page.get_by_label("Número do pedido").fill("OF-0048")
        pages.erp.issues = [unsettled(codigo="1")]
        pages.journal.end_run(run_id, "done_with_refusals", NOW, whole())
        expect(page.get_by_role("heading", name="1 registro recusado")).to_be_visible(timeout=4000)
        assert page.get_by_label("Número do pedido").input_value() == "OF-0048"
        assert page.evaluate("document.activeElement.id") == "q"


def test_a_click_gives_the_focus_to_the_state_and_no_other_button(browser: Browser, pages: PageSetup) -> None:
    with served(pages.parts) as url, window(browser) as page:
        page.goto(url)
        page.get_by_role("button", name="IMPORTAR").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Cancelar")).to_be_visible()
        assert page.evaluate("document.activeElement.id") == "estado"
        page.keyboard.press("Enter")
        page.wait_for_timeout(300)
        [run] = pages.journal.runs("producao", 5)
        assert run.state == "waiting"


def test_nine_tabs_open_at_once(browser: Browser, pages: PageSetup) -> None:
    pages.run("running", minutes_ago=0, seconds=0, counts=whole(), totals=ALL)
    with served(pages.parts) as url, window(browser) as first:
        took = []
        for _ in range(9):
            page = first.context.new_page()
            began = time.monotonic()
            page.goto(url)
            took.append(time.monotonic() - began)
        assert max(took) < 2, took
        first.wait_for_timeout(1500)
        expect(first.context.pages[-1].get_by_role("button", name="Cancelar")).to_be_visible()


def test_an_agent_that_is_gone_is_told_and_its_return_too(browser: Browser, tmp_path: Path) -> None:
    with page_client(tmp_path) as pages, window(browser) as page:
        pages.run("running", minutes_ago=0, seconds=0)
        with served(pages.parts) as url:
            page.goto(url)
            gone = page.get_by_text("O Omnisync deste computador não está respondendo.")
            expect(gone).to_be_hidden()
        expect(gone).to_be_visible(timeout=8000)
        expect(page).to_have_title("Não responde · Omnisync")
        assert page.get_by_role("alert").filter(has=gone).count() == 1
        with again(pages, int(url.rsplit(":", 1)[1])):
            expect(gone).to_be_hidden(timeout=12_000)


class again:  # noqa: N801  # reads as the sentence it stands in
    """The pages once more on the same port."""

    def __init__(self, pages: PageSetup, port: int) -> None:
        import threading

        self._server = PageServer(pages.parts, "127.0.0.1", port)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._server.stop()
        self._thread.join(20)


def test_sim_opens_the_options_at_once_and_nao_closes_them(browser: Browser, pages: PageSetup) -> None:
    complaints = Complaints()
    with served(pages.parts) as url, window(browser, complaints) as page:
        page.goto(url + "/agendamento")
        group = page.get_by_role("group", name="Frequência de Envio")
        expect(group).to_have_count(0)
        page.get_by_label("Sim").check()
        expect(group).to_be_visible(timeout=1000)
        expect(page.get_by_label("Segunda-feira")).to_be_hidden()
        page.get_by_label("Escolher dias").check()
        expect(page.get_by_label("Segunda-feira")).to_be_visible()
        page.get_by_label("Não").check()
        expect(group).to_have_count(0)
    assert complaints.said == []


@pytest.mark.parametrize("width", [1280, 390])
def test_everything_is_reached_by_keyboard_in_reading_order(browser: Browser, pages: PageSetup, width: int) -> None:
    pages.run("done_with_refusals", counts=whole(), totals=ALL)
    pages.erp.issues = [unsettled(codigo="1")]
    with served(pages.parts) as url, window(browser, viewport={"width": width, "height": 900}) as page:
        page.goto(url)
        reached = []
        for _ in range(18):
            page.keyboard.press("Tab")
            reached.append(
                page.evaluate(
                    "(document.activeElement.getAttribute('aria-label') || document.activeElement.id "
                    "|| document.activeElement.innerText).trim()"
                )
            )
            if len(reached) > 1:
                outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
                assert outline == "3px", reached[-1]
        assert reached == [
            *("Ir para o conteúdo", "Sincronização", "Agendamento", "Pendências\n1\npendência", "De/Para"),
            *("importar", "exportar-todos", "exportar", "pausar"),
            *("Tentar de novo: Pedido OF-004821", "Exportar CSV", "tentar-todos"),
            *("q", "Buscar", "Ver histórico completo", "Pacote de diagnóstico"),
            *("Ver em números", "LINK producao"),
        ]


def test_the_whole_story_goes_without_javascript(browser: Browser, pages: PageSetup) -> None:
    with served(pages.parts) as url, window(browser, java_script_enabled=False) as page:
        page.goto(url)
        page.get_by_role("button", name="IMPORTAR").click()
        expect(page.get_by_text("Começando a importação…")).to_be_visible()
        page.get_by_role("button", name="Cancelar").click()
        expect(page.get_by_text("Cancelando… terminando de gravar a página atual.")).to_be_visible()
        page.get_by_role("link", name="Agendamento").click()
        page.get_by_label("Sim").check()
        page.get_by_role("button", name="SALVAR").click()
        expect(page.get_by_text("Confira as opções do agendamento e clique em SALVAR.")).to_be_visible()
        page.get_by_role("button", name="SALVAR").click()
        expect(page.get_by_role("heading", name="AGENDAMENTO - Ativo")).to_be_visible()
