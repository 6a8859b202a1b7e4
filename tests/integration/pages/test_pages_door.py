"""The door of the pages: the password, its sessions and limits, and where they open to other computers."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import httpx
import msgspec
import pytest
import trustme
from argon2 import PasswordHasher
from litestar.testing import TestClient

from omnisync.agent.config.certificate import Certificate, read_certificate
from omnisync.agent.config.page_password import PagePassword
from omnisync.agent.errors import SettingsError
from omnisync.agent.pages.app import create_app
from omnisync.agent.pages.auth.sessions import Sessions
from omnisync.agent.pages.login.login_page import local_path
from omnisync.agent.pages.server import PageServer
from tests.support.browser import served
from tests.support.page_client import HOST, HTMX, NOW, QUICK, Client, PageSetup, page_client, text, token_in
from tests.support.page_routes import contents, get_paths, post_routes
from tests.support.tls import put

PASSWORD = "pão de queijo às 6h"  # noqa: S105  # a made-up one
OPEN = ("/entrar", "/static/{file_path:path}")
NAME = "erp-01.vevo.example"


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[PageSetup]:
    with page_client(tmp_path) as made:
        made.parts.password.set(PASSWORD)
        made.parts.password.guard(everything=True)
        yield made


def enter(client: Client, password: str = PASSWORD, **more: str) -> Any:
    """Type the password, as it stands on the page."""
    token = token_in(client.get("/entrar").text)
    return client.post("/entrar", data={"_token": token, "senha": password, **more})


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def clocked(pages: PageSetup) -> tuple[PageSetup, Clock]:
    """The pages over a clock that can be set."""
    clock = Clock()
    parts = msgspec.structs.replace(pages.parts, clock=clock)
    return msgspec.structs.replace(pages, parts=parts, app=create_app(parts, [HOST])), clock


def test_no_route_shows_or_does_anything_before_the_password_was_typed(pages: PageSetup) -> None:
    pages.run("running", minutes_ago=0, seconds=0)
    before = contents(pages.journal)
    client = pages.client()
    paths = [path for path in get_paths(pages.app) if path not in OPEN]
    assert len(paths) > 12
    for path in paths:
        answer = client.get(path)
        assert (answer.status_code, answer.text) == (303, ""), path
        assert answer.headers["location"].startswith("/entrar?para=/"), path
    posts = [path for path, _ in post_routes(pages.app) if path not in OPEN]
    assert len(posts) >= 15
    for path in posts:
        for token in (pages_token(pages), token_in(client.get("/entrar").text)):
            answer = client.post(path, data={"_token": token})
            assert answer.status_code == 401, path
            assert "É preciso entrar com a senha; nada foi feito." in text(answer.text)
            assert "_token" not in answer.text
    assert contents(pages.journal) == before


def pages_token(pages: PageSetup) -> str:
    """The token of the pages' own forms, as somebody inside reads it."""
    client = pages.client()
    enter(client)
    return token_in(client.get("/agendamento").text)


@pytest.mark.parametrize(
    "path",
    [
        *("/static/../conexao", "/static/%2e%2e/conexao", "/static/..%2fconexao", "/static//../conexao", "//conexao"),
        *(
            "/conexao/",
            "/./conexao",
            "/entrar/../conexao",
            "/entrar;/../conexao",
            "/conexao%00",
            "/CONEXAO",
            "/%63onexao",
        ),
    ],
)
def test_no_way_of_writing_an_address_leads_past_the_door(pages: PageSetup, path: str) -> None:
    with served(pages.parts) as url:
        host = url.removeprefix("http://")
        with closing(socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2])))) as wire:
            wire.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            said = b"".join(iter(lambda: wire.recv(65536), b"")).decode()
    assert said.split(" ", 2)[1] in ("303", "400", "404"), said[:200]
    assert "producao" not in said


