"""Every state's page at three widths, light and dark: axe finds nothing, no sideways scroll, no console line."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from omnisync.agent.config.connection import ErpAddress
from omnisync.agent.erp.base import DryRun
from omnisync.agent.erp.layout.schema import shipped_text
from omnisync.agent.messages import sentences
from omnisync.agent.progress import Counts, ExpectedCounts, ExportCounts, RowCounts
from omnisync.agent.schedule import Schedule
from omnisync.agent.scheduler.scheduler import Offline
from omnisync.agent.sync.outbox import RowRefusal, outbox_of
from omnisync.contract.feed import Reason
from tests.support.browser import RULES, WIDTHS, Complaints, served, window
from tests.support.page_client import ALL, HOSTILE, NOW, PASSWORD, PageSetup, connection, page_client, unsettled, whole

OUT = {
    "omniforce.products": ExportCounts(read=1204, prepared=12, sent=12, deleted=2),
    "omniforce.stock": ExportCounts(read=24_080, prepared=310, sent=300, refused=2),
    "omniforce.receivables": ExportCounts(read=900, held=7),
    "dash.sales-facts": ExportCounts(read=12_000, prepared=40, sent=40),
}


def never_ran(pages: PageSetup) -> None:
    """Nothing happened yet."""


def up_to_date(pages: PageSetup) -> None:
    pages.journal.connections.save_schedule("producao", Schedule(), NOW)
    pages.run("failed", minutes_ago=40, code="token_refused", origin="slot", seconds=31)
    pages.run("done_with_refusals", minutes_ago=18, counts=whole(), totals=ALL, origin="catch_up", seconds=11)
    pages.run(
        "done",
        origin="slot",
        seconds=4,
        counts=Counts(customers=RowCounts(written=318)),
        totals=ExpectedCounts(customers=318),
    )


def running(pages: PageSetup) -> None:
    up_to_date(pages)
    counts = whole(items=137_000, payments=20)
    pages.run("running", minutes_ago=0.2, seconds=8, counts=counts, totals=ALL, phase="order:0001")


def just_begun(pages: PageSetup) -> None:
    pages.run("waiting", minutes_ago=0)


def waiting_out(pages: PageSetup) -> None:
    pages.run(
        "running", minutes_ago=1, seconds=60, totals=ALL, phase="customer!hub_unreachable!2026-11-24T15:04:10+00:00"
    )


def cancelling(pages: PageSetup) -> None:
    pages.run("cancelling", minutes_ago=0.2, seconds=8, counts=whole(items=0), totals=ALL, phase="order:0001")


def cancelled(pages: PageSetup) -> None:
    pages.run("failed", minutes_ago=30, code="destination_full", servidor="erp-01")
    pages.run("cancelled", counts=whole(items=0), totals=ALL, code="cancelled")


def with_refusals(pages: PageSetup) -> None:
    pages.run("done_with_refusals", counts=whole(), totals=ALL)
    pages.erp.issues = [
        unsettled(codigo="000123"),
        unsettled(kind="customer", id="c", label="Padaria do Zé Ltda", code="tax_id_invalid", codigo="88120"),
        unsettled("waiting", id="o2", label="OF-004833", code="customer_missing", nome="Fulano", minutes_ago=9000),
        unsettled("kept", id="o3", label="OF-004834", code="order_removed", numero_erp="104240", erp_number="104240"),
    ]


def exporting(pages: PageSetup) -> None:
    counts = Counts(exports=OUT)
    pages.run("running", kind="export", minutes_ago=0.2, seconds=8, counts=counts, phase="read:dash.sales-facts")


def both_ways(pages: PageSetup) -> None:
    counts = whole() + Counts(exports=OUT)
    pages.run("done_with_refusals", kind="both", counts=counts, totals=ALL, code="many_rows_deleted", n="7")
    with closing(outbox_of(pages.parts.settings.home, "producao")) as outbox:
        known = outbox.dataset_state("omniforce", "stock", hub="h", new_id=lambda: "s")
        keys = ("0001/000104", HOSTILE, "LONGA" * 20)
        unfit = [RowRefusal(key=key, code="length", pointer="/data/unit", detail="Longo.", at=NOW) for key in keys]
        outbox.enqueue(known, None, [], refused=unfit)


def failed(pages: PageSetup) -> None:
    pages.run("failed", code="token_refused", counts=whole(items=0), totals=ALL, phase="order:0001")


def offline(pages: PageSetup) -> None:
    pages.run("failed", code="hub_unreachable", minutes_ago=11)
    pages.offline["producao"] = Offline(NOW - timedelta(minutes=11), 3, NOW + timedelta(seconds=45))


def hostile(pages: PageSetup) -> None:
    long = "MUITOLONGO" * 12
    known = connection(establishments=tuple(type(one)(one.code, HOSTILE + long) for one in connection().establishments))
    pages.journal.connections.save(known)
    pages.run("failed", code="hub_said_no", motivo=HOSTILE + long)
    pages.run("done_with_refusals", counts=whole(), totals=ALL)
    pages.erp.issues = [
        unsettled(kind="customer", label=HOSTILE, code="tax_id_invalid", codigo=HOSTILE, erp_number=HOSTILE),
        unsettled("waiting", id="o", label=long, code="customer_missing", nome=long),
    ]


def on_a_server(pages: PageSetup) -> None:
    erp = ErpAddress(kind="firebird", database="ERP_VEVO", server="erp-01.vevo.local", charset="WIN1252")
    pages.journal.connections.save(connection(erp=erp))


def several(pages: PageSetup) -> None:
    for name in ("filial-norte", "z" * 40):
        pages.journal.connections.save(connection(name=name))
    up_to_date(pages)


def unmapped(pages: PageSetup) -> None:
    pages.run("done_with_refusals")
    pages.de_para |= {"payment_method": {"BOLETO": "15"}, "seller": {}}
    pages.journal.decisions.save_mappings("producao", "payment_method", {"CHEQUE": "3", "BOLETO": "16"})
    pages.journal.decisions.save_mappings("producao", "price_table", {"VAREJO" * 12: "1"})
    pages.erp.issues = [
        unsettled(id=code, code="payment_method_unmapped", codigo=code, value=code) for code in ("PIX", "VALE", HOSTILE)
    ]


def to_settle(pages: PageSetup) -> None:
    with_refusals(pages)
    shortened = Reason(code="text_shortened", message=sentences.of_code("text_shortened", codigo="88120", n=90, max=50))
    pages.erp.issues += [
        unsettled(kind="customer", id="d", label=HOSTILE, code="customer_duplicate", n="3", value="12,345,6\x1f789"),
        unsettled(id="m", label="OF-004840", code="seller_unmapped", codigo="V12", value="V12"),
        unsettled("imported", kind="customer", id="w", label="LONGO" * 20, code="", warnings=(shortened, shortened)),
    ]
    answers = pages.journal.decisions
    answers.request_confirmation("producao", "products", 1204, NOW)
    answers.request_confirmation("producao", "receivables", 7, NOW)
    answers.confirm("producao", "receivables", 7, NOW)


def with_another_computer(pages: PageSetup) -> None:
    holders = {"0001": ("loja", "2026-11-24T14:58:00+00:00"), "0002": (HOSTILE[:60], "")}
    told = msgspec.json.encode(holders).decode()
    pages.run("failed", code="establishment_busy", codigo="0001, 0002", nome="loja", donos=told)


PAGES: list[tuple[str, Callable[[PageSetup], None]]] = [
    *(("/", state) for state in (never_ran, up_to_date, running, just_begun, waiting_out, cancelling, cancelled)),
    *(("/", state) for state in (with_refusals, failed, offline, hostile)),
    ("/", exporting),
    ("/", both_ways),
    ("/pendencias", both_ways),
    ("/historico", both_ways),
    ("/agendamento", never_ran),
    ("/agendamento", up_to_date),
    ("/agendamento?ativar=sim", hostile),
    ("/conexao", never_ran),
    ("/conexao", on_a_server),
    ("/conexao", hostile),
    ("/", several),
    ("/conexao?conexao=" + "z" * 40, several),
    ("/conexao/nova", several),
    ("/pendencias", never_ran),
    ("/pendencias", to_settle),
    ("/pendencias/avisos", to_settle),
    ("/pendencias", with_another_computer),
    ("/de-para", never_ran),
    ("/de-para", unmapped),
    ("/historico", up_to_date),
    ("/historico", hostile),
    ("/busca?q=OF", with_refusals),
    ("/busca?q=a", hostile),
    ("/nada", never_ran),
]


@pytest.mark.parametrize(("path", "state"), PAGES, ids=lambda value: getattr(value, "__name__", value))
def test_a_state_is_sound_at_every_width_in_light_and_dark(
    browser: Browser, tmp_path: Path, path: str, state: Callable[[PageSetup], None]
) -> None:
    complaints = Complaints()
    with page_client(tmp_path) as pages:
        state(pages)
        with served(pages.parts) as url:
            with window(browser, complaints) as page:
                page.goto(url + path)
                page.wait_for_timeout(100)
            with window(browser, bypass_csp=True) as page:
                page.goto(url + path)
                check_all(page)
    assert [said for said in complaints.said if "404" not in said] == []


def test_a_new_computers_pages_are_sound(browser: Browser, tmp_path: Path) -> None:
    with (
        page_client(tmp_path, is_new=True) as pages,
        served(pages.parts) as url,
        window(browser, bypass_csp=True) as page,
    ):
        for path in ("/", "/agendamento?ativar=sim", "/conexao", "/historico"):
            page.goto(url + path)
            check_all(page)


def test_the_error_summary_is_sound_and_has_the_focus(browser: Browser, tmp_path: Path) -> None:
    complaints = Complaints()
    with (
        page_client(tmp_path) as pages,
        served(pages.parts) as url,
        window(browser, complaints, bypass_csp=True) as page,
    ):
        page.goto(url + "/agendamento?ativar=sim")
        page.get_by_label("Repetir exportação a cada: minuto(s)").fill("3")
        page.get_by_label("Escolher dias").check()
        page.get_by_role("button", name="SALVAR").click()
        summary = page.get_by_role("alert").filter(has_text="O agendamento não foi salvo: há 2 erros")
        assert summary.evaluate("node => node === document.activeElement")
        check_all(page)
        page.get_by_role("link", name="Dias: Escolha ao menos um dia").click()
        assert page.evaluate("document.activeElement.id") == "dia-0"
    assert [said for said in complaints.said if "422" not in said] == []


def test_the_first_steps_are_sound_half_way(browser: Browser, tmp_path: Path) -> None:
    complaints = Complaints()
    with (
        page_client(tmp_path, is_new=True) as pages,
        served(pages.parts) as url,
        window(browser, complaints, bypass_csp=True) as page,
    ):
        page.goto(url)
        page.get_by_role("link", name="Definir a senha").click()
        check_all(page)
        page.get_by_label("Código").fill("ABCD-EFGH-JKMN")
        type_password(page)
        page.get_by_role("alert").filter(has_text="O código não confere.").wait_for()
        check_all(page)
        assert [said for said in complaints.said if "401" not in said] == []
        complaints.said.clear()
        page.get_by_label("Código").fill(pages.parts.first_code.path.read_text().strip())
        type_password(page)
        page.get_by_role("link", name="Senha das telas: mudar").wait_for()
        page.get_by_role("link", name="Informar o banco").click()
        page.get_by_label("Banco", exact=True).fill("/erp.db")
        page.get_by_role("button", name="Salvar o banco do ERP").click()
        page.get_by_role("link", name="Banco do ERP: mudar").wait_for()
        check_all(page)
    assert complaints.said == []


def type_password(page: Page) -> None:
    page.get_by_label("Senha nova").fill(PASSWORD)
    page.get_by_label("De novo").fill(PASSWORD)
    page.get_by_role("button", name="Guardar a senha").click()


def test_case_f1_the_settings_are_sound_closed_and_opened_by_the_password(browser: Browser, tmp_path: Path) -> None:
    complaints = Complaints()
    with (
        page_client(tmp_path) as pages,
        served(pages.parts) as url,
        window(browser, complaints, bypass_csp=True) as page,
    ):
        pages.de_para["payment_method"] = {"PIX": "1"}
        for path in ("/conexao", "/de-para"):
            page.goto(url + path)
            page.get_by_role("link", name="Definir a senha das telas").wait_for()
            check_all(page)
        pages.parts.password.set(PASSWORD)
        page.goto(url + "/conexao")
        assert page.get_by_label("Banco", exact=True).is_disabled()
        check_all(page)
        page.get_by_role("main").get_by_role("link", name="Entrar").click()
        page.get_by_label("Senha").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Salvar o banco do ERP").wait_for()
        check_all(page)
        page.get_by_role("link", name="Trocar a senha").click()
        page.get_by_label("Senha atual").fill(PASSWORD)
        check_all(page)
        type_password(page)
        page.wait_for_url(f"{url}/conexao")
    assert complaints.said == []


def test_case_f1_a_layouts_sql_is_shown_before_it_is_saved(browser: Browser, tmp_path: Path) -> None:
    with (
        page_client(tmp_path) as pages,
        served(pages.parts) as url,
        window(browser, bypass_csp=True) as page,
    ):
        file = pages.parts.settings.home.layouts / "meu.toml"
        sql = "UPDATE pedidos SET observacao = 'lido' WHERE codigo = :key AND " + "muito_longo" * 20
        file.write_text(shipped_text("padrao").replace("[order]\n", f'[order]\nafter_sql = "{sql}"\n', 1))
        pages.parts.password.set(PASSWORD)
        page.goto(url + "/entrar?para=/conexao")
        page.get_by_label("Senha").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_label("Layout").fill("meu")
        page.get_by_role("button", name="Salvar o banco do ERP").click()
        page.get_by_role("heading", name="nada foi salvo ainda").wait_for()
        check_all(page)
        page.get_by_role("button", name="Salvar o banco do ERP").click()
        page.get_by_text("Conexão salva.").wait_for()
        page.get_by_text("comandos executados no banco do ERP").click()
        check_all(page)


def test_the_rehearsals_tables_are_sound(browser: Browser, tmp_path: Path) -> None:
    complaints = Complaints()
    row: dict[str, object] = {f"coluna_{n}": HOSTILE for n in range(12)}
    with (
        page_client(tmp_path) as pages,
        served(pages.parts) as url,
        window(browser, complaints, bypass_csp=True) as page,
    ):
        pages.hub.rehearsal = DryRun(counts=Counts(), tables={"clientes": [row] * 9}, unsettled=[])
        page.goto(url + "/conexao")
        page.get_by_role("button", name="Conferir sem gravar").click()
        page.get_by_role("heading", name="clientes: 9 linhas").wait_for()
        check_all(page)
    assert complaints.said == []


def check_all(page: Page) -> None:
    """Look at the page at every width in both schemes."""
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (scheme, width)
            assert small_targets(page) == [], (scheme, width)
            found: list[Any] = Axe().run(page, options=RULES).response["violations"]
            assert found == [], json.dumps([(one["id"], one["nodes"][0]["html"]) for one in found], ensure_ascii=False)


def small_targets(page: Page) -> list[str]:
    """Buttons, fields and tabs smaller than a finger's 24 px."""
    small: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("button, input:not([type=hidden]), select, .tab, .button, summary")]
            .filter((node) => node.offsetParent && !node.closest("label")
                && (node.offsetHeight < 24 || node.offsetWidth < 24))
            .map((node) => node.outerHTML)"""
    )
    return small
