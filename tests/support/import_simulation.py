"""A company's life in small: OmniForce edits, the ERP's people work, backups are restored, runs are killed.

`ImportSimulation` holds both databases and does one thing at a time; `check` says what must be true after one clean
run. The hub is the real one without its sockets, the ERP a real SQLite file.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec import Struct

from omnisync.agent.config.connection import ErpAddress
from omnisync.agent.erp.base import PreparedRecord
from omnisync.agent.erp.layout.plan import Layout
from omnisync.agent.erp.upsert.prepare import prepare_records
from omnisync.agent.errors import ErpBusyError, HubUnreachableError
from omnisync.agent.hub_api.client import HubClient
from omnisync.agent.hub_api.transport import ExpiredError, RawResponse
from omnisync.agent.progress import ExpectedCounts, Progress
from omnisync.agent.sync.importer import Importer, ImportOptions, RetryRequest
from omnisync.contract.feed import (
    Change,
    Receipt,
    ReceiptAnswer,
    RecordKind,
    Streams,
    Unreadable,
    read_page,
    read_records,
)
from omnisync.contract.records import Customer, Order, decode_customer, decode_order
from omnisync.contract.streams import Stream
from omnisync.hub import feed, intake, receipts
from omnisync.hub.company_reader import CompanyReader, PutBackError
from omnisync.hub.errors import ProblemError
from omnisync.hub.store import Store
from tests.support.erp_databases import SampleErp, make_sqlite
from tests.support.hub_server import COMPANY, found_company
from tests.support.import_runs import ALL, Clock, runtime_at, sent
from tests.support.record_samples import NOW, change, customer, deletion, item, order

ELSEWHERE = "0009"
"""An establishment of another computer."""
CUSTOMER_IDS = ("cus_1", "cus_2", "cus_3")
ORDER_IDS = ("ord_1", "ord_2", "ord_3", "ord_4")
Edit = tuple[Any, ...]


class Killed(BaseException):
    """The process is gone: nothing of ours may catch this."""


class FaultInjector:
    """Springs once, at the n-th point met. `kind`: "kill" or "lost" (an answer is lost, the process lives).

    With `only_commits`, nothing but the transactions' ends are points.
    """

    def __init__(self, n: int, kind: str, *, only_commits: bool = False) -> None:
        self._left, self._kind = n, kind
        self.only_commits = only_commits
        self.is_set = n > 0

    def meet(self, lost: Exception | None = None) -> None:
        self._left -= 1
        if self._left == 0:
            if self._kind == "kill":
                raise Killed
            if lost is not None:
                raise lost

    def around(self, action: Callable[..., Any], lost: type[Exception] | None = None) -> Callable[..., Any]:
        """The action, with a point before it and one after it."""

        def trapped(*given: Any, **named: Any) -> Any:
            self.meet(lost() if lost else None)
            answer = action(*given, **named)
            self.meet(lost() if lost else None)
            return answer

        return trapped


class DirectHub:
    """What `HubClient` offers, over the hub's own code in this process."""

    def __init__(self, life: ImportSimulation, before_page: Callable[[], None]) -> None:
        self._life, self._before_page = life, before_page

    @property
    def _store(self) -> Store:
        return self._life.store  # another one after a restore

    def streams(self, after: Sequence[tuple[Stream, str]]) -> Streams:
        places = {stream.name: cursor for stream, cursor in after}
        return msgspec.json.decode(self._asked(lambda: feed.streams(self._store, COMPANY, places)), type=Streams)

    def page(self, stream: Stream, cursor: str, *, customers_until: str = "", limit: int = 1000) -> RawResponse:
        self._before_page()
        asked = feed.PageRequest(
            stream=stream.name, cursor=cursor or None, customers_until=customers_until or None, limit=limit
        )
        return RawResponse(self._asked(lambda: feed.page(self._store, COMPANY, asked)), "")

    def records(self, kind: RecordKind, ids: Sequence[str]) -> tuple[tuple[Change, ...], tuple[Unreadable, ...]]:
        found = feed.changes_of(self._store, COMPANY, kind, ids)
        return read_records(b'{"changes":[' + b",".join(text for _, text in found) + b"]}", kind)

    def send_receipts(self, run_id: str, told: Sequence[Receipt]) -> ReceiptAnswer:
        sent_ = msgspec.json.decode(msgspec.json.encode(tuple(told)), type=tuple[Receipt, ...])
        return ReceiptAnswer(results=tuple(receipts.save_receipts(self._store, COMPANY, "producao", sent_)))

    def _asked(self, ask: Callable[[], feed.CachedAnswer]) -> bytes:
        try:
            return ask().body or b""
        except ProblemError as error:
            if error.code == "cursor_expired":
                raise ExpiredError from error
            raise


