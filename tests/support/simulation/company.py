"""Both databases of one company, read past our own code; and their backups."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from omnisync.agent.config.connection import ErpAddress
from omnisync.contract.feed import Change, RecordKind
from omnisync.contract.records import Customer, Order, decode_customer, decode_order
from omnisync.hub import receipts
from omnisync.hub.company_reader import CompanyReader, PutBackError
from omnisync.hub.errors import ProblemError
from omnisync.hub.store import Store
from tests.support.erp_databases import SampleErp, make_sqlite
from tests.support.hub_server import COMPANY, found_company


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


class Company:
    """A hub, an ERP, and what is known of both. With `is_kept_here` the agent keeps what it remembers of the ERP."""

    def __init__(self, template: Path, folder: Path, *, is_kept_here: bool) -> None:
        self._folder = folder
        for name in ("hub.db", "erp.db"):
            shutil.copyfile(template / name, folder / name)
        self.store = self._open_store()
        address = ErpAddress(kind="sqlite", database=str(folder / "erp.db"))
        self.keeper = SampleErp(address, memories=folder / "memories" if is_kept_here else None)
        if self.keeper.memories is not None:
            self.keeper.memories.mkdir()
        self.seen = Seen()
        self.has_hub_forgotten = False
        self.mistold: dict[tuple[str, str], tuple[int, str]] = {}
        """Bindings that were told long ago: what the hub heard of them since was lost with the rest."""

    def _open_store(self) -> Store:
        return Store(f"sqlite:///{self._folder / 'hub.db'}")

    def version(self, kind: str, id_: str) -> int:
        """Return the version of a record; 0 where there is none."""
        with self.store.reading() as db:
            found = db.exec_driver_sql("SELECT version FROM record WHERE kind = ? AND id = ?", (kind, id_)).scalar()
        return int(found or 0)

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

    def epoch(self) -> str:
        """Return the company's epoch."""
        with self.store.reading() as db:
            return str(db.exec_driver_sql("SELECT epoch FROM company").scalar())

    def passed(self, stream: str, cursor: str) -> Sequence[Any]:
        """Return the changes of a stream that a cursor is past: kind, id, version, op."""
        sequence = self._place(stream, cursor)
        with self.store.reading() as db:
            return db.exec_driver_sql(
                "SELECT kind, id, version, op FROM feed WHERE stream = ? AND sequence <= ?", (stream, sequence)
            ).all()

    def _place(self, stream: str, cursor: str) -> int:
        """After which sequence the cursor stands; at the beginning once the hub does not know it any more."""
        with self.store.reading() as db, suppress(PutBackError, ProblemError):
            reader = CompanyReader(db, COMPANY)
            return reader.places([(stream, cursor)], reader.sequence)[0].sequence
        return 0

    def receipt(self, kind: str, id_: str) -> tuple[int, str] | None:
        """What the hub was last told of a record."""
        told = [msgspec.json.decode(receipt) for receipt in receipts.receipts_of(self.store, COMPANY, kind, id_)]
        return (told[0]["version"], told[0]["outcome"]) if told else None

    def bindings(self) -> list[tuple[Any, ...]]:
        """Return every binding: kind, id, epoch, version, outcome, reason."""
        if not self._has_bindings():
            return []
        return self.keeper.query("SELECT kind, id, epoch, version, outcome, reason FROM omnisync_binding")

    def n_waiting(self, kind: RecordKind, establishments: Sequence[str]) -> int:
        """Return how many bindings wait, of records that are at the hub."""
        if not self._has_bindings():
            return 0
        waiting = self.keeper.query(
            "SELECT id, establishment FROM omnisync_binding WHERE outcome = 'waiting' AND kind = ?", kind
        )
        ids = {truth.id for truth in self.truths() if truth.kind == kind}
        return sum(id_ in ids and establishment in establishments for id_, establishment in waiting)

    def _has_bindings(self) -> bool:
        return bool(self.keeper.query("SELECT 1 FROM sqlite_master WHERE name = 'omnisync_binding'"))

    def find_mistold(self) -> None:
        """Note whose outcome the hub was told and does not know now."""
        told = {(kind, id_): (version, outcome) for kind, id_, _, version, outcome, _ in self.bindings()}
        self.mistold = {key: end for key, end in told.items() if end != self.receipt(*key)}

    def back_up(self, name: str) -> None:
        """Copy "hub", "erp" or "memory", as it is now."""
        (self._folder / f"{name}.backup").unlink(missing_ok=True)
        with closing(sqlite3.connect(self._path(name))) as plain:
            plain.execute("VACUUM INTO ?", (str(self._folder / f"{name}.backup"),))

    def restore(self, name: str) -> None:
        """Put the last copy back."""
        if name == "hub":
            self.store.close()
        path = self._path(name)
        for rest in ("-wal", "-shm"):
            path.with_name(path.name + rest).unlink(missing_ok=True)
        shutil.copyfile(self._folder / f"{name}.backup", path)
        if name == "hub":
            self.store = self._open_store()

    def _path(self, name: str) -> Path:
        memory = self.keeper.memory if name == "memory" else None
        return memory or self._folder / f"{name}.db"


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
