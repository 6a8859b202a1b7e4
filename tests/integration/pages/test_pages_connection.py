"""The connection's page: what is saved, what is emptied, what a test says, and what never comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from omnisync.agent.config.connection import ErpAddress, HubAddress
from omnisync.agent.config.secrets import Secret
from omnisync.agent.erp.base import DryRun
from omnisync.agent.errors import BadTokenError, ErpSetupError, HubUnreachableError
from omnisync.agent.messages import sentences
from omnisync.agent.progress import Counts, RowCounts
from tests.support.page_client import HOSTILE, TOKEN, PageSetup, connection, page_client, post, text

CENTRAL = "https://central.omniforce.example"
PASSWORD = "senha-do-banco-que-nunca-volta"  # noqa: S105  # a made-up one
SERVER = {
    "central": CENTRAL,
    "tipo": "firebird",
    "servidor": "erp-01.vevo.local",
    "porta": "3051",
    "banco": "ERP_VEVO",
    "usuario": "OMNISYNC",
    "senha": PASSWORD,
    "caracteres": "WIN1252",
    "layout": "padrao",
}
ERP = ErpAddress(
    kind="firebird",
    database="ERP_VEVO",
    server="erp-01.vevo.local",
    port=3051,
    user="OMNISYNC",
    charset="WIN1252",
)


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[PageSetup]:
    with page_client(tmp_path) as made:
        yield made


def test_the_connection_is_saved_with_its_key(tmp_path: Path) -> None:
    with page_client(tmp_path, is_new=True) as pages:
        fields = {
            "nome": "producao",
            "central": "https://a.example/",
            "chave": TOKEN,
            "tipo": "sqlite",
            "banco": "/e.db",
        }
        answer = post(pages.signed_in(), "/conexao", fields)
        saved = pages.journal.connections.get("producao")
        key = pages.parts.secrets.get(saved, "hub_token")
    assert answer.headers["location"] == "/"
    assert (saved.hub, saved.erp) == (HubAddress("https://a.example"), ErpAddress(kind="sqlite", database="/e.db"))
    assert key == Secret(TOKEN)


def test_the_rule_of_the_centavo_is_a_box_that_stays_as_it_was_saved(pages: PageSetup) -> None:
    client = pages.signed_in()
    box = re.compile(r'name="ajustar_centavo" value="sim"( checked)?')
    assert box.findall(client.get("/conexao").text) == [""]
    answer = post(client, "/conexao/regras", {"ajustar_centavo": "sim"})
    assert "Regra salva." in text(client.get(answer.headers["location"]).text)
    assert box.findall(client.get("/conexao").text) == [" checked"]
    assert pages.journal.connections.get("producao") == connection(adjusts_centavo=True)
    post(client, "/conexao/regras", {})
    assert pages.journal.connections.get("producao") == connection()


def test_another_hub_empties_the_key(pages: PageSetup) -> None:
    fields = {"central": "https://outra.example", "chave": "", "tipo": "sqlite", "banco": "/dados/ERP_VEVO.db"}
    client = pages.signed_in()
    answer = post(client, "/conexao", fields)
    assert pages.parts.secrets.get(pages.journal.connections.get("producao"), "hub_token") is None
    assert pages.parts.secrets.get(connection(), "hub_token") is None
    said = text(client.get(answer.headers["location"]).text)
    assert "a chave de acesso anterior foi apagada" in said


def test_another_erp_empties_its_password_and_keeps_the_key(pages: PageSetup) -> None:
    pages.parts.secrets.put(connection(), "erp_password", Secret("senha"))
    fields = {"central": "https://central.omniforce.example", "chave": "", "tipo": "sqlite", "banco": "/outro.db"}
    post(pages.signed_in(), "/conexao", fields)
    saved = pages.journal.connections.get("producao")
    assert pages.parts.secrets.get(saved, "erp_password") is None
    assert pages.parts.secrets.get(saved, "hub_token") == Secret(TOKEN)


@pytest.mark.parametrize(
    "address", ["http://outra.example", "https://169.254.169.254", "https://x@y.example", "ftp://a", ""]
)
def test_an_address_that_is_not_accepted_comes_back_with_its_sentence(pages: PageSetup, address: str) -> None:
    answer = post(
        pages.signed_in(), "/conexao", {"central": address, "chave": "nova", "tipo": "sqlite", "banco": "/e.db"}
    )
    assert answer.status_code == 422
    assert "O endereço da central não é aceito" in text(answer.text)
    assert "nova" not in re.findall(r'name="chave"[^>]*value="([^"]*)"', answer.text)
    assert pages.journal.connections.get("producao") == connection()


def test_testing_says_what_hub_and_erp_answered(pages: PageSetup) -> None:
    said = text(post(pages.signed_in(), "/conexao/testar").text)
    for words_ in (
        "Central do OmniForce: Responde.",
        "Chave de acesso: Aceita: Padaria Aurora, 2 estabelecimentos.",
        "Banco do ERP: Aberto.",
        "Tabelas do layout: As tabelas do layout padrao estão lá, com 7 pedidos.",
    ):
        assert words_ in said, words_


def test_testing_says_what_is_wrong(pages: PageSetup) -> None:
    pages.hub.error = BadTokenError()
    pages.erp.error = ErpSetupError(banco="ERP", servidor="erp-01")
    said = text(post(pages.signed_in(), "/conexao/testar").text)
    assert sentences.of_code("token_refused") in said
    assert "Não foi possível abrir o banco ERP" in said


def test_rehearsing_shows_what_the_layout_makes_of_what_would_come(pages: PageSetup) -> None:
    rows: list[dict[str, object]] = [{"nome": f"{HOSTILE} {n}", "documento": "11222333000181"} for n in range(7)]
    pages.hub.rehearsal = DryRun(
        counts=Counts(customers=RowCounts(written=7)), tables={"clientes": rows, "pedidos": []}, unsettled=[]
    )
    pages.erp.error = ErpSetupError(banco="ERP", servidor="erp-01")  # whoever opened it would fail
    html = post(pages.signed_in(), "/conexao/conferir").text
    said = text(html)
    assert "Conferência sem gravar: 7 linhas lidas do OmniForce e convertidas pelo layout. Nada foi gravado" in said
    assert "clientes: 7 linhas, as primeiras 5" in said
    assert "pedidos" not in said[said.index("clientes: 7") :].split("Banco do ERP")[0]
    assert "<script>alert" not in html
    assert "11222333000181" not in html


def test_rehearsing_says_when_there_is_nothing_and_when_the_hub_refuses(pages: PageSetup) -> None:
    client = pages.signed_in()
    assert "Não há dados novos no OmniForce." in text(post(client, "/conexao/conferir").text)
    pages.hub.error = BadTokenError()
    assert sentences.of_code("token_refused") in text(post(client, "/conexao/conferir").text)


def test_establishments_are_brought_from_the_hub_and_ticked(tmp_path: Path) -> None:
    with page_client(tmp_path, known=connection(establishments=())) as pages:
        client = pages.signed_in()
        offered = re.findall(r'name="estabelecimento" value="(\d+)" checked', post(client, "/conexao/testar").text)
        post(client, "/conexao/estabelecimentos", {"estabelecimento": ["0002", "9999"]})
        saved = pages.journal.connections.get("producao").establishments
    assert offered == ["0001", "0002"]
    assert [(one.code, one.name) for one in saved] == [("0002", "FÁBIO VEVO")]


def test_all_of_the_erps_server_is_saved_and_shown_but_its_password(pages: PageSetup) -> None:
    client = pages.signed_in()
    assert post(client, "/conexao", SERVER).headers["location"] == "/conexao?aviso=salva"
    saved = pages.journal.connections.get("producao")
    assert saved.erp == ERP
    assert pages.parts.secrets.get(saved, "erp_password") == Secret(PASSWORD)
    html = client.get("/conexao").text
    for name, value in SERVER.items():
        if name not in ("senha", "tipo", "caracteres"):
            assert re.search(rf'name="{name}"[^>]* value="{re.escape(value)}"', html), name
    assert '<option value="firebird" selected>' in html
    assert '<option value="WIN1252" selected>' in html
    assert "Há uma senha guardada em" in html
    assert PASSWORD not in html


def test_an_empty_password_field_keeps_the_password(pages: PageSetup) -> None:
    post(pages.signed_in(), "/conexao", SERVER)
    post(pages.signed_in(), "/conexao", SERVER | {"senha": "", "layout": "padrao"})
    assert pages.parts.secrets.get(pages.journal.connections.get("producao"), "erp_password") == Secret(PASSWORD)


@pytest.mark.parametrize(
    "change",
    [
        {"servidor": "outro.vevo.local"},
        {"porta": "3050"},
        {"usuario": "SYSDBA"},
        {"banco": "OUTRO"},
        {"tipo": "postgresql"},
    ],
)
def test_another_server_port_user_database_or_kind_empties_the_password(
    pages: PageSetup, change: dict[str, str]
) -> None:
    client = pages.signed_in()
    post(client, "/conexao", SERVER)
    answer = post(client, "/conexao", SERVER | {"senha": ""} | change)
    assert answer.headers["location"] == "/conexao?aviso=sem-senha"
    assert pages.parts.secrets.get(pages.journal.connections.get("producao"), "erp_password") is None
    assert "a senha que era do outro foi apagada" in text(client.get("/conexao?aviso=sem-senha").text)
    post(client, "/conexao", SERVER | {"senha": ""})
    assert pages.parts.secrets.get(pages.journal.connections.get("producao"), "erp_password") is None
    assert pages.parts.secrets.get(pages.journal.connections.get("producao"), "hub_token") == Secret(TOKEN)


@pytest.mark.parametrize(
    ("change", "anchor", "sentence"),
    [
        ({"caracteres": ""}, "caracteres", "o Firebird precisa do conjunto de caracteres"),
        ({"porta": "70000"}, "porta", "a porta 70000 não existe"),
        ({"porta": "abc"}, "porta", "a porta é um número de 1 a 65535"),
        ({"servidor": "a.example,b.example"}, "servidor", "o servidor é um nome ou número só"),
        ({"banco": " "}, "banco", "falta o nome do banco do ERP"),
        ({"layout": "padrão"}, "layout", "O layout padrão não é conhecido. Escolha um destes: "),
        ({"layout": "/nao/ha.toml"}, "layout", "O layout /nao/ha.toml não é conhecido. Escolha um destes: "),
        ({"tipo": "dbase"}, "tipo", "não é conhecido por esta versão"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_saved(
    pages: PageSetup, change: dict[str, str], anchor: str, sentence: str
) -> None:
    answer = post(pages.signed_in(), "/conexao", SERVER | change)
    assert answer.status_code == 422
    assert sentence in text(answer.text)
    assert f'<li><a href="#{anchor}">' in answer.text
    assert f'id="{anchor}"' in answer.text
    assert sentence in " ".join(re.findall(f'<span class="wrong" id="erro-{anchor}">(.*?)</span>', answer.text))
    assert f'aria-describedby="erro-{anchor}' in answer.text
    assert PASSWORD not in answer.text
    assert pages.journal.connections.get("producao") == connection()
    assert pages.parts.secrets.get(connection(), "erp_password") is None


@pytest.mark.parametrize(
    ("hub", "erp", "failed"),
    [
        (HubUnreachableError(), None, "Central do OmniForce: Não foi possível falar com a central"),
        (BadTokenError(), None, "Chave de acesso: A chave de acesso não foi aceita"),
        (None, ErpSetupError(banco="ERP", servidor="erp-01"), "Banco do ERP: Não foi possível abrir o banco ERP"),
        (None, ErpSetupError("destination_login", banco="ERP"), "Usuário e senha do banco: O banco ERP recusou"),
        (
            None,
            ErpSetupError("destination_missing_table", banco="ERP", tabela="clientes"),
            "Tabelas do layout: O banco ERP não tem a tabela clientes.",
        ),
    ],
)
def test_the_step_that_failed_is_named_in_a_runs_own_sentence(
    pages: PageSetup, hub: Any, erp: Any, failed: str
) -> None:
    pages.hub.error, pages.erp.error = hub, erp
    said = text(post(pages.signed_in(), "/conexao/testar").text)
    assert failed in said
    assert ("Banco do ERP: Aberto." in said) == (erp is None)


def test_a_driver_that_hangs_is_left_behind_and_said(tmp_path: Path) -> None:
    is_over = Event()
    with page_client(tmp_path, test_for=timedelta(seconds=0.1)) as pages:
        pages.erp.hangs = is_over.wait
        client = pages.signed_in()
        said = text(post(client, "/conexao/testar").text)
        assert "Chave de acesso: Aceita" in said
        assert "O banco /dados/ERP_VEVO.db não respondeu em" in said
        assert sentences.of_code("test_going") in text(post(client, "/conexao/testar").text)
        is_over.set()


def test_the_erps_database_may_be_told_before_the_hub(tmp_path: Path) -> None:
    with page_client(tmp_path, is_new=True) as pages:
        client = pages.signed_in()
        fields = {"nome": "producao", "tipo": "sqlite", "banco": "/e.db", "layout": "padrao"}
        assert post(client, "/conexao", fields).status_code == 303
        assert pages.journal.connections.get("producao").hub is None
        assert post(client, "/conexao", {"central": "", "chave": ""}).status_code == 422
        post(client, "/conexao", {"central": CENTRAL, "chave": TOKEN})
        saved = pages.journal.connections.get("producao")
        assert (saved.hub, saved.erp) == (HubAddress(CENTRAL), ErpAddress(database="/e.db"))
        assert pages.parts.secrets.get(saved, "hub_token") == Secret(TOKEN)
