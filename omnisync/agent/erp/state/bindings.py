"""The two tables of ours in the ERP's database: what is remembered of each record, and how far each stream was read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from omnisync.agent.erp.base import Position
from omnisync.agent.erp.database import Database, encoder
from omnisync.agent.erp.driver import UNREADABLE_VALUE
from omnisync.agent.erp.upsert.keys import encode_key
from omnisync.agent.erp.upsert.new_records import InsertedRecords
from omnisync.agent.erp.upsert.record_change import (
    REINSERT_REQUESTED,
    Binding,
    KnownVersion,
    RecordChange,
    hash_of,
    with_sentences,
)
from omnisync.agent.erp.upsert.record_reason import Describe, RecordReason, contract_reason, described
from omnisync.agent.erp.upsert.staging_results import StagingResults
from omnisync.agent.errors import OvertakenError
from omnisync.contract.feed import Reason, Receipt, RecordKind, is_unnamed
from omnisync.contract.streams import CUSTOMERS, Stream, orders_of

_COLUMNS = (
    "id, epoch, version, hash, written_version, erp_key, erp_number, establishment, customer_id, label, merged_into, "
    "outcome, reason, warnings, origin"
)
_WRITES = frozenset({"imported", "updated", "cancelled", "staged"})
# Said twice for SQLite, which takes the index of what did not enter only where it reads the index's own condition.
IS_WAITING = "outcome IN ('refused', 'waiting') AND outcome = 'waiting'"
_IS_REFUSED = "outcome IN ('refused', 'waiting') AND outcome = 'refused'"


class Bindings:
    """Both tables, for one company and one connection. Every method runs inside the caller's transaction."""

    def __init__(self, database: Database, company: str, connection: str, describe: Describe) -> None:
        """`describe` makes the sentences of reasons, which are stored with them."""
        self._database = database
        self._describe = describe
        self._company = company
        self._connection = connection

    def position(self, stream: str) -> Position | None:
        """Return where the stream stands, or None when it has no row yet."""
        return _position(self._database.select(self._cursor_query(), (self._company, self._connection, stream)))

    def begin_stream(self, stream: str) -> None:
        """Make the stream's row, empty, unless it stands."""
        names = ("company", "connection", "stream", "cursor", "epoch")
        self._database.dialect.insert_missing(
            self._database, "omnisync_cursor", names, names[:3], (self._company, self._connection, stream, "", "")
        )

    def locked_position(self, stream: str) -> Position | None:
        """Return the stream's position, its row locked until the transaction ends."""
        sql = self._database.dialect.locked(self._cursor_query())
        return _position(self._database.select(sql, (self._company, self._connection, stream)))

    def lock_stream(self, stream: str, expected: str | None) -> None:
        """Lock the stream's row; raises OvertakenError when another run moved it from `expected`."""
        found = self.locked_position(stream)
        if found is None or (expected is not None and found.cursor != expected):
            raise OvertakenError

    def move_stream(self, stream: str, cursor: str, epoch: str) -> None:
        """The stream now stands at `cursor`."""
        self._database.execute(
            f"UPDATE omnisync_cursor SET {self._database.quoted('cursor')} = ?, epoch = ? "  # noqa: S608  # a quoted name
            "WHERE company = ? AND connection = ? AND stream = ?",
            (cursor, epoch, self._company, self._connection, stream),
        )

    def _cursor_query(self) -> str:
        cursor = self._database.quoted("cursor")
        return f"SELECT {cursor}, epoch FROM omnisync_cursor WHERE company = ? AND connection = ? AND stream = ?"  # noqa: S608  # a quoted name

    def of(self, kind: RecordKind, ids: Sequence[str]) -> dict[str, Binding]:
        """Return the bindings of these records, by id."""
        rows = self._database.select_among(
            f"SELECT {_COLUMNS} FROM omnisync_binding WHERE company = ? AND kind = ? AND id IN {{ids}}",  # noqa: S608  # constant text
            ids,
            (self._company, kind),
        )
        return {row[0]: Binding._make(row) for row in rows}  # type: ignore[misc]  # a row is as _COLUMNS names it

    def versions(self, kind: RecordKind, ids: Sequence[str]) -> dict[str, KnownVersion]:
        """Return what tells of these records whether a change is news, by id: a third of a binding's columns."""
        rows: list[Any] = self._database.select_among(
            "SELECT id, epoch, version, outcome FROM omnisync_binding WHERE company = ? AND kind = ? AND id IN {ids}",
            ids,
            (self._company, kind),
        )
        return {id_: KnownVersion(epoch, version, outcome) for id_, epoch, version, outcome in rows}

    def unsaved(self, record_change: RecordChange) -> Binding:
        """Return what the binding of a record will be that ended in this same transaction and is not saved yet."""
        before = record_change.binding
        if before is not None and not record_change.needs_save:
            return before
        [described] = with_sentences([record_change], self._describe)
        return Binding(
            id=described.change.id,
            epoch="",
            version=described.change.version,
            hash="",
            written_version=described.change.version,
            erp_key=described.erp_key or (before.erp_key if before is not None else None),
            erp_number=described.erp_number,
            establishment="",
            customer_id="",
            label=described.label,
            merged_into=described.merged_into,
            outcome=described.outcome or "unchanged",
            reason=_encoded(described.reason),
            warnings=None,
            origin=_origin_of(described),
        )

    def save(
        self, record_changes: Sequence[RecordChange], epoch: str, establishment: str, now: datetime
    ) -> list[Receipt]:
        """Remember the verdicts that ended; answers the receipts they owe, pending until acknowledged."""
        at, storable = now.isoformat(), encoder(self._database)
        new: list[tuple[object, ...]] = []
        known: list[tuple[object, ...]] = []
        owed: list[Receipt] = []
        for record_change in with_sentences(record_changes, self._describe):
            if record_change.needs_save and not _is_already_reported(record_change, epoch, storable):
                values = _values(record_change, epoch, establishment, at, storable)
                (new if record_change.binding is None else known).append((*values, self._company, *_key(record_change)))
                if values[_PENDING]:
                    owed.append(_receipt(record_change, now))
        self._database.insert_rows("omnisync_binding", (*_SAVED, *_KEY), new)
        self._database.update_rows("omnisync_binding", _SAVED, _KEY, known)
        return owed

    def save_inserted(self, inserted: InsertedRecords, epoch: str, establishment: str, now: datetime) -> list[Receipt]:
        """Remember records that were inserted; answers the receipts they owe, pending until acknowledged."""
        at, storable, kind, outcome = now.isoformat(), encoder(self._database), inserted.kind, inserted.outcome
        new = inserted.new
        columns = zip(new.changes, new.prepared, inserted.keys, inserted.numbers, strict=True)
        rows = [
            (
                *(epoch, change.version, one.hash, change.version, "made", encode_key(key), number, establishment),
                *(one.customer_id, storable(one.label), None, outcome, None, None, at, 1),
                *(self._company, kind, change.id),
            )
            for change, one, key, number in columns
        ]
        self._database.insert_rows("omnisync_binding", (*_SAVED, *_KEY), rows)
        return [
            Receipt(kind=kind, id=change.id, version=change.version, outcome=outcome, at=now, erp_number=number)
            for change, number in zip(new.changes, inserted.numbers, strict=True)
        ]

    def adopt(self, kind: RecordKind, found: Sequence[Binding], now: datetime) -> None:
        """Remember rows that the ERP has and we did not know of; they owe no receipt until they are written."""
        known = self.of(kind, [binding.id for binding in found])
        new = [(*_found_values(b, now), self._company, kind, b.id) for b in found if b.id not in known]
        self._database.insert_rows("omnisync_binding", (*_SAVED, *_KEY), new)
        self._database.update_rows(
            "omnisync_binding",
            ("written_version", "erp_key", "erp_number", "origin"),
            _KEY,
            [
                (b.written_version, b.erp_key, b.erp_number, b.origin, self._company, kind, b.id)
                for b in found
                if b.id in known
            ],
        )

    def requeue(self, kind: RecordKind, ids: Sequence[str], *, gone: Sequence[str]) -> dict[Stream, list[str]]:
        """Refused ones wait again; so do those whose row is gone, whatever their outcome, and they forget that row."""
        mine = "WHERE company = ? AND kind = ? AND id = ?"
        self._database.execute_many(
            f"UPDATE omnisync_binding SET outcome = 'waiting' {mine} AND outcome = 'refused'",  # noqa: S608  # constant text
            [(self._company, kind, id_) for id_ in ids],
        )
        self._database.execute_many(
            "UPDATE omnisync_binding SET written_version = NULL, erp_key = NULL, erp_number = NULL, "  # noqa: S608  # constant text
            f"origin = 'made', outcome = 'waiting', hash = ? {mine}",
            [(REINSERT_REQUESTED, self._company, kind, id_) for id_ in gone],
        )
        streams: dict[Stream, list[str]] = {}
        for id_, establishment in self._requeue(kind, ids):
            streams.setdefault(orders_of(establishment) if establishment else CUSTOMERS, []).append(id_)
        return streams

    def _requeue(self, kind: RecordKind, ids: Sequence[str]) -> list[tuple[str, str]]:
        own = f"SELECT id, establishment FROM omnisync_binding WHERE company = ? AND {IS_WAITING} AND "  # noqa: S608  # constant text
        rows: list[Any] = self._database.select_among(f"{own} kind = ? AND id IN {{ids}}", ids, (self._company, kind))
        if kind == "customer":
            rows += self._database.select_among(
                f"{own} kind = 'order' AND customer_id IN {{ids}} ORDER BY id", ids, (self._company,)
            )
        return rows

    def requeue_by_reason(self, codes: Collection[str]) -> int:
        """Return what was refused for one of these reasons waits again; answers how many records do."""
        rows: list[Any] = self._database.select(
            f"SELECT kind, id, reason FROM omnisync_binding WHERE company = ? AND {_IS_REFUSED}",  # noqa: S608  # constant text
            (self._company,),
        )
        again = [(self._company, kind, id_) for kind, id_, reason in rows if _code_of(reason) in codes]
        self._database.update_rows("omnisync_binding", ("outcome",), _KEY, [("waiting", *key) for key in again])
        return len(again)

    def withdraw(self, ids: Sequence[str]) -> None:
        """These orders' rows are about to be cancelled by us."""
        rows = [("withdrawn", self._company, "order", id_) for id_ in ids]
        self._database.update_rows("omnisync_binding", ("origin",), _KEY, rows)

    def choose(self, customer_id: str, erp_key: str) -> None:
        """A person's answer to several rows with one CNPJ: this one is the customer's, at the next import."""
        self._database.update_rows(
            "omnisync_binding",
            ("erp_key", "written_version", "origin", "outcome"),
            (*_KEY, "outcome"),
            [(erp_key, None, "matched", "waiting", self._company, "customer", customer_id, "refused")],
        )

    def staged(self, establishments: Collection[str]) -> dict[str, str]:
        """Return orders of which the ERP's own job has not said yet what became of them: id → ERP key.

        One that was changed after the job took it is kept, and its number is still to be told.
        """
        rows: list[Any] = self._database.select(
            "SELECT id, erp_key, establishment FROM omnisync_binding WHERE company = ? AND kind = 'order' "
            "AND outcome IN ('staged', 'kept') AND erp_number IS NULL AND erp_key IS NOT NULL",
            (self._company,),
        )
        return {id_: key for id_, key, establishment in rows if establishment in establishments}

    def save_staging_results(self, results: StagingResults, now: datetime) -> None:
        """Save the results of staged orders: their numbers, or why they were refused. Receipts are owed.

        Of an answer that cannot be read a warning is kept, until there is another.
        """
        self._database.execute_many(
            "UPDATE omnisync_binding SET warnings = ? WHERE company = ? AND kind = 'order' AND id = ?",
            _result_warnings(self._database, self._company, self._describe, results),
        )
        at, storable = now.isoformat(), encoder(self._database)
        told = "outcome_at = ?, receipt_pending = 1 WHERE company = ? AND kind = 'order' AND id = ?"
        still = "AND outcome IN ('staged', 'kept') AND erp_number IS NULL"
        self._database.execute_many(
            f"UPDATE omnisync_binding SET outcome = 'refused', reason = ?, {told} {still}",  # noqa: S608  # constant text
            [
                (_stored(described(end.reason, self._describe), storable), at, self._company, id_)
                for id_, end in results.ends.items()
                if end.reason is not None
            ],
        )
        self._database.execute_many(
            "UPDATE omnisync_binding SET outcome = CASE WHEN outcome = 'staged' THEN 'imported' ELSE outcome END, "  # noqa: S608  # constant text
            f"erp_number = ?, {told} {still}",
            [(end.number, at, self._company, id_) for id_, end in results.ends.items() if end.reason is None],
        )


