"""The pages through HTTP, as a browser without JavaScript has them: texts, forms, states, and the three locks."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from omnisync.agent import texts
from omnisync.agent.counts import Counts, Tally, Totals
from omnisync.agent.errors import BadTokenError, ErpSetupError, SettingsError
from omnisync.agent.journal import Journal
from omnisync.agent.runner import Offline
from omnisync.agent.schedule import Schedule
from omnisync.agent.settings import ErpAddress, HubAddress, Secret
from omnisync.agent.ui import create_app, serving, words
from omnisync.agent.ui.pages import FOLDER
from tests.pages import (
    ALL,
    HOST,
    HOSTILE,
    NOW,
    TOKEN,
    Stage,
    connection,
    stage,
    unsettled,
    whole,
)

Client = TestClient[Litestar]

PAGES = ("/", "/agendamento", "/agendamento?ativar=sim", "/conexao", "/historico", "/busca?q=OF")
PARTS = ("/situacao", "/detalhes", "/proxima", "/agendamento/opcoes?ativar=sim")
SEED_OPTIONS = (
    *("Frequência de Envio", "Envio começará a partir das :", "hora(s)", "minuto(s)", "Repetir exportação a cada :"),
    *("Dias", "Todos os dias", "Escolher dias"),
    *("Segunda-feira", "Terça-feira", "Quarta-feira", "Quinta-feira", "Sexta-feira", "Sábado", "Domingo"),
    *("Estabelecimentos", "Todos os Estabelecimentos", "Escolher Estabelecimento"),
    *("0001 - FABRICA VEVO", "0002 - FÁBIO VEVO", "Sistemas", "Todos", "Dash", "OmniForce"),
)
SAVE = {
    "ativar": "sim",
    "inicio_hora": "8",
    "inicio_minuto": "0",
    "repetir_hora": "0",
    "repetir_minuto": "15",
    "dias": "todos",
    "estabelecimentos": "todos",
    "estabelecimento": "0001",
    "sistemas": "todos",
}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as made:
        yield made


def text(html: str) -> str:
    """What a person reads: without tags, each run of spaces one space."""
    body = re.sub(r"<(script|style|title)[\s\S]*?</\1>", " ", html)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def token_in(html: str) -> str:
    found = re.search(r'name="_token" value="([0-9a-f]+)"', html)
    assert found is not None
    return found[1]


def post(client: Client, path: str, fields: dict[str, Any] | None = None, **kwargs: Any) -> Any:
    """Send a form with the token of the page it stands on."""
    token = token_in(client.get("/agendamento").text)
    return client.post(path, data={"_token": token, **(fields or {})}, **kwargs)


def post_routes(app: Litestar) -> list[tuple[str, str]]:
    """Every unsafe route of the application's own table."""
    unsafe = {"POST", "PUT", "PATCH", "DELETE"}
    return [
        (route.path, method)
        for route in app.routes
        for method in sorted(getattr(route, "methods", ()))
        if method in unsafe
    ]


def get_paths(app: Litestar) -> list[str]:
    return [route.path for route in app.routes if "GET" in getattr(route, "methods", ()) and "{" not in route.path]


def contents(journal: Journal) -> str:
    """All the journal remembers, as one text."""
    return repr(
        (
            journal.connections(),
            journal.schedule("producao"),
            journal.runs("producao", 100),
            journal.events("producao", 100),
            journal.note("shown_connection"),
        )
    )


# --- the seed's texts


def test_the_frame_says_the_seeds_words(pages: Stage) -> None:
    pages.journal.save_schedule("producao", Schedule(), NOW)
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


def test_the_schedule_says_the_seeds_words_in_its_order(pages: Stage) -> None:
    said = text(pages.client().get("/agendamento?ativar=sim").text)
    place = said.index("AGENDAMENTO - Não Definido!!")
    for words_ in ("Deseja ativar o Agendamento ?", "Sim", "Não", *SEED_OPTIONS, "SALVAR"):
        assert words_ in said[place:], words_
        place = said.index(words_, place)


