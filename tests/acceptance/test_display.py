"""What a run shows, with the program as a process: the hub away for a while, and a screen that goes away."""

from __future__ import annotations

import socket
import threading
from contextlib import closing
from pathlib import Path

from omnisync.agent.config.settings import Home
from omnisync.agent.journal.journal import Journal
from omnisync.hub.server import hub_server
from omnisync.hub.store import Store
from tests.support.erp_databases import make_sqlite
from tests.support.export_setup import fill
from tests.support.hub_server import NOW, RunningHub, found_company, running_hub
from tests.support.import_runs import send
from tests.support.installed_program import Program, installed
from tests.support.record_samples import change, customer, order

AWAY = "Não foi possível falar com a central do OmniForce."


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def test_case_d3_an_export_outlives_a_hub_that_was_away_at_its_start(tmp_path: Path) -> None:
    outlives_a_hub_away(tmp_path, "export")


def test_an_import_outlives_a_hub_that_was_away_at_its_start(tmp_path: Path) -> None:
    outlives_a_hub_away(tmp_path, "import")


def outlives_a_hub_away(tmp_path: Path, command: str) -> None:
    """Run the command while no hub answers, and let one come once that was said."""
    store = Store(f"sqlite:///{tmp_path / 'hub.db'}")
    store.migrate()
    token, port = found_company(store), free_port()
    hub = RunningHub(url=f"http://127.0.0.1:{port}", token=token, store=store)
    send(hub, change(customer()), change(order()))
    program = Program(tmp_path / "home", make_sqlite(tmp_path))
    fill(program.keeper)
    known = ("--hub", hub.url, "--token-stdin", "--erp-database", program.keeper.database)
    codes = ("--establishment", "0001", "--establishment", "0002")
    assert program.run("connection", "set", *known, *codes, stdin=f"{token}\n").status == 0
    with closing(
        Journal(Home(program.home).journal)
    ) as journal:  # known from before: the first words are the run's own
        import msgspec

        journal.connections.save(msgspec.structs.replace(journal.connections.get("producao"), company="aurora"))
    started = program.start(command)
    try:
        assert started.stderr is not None
        first = started.stderr.readline()
        assert first.startswith(AWAY), first
        server = hub_server(store, "127.0.0.1", port, clock=lambda: NOW)
        thread = threading.Thread(target=server.run, args=(lambda _url: None,), daemon=True)
        thread.start()
        try:
            _, said = started.communicate(timeout=60)
        finally:
            server.stop()
            thread.join(20)
            store.close()
    finally:
        started.kill()
        started.wait()
    assert started.returncode == 0, said
    assert "Algo inesperado" not in said


def test_case_d3_a_screen_that_is_gone_ends_no_run(tmp_path: Path) -> None:
    with running_hub(tmp_path) as hub:
        send(hub, change(customer()), change(order()))
        program = installed(tmp_path / "a", hub)
        started = program.start("import")
        assert started.stderr is not None
        assert started.stdout is not None
        started.stderr.close()  # as `2>&1 | head` does
        try:
            assert started.wait(60) == 0
        finally:
            started.stdout.close()
            started.kill()
            started.wait()
        assert program.keeper.query("SELECT COUNT(*) FROM pedidos") == [(1,)]
