"""Decode, normalize and check changes, and resolve the customers of orders. Pure: no database here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from omnisync.agent.erp.base import Slice
from omnisync.agent.erp.upsert.normalize import read_record
from omnisync.agent.erp.upsert.record_change import Binding, RecordChange, has_own_row, reason_of, stored_reason
from omnisync.agent.erp.upsert.record_reason import RecordReason
from omnisync.agent.record_ref import RecordLabel
from omnisync.contract.documents import redact
from omnisync.contract.feed import UNDECODABLE
from omnisync.contract.records import Order, odd_moment
from omnisync.contract.rules import (
    UNCOUNTABLE,
    UNSUMMED,
    Fault,
    adjusted,
    canonical_customer,
    order_faults,
    order_warnings,
)


def read_customers(record_changes: Sequence[RecordChange]) -> None:
    """Decode, clean and weigh the customers to be read; each ends refused, or with an action."""
    for record_change in record_changes:
        if record_change.action != "read":
            continue
        if record_change.change.op == "delete":
            _purge(record_change)
        elif record_change.prepared is not None:
            record_change.action = "update" if record_change.was_written else "insert"
        elif _decode(record_change):
            _check_customer(record_change)


def read_orders(
    record_changes: Sequence[RecordChange], part: Slice, here: frozenset[str], *, adjusts_centavo: bool = False
) -> None:
    """Decode, clean and weigh the orders to be read; `here` are the connection's establishments.

    Their customers are looked up afterwards: `resolve_customers`.
    """
    for record_change in record_changes:
        if record_change.action != "read" or record_change.prepared is not None:
            continue
        if record_change.change.op == "delete":
            _delete_order(record_change, here)
        elif (
            _decode(record_change)
            and record_change.order is not None
            and record_change.order.establishment_code != part.establishment
        ):
            _set_aside(record_change, part, record_change.order.establishment_code, here)
    read = [v for v in record_changes if v.action == "read" and v.prepared is None and v.order is not None]
    faults = order_faults([v.order for v in read if v.order is not None])
    for record_change, fault in zip(read, faults, strict=True):
        if fault is not None and not (adjusts_centavo and fault.code in UNSUMMED and _adjust_centavo(record_change)):
            _refuse_for(record_change, fault)
    accepted = [v for v in read if v.action == "read"]
    for record_change, warnings in zip(accepted, order_warnings([v.order for v in accepted if v.order]), strict=True):
        record_change.warnings += tuple(_reason_for(record_change, warning) for warning in warnings)


def _set_aside(record_change: RecordChange, part: Slice, code: str, here: frozenset[str]) -> None:
    """An order that is not of this stream's establishment."""
    if part.expected is not None:
        record_change.refuse("establishment_differs", "establishment_code", codigo=code)
    elif code in here:
        # Moved while it waited: its new stream brings it.
        record_change.action, record_change.outcome_group, record_change.record = "none", "waiting", None
    else:
        # The delete of its old stream may have been read long ago: nothing else would end the waiting.
        _cancel(record_change)


def _decode(record_change: RecordChange) -> bool:
    try:
        record_change.record, record_change.warnings = read_record(record_change.change)
    except UNDECODABLE as error:
        _refuse_unread(record_change, str(error))
        return False
    except UNCOUNTABLE:
        record_change.refuse("value_uncountable")
        return False
    if record_change.record.id != record_change.change.id:
        record_change.refuse("record_unreadable", "id")
        return False
    if isinstance(record_change.record, Order) and (moment := odd_moment(record_change.record)):
        record_change.refuse("moment_invalid", moment)
        return False
    return True


class _OrderNumber(Struct):
    number: object = None


def _refuse_unread(record_change: RecordChange, why: str) -> None:
    what, _, path = why.rpartition(" - at `$")
    field = path.strip("`.") if what else None
    code = "hub_changed_shape" if why.startswith("Invalid enum value") else "record_unreadable"
    try:
        number = msgspec.json.decode(record_change.change.data, type=_OrderNumber).number
    except UNDECODABLE:
        number = None
    label = number if isinstance(number, str) and len(number) <= 20 else record_change.change.id
    registro = RecordLabel(record_change.change.kind, label)
    record_change.refuse(code, field, campo=field or "formato", registro=registro, numero=label)