def test_the_form_begins_with_the_seeds_defaults(pages: Stage) -> None:
    html = pages.client().get("/agendamento?ativar=sim").text
    values = dict(re.findall(r'name="((?:inicio|repetir)_\w+)" value="(\d+)"', html))
    checked = re.findall(r'name="(\w+)" value="(\w+)"[^>]* checked', html)
    assert values == {"inicio_hora": "8", "inicio_minuto": "0", "repetir_hora": "0", "repetir_minuto": "15"}
    assert checked == [("ativar", "sim"), ("dias", "todos"), ("estabelecimentos", "todos"), ("sistemas", "todos")]


def test_without_sim_the_options_are_absent(pages: Stage) -> None:
    said = text(pages.client().get("/agendamento").text)
    assert "Deseja ativar o Agendamento ? Sim Não" in said
    assert [words_ for words_ in ("Frequência de Envio", "Dias", "Sistemas") if words_ in said] == []


def test_sim_without_its_options_shows_them_before_anything_is_saved(pages: Stage) -> None:
    answer = post(pages.client(), "/agendamento", {"ativar": "sim"})
    assert (answer.status_code, "Frequência de Envio" in answer.text) == (200, True)
    assert pages.journal.schedule("producao") is None


# --- the schedule


def test_saving_the_seeds_schedule_activates_it(pages: Stage) -> None:
    client = pages.client()
    answer = post(client, "/agendamento", SAVE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/agendamento?salvo=1")
    assert pages.journal.schedule("producao") == Schedule()
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


def test_chosen_days_establishment_and_system_are_saved(pages: Stage) -> None:
    chosen = SAVE | {
        "dias": "escolher",
        "dia": ["0", "4"],
        "estabelecimentos": "escolher",
        "estabelecimento": "0002",
        "sistemas": "omniforce",
    }
    assert post(pages.client(), "/agendamento", chosen).status_code == 303
    assert pages.journal.schedule("producao") == Schedule(days=(0, 4), establishments=("0002",), systems=("omniforce",))


def test_nao_keeps_the_values_for_next_time(pages: Stage) -> None:
    client = pages.client()
    post(client, "/agendamento", SAVE | {"inicio_hora": "6"})
    post(client, "/agendamento", {"ativar": "nao"})
    assert pages.journal.schedule("producao") == Schedule(is_active=False, start_hour=6)
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
    pages: Stage, changes: dict[str, str], sentence: str
) -> None:
    answer = post(pages.client(), "/agendamento", SAVE | changes)
    said = text(answer.text)
    assert answer.status_code == 422
    assert "O agendamento não foi salvo: há 1 erro" in said
    assert sentence in said
    assert pages.journal.schedule("producao") is None
    [anchor] = re.findall(r'<li><a href="#([\w-]+)">', answer.text)
    assert f'id="{anchor}"' in answer.text


def test_an_establishment_that_left_the_computer_stays_named(pages: Stage) -> None:
    pages.journal.save_schedule("producao", Schedule(establishments=("0009",)), NOW)
    assert "0009 - não está mais neste computador" in pages.client().get("/agendamento").text


def test_a_lone_establishment_is_named_and_not_asked_for(tmp_path: Path) -> None:
    with stage(tmp_path, known=connection(establishments=connection().establishments[:1])) as pages:
        html = pages.client().get("/agendamento?ativar=sim").text
    assert "0001 - FABRICA VEVO, o único deste computador." in html
    assert 'value="escolher" class="choose" disabled' in html


# --- the header


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
    pages: Stage, schedule: Schedule | None, line: str
) -> None:
    if schedule is not None:
        pages.journal.save_schedule("producao", schedule, NOW)
    assert line in text(pages.client().get("/historico").text)


def test_the_header_says_that_it_runs_now(pages: Stage) -> None:
    pages.journal.save_schedule("producao", Schedule(), NOW)
    pages.run("running", minutes_ago=0, seconds=0)
    assert text(pages.client().get("/proxima").text) == "Sincronizando agora…"


# --- the states of the first page


def test_a_new_computer_is_welcomed_with_four_steps(tmp_path: Path) -> None:
    with stage(tmp_path, is_new=True) as pages:
        said = text(pages.client().get("/").text)
    for words_ in ("Bem-vindo ao Omnisync", "Banco do ERP", "Endereço e chave de acesso", "Conferência sem gravar"):
        assert words_ in said


