"""Who may use the pages: the three locks on every route, and what neither page nor template may have."""

from __future__ import annotations

import hashlib
import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from litestar.testing import TestClient

from omnisync.agent.config.secrets import Secret
from omnisync.agent.journal.journal_file import JournalFile
from omnisync.agent.pages.app import create_app
from omnisync.agent.pages.rendering import FOLDER
from omnisync.agent.schedule import Schedule
from tests.support.browser import served
from tests.support.page_client import (
    ALL,
    HOST,
    HOSTILE,
    HTMX,
    NOW,
    PAGES,
    PARTS,
    SAVE,
    TOKEN,
    PageSetup,
    connection,
    page_client,
    post,
    text,
    token_in,
    unsettled,
    whole,
)
from tests.support.page_routes import contents, get_paths, post_routes


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[PageSetup]:
    with page_client(tmp_path) as made:
        yield made


def test_every_unsafe_route_is_refused_without_the_token(pages: PageSetup) -> None:
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
def test_every_unsafe_route_is_refused_to_another_origin(pages: PageSetup, headers: dict[str, str]) -> None:
    before = contents(pages.journal)
    for path, _ in post_routes(pages.app):
        answer = post(pages.client(), path, SAVE, headers=headers)
        assert answer.status_code == 403, path
        assert "_token" not in answer.text
    assert contents(pages.journal) == before


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.nip.io:8787", "127.0.0.1", "127.0.0.1:80", "localhost.:8787", ""]
)
def test_every_route_is_refused_under_another_host(pages: PageSetup, host: str) -> None:
    token = pages.client().get("/agendamento").text
    for path in get_paths(pages.app):
        answer = pages.client().get(path, headers={"Host": host})
        assert answer.status_code == 400, path
    for path, _ in post_routes(pages.app):
        answer = pages.client().post(path, data={"_token": token_in(token)}, headers={"Host": host})
        assert answer.status_code == 400, path


def test_localhost_is_this_computer_too(pages: PageSetup) -> None:
    assert pages.client().get("/", headers={"Host": "localhost:8787"}).status_code == 200


