"""A slice's way into the ERP's tables, inside the transaction that `sql_erp` opens and closes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from omnisync.agent.erp.base import PreparedRecord, Slice
from omnisync.agent.erp.state.bindings import Bindings
from omnisync.agent.erp.state.recovery import StateRecovery
from omnisync.agent.erp.upsert.decode import merged_target, read_customers, read_orders, resolve_customers
from omnisync.agent.erp.upsert.keys import ErpKey, decode_key
from omnisync.agent.erp.upsert.new_records import InsertedRecords, NewRecords, NewRecordWriter
from omnisync.agent.erp.upsert.record_change import (
    Binding,
    OutcomeGroup,
    RecordChange,
    compare,
    count_groups,
    has_own_row,
    unchanged_group,
    unreadable_change,
)
from omnisync.agent.erp.upsert.row_finder import RowFinder
from omnisync.agent.erp.upsert.writer import RecordWriter, RejectedRecords, naming_committed
from omnisync.agent.progress import Counts
from omnisync.contract.feed import Change, RecordKind

PreparedRecords = Mapping[str, PreparedRecord]


class WrittenSlice(Struct, frozen=True, kw_only=True):
    """The result of a slice: the changes of the related customers, its own, and the new ones written as columns."""

    related: list[RecordChange]
    changes: list[RecordChange]
    inserted: InsertedRecords | None
    unchanged: Counts
    """Of changes that are known already, of which no more was looked at than that."""


class SliceWriter:
    """The steps of a slice: compare with the bindings, decode, find customers, write rows. Nothing of ours is saved."""

    def __init__(
        self,
        bindings: Bindings,
        writer: RecordWriter,
        new_writer: NewRecordWriter,
        finder: RowFinder,
        *,
        establishments: frozenset[str],
        adjusts_centavo: bool,
        recovery: StateRecovery | None,
    ) -> None:
        """`recovery` finds what the ERP has and the bindings do not know, where they stand apart from it."""
        self._bindings = bindings
        self._writer = writer
        self._new_writer = new_writer
        self._finder = finder
        self._here = establishments
        self._adjusts_centavo = adjusts_centavo
        self._recovery = recovery

    def write(self, part: Slice, now: datetime, rejected: RejectedRecords | None = None) -> WrittenSlice:
        """Put the slice's rows into the ERP's tables."""
        is_columnar = not rejected and self._recovery is None
        related, _ = self._customers(part, once(part.related), {}, now, rejected)
        prepared = part.prepared if is_columnar and self._new_writer.takes(part.kind) else {}
        changes, unchanged = self._news(part)
        if part.kind == "customer":
            record_changes, inserted = self._customers(part, changes, prepared, now, rejected)
        else:
            by_id = {v.change.id: v for v in related}
            with naming_committed(related):
                record_changes, inserted = self._orders(part, changes, by_id, prepared, now, rejected)
        return WrittenSlice(
            related=related,
            changes=record_changes + self._unreadable(part, now),
            inserted=inserted,
            unchanged=count_groups(unchanged),
        )

    def _news(self, part: Slice) -> tuple[Sequence[Change], list[tuple[Change, OutcomeGroup]]]:
        """Return the changes to be looked at, and those that are known already with how they are counted."""
        changes = once(part.changes)
        if self._recovery is not None:  # it may know more of a row than its binding does
            return changes, []
        known = self._bindings.versions(part.kind, [change.id for change in changes])
        news, unchanged = [], []
        for change in changes:
            version = known.get(change.id)
            group = unchanged_group(change, version, part.epoch, retrying=part.expected is None) if version else None
            if group is None:
                news.append(change)
            else:
                unchanged.append((change, group))
        return news, unchanged

    def _customers(
        self,
        part: Slice,
        changes: Sequence[Change],
        prepared: PreparedRecords,
        now: datetime,
        rejected: RejectedRecords | None,
    ) -> tuple[list[RecordChange], InsertedRecords | None]:
        bindings = self._bindings.of("customer", [change.id for change in changes])
        new = _new_among(changes, prepared, bindings)
        inserted = self._new_writer.insert_customers(new) if new.changes else None
        compared = self._compare(part, "customer", _without(changes, inserted), bindings, now)
        written = self._writer.customers(read_customers(compared), rejected)
        return written, inserted

    def _orders(
        self,
        part: Slice,
        changes: Sequence[Change],
        related: dict[str, RecordChange],
        prepared: PreparedRecords,
        now: datetime,
        rejected: RejectedRecords | None,
    ) -> tuple[list[RecordChange], InsertedRecords | None]:
        bindings = self._bindings.of("order", [change.id for change in changes])
        inserted = self._insert_orders(_new_among(changes, prepared, bindings), related)
        compared = self._compare(part, "order", _without(changes, inserted), bindings, now)
        read = read_orders(compared, part, self._here, adjusts_centavo=self._adjusts_centavo)
        customers = self._customers_of({v.customer_id for v in read if v.action == "read" and v.is_read}, related)
        placed = resolve_customers(read, customers, has_customers=self._finder.has_customers)
        if self._recovery is not None:
            placed = self._recovery.keep_already_taken(placed)
        written = self._writer.orders(placed, customers, rejected)
        return written, inserted

    def _insert_orders(self, new: NewRecords, related: dict[str, RecordChange]) -> InsertedRecords | None:
        """Insert the new orders whose customer stands in the ERP; the others are left to wait."""
        if not new.changes:
            return None
        ids = {one.customer_id for one in new.prepared}
        keys = self._customer_keys(ids, related) if self._finder.has_customers else dict.fromkeys(ids, ())
        if len(keys) < len(ids):
            pairs = zip(new.changes, new.prepared, strict=True)
            placed = [(change, one) for change, one in pairs if one.customer_id in keys]
            new = NewRecords([change for change, _ in placed], [one for _, one in placed])
        return self._new_writer.insert_orders(new, keys) if new.changes else None

    def _customer_keys(self, ids: set[str], related: dict[str, RecordChange]) -> dict[str, ErpKey]:
        """Return the keys of the customers that stand in the ERP, by id."""
        known = self._customers_of(ids, related)
        targets = {id_: merged_target(id_, known) for id_ in ids}
        standing = {id_: target for id_, target in targets.items() if target is not None and has_own_row(target)}
        gone = self._finder.gone_customers(standing.values())
        return {id_: decode_key(one.erp_key) for id_, one in standing.items() if one.id not in gone and one.erp_key}

    def _compare(
        self,
        part: Slice,
        kind: RecordKind,
        changes: Sequence[Change],
        bindings: Mapping[str, Binding],
        now: datetime,
    ) -> list[RecordChange]:
        record_changes = compare(changes, bindings, part.epoch, retrying=part.expected is None)
        if self._recovery is not None:
            record_changes = self._recovery.adopt_existing(kind, record_changes, part, now)
        if not part.prepared or kind != part.kind:
            return record_changes
        return [
            replace(v, prepared=part.prepared.get(v.change.id)) if v.action == "read" else v for v in record_changes
        ]

    def _customers_of(self, ids: set[str], related: dict[str, RecordChange]) -> dict[str, Binding]:
        """Return the bindings of these customers and of those they were merged into."""
        known: dict[str, Binding] = {}
        missing = ids
        while missing:
            found = self._bindings.of("customer", sorted(missing - related.keys()))
            # Related customers were written a moment ago in this transaction; their bindings are saved at its end.
            for id_ in missing & related.keys():
                found[id_] = self._bindings.unsaved(related[id_])
            known |= found
            missing = {b.merged_into for b in found.values() if b.merged_into} - known.keys()
        return known

    def _unreadable(self, part: Slice, now: datetime) -> list[RecordChange]:
        bindings = self._bindings.of(part.kind, [u.id for u in part.unreadable])
        retrying = part.expected is None
        return [unreadable_change(u, bindings.get(u.id), retrying=retrying, now=now) for u in part.unreadable]


def _new_among(changes: Sequence[Change], prepared: PreparedRecords, bindings: Mapping[str, Binding]) -> NewRecords:
    """Return the changes that were prepared and that no binding knows."""
    new = [change for change in changes if change.id in prepared and change.id not in bindings] if prepared else []
    return NewRecords(new, [prepared[change.id] for change in new])


def _without(changes: Sequence[Change], inserted: InsertedRecords | None) -> Sequence[Change]:
    if inserted is None:
        return changes
    ids = set(inserted.new.ids)
    return [change for change in changes if change.id not in ids] if len(ids) < len(changes) else ()


def once(changes: Sequence[Change]) -> Sequence[Change]:
    """Return the newest of each record: a hub that repeats one within a page must not meet our own key."""
    if len({change.id for change in changes}) == len(changes):
        return changes
    newest: dict[str, Change] = {}
    for change in changes:
        other = newest.get(change.id)
        if other is None or change.version > other.version:
            newest[change.id] = change
    return list(newest.values())
