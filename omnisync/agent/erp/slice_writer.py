"""A slice's way into the ERP's tables, inside the transaction that `sql_erp` opens and closes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from omnisync.agent.erp.base import Slice
from omnisync.agent.erp.state.bindings import Bindings, encoded, origin_of
from omnisync.agent.erp.state.recovery import StateRecovery
from omnisync.agent.erp.upsert.decode import read_customers, read_orders, resolve_customers
from omnisync.agent.erp.upsert.record_change import Binding, RecordChange, compare, unreadable_change
from omnisync.agent.erp.upsert.record_reason import Describe, described
from omnisync.agent.erp.upsert.writer import RecordWriter, RejectedRecords
from omnisync.contract.feed import Change, RecordKind


class SliceWriter:
    """The steps of a slice: compare with the bindings, decode, find customers, write rows. Nothing of ours is saved."""

    def __init__(
        self,
        bindings: Bindings,
        writer: RecordWriter,
        *,
        establishments: frozenset[str],
        has_customers: bool,
        adjusts_centavo: bool,
        recovery: StateRecovery | None,
        describe: Describe,
    ) -> None:
        """`recovery` finds what the ERP has and the bindings do not know, where they stand apart from it.

        `describe` makes the sentences of reasons.
        """
        self._bindings = bindings
        self._writer = writer
        self._here = establishments
        self._has_customers = has_customers
        self._adjusts_centavo = adjusts_centavo
        self._recovery = recovery
        self._describe = describe

    def write(
        self, part: Slice, now: datetime, rejected: RejectedRecords | None = None
    ) -> tuple[list[RecordChange], list[RecordChange]]:
        """Put the slice's rows into the ERP's tables; answers the changes of the related customers, then its own."""
        related = self._customers(part, part.related, now, rejected)
        if part.kind == "customer":
            record_changes = self._customers(part, part.changes, now, rejected)
        else:
            record_changes = self._orders(part, {v.change.id: v for v in related}, now, rejected)
        return related, record_changes + self._unreadable(part, now)

    def _customers(
        self, part: Slice, changes: Sequence[Change], now: datetime, rejected: RejectedRecords | None
    ) -> list[RecordChange]:
        record_changes = self._compare(part, "customer", changes, now)
        read_customers(record_changes)
        self._writer.customers(record_changes, rejected)
        describe_reasons(record_changes, self._describe)
        return record_changes

    def _orders(
        self, part: Slice, related: dict[str, RecordChange], now: datetime, rejected: RejectedRecords | None
    ) -> list[RecordChange]:
        record_changes = self._compare(part, "order", part.changes, now)
        read_orders(record_changes, part, self._here, adjusts_centavo=self._adjusts_centavo)
        customers = self._customers_of(record_changes, related)
        resolve_customers(record_changes, customers, has_customers=self._has_customers)
        if self._recovery is not None:
            self._recovery.skip_already_taken(record_changes)
        self._writer.orders(record_changes, customers, rejected)
        describe_reasons(record_changes, self._describe)
        return record_changes

    def _compare(self, part: Slice, kind: RecordKind, changes: Sequence[Change], now: datetime) -> list[RecordChange]:
        bindings = self._bindings.of(kind, [change.id for change in changes])
        record_changes = compare(once(changes), bindings, part.epoch, retrying=part.expected is None)
        if self._recovery is not None:
            self._recovery.adopt_existing(kind, record_changes, part, now)
        if part.prepared and kind == part.kind:
            for record_change in record_changes:
                if record_change.action == "read":
                    record_change.prepared = part.prepared.get(record_change.change.id)
        return record_changes

    def _customers_of(
        self, record_changes: Sequence[RecordChange], related: dict[str, RecordChange]
    ) -> dict[str, Binding]:
        ids = {v.customer_id for v in record_changes if v.action == "read" and v.is_read}
        known = self._bindings.customers(sorted(ids - related.keys()))
        # The related customers were written a moment ago in this transaction; their bindings are saved at its end.
        for id_ in ids & related.keys():
            known[id_] = _as_binding(related[id_])
        merged = {b.merged_into for b in known.values() if b.merged_into} - known.keys()
        return self._bindings.customers(sorted(merged)) | known

    def _unreadable(self, part: Slice, now: datetime) -> list[RecordChange]:
        bindings = self._bindings.of(part.kind, [u.id for u in part.unreadable])
        retrying = part.expected is None
        unreadable = [unreadable_change(u, bindings.get(u.id), retrying=retrying, now=now) for u in part.unreadable]
        describe_reasons(unreadable, self._describe)
        return unreadable


def describe_reasons(record_changes: Sequence[RecordChange], describe: Describe) -> None:
    """Make the sentences of reasons and warnings, once, before they are stored."""
    for record_change in record_changes:
        if record_change.reason is not None:
            record_change.reason = described(record_change.reason, describe)
        if record_change.warnings:
            record_change.warnings = tuple(described(one, describe) for one in record_change.warnings)


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


def _as_binding(record_change: RecordChange) -> Binding:
    """Return what the binding of a verdict of this same transaction will say."""
    before = record_change.binding
    if before is not None and not record_change.needs_save:
        return before
    return Binding(
        id=record_change.change.id,
        epoch="",
        version=record_change.change.version,
        hash="",
        written_version=record_change.change.version,
        erp_key=record_change.erp_key or (before.erp_key if before is not None else None),
        erp_number=record_change.erp_number,
        establishment="",
        customer_id="",
        label=record_change.label,
        merged_into=record_change.merged_into,
        outcome=record_change.outcome or "unchanged",
        reason=encoded(record_change.reason),
        warnings=None,
        origin=origin_of(record_change),
    )