def test_before_the_first_run_it_says_so(pages: Stage) -> None:
    said = text(pages.client().get("/").text)
    assert "Nenhuma importação feita ainda." in said
    assert "IMPORTAR" in said


def test_a_run_shows_its_progress_by_the_four_nouns(pages: Stage) -> None:
    counts = Counts(
        customers=Tally(written=24_800), orders=Tally(written=90, refused=2, waiting=3, kept=1, unchanged=4)
    )
    pages.run("running", minutes_ago=0.5, seconds=20, counts=counts, totals=ALL, phase="order:0001")
    said = text(pages.client().get("/").text)
    for words_ in (
        "Importando pedidos de vendas… 5%",
        "24.900 de 415.406 · 1.245 registros/s · faltam cerca de 5 min",
        "Iniciada hoje às 12:02 por você. Pode fechar esta página: a importação continua.",
        "Clientes 24.800 /24.800 24.800 0 Concluído",
        "Pedidos de vendas 4 sem alteração, 3 aguardando, 1 mantidos no ERP 100 /96.400 90 2 Importando",
        "Itens de vendas 0 /289.204 0 0 Importando",
        "Cancelar",
        "24.900 recebidos = 24.890 gravados + 4 sem alteração + 2 recusados + 3 aguardando + 1 mantidos no ERP.",
    ):
        assert words_ in said, words_
    assert "IMPORTAR" not in said


def test_what_is_waited_out_is_said_while_the_run_goes(pages: Stage) -> None:
    pages.run("running", minutes_ago=1, seconds=50, phase="customer!hub_unreachable")
    said = text(pages.client().get("/situacao").text)
    assert texts.sentence("hub_unreachable") in said
    assert "Importando clientes…" in said


def test_a_run_without_totals_shows_a_bar_without_an_end(pages: Stage) -> None:
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
            "hub_unreachable",
            ["Sem conexão com o OmniForce desde 12:00.", "IMPORTAR tenta agora.", "IMPORTAR"],
        ),
    ],
)
def test_each_end_has_its_sentence(pages: Stage, state: Any, code: str | None, sentences: list[str]) -> None:
    pages.run(state, counts=whole(), totals=ALL, code=code)
    said = text(pages.client().get("/").text)
    for words_ in sentences:
        assert words_ in said, words_


def test_a_done_run_is_up_to_date(pages: Stage) -> None:
    pages.run("done", seconds=4, counts=Counts(customers=Tally(written=318)))
    said = text(pages.client().get("/").text)
    assert "Tudo em dia. Última importação hoje às 12:00." in said
    assert "318 registros gravados, nenhum recusado, em 4 segundos." in said


def test_nothing_new_is_no_error(pages: Stage) -> None:
    pages.run("done")
    assert "Não há dados novos no OmniForce." in text(pages.client().get("/").text)


def test_what_is_still_refused_keeps_a_done_run_from_saying_all_is_well(pages: Stage) -> None:
    pages.run("done")
    pages.erp.records = [unsettled(codigo="1")]
    said = text(pages.client().get("/").text)
    assert "Tudo em dia" not in said
    assert "1 registro continua recusado" in said


def test_offline_says_when_it_tries_again(pages: Stage) -> None:
    pages.run("failed", code="hub_unreachable", minutes_ago=11)
    pages.run("failed", code="hub_unreachable", minutes_ago=5, origin="retry")
    pages.offline["producao"] = Offline(NOW, 3, NOW + timedelta(seconds=45))
    said = text(pages.client().get("/").text)
    assert "Sem conexão com o OmniForce desde 11:52." in said
    assert "de novo em 45 segundos (tentativa 4); IMPORTAR tenta agora." in said


def test_a_failure_stays_in_view_until_a_run_succeeds(pages: Stage) -> None:
    pages.run("failed", code="token_refused", minutes_ago=30)
    pages.run("cancelled", code="cancelled", minutes_ago=20)
    assert "recusou o acesso deste computador" in text(pages.client().get("/situacao").text)
    pages.run("done", minutes_ago=10)
    assert "recusou o acesso deste computador" not in text(pages.client().get("/situacao").text)


