"""A hub's database put back from a copy is noticed by itself, whatever was written since; only then, and once."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import msgspec
import pytest
from alembic import command
from hypothesis import given
from hypothesis import strategies as some
from msgspec import Struct
from sqlalchemy import MetaData, create_engine

from devtools.database_servers import PostgresqlServer
from omnisync.agent.progress import RowCounts
from omnisync.agent.sync.outbox import Outbox
from omnisync.contract import batches
from omnisync.contract.datasets import DATASETS
from omnisync.contract.feed import Page, read_page
from omnisync.hub import cursor as cursors
from omnisync.hub import export_feed, feed, intake, uploads
from omnisync.hub.errors import ProblemError
from omnisync.hub.migrations.upgrade import config
from omnisync.hub.store import Store
from tests.support import hub_server
from tests.support.erp_databases import SampleErp, make_sqlite
from tests.support.export_setup import ExportSetup, fill
from tests.support.hub_server import COMPANY, NOW, RunningHub, found_company, raw, serving
from tests.support.import_runs import run_import, send
from tests.support.record_samples import change, customer, order

N = 8
PRODUCTS = DATASETS["omniforce", "products"]
OLD = Path(__file__).parents[2] / "fixtures" / "hub_0004.sql"
OLD_CURSORS = {
    "customer": "DrRO-o0gGhpQ_yyULO2Z1PKtBz6eszbN4bugNg",
    "first": "VAA6uJp44fUmtJ7G-xxUZSRicUvGqakRFebU_g",
    "order": "Cd8gUZh2CLQ5ibCK7NVsaTvq4mqa0ayTOFO5dQ",
    "products": "GVe1sgVumnfS6qgTq0V7tZM4nNUQy9vRIQov7Q",
}
"""Handed out by the hub that `OLD` was written by: the whole customers, one order, the whole orders, the products."""
_NUMBER = count()


class Database(Struct):
    """A hub's database that may be copied and put back. The hub is stopped meanwhile."""

    store: Store
    path: Path
    server: PostgresqlServer | None = None
    token: str = ""

    def copy(self) -> None:
        """Keep the database as it is."""
        self.store.close()
        if self.server is None:
            with closing(sqlite3.connect(self.path)) as plain:
                self._kept.unlink(missing_ok=True)
                plain.execute("VACUUM INTO ?", (str(self._kept),))
        else:
            self.server.drop(f"{self.path.name}_kept")
            self.server.copy(self.path.name, f"{self.path.name}_kept")

    def put_back(self) -> None:
        """The copy in the database's place."""
        self.store.close()
        if self.server is None:
            for rest in ("-wal", "-shm"):
                self.path.with_name(self.path.name + rest).unlink(missing_ok=True)
            shutil.copyfile(self._kept, self.path)
        else:
            self.server.drop(self.path.name)
            self.server.copy(f"{self.path.name}_kept", self.path.name)

    @property
    def _kept(self) -> Path:
        return self.path.with_suffix(".kept")

    @contextmanager
    def hub(self) -> Iterator[RunningHub]:
        """The hub over it, answering."""
        with serving(self.store, self.token) as running:
            yield running

    def epoch(self) -> str:
        """The company's epoch."""
        with self.store.reading() as db:
            return str(db.exec_driver_sql("SELECT epoch FROM company").scalar())

    def take(self, *changes: dict[str, Any]) -> None:
        """Put changes into the hub."""
        results = intake.ingest(self.store, COMPANY, raw(*changes), NOW)
        assert {result.status for result in results} == {"stored"}, results

    def page(self, stream: str = "order:0001", **asked: Any) -> Page:
        """A page of the feed."""
        answer = feed.page(self.store, COMPANY, feed.PageRequest(stream=stream, **asked))
        return read_page(answer.body or b"", "customer" if stream == "customer" else "order")[0]

    def put(self, batch: str, *keys: str) -> None:
        """Send products, each with the batch's name as its own."""
        lines = [
            {"op": "upsert", "key": key, "version": batch, "data": {"code": key, "name": batch, "unit": "UN"}}
            for key in keys
        ]
        body = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        digest = batches.content_digest(body)
        upload = uploads.Upload(dataset=PRODUCTS, batch=batch, digest=digest, n_lines=len(keys), body=body)
        uploads.ingest_batch(self.store, COMPANY, "producao", upload, NOW)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    name = f"hub_{next(_NUMBER)}"
    if request.param == "sqlite":
        made = Database(Store(f"sqlite:///{tmp_path / name}"), tmp_path / name)
    else:
        server: PostgresqlServer = request.getfixturevalue("postgresql_running")
        server.create(name, "UTF8")
        url = server.address(name).replace("postgresql://", "postgresql+psycopg://")
        made = Database(Store(url), tmp_path / name, server)
    made.store.migrate()
    made.token = found_company(made.store)
    yield made
    made.store.close()
    if made.server is not None:
        for kept in (name, f"{name}_kept"):
            made.server.drop(kept)


