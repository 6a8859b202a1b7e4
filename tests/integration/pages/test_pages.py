"""The pages through HTTP, as a browser without JavaScript has them: the seed's words, the forms, the buttons."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from omnisync.agent.errors import BadTokenError, ErpSetupError
from omnisync.agent.record_ref import RecordRef
from omnisync.agent.schedule import Schedule
from tests.support.page_client import (
    ALL,
    HTMX,
    NOW,
    PAGES,
    SAVE,
    PageSetup,
    connection,
    page_client,
    post,
    text,
    unsettled,
    whole,
)

SEED_OPTIONS = (
    *("Frequência de Envio", "Envio começará a partir das :", "hora(s)", "minuto(s)", "Repetir exportação a cada :"),
    *("Dias", "Todos os dias", "Escolher dias"),
    *("Segunda-feira", "Terça-feira", "Quarta-feira", "Quinta-feira", "Sexta-feira", "Sábado", "Domingo"),
    *("Estabelecimentos", "Todos os Estabelecimentos", "Escolher Estabelecimento"),
    *("0001 - FABRICA VEVO", "0002 - FÁBIO VEVO", "Sistemas", "Todos", "Dash", "OmniForce"),
)


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[PageSetup]:
    with page_client(tmp_path) as made:
        yield made


def test_every_page_says_which_orders_nobody_reads_and_asks_nobody(pages: PageSetup) -> None:
    pages.hub.error = BadTokenError()  # a page that asked the hub would fail, or say so
    pages.journal.connections.save_unread_orders("producao", {"0008": 1, "0009": 1204})
    for path in (*PAGES, "/conexao", "/agendamento?ativar=nao"):
        said = text(pages.client().get(path).text)
        assert (
            "Há 1.204 pedidos do estabelecimento 0009, que não está cadastrado na central. "
            "Cadastre o estabelecimento ou corrija os pedidos no OmniForce." in said
        ), path
        assert "Há 1 pedido do estabelecimento 0008" in said, path


def test_the_part_that_changes_after_a_run_says_them_too(pages: PageSetup) -> None:
    pages.journal.connections.save_unread_orders("producao", {"0009": 2})
    assert "Há 2 pedidos do estabelecimento 0009" in text(pages.client().get("/detalhes", headers=HTMX).text)


def test_once_the_establishment_is_registered_no_page_speaks_of_it(pages: PageSetup) -> None:
    pages.journal.connections.save_unread_orders("producao", {"0009": 2})
    pages.journal.connections.save_unread_orders("producao", {})
    for path in PAGES:
        assert "0009" not in text(pages.client().get(path).text)


def test_orders_nobody_reads_are_said_of_the_connection_that_is_shown(pages: PageSetup) -> None:
    pages.journal.connections.save(connection(name="zona-norte"))
    pages.journal.connections.save_unread_orders("zona-norte", {"0009": 2})
    assert "0009" not in text(pages.client().get("/").text)


def test_the_frame_says_the_seeds_words(pages: PageSetup) -> None:
    pages.journal.connections.save_schedule("producao", Schedule(), NOW)
    for path in PAGES:
        said = text(pages.client().get(path).text)
        for words_ in (
            "OMNISYNC Solução em Dados",
            "Sincronização",
            "Agendamento",
            "Próxima exportação às 12:15",
            "LINK producao",
            "servidor: erp-01.vevo.local",
            "computador: FATURAMENTO-03",
            "banco: ERP_VEVO.db",
            "v 20.07 R",
        ):
            assert words_ in said, (path, words_)


def test_the_schedule_says_the_seeds_words_in_its_order(pages: PageSetup) -> None:
    said = text(pages.client().get("/agendamento?ativar=sim").text)
    place = said.index("AGENDAMENTO - Não Definido!!")
    for words_ in ("Deseja ativar o Agendamento ?", "Sim", "Não", *SEED_OPTIONS, "SALVAR"):
        assert words_ in said[place:], words_
        place = said.index(words_, place)


def test_the_form_begins_with_the_seeds_defaults(pages: PageSetup) -> None:
    html = pages.client().get("/agendamento?ativar=sim").text
    values = dict(re.findall(r'name="((?:inicio|repetir)_\w+)" value="(\d+)"', html))
    checked = re.findall(r'name="(\w+)" value="(\w+)"[^>]* checked', html)
    assert values == {"inicio_hora": "8", "inicio_minuto": "0", "repetir_hora": "0", "repetir_minuto": "15"}
    assert checked == [("ativar", "sim"), ("dias", "todos"), ("estabelecimentos", "todos"), ("sistemas", "todos")]


def test_without_sim_the_options_are_absent(pages: PageSetup) -> None:
    said = text(pages.client().get("/agendamento").text)
    assert "Deseja ativar o Agendamento ? Sim Não" in said
    assert [words_ for words_ in ("Frequência de Envio", "Dias", "Sistemas") if words_ in said] == []


def test_sim_without_its_options_shows_them_before_anything_is_saved(pages: PageSetup) -> None:
    answer = post(pages.client(), "/agendamento", {"ativar": "sim"})
    assert (answer.status_code, "Frequência de Envio" in answer.text) == (200, True)
    assert pages.journal.connections.schedule("producao") is None


def test_saving_the_seeds_schedule_activates_it(pages: PageSetup) -> None:
    client = pages.client()
    answer = post(client, "/agendamento", SAVE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/agendamento?salvo=1")
    assert pages.journal.connections.schedule("producao") == Schedule()
    said = text(client.get("/agendamento?salvo=1").text)
    for words_ in (
        "AGENDAMENTO - Ativo",
        "Todos os dias, a partir das 08:00, a cada 15 minutos.",
        "Agendamento salvo.",
        "Próxima exportação às 12:15 em 12 min, hoje",
        "Hoje, ter. 12:15",
        "… a cada 15 min",
        "Hoje, última 23:45",
        "Amanhã, qua. 08:00",
        "64 execuções por dia.",
        "Horário de Brasília (UTC−3).",
    ):
        assert words_ in said, words_


def test_chosen_days_establishment_and_system_are_saved(pages: PageSetup) -> None:
    chosen = SAVE | {
        "dias": "escolher",
        "dia": ["0", "4"],
        "estabelecimentos": "escolher",
        "estabelecimento": "0002",
        "sistemas": "omniforce",
    }
    assert post(pages.client(), "/agendamento", chosen).status_code == 303
    assert pages.journal.connections.schedule("producao") == Schedule(
        days=(0, 4), establishments=("0002",), systems=("omniforce",)
    )


def test_without_a_connection_there_is_nothing_to_save_and_the_way_to_one(tmp_path: Path) -> None:
    with page_client(tmp_path, is_new=True) as pages:
        html = pages.client().get("/agendamento?ativar=sim").text
    assert "SALVAR" not in html
    assert '<a class="second button" href="/conexao">Criar a conexão</a>' in html


def test_nothing_is_skipped_between_the_coming_runs_of_a_day_with_two(pages: PageSetup) -> None:
    pages.journal.connections.save_schedule(
        "producao", Schedule(start_hour=3, every_hours=12, every_minutes=0, days=(0,)), NOW
    )
    said = text(pages.client().get("/agendamento").text)
    assert "seg. 03:00" in said
    assert "última 15:00" in said
    assert "…" not in said.partition("Próximas execuções")[2]


def test_several_establishments_chosen_by_command_stay_chosen(pages: PageSetup) -> None:
    both = Schedule(establishments=("0001", "0002"))
    pages.journal.connections.save_schedule("producao", both, NOW)
    client = pages.client()
    [value] = re.findall(r'<option value="([^"]*)" selected>0001, 0002</option>', client.get("/agendamento").text)
    chosen = SAVE | {"estabelecimentos": "escolher", "estabelecimento": value}
    assert post(client, "/agendamento", chosen).status_code == 303
    assert pages.journal.connections.schedule("producao") == both
    assert post(client, "/agendamento", chosen | {"estabelecimento": "0001 0009"}).status_code == 422


def test_nao_keeps_the_values_for_next_time(pages: PageSetup) -> None:
    client = pages.client()
    post(client, "/agendamento", SAVE | {"inicio_hora": "6"})
    post(client, "/agendamento", {"ativar": "nao"})
    assert pages.journal.connections.schedule("producao") == Schedule(is_active=False, start_hour=6)
    said = text(client.get("/agendamento").text)
    assert "AGENDAMENTO - Inativo" in said
    assert "Nenhuma exportação agendada" in said
    assert 'value="6"' in client.get("/agendamento?ativar=sim").text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"repetir_minuto": "4"}, "Repetir exportação a cada: O menor intervalo é de 5 minutos."),
        ({"dias": "escolher"}, "Dias: Escolha ao menos um dia da semana para salvar o agendamento."),
        ({"inicio_hora": "24"}, "Envio começará a partir das: A hora de início vai de 0 a 23 hora(s)"),
        ({"inicio_minuto": "oito"}, "Envio começará a partir das: A hora de início vai de 0 a 23 hora(s)"),
        ({"repetir_hora": "-1"}, "Repetir exportação a cada: O intervalo vai de 0 a 23 hora(s)"),
        (
            {"estabelecimentos": "escolher", "estabelecimento": "0009"},
            "Estabelecimentos: Escolha o estabelecimento para salvar o agendamento.",
        ),
        ({"sistemas": "outro"}, "Sistemas: Escolha ao menos um sistema para salvar o agendamento."),
    ],
)
def test_a_wrong_field_comes_back_as_typed_with_its_sentence(
    pages: PageSetup, changes: dict[str, str], sentence: str
) -> None:
    answer = post(pages.client(), "/agendamento", SAVE | changes)
    said = text(answer.text)
    assert answer.status_code == 422
    assert "O agendamento não foi salvo: há 1 erro" in said
    assert sentence in said
    assert pages.journal.connections.schedule("producao") is None
    [anchor] = re.findall(r'<li><a href="#([\w-]+)">', answer.text)
    assert f'id="{anchor}"' in answer.text


def test_an_establishment_that_left_the_computer_stays_named(pages: PageSetup) -> None:
    pages.journal.connections.save_schedule("producao", Schedule(establishments=("0009",)), NOW)
    assert "0009 - não está mais neste computador" in pages.client().get("/agendamento").text


def test_a_lone_establishment_is_named_and_not_asked_for(tmp_path: Path) -> None:
    with page_client(tmp_path, known=connection(establishments=connection().establishments[:1])) as pages:
        html = pages.client().get("/agendamento?ativar=sim").text
    assert "0001 - FABRICA VEVO, o único deste computador." in html
    assert 'value="escolher" class="choose" disabled' in html


@pytest.mark.parametrize(
    ("schedule", "line"),
    [
        (Schedule(), "Próxima exportação às 12:15"),
        (Schedule(start_hour=8, every_minutes=0), "Próxima exportação amanhã às 08:00"),
        (Schedule(days=(0,)), "Próxima exportação segunda-feira às 08:00"),
        (Schedule(is_active=False), "Nenhuma exportação agendada"),
        (None, "Nenhuma exportação agendada"),
    ],
)
def test_the_header_says_when_with_the_day_when_it_is_not_today(
    pages: PageSetup, schedule: Schedule | None, line: str
) -> None:
    if schedule is not None:
        pages.journal.connections.save_schedule("producao", schedule, NOW)
    assert line in text(pages.client().get("/historico").text)


def test_the_header_says_that_it_runs_now(pages: PageSetup) -> None:
    pages.journal.connections.save_schedule("producao", Schedule(), NOW)
    pages.run("running", minutes_ago=0, seconds=0)
    assert text(pages.client().get("/proxima").text) == "Sincronizando agora…"


def test_importar_starts_a_run_and_goes_back_to_the_page(pages: PageSetup) -> None:
    answer = post(pages.client(), "/importar")
    run = pages.journal.current_run("producao")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert run is not None
    assert (run.origin, run.kind, run.scope.records) == ("button", "import", ())


def test_the_pages_script_gets_the_state_instead_of_a_redirect(pages: PageSetup) -> None:
    answer = post(pages.client(), "/importar", headers=HTMX)
    assert answer.status_code == 200
    assert "Começando a importação…" in answer.text
    assert "<title>Importando · Omnisync</title>" in answer.text


def test_a_click_during_a_run_shows_that_run(pages: PageSetup) -> None:
    run_id = pages.run("running", minutes_ago=0, seconds=0)
    assert post(pages.client(), "/importar").status_code == 303
    assert [run.id for run in pages.journal.runs("producao", 10)] == [run_id]


def test_cancelar_stops_the_run_the_page_showed_and_no_other(pages: PageSetup) -> None:
    run_id = pages.run("running", minutes_ago=0, seconds=0)
    client = pages.client()
    post(client, "/cancelar", {"execucao": "run_another"})
    assert pages.journal.runs("producao", 1)[0].state == "running"
    post(client, "/cancelar", {"execucao": run_id})
    assert pages.journal.runs("producao", 1)[0].state == "cancelling"
    assert 'aria-disabled="true"' in client.get("/situacao").text


def test_refused_and_waiting_records_stand_with_reason_and_remedy(pages: PageSetup) -> None:
    pages.run("done_with_refusals", counts=whole(), totals=ALL)
    pages.erp.issues = [
        unsettled("waiting", id="ord_2", label="OF-2", code="customer_missing", nome="Fulano", minutes_ago=3 * 24 * 60),
        unsettled(codigo="000123"),
    ]
    said = text(pages.client().get("/").text)
    for words_ in (
        "1 registro recusado e 1 aguardando",
        "Pedido OF-004821 O produto 000123 não existe no ERP. Cadastre o produto ou corrija o código no OmniForce",
        "Tentar todos de novo",
        "Pedido OF-2 O pedido OF-2 aguarda o cadastro do cliente Fulano. Entra sozinho assim que o cliente chegar.",
        "Automático Aguardando há 3 dias",
    ):
        assert words_ in said, words_
    assert said.index("OF-004821") < said.index("OF-2")


def test_tentar_de_novo_asks_for_that_record(pages: PageSetup) -> None:
    post(pages.client(), "/tentar", {"registro": "order:ord_1"})
    run = pages.journal.current_run("producao")
    assert run is not None
    assert (run.origin, run.scope.records) == ("retry", (RecordRef("order", "ord_1"),))


def test_tentar_de_novo_takes_nothing_else(pages: PageSetup) -> None:
    post(pages.client(), "/tentar", {"registro": "any:../../x y"})
    assert pages.journal.current_run("producao") is None


def test_tentar_todos_asks_for_every_refused_record(pages: PageSetup) -> None:
    pages.run("done_with_refusals", counts=whole())
    pages.erp.issues = [unsettled(id="a"), unsettled(id="b", kind="customer"), unsettled("waiting", id="c")]
    post(pages.client(), "/tentar-todos")
    run = pages.journal.current_run("producao")
    assert run is not None
    assert run.scope.records == (RecordRef("order", "a"), RecordRef("customer", "b"))


def test_the_search_answers_whether_an_order_entered(pages: PageSetup) -> None:
    pages.run("done")
    pages.erp.issues = [
        unsettled("imported", label="OF-004821", code="", erp_number="104233"),
        unsettled("kept", id="ord_9", label="OF-004829", code="order_removed", numero_erp="104234"),
    ]
    html = pages.client().get("/busca?q=OF-0048").text
    said = text(html)
    assert "Pedido OF-004821 Importado hoje às 12:00 104233" in said
    assert "Pedido OF-004829 Mantido no ERP" in said
    assert 'value="again:order:ord_9"' in html
    assert "Nenhum registro com “OF-9999”" in text(pages.client().get("/busca?q=OF-9999").text)


def test_an_erp_that_does_not_open_is_said_and_the_page_stands(pages: PageSetup) -> None:
    pages.run("done")
    pages.erp.error = ErpSetupError(banco="ERP_VEVO", servidor="erp-01")
    answer = pages.client().get("/")
    assert answer.status_code == 200
    assert "Não foi possível abrir o banco ERP_VEVO no servidor erp-01." in text(answer.text)