class Seen(Struct):
    """What the ERP's people know and did; goes back with the ERP's backup."""

    numbers: dict[str, int] = msgspec.field(default_factory=dict)
    invoiced: set[str] = msgspec.field(default_factory=set)
    removed: set[str] = msgspec.field(default_factory=set)
    invited: set[str] = msgspec.field(default_factory=set)
    """Removed and asked for again."""
    forgotten: set[str] = msgspec.field(default_factory=set)
    """Cancelled when the memory was lost: nobody remembers whose cancellation it was."""

    @property
    def settled(self) -> set[str]:
        """Orders the ERP has its own word about: a change of them is kept away."""
        return self.invoiced | self.removed | self.forgotten

    def copy(self) -> Seen:
        return msgspec.json.decode(msgspec.json.encode(self), type=Seen)


class Truth(Struct):
    """One record as the hub has it now."""

    kind: RecordKind
    id: str
    version: int
    stream: str
    record: Customer | Order | None


def templates(folder: Path) -> Path:
    """A folder with an empty hub and an empty ERP, to be copied for each life."""
    store = Store(f"sqlite:///{folder / 'hub.db'}")
    store.migrate()
    found_company(store)
    store.close()
    make_sqlite(folder)
    with closing(sqlite3.connect(folder / "erp.db")) as plain:
        plain.execute("PRAGMA journal_mode = WAL")
    return folder