def test_a_page_that_asks_by_itself_is_led_to_the_form_and_back(pages: PageSetup) -> None:
    current = {"HX-Current-URL": f"http://{HOST}/agendamento?conexao=producao"}
    answer = pages.client().get("/proxima", headers=HTMX | current)
    assert (answer.status_code, answer.text.strip()) == (401, "")
    assert answer.headers["hx-redirect"] == "/entrar?para=/agendamento%3Fconexao%3Dproducao"


def test_the_form_shows_nothing_of_the_company_and_has_a_token_of_its_own(pages: PageSetup) -> None:
    html = pages.client().get("/entrar").text
    for word in ("FATURAMENTO-03", "ERP_VEVO", "producao", "Aurora"):
        assert word not in html
    assert token_in(html) != pages_token(pages)
    assert pages.client().get("/static/app.css").status_code == 200


def test_the_token_of_the_form_is_good_for_nothing_else(pages: PageSetup) -> None:
    client = pages.client()
    outside = token_in(client.get("/entrar").text)
    enter(client)
    before = contents(pages.journal)
    for path, _ in post_routes(pages.app):
        if path not in OPEN:
            assert client.post(path, data={"_token": outside}).status_code == 403, path
    assert contents(pages.journal) == before


def test_the_password_lets_in_and_leads_to_where_one_was_going(pages: PageSetup) -> None:
    client = pages.client()
    where = client.get("/agendamento?conexao=producao").headers["location"]
    assert 'name="para" value="/agendamento?conexao=producao"' in client.get(where).text
    answer = enter(client, para="/agendamento?conexao=producao")
    assert (answer.status_code, answer.headers["location"]) == (303, "/agendamento?conexao=producao")
    assert "AGENDAMENTO" in client.get("/agendamento").text
    assert client.get("/entrar").headers["location"] == "/"


def test_letters_typed_in_parts_are_the_same_password(pages: PageSetup) -> None:
    assert enter(pages.client(), "pa\u0303o de queijo a\u0300s 6h").status_code == 303


@pytest.mark.parametrize("wrong", ["", "pão", PASSWORD + " ", PASSWORD.upper(), "x" * 10_000])
def test_a_wrong_password_lets_nobody_in_and_does_not_come_back(pages: PageSetup, wrong: str) -> None:
    client = pages.client()
    answer = enter(client, wrong)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "A senha não confere. Digite de novo." in text(answer.text)
    assert 'value="pão' not in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert client.get("/").status_code == 303


@pytest.mark.parametrize(
    "place",
    ["https://evil.example/", "//evil.example/x", "/\\evil.example", "javascript:x", "/x", "http://[", ""],
)
def test_nobody_is_led_elsewhere(pages: PageSetup, place: str) -> None:
    assert local_path(place) == "/"
    assert enter(pages.client(), para=place).headers["location"] == "/"


