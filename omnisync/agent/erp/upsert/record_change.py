"""Compare each change of a slice with its binding, hold what becomes of it, and count. Pure: no database here.

The order of things is the importer's speed: compare ids and versions first, decode only what is new (`reading`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha1
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from omnisync.agent.coded_message import ASKED_OF_A_PERSON
from omnisync.agent.erp.base import PreparedRecord
from omnisync.agent.erp.upsert.keys import Claim, ErpKey, decode_key
from omnisync.agent.erp.upsert.normalize import read_record
from omnisync.agent.erp.upsert.record_reason import Describe, RecordReason, described
from omnisync.agent.progress import Counts, RowCounts
from omnisync.agent.record_ref import RecordLabel
from omnisync.contract.documents import redact
from omnisync.contract.feed import Change, Outcome, Unreadable, is_unnamed
from omnisync.contract.records import Customer, Order
from omnisync.contract.rules import Fault, canonical_customer

OutcomeGroup = Literal["written", "unchanged", "refused", "waiting", "kept"]
ChangeAction = Literal["none", "read", "insert", "match", "update", "cancel"]


ADOPTED = "found"
"""The hash of a binding made of a row that was found in the ERP: nobody knows which version it holds."""
REINSERT_REQUESTED = "again"
"""The hash of a binding whose record a person wants in the ERP anew, whatever became of its row."""


class Binding(NamedTuple):
    """The stored state of one record. `written_version` is None when no row of it was ever made.

    `origin` tells whether its row was made by us or matched: found in the ERP, or chosen there by a person. An order's
    row is withdrawn while it stands cancelled by us, whatever its outcome became since: it may be opened again.
    """

    id: str
    epoch: str
    version: int
    hash: str
    written_version: int | None
    erp_key: str | None
    erp_number: str | None
    establishment: str
    customer_id: str
    label: str
    merged_into: str | None
    outcome: Outcome
    reason: str | None
    warnings: str | None
    origin: Literal["made", "matched", "withdrawn"] = "made"


class RecordRows(Struct, frozen=True, kw_only=True):
    """The rows that a layout makes of one record: its main one, those of further tables by label, its lines'."""

    main: tuple[object, ...] = ()
    extras: Mapping[str, tuple[object, ...]] = {}
    items: Sequence[tuple[object, ...]] = ()
    payments: Sequence[tuple[object, ...]] = ()


class RecordChange(Struct, frozen=True, kw_only=True):
    """One change on its way into the ERP: begins as a comparison, ends as an outcome.

    A step of the way answers other values and changes none. One that was prepared is decoded only when its record is
    needed.
    """

    change: Change
    binding: Binding | None
    action: ChangeAction = "none"
    outcome_group: OutcomeGroup = "unchanged"
    outcome: Outcome | None = None
    reason: RecordReason | None = None
    warnings: tuple[RecordReason, ...] = ()
    needs_save: bool = False
    purge_personal_data: bool = False
    record: Customer | Order | None = None
    prepared: PreparedRecord | None = None
    customer_key: str | None = None
    erp_key: str | None = None
    erp_number: str | None = None
    is_matched: bool = False
    is_reopened: bool = False
    """Whether its row stands cancelled by us: an edit opens it again."""
    keys: Mapping[str, ErpKey] = {}
    """Keys of this record's rows, and of its customer's, by the names a layout gives them."""
    rows: RecordRows = RecordRows()

    @property
    def was_written(self) -> bool:
        """Return whether an earlier version of the record got a row in the ERP."""
        return self.binding is not None and self.binding.written_version is not None

    @property
    def is_read(self) -> bool:
        """Return whether what the change says is known and sound in form."""
        return self.record is not None or self.prepared is not None

    @property
    def customer(self) -> Customer | None:
        """The customer that was read."""
        content = self.content
        return content if isinstance(content, Customer) else None

    @property
    def order(self) -> Order | None:
        """The order that was read."""
        content = self.content
        return content if isinstance(content, Order) else None

    @property
    def content(self) -> Customer | Order | None:
        """The record that was read; decoded at each call where it was prepared."""
        if self.record is not None or self.prepared is None:
            return self.record
        record, _ = read_record(self.change)
        canonical = canonical_customer(record) if isinstance(record, Customer) else record
        assert not isinstance(canonical, Fault), "a prepared record is sound"
        return canonical

    @property
    def label(self) -> str:
        """Return what a person knows the record by."""
        if self.prepared is not None:
            return self.prepared.label
        if isinstance(self.record, Order):
            return self.record.number
        if self.record is not None:
            return redact(self.record.name)
        return self.binding.label if self.binding is not None else ""

    @property
    def customer_id(self) -> str:
        """The customer that an order names; empty of a customer."""
        if self.prepared is not None:
            return self.prepared.customer_id
        if isinstance(self.record, Order):
            return self.record.customer.id
        return self.binding.customer_id if self.binding is not None else ""

    @property
    def merged_into(self) -> str | None:
        """The customer that this one was merged into; a merged one is never prepared."""
        if isinstance(self.record, Customer):
            return self.record.merged_into
        return self.binding.merged_into if self.binding is not None and self.prepared is None else None

    def ended(self, outcome: Outcome, outcome_group: OutcomeGroup, reason: RecordReason | None = None) -> RecordChange:
        """Return the change with what became of it; its binding is saved with it."""
        return replace(
            self, action="none", outcome=outcome, outcome_group=outcome_group, reason=reason, needs_save=True
        )

    def refused(self, code: str, field: str | None = None, value: str | None = None, **words: object) -> RecordChange:
        """Return the change set aside with a reason."""
        return self.ended("refused", "refused", reason_of(code, self, field, value, **words))

    def left_unchanged(self, code: str, **words: object) -> RecordChange:
        """Return the change as one that leaves the ERP as it is; the reason says why."""
        return self.ended("kept", "kept", reason_of(code, self, **words))

    def warned(self, *warnings: RecordReason) -> RecordChange:
        """Return the change with these warnings beside its own, each once."""
        kept = self.warnings
        for warning in warnings:
            kept = kept if warning in kept else (*kept, warning)
        return replace(self, warnings=kept)


