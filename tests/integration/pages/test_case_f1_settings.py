"""Case F1: on the computer's own address the password guards a listed set, and the rest is open without one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from omnisync.agent.config.page_password import PagePassword
from omnisync.agent.errors import SettingsError
from omnisync.agent.pages.app import create_app
from omnisync.agent.pages.auth.access import GUARDED, OPEN
from tests.support.page_client import (
    HOST,
    NOW,
    PAGES,
    PARTS,
    PASSWORD,
    QUICK,
    SAVE,
    Client,
    PageSetup,
    page_client,
    post,
    text,
    token_in,
)
from tests.support.page_routes import contents, post_routes

BUSY: dict[str, Any] = {"code": "establishment_busy", "codigo": "0001", "donos": '{"0001":["loja",""]}'}
EVIL = {
    "central": "https://evil.example",
    "chave": "outra",
    "banco": "/outro.db",
    "layout": "direto",
    "nome": "nova",
    "tipo": "sqlite",
    "grupo": "payment_method",
    "codigo": "1",
    "erp": "2",
    "dados": "products",
    "quantos": "1204",
    "estabelecimento": "0001",
}
"""Fields that would change each of the guarded things."""


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[PageSetup]:
    with page_client(tmp_path) as made:
        made.run("failed", **BUSY)
        made.journal.decisions.request_confirmation("producao", "products", 1204, NOW)
        yield made


def kept(pages: PageSetup) -> tuple[Any, ...]:
    """Everything that the password guards, as it is remembered."""
    decisions, connections = pages.journal.decisions, pages.journal.connections
    home = pages.parts.settings.home
    return (
        connections.all(),
        home.secrets.read_bytes(),
        home.page_password.read_bytes() if home.page_password.exists() else None,
        decisions.mappings("producao"),
        decisions.confirmations("producao"),
        pages.hub.taken_over,
        connections.events("producao", 100),
    )


def test_case_f1_every_form_is_in_the_open_list_or_in_the_guarded_one(pages: PageSetup) -> None:
    routes = {path for path, _ in post_routes(pages.app)}
    assert routes == OPEN | GUARDED.keys()
    assert OPEN & GUARDED.keys() == set()


@pytest.mark.parametrize("has_password", [False, True])
def test_case_f1_without_a_session_every_guarded_form_is_refused_and_changes_nothing(
    pages: PageSetup, has_password: bool
) -> None:
    if has_password:
        pages.parts.password.set(PASSWORD)
    before = kept(pages)
    for path, command in GUARDED.items():
        answer = post(pages.client(), path, EVIL | {"nova": "uma senha nova", "de_novo": "uma senha nova"})
        if path == "/senha" and not has_password:
            assert answer.status_code == 401
            continue
        assert answer.status_code == (401 if has_password else 403), path
        assert ("É preciso entrar com a senha" if has_password else command) in text(answer.text), path
    assert kept(pages) == before


@pytest.mark.parametrize("has_password", [False, True])
def test_case_f1_what_the_document_shows_open_is_open(pages: PageSetup, has_password: bool) -> None:
    if has_password:
        pages.parts.password.set(PASSWORD)
    client = pages.client()
    for path in (*PAGES, *PARTS, "/recusados.csv"):
        assert client.get(path).status_code == 200, path
    for path in sorted(OPEN - {"/entrar", "/sair"}):
        fields = SAVE | {"estabelecimento": ["0001"], "fuso": "America/Manaus"}
        answer = post(client, path, fields)
        assert answer.status_code in (200, 303), path
        assert "senha das telas, isto" not in text(answer.text), path
    assert pages.journal.connections.get("producao").zone == "America/Manaus"
    assert pages.journal.connections.schedule("producao") is not None


def test_case_f1_the_form_of_the_zone_saves_nothing_else(pages: PageSetup) -> None:
    before = pages.journal.connections.get("producao")
    assert post(pages.client(), "/conexao/fuso", EVIL | {"fuso": "America/Manaus"}).status_code == 303
    after = pages.journal.connections.get("producao")
    assert after == msgspec.structs.replace(before, zone="America/Manaus", keeps_machine_zone=False)


def test_case_f1_a_session_changes_what_is_guarded(pages: PageSetup) -> None:
    client = pages.signed_in()
    for path in (one for one in GUARDED if one != "/conexao/esquecer"):
        answer = post(client, path, EVIL | {"_conexao": "producao"})
        assert answer.status_code in (200, 303, 401, 422), path
        assert "É preciso entrar" not in text(answer.text), path
    assert pages.journal.decisions.mappings("producao") == {"payment_method": {"1": "2"}}
    assert pages.journal.connections.get("producao").erp.database == "/outro.db"


def test_case_f1_the_page_says_the_command_and_offers_no_button_without_a_password(pages: PageSetup) -> None:
    html = pages.client().get("/conexao").text
    assert (
        "Sem senha das telas, só a linha de comando pode mudar o banco, o layout, a central e as chaves: "
        "omnisync connection set" in text(html)
    )
    assert "Salvar o banco do ERP" not in html
    assert 'href="/senha?para=/conexao"' in html
    assert "omnisync pending confirm" in pages.client().get("/pendencias").text
    pages.parts.password.set(PASSWORD)
    assert "entre com a senha das telas" in text(pages.client().get("/conexao").text)
    assert "Salvar o banco do ERP" in pages.signed_in().get("/conexao").text


def first(client: Client, code: str, password: str = PASSWORD, again: str | None = None) -> Any:
    """Type the code and the first password."""
    token = token_in(client.get("/senha").text)
    typed = {"codigo": code, "nova": password, "de_novo": password if again is None else again}
    return client.post("/senha", data={"_token": token, "para": "/conexao", **typed})


def code_of(pages: PageSetup) -> str:
    return pages.parts.first_code.path.read_text().strip()


def test_case_f1_the_first_password_needs_the_code_of_a_file_of_this_account(pages: PageSetup) -> None:
    client = pages.client()
    html = client.get("/senha").text
    code, path = code_of(pages), pages.parts.first_code.path
    assert path.stat().st_mode & 0o777 == 0o600
    assert code not in html
    assert str(path) in text(html)
    for wrong in ("", code[:-1], "É" + code, "AAAA-AAAA-AAAA"):
        answer = first(client, wrong)
        assert answer.status_code == 401, wrong
        assert "O código não confere." in text(answer.text)
        assert not pages.parts.password.path.exists()
    answer = first(client, f" {code.lower().replace('-', '')} ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/conexao")
    assert "Salvar o banco do ERP" in client.get("/conexao").text
    assert not path.exists()


@pytest.mark.parametrize(
    ("password", "again", "said"),
    [("curta", "curta", "tem de 8 a 200 letras"), (PASSWORD, "outra", "As duas senhas digitadas não são iguais.")],
)
def test_case_f1_a_password_that_is_none_leaves_the_code_good(
    pages: PageSetup, password: str, again: str, said: str
) -> None:
    client = pages.client()
    client.get("/senha")
    code = code_of(pages)
    answer = first(client, code, password, again)
    assert (answer.status_code, said in text(answer.text), password in answer.text) == (422, True, False)
    assert first(client, code).status_code == 303


def test_case_f1_a_code_sets_one_password_and_no_second(pages: PageSetup) -> None:
    client = pages.client()
    token = token_in(client.get("/senha").text)
    code = code_of(pages)
    assert first(client, code).status_code == 303
    typed = {"_token": token, "codigo": code, "nova": "uma outra senha", "de_novo": "uma outra senha"}
    assert pages.client().post("/senha", data=typed).status_code == 401
    assert pages.parts.password.verify(PASSWORD)
    assert pages.client().get("/senha").headers["location"] == "/entrar?para=/senha"


def test_case_f1_another_password_takes_the_one_before(pages: PageSetup) -> None:
    client = pages.signed_in()
    token = token_in(client.get("/senha").text)
    typed = {"_token": token, "nova": "uma outra senha", "de_novo": "uma outra senha"}
    assert client.post("/senha", data=typed | {"atual": "errada e outra"}).status_code == 401
    assert client.post("/senha", data=typed | {"atual": PASSWORD}).status_code == 303
    assert pages.parts.password.verify("uma outra senha")
    assert client.get("/conexao").status_code == 200
    assert "Salvar o banco do ERP" in client.get("/conexao").text


@pytest.mark.parametrize("path", ["/entrar", "/senha"])
def test_case_f1_a_hundred_wrong_tries_close_the_form_and_nothing_that_was_open(pages: PageSetup, path: str) -> None:
    if path == "/entrar":
        pages.parts.password.set(PASSWORD)
    client = pages.client()
    token = token_in(client.get(path).text)
    wrong = {"_token": token, "senha": "errada e outra", "codigo": "X", "nova": PASSWORD, "de_novo": PASSWORD}
    told = [client.post(path, data=wrong).status_code for _ in range(100)]
    assert told[0] == 401
    assert told[-1] == 429
    assert client.get("/").status_code == 200
    assert post(client, "/importar").status_code == 303
    assert post(client, "/agendamento", SAVE).status_code == 303
    assert pages.journal.runs("producao", 1)[0].state == "waiting"


def test_case_f1_the_switch_asks_the_password_of_everything(pages: PageSetup) -> None:
    pages.parts.password.set(PASSWORD)
    pages.parts.password.guard(everything=True)
    before = contents(pages.journal)
    client = pages.client()
    assert client.get("/").headers["location"] == "/entrar?para=/"
    assert client.post("/importar", data={"_token": "x"}).status_code == 401
    assert contents(pages.journal) == before
    pages.parts.password.set("uma outra senha")
    assert pages.parts.password.guards_everything()
    pages.parts.password.guard(everything=False)
    assert client.get("/").status_code == 200


def test_case_f1_on_another_address_everything_needs_a_session(pages: PageSetup) -> None:
    pages.parts.password.set(PASSWORD)
    client = msgspec.structs.replace(pages, app=create_app(pages.parts, [HOST], needs_password=True)).client()
    for path in (*PAGES, "/senha"):
        assert client.get(path).status_code == 303, path
    for path in sorted(OPEN - {"/entrar"} | GUARDED.keys()):
        assert client.post(path, data={"_token": "x"}).status_code == 401, path


def test_case_f1_a_password_of_an_older_version_still_guards_everything(tmp_path: Path) -> None:
    password = PagePassword(tmp_path / "page_password", QUICK)
    password.path.write_text(QUICK.hash(PASSWORD) + "\n")
    assert password.verify(PASSWORD)
    assert password.guards_everything()
    password.guard(everything=False)
    assert (password.verify(PASSWORD), password.guards_everything()) == (True, False)


def test_case_f1_what_a_password_guards_is_refused_where_it_cannot_be_read(tmp_path: Path) -> None:
    password = PagePassword(tmp_path / "page_password", QUICK)
    with pytest.raises(SettingsError) as told:
        password.guard(everything=True)
    assert told.value.code == "page_password_missing"
    password.path.write_text(QUICK.hash(PASSWORD) + "\nnothing\n")
    with pytest.raises(SettingsError):
        password.guards_everything()