def _adjust_centavo(record_change: RecordChange) -> bool:
    """Return whether a centavo on its largest item mended the order; it then enters with a warning."""
    assert record_change.order is not None
    try:
        made = adjusted(record_change.order)
    except UNCOUNTABLE:
        return False
    if made is not None:
        record_change.record, warning = made
        record_change.warnings += (_reason_for(record_change, warning),)
    return made is not None


def _refuse_for(record_change: RecordChange, fault: Fault) -> None:
    record_change.finish("refused", "refused", _reason_for(record_change, fault))


def _reason_for(record_change: RecordChange, fault: Fault) -> RecordReason:
    return reason_of(fault.code, record_change, fault.field, fault.value, **fault.words)


def _check_customer(record_change: RecordChange) -> None:
    assert record_change.customer is not None
    canonical = canonical_customer(record_change.customer)
    if isinstance(canonical, Fault):
        _refuse_for(record_change, canonical)
        return
    record_change.record = canonical
    if canonical.merged_into:
        record_change.warnings += (reason_of("customer_merged", record_change),)
        if not record_change.was_written:
            record_change.finish("unchanged", "unchanged")
            return
    record_change.action = "update" if record_change.was_written else "insert"


def _purge(record_change: RecordChange) -> None:
    """Deleted at the hub: what we hold of it is purged, the ERP keeps its own."""
    record_change.purge_personal_data = True
    record_change.finish("kept", "kept" if record_change.was_written else "unchanged")


def _delete_order(record_change: RecordChange, here: frozenset[str]) -> None:
    """Erased, or moved; a move that is older than the binding was dropped before, wherever it stood.

    The establishment of the binding decides nothing: between two runs an order may pass through several.
    """
    change = record_change.change
    if change.reason != "moved":
        _purge(record_change)
    elif change.to in here:
        # Its upsert in the other stream has this same version: the binding stays as it is, so that it is still newer.
        record_change.action = "none"
    elif record_change.was_written:
        record_change.action = "cancel"
    else:
        record_change.finish("cancelled", "unchanged")


def resolve_customers(
    record_changes: Sequence[RecordChange], customers: Mapping[str, Binding], *, has_customers: bool = True
) -> None:
    """Give each read order its ERP customer, or let it wait with the reason of that customer.

    An ERP without a table of customers takes them from the orders.
    """
    for record_change in record_changes:
        if record_change.action != "read" or not record_change.is_read:
            continue
        if isinstance(record_change.record, Order) and record_change.record.status == "cancelled":
            _cancel(record_change)
            continue
        customer = merged_target(record_change.customer_id, customers)
        if has_customers and (customer is None or not has_own_row(customer)):
            _wait(record_change, customer)
        else:
            record_change.customer_key = customer.erp_key if customer is not None and has_customers else None
            record_change.action = "update" if record_change.was_written else "insert"


def merged_target(customer_id: str, customers: Mapping[str, Binding]) -> Binding | None:
    """Return the customer's binding, or that of the customer it was merged into."""
    seen: set[str] = set()
    binding = customers.get(customer_id)
    while binding is not None and binding.merged_into and binding.id not in seen:
        seen.add(binding.id)
        binding = customers.get(binding.merged_into)
    return binding


def _cancel(record_change: RecordChange) -> None:
    if record_change.was_written:
        record_change.action = "cancel"
    else:
        record_change.finish("cancelled", "unchanged")


def _wait(record_change: RecordChange, customer: Binding | None) -> None:
    order = record_change.order
    assert order is not None
    if customer is not None and customer.outcome == "kept":
        record_change.refuse("customer_deleted", "customer.id", order.customer.id)
        return
    why = stored_reason(customer) if customer is not None else None
    code = "customer_missing" if why is None else "customer_waiting"
    wait_for_customer(record_change, code, motivo=why.message if why is not None else None)


def wait_for_customer(record_change: RecordChange, code: str, **words: object) -> None:
    """Let an order wait with a reason that names its customer."""
    order = record_change.order
    assert order is not None
    name = redact(order.customer.name or order.customer.id)
    record_change.finish(
        "waiting", "waiting", reason_of(code, record_change, "customer.id", order.customer.id, nome=name, **words)
    )