@pytest.fixture
def keeper(tmp_path: Path) -> SampleErp:
    return make_sqlite(tmp_path)


def code_of(ask: Any) -> str:
    with pytest.raises(ProblemError) as caught:
        ask()
    return caught.value.code


def names(n: int, word: str) -> list[str]:
    return [f"ord_{word}{i}" for i in range(n)]


def lose(database: Database, keeper: SampleErp) -> None:
    """An import of what the copy does not have: new orders, and edits of a customer and of orders it has."""
    with database.hub() as hub:
        send(hub, change(customer(name="Antes")), *(change(order(id_, notes="antes")) for id_ in names(3, "a")))
        run_import(keeper, hub)
    database.copy()
    with database.hub() as hub:
        send(hub, change(customer(name="Perdido"), 5), *(change(order(id_, notes="perdido")) for id_ in names(N, "b")))
        send(hub, change(order("ord_a0", notes="perdido"), 5), change(order("ord_a1", notes="perdido"), 2))
        assert run_import(keeper, hub).orders.written == N + 2
    database.put_back()


def write_again(database: Database, n: int) -> None:
    """What the hub takes in once it was put back: with lower and equal versions than were lost, and new."""
    again = [
        change(customer(name="Depois"), 2),
        change(order("ord_a0", notes="depois"), 3),
        change(order("ord_a1", notes="depois"), 2),
        change(order("ord_b0", notes="depois"), 1),
        *(change(order(id_, notes="depois")) for id_ in names(n - 4, "c")),
    ]
    with database.hub() as hub:
        for start in range(0, len(again), 4):
            send(hub, *again[start : start + 4])


def hub_orders(database: Database) -> list[tuple[str, str]]:
    page = database.page()
    assert not page.has_more
    return sorted((one.id, msgspec.json.decode(one.data)["notes"]) for one in page.changes)


@pytest.mark.parametrize("n", [0, N + 3, 10 * (N + 3)])
def test_case_c1_a_hub_put_back_from_a_copy_is_read_again_by_itself(
    database: Database, keeper: SampleErp, n: int
) -> None:
    lose(database, keeper)
    before = database.epoch()
    if n:
        write_again(database, n)
    with database.hub() as hub:
        run_import(keeper, hub)
        assert run_import(keeper, hub).total == RowCounts()
    there = hub_orders(database)
    lost = set(names(N, "b")) - {id_ for id_, _ in there}
    in_erp = keeper.query("SELECT id_externo, observacoes FROM pedidos ORDER BY 1")
    assert [row for row in in_erp if row[0] not in lost] == there
    assert keeper.query("SELECT nome FROM clientes") == [("Depois" if n else "Antes",)]
    assert database.epoch() != before


def test_case_c1_six_new_orders_enter_where_eight_were_lost(database: Database, keeper: SampleErp) -> None:
    """The smallest of its kind: their sequences are below the cursor, and the company's is not."""
    with database.hub() as hub:
        send(hub, change(customer()))
        run_import(keeper, hub)
    database.copy()
    with database.hub() as hub:
        send(hub, *(change(order(id_)) for id_ in names(8, "b")))
        run_import(keeper, hub)
    database.put_back()
    with database.hub() as hub:
        send(hub, *(change(order(id_)) for id_ in names(6, "c")))
        assert run_import(keeper, hub).orders == RowCounts(written=6)