def test_our_own_pages_pass_with_field_or_header(pages: PageSetup) -> None:
    client = pages.client()
    ours = {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"}
    assert post(client, "/importar", headers=ours).status_code == 303
    token = token_in(client.get("/agendamento").text)
    assert client.post("/importar", headers=ours | {"X-Omnisync-Token": token}).status_code == 303


def test_the_token_outlives_a_restart(tmp_path: Path) -> None:
    tokens = []
    for _ in range(2):
        with page_client(tmp_path) as pages:
            tokens.append(token_in(pages.client().get("/").text))
    assert tokens[0] == tokens[1]


def test_a_stale_page_gets_its_form_back_as_typed(pages: PageSetup) -> None:
    answer = pages.client().post("/agendamento", data=SAVE | {"inicio_hora": "6", "_token": "velho"})
    assert answer.status_code == 403
    assert "Esta página estava aberta de antes e o agendamento não foi salvo." in text(answer.text)
    assert 'name="inicio_hora" value="6"' in answer.text
    fields = {"central": "https://nova.example", "chave": TOKEN, "tipo": "sqlite", "banco": "/n.db"}
    answer = pages.signed_in().post("/conexao", data=fields)
    assert 'value="https://nova.example"' in answer.text
    assert TOKEN not in answer.text
    assert "Nada foi feito" in text(pages.client().post("/importar").text)


def test_a_stale_button_of_the_script_leads_to_the_page_that_explains(pages: PageSetup) -> None:
    client = pages.client()
    answer = client.post("/importar", headers=HTMX)
    assert (answer.status_code, answer.headers["hx-redirect"]) == (403, "/?antiga=1")
    assert "Esta página estava aberta de antes e não foi aceita." in text(client.get("/?antiga=1").text)


def test_every_answer_carries_the_headers(pages: PageSetup) -> None:
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


def test_get_changes_nothing(pages: PageSetup) -> None:
    pages.run("done_with_refusals", counts=whole(), totals=ALL)
    before = contents(pages.journal)
    for path in (*get_paths(pages.app), *PAGES):
        assert pages.client().get(path).status_code in (200, 303, 404), path
    assert contents(pages.journal) == before


def test_unsafe_routes_answer_no_get(pages: PageSetup) -> None:
    both = set(get_paths(pages.app))
    for path, _ in post_routes(pages.app):
        if path not in both:
            assert pages.client().get(path).status_code == 405, path


def test_hostile_names_are_only_text(tmp_path: Path) -> None:
    known = connection(establishments=tuple(type(one)(one.code, HOSTILE) for one in connection().establishments))
    with page_client(tmp_path, known=known) as pages:
        pages.run("failed", code="hub_said_no", motivo=HOSTILE)
        pages.erp.issues = [
            unsettled(kind="customer", label=HOSTILE, code="tax_id_invalid", codigo=HOSTILE, erp_number=HOSTILE),
            unsettled("waiting", id="o", label=HOSTILE, code="customer_missing", nome=HOSTILE),
        ]
        for path in (*PAGES, *PARTS, "/busca?q=%3Cscript%3E"):
            html = pages.client().get(path).text
            assert "<script>alert" not in html, path
            assert not re.search(r"<[^>]*\sonmouseover=(?![^<]*&)", html.replace("&#34;", "&")), path
            assert "7006652" not in text(html), path  # the product; a small one might be a minute of the clock


def test_secrets_are_on_no_page(pages: PageSetup) -> None:
    pages.parts.secrets.put(connection(), "erp_password", Secret("senha-do-banco"))
    pages.run("failed", code="token_refused")
    client = pages.client()
    html = [client.get(path).text for path in (*PAGES, *PARTS)] + [post(client, "/conexao/testar").text]
    assert not [page for page in html if TOKEN in page or "senha-do-banco" in page]
    assert "Há uma chave guardada em" in client.get("/conexao").text


def templates() -> list[Path]:
    return sorted(FOLDER.glob("*/*.html"), key=lambda path: path.name)


@pytest.mark.parametrize("path", templates(), ids=lambda path: path.name)
def test_no_template_opens_a_hole(path: Path) -> None:
    source = path.read_text("utf-8")
    assert not re.search(r"\|\s*safe\b|autoescape|Markup", source)
    assert not re.search(r"hx-on|js:|javascript:|\sstyle=|<style|\son[a-z]+=", source)
    assert not re.search(r"hx-trigger=\"[^\"]*\[", source)
    unquoted = re.sub(r"\"[^\"]*\"|'[^']*'", '""', re.sub(r"\{%.*?%\}", "", source))
    assert not re.search(r"<[^>]*\s[a-z-]+=[^\"]", unquoted)
    assert not re.search(r"https?://(?!\")", source)


def test_no_two_templates_share_a_name() -> None:
    names = [path.name for path in templates()]
    assert sorted(set(names)) == names


def test_htmx_is_the_published_file() -> None:
    digest = hashlib.sha256((FOLDER / "static" / "htmx-4.0.1.min.js").read_bytes()).hexdigest()
    assert digest == "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"


def test_our_script_stays_small() -> None:
    assert len((FOLDER / "static" / "poll.js").read_text("utf-8").splitlines()) <= 60


def test_a_first_view_is_light(pages: PageSetup) -> None:
    pages.run("running", counts=whole(), totals=ALL)
    client = pages.client()
    html = client.get("/").text
    linked = re.findall(r'(?:href|src)="(/static/[^"]+)"', html)
    assert len(linked) == 3
    assert len(html.encode()) + sum(len(client.get(path).content) for path in linked) < 70_000


@pytest.mark.parametrize("path", ["/situacao", "/proxima"])
def test_a_poll_asks_the_journal_few_questions_and_the_erp_none(
    pages: PageSetup, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages.run("done")
    pages.journal.connections.save_schedule("producao", Schedule(), NOW)
    client = pages.client()
    client.get("/situacao")
    asked: list[str] = []
    rows = JournalFile.rows

    def counted(journal: JournalFile, sql: str, *values: object) -> list[sqlite3.Row]:
        asked.append(sql)
        return rows(journal, sql, *values)

    monkeypatch.setattr(JournalFile, "rows", counted)  # the statements are counted where they are made
    n_opened = pages.erp.n_opened
    assert client.get(path).status_code == 200
    assert 0 < len(asked) <= 4
    assert pages.erp.n_opened == n_opened


@pytest.mark.parametrize("path", ["/static/%0aFAKE%1b%00", "/static/x%0d%0aFAKE", "/%0aFAKE%1b", "/conexao%0aFAKE"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_case_f7_an_address_with_control_characters_is_no_page_and_forges_no_log(
    pages: PageSetup, caplog: pytest.LogCaptureFixture, path: str, method: str
) -> None:
    with served(pages.parts) as url:
        host = url.removeprefix("http://")
        with closing(socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2])))) as wire:
            wire.sendall(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            said = b"".join(iter(lambda: wire.recv(65536), b"")).decode()
    assert said.split(" ", 2)[1] in ("404", "405")
    assert "Esta página não" in said
    assert "FAKE" not in caplog.text
    assert "\x1b" not in caplog.text


def test_case_f10_over_tls_the_browser_keeps_to_tls(pages: PageSetup) -> None:
    secure = TestClient(create_app(pages.parts, [HOST], is_secure=True), base_url=f"https://{HOST}")
    for path in ("/", "/static/app.css", "/nada"):
        assert secure.get(path).headers["strict-transport-security"] == "max-age=31536000"
        assert secure.get(path).headers["x-content-type-options"] == "nosniff"
        assert "strict-transport-security" not in pages.client().get(path).headers
