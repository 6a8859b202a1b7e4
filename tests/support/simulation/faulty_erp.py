"""An ERP and a hub that fail where a test wants it: around each commit, each binding and each answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast
from zoneinfo import ZoneInfo

import msgspec

from omnisync.agent.erp.base import Erp, ErpOptions, ErpScope, PreparedRecord
from omnisync.agent.erp.database import Database
from omnisync.agent.erp.databases import layout_named, open_database
from omnisync.agent.erp.dialects.sqlite.dialect import OWN_FILE
from omnisync.agent.erp.driver import DatabaseLogin
from omnisync.agent.erp.layout.plan import Layout, RoundedColumns
from omnisync.agent.erp.layout.plan_compiler import compile_layout, with_rounding
from omnisync.agent.erp.sql_erp import SqlErp
from omnisync.agent.erp.upsert.prepare import prepare_records
from omnisync.agent.erp.upsert.prepare_process import PrepareProcess
from omnisync.agent.errors import ErpBusyError, HubUnreachableError
from omnisync.agent.messages import sentences
from omnisync.contract.feed import read_page
from omnisync.contract.streams import Stream
from tests.support.erp_databases import SampleErp
from tests.support.import_runs import ALL
from tests.support.record_samples import NOW
from tests.support.simulation.direct_hub import DirectHub
from tests.support.simulation.faults import FaultInjector

ZONE = ZoneInfo("America/Sao_Paulo")


class FaultyDatabase:
    """A database with a point before and after each commit, and before and after rows of bindings are written."""

    def __init__(self, database: Database, faults: FaultInjector, *, only_commits: bool) -> None:
        self._database, self._faults, self._only_commits = database, faults, only_commits

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def commit(self) -> None:
        self._faults.around(self._database.commit, ErpBusyError)()

    def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        self._writing(table, rows, self._database.insert_rows)(table, columns, rows)

    def update_rows(
        self, table: str, columns: Sequence[str], keys: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> int:
        matched: int = self._writing(table, rows, self._database.update_rows)(table, columns, keys, rows)
        return matched

    def _writing(self, table: str, rows: Sequence[Sequence[object]], action: Any) -> Any:
        is_point = table == "omnisync_binding" and rows and not self._only_commits
        return self._faults.around(action) if is_point else action


class FaultyHub:
    """The hub with a point before and after each answer."""

    def __init__(self, hub: DirectHub, faults: FaultInjector) -> None:
        self._hub, self._faults = hub, faults

    def __getattr__(self, name: str) -> Any:
        return self._faults.around(getattr(self._hub, name), HubUnreachableError)


class PreparedHere:
    """Makes a page ready here and now, and brings it back as if from another process."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def start(self) -> None: ...

    def learn_rounding(self, rounded: RoundedColumns) -> None:
        self._layout = with_rounding(self._layout, rounded)

    def prepare(self, stream: Stream, page: bytes) -> Mapping[str, PreparedRecord]:
        read, _ = read_page(page, stream.kind)
        made = prepare_records(self._layout, stream, read.changes, adjusts_centavo=False)
        return msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=dict[str, PreparedRecord])

    def close(self) -> None: ...


def open_faulty_erp(keeper: SampleErp, faults: FaultInjector, *, only_commits: bool, makes_ready: bool) -> Erp:
    """Return the ERP. Our tables are made before anything can fail; with `makes_ready` pages are prepared."""

    def faulty(database: Database) -> Database:
        return cast("Database", FaultyDatabase(database, faults, only_commits=only_commits))

    keeper.open(establishments=ALL).close()
    layout = compile_layout(layout_named(keeper.layout("padrao")), ZONE, {})
    memory = keeper.memory
    return SqlErp(
        faulty(open_database(keeper.address)),
        layout,
        scope=ErpScope(company="aurora", connection="producao", establishments=ALL),
        options=ErpOptions(),
        clock=lambda: NOW,
        describe=sentences.of_words,
        state_database=faulty(Database(OWN_FILE, DatabaseLogin(str(memory)))) if memory is not None else None,
        prepare_process=cast("PrepareProcess", PreparedHere(layout)) if makes_ready else None,
    )
