"""kill -9 of an import, and of the server under it, on each live database: nothing lost, doubled or renumbered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from devtools.server import Server
from tests.support.database_servers import firebird_server, mariadb_server, postgresql_server
from tests.support.erp_databases import SampleErp, make_on
from tests.support.erp_reader import ErpReader, register
from tests.support.hub_server import RunningHub, running_hub
from tests.support.import_runs import send
from tests.support.installed_program import Program, installed
from tests.support.record_samples import change, customer, order

SIGKILLED = -9
N_ORDERS, N_CUSTOMERS = 160, 20
"""The first slices are of a few records: each stream is several transactions."""
SERVERS = {"postgresql": postgresql_server, "mariadb": mariadb_server, "firebird": firebird_server}
MOMENTS = (
    ("in_the_transaction", 12),
    ("before_a_slice_of_orders_commits", 2),
    ("after_a_slice_of_orders_committed", 2),
    ("before_the_receipts", 1),
)
"""The twelfth save is of orders, whatever the machine's pace."""


class Place(Struct, frozen=True):
    """A server that runs, a hub with orders, and what a layout's import that nobody stops leaves behind."""

    server: Server
    hub: RunningHub
    layout: str
    whole: Any

    def erp(self) -> SampleErp:
        """An empty ERP of the layout."""
        made = make_on(self.server, schema=self.layout)
        keeper = msgspec.structs.replace(made, address=msgspec.structs.replace(made.address, layout=self.layout))
        if self.layout == "direto":
            register(ErpReader(keeper, "direto"))
        return keeper


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("hub")) as running:
        nobody = {"document": None, "document_kind": "none"}
        send(running, *(change(customer(f"cus_{n:03}", **nobody)) for n in range(N_CUSTOMERS)))
        sold = [
            order(
                f"ord_{n:04}", customer_id=f"cus_{n % N_CUSTOMERS:03}", establishment_code="0001" if n % 4 else "0002"
            )
            for n in range(N_ORDERS)
        ]
        send(running, *map(change, sold), change(order("ord_bad", customer_id="cus_000", paid="1.00")))
        yield running


@pytest.fixture(scope="module", params=list(SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with SERVERS[request.param]() as running:
        yield running


@pytest.fixture(scope="module", params=["padrao", "direto"])
def place(
    request: pytest.FixtureRequest, server: Server, hub: RunningHub, tmp_path_factory: pytest.TempPathFactory
) -> Place:
    here = Place(server, hub, request.param, None)
    keeper = here.erp()
    program = installed(tmp_path_factory.mktemp("whole") / "a", hub, keeper)
    assert program.run("import").status == 3
    return Place(server, hub, request.param, _contents(keeper, request.param))


def _contents(keeper: SampleErp, layout: str) -> Any:
    if layout == "padrao":
        return keeper.contents()
    return {id_: seen.content for id_, seen in ErpReader(keeper, layout).orders().items()}


def _numbers(keeper: SampleErp, layout: str) -> dict[str, Any]:
    if layout == "padrao":
        return dict(keeper.query("SELECT id_externo, numero FROM pedidos"))
    return {id_: seen.number for id_, seen in ErpReader(keeper, layout).orders().items()}


def _is_whole(program: Program, place: Place, numbers: dict[str, Any]) -> None:
    assert _contents(program.keeper, place.layout) == place.whole
    assert _numbers(program.keeper, place.layout).items() >= numbers.items()
    assert program.run("import", "--json").json()["orders"]["written"] == 0
    assert program.keeper.query("SELECT count(*) FROM omnisync_binding WHERE receipt_pending = 1") == [(0,)]
    if place.layout == "direto":
        book = ErpReader(program.keeper, "direto")
        asked = "SELECT CNT_FILIAL, CNT_ULTIMO FROM CONTADOR WHERE CNT_NOME = 'PEDIDO' ORDER BY 1"
        assert book.query(asked) == [("01", 1000 + N_ORDERS * 3 // 4), ("02", 5000 + N_ORDERS // 4)]


@pytest.mark.parametrize(("moment", "n"), MOMENTS, ids=[moment for moment, _ in MOMENTS])
def test_an_import_killed_at_a_server_goes_on_where_it_stopped(
    place: Place, tmp_path: Path, moment: str, n: int
) -> None:
    program = installed(tmp_path / "a", place.hub, place.erp())
    assert program.run("import", killed_at=(moment, n)).status == SIGKILLED
    numbers = _numbers(program.keeper, place.layout)
    after = program.run("import", "--json")
    assert after.status in (0, 3), after.err
    _is_whole(program, place, numbers)


@pytest.mark.parametrize("kind", ["customer", "order"])
def test_an_import_killed_between_the_erps_commit_and_the_agents_own_doubles_nothing(
    place: Place, tmp_path: Path, kind: str
) -> None:
    memories = tmp_path / "a" / "home" / "memories"
    memories.mkdir(parents=True)
    keeper = msgspec.structs.replace(place.erp(), memories=memories)
    address = msgspec.structs.replace(keeper.address, layout=keeper.layout(place.layout))
    program = installed(tmp_path / "a", place.hub, msgspec.structs.replace(keeper, address=address))
    moment = {"customer": ("between_a_slice_commits", 1), "order": ("between_a_slice_of_orders_commits", 2)}[kind]
    assert program.run("import", killed_at=moment).status == SIGKILLED
    table = {"padrao": "clientes pedidos", "direto": "CLIENTE PEDIDO"}[place.layout].split()[kind == "order"]
    [(n_rows,)] = ErpReader(program.keeper, place.layout).query(f"SELECT COUNT(*) FROM {table}")
    [(n_bound,)] = program.keeper.query(
        "SELECT COUNT(*) FROM omnisync_binding WHERE kind = ? AND erp_key IS NOT NULL", kind
    )
    assert n_rows > n_bound
    numbers = _numbers(program.keeper, place.layout)
    after = program.run("import", "--json")
    assert after.status in (0, 3), after.err
    _is_whole(program, place, numbers)


@pytest.mark.parametrize(("moment", "n"), MOMENTS[:3], ids=[moment for moment, _ in MOMENTS[:3]])
def test_an_import_outlives_a_server_killed_under_it(place: Place, tmp_path: Path, moment: str, n: int) -> None:
    program = installed(tmp_path / "a", place.hub, place.erp())
    importing = program.start("import", "--json", held_at=(moment, n), held_in=str(tmp_path))
    while not (tmp_path / "there").exists():
        assert importing.poll() is None, importing.communicate()
        Event().wait(0.02)
    place.server.restart()
    numbers = _numbers(program.keeper, place.layout)
    (tmp_path / "go").touch()
    _, err = importing.communicate(timeout=120)
    assert importing.returncode in (0, 3), err
    _is_whole(program, place, numbers)
