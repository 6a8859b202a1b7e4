"""The rules of a record that may enter an ERP: check digits, sums, quantities. Pure.

The first broken rule is the answer. Money: a line may be off by one centavo, sums are exact. We check what the app
calculated, we do not calculate again. Source: docs/contract.md "Rules"; NF-e rejections 610, 629, 851, 865.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta, timezone
from decimal import Decimal
from operator import attrgetter

import msgspec
from msgspec import Struct

from omnisync.contract.documents import tax_id
from omnisync.contract.records import ZERO, Customer, Item, Order, Payment, Totals

CENTAVO = Decimal("0.01")
WITHOUT_PAYMENT = frozenset({"bonus", "exchange", "sample", "consignment"})
"""Order types that may come without payments."""
MAX_INVOICE_ITEMS = 990
"""Items one NF-e takes."""
WESTERNMOST = timezone(timedelta(hours=-5))
"""Acre: what is due before the day of issue here is so everywhere in Brazil."""
PAYMENT_KINDS = frozenset(
    [
        "01",
        "02",
        "03",
        "04",
        "05",
        "10",
        "11",
        "12",
        "13",
        "14",
        "15",
        "16",
        "17",
        "18",
        "19",
        "20",
        "21",
        "22",
        "23",
        "24",
        "90",
        "91",
        "99",
    ]
)
"""The table of tPag (IT 2024.002 v1.11). It grows: a kind that is not in it is new, not wrong."""
FREE = frozenset({"bonus", "exchange", "sample"})
"""Order types whose items may cost nothing."""

UNCOUNTABLE = (ArithmeticError, ValueError)
"""What Python raises of a date or a number that it cannot count with: OverflowError, what `decimal` signals."""

UNSUMMED = frozenset({"totals_mismatch", "total_not_explained"})
"""Faults that a centavo may be all of."""


class Fault(Struct, frozen=True, kw_only=True):
    """A broken rule. `code` names the sentence, `words` fill it; `value` is safe to show."""

    code: str
    field: str | None = None
    value: str | None = None
    words: dict[str, str] = msgspec.field(default_factory=dict)


def canonical_customer(customer: Customer) -> Customer | Fault:
    """Return the customer with its CNPJ/CPF in canonical form, or the fault in it."""
    if customer.document_kind not in ("cnpj", "cpf"):
        return customer
    try:
        kind, canonical = tax_id(customer.document or "")
    except ValueError:
        return Fault(code="tax_id_invalid", field="document")
    if kind != customer.document_kind:
        return Fault(code="tax_id_invalid", field="document_kind", value=customer.document_kind)
    return customer if canonical == customer.document else msgspec.structs.replace(customer, document=canonical)


def order_faults(orders: Sequence[Order]) -> list[Fault | None]:
    """For each order the first rule it breaks, or None.

    A cancelled order is not weighed: it only takes back. The amounts of all orders are looked at together, a column
    at a time (a tenth of the time of looking at each); only a page with an unsound one is looked at order by order.
    """
    weighed = [order for order in orders if order.status != "cancelled"]
    are_sound = not any(map(_amounts_fault, _amount_groups(weighed)))
    return [None if o.status == "cancelled" else _order_fault_of(o, are_sound=are_sound) for o in orders]


def order_warnings(orders: Sequence[Order]) -> list[tuple[Fault, ...]]:
    """For each order what is odd and enters all the same. The kinds of all payments are looked at together."""
    kinds = {payment.method_kind for order in orders for payment in order.payments}
    is_odd = bool(kinds - PAYMENT_KINDS)
    return [_warnings_of(order, has_new_kinds=is_odd) for order in orders]


def _order_fault_of(order: Order, *, are_sound: bool) -> Fault | None:
    try:
        return _order_fault(order, are_amounts_valid=are_sound)
    except UNCOUNTABLE:
        return Fault(code="value_uncountable", field="items")


def _warnings_of(order: Order, *, has_new_kinds: bool) -> tuple[Fault, ...]:
    try:
        return tuple(_order_warnings(order, has_new_kinds=has_new_kinds))
    except UNCOUNTABLE:  # what is odd about it cannot be told; what cannot be written is refused where its row is made
        return ()


def _order_warnings(order: Order, *, has_new_kinds: bool) -> Iterator[Fault]:
    n = len(order.items)
    if n > MAX_INVOICE_ITEMS:
        words = {"n": str(n), "notas": str(-(-n // MAX_INVOICE_ITEMS))}
        yield Fault(code="items_many", field="items", words=words)
    payments = order.payments
    if payments and min(map(_due_on, payments)) < order.issued_at.astimezone(WESTERNMOST).date():
        yield Fault(code="payment_before_issue", field="payments")
    if has_new_kinds:
        for kind in sorted({payment.method_kind for payment in payments} - PAYMENT_KINDS):
            yield Fault(code="payment_kind_new", field="payments.method_kind", value=kind, words={"codigo": kind})


def adjusted(order: Order) -> tuple[Order, Fault] | None:
    """Return the order with one centavo moved on its largest line, where that alone makes its total close; and the
    warning.

    `order` has one of the UNSUMMED faults. The line's gross amount moves with its total; one that may not bear it
    (rejection 629) gives way to the next largest. None where a centavo is not what is wrong, or not all of it.
    """
    t = order.totals
    lines = sum(map(_line_total, order.items), Decimal(0))
    wanted = t.items_amount + t.total_amount - _whole(t)
    cent = wanted - lines
    if abs(cent) != CENTAVO or t.items_amount not in (lines, wanted):
        return None
    for line in sorted(order.items, key=_line_total, reverse=True):
        moved = msgspec.structs.replace(
            line, gross_amount=line.gross_amount + cent, total_amount=line.total_amount + cent
        )
        items = tuple(moved if item is line else item for item in order.items)
        totals = msgspec.structs.replace(t, items_amount=wanted)
        made = msgspec.structs.replace(order, items=items, totals=totals)
        if order_faults([made]) == [None]:
            words = {"total": str(wanted), "soma": str(lines), "linha": str(line.line)}
            return made, Fault(code="centavo_adjusted", field="totals", words=words)
    return None


def _order_fault(order: Order, *, are_amounts_valid: bool) -> Fault | None:
    if order.type == "quote":
        return Fault(code="quote_not_imported", field="type", value="quote")
    if not are_amounts_valid:
        fault = next(filter(None, map(_amounts_fault, _amount_groups([order]))), None)
        if fault is not None:
            return fault
    return _items_fault(order) or _totals_fault(order) or _payments_fault(order)


def _items_fault(order: Order) -> Fault | None:
    is_free = order.type in FREE
    for index, item in enumerate(order.items):
        fault = _item_fault(item, is_free=is_free)
        if fault is not None:
            return Fault(
                code=fault.code,
                field=f"items[{index}].{fault.field}",
                value=fault.value,
                words=fault.words | {"linha": str(item.line)},
            )
    if len({item.id for item in order.items}) < len(order.items):
        return Fault(code="item_repeated", field="items")
    return None


def _item_fault(item: Item, *, is_free: bool) -> Fault | None:
    gross = item.gross_amount
    if not item.quantity:
        return Fault(code="quantity_invalid", field="quantity", value=str(item.quantity))
    if not item.list_price and not item.is_bonus and not is_free:
        return Fault(code="price_zero", field="list_price", value=str(item.list_price))
    if item.discount_amount > gross:
        return Fault(code="discount_above_gross", field="discount_amount", value=str(item.discount_amount))
    if abs(item.quantity * item.list_price - gross) > CENTAVO:
        return Fault(code="line_mismatch", field="gross_amount", value=str(gross))
    if gross - item.discount_amount + item.surcharge_amount + item.ipi_amount + item.st_amount != item.total_amount:
        return Fault(code="line_mismatch", field="total_amount", value=str(item.total_amount))
    percent = item.discount_percent
    if percent and not item.discount_amount and gross * percent >= 1:  # percent of gross is a centavo or more
        return Fault(code="discount_percent_only", field="discount_percent", value=str(percent))
    return None


_line_total = attrgetter("total_amount")
_amount = attrgetter("amount")
_due_on = attrgetter("due_on")


def _totals_fault(order: Order) -> Fault | None:
    t = order.totals
    lines = sum(map(_line_total, order.items), Decimal(0))
    if lines != t.items_amount:
        return _sum_fault("totals_mismatch", "totals.items_amount", t.items_amount, lines)
    whole = _whole(t)
    if whole != t.total_amount:
        return _sum_fault("total_not_explained", "totals.total_amount", t.total_amount, whole)
    return None


def _whole(t: Totals) -> Decimal:
    """Return what the order comes to by its parts."""
    parts = t.surcharge_amount + t.freight_amount + t.insurance_amount + t.other_amount
    return t.items_amount - t.discount_amount + parts


def _payments_fault(order: Order) -> Fault | None:
    paid = sum(map(_amount, order.payments), Decimal(0))
    total = order.totals.total_amount
    if paid == total or (not paid and order.type in WITHOUT_PAYMENT):
        return None
    return _sum_fault("payments_mismatch", "payments", total, paid)


def _sum_fault(code: str, field: str, total: Decimal, sum_: Decimal) -> Fault:
    return Fault(code=code, field=field, value=str(total), words={"total": str(total), "soma": str(sum_)})


class _Column(Struct, frozen=True):
    name: str
    read: Callable[[object], Decimal]
    places: int
    limit: Decimal


def _columns(names: str, places: int, digits: int) -> tuple[_Column, ...]:
    return tuple(_Column(name, attrgetter(name), places, Decimal(10) ** digits) for name in names.split())


_ITEM = (
    *_columns("quantity", 4, 11),
    *_columns("list_price", 10, 11),
    *_columns("gross_amount discount_amount surcharge_amount ipi_amount st_amount total_amount", 2, 13),
)
_TOTALS = _columns(
    "items_amount discount_amount surcharge_amount freight_amount insurance_amount other_amount total_amount", 2, 13
)
_PAYMENT = _columns("amount", 2, 13)

_Group = tuple[str, Sequence[Item] | Sequence[Payment] | Sequence[Totals], tuple[_Column, ...]]


def _amount_groups(orders: Sequence[Order]) -> Iterable[_Group]:
    yield "items", [item for order in orders for item in order.items], _ITEM
    yield "totals", [order.totals for order in orders], _TOTALS
    yield "payments", [payment for order in orders for payment in order.payments], _PAYMENT


def _amounts_fault(group: _Group) -> Fault | None:
    name, rows, columns = group
    for column in columns:
        # What was left off the wire is the default itself, and sound: half of all amounts.
        values = [value for value in map(column.read, rows) if value is not ZERO]
        if values and not _is_valid_column(values, column):
            return Fault(code="amount_invalid", field=f"{name}.{column.name}")
    return None


def _is_valid_column(values: list[Decimal], column: _Column) -> bool:
    """Return whether every value is finite, not negative, below the limit and of the column's scale.

    One sum tells the scale of a whole column: a sum keeps the smallest exponent of its parts. Where nothing is negative
    no part is above the sum.
    """
    try:
        whole = sum(values, Decimal(0))
        if min(values) < 0 or (whole >= column.limit and max(values) >= column.limit):
            return False
        exponent = whole.as_tuple().exponent
    except ArithmeticError:  # a signalling NaN, which msgspec lets through
        return False
    return isinstance(exponent, int) and exponent >= -column.places