def test_of_many_stale_cursors_one_begins_a_new_epoch(database: Database) -> None:
    database.take(hub_server.customer(), hub_server.order("a"), hub_server.order("b", establishment="0002"))
    database.copy()
    given: list[tuple[str, str]] = []
    for n in range(4):
        database.take(
            hub_server.customer(version=n + 2), hub_server.order("a", n + 2), hub_server.order("b", n + 2, "0002")
        )
        streams = ("customer", "order:0001", "order:0002")
        given += [(stream, database.page(stream).cursor) for stream in streams]
    database.put_back()
    database.take(*(hub_server.order(f"c{n}") for n in range(50)))
    together, codes = Barrier(len(given)), []

    def ask(stream: str, cursor: str) -> None:
        together.wait()
        codes.append(code_of(lambda: feed.streams(database.store, COMPANY, {stream: cursor})))

    threads = [Thread(target=ask, args=one) for one in given]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    epoch = database.epoch()
    for stream, cursor in given:
        codes.append(code_of(lambda at=cursor, of=stream: database.page(of, cursor=at)))
    assert set(codes) == {"cursor_expired"}
    assert len(codes) == 2 * len(given)
    assert (database.epoch(), past(database)) == (epoch, 1)


def past(database: Database) -> int:
    with database.store.reading() as db:
        return int(db.exec_driver_sql("SELECT count(*) FROM past_epoch").scalar_one())


def test_a_copy_put_back_twice_is_noticed_twice(database: Database, keeper: SampleErp) -> None:
    lose(database, keeper)
    write_again(database, 12)
    with database.hub() as hub:
        run_import(keeper, hub)
    second = database.epoch()
    database.put_back()  # its epoch is the first one's again, under which the agent saw what is now twice lost
    write_again(database, 12)
    with database.hub() as hub:
        send(hub, change(order("ord_b7", notes="outra vez")))
        run_import(keeper, hub)
    assert database.epoch() != second
    assert ("ord_b7", "outra vez") in keeper.query("SELECT id_externo, observacoes FROM pedidos")
    assert set(hub_orders(database)) <= set(keeper.query("SELECT id_externo, observacoes FROM pedidos"))


def test_of_two_cursors_the_one_that_proves_nothing_hides_none(database: Database) -> None:
    database.take(hub_server.customer(), hub_server.order("a"))
    old = database.page("customer").cursor
    database.copy()
    database.store.new_epoch(COMPANY)
    database.take(hub_server.order("b"))
    new = database.page().cursor
    database.put_back()
    first = database.epoch()
    code_of(lambda: feed.streams(database.store, COMPANY, {"customer": old, "order:0001": new}))
    assert database.epoch() != first


def test_a_customer_that_came_beside_an_order_is_part_of_the_proof(database: Database) -> None:
    database.take(hub_server.customer("c"), hub_server.order("a", customer_id="c"))
    until = database.page("customer").cursor
    database.copy()
    database.take(hub_server.customer("c", 2))  # later than the order, and read with it
    page = database.page(customers_until=until)
    assert [one.version for one in page.related.customers] == [2]
    database.put_back()
    before = database.epoch()
    assert code_of(lambda: feed.streams(database.store, COMPANY, {"order:0001": page.cursor})) == "cursor_expired"
    assert database.epoch() != before


def test_an_empty_company_put_back_is_noticed(database: Database) -> None:
    database.copy()
    database.take(hub_server.order("a"))
    cursor = database.page().cursor
    database.put_back()
    before = database.epoch()
    assert code_of(lambda: database.page(cursor=cursor)) == "cursor_expired"
    after = database.epoch()
    assert after != before
    database.put_back()
    database.take(*(hub_server.order(f"b{n}") for n in range(30)))
    assert code_of(lambda: database.page(cursor=cursor)) == "cursor_expired"
    assert database.epoch() not in (before, after)


