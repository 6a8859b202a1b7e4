"""Sales in which one thing is wrong and nothing else, by the reason code with which the agent refuses them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType

from msgspec.structs import replace

from omnisync.contract.records import ZERO, Item, Order
from omnisync.demo.orders import CENTAVO, explained, requantified, with_items, with_totals


def _bare(order: Order) -> Item:
    """Return the order's first line without discount, surcharge and taxes."""
    return requantified(replace(order.items[0], discount_percent=None), order.items[0].quantity)


def _wrong_items_amount(order: Order) -> Order:
    t, more = order.totals, Decimal(1)
    return with_totals(order, replace(t, items_amount=t.items_amount + more, total_amount=t.total_amount + more))


def _wrong_total(order: Order) -> Order:
    return with_totals(order, replace(order.totals, total_amount=order.totals.total_amount + CENTAVO))


def _wrong_payments(order: Order) -> Order:
    *rest, last = order.payments
    return replace(order, payments=(*rest, replace(last, amount=last.amount + CENTAVO)))


def _zero_quantity(order: Order) -> Order:
    return with_items(order, [requantified(order.items[0], Decimal(0)), *order.items[1:]])


def _zero_price(order: Order) -> Order:
    item = replace(_bare(order), list_price=ZERO, gross_amount=ZERO, total_amount=ZERO)
    return with_items(order, [item, *order.items[1:]])


def _discount_above_gross(order: Order) -> Order:
    bare = _bare(order)
    # The surcharge takes the excess back, so that no amount is negative and only the discount is wrong.
    excess = Decimal("1.00")
    item = replace(bare, discount_amount=bare.gross_amount + excess, surcharge_amount=excess, total_amount=ZERO)
    return with_items(order, [item, *order.items[1:]])


def _discount_percent_only(order: Order) -> Order:
    return with_items(order, [replace(_bare(order), discount_percent=Decimal("5.00")), *order.items[1:]])


def _wrong_gross(order: Order) -> Order:
    bare, more = _bare(order), Decimal("0.05")
    item = replace(bare, gross_amount=bare.gross_amount + more, total_amount=bare.total_amount + more)
    return with_items(order, [item, *order.items[1:]])


def _negative_discount(order: Order) -> Order:
    totals = replace(order.totals, discount_amount=Decimal("-1.00"))
    return with_totals(order, replace(totals, total_amount=explained(totals)))


def _quote(order: Order) -> Order:
    return replace(order, type="quote")


BREAKERS: Mapping[str, Callable[[Order], Order]] = MappingProxyType(
    {
        "totals_mismatch": _wrong_items_amount,
        "total_not_explained": _wrong_total,
        "payments_mismatch": _wrong_payments,
        "quantity_invalid": _zero_quantity,
        "price_zero": _zero_price,
        "discount_above_gross": _discount_above_gross,
        "discount_percent_only": _discount_percent_only,
        "line_mismatch": _wrong_gross,
        "amount_invalid": _negative_discount,
        "quote_not_imported": _quote,
    }
)
"""The reason code with which the agent refuses → what makes a good sale deserve it."""
