"""What the hub shows when it is asked about itself, and when it fails: OpenAPI, health, problems, the command line."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from litestar.testing import TestClient

from omnisync.cli.hub import hub as command
from omnisync.contract.problems import PROBLEMS
from omnisync.hub.app import ROUTES, create_app
from omnisync.hub.store import AGENT_SCOPES, SCOPES, Store
from tests.support.hub_server import NOW, RunningHub, bearer, found_company, running_hub


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.fixture(scope="module")
def document(hub: RunningHub) -> Any:
    with hub.client() as client:
        return client.get("/v1/openapi.json").json()


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from [part["$ref"]] if "$ref" in part else []
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from references(one)


def test_the_hub_is_up(hub: RunningHub) -> None:
    with hub.client() as client:
        answer = client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_every_route_is_in_the_document(document: Any) -> None:
    served = {
        (path.replace(":str", ""), method) for route in ROUTES for path in route.paths for method in route.http_methods
    }
    described = {(path, method.upper()) for path, routes in document["paths"].items() for method in routes}
    assert served == described


def test_the_document_refers_only_to_what_it_holds(document: Any) -> None:
    held = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= held


def test_every_route_says_which_problems_it_may_answer(document: Any) -> None:
    for path, routes in document["paths"].items():
        for route in routes.values():
            refused = [answer for status, answer in route["responses"].items() if int(status) >= 400]
            assert refused, path
            codes = {code for answer in refused for code in answer["description"].split(", ")}
            assert codes <= set(PROBLEMS)


def test_the_document_holds_the_strict_reading(document: Any) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["Item"]["properties"]["quantity"]["pattern"].startswith("^[0-9]{1,11}")
    assert schemas["Item"]["properties"]["quantity"]["type"] == "string"
    assert schemas["Order"]["properties"]["id"]["pattern"].startswith("^[!-~]{1,40}")


def test_without_its_database_the_hub_asks_for_patience(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'nowhere' / 'hub.db'}")
    with TestClient(create_app(store, lambda: NOW)) as client:
        answers = [client.get("/health"), client.get("/v1", headers=bearer("omni_000000000000_" + "A" * 43))]
    assert [(a.status_code, a.json()["code"], a.headers["Retry-After"]) for a in answers] == [
        (503, "maintenance", "10")
    ] * 2


def test_a_failure_says_nothing_about_its_cause(tmp_path: Path) -> None:
    def broken_clock() -> datetime:
        raise ValueError("documento 11144477735")

    store = Store(f"sqlite:///{tmp_path / 'hub.db'}")
    store.migrate()
    token = found_company(store)
    with TestClient(create_app(store, broken_clock)) as client:
        answer = client.get("/v1", headers=bearer(token))
    store.close()
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "11144477735" not in answer.text
    assert "Traceback" not in answer.text


class Console:
    """The `hub` commands over one database."""

    def __init__(self, database: str) -> None:
        self._database = database

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(command, [*words, "--database", self._database])


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(f"sqlite:///{tmp_path / 'new' / 'hub.db'}")


def test_a_token_made_on_the_command_line_opens_the_hub(console: Console, tmp_path: Path) -> None:
    assert console.run("company", "add", "aurora", "Padaria Aurora").exit_code == 0
    assert console.run("establishment", "add", "aurora", "0001", "FABRICA VEVO").exit_code == 0
    made = console.run("token", "create", "aurora", "--name", "producao", "--scope", "orders:read")
    token = made.stdout.strip()
    store = Store(f"sqlite:///{tmp_path / 'new' / 'hub.db'}")
    with TestClient(create_app(store, lambda: NOW)) as client:
        answer = client.get("/v1", headers=bearer(token))
    store.close()
    assert answer.json()["company"] == {"id": "aurora", "name": "Padaria Aurora"}


def test_a_token_made_without_scopes_is_a_computer_s(console: Console) -> None:
    console.run("company", "add", "aurora", "Padaria Aurora")
    assert console.run("token", "create", "aurora", "--name", "producao").exit_code == 0
    assert " ".join(AGENT_SCOPES) in console.run("token", "list", "aurora").stdout


def test_case_j13_a_token_s_name_given_twice_is_warned_of(console: Console) -> None:
    console.run("company", "add", "aurora", "Padaria Aurora")
    first = console.run("token", "create", "aurora", "--name", "caixa")
    second = console.run("token", "create", "aurora", "--name", "caixa")
    assert ("se chama caixa" in first.stderr, "se chama caixa" in second.stderr) == (False, True)
    prefix = first.stdout.split("_")[1]
    console.run("token", "revoke", "aurora", prefix)
    console.run("token", "revoke", "aurora", second.stdout.split("_")[1])
    assert "se chama" not in console.run("token", "create", "aurora", "--name", "caixa").stderr


def test_the_help_names_every_scope(console: Console) -> None:
    told = console.run("token", "create", "--help").stdout
    assert [scope for scope in SCOPES if scope not in told] == []


def test_a_listed_token_does_not_show_itself_and_can_be_revoked(console: Console) -> None:
    console.run("company", "add", "aurora", "Padaria Aurora")
    token = console.run("token", "create", "aurora", "--name", "caixa", "--scope", "orders:read").stdout.strip()
    prefix = token.split("_")[1]
    listed = console.run("token", "list", "aurora").stdout
    assert (prefix in listed, "caixa" in listed, token in listed) == (True, True, False)
    assert console.run("token", "revoke", "aurora", prefix).exit_code == 0
    assert "revogada" in console.run("token", "list", "aurora").stdout
    assert console.run("token", "revoke", "aurora", prefix).exit_code == 1


def test_what_is_not_accepted_is_one_sentence(console: Console) -> None:
    refused = [
        console.run("token", "create", "nobody", "--name", "x", "--scope", SCOPES[0]),
        console.run("token", "create", "nobody", "--name", "x", "--scope", "tudo"),
        console.run("company", "add", "com espaço", "x"),
        console.run("establishment", "add", "nobody", "0001", "x"),
    ]
    assert [(one.exit_code, "Traceback" in one.output) for one in refused] == [(1, False)] * 4


def test_a_busy_port_is_one_sentence(console: Console) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        answer = console.run("serve", "--port", str(busy.getsockname()[1]))
    assert answer.exit_code == 1
    assert "já está em uso" in answer.output


def test_the_database_stands_in_the_house_s_own_folder(tmp_path: Path) -> None:
    answer = CliRunner().invoke(command, ["company", "add", "aurora", "Aurora"], env={"OMNISYNC_HOME": str(tmp_path)})
    assert (answer.exit_code, (tmp_path / "hub.db").exists()) == (0, True)


def test_the_document_is_plain_json(document: Any) -> None:
    assert document["openapi"] == "3.1.0"
    assert json.loads(json.dumps(document)) == document
