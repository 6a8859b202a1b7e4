"""The seed's whole story in a real browser, with the installed program, a real hub and a real ERP behind it."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from omnisync.agent.messages import labels
from omnisync.agent.sync.outbox import Outbox
from omnisync.hub.store import AGENT_SCOPES
from tests.support.browser import Complaints, window
from tests.support.export_setup import ExportSetup, fill
from tests.support.hub_server import NOW, RunningHub, running_hub
from tests.support.import_runs import send
from tests.support.installed_program import Program, installed
from tests.support.page_client import PASSWORD
from tests.support.record_samples import change, customer, order

N_ORDERS = 400
PLENTY_MS = 30_000
ZONE = ZoneInfo("America/Sao_Paulo")
"""Whose hours the schedule's are, wherever the tests run."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running_hub(tmp_path) as running:
        yield running


@contextmanager
def running_agent(program: Program) -> Iterator[str]:
    """`omnisync agent` as its own process, on a free port; its address. It must end by itself when told to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = program.start("agent", "--port", str(port))
    assert process.stderr is not None
    try:
        assert f"http://127.0.0.1:{port}" in process.stderr.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
    assert process.returncode == 0


def orders_at(page: Page, noun: str) -> str:
    """The Gravados of one noun."""
    return page.locator("#nomes tr", has_text=noun).locator("[data-label=Gravados]").inner_text()


def test_the_seeds_story(browser: Browser, tmp_path: Path, hub: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNISYNC_ZONE", ZONE.key)
    program = installed(tmp_path / "computer", hub)
    send(hub, change(customer()), *(change(order(f"ord_{n}", number=f"OF-{n:06}")) for n in range(N_ORDERS)))
    send(hub, change(order("ord_bad", number="OF-999999", paid="1.00")))
    complaints = Complaints()
    with running_agent(program) as url, window(browser, complaints, viewport={"width": 1280, "height": 900}) as page:
        page.goto(url)
        expect(page.get_by_text("Nenhuma importação feita ainda.")).to_be_visible()
        import_all(page, program)
        try_again(page, hub)
        search(page)
        due = save_the_schedule(page)
        wait_for_the_slot(page, hub, url, due)
    assert complaints.said == []
    # Two runs by hand, one by the schedule: what the page counted is what the ERP holds.
    assert program.keeper.query("SELECT count(*) FROM pedidos") == [(N_ORDERS + 2,)]


def import_all(page: Page, program: Program) -> None:
    """1.1: the button, its progress, and counts equal to the database's."""
    page.get_by_role("button", name="IMPORTAR").click()
    expect(page.locator("#andamento")).to_be_visible(timeout=2000)
    expect(page.locator("#estado")).to_have_text("Importação concluída com 1 registro recusado.", timeout=PLENTY_MS)
    for noun, table in (
        ("Clientes", "clientes"),
        ("Pedidos de vendas", "pedidos"),
        ("Itens de vendas", "itens_pedido"),
    ):
        [(n,)] = program.keeper.query(f"SELECT count(*) FROM {table}")
        assert orders_at(page, noun) == str(n)
    expect(page.get_by_role("heading", name="1 registro recusado")).to_be_visible(timeout=5000)
    expect(page.locator("#pendentes tbody tr")).to_contain_text("As formas de pagamento do pedido OF-999999 somam")
    expect(page.locator("#ultimas tbody tr")).to_contain_text("Manual")


def try_again(page: Page, hub: RunningHub) -> None:
    """The refused order, mended in OmniForce, enters by its own button."""
    send(hub, change(order("ord_bad", number="OF-999999"), 2))
    page.get_by_role("button", name="Tentar de novo: Pedido OF-999999").click()
    expect(page.locator("#estado")).to_contain_text("Tudo em dia.", timeout=PLENTY_MS)
    expect(page.locator("#pendentes")).to_have_count(0, timeout=5000)
    expect(page.locator("#ultimas tbody tr").first).to_contain_text("Nova tentativa")


def search(page: Page) -> None:
    """O pedido OF-999999 entrou?"""
    page.get_by_label("Número do pedido").fill("OF-999999")
    page.get_by_role("button", name="Buscar").click()
    expect(page.locator("tbody tr")).to_contain_text("Importado")