def test_a_going_run_hides_the_last_failure(pages: Stage) -> None:
    pages.run("failed", code="token_refused", minutes_ago=30)
    pages.run("running", minutes_ago=0, seconds=0)
    assert "recusou o acesso" not in text(pages.client().get("/situacao").text)


def test_the_history_adds_up_in_every_row(pages: Stage) -> None:
    tally = Tally(written=5, unchanged=4, refused=3, waiting=2, kept=1)
    pages.run("done_with_refusals", counts=Counts(orders=tally), origin="catch_up")
    said = text(pages.client().get("/historico").text)
    assert "Hoje, 12:00 Atrasada Concluída com recusas 15 5 4 3 2 1 10 s" in said


def test_the_history_goes_on_to_older_runs(pages: Stage) -> None:
    ids = [pages.run("done", minutes_ago=200 - n) for n in range(60)]
    client = pages.client()
    html = client.get("/historico").text
    [older] = re.findall(r"/historico\?antes=(\w+)", html)
    assert older == ids[10]
    assert client.get(f"/historico?antes={older}").text.count("<tr>") == 11


# --- buttons


def test_importar_starts_a_run_and_goes_back_to_the_page(pages: Stage) -> None:
    answer = post(pages.client(), "/importar")
    run = pages.journal.current_run("producao")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert run is not None
    assert (run.origin, run.kind, run.ids) == ("button", "import", ())


def test_the_pages_script_gets_the_state_instead_of_a_redirect(pages: Stage) -> None:
    answer = post(pages.client(), "/importar", headers=HTMX)
    assert answer.status_code == 200
    assert "Começando a importação…" in answer.text
    assert "<title>Importando · Omnisync</title>" in answer.text


def test_a_click_during_a_run_shows_that_run(pages: Stage) -> None:
    run_id = pages.run("running", minutes_ago=0, seconds=0)
    assert post(pages.client(), "/importar").status_code == 303
    assert [run.id for run in pages.journal.runs("producao", 10)] == [run_id]


def test_cancelar_stops_the_run_the_page_showed_and_no_other(pages: Stage) -> None:
    run_id = pages.run("running", minutes_ago=0, seconds=0)
    client = pages.client()
    post(client, "/cancelar", {"execucao": "run_another"})
    assert pages.journal.runs("producao", 1)[0].state == "running"
    post(client, "/cancelar", {"execucao": run_id})
    assert pages.journal.runs("producao", 1)[0].state == "cancelling"
    assert 'aria-disabled="true"' in client.get("/situacao").text


