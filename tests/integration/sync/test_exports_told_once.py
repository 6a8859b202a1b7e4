"""Rows that come twice, do not fit, or change their columns' names; readings begun again: told once, counted once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from omnisync.agent.errors import ErpBusyError
from omnisync.agent.progress import ExportCounts
from omnisync.agent.sync.change_detector import BatchLimits, ExportOptions, packed_batch
from omnisync.agent.sync.outbox import Outbox
from omnisync.contract import batches
from tests.support.export_setup import ExportSetup, as_before, fill, with_queries
from tests.support.import_runs import client
from tests.support.record_samples import NOW

NAME = "omniforce.products"
PRODUCTS = ("omniforce", "products")


def export(office: ExportSetup, **more: Any) -> ExportCounts:
    return office.export(datasets=("products",), **more).exports[NAME]


def told(office: ExportSetup) -> list[tuple[str, str]]:
    return [(one.key, one.code) for one in office.outbox.refused(100)]


def query(office: ExportSetup, folder: Path, sql: str, more: str = "") -> None:
    with_queries(office, folder, f"[export.products]\nsql = '''{sql}'''\n{more}")


@pytest.fixture
def table(office: ExportSetup, tmp_path: Path) -> Callable[..., None]:
    """A table without a key, and what is to stand in it."""
    office.keeper.run("CREATE TABLE solto (code TEXT, name TEXT, unit TEXT, ncm TEXT, is_active INTEGER)")
    query(office, tmp_path, "SELECT * FROM solto ORDER BY rowid")

    def put(*rows: tuple[Any, ...]) -> None:
        office.keeper.run("DELETE FROM solto")
        for row in rows:
            office.keeper.run("INSERT INTO solto VALUES (?, ?, ?, ?, ?)", *row)

    return put


GOOD, OTHER = ("A", "a", "UN", None, 1), ("A", "b", "UN", None, 1)


def test_a_repeated_key_is_told_though_its_row_goes_in_a_later_batch(
    office: ExportSetup, table: Callable[..., None]
) -> None:
    office.limits = BatchLimits(lines=1)
    table(("B", "b", "UN", None, 1), GOOD, OTHER)
    assert export(office).refused == 1
    assert told(office) == [("A", "repeated")]


def test_a_row_refused_for_itself_stays_told_when_its_key_comes_once_again(
    office: ExportSetup, table: Callable[..., None]
) -> None:
    bad = ("A", "a", "UN", "123456789", 1)
    table(bad, OTHER)
    export(office)
    export(office)
    table(bad)
    export(office)
    assert office.at_hub()[PRODUCTS] == {}
    assert told(office) == [("A", "length")]


def test_two_rows_without_a_key_that_are_one_again_stay_told(office: ExportSetup, table: Callable[..., None]) -> None:
    keyless = (None, "a", "UN", None, 1)
    table(keyless, keyless)
    export(office)
    export(office)
    table(keyless)
    export(office)
    export(office)
    assert told(office) == [("", "required")]


def test_columns_that_change_their_names_in_a_view_are_sent(office: ExportSetup, tmp_path: Path) -> None:
    fill(office.keeper, {"produtos": [("A", "a", "UN", None, None, "Vevo", "Tintas", None, 1)]})
    columns = "codigo AS code, descricao AS name, unidade AS unit, marca AS {}, grupo AS {}"
    view = f"CREATE VIEW v AS SELECT {columns} FROM produtos"
    office.keeper.run(view.format("brand", '"group"'))
    query(office, tmp_path, "SELECT * FROM v")
    export(office)
    office.keeper.run("DROP VIEW v")
    office.keeper.run(view.format('"group"', "brand"))
    export(office)
    assert office.at_hub()[PRODUCTS]["A"]["brand"] == "Tintas"
    assert office.at_hub()[PRODUCTS] == office.in_erp()[PRODUCTS]


def test_a_repeated_key_stays_told_when_only_what_changed_is_read(office: ExportSetup, tmp_path: Path) -> None:
    office.keeper.run("CREATE TABLE solto (code TEXT, name TEXT, unit TEXT, changed INTEGER)")
    query(office, tmp_path, "SELECT * FROM solto", 'changed_at = "changed"')
    office.keeper.run("INSERT INTO solto VALUES ('A', 'a', 'UN', 1), ('A', 'b', 'UN', 2), ('B', 'b', 'UN', 3)")
    export(office)
    office.keeper.run("UPDATE solto SET name = 'c', changed = 4 WHERE name = 'a'")
    export(office)
    assert told(office) == [("A", "repeated")]


def test_rows_that_do_not_fit_are_kept_in_lots(office: ExportSetup, tmp_path: Path) -> None:
    """Memory holds a batch of what is refused, however many rows are."""
    office.limits = BatchLimits(lines=10)
    lots: list[int] = []

    class Counted(Outbox):
        def enqueue(self, *words: Any, **more: Any) -> None:
            lots.append(len(more.get("refused", ())))
            super().enqueue(*words, **more)

    office.outbox = Counted(tmp_path / "counted.db")
    fill(office.keeper, {"produtos": [(f"P{n:05}", "a", "UN", *[None] * 5, 7) for n in range(7000)]})
    assert export(office).refused == 7000
    assert 10 < max(lots) <= 4000 + 10  # two lots of the stream beyond the batch


def test_a_reading_begun_again_counts_its_rows_once(office: ExportSetup, tmp_path: Path) -> None:
    fill(office.keeper, {"produtos": [(f"P{n:05}", "a", "UN", *[None] * 5, 1) for n in range(5000)]})
    fill(office.keeper, {"produtos": [("Q", "a", "UN", *[None] * 5, 7)]})
    failures = [ErpBusyError()]

    class Busy(Outbox):
        def enqueue(self, *words: Any, **more: Any) -> None:
            if failures:
                raise failures.pop()
            super().enqueue(*words, **more)

    office.outbox = Busy(tmp_path / "busy.db")
    erp = office.keeper.open()
    with client(office.hub) as opened:
        counts = office.exporter(erp, opened, datasets=("products",)).run().exports[NAME]
    erp.close()
    assert (counts.sent, counts.refused, counts.read) == (5000, 1, 5001)


def test_deletes_held_by_the_hub_of_rows_that_came_back_are_not_counted(office: ExportSetup, tmp_path: Path) -> None:
    outbox = office.outbox
    known = outbox.dataset_state("s", "d", hub="h", new_id=lambda: "x")
    terms = ExportOptions(clock=lambda: NOW, new_id=lambda: "b1")
    outbox.enqueue(known, packed_batch(terms, [batches.delete_line("A")]), [], gone=["A"])
    known.n_rows, known.next_n = 1, 1
    outbox.enqueue(known, None, [("A", 0, b"h")])
    [batch] = outbox.pending(known)
    outbox.acknowledge(known, batch, kept_back=["A"])
    outbox.close()
    with closing(sqlite3.connect(tmp_path / "exports" / "producao.db")) as db:
        assert db.execute("SELECT count(*) FROM row").fetchone() == (known.n_rows,)


def test_an_outbox_of_an_earlier_version_goes_on_and_sends_nothing_again(office: ExportSetup, tmp_path: Path) -> None:
    fill(office.keeper, {"produtos": [(f"P{n:02}", "a", "UN", *[None] * 5, 1) for n in range(40)]})
    export(office)
    office.outbox.close()
    with closing(sqlite3.connect(tmp_path / "exports" / "producao.db")) as db, db:
        db.execute("UPDATE stretches SET known = ?", (msgspec.msgpack.encode({b"h": [[0, 40]]}),))
        as_before(db, 2)
    assert export(office) == ExportCounts(read=40)


def test_a_table_that_is_read_in_another_order_sends_nothing(office: ExportSetup, table: Callable[..., None]) -> None:
    rows = [(f"{n:03}", "a", "UN", None, 1) for n in range(200)]
    table(*rows)
    export(office)
    Random(3).shuffle(rows)
    table(*rows)
    assert export(office) == ExportCounts(read=200)
    assert export(office) == ExportCounts(read=200)
    table(*rows[1:])
    assert export(office) == ExportCounts(read=199, prepared=1, sent=1, deleted=1)