def save_the_schedule(page: Page) -> datetime:
    """2.1 to 2.7, for the next minute: when it is due."""
    page.get_by_role("link", name="Agendamento").click()
    expect(page.get_by_role("heading", name="AGENDAMENTO - Não Definido!!")).to_be_visible()
    page.get_by_label("Sim").check()
    now = datetime.fromisoformat(page.evaluate("new Date(Date.now() + 8000).toISOString()")).astimezone(ZONE)
    due = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    page.get_by_label("Envio começará a partir das: hora(s)").fill(str(due.hour))
    page.get_by_label("Envio começará a partir das: minuto(s)").fill(str(due.minute))
    page.get_by_label("Escolher dias").check()
    page.get_by_label(labels.WEEKDAYS[due.weekday()]).check()
    page.get_by_label("Escolher Estabelecimento").check()
    page.get_by_label("Estabelecimento", exact=True).select_option("0001 - FABRICA VEVO")
    page.get_by_label("OmniForce").check()
    page.get_by_role("button", name="SALVAR").click()
    expect(page.get_by_role("heading", name="AGENDAMENTO - Ativo")).to_be_visible()
    expect(page.locator("#proxima")).to_contain_text(re.compile(rf"Próxima exportação (amanhã )?às {due:%H:%M}"))
    return due


def wait_for_the_slot(page: Page, hub: RunningHub, url: str, due: datetime) -> None:
    """The slot runs by itself, within 2 s of its time, and stands in the history."""
    send(hub, change(order("ord_slot", number="OF-777777")))
    page.goto(url)
    page.wait_for_timeout(max(0.0, page.evaluate("when => when - Date.now()", due.timestamp() * 1000)))
    page.goto(url + "/historico")
    for _ in range(20):
        if page.locator("tbody tr").filter(has_text="Agendada").count():
            break
        page.wait_for_timeout(100)
        page.reload()
    late_ms = page.evaluate("when => Date.now() - when", due.timestamp() * 1000)
    expect(page.locator("tbody tr").first).to_contain_text("Agendada")
    assert late_ms < 3000, late_ms
    page.goto(url)
    expect(page.locator("#estado")).to_contain_text("Tudo em dia.", timeout=PLENTY_MS)
    page.goto(url + "/historico")
    expect(page.locator("tbody tr").first).to_contain_text("Concluída")
    expect(page.get_by_text("Agendamento salvo: ativo")).to_be_visible()


def test_the_way_out_by_keyboard(browser: Browser, tmp_path: Path, hub: RunningHub) -> None:
    """EXPORTAR, a mass delete confirmed on Pendências, and the export that carries it out."""
    program = installed(tmp_path / "computer", hub)
    fill(program.keeper, {"produtos": [(f"P{n:02}", f"Produto {n}", "UN", *[None] * 5, 1) for n in range(40)]})
    complaints = Complaints()
    office = ExportSetup(program.keeper, hub, Outbox(program.home / "exports" / "producao.db"))
    with running_agent(program) as url, window(browser, complaints, viewport={"width": 1280, "height": 900}) as page:
        page.goto(url)
        page.get_by_role("button", name="IMPORTAR").focus()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "exportar-todos"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "exportar"
        page.keyboard.press("Enter")
        expect(page.locator("#estado")).to_contain_text("Tudo em dia. Última exportação", timeout=PLENTY_MS)
        expect(page.locator("#enviados tr", has_text="Produtos").locator("[data-label=Enviados]")).to_have_text("40/40")
        expect(page.locator("#ultimas tbody tr").first.locator("[data-label=Enviados]")).not_to_have_text("0")
        assert office.at_hub() == office.in_erp()
        program.keeper.run("DELETE FROM produtos WHERE codigo < 'P30'")
        export_all(page, "Exportação concluída com 30 linhas para confirmar.")
        page.get_by_role("link", name="Abrir Pendências").press("Enter")
        expect(page.get_by_text("30 produtos deixarão de aparecer no OmniForce")).to_be_visible()
        define_password(page, program)
        page.get_by_role("button", name="Confirmar").press("Enter")
        expect(page.get_by_text("Confirmado: acontece na próxima exportação.")).to_be_visible()
        page.goto(url)
        export_all(page, "30 apagadas")
        page.goto(url + "/pendencias")
        expect(page.locator("#confirmar")).to_have_count(0)
    assert complaints.said == []
    assert office.at_hub() == office.in_erp()