def reason_of(
    code: str, record_change: RecordChange, field: str | None = None, value: str | None = None, /, **words: object
) -> RecordReason:
    """Return a reason with the words of its sentence, the record's own number and name among them."""
    change, label = record_change.change, record_change.label or record_change.change.id
    known: dict[str, object] = {
        "numero": label,
        "codigo": change.id,
        "nome": label,
        "campo": field or "–",
        "registro": RecordLabel(change.kind, label),
        "numero_erp": record_change.erp_number or (record_change.binding.erp_number if record_change.binding else None),
    }
    return RecordReason(code=code, field=field, value=value, words=known | words)


def key_of(record_change: RecordChange) -> ErpKey:
    """Return the key of the record's row in the ERP."""
    key = record_change.erp_key or (record_change.binding.erp_key if record_change.binding is not None else None)
    assert key is not None
    return decode_key(key)


def claim_for(record_change: RecordChange) -> Claim:
    """Return the row that an update of this record would change."""
    is_matched = record_change.binding is not None and record_change.binding.origin == "matched"
    return Claim(record_change.change.id, key_of(record_change), is_matched)


def claim_of(binding: Binding) -> Claim | None:
    """Return the row that a record is bound to; None where it never had one."""
    return Claim(binding.id, decode_key(binding.erp_key), binding.origin == "matched") if binding.erp_key else None


def has_own_row(customer: Binding) -> bool:
    """Return whether a customer has a row that may be billed; not while a person is asked which one it is."""
    if customer.erp_key is None or customer.written_version is None:
        return False
    reason = stored_reason(customer) if customer.outcome == "refused" else None
    return reason is None or reason.code not in ASKED_OF_A_PERSON


def compare(
    changes: Iterable[Change], bindings: Mapping[str, Binding], epoch: str, *, retrying: bool
) -> list[RecordChange]:
    """Return each change compared by its id and version alone; `action` is "read" where the record must be
    decoded.

    Newer wins, equal is the same, older is ignored. A binding of another epoch (the hub was restored from a backup,
    its versions may have gone back) is compared by the hash of the raw record instead.
    """
    record_changes = []
    for change in changes:
        binding = bindings.get(change.id)
        if binding is None or _is_new_version(change, binding, epoch, retrying=retrying):
            record_changes.append(RecordChange(change=change, binding=binding, action="read"))
        else:
            record_changes.append(_known_change(change, binding, epoch))
    return record_changes