_KEY = ("company", "kind", "id")
_SAVED = (
    *("epoch", "version", "hash", "written_version", "origin", "erp_key", "erp_number", "establishment"),
    *("customer_id", "label", "merged_into", "outcome", "reason", "warnings", "outcome_at", "receipt_pending"),
)
_PENDING = _SAVED.index("receipt_pending")


def _result_warnings(
    database: Database, company: str, describe: Describe, results: StagingResults
) -> list[tuple[str | None, str, str]]:
    """Return the orders' warnings that change by these results: what they are now, the company, the order's id."""
    told = [*results.ends, *results.unreadable]
    rows: list[Any] = database.select_among(
        "SELECT id, warnings FROM omnisync_binding WHERE company = ? AND kind = 'order' AND id IN {ids}",
        told,
        (company,),
    )
    storable, changed = encoder(database), []
    for id_, before in rows:
        known = msgspec.json.decode(before, type=tuple[RecordReason, ...]) if before else ()
        others = tuple(one for one in known if one.code != UNREADABLE_VALUE)
        new = results.unreadable.get(id_)
        after = _stored((*others, described(new, describe)) if new is not None else others, storable)
        if after != before:
            changed.append((after, company, id_))
    return changed


def _found_values(b: Binding, now: datetime) -> tuple[object, ...]:
    return (
        *(b.epoch, b.version, b.hash, b.written_version, b.origin, b.erp_key, b.erp_number, b.establishment),
        *(b.customer_id, b.label, b.merged_into, b.outcome, b.reason, b.warnings, now.isoformat(), 0),
    )