@pytest.mark.parametrize("is_secure", [False, True])
def test_the_cookie_is_for_this_host_alone_and_for_no_script(pages: PageSetup, is_secure: bool) -> None:
    made = create_app(pages.parts, [HOST], is_secure=is_secure)
    client = TestClient(made, base_url=f"http{'s' if is_secure else ''}://{HOST}")
    client.follow_redirects = False
    cookie = enter(client).headers["set-cookie"]
    name, _, rest = cookie.partition("=")
    assert name == ("__Host-omnisync-8787" if is_secure else "omnisync-8787")
    said = {part.strip().lower() for part in rest.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/", "max-age=43200"} <= said
    assert ("secure" in said, any(part.startswith("domain") for part in said)) == (is_secure, False)
    assert client.get("/").status_code == 200


def test_who_leaves_is_out_and_the_cookie_that_was_kept_is_worth_nothing(pages: PageSetup) -> None:
    client = pages.client()
    enter(client)
    stolen = dict(client.cookies)
    html = client.get("/").text
    assert 'action="/sair"' in html
    answer = client.post("/sair", data={"_token": token_in(html)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/entrar")
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    thief = pages.client()
    thief.cookies.update(stolen)
    assert thief.get("/").status_code == 303


def test_a_session_ends_at_its_hour_however_much_it_was_used(pages: PageSetup) -> None:
    set_up, clock = clocked(pages)
    client = set_up.client()
    enter(client)
    for hours, status in ((6, 200), (11, 200), (12, 303)):
        clock.now = NOW + timedelta(hours=hours)
        assert client.get("/").status_code == status, hours


def test_another_password_ends_every_session(pages: PageSetup) -> None:
    client = pages.client()
    enter(client)
    pages.parts.password.set("uma outra senha")
    assert client.get("/").status_code == 303
    assert enter(client).status_code == 401
    assert enter(client, "uma outra senha").status_code == 303


def test_a_made_up_cookie_is_worth_nothing(pages: PageSetup) -> None:
    for made_up in ("", "x", "0" * 64, "é" * 20):
        assert pages.client().get("/", headers={b"Cookie": f"omnisync-8787={made_up}".encode()}).status_code == 303


def test_the_form_is_refused_to_another_origin_and_without_its_token(pages: PageSetup) -> None:
    client = pages.client()
    token = token_in(client.get("/entrar").text)
    typed = {"_token": token, "senha": PASSWORD}
    assert client.post("/entrar", data=typed, headers={"Origin": "https://evil.example"}).status_code == 403
    assert client.post("/entrar", data=typed, headers={"Origin": f"https://{HOST}"}).status_code == 403
    answer = client.post("/entrar", data={"senha": PASSWORD})
    assert answer.status_code == 403
    assert "Esta página estava aberta de antes. Digite a senha de novo." in text(answer.text)
    assert PASSWORD not in answer.text
    assert client.get("/").status_code == 303


def test_after_ten_wrong_passwords_even_the_right_one_waits_and_then_enters(pages: PageSetup) -> None:
    set_up, clock = clocked(pages)
    client = set_up.client()
    for n in range(10):
        clock.now = NOW + timedelta(seconds=n)
        assert enter(client, "errada e outra").status_code == 401
    answer = enter(client)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "591")
    assert "Houve muitas tentativas com a senha errada. Aguarde 10 minutos e tente de novo." in text(answer.text)
    assert client.get("/").status_code == 303
    clock.now = NOW + timedelta(minutes=10)
    assert enter(client).status_code == 303


class CountingHasher(PasswordHasher):
    """Counts how often a password is compared with a hash."""

    n_verified = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        self.n_verified += 1
        return super().verify(hash, password)


def test_a_wait_is_not_hashed_for(pages: PageSetup) -> None:
    hasher = CountingHasher(time_cost=1, memory_cost=8, parallelism=1)
    parts = msgspec.structs.replace(pages.parts, password=PagePassword(pages.parts.password.path, hasher))
    client = msgspec.structs.replace(pages, app=create_app(parts, [HOST])).client()
    for _ in range(10):
        enter(client, "errada e outra")
    assert hasher.n_verified == 10
    assert enter(client).status_code == 429
    assert hasher.n_verified == 10


def test_the_right_password_forgives_the_wrong_ones_of_its_address(pages: PageSetup) -> None:
    client = pages.client()
    for _ in range(3):
        for _ in range(9):
            enter(client, "errada e outra")
        assert enter(client).status_code == 303
        client.cookies.clear()


def test_a_hundred_wrong_passwords_from_anywhere_close_the_door_to_all(pages: PageSetup) -> None:
    door = Sessions(pages.parts.password, lambda: NOW, port=8787, is_secure=True, needs_password=True)
    waits = [door.throttle(f"10.0.0.{n // 9}") for n in range(101)]
    assert waits == [None] * 100 + [timedelta(minutes=10)]


def test_who_asks_cannot_say_that_he_is_another(pages: PageSetup) -> None:
    with served(pages.parts) as url, httpx.Client(base_url=url, trust_env=False) as client:
        told = [
            client.post(
                "/entrar",
                data={"_token": token_in(client.get("/entrar").text), "senha": "errada e outra"},
                headers={"X-Forwarded-For": f"10.0.0.{n}", "X-Forwarded-Proto": "http"},
            ).status_code
            for n in range(11)
        ]
    assert told == [401] * 10 + [429]


def test_the_password_is_kept_hashed_in_a_file_of_this_account(tmp_path: Path) -> None:
    kept = PagePassword(tmp_path / "page_password")
    kept.set(PASSWORD)
    written = kept.path.read_text()
    assert written.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert PASSWORD not in written
    assert kept.path.stat().st_mode & 0o777 == 0o600
    assert (kept.verify(PASSWORD), kept.verify("outra senha")) == (True, False)
    assert (kept.forget(), kept.forget(), kept.stored_hash()) == (True, False, None)


@pytest.mark.parametrize("password", ["", "sete777", "x" * 201])
def test_a_password_too_short_or_too_long_is_not_taken(tmp_path: Path, password: str) -> None:
    kept = PagePassword(tmp_path / "page_password", QUICK)
    with pytest.raises(SettingsError) as told:
        kept.set(password)
    assert (told.value.code, kept.path.exists()) == ("page_password_short", False)


@pytest.mark.parametrize("spoiled", [b"", b"p\xc3\xa3o", b"$argon2id$nada", b"$2b$12$x"])
def test_a_file_that_cannot_be_read_lets_nobody_in(pages: PageSetup, spoiled: bytes) -> None:
    client = pages.client()
    enter(client)
    pages.parts.password.path.write_bytes(spoiled)
    answer = client.get("/")
    assert answer.status_code != 200
    assert "producao" not in answer.text
    assert client.get("/static/app.css").status_code == 200
    stranger = pages.client()
    token = pages_entrance(pages)
    assert stranger.post("/entrar", data={"_token": token, "senha": PASSWORD}).status_code in (401, 409)
    assert stranger.get("/").status_code != 200


def pages_entrance(pages: PageSetup) -> str:
    """The token of the form, as it was before the file was spoiled."""
    spoiled = pages.parts.password.path.read_bytes()
    pages.parts.password.set(PASSWORD)
    token = token_in(pages.client().get("/entrar").text)
    pages.parts.password.path.write_bytes(spoiled)
    return token


def test_without_a_password_this_computer_needs_none(tmp_path: Path) -> None:
    with page_client(tmp_path) as made:
        client = made.client()
        assert client.get("/").status_code == 200
        assert "/sair" not in client.get("/").text
        assert client.get("/entrar").headers["location"] == "/"


def test_a_password_taken_away_while_others_reach_the_pages_lets_nobody_in(pages: PageSetup) -> None:
    made = msgspec.structs.replace(pages, app=create_app(pages.parts, [HOST], needs_password=True))
    client = made.client()
    enter(client)
    assert client.get("/").status_code == 200
    pages.parts.password.forget()
    assert client.get("/").status_code == 303
    assert enter(client).status_code == 401


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA, tmp_path: Path) -> Certificate:
    return read_certificate(*put(tmp_path, authority.issue_cert(NAME, "127.0.0.1", "*.filial.example")))


@contextmanager
def opened(pages: PageSetup, host: str, certificate: Certificate | None) -> Iterator[PageServer]:
    """The pages' server, its port taken and given back."""
    server = PageServer(pages.parts, host, 0, certificate)
    try:
        yield server
    finally:
        server.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.10", "::", "::1", "erp.local"])  # noqa: S104  # refused
def test_other_computers_need_a_password_and_tls(pages: PageSetup, certificate: Certificate, host: str) -> None:
    with pytest.raises(SettingsError) as told:
        PageServer(pages.parts, host, 0)
    assert told.value.code == "pages_without_tls"
    pages.parts.password.forget()
    for given in (None, certificate):
        with pytest.raises(SettingsError) as told:
            PageServer(pages.parts, host, 0, given)
        assert told.value.code == "pages_without_password"


def test_with_both_they_open_under_the_certificates_names(pages: PageSetup, certificate: Certificate) -> None:
    with opened(pages, "0.0.0.0", certificate) as server:  # noqa: S104  # what is tested
        assert server.url.rpartition(":")[0] == f"https://{NAME}"


@pytest.mark.parametrize("host", ["192.0.2.1", "::1", "nenhum.invalid"])
def test_an_address_this_computer_has_not_is_told(pages: PageSetup, certificate: Certificate, host: str) -> None:
    with pytest.raises(SettingsError) as told:
        PageServer(pages.parts, host, 0, certificate)
    assert told.value.code == "pages_address"


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_over_tls_one_comes_in_by_the_hosts_name_and_by_no_other(
    pages: PageSetup, certificate: Certificate, authority: trustme.CA
) -> None:
    with served(pages.parts, certificate) as url:
        port = int(url.rpartition(":")[2])
        tls = trusting(authority)
        with httpx.Client(verify=tls, base_url=url, trust_env=False) as client:
            for name, status in (
                (f"{NAME}:{port}", 200),
                (f"loja.filial.example:{port}", 200),
                (f"localhost:{port}", 200),
                (NAME, 400),
                (f"evil.example:{port}", 400),
                (f"evil.{NAME}:{port}", 400),
            ):
                assert client.get("/entrar", headers={"Host": name}).status_code == status, name
            ours = {"Host": f"{NAME}:{port}", "Sec-Fetch-Site": "same-origin"}
            fields = {"_token": token_in(client.get("/entrar").text), "senha": PASSWORD}
            for origin, status in (
                (f"http://{NAME}:{port}", 403),
                ("https://evil.example", 403),
                (f"https://{NAME}:{port}", 303),
            ):
                answer = client.post("/entrar", data=fields, headers=ours | {"Origin": origin})
                assert answer.status_code == status, origin
            assert "secure" in answer.headers["set-cookie"].lower()
        with pytest.raises(httpx.TransportError), httpx.Client(trust_env=False) as plain:
            plain.get(f"http://127.0.0.1:{port}/entrar")


def test_old_versions_of_tls_are_not_spoken(pages: PageSetup, certificate: Certificate) -> None:
    with served(pages.parts, certificate) as url:
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("DEFAULT:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        port = int(url.rpartition(":")[2])
        with (
            closing(socket.create_connection(("127.0.0.1", port))) as wire,
            pytest.raises((ssl.SSLError, ConnectionError)),
        ):
            old.wrap_socket(wire)


def test_a_certificate_is_read_with_its_names_and_its_end(authority: trustme.CA, tmp_path: Path) -> None:
    ends = datetime(2027, 3, 1, tzinfo=UTC)
    issued = authority.issue_cert(NAME, "192.168.0.10", not_after=ends)
    both = tmp_path / "tudo.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(both)
    for files in ((both, None), put(tmp_path, issued)):
        read = read_certificate(*files)
        assert (read.names, read.expires_at) == ((NAME, "192.168.0.10"), ends)


def test_an_old_certificate_is_read_too_so_that_the_imports_go_on(authority: trustme.CA, tmp_path: Path) -> None:
    ended = datetime(2020, 1, 1, tzinfo=UTC)
    read = read_certificate(*put(tmp_path, authority.issue_cert(NAME, not_after=ended)))
    assert (read.names, read.expires_at) == ((NAME,), ended)


def test_a_certificate_that_cannot_serve_is_refused_with_its_reason(authority: trustme.CA, tmp_path: Path) -> None:
    one, key = put(tmp_path, authority.issue_cert(NAME))
    _, other = put(tmp_path, authority.issue_cert(NAME), "outro")
    (tmp_path / "lixo").write_text("nada")
    for files, motive in {
        (tmp_path / "falta", key): "falta um dos arquivos",
        (one, other): "a chave não é a deste certificado",
        (one, None): "não é um certificado em PEM com sua chave, sem senha na chave",
        (tmp_path / "lixo", key): "não é um certificado em PEM com sua chave, sem senha na chave",
        (tmp_path, tmp_path): "um dos arquivos não pode ser lido",
    }.items():
        with pytest.raises(SettingsError) as told:
            read_certificate(*files)
        assert (told.value.code, told.value.words["motivo"]) == ("pages_certificate", motive)