def test_refused_and_waiting_records_stand_with_reason_and_remedy(pages: Stage) -> None:
    pages.run("done_with_refusals", counts=whole(), totals=ALL)
    pages.erp.records = [
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


def test_tentar_de_novo_asks_for_that_record(pages: Stage) -> None:
    post(pages.client(), "/tentar", {"registro": "order:ord_1"})
    run = pages.journal.current_run("producao")
    assert run is not None
    assert (run.origin, run.ids) == ("retry", ("order:ord_1",))


def test_tentar_de_novo_takes_nothing_else(pages: Stage) -> None:
    post(pages.client(), "/tentar", {"registro": "any:../../x y"})
    assert pages.journal.current_run("producao") is None


def test_tentar_todos_asks_for_every_refused_record(pages: Stage) -> None:
    pages.run("done_with_refusals", counts=whole())
    pages.erp.records = [unsettled(id="a"), unsettled(id="b", kind="customer"), unsettled("waiting", id="c")]
    post(pages.client(), "/tentar-todos")
    run = pages.journal.current_run("producao")
    assert run is not None
    assert run.ids == ("order:a", "customer:b")


def test_the_search_answers_whether_an_order_entered(pages: Stage) -> None:
    pages.run("done")
    pages.erp.records = [
        unsettled("imported", label="OF-004821", code="", erp_number="104233"),
        unsettled("kept", id="ord_9", label="OF-004829", code="order_removed", numero_erp="104234"),
    ]
    html = pages.client().get("/busca?q=OF-0048").text
    said = text(html)
    assert "Pedido OF-004821 Importado hoje às 12:00 104233" in said
    assert "Pedido OF-004829 Mantido no ERP" in said
    assert 'value="again:order:ord_9"' in html
    assert "Nenhum registro com “OF-9999”" in text(pages.client().get("/busca?q=OF-9999").text)


def test_an_erp_that_does_not_open_is_said_and_the_page_stands(pages: Stage) -> None:
    pages.run("done")
    pages.erp.error = ErpSetupError(banco="ERP_VEVO", servidor="erp-01")
    answer = pages.client().get("/")
    assert answer.status_code == 200
    assert "Não foi possível abrir o banco ERP_VEVO no servidor erp-01." in text(answer.text)


# --- the connection


def test_the_connection_is_saved_with_its_key(tmp_path: Path) -> None:
    with stage(tmp_path, is_new=True) as pages:
        fields = {
            "nome": "producao",
            "central": "https://a.example/",
            "chave": TOKEN,
            "tipo": "sqlite",
            "banco": "/e.db",
        }
        answer = post(pages.client(), "/conexao", fields)
        saved = pages.journal.connection("producao")
        key = pages.parts.secrets.get(saved, "hub_token")
    assert answer.headers["location"] == "/conexao?aviso=salva"
    assert (saved.hub, saved.erp) == (HubAddress("https://a.example"), ErpAddress(kind="sqlite", database="/e.db"))
    assert key == Secret(TOKEN)


def test_another_hub_empties_the_key(pages: Stage) -> None:
    fields = {"central": "https://outra.example", "chave": "", "tipo": "sqlite", "banco": "/dados/ERP_VEVO.db"}
    client = pages.client()
    answer = post(client, "/conexao", fields)
    assert pages.parts.secrets.get(pages.journal.connection("producao"), "hub_token") is None
    assert pages.parts.secrets.get(connection(), "hub_token") is None
    said = text(client.get(answer.headers["location"]).text)
    assert "a chave de acesso anterior foi apagada" in said


def test_another_erp_empties_its_password_and_keeps_the_key(pages: Stage) -> None:
    pages.parts.secrets.put(connection(), "erp_password", Secret("senha"))
    fields = {"central": "https://central.omniforce.example", "chave": "", "tipo": "sqlite", "banco": "/outro.db"}
    post(pages.client(), "/conexao", fields)
    saved = pages.journal.connection("producao")
    assert pages.parts.secrets.get(saved, "erp_password") is None
    assert pages.parts.secrets.get(saved, "hub_token") == Secret(TOKEN)


@pytest.mark.parametrize(
    "address", ["http://outra.example", "https://169.254.169.254", "https://x@y.example", "ftp://a", ""]
)
def test_an_address_that_is_not_accepted_comes_back_with_its_sentence(pages: Stage, address: str) -> None:
    answer = post(pages.client(), "/conexao", {"central": address, "chave": "nova", "tipo": "sqlite", "banco": "/e.db"})
    assert answer.status_code == 422
    assert "O endereço da central não é aceito" in text(answer.text)
    assert "nova" not in re.findall(r'name="chave"[^>]*value="([^"]*)"', answer.text)
    assert pages.journal.connection("producao") == connection()


def test_testing_says_what_hub_and_erp_answered(pages: Stage) -> None:
    said = text(post(pages.client(), "/conexao/testar").text)
    assert "Central do OmniForce: Padaria Aurora, 2 estabelecimentos." in said
    assert "Banco do ERP: Aberto, com 7 pedidos." in said


def test_testing_says_what_is_wrong(pages: Stage) -> None:
    pages.hub.error = BadTokenError()
    pages.erp.error = ErpSetupError(banco="ERP", servidor="erp-01")
    said = text(post(pages.client(), "/conexao/testar").text)
    assert texts.sentence("token_refused") in said
    assert "Não foi possível abrir o banco ERP" in said


def test_rehearsing_counts_what_would_come(pages: Stage) -> None:
    said = text(post(pages.client(), "/conexao/conferir").text)
    assert "Há no OmniForce 0 clientes, 12 pedidos de vendas, 40 itens de vendas e 15 formas de pagamentos." in said


def test_establishments_are_brought_from_the_hub_and_ticked(tmp_path: Path) -> None:
    with stage(tmp_path, known=connection(establishments=())) as pages:
        client = pages.client()
        offered = re.findall(r'name="estabelecimento" value="(\d+)" checked', post(client, "/conexao/testar").text)
        post(client, "/conexao/estabelecimentos", {"estabelecimento": ["0002", "9999"]})
        saved = pages.journal.connection("producao").establishments
    assert offered == ["0001", "0002"]
    assert [(one.code, one.name) for one in saved] == [("0002", "FÁBIO VEVO")]


def test_another_connection_can_be_shown(pages: Stage) -> None:
    pages.journal.save_connection(connection(name="testes"))
    client = pages.client()
    assert "LINK producao" in client.get("/").text
    post(client, "/conexao/mostrar", {"conexao": "testes"})
    assert "LINK testes" in client.get("/").text


# --- the locks


def test_every_unsafe_route_is_refused_without_the_token(pages: Stage) -> None:
    pages.run("running", minutes_ago=0, seconds=0)
    before = contents(pages.journal)
    routes = post_routes(pages.app)
    assert len(routes) >= 10
    for path, method in routes:
        for fields in ({}, {"_token": "0" * 64}, SAVE | {"central": "https://evil.example", "banco": "x"}):
            answer = pages.client().request(method, path, data=fields)
            assert answer.status_code == 403, (method, path)
    assert contents(pages.journal) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_every_unsafe_route_is_refused_to_another_origin(pages: Stage, headers: dict[str, str]) -> None:
    before = contents(pages.journal)
    for path, _ in post_routes(pages.app):
        answer = post(pages.client(), path, SAVE, headers=headers)
        assert answer.status_code == 403, path
        assert "_token" not in answer.text
    assert contents(pages.journal) == before


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.nip.io:8787", "127.0.0.1", "127.0.0.1:80", "localhost.:8787", ""]
)
def test_every_route_is_refused_under_another_host(pages: Stage, host: str) -> None:
    token = pages.client().get("/agendamento").text
    for path in get_paths(pages.app):
        answer = pages.client().get(path, headers={"Host": host})
        assert answer.status_code == 400, path
    for path, _ in post_routes(pages.app):
        answer = pages.client().post(path, data={"_token": token_in(token)}, headers={"Host": host})
        assert answer.status_code == 400, path