class ImportSimulation:
    """Both databases of one company and everything that happens to them.

    With `is_kept_here` the agent keeps what is remembered of the ERP's records, and may lose it.
    """

    def __init__(self, template: Path, folder: Path, *, is_kept_here: bool = False, is_ahead: bool = False) -> None:
        """With `is_ahead` every page is made ready before its turn, as another process would."""
        self._folder = folder
        self._is_ahead = is_ahead
        for name in ("hub.db", "erp.db"):
            shutil.copyfile(template / name, folder / name)
        self.store = self._store()
        address = ErpAddress(kind="sqlite", database=str(folder / "erp.db"))
        self.keeper = SampleErp(address, memories=folder / "memories" if is_kept_here else None)
        if self.keeper.memories is not None:
            self.keeper.memories.mkdir()
        self.seen = Seen()
        self._seen_in_backup: Seen | None = None
        self._is_hub_backed_up = self._is_memory_backed_up = False
        self._memory_is = "whole"
        """Or "old" or "lost", until a run has read everything."""
        self._has_hub_forgotten = False
        self._is_proven = True
        """Whether the cursors in the ERP tell all that was written there: a run that ended half-way wrote more."""
        self._mistold: dict[tuple[str, str], tuple[int, str]] = {}
        self._words = count()

    def close(self) -> None:
        self.store.close()

    def _store(self) -> Store:
        return Store(f"sqlite:///{self._folder / 'hub.db'}")

    # --- OmniForce

    def happen(self, event: Edit) -> None:
        """Whatever happens beside a run: an edit, or a method of this life with what it is given."""
        if event[0] in ("customer", "order", "erase"):
            self.edit(event)
        else:
            getattr(self, event[0])(*event[1:])

    def edit(self, edit: Edit) -> None:
        """One change by a salesperson: ("customer", id, is_good, merged_into), ("order", …) or ("erase", kind, id)."""
        made = getattr(self, f"_{edit[0]}")(*edit[1:])
        [result] = intake.ingest(self.store, COMPANY, [msgspec.json.encode(sent(made))], NOW)
        assert result.status == "stored", result

    def _version(self, kind: str, id_: str) -> int:
        with self.store.reading() as db:
            found = db.exec_driver_sql("SELECT version FROM record WHERE kind = ? AND id = ?", (kind, id_)).scalar()
        return int(found or 0) + 1

    def _customer(self, id_: str, is_good: bool, merged_into: str | None) -> Change:
        document = "12ABC34501DE35" if is_good else "12ABC34501DE36"
        named = customer(id_, document=document, merged_into=merged_into, notes=f"palavra {next(self._words)}")
        return change(named, self._version("customer", id_))

    def _order(self, id_: str, customer_id: str, establishment: str, is_good: bool, status: str, n: int) -> Change:
        made = order(
            id_,
            customer_id=customer_id,
            establishment_code=establishment,
            status=status,
            items=tuple(item(line) for line in range(1, n + 1)),
            paid="" if is_good else "0.01",
            notes=f"palavra {next(self._words)}",
        )
        return change(made, self._version("order", id_))

    def _erase(self, kind: RecordKind, id_: str) -> Change:
        return deletion(kind, id_, self._version(kind, id_))

    # --- the ERP's people

    def invoice(self, n: int) -> None:
        """An order of the ERP is invoiced."""
        if open_ := self.keeper.query("SELECT id_externo FROM pedidos WHERE situacao = 'aberto' ORDER BY numero"):
            [id_] = open_[n % len(open_)]
            self.keeper.run("UPDATE pedidos SET situacao = 'faturado' WHERE id_externo = ?", id_)
            self.seen.invoiced.add(id_)

    def remove(self, n: int) -> None:
        """An order of the ERP is deleted there."""
        if there := self.keeper.query("SELECT id_externo, numero FROM pedidos ORDER BY numero"):
            id_, number = there[n % len(there)]
            for table in ("itens_pedido", "formas_pagamento"):
                self.keeper.run(f"DELETE FROM {table} WHERE pedido = ?", number)
            self.keeper.run("DELETE FROM pedidos WHERE numero = ?", number)
            self.seen.removed.add(id_)
            if self._memory_is == "whole":
                self.seen.invited.discard(id_)
            else:
                self.seen.invited.add(id_)  # nobody remembers that it was there
            self.seen.numbers.pop(id_, None)

    # --- backups

    def back_up_hub(self) -> None:
        self._copy_out("hub")
        self._is_hub_backed_up = True

    def restore_hub(self) -> None:
        # Of what an old memory and a hub that forgot it both do not know, nothing tells.
        if self._is_hub_backed_up and self._memory_is != "old":
            self.store.close()
            self._copy_in("hub")
            self.store = self._store()
            if not self._is_proven:
                self.store.new_epoch(COMPANY)
            self._is_memory_backed_up = False
            self._has_hub_forgotten = True
            self._find_mistold()

    def back_up_erp(self) -> None:
        self._copy_out("erp")
        self._seen_in_backup = self.seen.copy()

    def restore_erp(self) -> None:
        if self._seen_in_backup is not None:
            self._copy_in("erp")
            self._is_proven = False
            self.seen = self._seen_in_backup.copy()
            self._find_mistold()

    def _find_mistold(self) -> None:
        """Bindings that were told long ago: what the hub heard of them since was lost with the rest."""
        told = {(kind, id_): (version, outcome) for kind, id_, _, version, outcome, _ in self._bindings()}
        self._mistold = {key: end for key, end in told.items() if end != self._receipt(*key)}

    def back_up_memory(self) -> None:
        self._copy_out("memory")
        self._is_memory_backed_up = True

    def restore_memory(self) -> None:
        """The agent's file is an older one, or none: what the ERP took away since nobody remembers."""
        if self._is_memory_backed_up:
            self._copy_in("memory")
            self._memory_is = "old"
            self._remember_less()

    def lose_memory(self) -> None:
        for path in (self.keeper.memories or Path()).glob("*.db*"):
            path.unlink()
        self._mistold = {}
        self._memory_is = "lost"
        self._remember_less()

    def _remember_less(self) -> None:
        self._is_proven = False
        self.seen.invited |= self.seen.removed
        cancelled = self.keeper.query("SELECT id_externo FROM pedidos WHERE situacao = 'cancelado'")
        self.seen.forgotten |= {id_ for (id_,) in cancelled}
        self._find_mistold()

    def _path(self, name: str) -> Path:
        memory = self.keeper.memory if name == "memory" else None
        return memory or self._folder / f"{name}.db"

    def _copy_out(self, name: str) -> None:
        (self._folder / f"{name}.backup").unlink(missing_ok=True)
        with closing(sqlite3.connect(self._path(name))) as plain:
            plain.execute("VACUUM INTO ?", (str(self._folder / f"{name}.backup"),))

    def _copy_in(self, name: str) -> None:
        path = self._path(name)
        for rest in ("-wal", "-shm"):
            path.with_name(path.name + rest).unlink(missing_ok=True)
        shutil.copyfile(self._folder / f"{name}.backup", path)

    # --- the agent

    def run(
        self,
        *,
        establishments: Sequence[str] = ALL,
        limit: int = 1000,
        slice_size: int = 50,
        trap: FaultInjector | None = None,
        meanwhile: Sequence[Edit] = (),
        wanted: RetryRequest | None = None,
    ) -> None:
        """One import by a new process; `meanwhile` is what happens before each page is answered."""
        waiting, waiting_customers = self._n_waiting("order", establishments), self._n_waiting("customer", ("",))
        coming = iter(meanwhile)
        hub = DirectHub(self, lambda: self._edit_next(coming))
        erp = self.keeper.open(establishments=ALL)
        trap = trap or FaultInjector(0, "kill")
        trapped: Any = erp
        trapped._database.commit = trap.around(trapped._database.commit, ErpBusyError)
        if trapped._state_database is not trapped._database:
            trapped._state_database.commit = trap.around(trapped._state_database.commit, ErpBusyError)
        if self._is_ahead:
            trapped.prepare_page = lambda stream, page: made_ready(trapped._layout, stream, page)
        if not trap.only_commits:
            trapped._bindings.save = trap.around(trapped._bindings.save)
            for name in ("streams", "page", "records", "send_receipts"):
                setattr(hub, name, trap.around(getattr(hub, name), HubUnreachableError))
        totals: list[ExpectedCounts] = []

        def report(progress: Progress) -> bool:
            totals.append(progress.totals)
            return False

        importer = _importer(trapped, hub, establishments, limit, report)
        importer._slice_size._size = slice_size
        self._is_proven = False
        try:
            if wanted is not None:
                self.seen.invited |= set(wanted.ids) if wanted.again else set()
                importer.retry([wanted])
                return
            counts = importer.run()
        except Killed:
            return
        finally:
            trapped.close()
            self._look()
        if not trap.is_set and establishments == ALL:
            self._memory_is, self._is_proven = "whole", True
        if not meanwhile:
            assert counts.orders.received == totals[-1].orders + waiting
            # A customer that waited may have been brought by its stream, which is read before.
            assert 0 <= counts.customers.received - totals[-1].customers <= waiting_customers

    def _edit_next(self, coming: Any) -> None:
        event = next(coming, None)
        if event is not None:
            self.happen(event)

    def _n_waiting(self, kind: RecordKind, establishments: Sequence[str]) -> int:
        if not self._has_bindings():
            return 0
        waiting = self.keeper.query(
            "SELECT id, establishment FROM omnisync_binding WHERE outcome = 'waiting' AND kind = ?", kind
        )
        ids = {truth.id for truth in self.truths() if truth.kind == kind}
        return sum(id_ in ids and establishment in establishments for id_, establishment in waiting)

    def _has_bindings(self) -> bool:
        return bool(self.keeper.query("SELECT 1 FROM sqlite_master WHERE name = 'omnisync_binding'"))

    # --- what must be true

    def truths(self) -> list[Truth]:
        """Every record of the hub as it is now."""
        with self.store.reading() as db:
            rows = db.exec_driver_sql(
                "SELECT r.kind, r.id, r.version, r.stream, f.change FROM record r "
                "JOIN feed f ON f.company = r.company AND f.stream = r.stream AND f.id = r.id"
            ).all()
        found = []
        for kind, id_, version, stream, text in rows:
            data = msgspec.json.decode(text, type=Change).data
            decode: Any = decode_customer if kind == "customer" else decode_order
            found.append(Truth(kind, id_, version, stream, None if data == msgspec.Raw(b"null") else decode(data)))
        return found

    def _look(self) -> None:
        """After every run, killed or not: no number changed, nothing went away, no cursor is ahead of its data."""
        there = dict(self.keeper.query("SELECT id_externo, numero FROM pedidos"))
        for id_, number in self.seen.numbers.items():
            assert there.get(id_) == number, f"{id_} was {number}, is {there.get(id_)}"
        assert not there.keys() & (self.seen.removed - self.seen.invited), "made again"
        self.seen.numbers = there
        self._look_at_cursors()

    def _look_at_cursors(self) -> None:
        epoch = self._epoch()
        met = {(kind, id_): (at, version) for kind, id_, at, version, *_ in self._bindings()}
        for stream, cursor, at in self.keeper.query("SELECT stream, cursor, epoch FROM omnisync_cursor"):
            if at != epoch or not cursor:
                continue
            for kind, id_, version, op in self._passed(stream, self._place(stream, cursor)):
                if op == "upsert":
                    assert (kind, id_) in met, f"{stream} passed {id_}"
                    assert met[kind, id_] >= (epoch, version) or met[kind, id_][0] != epoch, f"{stream} passed {id_}"
                    assert met[kind, id_][0] == epoch, f"{id_} of another epoch"

    def _place(self, stream: str, cursor: str) -> int:
        """After which sequence the cursor stands; at the beginning once the hub does not know it any more."""
        with self.store.reading() as db, suppress(PutBackError, ProblemError):
            reader = CompanyReader(db, COMPANY)
            return reader.places([(stream, cursor)], reader.sequence)[0].sequence
        return 0

    def _passed(self, stream: str, sequence: int) -> Sequence[Any]:
        with self.store.reading() as db:
            return db.exec_driver_sql(
                "SELECT kind, id, version, op FROM feed WHERE stream = ? AND sequence <= ?", (stream, sequence)
            ).all()

    def _epoch(self) -> str:
        with self.store.reading() as db:
            return str(db.exec_driver_sql("SELECT epoch FROM company").scalar())

    def _bindings(self) -> list[tuple[Any, ...]]:
        if not self._has_bindings():
            return []
        return self.keeper.query("SELECT kind, id, epoch, version, outcome, reason FROM omnisync_binding")

    def check(self) -> None:
        """After one clean run every live record stands in the ERP as it is, or has a reason not to."""
        epoch, truths = self._epoch(), self.truths()
        bindings = {(kind, id_): rest for kind, id_, *rest in self._bindings()}
        customers = {truth.id: cast(Customer | None, truth.record) for truth in truths if truth.kind == "customer"}
        for truth in truths:
            if truth.stream == f"order:{ELSEWHERE}":
                # Of an order that came here after the backup the hub was restored from, no stream of ours speaks.
                # Nor of one that was forgotten here, too.
                nobody = [None if self.keeper.memories is not None and self._has_hub_forgotten else epoch]
                if bindings.get(("order", truth.id), nobody)[0] == epoch:
                    self._check_elsewhere(truth)
            elif truth.record is not None:
                at, version, outcome, reason = bindings[truth.kind, truth.id]
                assert (at, version) == (epoch, truth.version), (truth, at, version)
                assert (reason is None) == (outcome not in ("refused", "waiting", "kept")), (truth, outcome)
                code = msgspec.json.decode(reason)["code"] if reason else ""
                if truth.kind == "customer":
                    self._check_customer(cast(Customer, truth.record), outcome)
                else:
                    self._check_order(cast(Order, truth.record), outcome, code, customers)
        self._check_receipts(truths, bindings)

    def _check_customer(self, record: Customer, outcome: str) -> None:
        rows = self.keeper.query("SELECT observacoes FROM clientes WHERE id_externo = ?", record.id)
        if record.document == "12ABC34501DE36":
            assert outcome == "refused", (record.id, outcome)
        elif outcome == "unchanged":
            assert record.merged_into, record.id
        else:
            assert outcome in ("imported", "updated"), (record.id, outcome)
            assert rows == [(record.notes,)]

    def _check_order(self, record: Order, outcome: str, code: str, customers: dict[str, Customer | None]) -> None:
        id_ = record.id
        if record.status == "cancelled":
            self._check_cancelled(id_, outcome)
        elif sum((p.amount for p in record.payments), Decimal(0)) != record.totals.total_amount:
            assert outcome == "refused", (id_, outcome)
        elif outcome == "kept":
            assert id_ in self.seen.settled, (id_, code)
        elif outcome == "refused":
            assert code == "customer_deleted", (id_, code)
        elif outcome == "waiting":
            assert not _is_importable(record.customer.id, customers), (id_, code)
        else:
            assert outcome in ("imported", "updated"), (id_, outcome)
            is_there = id_ in self.seen.numbers
            assert self._row(id_) == _expected(record) if is_there else id_ in self.seen.removed, id_

    def _check_cancelled(self, id_: str, outcome: str) -> None:
        states = self.keeper.query("SELECT situacao FROM pedidos WHERE id_externo = ?", id_)
        if outcome == "kept":
            assert id_ in self.seen.settled, id_
        else:
            assert outcome == "cancelled", (id_, outcome)
            assert states in ([], [("cancelado",)]), (id_, states)

    def _check_elsewhere(self, truth: Truth) -> None:
        states = self.keeper.query("SELECT situacao FROM pedidos WHERE id_externo = ?", truth.id)
        assert states in ([], [("cancelado",)]) or truth.id in self.seen.invoiced or truth.record is None, truth

    def _row(self, id_: str) -> tuple[Any, ...]:
        [(number, *rest)] = self.keeper.query(
            "SELECT numero, observacoes, total, estabelecimento FROM pedidos WHERE id_externo = ?", id_
        )
        items = self.keeper.query("SELECT id_externo, total FROM itens_pedido WHERE pedido = ? ORDER BY 1", number)
        paid = self.keeper.query("SELECT id_externo, valor FROM formas_pagamento WHERE pedido = ? ORDER BY 1", number)
        [(state,)] = self.keeper.query("SELECT situacao FROM pedidos WHERE id_externo = ?", id_)
        assert state == "aberto" or id_ in self.seen.invoiced, (id_, state)
        return (*rest, items, paid)

    def _check_receipts(self, truths: Sequence[Truth], bindings: dict[tuple[str, str], list[Any]]) -> None:
        assert self.keeper.query("SELECT id FROM omnisync_binding WHERE receipt_pending = 1") == []
        for truth in truths:
            at, version, outcome, _ = bindings.get((truth.kind, truth.id), ("", 0, "", None))
            is_mistold = self._mistold.get((truth.kind, truth.id)) == (version, outcome)
            if (at, version) == (self._epoch(), truth.version) and not is_mistold:
                assert self._receipt(truth.kind, truth.id) == (version, outcome), truth

    def _receipt(self, kind: str, id_: str) -> tuple[int, str] | None:
        """What the hub was last told of a record."""
        told = [msgspec.json.decode(receipt) for receipt in receipts.receipts_of(self.store, COMPANY, kind, id_)]
        return (told[0]["version"], told[0]["outcome"]) if told else None


