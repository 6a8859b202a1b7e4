"""Decode, normalize and check changes, and resolve the customers of orders. Pure: no database here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from omnisync.agent.erp.base import Slice
from omnisync.agent.erp.upsert.normalize import read_record
from omnisync.agent.erp.upsert.record_change import Binding, RecordChange, has_own_row, reason_of, stored_reason
from omnisync.agent.erp.upsert.record_reason import RecordReason
from omnisync.agent.record_ref import RecordLabel
from omnisync.contract.documents import redact
from omnisync.contract.feed import UNDECODABLE
from omnisync.contract.records import Customer, Order, odd_moment
from omnisync.contract.rules import (
    UNCOUNTABLE,
    UNSUMMED,
    Fault,
    adjusted,
    canonical_customer,
    order_faults,
    order_warnings,
)


def read_customers(record_changes: Sequence[RecordChange]) -> list[RecordChange]:
    """Decode, clean and check the customers to be read; each ends refused, or with an action."""
    return [_read_customer(v) if v.action == "read" else v for v in record_changes]


def _read_customer(record_change: RecordChange) -> RecordChange:
    if record_change.change.op == "delete":
        return _purged(record_change)
    if record_change.prepared is not None:
        return _to_be_written(record_change)
    return _checked_customer(_decoded(record_change))


def _checked_customer(record_change: RecordChange) -> RecordChange:
    if record_change.action != "read":
        return record_change
    assert isinstance(record_change.record, Customer)
    canonical = canonical_customer(record_change.record)
    if isinstance(canonical, Fault):
        return _refused_for(record_change, canonical)
    record_change = replace(record_change, record=canonical)
    if canonical.merged_into:
        record_change = record_change.warned(reason_of("customer_merged", record_change))
        if not record_change.was_written:
            return record_change.ended("unchanged", "unchanged")
    return _to_be_written(record_change)


def _to_be_written(record_change: RecordChange) -> RecordChange:
    return replace(record_change, action="update" if record_change.was_written else "insert")


def read_orders(
    record_changes: Sequence[RecordChange], part: Slice, here: frozenset[str], *, adjusts_centavo: bool = False
) -> list[RecordChange]:
    """Decode, clean and check the orders to be read; `here` are the connection's establishments.

    Their customers are looked up afterwards: `resolve_customers`.
    """
    read = [_read_order(v, part, here) if _is_to_be_decoded(v) else v for v in record_changes]
    places = [i for i, v in enumerate(read) if _is_to_be_decoded(v)]
    for i, fault in zip(places, order_faults([_order_in(read[i]) for i in places]), strict=True):
        if fault is not None:
            read[i] = _with_fault(read[i], fault, adjusts_centavo=adjusts_centavo)
    places = [i for i in places if read[i].action == "read"]
    for i, warnings in zip(places, order_warnings([_order_in(read[i]) for i in places]), strict=True):
        if warnings:
            read[i] = read[i].warned(*(_reason_for(read[i], warning) for warning in warnings))
    return read


def _is_to_be_decoded(record_change: RecordChange) -> bool:
    return record_change.action == "read" and record_change.prepared is None


def _order_in(record_change: RecordChange) -> Order:
    assert isinstance(record_change.record, Order)
    return record_change.record


def _read_order(record_change: RecordChange, part: Slice, here: frozenset[str]) -> RecordChange:
    if record_change.change.op == "delete":
        return _deleted_order(record_change, here)
    decoded = _decoded(record_change)
    if decoded.action == "read" and _order_in(decoded).establishment_code != part.establishment:
        return _set_aside(decoded, part, _order_in(decoded).establishment_code, here)
    return decoded


def _set_aside(record_change: RecordChange, part: Slice, code: str, here: frozenset[str]) -> RecordChange:
    """Return an order that is not of this stream's establishment."""
    if part.expected is not None:
        return record_change.refused("establishment_differs", "establishment_code", codigo=code)
    if code in here:
        # Moved while it waited: its new stream brings it.
        return replace(record_change, action="none", outcome_group="waiting", record=None)
    # The delete of its old stream may have been read long ago: nothing else would end the waiting.
    return _cancelled(record_change)


def _decoded(record_change: RecordChange) -> RecordChange:
    """Return the change with its record, or refused."""
    try:
        record, warnings = read_record(record_change.change)
    except UNDECODABLE as error:
        return _refused_unread(record_change, str(error))
    except UNCOUNTABLE:
        return record_change.refused("value_uncountable")
    read = replace(record_change, record=record, warnings=warnings)
    if record.id != record_change.change.id:
        return read.refused("record_unreadable", "id")
    if isinstance(record, Order) and (moment := odd_moment(record)):
        return read.refused("moment_invalid", moment)
    return read


class _OrderNumber(Struct):
    number: object = None