def test_localhost_is_this_computer_too(pages: Stage) -> None:
    assert pages.client().get("/", headers={"Host": "localhost:8787"}).status_code == 200


def test_our_own_pages_pass_with_field_or_header(pages: Stage) -> None:
    client = pages.client()
    ours = {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"}
    assert post(client, "/importar", headers=ours).status_code == 303
    token = token_in(client.get("/agendamento").text)
    assert client.post("/importar", headers=ours | {"X-Omnisync-Token": token}).status_code == 303


def test_the_token_outlives_a_restart(tmp_path: Path) -> None:
    tokens = []
    for _ in range(2):
        with stage(tmp_path) as pages:
            tokens.append(token_in(pages.client().get("/").text))
    assert tokens[0] == tokens[1]


def test_a_stale_page_gets_its_form_back_as_typed(pages: Stage) -> None:
    answer = pages.client().post("/agendamento", data=SAVE | {"inicio_hora": "6", "_token": "velho"})
    assert answer.status_code == 403
    assert "Esta página estava aberta de antes e o agendamento não foi salvo." in text(answer.text)
    assert 'name="inicio_hora" value="6"' in answer.text
    fields = {"central": "https://nova.example", "chave": TOKEN, "tipo": "sqlite", "banco": "/n.db"}
    answer = pages.client().post("/conexao", data=fields)
    assert 'value="https://nova.example"' in answer.text
    assert TOKEN not in answer.text
    assert "Nada foi feito" in text(pages.client().post("/importar").text)


def test_a_stale_button_of_the_script_leads_to_the_page_that_explains(pages: Stage) -> None:
    client = pages.client()
    answer = client.post("/importar", headers=HTMX)
    assert (answer.status_code, answer.headers["hx-redirect"]) == (403, "/?antiga=1")
    assert "Esta página estava aberta de antes e não foi aceita." in text(client.get("/?antiga=1").text)


def test_every_answer_carries_the_headers(pages: Stage) -> None:
    client = pages.client()
    for path in (*PAGES, *PARTS, "/nada", "/static/app.css", "/static/../app.py"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers
    assert "content-security-policy" in client.post("/importar").headers
    assert "content-security-policy" in client.get("/", headers={"Host": "evil.example"}).headers


def test_get_changes_nothing(pages: Stage) -> None:
    pages.run("done_with_refusals", counts=whole(), totals=ALL)
    before = contents(pages.journal)
    for path in (*get_paths(pages.app), *PAGES):
        assert pages.client().get(path).status_code in (200, 404), path
    assert contents(pages.journal) == before


def test_unsafe_routes_answer_no_get(pages: Stage) -> None:
    both = set(get_paths(pages.app))
    for path, _ in post_routes(pages.app):
        if path not in both:
            assert pages.client().get(path).status_code == 405, path


def test_hostile_names_are_only_text(tmp_path: Path) -> None:
    known = connection(establishments=tuple(type(one)(one.code, HOSTILE) for one in connection().establishments))
    with stage(tmp_path, known=known) as pages:
        pages.run("failed", code="hub_said_no", motivo=HOSTILE)
        pages.erp.records = [
            unsettled(kind="customer", label=HOSTILE, code="tax_id_invalid", codigo=HOSTILE, erp_number=HOSTILE),
            unsettled("waiting", id="o", label=HOSTILE, code="customer_missing", nome=HOSTILE),
        ]
        for path in (*PAGES, *PARTS, "/busca?q=%3Cscript%3E"):
            html = pages.client().get(path).text
            assert "<script>alert" not in html, path
            assert not re.search(r"<[^>]*\sonmouseover=(?![^<]*&)", html.replace("&#34;", "&")), path
            assert "49" not in re.findall(r"\{\{.*?\}\}|\b49\b", text(html)), path


def test_secrets_are_on_no_page(pages: Stage) -> None:
    pages.parts.secrets.put(connection(), "erp_password", Secret("senha-do-banco"))
    pages.run("failed", code="token_refused")
    client = pages.client()
    html = [client.get(path).text for path in (*PAGES, *PARTS)] + [post(client, "/conexao/testar").text]
    assert not [page for page in html if TOKEN in page or "senha-do-banco" in page]
    assert "Há uma chave guardada em" in client.get("/conexao").text


# --- what the templates may not have


def templates() -> list[Path]:
    return sorted((FOLDER / "templates").glob("*.html"))


@pytest.mark.parametrize("path", templates(), ids=lambda path: path.name)
def test_no_template_opens_a_hole(path: Path) -> None:
    source = path.read_text("utf-8")
    assert not re.search(r"\|\s*safe\b|autoescape|Markup", source)
    assert not re.search(r"hx-on|js:|javascript:|\sstyle=|<style|\son[a-z]+=", source)
    assert not re.search(r"hx-trigger=\"[^\"]*\[", source)
    unquoted = re.sub(r"\"[^\"]*\"|'[^']*'", '""', re.sub(r"\{%.*?%\}", "", source))
    assert not re.search(r"<[^>]*\s[a-z-]+=[^\"]", unquoted)
    assert not re.search(r"https?://(?!\")", source)


def test_every_template_is_html() -> None:
    assert {path.suffix for path in (FOLDER / "templates").iterdir()} == {".html"}


def test_htmx_is_the_published_file() -> None:
    digest = hashlib.sha256((FOLDER / "static" / "htmx-4.0.1.min.js").read_bytes()).hexdigest()
    assert digest == "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"


def test_our_script_stays_small() -> None:
    assert len((FOLDER / "static" / "poll.js").read_text("utf-8").splitlines()) <= 60


def test_a_first_view_is_light(pages: Stage) -> None:
    pages.run("running", counts=whole(), totals=ALL)
    client = pages.client()
    html = client.get("/").text
    linked = re.findall(r'(?:href|src)="(/static/[^"]+)"', html)
    assert len(linked) == 3
    assert len(html.encode()) + sum(len(client.get(path).content) for path in linked) < 70_000


# --- what a poll costs


@pytest.mark.parametrize("path", ["/situacao", "/proxima"])
def test_a_poll_asks_the_journal_few_questions_and_the_erp_none(pages: Stage, path: str) -> None:
    pages.run("done")
    pages.journal.save_schedule("producao", Schedule(), NOW)
    client = pages.client()
    client.get("/situacao")
    asked: list[str] = []
    database = pages.journal._database  # the statements are counted where they are made
    rows = database.rows
    database.rows = lambda sql, *values: asked.append(sql) or rows(sql, *values)  # type: ignore[method-assign, func-returns-value]
    n_opened = pages.erp.n_opened
    assert client.get(path).status_code == 200
    assert len(asked) <= 4
    assert pages.erp.n_opened == n_opened


# --- errors and the server


def test_a_page_that_does_not_exist_says_so_and_nothing_of_the_company(pages: Stage) -> None:
    answer = pages.client().get("/nada")
    assert answer.status_code == 404
    assert text(answer.text) == "OMNISYNC Esta página não existe. Volte ao início. Voltar ao início"


def test_a_journal_built_anew_is_told_on_the_first_screen(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"not a database" * 1000)
    with stage(tmp_path, is_new=True) as pages:
        pages.parts.journal.connections()
        [notice] = pages.journal.notices()
        parts = msgspec.structs.replace(pages.parts, clock=lambda: notice.at)
        said = text(TestClient(create_app(parts, [HOST]), base_url=f"http://{HOST}").get("/").text)
    assert "O histórico deste computador estava danificado e foi refeito." in said
    assert notice.words["arquivo"] in said


def test_a_failed_refresh_leaves_the_page_as_it_is(pages: Stage) -> None:
    pages.journal._database.rows = _broken  # type: ignore[method-assign]  # a disk that fails under a running agent
    answer = pages.client().get("/situacao", headers=HTMX)
    assert (answer.status_code, answer.text, answer.headers["hx-reswap"]) == (409, "", "none")


def _broken(sql: str, *values: object) -> Any:
    raise SettingsError("disk_full", pasta="/x")


def test_a_failed_button_says_so_in_place(pages: Stage) -> None:
    client = pages.client()
    token = token_in(client.get("/").text)
    pages.journal._database.rows = _broken  # type: ignore[method-assign]  # as above
    answer = client.post("/importar", data={"_token": token}, headers=HTMX)
    assert (answer.status_code, answer.headers["hx-retarget"]) == (409, "#aviso")
    assert "O disco deste computador está cheio (/x)." in text(answer.text)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.10", "::", "::1", "erp.local"])
def test_an_address_others_could_reach_is_refused(pages: Stage, host: str) -> None:
    with pytest.raises(SettingsError) as refused:
        serving.PageServer(pages.parts, host, 0)
    assert refused.value.code == "pages_open_to_all"


def test_a_busy_port_is_told(pages: Stage) -> None:
    first = serving.PageServer(pages.parts, "127.0.0.1", 0)
    with pytest.raises(SettingsError) as refused:
        serving.PageServer(pages.parts, "127.0.0.1", int(first.url.rsplit(":", 1)[1]))
    first._socket.close()
    assert refused.value.code == "pages_port_busy"


def test_every_code_of_the_pages_has_its_sentence() -> None:
    codes = {"pages_open_to_all", "pages_port_busy", "schedule_never_saved"}
    assert codes <= texts.SENTENCES.keys()


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
    assert (words.span(length), words.short_span(length)) == (said, short)


def test_totals_smaller_than_what_came_show_what_came(pages: Stage) -> None:
    pages.run("running", counts=Counts(customers=Tally(written=12)), totals=Totals(customers=10))
    said = text(pages.client().get("/situacao").text)
    assert "Clientes 12 /12 12 0 Concluído" in said