def _importer(
    erp: Any, hub: DirectHub, establishments: Sequence[str], limit: int, report: Callable[[Progress], bool]
) -> Importer:
    """It fetches ahead in its own thread, so that a history is the same each time."""
    return Importer(
        erp,
        cast(HubClient, hub),
        run_id="run_test",
        establishments=establishments,
        report=report,
        runtime=runtime_at(lambda: NOW, Clock()),
        options=ImportOptions(page_limit=limit, prefetch_from=0, start_thread=lambda fetch: fetch()),
    )


def made_ready(layout: Layout, stream: Stream, body: bytes) -> Mapping[str, PreparedRecord]:
    """The page made ready here and now, and brought back as if from afar."""
    page, _ = read_page(body, stream.kind)
    made = prepare_records(layout, stream, page.changes, adjusts_centavo=False)
    return msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=dict[str, PreparedRecord])


def _is_importable(customer_id: str, customers: dict[str, Customer | None]) -> bool:
    """Whether the customer, or the one it was merged into, is live and sound."""
    met = set()
    record = customers.get(customer_id)
    while record is not None and record.merged_into and record.id not in met:
        met.add(record.id)
        record = customers.get(record.merged_into)
    return record is not None and record.merged_into is None and record.document == "12ABC34501DE35"


def _expected(record: Order) -> tuple[Any, ...]:
    items = sorted((line.id, str(line.total_amount)) for line in record.items)
    paid = sorted((payment.id, str(payment.amount)) for payment in record.payments)
    return record.notes, str(record.totals.total_amount), record.establishment_code, items, paid