def _refused_unread(record_change: RecordChange, why: str) -> RecordChange:
    what, _, path = why.rpartition(" - at `$")
    field = path.strip("`.") if what else None
    code = "hub_changed_shape" if why.startswith("Invalid enum value") else "record_unreadable"
    try:
        number = msgspec.json.decode(record_change.change.data, type=_OrderNumber).number
    except UNDECODABLE:
        number = None
    label = number if isinstance(number, str) and len(number) <= 20 else record_change.change.id
    registro = RecordLabel(record_change.change.kind, label)
    return record_change.refused(code, field, campo=field or "formato", registro=registro, numero=label)


def _with_fault(record_change: RecordChange, fault: Fault, *, adjusts_centavo: bool) -> RecordChange:
    """Return the order refused for its fault; or, where a centavo on its largest item mends it, with a warning."""
    made = _adjusted(_order_in(record_change)) if adjusts_centavo and fault.code in UNSUMMED else None
    if made is None:
        return _refused_for(record_change, fault)
    order, warning = made
    mended = replace(record_change, record=order)
    return mended.warned(_reason_for(mended, warning))


def _adjusted(order: Order) -> tuple[Order, Fault] | None:
    try:
        return adjusted(order)
    except UNCOUNTABLE:
        return None


def _refused_for(record_change: RecordChange, fault: Fault) -> RecordChange:
    return record_change.ended("refused", "refused", _reason_for(record_change, fault))


def _reason_for(record_change: RecordChange, fault: Fault) -> RecordReason:
    return reason_of(fault.code, record_change, fault.field, fault.value, **fault.words)


def _purged(record_change: RecordChange) -> RecordChange:
    """Return what was deleted at the hub: what we hold of it is purged, the ERP keeps its own."""
    kept = record_change.ended("kept", "kept" if record_change.was_written else "unchanged")
    return replace(kept, purge_personal_data=True)


def _deleted_order(record_change: RecordChange, here: frozenset[str]) -> RecordChange:
    """Return an order erased, or moved; a move that is older than the binding was dropped before, wherever it stood.

    The establishment of the binding decides nothing: between two runs an order may pass through several.
    """
    change = record_change.change
    if change.reason != "moved":
        return _purged(record_change)
    if change.to in here:
        # Its upsert in the other stream has this same version: the binding stays as it is, so that it is still newer.
        return replace(record_change, action="none")
    return _cancelled(record_change)


def resolve_customers(
    record_changes: Sequence[RecordChange], customers: Mapping[str, Binding], *, has_customers: bool = True
) -> list[RecordChange]:
    """Give each read order its ERP customer, or let it wait with the reason of that customer.

    An ERP without a table of customers takes them from the orders.
    """
    return [
        _with_customer(v, customers, has_customers=has_customers) if v.action == "read" and v.is_read else v
        for v in record_changes
    ]


def _with_customer(
    record_change: RecordChange, customers: Mapping[str, Binding], *, has_customers: bool
) -> RecordChange:
    if isinstance(record_change.record, Order) and record_change.record.status == "cancelled":
        return _cancelled_with_customer(record_change, customers)
    if not has_customers:
        return _to_be_written(record_change)
    customer = merged_target(record_change.customer_id, customers)
    if customer is None or not has_own_row(customer):
        return _waiting(record_change, customer)
    return replace(_to_be_written(record_change), customer_key=customer.erp_key)


def _cancelled_with_customer(record_change: RecordChange, customers: Mapping[str, Binding]) -> RecordChange:
    """Return an order to be cancelled with the customer its last edit gave it, where that one has a row."""
    customer = merged_target(record_change.customer_id, customers)
    if customer is None or not has_own_row(customer):
        return _cancelled(record_change)
    return replace(_cancelled(record_change), customer_key=customer.erp_key)


def merged_target(customer_id: str, customers: Mapping[str, Binding]) -> Binding | None:
    """Return the customer's binding, or that of the customer it was merged into."""
    seen: set[str] = set()
    binding = customers.get(customer_id)
    while binding is not None and binding.merged_into and binding.id not in seen:
        seen.add(binding.id)
        binding = customers.get(binding.merged_into)
    return binding


def _cancelled(record_change: RecordChange) -> RecordChange:
    if record_change.was_written:
        return replace(record_change, action="cancel")
    return record_change.ended("cancelled", "unchanged")


def _waiting(record_change: RecordChange, customer: Binding | None) -> RecordChange:
    if customer is not None and customer.outcome == "kept":
        order = record_change.order
        assert order is not None
        return record_change.refused("customer_deleted", "customer.id", order.customer.id)
    why = stored_reason(customer) if customer is not None else None
    code = "customer_missing" if why is None else "customer_waiting"
    return waiting_for_customer(record_change, code, motivo=why.message if why is not None else None)


def waiting_for_customer(record_change: RecordChange, code: str, **words: object) -> RecordChange:
    """Return an order that waits, with a reason that names its customer."""
    order = record_change.order
    assert order is not None
    name = redact(order.customer.name or order.customer.id)
    reason = reason_of(code, record_change, "customer.id", order.customer.id, nome=name, **words)
    return record_change.ended("waiting", "waiting", reason)
