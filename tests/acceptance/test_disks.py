"""A disk that is full or read-only, and a journal that another program keeps: the run goes on, or says which folder."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from tests.support.disks import Disk, small_disk
from tests.support.erp_databases import make_sqlite
from tests.support.export_setup import fill
from tests.support.hub_server import RunningHub, running_hub
from tests.support.import_runs import send
from tests.support.installed_program import Ended, Program, installed
from tests.support.record_samples import change, customer, order

N = 20


class Company:
    """A company whose home and ERP are on disks of their own. At the feed's next page `at_next_page` is called."""

    def __init__(self, folder: Path, home: Disk, erp: Disk, hub: RunningHub) -> None:
        self.home, self.erp, self._hub = home, erp, hub
        made = installed(folder / "a", hub, make_sqlite(erp.path))
        shutil.copytree(made.home, home.path / "omnisync")
        self.program = Program(home.path / "omnisync", made.keeper)
        self._numbers = count()
        send(hub, change(customer()))

    def send_orders(self) -> None:
        send(self._hub, *(change(order(f"ord_{next(self._numbers):03}")) for _ in range(N)))

    @property
    def n_orders(self) -> int:
        [[n]] = self.program.keeper.query("SELECT COUNT(*) FROM pedidos")
        return int(n)

    def import_(self) -> Ended:
        done = self.program.run("import")
        assert "Traceback" not in done.err
        return done


@pytest.fixture
def at_next_page() -> list[object]:
    return []


@pytest.fixture
def company(tmp_path: Path, at_next_page: list[object], monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    monkeypatch.setenv("OMNISYNC_ZONE", "America/Sao_Paulo")

    def before(target: str) -> None:
        if "/v1/changes" in target and at_next_page:
            at_next_page.pop()()  # type: ignore[operator]  # what a test put there

    with (
        small_disk(tmp_path / "home_disk") as home,
        small_disk(tmp_path / "erp_disk") as erp,
        running_hub(tmp_path, before=before) as hub,
    ):
        yield Company(tmp_path, home, erp, hub)


def test_case_d4_a_full_disk_of_the_home_is_named_and_once_freed_all_enters(company: Company) -> None:
    company.send_orders()
    company.home.fill()
    for command in ("import", "export", "status", "doctor"):
        done = company.program.run(command)
        assert (done.status, str(company.program.home) in done.err, "está cheio" in done.err) == (1, True, True), done
    company.home.free()
    assert (company.import_().status, company.n_orders) == (0, N)


def test_case_d4_a_disk_of_the_home_that_fills_during_the_import_keeps_no_order_out(
    company: Company, at_next_page: list[object]
) -> None:
    company.send_orders()
    at_next_page.append(company.home.fill)
    assert (company.import_().status, company.n_orders) == (0, N)
    company.home.free()
    assert company.program.run("status").status == 0
    company.send_orders()
    assert (company.import_().status, company.n_orders) == (0, 2 * N)


def test_case_d4_a_disk_of_the_home_that_fills_during_the_export_is_named(company: Company) -> None:
    fill(company.program.keeper)
    assert company.program.run("export").status == 0
    rows = [(f"P{n:05}", "Produto " + "x" * 80, "UN", *[None] * 5, 1) for n in range(30_000)]
    fill(company.program.keeper, {"produtos": rows})
    company.home.fill(leaving=500_000)
    done = company.program.run("export")
    assert (done.status, "está cheio" in done.err, str(company.program.home / "exports") in done.err) == (1, True, True)


def test_case_d4_a_read_only_home_is_named(company: Company) -> None:
    company.send_orders()
    with company.home.read_only():
        for command in ("import", "export", "status"):
            done = company.program.run(command)
            assert (done.status, str(company.program.home) in done.err, "gravar" in done.err) == (1, True, True), done
    assert (company.import_().status, company.n_orders) == (0, N)


def test_case_d4_a_read_only_folder_of_the_erp_is_named(company: Company) -> None:
    company.send_orders()
    with company.erp.read_only():
        for command in ("import", "export"):
            done = company.program.run(command)
            assert (done.status, str(company.erp.path) in done.err, "gravar" in done.err) == (1, True, True), done
    assert (company.import_().status, company.n_orders) == (0, N)


@pytest.mark.parametrize("is_full_at_the_start", [True, False])
def test_case_d4_a_full_disk_of_the_erp_is_named(
    company: Company, at_next_page: list[object], is_full_at_the_start: bool
) -> None:
    company.send_orders()
    if is_full_at_the_start:
        company.erp.fill()
    else:
        at_next_page.append(company.erp.fill)
    done = company.import_()
    assert (done.status, "está cheio" in done.err) == (1, True), done
    company.erp.free()
    assert (company.import_().status, company.n_orders) == (0, N)


def test_case_d4_a_journal_that_another_program_keeps_at_the_start_is_waited_for(company: Company) -> None:
    company.send_orders()
    with closing(
        sqlite3.connect(company.program.home / "journal.db", isolation_level=None, check_same_thread=False)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(12, other.execute, ("ROLLBACK",))
        release.start()
        try:
            assert (company.import_().status, company.n_orders) == (0, N)
        finally:
            release.join()