def _is_already_reported(record_change: RecordChange, epoch: str, storable: Callable[[str], str]) -> bool:
    """Tried again with the same end: its age goes on, and the hub knows already."""
    before = record_change.binding
    if before is None or (before.version, before.epoch) != (record_change.change.version, epoch):
        return False
    is_numbered = record_change.erp_number in (None, before.erp_number)
    is_same_end = before.outcome == record_change.outcome and is_numbered
    return is_same_end and before.reason == _stored(record_change.reason, storable)


def _encoded(what: RecordReason | tuple[RecordReason, ...] | None) -> str | None:
    """Return a described reason, or the warnings, as the text a binding keeps."""
    if not what:
        return None
    kept = contract_reason(what) if isinstance(what, RecordReason) else [contract_reason(one) for one in what]
    return msgspec.json.encode(kept).decode()


def _stored(what: RecordReason | tuple[RecordReason, ...] | None, storable: Callable[[str], str]) -> str | None:
    text = _encoded(what)
    return storable(text) if text is not None else None


def _receipt(record_change: RecordChange, now: datetime) -> Receipt:
    change, before = record_change.change, record_change.binding
    assert record_change.outcome is not None
    reason = None if record_change.purge_personal_data else record_change.reason
    return Receipt(
        kind=change.kind,
        id=change.id,
        version=change.version,
        outcome=record_change.outcome,
        at=now,
        erp_number=record_change.erp_number or (before.erp_number if before is not None else None),
        reason=contract_reason(reason) if reason is not None else None,
    )