def test_a_forged_cursor_changes_nothing_but_its_own_answer(database: Database) -> None:
    database.take(hub_server.order("a"))
    good, epoch = database.page().cursor, database.epoch()
    place = cursors.CursorPosition(company=COMPANY, stream="order:0001", epoch=epoch, sequence=1)
    proofs = (cursors.Proof(2, "00" * 8), cursors.Proof(10**9, "ab" * 8))
    forged = [cursors.encode(msgspec.structs.replace(place, proof=proof), b"k" * 32) for proof in proofs]
    forged.append(cursors.encode(msgspec.structs.replace(place, epoch="elsewhere", proof=proofs[0]), b"k" * 32))
    forged.append(cursors.encode(msgspec.structs.replace(place, sequence=10**9), b""))  # as before the signatures
    for cursor in forged:
        assert code_of(lambda at=cursor: database.page(cursor=at)) == "cursor_expired"
        assert code_of(lambda at=cursor: feed.streams(database.store, COMPANY, {"order:0001": at})) == "cursor_expired"
    assert (database.epoch(), past(database)) == (epoch, 0)
    assert database.page(cursor=good).cursor == good


def test_a_page_of_a_hub_put_back_is_not_the_one_known_by_its_etag(database: Database) -> None:
    database.take(hub_server.customer())
    database.put("p0", "a")
    database.copy()
    asked = feed.PageRequest(stream="order:0001")
    database.take(hub_server.order("a", notes="perdido"))
    database.put("p1", "b")
    page, rows = feed.page(database.store, COMPANY, asked), export_feed.page(database.store, COMPANY, PRODUCTS, None)
    database.put_back()
    database.take(hub_server.order("a", notes="depois"))
    database.put("p2", "b")
    assert feed.page(database.store, COMPANY, asked, page.etag).body is not None
    assert export_feed.page(database.store, COMPANY, PRODUCTS, None, if_none_match=rows.etag).body is not None


def test_an_app_that_reads_a_dataset_notices_it_too(database: Database, keeper: SampleErp, tmp_path: Path) -> None:
    fill(keeper)
    office = ExportSetup(keeper, RunningHub("", "", database.store), Outbox(tmp_path / "outbox.db"))
    database.copy()
    with database.hub() as hub:
        office.hub = hub
        office.export()
    cursor = export_feed.page(database.store, COMPANY, PRODUCTS, None).cursor
    database.put_back()
    database.put("p1", *(f"x{n}" for n in range(500)))
    before = database.epoch()
    assert code_of(lambda: export_feed.page(database.store, COMPANY, PRODUCTS, cursor)) == "cursor_expired"
    assert database.epoch() != before
    with database.hub() as hub:
        office.hub = hub
        office.export()
        there = office.at_hub()["omniforce", "products"]
    assert office.in_erp()["omniforce", "products"].items() <= there.items()
    office.outbox.close()


def test_a_hub_of_before_the_marks_opens_and_serves_its_cursors(database: Database) -> None:
    """As 26.11 left it, on either database: its cursors go on where they stood, and the next one has a proof."""
    old = _of_before(database)
    assert [one.id for one in old.page().changes] == ["ord_1", "ord_2"]
    assert [one.id for one in old.page(cursor=OLD_CURSORS["first"]).changes] == ["ord_2"]
    assert old.page(cursor=OLD_CURSORS["order"]).cursor == OLD_CURSORS["order"]
    assert old.page("customer", cursor=OLD_CURSORS["customer"]).changes == ()
    rows = export_feed.page(old.store, COMPANY, PRODUCTS, OLD_CURSORS["products"])
    assert rows.cursor == OLD_CURSORS["products"]
    mixed = {"customer": OLD_CURSORS["customer"], "order:0001": OLD_CURSORS["order"]}
    assert feed.streams(old.store, COMPANY, mixed).body is not None
    old.copy()
    old.take(hub_server.order("ord_9"))
    cursor = old.page(cursor=OLD_CURSORS["order"]).cursor
    old.put_back()
    old.take(*(hub_server.order(f"n{n}") for n in range(20)))
    assert old.page(cursor=OLD_CURSORS["order"]).changes != ()
    epoch = old.epoch()
    assert code_of(lambda: old.page(cursor=cursor)) == "cursor_expired"
    assert old.epoch() != epoch
    old.store.close()