def export_all(page: Page, ending: str) -> None:
    """EXPORTAR, and its end."""
    page.get_by_role("button", name="EXPORTAR").press("Enter")
    expect(page.locator("#situacao")).to_contain_text(ending, timeout=PLENTY_MS)


def test_dash_alone_is_chosen_and_gets_its_facts_alone(browser: Browser, tmp_path: Path, hub: RunningHub) -> None:
    program = installed(tmp_path / "computer", hub)
    fill(program.keeper)
    with running_agent(program) as url, window(browser) as page:
        page.goto(url)
        page.get_by_label("Dash", exact=True).check()
        page.evaluate("document.querySelector('#situacao').dispatchEvent(new Event('atualizar'))")
        page.wait_for_timeout(500)
        expect(page.get_by_label("Dash", exact=True)).to_be_checked()  # a refresh takes no choice away
        page.get_by_role("button", name="EXPORTAR").click()
        expect(page.locator("#estado")).to_contain_text("Tudo em dia.", timeout=PLENTY_MS)
    found = ExportSetup(program.keeper, hub, Outbox(program.home / "exports" / "producao.db")).at_hub()
    assert {place for place, rows in found.items() if rows} == {("dash", "sales-facts")}


def test_closing_the_browser_stops_nothing(browser: Browser, tmp_path: Path, hub: RunningHub) -> None:
    program = installed(tmp_path / "computer", hub)
    send(hub, change(customer()), *(change(order(f"ord_{n}", number=f"OF-{n:06}")) for n in range(N_ORDERS)))
    with running_agent(program) as url:
        with window(browser) as page:
            page.goto(url)
            page.get_by_role("button", name="IMPORTAR").click()
            expect(page.get_by_role("button", name="Cancelar")).to_be_visible()
        with window(browser) as page:
            page.goto(url)
            expect(page.locator("#estado")).to_contain_text("Tudo em dia.", timeout=PLENTY_MS)
    assert program.keeper.query("SELECT count(*) FROM pedidos") == [(N_ORDERS,)]


def test_an_establishment_is_taken_over_from_another_computer(
    browser: Browser, tmp_path: Path, hub: RunningHub
) -> None:
    send(hub, change(customer()), change(order()))
    program = installed(tmp_path / "here", hub)
    other = hub.store.create_token("aurora", "loja", AGENT_SCOPES, NOW)
    reading = "/v1/changes?kinds=order&establishment=0001"
    complaints = Complaints()
    with hub.client(other) as elsewhere, running_agent(program) as url, window(browser, complaints) as page:
        assert elsewhere.get(reading).status_code == 200
        page.goto(url)
        page.get_by_role("button", name="IMPORTAR").click()
        expect(page.get_by_text("outro computador está importando o resto")).to_be_visible(timeout=PLENTY_MS)
        page.get_by_role("link", name="Abrir Pendências").click()
        expect(page.get_by_text("estava sendo importado por outro computador (loja), desde")).to_be_visible()
        define_password(page, program)
        page.get_by_role("button", name="Assumir neste computador: estabelecimento 0001").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("Este computador assumiu o estabelecimento")).to_be_visible()
        assert elsewhere.get(reading).json()["holder"] == "producao"
        page.goto(url)
        expect(page.get_by_text("Tudo em dia.")).to_be_visible(timeout=PLENTY_MS)
    assert program.keeper.query("SELECT id_externo FROM pedidos") == [("ord_1",)]
    assert complaints.said == []


def define_password(page: Page, program: Program) -> None:
    """Define the first password of the pages with the code of the agent's own file, and come back."""
    page.get_by_role("link", name="Definir a senha das telas").click()
    page.get_by_label("Código").fill((program.home / "first_password_code").read_text().strip())
    page.get_by_label("Senha nova").fill(PASSWORD)
    page.get_by_label("De novo").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Pendências")).to_be_visible()
