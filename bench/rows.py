"""The rows that the contenders write, made of a page by `limit.py`'s own functions, and what their columns hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bench import limit

Json = dict[str, Any]
Values = tuple[object, ...]
COLUMNS = {
    "clientes": limit.CUSTOMER.split(),
    "pedidos": limit.ORDER.split(),
    "itens_pedido": limit.ITEM.split(),
    "formas_pagamento": limit.PAYMENT.split(),
}
N_KEYS = {"clientes": 1, "pedidos": 1, "itens_pedido": 2, "formas_pagamento": 2}
"""How many of a table's first columns identify a row."""
DECIMALS = {
    "clientes": [],
    "pedidos": ["valor_itens", "desconto", "acrescimo", "frete", "seguro", "outras_despesas", "total"],
    "itens_pedido": ["quantidade", "preco", "valor_bruto", "desconto", "acrescimo", "ipi", "st", "total"],
    "formas_pagamento": ["valor"],
}
INTEGERS = frozenset(["linha", "ativo", "bonificacao", "parcela", "parcelas"])
DATES = frozenset(("entrega_em", "vencimento"))
MOMENTS = frozenset(("emitido_em",))


def customer_rows(customers: Iterable[Json]) -> list[Values]:
    """Make the rows of `clientes`."""
    return [_with_number(limit.customer_row(customer)) for customer in customers]


def order_rows(orders: Iterable[Json], customers: Mapping[str, Any]) -> list[Values]:
    """Make the rows of `pedidos`; `customers` has what the table calls each customer."""
    keys: Any = customers
    return [limit.order_row(order, keys) for order in orders]


def item_rows(orders: Iterable[Json], numbers: Mapping[str, Any]) -> list[Values]:
    """Make the rows of `itens_pedido`; `numbers` has what the table calls each order."""
    return [_with_number(limit.item_row(numbers[order["id"]], item)) for order in orders for item in order["items"]]


def payment_rows(orders: Iterable[Json], numbers: Mapping[str, Any]) -> list[Values]:
    """Make the rows of `formas_pagamento`; `numbers` has what the table calls each order."""
    return [
        limit.payment_row(numbers[order["id"]], payment) for order in orders for payment in order.get("payments", ())
    ]


def _with_number(row: Values) -> Values:
    """Return the row with its truth value, the last column but one of both tables, as the number they hold."""
    *before, is_true, notes = row
    return (*before, 1 if is_true else 0, notes)
