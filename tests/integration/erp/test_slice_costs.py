"""What a slice costs, in counts that no machine's speed changes: statements however many records, objects for each."""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from omnisync.agent.erp.base import ErpOptions, ErpScope, PreparedRecord, Slice
from omnisync.agent.erp.database import Database
from omnisync.agent.erp.databases import open_database
from omnisync.agent.erp.layout.plan_compiler import compile_layout
from omnisync.agent.erp.layout.schema import shipped_layout
from omnisync.agent.erp.sql_erp import SqlErp
from omnisync.agent.erp.upsert.prepare import prepare_records
from omnisync.agent.messages import sentences
from omnisync.contract.feed import Change
from omnisync.contract.streams import CUSTOMERS, orders_of
from tests.support.erp_databases import make_sqlite
from tests.support.record_samples import NOW, change, customer, order

LAYOUT = compile_layout(shipped_layout("padrao"), ZoneInfo("America/Sao_Paulo"), {})
STREAM = orders_of("0001")
_VALUE = re.compile(r"'(?:[^']|'')*'|\b[\d.]+\b|NULL")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(make_sqlite(tmp_path).address)) as opened:
        yield opened


@pytest.fixture
def erp(database: Database) -> SqlErp:
    erp = SqlErp(
        database,
        LAYOUT,
        scope=ErpScope(company="aurora", connection="producao", establishments=("0001",)),
        options=ErpOptions(),
        clock=lambda: NOW,
        describe=sentences.of_words,
    )
    erp.prepare()
    for stream in (CUSTOMERS, STREAM):
        erp.position(stream)
    erp.write(Slice(stream=CUSTOMERS, epoch="e1", changes=[change(customer())], expected=""))
    return erp


def _orders(first: int, n: int, version: int = 1) -> list[Change]:
    return [change(order(f"ord_{i:05}"), version) for i in range(first, first + n)]


def _prepared(changes: Sequence[Change]) -> Mapping[str, PreparedRecord]:
    return prepare_records(LAYOUT, STREAM, changes, adjusts_centavo=False)


def _nothing(changes: Sequence[Change]) -> Mapping[str, PreparedRecord]:
    return {}


def _slice(changes: Sequence[Change], prepared: Mapping[str, PreparedRecord]) -> Slice:
    return Slice(stream=STREAM, epoch="e1", changes=changes, prepared=prepared, expected="")


def n_statements(erp: SqlErp, database: Database, part: Slice) -> int:
    """The statements of one slice; one for many rows is one."""
    seen: list[str] = []
    database.connection.set_trace_callback(lambda sql: seen.append(_VALUE.sub("?", sql)))
    erp.write(part)
    database.connection.set_trace_callback(None)
    return len(list(groupby(seen)))


@pytest.mark.parametrize("make", [_prepared, _nothing], ids=["columns", "records"])
@pytest.mark.parametrize("kind", ["new", "edited", "known"])
def test_a_slice_of_many_records_takes_the_statements_of_one_of_few(
    erp: SqlErp, database: Database, make: Callable[[Sequence[Change]], Mapping[str, PreparedRecord]], kind: str
) -> None:
    found = []
    for first, n in ((0, 10), (1000, 200)):
        changes = _orders(first, n)
        if kind != "new":
            erp.write(_slice(changes, {}))
        if kind == "edited":
            changes = _orders(first, n, 2)
        found.append(n_statements(erp, database, _slice(changes, make(changes))))
    assert found[0] == found[1]
    assert found[0] <= {"new": 21, "edited": 27, "known": 5}[kind]


def test_a_new_order_that_was_prepared_leaves_few_objects_behind(erp: SqlErp) -> None:
    changes = _orders(0, 500)
    part = _slice(changes, _prepared(changes))
    erp.write(_slice(_orders(9000, 2), {}))  # what is made once is made by now
    gc.collect()
    gc.disable()
    try:
        before = sys.getallocatedblocks()
        written = erp.write(part)
        made = sys.getallocatedblocks() - before
    finally:
        gc.enable()
    assert len(written.receipts) == 500
    assert made / 500 < 15  # its receipt and the texts in it
