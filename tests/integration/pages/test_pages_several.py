"""Several connections: each page says which it is about, keeps to it, and never acts on another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from omnisync.agent.config.secrets import Secret
from omnisync.agent.schedule import Schedule
from tests.support.page_client import (
    HTMX,
    NOW,
    PAGES,
    PARTS,
    SAVE,
    TOKEN,
    Client,
    PageSetup,
    connection,
    page_client,
    post,
    text,
    token_in,
)

NEW = {"nome": "filial", "tipo": "sqlite", "banco": "/filial.db", "layout": "padrao"}


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[PageSetup]:
    with page_client(tmp_path) as made:
        testing = connection(name="testes")
        made.journal.connections.save(testing)
        made.parts.secrets.put(testing, "hub_token", Secret(TOKEN))
        yield made


def send(client: Client, path: str, name: str, **fields: str) -> object:
    token = token_in(client.get("/agendamento").text)
    return client.post(path, data={"_token": token, "_conexao": name, **fields})


def at(path: str, name: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}conexao={name}"


def test_every_page_says_which_connection_it_shows_and_offers_the_others(pages: PageSetup) -> None:
    for path in PAGES:
        html = pages.signed_in().get(at(path, "testes")).text
        assert "LINK testes" in html, path
        assert "<option>producao</option>" in html, path
        assert "<option selected>testes</option>" in html, path
        assert not re.search(r"(?<!option>)LINK producao", html), path


def test_a_lone_connection_has_no_switch_and_plain_addresses(tmp_path: Path) -> None:
    with page_client(tmp_path) as alone:
        html = alone.signed_in().get("/").text
    assert "Outra conexão" not in html
    assert 'href="/agendamento"' in html


def test_every_link_form_and_poll_of_a_page_keeps_to_its_connection(pages: PageSetup) -> None:
    pages.run("done_with_refusals")
    for path in (*PAGES, *PARTS):
        html = pages.signed_in().get(at(path, "testes")).text
        for address in re.findall(r'(?:href|hx-get)="(/[^"#]*)', html):
            if not address.startswith(("/static/", "/conexao/nova")):
                assert "conexao=testes" in unquote(address), (path, address)
        for form in re.findall(r"<form.*?</form>", html, re.DOTALL):
            if 'class="switch"' not in form:
                assert re.search(r'name="_?conexao" value="testes"', form), (path, form[:200])


def test_a_button_acts_on_the_connection_of_its_page(pages: PageSetup) -> None:
    client = pages.signed_in()
    answer = client.post(
        "/importar", data={"_token": token_in(client.get("/").text), "_conexao": "testes"}, headers=HTMX
    )
    assert answer.status_code == 200
    assert pages.journal.current_run("producao") is None
    assert pages.journal.current_run("testes") is not None
    assert "andamento" in client.get(at("/situacao", "testes")).text
    assert "andamento" not in client.get(at("/situacao", "producao")).text


def test_each_connection_has_its_own_schedule(pages: PageSetup) -> None:
    client = pages.signed_in()
    token = token_in(client.get("/agendamento").text)
    answer = client.post("/agendamento", data=SAVE | {"_token": token, "_conexao": "testes"})
    assert answer.headers["location"] == "/agendamento?salvo=1&conexao=testes"
    assert pages.journal.connections.schedule("testes") == Schedule()
    assert pages.journal.connections.schedule("producao") is None


def test_a_form_that_names_no_connection_acts_on_none(pages: PageSetup) -> None:
    answer = post(pages.signed_in(), "/importar")
    assert answer.status_code == 409
    assert "Há mais de uma conexão neste computador." in text(answer.text)
    assert [pages.journal.current_run(name) for name in ("producao", "testes")] == [None, None]


@pytest.mark.parametrize("path", [*PAGES, *PARTS])
def test_a_connection_that_is_no_more_is_never_replaced_by_another(pages: PageSetup, path: str) -> None:
    answer = pages.signed_in().get(at(path, "antiga"))
    assert answer.status_code == 409
    assert "A conexão antiga ainda não existe neste computador." in text(answer.text)


def test_the_pages_open_in_the_connection_chosen_for_it(pages: PageSetup) -> None:
    client = pages.signed_in()
    assert "LINK producao" in client.get("/").text
    send(client, "/conexao/mostrar", "testes")
    assert "LINK testes" in client.get("/").text
    assert "LINK producao" in client.get(at("/", "producao")).text


def test_one_more_connection_does_not_open_first_for_its_name(tmp_path: Path) -> None:
    with page_client(tmp_path) as alone:
        client = alone.signed_in()
        post(client, "/conexao/nova", NEW | {"nome": "a-primeira-do-alfabeto"})
        assert "LINK producao" in client.get("/").text


def test_one_more_connection_is_made_beside_the_others(pages: PageSetup) -> None:
    client = pages.signed_in()
    assert "Nova conexão" in text(client.get("/conexao/nova").text)
    answer = post(client, "/conexao/nova", NEW)
    assert answer.headers["location"] == "/?conexao=filial"
    assert [known.name for known in pages.journal.connections.all()] == ["filial", "producao", "testes"]
    assert pages.journal.connections.get("producao") == connection()


def test_a_new_connection_never_takes_the_place_of_one_of_the_same_name(pages: PageSetup) -> None:
    answer = post(pages.signed_in(), "/conexao/nova", NEW | {"nome": "testes"})
    assert answer.status_code == 422
    assert "Já existe a conexão testes." in text(answer.text)
    assert pages.journal.connections.get("testes") == connection(name="testes")


def test_a_connection_is_forgotten_with_its_secrets_and_no_other(pages: PageSetup) -> None:
    client = pages.signed_in()
    pages.journal.connections.save_schedule("testes", Schedule(), NOW)
    send(client, "/conexao/mostrar", "testes")
    send(client, "/conexao/esquecer", "testes")
    assert [known.name for known in pages.journal.connections.all()] == ["producao"]
    assert pages.parts.secrets.get(connection(name="testes"), "hub_token") is None
    assert pages.parts.secrets.get(connection(), "hub_token") == Secret(TOKEN)
    assert "LINK producao" in client.get("/").text


def test_a_connection_is_not_forgotten_while_it_imports(pages: PageSetup) -> None:
    client = pages.signed_in()
    send(client, "/importar", "testes")
    answer = send(client, "/conexao/esquecer", "testes")
    assert getattr(answer, "status_code", 0) == 409
    assert pages.journal.connections.get("testes") == connection(name="testes")