def _of_before(database: Database) -> Database:
    """A database with what `OLD` holds, migrated."""
    path = database.path.with_name(f"{database.path.name}_old")
    with closing(sqlite3.connect(path)) as plain:
        plain.executescript(OLD.read_text(encoding="utf-8"))
    if database.server is None:
        store = Store(f"sqlite:///{path}")
    else:
        database.server.create(path.name, "UTF8")
        address = database.server.address(path.name).replace("postgresql://", "postgresql+psycopg://")
        store = Store(address)
        with store.writing() as db:
            command.upgrade(config(db), "0004")
        _copy_rows(path, address)
    store.migrate()
    return Database(store, path, database.server)


def _copy_rows(source: Path, target: str) -> None:
    tables = MetaData()
    tables.reflect(to := create_engine(target))
    with closing(sqlite3.connect(source)) as plain, to.begin() as db:
        plain.row_factory = sqlite3.Row
        for table in tables.sorted_tables:
            if table.name != "hub_version" and (rows := plain.execute(f'SELECT * FROM "{table.name}"').fetchall()):
                db.execute(table.insert(), [dict(row) for row in rows])
    to.dispose()


_steps = some.lists(
    some.sampled_from(["order", "customer", "same", "move", "fail", "batch", "read", "read", "prune", "epoch", "copy"]),
    max_size=25,
)


@given(steps=_steps)
def test_a_hub_that_was_not_put_back_never_expires_a_cursor(
    tmp_path_factory: pytest.TempPathFactory, steps: Sequence[str]
) -> None:
    path = tmp_path_factory.mktemp("hub") / "hub.db"
    database = Database(Store(f"sqlite:///{path}"), path)
    database.store.migrate()
    found_company(database.store)
    given: list[tuple[str, str]] = []
    for n, step in enumerate(steps):
        if step == "epoch":
            database.store.new_epoch(COMPANY)
            given = []
        _happen(database, step, n + 1)
        for stream in ("customer", "order:0001", "order:0002") if step == "read" else ():
            given.append((stream, database.page(stream, limit=2).cursor))
            given.append((stream, database.page(stream, cursor=given[-1][1]).cursor))
        if step == "read":
            given.append(("rows", export_feed.page(database.store, COMPANY, PRODUCTS, None).cursor or ""))
        epoch = database.epoch()
        for stream, cursor in given:
            if stream == "rows":
                export_feed.page(database.store, COMPANY, PRODUCTS, cursor)
            else:
                database.page(stream, cursor=cursor)
        assert database.epoch() == epoch
    database.store.close()


def _happen(database: Database, step: str, version: int) -> None:
    if step == "order":
        database.take(hub_server.order("a", version), hub_server.order(f"o{version}"))
    elif step == "customer":
        database.take(hub_server.customer(version=version))
    elif step == "move":
        database.take(hub_server.order("a", version, "0002" if version % 2 else "0001"))
    elif step == "same":
        intake.ingest(database.store, COMPANY, raw(hub_server.order("o1", 1)), NOW)
        intake.ingest(database.store, COMPANY, raw(hub_server.order("o1", 1)), NOW)
    elif step == "batch":
        database.put(f"b{version}", "x", f"k{version}")
        database.put(f"c{version}")
    elif step == "fail":
        with suppress(ZeroDivisionError), database.store.writing() as db:
            db.exec_driver_sql("UPDATE company SET sequence = sequence + 7")
            db.exec_driver_sql("INSERT INTO mark SELECT id, sequence, 'lost' FROM company")
            raise ZeroDivisionError
    elif step == "prune":
        with database.store.writing() as db:  # the oldest marks go, as tombstones may; the newest never
            db.exec_driver_sql("DELETE FROM mark WHERE sequence < (SELECT max(sequence) FROM mark)")
    elif step == "copy":
        database.copy()  # a copy that nobody puts back is none of the hub's business
