"""The first steps on a new computer: each is tested before it is ticked, and they work without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from omnisync.agent.errors import BadTokenError, ErpSetupError
from tests.support.page_client import TOKEN, Client, PageSetup, page_client, post, text

ERP = {"nome": "producao", "tipo": "sqlite", "banco": "/erp.db", "layout": "padrao"}
HUB = {"central": "https://central.example", "chave": TOKEN}


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[PageSetup]:
    with page_client(tmp_path, is_new=True) as made:
        yield made


def done(client: Client) -> list[str]:
    """The steps that are ticked."""
    html = client.get("/").text
    return re.findall(r"<h2>([^<]+?) <span class=\"pill ok\">Feito", html)


def test_the_four_steps_lead_to_the_import(pages: PageSetup) -> None:
    client = pages.signed_in()
    assert done(client) == ["Senha das telas"]
    assert post(client, "/conexao/nova", ERP).headers["location"] == "/"
    assert done(client) == ["Senha das telas", "Banco do ERP", "Fuso horário"]
    assert post(client, "/conexao", HUB).headers["location"] == "/"
    assert done(client) == ["Senha das telas", "Banco do ERP", "OmniForce", "Fuso horário"]
    post(client, "/conexao/estabelecimentos", {"estabelecimento": ["0001", "0002"]})
    assert done(client) == ["Senha das telas", "Banco do ERP", "OmniForce", "Estabelecimentos", "Fuso horário"]
    assert "IMPORTAR" not in client.get("/").text
    assert "Nada foi gravado no ERP." in text(post(client, "/conexao/conferir").text)
    assert "IMPORTAR" in client.get("/").text


def test_a_step_whose_test_fails_is_saved_said_and_not_ticked(pages: PageSetup) -> None:
    client = pages.signed_in()
    pages.erp.error = ErpSetupError("destination_login", banco="/erp.db")
    answer = post(client, "/conexao/nova", ERP)
    assert "Usuário e senha do banco: O banco /erp.db recusou o usuário ou a senha." in text(answer.text)
    assert done(client) == ["Senha das telas"]
    pages.erp.error = None
    post(client, "/conexao", ERP)
    assert done(client) == ["Senha das telas", "Banco do ERP", "Fuso horário"]
    pages.hub.error = BadTokenError()
    assert "Chave de acesso: A chave de acesso não foi aceita" in text(post(client, "/conexao", HUB).text)
    assert done(client) == ["Senha das telas", "Banco do ERP", "Fuso horário"]


def test_another_database_is_to_be_tested_anew(pages: PageSetup) -> None:
    client = pages.signed_in()
    post(client, "/conexao/nova", ERP)
    pages.erp.error = ErpSetupError(banco="/outro.db", servidor="deste computador")
    post(client, "/conexao", ERP | {"banco": "/outro.db"})
    assert done(client) == ["Senha das telas"]


def test_the_rehearsal_may_be_left_out(pages: PageSetup) -> None:
    client = pages.signed_in()
    post(client, "/conexao/nova", ERP | HUB)
    post(client, "/conexao/estabelecimentos", {"estabelecimento": "0001"})
    assert "Começar sem conferir" in client.get("/").text
    assert post(client, "/primeiros-passos/concluir").headers["location"] == "/"
    assert "IMPORTAR" in client.get("/").text
