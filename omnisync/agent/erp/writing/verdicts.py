"""What is to become of each change of a slice: compared with its binding, read, weighed. Pure: no database here.

The order of things is the importer's speed: compare ids and versions first, decode only what is new.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha1
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

from omnisync.agent import texts
from omnisync.agent.counts import Counts, Tally
from omnisync.agent.erp.base import Slice
from omnisync.agent.erp.writing.cleaning import clean_customer, clean_order
from omnisync.agent.erp.writing.keys import Key, parted
from omnisync.contract.documents import redact
from omnisync.contract.feed import UNDECODABLE, Change, Outcome, Reason, Unreadable, is_place
from omnisync.contract.records import Customer, Order, decode_customer, decode_order
from omnisync.contract.rules import UNSUMMED, Fault, adjusted, canonical_customer, order_faults, order_warnings

Bucket = Literal["written", "unchanged", "refused", "waiting", "kept"]
Action = Literal["none", "read", "insert", "match", "update", "cancel"]


FOUND = "found"
"""The hash of a binding made of a row that was found in the ERP: nobody knows which version it holds."""
ASKED_AGAIN = "again"
"""The hash of a binding whose record a person wants in the ERP anew, whatever became of its row."""


class Binding(NamedTuple):
    """What is remembered of one record. `written_version` is None when no row of it was ever made.

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


class Verdict(Struct, kw_only=True):
    """One change on its way into the ERP. Begins as a comparison, ends as an outcome."""

    change: Change
    binding: Binding | None
    action: Action = "none"
    bucket: Bucket = "unchanged"
    outcome: Outcome | None = None
    reason: Reason | None = None
    warnings: tuple[Reason, ...] = ()
    is_saved: bool = False
    is_forgotten: bool = False
    customer: Customer | None = None
    order: Order | None = None
    customer_key: str | None = None
    erp_key: str | None = None
    erp_number: str | None = None
    is_matched: bool = False
    keys: dict[str, Key] = {}
    """Keys of this record's rows, and of its customer's, by the names a layout gives them."""
    row: tuple[object, ...] = ()
    extra_rows: dict[str, tuple[object, ...]] = {}
    item_rows: Sequence[tuple[object, ...]] = ()
    payment_rows: Sequence[tuple[object, ...]] = ()

    @property
    def was_written(self) -> bool:
        """Whether an earlier version of the record got a row in the ERP."""
        return self.binding is not None and self.binding.written_version is not None

    @property
    def label(self) -> str:
        """What a person knows the record by."""
        if self.order is not None:
            return self.order.number
        if self.customer is not None:
            return redact(self.customer.name)
        return self.binding.label if self.binding is not None else ""

    def end(self, outcome: Outcome, bucket: Bucket, reason: Reason | None = None) -> None:
        """Fix what becomes of the change; its binding is saved with it."""
        self.action = "none"
        self.outcome, self.bucket, self.reason, self.is_saved = outcome, bucket, reason, True

    def refuse(self, code: str, field: str | None = None, value: str | None = None, **words: object) -> None:
        """Set the record aside with a reason."""
        self.end("refused", "refused", reason_of(code, self, field, value, **words))


def reason_of(
    code: str, verdict: Verdict, field: str | None = None, value: str | None = None, /, **words: object
) -> Reason:
    """A reason with its sentence, the record's own number and name filled in."""
    change, label = verdict.change, verdict.label or verdict.change.id
    known: dict[str, object] = {
        "numero": label,
        "codigo": change.id,
        "nome": label,
        "campo": field or "–",
        "registro": f"{texts.KINDS[change.kind].lower()} {label}",
        "numero_erp": verdict.erp_number or (verdict.binding.erp_number if verdict.binding else None),
    }
    message = texts.sentence(code, **(known | words))
    return Reason(code=code, field=field, value=value, message=redact(message)[:600])


def key_of(verdict: Verdict) -> Key:
    """The key of the record's row in the ERP."""
    key = verdict.erp_key or (verdict.binding.erp_key if verdict.binding is not None else None)
    assert key is not None
    return parted(key)


def keep(verdict: Verdict, code: str, **words: object) -> None:
    """The ERP stays as it is; the reason says why."""
    verdict.end("kept", "kept", reason_of(code, verdict, **words))


def compare(changes: Iterable[Change], bindings: Mapping[str, Binding], epoch: str, *, retrying: bool) -> list[Verdict]:
    """A verdict for each change by its id and version alone; `action` is "read" where the record must be decoded.

    Newer wins, equal is the same, older is ignored. A binding of another epoch (the hub was restored from a backup,
    its versions may have gone back) is compared by the hash of the raw record instead.
    """
    verdicts = []
    for change in changes:
        binding = bindings.get(change.id)
        verdict = Verdict(change=change, binding=binding)
        if binding is None or _is_news(change, binding, epoch, retrying=retrying):
            verdict.action = "read"
        else:
            _count_again(verdict, binding)
            if binding.epoch != epoch:
                verdict.outcome, verdict.is_saved = binding.outcome, True
                verdict.reason = stored_reason(binding)
                verdict.warnings = stored_warnings(binding)
        verdicts.append(verdict)
    return verdicts


