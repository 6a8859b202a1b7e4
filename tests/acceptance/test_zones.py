"""A computer in UTC and a company in São Paulo: whose hour lands in the ERP, and who is asked for it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from msgspec import Struct

from tests.support.erp_databases import SampleErp, make_sqlite
from tests.support.export_setup import fill
from tests.support.hub_server import COMPANY, RunningHub, running_hub
from tests.support.import_runs import send
from tests.support.installed_program import Ended
from tests.support.record_samples import change, customer, order

ROOT = Path(__file__).parents[2]
HOME_OF_BEFORE = ROOT / "tests/fixtures/home_ba692d7"
"""A home whose connection was made before connections had zones. Its database is `erp.db` in the present folder."""
LATE = datetime(2026, 11, 23, 22, 30, tzinfo=timezone(timedelta(hours=-3)))
QUESTION = "Informe o fuso horário da empresa. Este computador está no fuso UTC, "


class Computer(Struct, frozen=True):
    """A computer in UTC with a home, an ERP and a hub to import from."""

    home: Path
    keeper: SampleErp
    hub: RunningHub

    def run(self, *arguments: str, stdin: str = "", **environ: str) -> Ended:
        inherited = {name: value for name, value in os.environ.items() if name != "OMNISYNC_ZONE"}  # noqa: TID251  # a child inherits it
        told = {"OMNISYNC_HOME": str(self.home), "PYTHONPATH": str(ROOT), "TZ": "UTC"}
        done = subprocess.run(
            [sys.executable, "-m", "omnisync", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=inherited | told | environ,
            cwd=Path(self.keeper.database).parent,
            timeout=120,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def set(self, *arguments: str, **environ: str) -> Ended:
        known = ("--hub", self.hub.url, "--token-stdin", "--erp-database", self.keeper.database)
        return self.run("connection", "set", *known, *arguments, stdin=f"{self.hub.token}\n", **environ)

    def landed_at(self) -> list[str]:
        with closing(sqlite3.connect(self.keeper.database)) as plain:
            return [at for (at,) in plain.execute("SELECT emitido_em FROM pedidos ORDER BY numero")]


@pytest.fixture
def computer(tmp_path: Path) -> Iterator[Computer]:
    with running_hub(tmp_path) as hub:
        send(hub, change(customer()), change(order(issued_at=LATE)))
        yield Computer(tmp_path / "home", make_sqlite(tmp_path), hub)


def imported(computer: Computer, **environ: str) -> list[str]:
    assert computer.run("connection", "test", **environ).status == 0
    done = computer.run("import", **environ)
    assert done.status == 0, done.err
    return computer.landed_at()


def test_case_b1_a_new_connection_on_a_computer_in_utc_writes_the_hour_of_brasilia(computer: Computer) -> None:
    made = computer.set()
    assert imported(computer) == ["2026-11-23 22:30:00"]
    assert "as horas desta conexão são as de Brasília (America/Sao_Paulo)" in made.err
    shown = computer.run("connection", "show")
    assert "America/Sao_Paulo (UTC−3), porque o deste computador (UTC) não é do Brasil" in shown.out


def test_case_b1_the_connections_own_zone_goes_before_the_programs(computer: Computer) -> None:
    computer.set("--zone", "america/manaus")
    assert imported(computer, OMNISYNC_ZONE="America/Noronha") == ["2026-11-23 21:30:00"]
    shown = computer.run("connection", "show", OMNISYNC_ZONE="America/Noronha").out
    assert "Fuso horário:      America/Manaus (UTC−4), desta conexão\n" in shown


def test_the_programs_zone_goes_before_the_computers(computer: Computer) -> None:
    computer.set()
    assert imported(computer, OMNISYNC_ZONE="America/Noronha") == ["2026-11-23 23:30:00"]


def test_a_computer_in_brazil_has_the_companys_zone(computer: Computer) -> None:
    assert computer.set(TZ="America/Rio_Branco").err == "Conexão producao guardada.\n"
    assert imported(computer, TZ="America/Rio_Branco") == ["2026-11-23 20:30:00"]


def test_case_b1_what_goes_out_is_of_the_same_zone(computer: Computer) -> None:
    fill(computer.keeper)
    computer.set("--zone", "America/Manaus")
    computer.run("connection", "test")
    assert computer.run("export").status == 0
    with computer.hub.client() as client:
        rows = client.get("/v1/exports/omniforce/stock", params={"company": COMPANY}).text
    assert "2026-11-24T11:52:07-04:00" in rows, rows


@pytest.mark.parametrize("zone", ["BRT3", "Lua", "-03:00"])
def test_case_b1_what_is_no_zone_is_refused_on_the_command_line(computer: Computer, zone: str) -> None:
    refused = computer.set("--zone", zone)
    assert refused.status == 1
    assert refused.err.startswith(f"O fuso horário {zone} não é conhecido. Use o nome de um fuso, como America/Sao_P")
    assert computer.run("connection", "show").status == 1  # nothing was saved


@pytest.mark.parametrize("zone", ["UTC+3", "BRT3"])
def test_case_b5_a_computer_whose_zone_has_no_name_works_all_the_same(computer: Computer, zone: str) -> None:
    computer.set(TZ=zone)
    assert imported(computer, TZ=zone) == ["2026-11-23 22:30:00"]


def of_before(computer: Computer) -> None:
    """The home is one of before, its connection led to this hub; that answers nothing about its zone."""
    shutil.copytree(HOME_OF_BEFORE, computer.home)
    done = computer.run(
        "connection", "set", "--hub", computer.hub.url, "--token-stdin", stdin=f"{computer.hub.token}\n"
    )
    assert done.status == 0, done.err


def test_case_b1_a_connection_of_before_writes_as_it_did_until_it_is_given_a_zone(computer: Computer) -> None:
    of_before(computer)
    assert imported(computer) == ["2026-11-24 01:30:00"]
    assert QUESTION in computer.run("status").out
    asked = computer.run("doctor")
    assert asked.status == 1
    assert f"FALHA Fuso horário: {QUESTION}" in asked.out

    told = computer.run("connection", "set", "--zone", "America/Sao_Paulo")
    assert (
        "Fuso horário: America/Sao_Paulo (UTC−3), desta conexão. O que já está no ERP fica como está; um " in told.err
    )
    assert QUESTION not in computer.run("status").out
    assert "ok    Fuso horário: America/Sao_Paulo (UTC−3), desta conexão.\n" in computer.run("doctor").out
    send(computer.hub, change(order("ord_2", issued_at=LATE)))
    assert imported(computer) == ["2026-11-24 01:30:00", "2026-11-23 22:30:00"]


def test_a_connection_of_before_in_brazil_is_asked_nothing(computer: Computer) -> None:
    of_before(computer)
    assert imported(computer, TZ="America/Recife") == ["2026-11-23 22:30:00"]
    assert "Informe o fuso" not in computer.run("status", TZ="America/Recife").out
    assert "Informe o fuso" not in computer.run("status", OMNISYNC_ZONE="UTC").out


@pytest.mark.parametrize("zone", ["UTC+3", "BRT3"])
def test_case_b5_a_connection_of_before_on_such_a_computer_is_asked_for_its_zone(computer: Computer, zone: str) -> None:
    of_before(computer)
    shown = computer.run("status", TZ=zone)
    assert "as horas desta conexão são as de Brasília (America/Sao_Paulo)" in shown.out
    assert "omnisync connection set --connection producao --zone America/Sao_Paulo" in shown.out
    assert imported(computer, TZ=zone) == ["2026-11-23 22:30:00"]


def test_case_b1_the_check_and_the_rehearsal_show_one_moment_as_the_app_has_it_and_as_the_erp_will(
    computer: Computer,
) -> None:
    computer.set("--zone", "America/Manaus")
    computer.run("connection", "test")
    checked = computer.run("layout", "check")
    assert " (UTC) no aplicativo entra no ERP com " in checked.out
    assert " em pedidos.emitido_em, no fuso America/Manaus (UTC−4)." in checked.out
    rehearsed = computer.run("import", "--rehearse", "--yes")
    assert rehearsed.status == 0, rehearsed.err
    told = "Um pedido feito em 23/11/2026 22:30 (UTC−3) no aplicativo entra no ERP com 2026-11-23 21:30:00 em pedidos."
    assert told in rehearsed.out
