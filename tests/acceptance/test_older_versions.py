"""An agent of 27 November 2026 with today's hub, and today's agent with the hub of that day, each as its own program.

`tests/fixtures/omnisync_ba692d7.tar.xz` is that program's package; it runs with the libraries of today.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from omnisync.hub.store import SCOPES, Store
from tests.support.export_setup import ExportSetup, fill
from tests.support.hub_server import COMPANY, RunningHub, bearer, running_hub
from tests.support.import_runs import send, sent
from tests.support.installed_program import ROOT, Program, installed
from tests.support.record_samples import change, customer, order

OLDER = ROOT / "tests" / "fixtures" / "omnisync_ba692d7.tar.xz"
FIRST = (change(customer()), change(order("ord_1")), change(order("ord_2")))
LATER = (change(order("ord_2"), version=2), change(order("ord_3")))


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the older program's code."""
    monkeypatch.setenv("OMNISYNC_ZONE", "America/Sao_Paulo")
    folder = tmp_path / "older"
    with tarfile.open(OLDER) as packed:
        packed.extractall(folder, filter="data")
    return folder


def succeed(program: Program, *arguments: str) -> str:
    done = program.run(*arguments)
    assert (done.status, "Traceback" in done.err) == (0, False), done.err
    return done.out


def imported(program: Program) -> list[tuple[object, ...]]:
    return program.keeper.query("SELECT id_externo, numero FROM pedidos ORDER BY id_externo")


def check_exported(program: Program, hub: RunningHub) -> None:
    """The hub has what the ERP has, and nothing more is sent."""
    setup = ExportSetup(program.keeper, hub, outbox=None)  # type: ignore[arg-type]  # not opened here
    assert setup.at_hub() == setup.in_erp()
    again = program.run("export")
    assert (again.status, again.err.strip().splitlines()[-1]) == (0, "Nada mudou no ERP desde a última exportação.")


def test_an_older_agent_works_with_todays_hub_and_its_home_goes_on_with_todays_agent(
    tmp_path: Path, older: Path
) -> None:
    with running_hub(tmp_path) as hub:
        send(hub, *FIRST)
        program = installed(tmp_path / "a", hub, root=older)
        fill(program.keeper)
        succeed(program, "import")
        succeed(program, "export")
        check_exported(program, hub)
        before = [id_ for id_, _ in imported(program)]
        send(hub, *LATER)
        succeed(program, "import")
        assert len(imported(program)) == len(before) + 1
        program.keeper.run("UPDATE produtos SET descricao = 'Outro nome' WHERE codigo = '000104'")
        succeed(program, "export")

        today = Program(program.home, program.keeper)
        rows = imported(program)
        succeed(today, "import")
        succeed(today, "export")  # rows have other hashes since: they go once more
        check_exported(today, hub)
        assert imported(today) == rows
        send(hub, change(order("ord_4")))
        succeed(today, "import")
        assert len(imported(today)) == len(rows) + 1


@contextmanager
def older_hub(folder: Path, code: Path) -> Iterator[RunningHub]:
    """The older program's hub on a free port, with a company of two establishments."""
    database = f"sqlite:///{folder / 'older_hub.db'}"
    program = Program(folder / "hub_home", None, code)  # type: ignore[arg-type]  # a hub has no ERP

    def hub(*arguments: str) -> str:
        return succeed(program, "hub", *arguments, "--database", database)

    hub("company", "add", COMPANY, "Padaria Aurora")
    hub("establishment", "add", COMPANY, "0001", "FABRICA VEVO")
    hub("establishment", "add", COMPANY, "0002", "FÁBIO VEVO")
    scopes = [word for scope in SCOPES for word in ("--scope", scope)]
    token = next(
        word for word in hub("token", "create", COMPANY, "--name", "loja", *scopes).split() if word.startswith("omni_")
    )
    with subprocess.Popen(
        [sys.executable, "-m", "omnisync", "hub", "serve", "--port", "0", "--database", database],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=program.environ,
        cwd=code,
    ) as serving:
        assert serving.stdout is not None
        try:
            said = next(line for line in serving.stdout if "http://" in line)
            url = next(word.strip(".") for word in said.split() if word.startswith("http://"))
            yield RunningHub(url=url, token=token, store=Store(database))
        finally:
            serving.terminate()


def test_todays_agent_works_with_an_older_hub(tmp_path: Path, older: Path) -> None:
    with older_hub(tmp_path, older) as hub:

        def put(*changes: object) -> None:
            body = msgspec.json.encode({"records": [sent(one) for one in changes]})  # type: ignore[arg-type]
            answer = httpx.post(
                f"{hub.url}/v1/records",
                content=body,
                headers={**bearer(hub.token), "Content-Type": "application/json"},
                trust_env=False,
            )
            assert {one["status"] for one in answer.json()["results"]} == {"stored"}

        known = httpx.get(f"{hub.url}/v1", headers=bearer(hub.token), trust_env=False)
        assert known.headers["Omnisync-Contract"] == "1.0"
        put(*FIRST)
        program = installed(tmp_path / "a", hub)
        fill(program.keeper)
        succeed(program, "import")
        succeed(program, "export")
        check_exported(program, hub)
        put(*LATER)
        succeed(program, "import")
        assert len(imported(program)) == 3
        program.keeper.run("DELETE FROM produtos WHERE codigo = '000104'")
        succeed(program, "export")
        check_exported(program, hub)