def _is_news(change: Change, binding: Binding, epoch: str, *, retrying: bool) -> bool:
    if retrying and binding.outcome == "waiting":
        return True
    if binding.epoch != epoch:
        return hash_of(change) != binding.hash
    return change.version > binding.version


def _count_again(verdict: Verdict, binding: Binding) -> None:
    if verdict.change.version >= binding.version and binding.outcome in ("refused", "waiting"):
        verdict.bucket = "refused" if binding.outcome == "refused" else "waiting"


def stored_reason(binding: Binding) -> Reason | None:
    """The reason kept in a binding."""
    return msgspec.json.decode(binding.reason, type=Reason) if binding.reason else None


def stored_warnings(binding: Binding) -> tuple[Reason, ...]:
    """The warnings kept in a binding."""
    return msgspec.json.decode(binding.warnings, type=tuple[Reason, ...]) if binding.warnings else ()


def hash_of(change: Change) -> str:
    """sha1 of the record's raw JSON, as received; of what became of it when it has none."""
    told = f"{change.reason} {change.to}".encode() if change.op == "delete" else change.data
    return sha1(told, usedforsecurity=False).hexdigest()


def unreadable_verdict(unreadable: Unreadable, binding: Binding | None, *, retrying: bool, now: datetime) -> Verdict:
    """A change that cannot be read, refused by its id or its place; ignored when a newer version was met."""
    known = binding.version if binding is not None else 0
    version = max(unreadable.version, known) if retrying else unreadable.version
    change = Change(kind=unreadable.kind, op="upsert", id=unreadable.id, version=version, changed_at=now)
    verdict = Verdict(change=change, binding=binding)
    if version >= known:
        words = {"registro": f"{texts.KINDS[change.kind].lower()} sem identificação"} if is_place(change.id) else {}
        verdict.refuse("record_unreadable", campo=unreadable.why, **words)
    return verdict


# --- reading


def read_customers(verdicts: Sequence[Verdict]) -> None:
    """Decode, clean and weigh the customers to be read; each ends refused, or with an action."""
    for verdict in verdicts:
        if verdict.action != "read":
            continue
        if verdict.change.op == "delete":
            _erase(verdict)
        elif _decode(verdict):
            _weigh_customer(verdict)


def read_orders(
    verdicts: Sequence[Verdict], part: Slice, here: frozenset[str], *, adjusts_centavo: bool = False
) -> None:
    """Decode, clean and weigh the orders to be read; `here` are the connection's establishments.

    Their customers are looked up afterwards: `place`.
    """
    for verdict in verdicts:
        if verdict.action != "read":
            continue
        if verdict.change.op == "delete":
            _delete_order(verdict, here)
        elif _decode(verdict) and verdict.order is not None and verdict.order.establishment_code != part.establishment:
            _set_aside(verdict, part, verdict.order.establishment_code, here)
    read = [v for v in verdicts if v.action == "read" and v.order is not None]
    faults = order_faults([v.order for v in read if v.order is not None])
    for verdict, fault in zip(read, faults, strict=True):
        if fault is not None and not (adjusts_centavo and fault.code in UNSUMMED and _adjust(verdict)):
            _refuse_for(verdict, fault)
    accepted = [v for v in read if v.action == "read"]
    for verdict, warnings in zip(accepted, order_warnings([v.order for v in accepted if v.order]), strict=True):
        verdict.warnings += tuple(_reason_for(verdict, warning) for warning in warnings)


def _set_aside(verdict: Verdict, part: Slice, code: str, here: frozenset[str]) -> None:
    """An order that is not of this stream's establishment."""
    if part.expected is not None:
        verdict.refuse("establishment_differs", "establishment_code", codigo=code)
    elif code in here:
        # Moved while it waited: its new stream brings it.
        verdict.action, verdict.bucket, verdict.order = "none", "waiting", None
    else:
        # The delete of its old stream may have been read long ago: nothing else would end the waiting.
        _cancel(verdict)


def _decode(verdict: Verdict) -> bool:
    change = verdict.change
    try:
        if change.kind == "customer":
            verdict.customer, verdict.warnings = clean_customer(decode_customer(change.data), change.data)
        else:
            verdict.order = clean_order(decode_order(change.data), change.data)
    except UNDECODABLE as error:
        _refuse_unread(verdict, str(error))
        return False
    record = verdict.customer or verdict.order
    if record is not None and record.id != change.id:
        verdict.refuse("record_unreadable", "id")
        return False
    return True


class _Names(Struct):
    number: object = None


def _refuse_unread(verdict: Verdict, why: str) -> None:
    what, _, path = why.rpartition(" - at `$")
    field = path.strip("`.") if what else None
    code = "hub_changed_shape" if why.startswith("Invalid enum value") else "record_unreadable"
    try:
        number = msgspec.json.decode(verdict.change.data, type=_Names).number
    except UNDECODABLE:
        number = None
    label = number if isinstance(number, str) and len(number) <= 20 else verdict.change.id
    kind = texts.KINDS[verdict.change.kind].lower()
    verdict.refuse(code, field, campo=field or "formato", registro=f"{kind} {label}", numero=label)


