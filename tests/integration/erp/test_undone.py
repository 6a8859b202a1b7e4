"""An ERP whose trigger undoes the whole transaction: the guilty record is refused alone, and nothing else is lost.

On SQLite a trigger does so with RAISE(ROLLBACK). On SQL Server, which is not here, with ROLLBACK or THROW (error 3609):
what goes over the wire is answered as that server would, by a stand-in that keeps what was committed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omnisync.agent.config.connection import ErpAddress
from omnisync.agent.erp.base import Erp, ErpScope
from omnisync.agent.erp.database import Database
from omnisync.agent.erp.databases import open_erp
from omnisync.agent.erp.statements import RowList
from omnisync.agent.errors import ErpBusyError, ErpUndoneError
from omnisync.agent.messages import sentences
from omnisync.agent.progress import RowCounts
from omnisync.contract.feed import Change
from omnisync.contract.streams import orders_of
from tests.support import tds_server
from tests.support.erp_databases import SampleErp, make_erp, make_sqlite, part, write
from tests.support.hub_server import RunningHub, running_hub
from tests.support.import_runs import run_import, send
from tests.support.record_samples import NOW, change, customer, item, order

FORBIDDEN = "proibido"
WORDS = "pedido proibido pelo ERP"


@pytest.fixture(params=["sqlite", "sqlite-agent"])
def keeper(request: pytest.FixtureRequest, tmp_path: Path) -> SampleErp:
    """What is remembered stands in the ERP, or with the agent."""
    return make_erp(request.param, request, tmp_path)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running_hub(tmp_path) as running:
        yield running


def undo(keeper: SampleErp, event: str = "INSERT ON pedidos", column: str = "observacoes") -> None:
    """A trigger of the ERP that ends everything for one row."""
    keeper.run(
        f"CREATE TRIGGER desfaz BEFORE {event} WHEN NEW.{column} = '{FORBIDDEN}' "
        f"BEGIN SELECT RAISE(ROLLBACK, '{WORDS}'); END"
    )


def orders(n: int, *guilty: int) -> list[Change]:
    """Orders, of which these are forbidden."""
    return [change(order(f"ord_{k:02}", notes=FORBIDDEN if k in guilty else "boa")) for k in range(n)]


def entered(keeper: SampleErp) -> list[str]:
    return [id_ for (id_,) in keeper.query("SELECT id_externo FROM pedidos ORDER BY 1")]


def refused(erp: Erp) -> dict[str, str]:
    return {record.id: record.message for record in erp.records.open_issues(["refused"], 100)}


@pytest.mark.parametrize("guilty", [(0,), (7,), (19,), (3, 4), (0, 9, 19), tuple(range(20))], ids=str)
def test_the_guilty_orders_are_refused_alone_and_the_others_enter_whole(
    keeper: SampleErp, erp: Erp, guilty: tuple[int, ...]
) -> None:
    undo(keeper)
    write(erp, change(customer()))
    written = erp.write(part(*orders(20, *guilty), expected=erp.position(orders_of("0001")).cursor, moves_to="c1"))
    good = [f"ord_{k:02}" for k in range(20) if k not in guilty]
    assert written.counts.orders == RowCounts(written=len(good), refused=len(guilty))
    assert (entered(keeper), sorted(refused(erp))) == (good, [f"ord_{k:02}" for k in guilty])
    assert all(WORDS in message for message in refused(erp).values())
    assert erp.records.rows()["items"] == 2 * len(good)
    assert erp.position(orders_of("0001")).cursor == "c1"
    assert len(erp.records.pending_receipts(100)) == 21


def test_what_was_refused_so_is_remembered_and_enters_when_it_is_mended(keeper: SampleErp, erp: Erp) -> None:
    undo(keeper)
    write(erp, change(customer()))
    write(erp, *orders(8, 3))
    before = keeper.contents()
    assert write(erp, *orders(8, 3)).counts.orders == RowCounts(unchanged=7, refused=1)
    assert keeper.contents() == before
    assert write(erp, change(order("ord_03"), 2)).counts.orders == RowCounts(written=1)
    assert (len(entered(keeper)), refused(erp)) == (8, {})


@pytest.mark.parametrize("is_related", [False, True])
def test_a_guilty_customer_is_refused_alone_and_its_orders_wait(keeper: SampleErp, erp: Erp, is_related: bool) -> None:
    undo(keeper, "INSERT ON clientes")
    buyers = [change(customer(f"cus_{k}", notes=FORBIDDEN if k == 2 else None)) for k in range(4)]
    sold = [change(order(f"ord_{k}", customer_id=f"cus_{k}")) for k in range(4)]
    if is_related:
        written = write(erp, *sold, related=buyers)
        assert written.counts.customers == RowCounts(written=3, refused=1)
    else:
        assert write(erp, *buyers).counts.customers == RowCounts(written=3, refused=1)
        written = write(erp, *sold)
    assert written.counts.orders == RowCounts(written=3, waiting=1)
    assert entered(keeper) == ["ord_0", "ord_1", "ord_3"]
    [waiting] = erp.records.open_issues(["waiting"], 10)
    assert (waiting.id, waiting.code) == ("ord_2", "customer_waiting")
    assert WORDS in waiting.message


def test_a_guilty_item_refuses_its_order(keeper: SampleErp, erp: Erp) -> None:
    undo(keeper, "INSERT ON itens_pedido", "descricao")
    write(erp, change(customer()))
    bad = order("ord_2", items=(item(1), item(2, product_name=FORBIDDEN)))
    assert write(erp, *orders(4), change(bad)).counts.orders == RowCounts(written=4, refused=1)
    assert (erp.records.rows()["orders"], erp.records.rows()["items"]) == (4, 8)


def test_a_guilty_edit_is_refused_and_the_order_stays_as_it_was(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer()))
    write(erp, *orders(6))
    undo(keeper, "UPDATE ON pedidos")
    edited = [change(order(f"ord_{k:02}", notes=FORBIDDEN if k == 4 else "nova"), 2) for k in range(6)]
    assert write(erp, *edited).counts.orders == RowCounts(written=5, refused=1)
    notes = keeper.query("SELECT observacoes FROM pedidos ORDER BY id_externo")
    assert [text for (text,) in notes] == ["nova"] * 4 + ["boa", "nova"]


def test_a_run_cut_short_between_two_parts_goes_on_and_doubles_nothing(
    keeper: SampleErp, erp: Erp, monkeypatch: pytest.MonkeyPatch
) -> None:
    undo(keeper)
    write(erp, change(customer()))
    where = erp.position(orders_of("0001")).cursor
    whole, begun = Database.begin, list[Database]()

    def cut_short(database: Database, *, is_reading: bool = False) -> None:
        begun.append(database)
        if database is begun[0] and begun.count(database) == 4:
            raise ErpBusyError
        whole(database, is_reading=is_reading)

    monkeypatch.setattr(Database, "begin", cut_short)  # the database goes away once
    with pytest.raises(ErpBusyError):
        erp.write(part(*orders(16, 9), expected=where, moves_to="c1"))
    assert 0 < len(entered(keeper)) < 15
    assert erp.position(orders_of("0001")).cursor == where
    written = erp.write(part(*orders(16, 9), expected=where, moves_to="c1"))
    assert written.counts.orders.received == 16
    assert (len(entered(keeper)), sorted(refused(erp))) == (15, ["ord_09"])


@settings(max_examples=25, deadline=None)
@given(guilty=st.sets(st.integers(0, 11)), buyers=st.sets(st.integers(0, 2)))
def test_whoever_is_guilty_all_others_stand(
    tmp_path_factory: pytest.TempPathFactory, guilty: set[int], buyers: set[int]
) -> None:
    keeper = make_sqlite(tmp_path_factory.mktemp("erp"))
    undo(keeper)
    keeper.run(
        f"CREATE TRIGGER desfaz_cliente BEFORE INSERT ON clientes WHEN NEW.observacoes = '{FORBIDDEN}' "
        f"BEGIN SELECT RAISE(ROLLBACK, '{WORDS}'); END"
    )
    related = [change(customer(f"cus_{k}", notes=FORBIDDEN if k in buyers else None)) for k in range(3)]
    sold = [
        change(order(f"ord_{k:02}", customer_id=f"cus_{k % 3}", notes=FORBIDDEN if k in guilty else "boa"))
        for k in range(12)
    ]
    erp = keeper.open()
    counts = write(erp, *sold, related=related).counts
    good = [f"ord_{k:02}" for k in range(12) if k not in guilty and k % 3 not in buyers]
    assert entered(keeper) == good
    assert counts.orders.received == 12
    assert (counts.orders.written, counts.customers.refused) == (len(good), len(buyers))
    erp.close()


def test_an_import_through_such_an_erp_ends_with_one_refusal(keeper: SampleErp, hub: RunningHub) -> None:
    undo(keeper)
    send(hub, change(customer()), *orders(60, 41))
    assert run_import(keeper, hub).orders == RowCounts(written=59, refused=1)
    assert run_import(keeper, hub).total == RowCounts()


def _undo_lookups(monkeypatch: pytest.MonkeyPatch, is_undone: Callable[[str, Sequence[object]], bool]) -> None:
    """Undo the transaction at some lookups, before anything is written: no lookup on SQLite does so itself."""
    whole = Database.select

    def asked(database: Database, sql: str, values: Sequence[object] = ()) -> RowList:
        if is_undone(sql, values):
            raise ErpUndoneError(motivo=WORDS)
        return whole(database, sql, values)

    monkeypatch.setattr(Database, "select", asked)


def test_an_order_that_was_only_asked_about_is_refused_alone_too(
    keeper: SampleErp, erp: Erp, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(erp, change(customer()), change(customer("cus_2")))
    [(asked_for,)] = keeper.query("SELECT codigo FROM clientes WHERE id_externo = 'cus_2'")
    _undo_lookups(monkeypatch, lambda sql, codes: "FROM `clientes`" in sql and f'"{asked_for}"' in str(codes))
    sold = [change(order(f"ord_{k:02}", customer_id="cus_2" if k in (2, 6) else "cus_1")) for k in range(8)]
    assert write(erp, *sold).counts.orders == RowCounts(written=6, refused=2)
    assert (len(entered(keeper)), sorted(refused(erp))) == (6, ["ord_02", "ord_06"])


def test_where_nobody_can_tell_which_record_it_was_the_run_stops_and_nothing_stands(
    keeper: SampleErp, erp: Erp, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(erp, change(customer()))
    with monkeypatch.context() as meanwhile:
        _undo_lookups(meanwhile, lambda sql, ids: "FROM omnisync_binding" in sql)
        with pytest.raises(ErpUndoneError) as told:
            write(erp, *orders(4))
    assert (entered(keeper), refused(erp)) == ([], {})
    assert WORDS in sentences.of_code(told.value.code, **told.value.words)


class StandIn:
    """Answers batches as SQL Server would, and keeps the INSERTs of what was committed. A trigger undoes one row."""

    def __init__(self, state: int) -> None:
        self.committed: list[str] = []
        self._going: list[str] | None = None
        self._state = state
        self._is_undone = False

    def __call__(self, batch: str) -> list[bytes]:
        if "'Collation'" in batch:
            return tds_server.rows("charset", ("Latin1_General_CI_AS",))
        if "sys." in batch:  # the catalogue: nothing stands in it
            return tds_server.rows("c0")
        if batch.startswith("BEGIN"):
            self._going, self._is_undone = [], False
        elif batch.startswith("COMMIT"):
            assert self._going is not None, "a COMMIT outside of any transaction"
            self.committed += self._going
            self._going = None
        elif "ROLLBACK TRANSACTION" in batch and "omnisync_" not in batch:
            self._going = None
        elif "XACT_STATE" in batch:
            return tds_server.rows("", (self._state if self._is_undone else 1,))
        elif "omnisync_cursor]" in batch or "FROM omnisync_cursor" in batch:
            return tds_server.rows("cursor epoch", ("", "")) if "SELECT [cursor]" in batch else self._counted(batch)
        elif "INSERT" in batch or "UPDATE" in batch:
            return self._written(batch)
        elif re.search(r"FROM omnisync_binding .*'customer'.*'cus_1'", batch):
            return self._bound()
        elif re.search(r"FROM \[(clientes|pedidos)].* IN \(", batch):
            return self._found(batch)
        elif batch.startswith(("SAVE", "SET", "use", "IF", "ROLLBACK")):
            return [tds_server.done()]
        elif "SELECT" in batch:
            return tds_server.rows(" ".join(f"c{n}" for n in range(20)))
        return [tds_server.done()]

    def _written(self, batch: str) -> list[bytes]:
        if self._going is None:
            assert self._is_undone is False, f"a write outside of any transaction: {batch}"
        if re.search(r"INSERT INTO \[pedidos]", batch) and FORBIDDEN in batch:
            self._is_undone, self._going = True, None
            return [
                tds_server.error(50000, WORDS),
                tds_server.error(3609, "The transaction ended in the trigger."),
                tds_server.done(),
            ]
        assert self._going is not None
        self._going += re.findall(r"INSERT INTO .*", batch)
        return self._counted(batch)

    def _found(self, batch: str) -> list[bytes]:
        """External ids and keys of rows that stand: a key is the id's own place among all rows."""
        standing = [*self.committed, *(self._going or [])]
        asked = re.findall(r"'([^']*)'", batch.rpartition(" IN ")[2])
        if batch.startswith("SELECT [id_externo]"):
            places = {id_: n for id_ in asked for n, line in enumerate(standing, 1) if f"'{id_}'" in line}
            return tds_server.rows("id_externo chave", *((id_, str(n)) for id_, n in places.items()))
        ids = {key: re.findall(r"'((?:cus|ord)_\d+)'", standing[int(key) - 1])[0] for key in asked}
        return tds_server.rows("chave id_externo", *ids.items())

    def _bound(self) -> list[bytes]:
        """What is remembered of the customer, once its row was committed."""
        keys = [n for n, line in enumerate(self.committed, 1) if line.startswith("INSERT INTO [clientes]")]
        remembered = [
            ("cus_1", "e1", 1, "", 1, str(key), str(key), "", "", "", "", "imported", "", "", "made") for key in keys
        ]
        return tds_server.rows(" ".join(f"c{n}" for n in range(15)), *remembered)

    def _counted(self, batch: str) -> list[bytes]:
        return tds_server.rows("", (batch.count("SET @omnisync +="),))


