"""The zone on the pages: who is asked for it, where it is shown, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, time, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import msgspec
import pytest
from markupsafe import escape

from omnisync.agent.journal.run import RunScope
from omnisync.agent.schedule import Schedule, slots
from tests.support.page_client import NOW, PageSetup, connection, page_client, post, text

QUESTION = "Informe o fuso horário da empresa. Este computador está no fuso Etc/UTC, onde agora são 15:03, e é nessa"
LINK = 'href="/conexao#fuso-horario"'


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PageSetup]:
    """A computer in UTC with a connection made before connections had zones."""
    monkeypatch.setenv("TZ", "Etc/UTC")
    with page_client(tmp_path, known=connection(zone=None), zone=None) as made:
        yield made


def test_case_b1_the_first_page_asks_for_the_zone_and_leads_to_it(old: PageSetup) -> None:
    old.run("done")
    shown = old.signed_in().get("/").text
    assert QUESTION in text(shown)
    assert LINK in shown
    assert 'id="fuso-horario"' in old.signed_in().get("/conexao").text


def test_case_b1_the_page_is_saved_with_a_zone_and_asks_no_more(old: PageSetup) -> None:
    client = old.signed_in()
    answer = post(client, "/conexao", {"fuso": "america/manaus"})
    assert answer.headers["location"] == "/conexao?aviso=fuso"
    kept = old.journal.connections.get("producao")
    assert (kept.zone, kept.keeps_machine_zone) == ("America/Manaus", False)
    assert kept == msgspec.structs.replace(connection(), zone="America/Manaus", keeps_machine_zone=False)
    shown = client.get("/conexao").text
    assert 'name="fuso" value="America/Manaus"' in shown
    assert "Agora são 11:03 em America/Manaus (UTC−4), desta conexão." in text(shown)
    assert QUESTION not in text(client.get("/").text)


def test_case_b1_saving_something_else_answers_nothing(old: PageSetup) -> None:
    client = old.signed_in()
    post(client, "/conexao", {"banco": "/outro.db"})
    post(client, "/conexao", {"fuso": " "})
    assert old.journal.connections.get("producao").keeps_machine_zone
    assert QUESTION in text(client.get("/").text)


def test_case_b1_slots_that_the_old_zones_clock_served_come_in_the_new_one(old: PageSetup) -> None:
    old.journal.connections.save_schedule("producao", Schedule(), NOW - timedelta(days=1))
    for slot in slots(Schedule(), date(2026, 11, 24))[:29]:  # 08:00 to 15:00 in UTC
        run = old.journal.claim_slot("producao", slot, RunScope(kind="both"), "slot", NOW)
        assert run is not None
        old.journal.end_run(run.id, "done", NOW)
    post(old.signed_in(), "/conexao", {"fuso": "America/Sao_Paulo"})  # where it is 12:03
    assert old.journal.served_slots("producao", date(2026, 11, 24))[-1].at == time(12)


def test_a_zone_as_it_was_kept_is_in_no_ones_way(tmp_path: Path) -> None:
    with page_client(tmp_path, known=connection(zone="Factory")) as pages:
        answer = post(pages.signed_in(), "/conexao", {"fuso": "Factory", "banco": "/outro.db"})
        assert (answer.status_code, pages.journal.connections.get("producao").zone) == (303, "Factory")


@pytest.mark.parametrize("typed", ["Manaus", "-03:00", "../../etc/passwd", '"><script>alert(1)</script>'])
def test_case_b1_a_zone_that_is_none_is_refused_at_its_field_and_stays(old: PageSetup, typed: str) -> None:
    answer = post(old.signed_in(), "/conexao", {"fuso": typed})
    assert answer.status_code == 422
    assert f"Fuso horário: O fuso horário {typed} não é conhecido. Use o nome de um fuso" in text_of(answer)
    assert '<a href="#fuso">' in answer.text
    assert 'id="erro-fuso"' in answer.text
    assert f'name="fuso" value="{escaped(typed)}"' in answer.text
    assert old.journal.connections.get("producao").zone is None


def test_case_b1_a_new_connection_has_the_hour_of_brasilia_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Etc/UTC")
    with page_client(tmp_path, is_new=True, zone=None) as pages:
        client = pages.signed_in()
        post(client, "/conexao", {"nome": "producao", "tipo": "sqlite", "banco": "/e.db", "layout": "padrao"})
        assert not pages.journal.connections.get("producao").keeps_machine_zone
        assert "America/Sao_Paulo, onde agora são 12:03. É o da empresa?" in text(client.get("/").text)
        said = text(client.get("/conexao").text)
        assert "O fuso horário deste computador (Etc/UTC) não é um dos do Brasil: as horas desta conexão são" in said
        assert "as de Brasília (America/Sao_Paulo), onde agora são 12:03." in said
        assert "Informe o fuso horário da empresa." not in text(client.get("/").text)


def test_case_b1_a_computer_in_brazil_is_asked_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/Recife")
    with page_client(tmp_path, known=connection(zone=None), zone=None) as pages:
        assert "Informe o fuso" not in text(pages.signed_in().get("/").text)
        assert "America/Recife (UTC−3), deste computador." in text(pages.signed_in().get("/conexao").text)


def text_of(answer: Any) -> str:
    """What a person reads, with what looks like a tag."""
    return " ".join(unescape(answer.text).split())


def escaped(typed: str) -> str:
    """As it stands in an attribute."""
    return str(escape(typed))