def _known_change(change: Change, binding: Binding, epoch: str) -> RecordChange:
    """Return a change that says nothing new. The binding of another epoch is saved again, under this one."""
    group = _repeated_group(change, binding.version, binding.outcome)
    if binding.epoch == epoch:
        return RecordChange(change=change, binding=binding, outcome_group=group)
    return RecordChange(
        change=change,
        binding=binding,
        outcome_group=group,
        outcome=binding.outcome,
        reason=stored_reason(binding),
        warnings=stored_warnings(binding),
        needs_save=True,
    )


class KnownVersion(NamedTuple):
    """The columns of a binding that tell whether a change is news."""

    epoch: str
    version: int
    outcome: Outcome


def unchanged_group(change: Change, known: KnownVersion, epoch: str, *, retrying: bool) -> OutcomeGroup | None:
    """Return how a change is counted that says nothing new; None where its whole binding must be looked at."""
    if known.epoch != epoch or change.version > known.version or (retrying and known.outcome == "waiting"):
        return None
    return _repeated_group(change, known.version, known.outcome)


def _is_new_version(change: Change, binding: Binding, epoch: str, *, retrying: bool) -> bool:
    if retrying and binding.outcome == "waiting":
        return True
    if binding.epoch != epoch:
        return hash_of(change) != binding.hash
    return change.version > binding.version


def _repeated_group(change: Change, version: int, outcome: Outcome) -> OutcomeGroup:
    """Return how a change that came before is counted: what did not enter is still not in."""
    if change.version >= version and outcome in ("refused", "waiting"):
        return "refused" if outcome == "refused" else "waiting"
    return "unchanged"


def stored_reason(binding: Binding) -> RecordReason | None:
    """Return the reason kept in a binding."""
    return msgspec.json.decode(binding.reason, type=RecordReason) if binding.reason else None


def stored_warnings(binding: Binding) -> tuple[RecordReason, ...]:
    """Return the warnings kept in a binding."""
    return msgspec.json.decode(binding.warnings, type=tuple[RecordReason, ...]) if binding.warnings else ()


def hash_of(change: Change) -> str:
    """sha1 of the record's raw JSON, as received; of what became of it when it has none."""
    told = f"{change.reason} {change.to}".encode() if change.op == "delete" else change.data
    return sha1(told, usedforsecurity=False).hexdigest()


def unreadable_change(
    unreadable: Unreadable, binding: Binding | None, *, retrying: bool, now: datetime
) -> RecordChange:
    """Return a change that cannot be read, refused by its id or its place; ignored when a newer version was met."""
    known = binding.version if binding is not None else 0
    version = max(unreadable.version, known) if retrying else unreadable.version
    change = Change(kind=unreadable.kind, op="upsert", id=unreadable.id, version=version, changed_at=now)
    record_change = RecordChange(change=change, binding=binding)
    if version < known:
        return record_change
    label = "" if is_unnamed(change.id) else record_change.label or change.id
    return record_change.refused("record_unreadable", campo=unreadable.why, registro=RecordLabel(change.kind, label))


def count(record_changes: Iterable[RecordChange]) -> Counts:
    """Return rows by noun and outcome group."""
    return count_groups((record_change.change, record_change.outcome_group) for record_change in record_changes)


def count_groups(changes: Iterable[tuple[Change, OutcomeGroup]]) -> Counts:
    """Return rows by noun and outcome group. An order counts with the items and payments the hub announced; a delete
    as one.
    """
    customers: dict[str, int] = {}
    orders: dict[str, int] = {}
    items: dict[str, int] = {}
    payments: dict[str, int] = {}
    for change, bucket in changes:
        if change.kind == "customer":
            customers[bucket] = customers.get(bucket, 0) + 1
            continue
        orders[bucket] = orders.get(bucket, 0) + 1
        if change.op != "delete":
            items[bucket] = items.get(bucket, 0) + change.n_items
            payments[bucket] = payments.get(bucket, 0) + change.n_payments
    return Counts(
        customers=RowCounts(**customers),
        orders=RowCounts(**orders),
        items=RowCounts(**items),
        payments=RowCounts(**payments),
    )


def with_sentences(record_changes: Sequence[RecordChange], describe: Describe) -> list[RecordChange]:
    """Return the changes with the sentences of their reasons and warnings, made once, before they are stored."""
    return [
        replace(
            v,
            reason=described(v.reason, describe) if v.reason is not None else None,
            warnings=tuple(described(one, describe) for one in v.warnings),
        )
        if v.reason is not None or v.warnings
        else v
        for v in record_changes
    ]
