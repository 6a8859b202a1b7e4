"""`omnisync pending`: by command what the page Pendências asks of a person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from omnisync.agent.config.connection import ConnectionEstablishment, ErpAddress, HubAddress
from omnisync.agent.config.secrets import Secret, Secrets
from omnisync.agent.config.settings import Home
from omnisync.agent.journal.journal import Journal
from omnisync.hub.store import AGENT_SCOPES
from tests.support.command_line import run
from tests.support.erp_reader import ErpReader, make_erp_reader
from tests.support.hub_server import NOW, RunningHub, running_hub
from tests.support.import_runs import send
from tests.support.page_client import connection
from tests.support.record_samples import change, customer, order


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running_hub(tmp_path) as running:
        yield running


@pytest.fixture
def book(request: pytest.FixtureRequest, tmp_path: Path) -> ErpReader:
    return make_erp_reader("sqlite", "direto", request, tmp_path)


@pytest.fixture
def journal(hub: RunningHub, book: ErpReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    monkeypatch.setenv("OMNISYNC_HOME", str(tmp_path / "home"))
    home = Home(tmp_path / "home").prepare()
    kept, secrets = Journal(home.journal), Secrets(home.secrets)
    known = connection(
        hub=HubAddress(hub.url),
        erp=ErpAddress(database=book.keeper.database, layout="direto"),
        establishments=(ConnectionEstablishment("0001"), ConnectionEstablishment("0002")),
    )
    kept.connections.save(known)
    secrets.put(known, "hub_token", Secret(hub.token))
    return kept


def _twice_in_the_erp(book: ErpReader) -> None:
    for code in ("00900", "00901"):
        book.run(
            "INSERT INTO CLIENTE (CLI_CODIGO, CLI_TIPO, CLI_CGC, CLI_RAZAO) VALUES (?, ?, ?, ?)",
            *(code, "J", "12.ABC.345/01DE-35", f"AURORA {code}"),
        )


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    status, said = run(capsys, *arguments)
    assert status == 0, said
    return json.loads(said)


def test_nothing_that_waits_is_said(journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "pending", "list") == (0, "Nada espera por uma escolha nem por uma confirmação.\n")


def test_a_duplicate_customer_is_listed_and_chosen(
    journal: Journal, hub: RunningHub, book: ErpReader, capsys: pytest.CaptureFixture[str]
) -> None:
    _twice_in_the_erp(book)
    send(hub, change(customer()), change(order()))
    assert run(capsys, "import")[0] == 3
    said = run(capsys, "pending", "list")[1]
    assert "Há 2 clientes no ERP com o mesmo CNPJ do cliente Padaria Aurora Ltda." in said
    assert "omnisync pending choose cus_1 00900 | 00901" in said
    assert _json(capsys, "pending", "list", "--json")["choices"] == [{"customer": "cus_1", "keys": ["00900", "00901"]}]
    status, said = run(capsys, "pending", "choose", "cus_1", "00901")
    assert (status, "Cliente Padaria Aurora Ltda é 00901 no ERP" in said) == (0, True), said
    assert run(capsys, "import")[0] == 0
    assert book.query("SELECT CLI_CODIGO FROM PEDIDO") == [("00901",)]
    assert run(capsys, "pending", "list")[1] == "Nada espera por uma escolha nem por uma confirmação.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("cus_9", "00900"), "O cliente cus_9 não espera uma escolha."),
        (
            ("cus_1", "00999"),
            "O código 00999 não é um dos que o ERP tem para o cliente cus_1.",
        ),
        (("cus_1", ""), "Escolha um destes: 00900, 00901."),
    ],
)
def test_only_what_the_erp_has_can_be_chosen(
    journal: Journal,
    hub: RunningHub,
    book: ErpReader,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, str],
    sentence: str,
) -> None:
    _twice_in_the_erp(book)
    send(hub, change(customer()))
    run(capsys, "import")
    status, said = run(capsys, "pending", "choose", *arguments)
    assert (status, sentence in said) == (1, True), said
    assert _json(capsys, "pending", "list", "--json")["choices"] != []


def test_a_key_of_several_columns_is_typed_with_slashes(
    journal: Journal, hub: RunningHub, book: ErpReader, capsys: pytest.CaptureFixture[str]
) -> None:
    _twice_in_the_erp(book)
    send(hub, change(customer()))
    run(capsys, "import")
    book.keeper.run(
        "UPDATE omnisync_binding SET reason = replace(reason, '00900,', '01\\u001f00900,') WHERE id = 'cus_1'"
    )
    assert _json(capsys, "pending", "list", "--json")["choices"][0]["keys"] == ["01/00900", "00901"]
    assert run(capsys, "pending", "choose", "cus_1", "01 / 00900")[0] == 0
    assert book.keeper.query("SELECT erp_key FROM omnisync_binding WHERE id = 'cus_1'") == [("01\x1f00900",)]


def test_deletes_are_confirmed_by_the_number_a_person_saw(journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    journal.decisions.request_confirmation("producao", "products", 1204, NOW)
    said = run(capsys, "pending", "list")[1]
    assert "1.204 produtos deixarão de aparecer no OmniForce" in said
    assert "omnisync pending confirm products 1204 | omnisync pending refuse products" in said
    status, said = run(capsys, "pending", "confirm", "products", "1203")
    assert (status, "Em produtos são 1.204 agora, e nada foi confirmado." in said) == (1, True), said
    assert not journal.decisions.is_confirmed("producao", "products", 1)
    assert run(capsys, "pending", "confirm", "products", "1204") == (0, "Confirmado: a próxima exportação continua.\n")
    assert journal.decisions.is_confirmed("producao", "products", 1204)
    assert "confirmado: acontece na próxima exportação" in run(capsys, "pending", "list")[1]


@pytest.mark.parametrize("is_confirmed", [False, True])
def test_deletes_are_refused_or_taken_back(
    journal: Journal, capsys: pytest.CaptureFixture[str], is_confirmed: bool
) -> None:
    journal.decisions.request_confirmation("producao", "stock", 40, NOW)
    if is_confirmed:
        run(capsys, "pending", "confirm", "stock", "40")
    status, said = run(capsys, "pending", "refuse", "stock")
    assert (status, said.startswith("Recusado: nada deixa de aparecer.")) == (0, True), said
    assert not journal.decisions.is_confirmed("producao", "stock", 1)
    assert _json(capsys, "pending", "list", "--json")["confirmations"] == []


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("confirm", "products", "3"), 1, "Nada espera confirmação em produtos."),
        (("refuse", "prices"), 1, "Nada espera confirmação em preços."),
        (("confirm", "produtos", "3"), 2, "O valor de"),
        (("confirm", "products", "0"), 2, "O valor de"),
        (("confirm", "products"), 2, "Falta informar"),
    ],
)
def test_what_nobody_asked_cannot_be_answered(
    journal: Journal, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], status: int, sentence: str
) -> None:
    ended, said = run(capsys, "pending", *arguments)
    assert (ended, sentence in said) == (status, True), said


def test_an_establishment_is_taken_over_from_another_computer(
    journal: Journal, hub: RunningHub, book: ErpReader, capsys: pytest.CaptureFixture[str]
) -> None:
    send(hub, change(customer()), change(order()))
    with hub.client(hub.store.create_token("aurora", "loja", AGENT_SCOPES, NOW)) as other:
        reading = "/v1/changes?kinds=order&establishment=0001"
        assert other.get(reading).status_code == 200
        status, said = run(capsys, "import")
        assert (status, "assuma o estabelecimento neste computador" in said) == (1, True), said
        said = run(capsys, "pending", "list")[1]
        assert "O estabelecimento 0001 estava sendo importado por outro computador (loja)." in said
        assert _json(capsys, "pending", "list", "--json")["taken"] == {"0001": "loja"}
        status, said = run(capsys, "pending", "take-over", "0001")
        assert (status, "que estava com outro computador (loja). Importe agora" in said) == (0, True), said
        assert other.get(reading).json()["holder"] == "producao"
    assert run(capsys, "import")[0] == 0
    assert list(book.orders()) == ["ord_1"]
    assert [event.code for event in journal.connections.events("producao", 5)] == ["taken_over"]
    status, said = run(capsys, "pending", "take-over", "0009")
    assert (status, "O estabelecimento 0009 não está mais configurado neste computador." in said) == (1, True), said
