"""The package for support tells how things go, and nothing of whom or where."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import msgspec
import pytest

from omnisync.agent.config.connection import ErpAddress
from omnisync.agent.errors import ErpSetupError
from omnisync.agent.schedule import Schedule
from tests.support.page_client import NOW, TOKEN, PageSetup, connection, page_client, unsettled, whole

SECRETS = ("CANARIO", TOKEN, "529.982.247-25", "52998224725", "OF-777", "ord_777", "Padaria")
SERVER = ErpAddress(
    kind="firebird",
    server="canario.example".upper(),
    database="/dados/CANARIO/erp.fdb",
    user="CANARIO",
    charset="WIN1252",
    layout="/layouts/CANARIO.toml",
)


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[PageSetup]:
    with page_client(tmp_path, known=msgspec.structs.replace(connection(), erp=SERVER)) as one:
        one.journal.connections.save_schedule("producao", Schedule(), NOW)
        one.run("failed", counts=whole(), code="destination_login", banco="CANARIO")
        one.erp.issues = [
            unsettled(id="ord_777", label="OF-777", codigo="CANARIO"),
            unsettled("waiting", kind="customer", label="Padaria", code="tax_id_invalid", codigo="529.982.247-25"),
        ]
        yield one


def taken(pages: PageSetup) -> dict[str, str]:
    answer = pages.client().get("/diagnostico.zip")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/zip")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="diagnostico-omnisync.zip"'
    with ZipFile(BytesIO(answer.content)) as file:
        return {name: file.read(name).decode() for name in file.namelist()}


def test_it_tells_how_things_go(pages: PageSetup) -> None:
    found = taken(pages)
    assert json.loads(found["sistema.json"])["omnisync"] == pages.parts.version
    assert json.loads(found["conexao.json"]) | {"fuso": None} == {
        "banco": "firebird",
        "layout": "arquivo",
        "caracteres": "WIN1252",
        "estabelecimentos": 2,
        "tem_central": True,
        "fuso": None,
        "ajusta_centavo": False,
    }
    assert json.loads(found["agendamento.json"])["start_hour"] == 8
    [run] = json.loads(found["execucoes.json"])
    assert (run["state"], run["code"]) == ("failed", "destination_login")
    assert json.loads(found["mudancas.json"])[0]["code"] == "schedule_on"
    assert json.loads(found["recusas.json"]) == {
        "refused order product_unknown": 1,
        "waiting customer tax_id_invalid": 1,
    }


def test_nothing_in_it_says_whom_or_where(pages: PageSetup) -> None:
    told = "\n".join(taken(pages).values())
    assert [secret for secret in SECRETS if secret.lower() in told.lower()] == []


def test_an_erp_that_does_not_open_keeps_it_from_nobody(pages: PageSetup) -> None:
    pages.erp.error = ErpSetupError(banco="CANARIO", servidor="CANARIO")
    assert json.loads(taken(pages)["recusas.json"]) is None


def test_without_a_connection_there_is_none(tmp_path: Path) -> None:
    with page_client(tmp_path, is_new=True) as pages:
        assert pages.client().get("/diagnostico.zip").status_code == 409