def _key(record_change: RecordChange) -> tuple[str, str]:
    return record_change.change.kind, record_change.change.id


def _position(rows: Sequence[tuple[object, ...]]) -> Position | None:
    return Position(str(rows[0][0]), str(rows[0][1])) if rows else None


def _values(
    record_change: RecordChange, epoch: str, establishment: str, at: str, storable: Callable[[str], str]
) -> tuple[object, ...]:
    change, before = record_change.change, record_change.binding
    has_row = record_change.outcome in _WRITES and record_change.erp_key is not None
    written = change.version if has_row else (before.written_version if before is not None else None)
    forgotten = record_change.purge_personal_data
    return (
        epoch,
        change.version,
        hash_of(change),
        written,
        _origin_of(record_change),
        record_change.erp_key or (before.erp_key if before is not None else None),
        record_change.erp_number or (before.erp_number if before is not None else None),
        establishment,
        record_change.customer_id,
        "" if forgotten else storable(record_change.label),
        record_change.merged_into,
        record_change.outcome,
        None if forgotten else _stored(record_change.reason, storable),
        None if forgotten else _stored(record_change.warnings, storable),
        at,
        0 if is_unnamed(change.id) else 1,
    )


def _origin_of(record_change: RecordChange) -> Literal["made", "matched", "withdrawn"]:
    """Return where the record's row comes from, once its verdict is saved."""
    if record_change.is_matched:
        return "matched"
    if record_change.change.kind == "order" and record_change.outcome in _WRITES:
        was_withdrawn = record_change.binding is not None and record_change.binding.origin == "withdrawn"
        is_ours = record_change.outcome_group == "written" or was_withdrawn
        return "withdrawn" if record_change.outcome == "cancelled" and is_ours else "made"
    return record_change.binding.origin if record_change.binding is not None else "made"


def _code_of(reason: str | None) -> str:
    return msgspec.json.decode(reason, type=Reason).code if reason else ""
