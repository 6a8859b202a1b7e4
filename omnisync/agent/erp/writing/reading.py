"""Changes read, cleaned and weighed, and orders placed on their customers. Pure: no database here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from omnisync.agent.erp.base import Slice
from omnisync.agent.erp.writing.cleaning import read_record
from omnisync.agent.erp.writing.verdicts import Binding, Verdict, reason_of, stored_reason
from omnisync.agent.messages import texts
from omnisync.contract.documents import redact
from omnisync.contract.feed import UNDECODABLE, Reason
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


def read_customers(verdicts: Sequence[Verdict]) -> None:
    """Decode, clean and weigh the customers to be read; each ends refused, or with an action."""
    for verdict in verdicts:
        if verdict.action != "read":
            continue
        if verdict.change.op == "delete":
            _erase(verdict)
        elif verdict.prepared is not None:
            verdict.action = "update" if verdict.was_written else "insert"
        elif _decode(verdict):
            _weigh_customer(verdict)


def read_orders(
    verdicts: Sequence[Verdict], part: Slice, here: frozenset[str], *, adjusts_centavo: bool = False
) -> None:
    """Decode, clean and weigh the orders to be read; `here` are the connection's establishments.

    Their customers are looked up afterwards: `place`.
    """
    for verdict in verdicts:
        if verdict.action != "read" or verdict.prepared is not None:
            continue
        if verdict.change.op == "delete":
            _delete_order(verdict, here)
        elif _decode(verdict) and verdict.order is not None and verdict.order.establishment_code != part.establishment:
            _set_aside(verdict, part, verdict.order.establishment_code, here)
    read = [v for v in verdicts if v.action == "read" and v.prepared is None and v.order is not None]
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
        verdict.action, verdict.bucket, verdict.record = "none", "waiting", None
    else:
        # The delete of its old stream may have been read long ago: nothing else would end the waiting.
        _cancel(verdict)


def _decode(verdict: Verdict) -> bool:
    try:
        verdict.record, verdict.warnings = read_record(verdict.change)
    except UNDECODABLE as error:
        _refuse_unread(verdict, str(error))
        return False
    except UNCOUNTABLE:
        verdict.refuse("value_uncountable")
        return False
    if verdict.record.id != verdict.change.id:
        verdict.refuse("record_unreadable", "id")
        return False
    if isinstance(verdict.record, Order) and (moment := odd_moment(verdict.record)):
        verdict.refuse("moment_invalid", moment)
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
    try:
        made = adjusted(verdict.order)
    except UNCOUNTABLE:
        return False
    if made is not None:
        verdict.record, warning = made
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
    verdict.record = canonical
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
        if verdict.action != "read" or not verdict.is_read:
            continue
        if isinstance(verdict.record, Order) and verdict.record.status == "cancelled":
            _cancel(verdict)
            continue
        customer = effective(verdict.customer_id, customers)
        has_row = customer is not None and customer.erp_key is not None and customer.written_version is not None
        if has_customers and not has_row:
            _wait(verdict, customer)
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


def _wait(verdict: Verdict, customer: Binding | None) -> None:
    order = verdict.order
    assert order is not None
    if customer is not None and customer.outcome == "kept":
        verdict.refuse("customer_deleted", "customer.id", order.customer.id)
        return
    why = stored_reason(customer) if customer is not None else None
    code = "customer_missing" if why is None else "customer_waiting"
    wait_for_customer(verdict, code, motivo=why.message if why is not None else None)


def wait_for_customer(verdict: Verdict, code: str, **words: object) -> None:
    """Let an order wait with a reason that names its customer."""
    order = verdict.order
    assert order is not None
    name = redact(order.customer.name or order.customer.id)
    verdict.end("waiting", "waiting", reason_of(code, verdict, "customer.id", order.customer.id, nome=name, **words))