@pytest.mark.parametrize("state", [0, -1], ids=["undone", "doomed"])
def test_on_sql_server_the_slice_is_done_again_and_the_guilty_order_refused_alone(state: int) -> None:
    server = StandIn(state)
    with tds_server.answering(server) as wire:
        address = ErpAddress(kind="sqlserver", database="erp", server="127.0.0.1", port=wire.port, user="u")
        erp = open_erp(
            msgspec.structs.replace(address, layout="padrao"),
            "p",
            scope=ErpScope(company="aurora", connection="producao", establishments=["0001"]),
            zone=ZoneInfo("America/Sao_Paulo"),
            clock=lambda: NOW,
            describe=sentences.of_words,
            memories=Path(),
        )
        written = erp.write(part(*orders(8, 5), related=[change(customer())], stream="order:0001"))
        erp.close()
    made = [line for line in server.committed if line.startswith("INSERT INTO [pedidos]")]
    assert [re.findall(r"'(ord_\d\d)'", line)[0] for line in made] == [f"ord_{k:02}" for k in range(8) if k != 5]
    bound = [line for line in server.committed if "omnisync_binding" in line and "'ord_05'" in line]
    assert len(bound) == 1
    assert "'refused'" in bound[0]
    assert WORDS in bound[0]
    assert written.counts.orders == RowCounts(written=7, refused=1)