def _adjust(verdict: Verdict) -> bool:
    """Whether a centavo on its largest item mended the order; it then enters with a warning."""
    assert verdict.order is not None
    made = adjusted(verdict.order)
    if made is not None:
        verdict.order, warning = made
        verdict.warnings += (_reason_for(verdict, warning),)
    return made is not None


def _refuse_for(verdict: Verdict, fault: Fault) -> None:
    verdict.end("refused", "refused", _reason_for(verdict, fault))


def _reason_for(verdict: Verdict, fault: Fault) -> Reason:
    amounts = {name: texts.money(fault.words[name]) for name in ("total", "soma") if name in fault.words}
    return reason_of(fault.code, verdict, fault.field, fault.value, **(fault.words | amounts))


def _weigh_customer(verdict: Verdict) -> None:
    assert verdict.customer is not None
    canonical = canonical_customer(verdict.customer)
    if isinstance(canonical, Fault):
        _refuse_for(verdict, canonical)
        return
    verdict.customer = canonical
    if canonical.merged_into:
        verdict.warnings += (reason_of("customer_merged", verdict),)
        if not verdict.was_written:
            verdict.end("unchanged", "unchanged")
            return
    verdict.action = "update" if verdict.was_written else "insert"


def _erase(verdict: Verdict) -> None:
    """Deleted at the hub: what we hold of it is purged, the ERP keeps its own."""
    verdict.is_forgotten = True
    verdict.end("kept", "kept" if verdict.was_written else "unchanged")


def _delete_order(verdict: Verdict, here: frozenset[str]) -> None:
    """Erased, or moved; a move that is older than the binding was dropped before, wherever it stood.

    The establishment of the binding decides nothing: between two runs an order may pass through several.
    """
    change = verdict.change
    if change.reason != "moved":
        _erase(verdict)
    elif change.to in here:
        # Its upsert in the other stream has this same version: the binding stays as it is, so that it is still newer.
        verdict.action = "none"
    elif verdict.was_written:
        verdict.action = "cancel"
    else:
        verdict.end("cancelled", "unchanged")


# --- placing orders on their customers


def place(verdicts: Sequence[Verdict], customers: Mapping[str, Binding], *, has_customers: bool = True) -> None:
    """Give each read order its ERP customer, or let it wait with the reason of that customer.

    An ERP without a table of customers takes them from the orders.
    """
    for verdict in verdicts:
        order = verdict.order
        if verdict.action != "read" or order is None:
            continue
        if order.status == "cancelled":
            _cancel(verdict)
            continue
        customer = effective(order.customer.id, customers)
        has_row = customer is not None and customer.erp_key is not None and customer.written_version is not None
        if has_customers and not has_row:
            _wait(verdict, order, customer)
        else:
            verdict.customer_key = customer.erp_key if customer is not None and has_customers else None
            verdict.action = "update" if verdict.was_written else "insert"


def effective(customer_id: str, customers: Mapping[str, Binding]) -> Binding | None:
    """The customer's binding, or that of the customer it was merged into."""
    seen: set[str] = set()
    binding = customers.get(customer_id)
    while binding is not None and binding.merged_into and binding.id not in seen:
        seen.add(binding.id)
        binding = customers.get(binding.merged_into)
    return binding


def _cancel(verdict: Verdict) -> None:
    if verdict.was_written:
        verdict.action = "cancel"
    else:
        verdict.end("cancelled", "unchanged")


def _wait(verdict: Verdict, order: Order, customer: Binding | None) -> None:
    if customer is not None and customer.outcome == "kept":
        verdict.refuse("customer_deleted", "customer.id", order.customer.id)
        return
    name = redact(order.customer.name or order.customer.id)
    why = stored_reason(customer) if customer is not None else None
    code = "customer_missing" if why is None else "customer_waiting"
    motive = why.message if why is not None else None
    reason = reason_of(code, verdict, "customer.id", order.customer.id, nome=name, motivo=motive)
    verdict.end("waiting", "waiting", reason)


# --- counting


def count(verdicts: Iterable[Verdict]) -> Counts:
    """Rows by noun and bucket. An order counts with the items and payments the hub announced; a delete as one."""
    customers: dict[str, int] = {}
    orders: dict[str, int] = {}
    items: dict[str, int] = {}
    payments: dict[str, int] = {}
    for verdict in verdicts:
        change, bucket = verdict.change, verdict.bucket
        if change.kind == "customer":
            customers[bucket] = customers.get(bucket, 0) + 1
            continue
        orders[bucket] = orders.get(bucket, 0) + 1
        if change.op != "delete":
            items[bucket] = items.get(bucket, 0) + change.n_items
            payments[bucket] = payments.get(bucket, 0) + change.n_payments
    return Counts(
        customers=Tally(**customers), orders=Tally(**orders), items=Tally(**items), payments=Tally(**payments)
    )
