"""Whether the databases of two contenders hold the same: every value of every row, however its database keeps it.

python bench/check.py FILE FILE    compares two SQLite files with the tables of `padrao`
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from bench.rows import COLUMNS, DATES, DECIMALS, INTEGERS, MOMENTS
from devtools.live_database import LiveDatabase
from omnisync.agent.config.connection import ErpAddress

Contents = dict[str, Counter[int]]
"""How often each row stands in each table; a row by a hash of 64 bits, so that whole loads fit into the memory."""
_ERP_NUMBERS = {"codigo", "numero", "cliente", "pedido"}
"""They depend on who came first: instead of a row's parent its external id is compared."""

ERP_TABLES = {
    "clientes": ("", "clientes t"),
    "pedidos": ("o.id_externo", "pedidos t JOIN clientes o ON o.codigo = t.cliente"),
    "itens_pedido": ("o.id_externo", "itens_pedido t JOIN pedidos o ON o.numero = t.pedido"),
    "formas_pagamento": ("o.id_externo", "formas_pagamento t JOIN pedidos o ON o.numero = t.pedido"),
}
"""Where each table's rows are, and the external id of a row's parent: the ERP's own tables."""
FLAT_TABLES = {
    "clientes": ("", "clientes t"),
    "pedidos": ("t.cliente", "pedidos t"),
    "itens_pedido": ("t.pedido", "itens_pedido t"),
    "formas_pagamento": ("t.pedido", "formas_pagamento t"),
}
"""Tables of a contender's own, whose rows name their parents by external id."""
DLT_TABLES = {
    "clientes": ("", "clientes t"),
    "pedidos": ("t.cliente", "pedidos t"),
    "itens_pedido": ("o.id_externo", "pedidos__itens t JOIN pedidos o ON o._dlt_id = t._dlt_parent_id"),
    "formas_pagamento": ("o.id_externo", "pedidos__formas t JOIN pedidos o ON o._dlt_id = t._dlt_parent_id"),
}
"""Tables that dlt makes of nested lists."""


def contents(database: LiveDatabase, tables: Mapping[str, tuple[str, str]]) -> Contents:
    """Read what a database holds."""
    with closing(database.connect()) as db:
        return {table: _rows(db, table, *tables[table]) for table in COLUMNS}


def difference(expected: Contents, actual: Contents) -> str:
    """Return in words how many rows differ in each table, empty where all are the same."""
    return "; ".join(
        f"{table}: {(rows - actual[table]).total()} missing, {(actual[table] - rows).total()} extra of {rows.total()}"
        for table, rows in expected.items()
        if rows != actual[table]
    )


def n_rows(found: Contents) -> int:
    """Return how many rows the tables hold."""
    return sum(rows.total() for rows in found.values())


def _rows(db: Any, table: str, parent: str, source: str) -> Counter[int]:
    names = [name for name in COLUMNS[table] if name not in _ERP_NUMBERS]
    columns = ([parent] if parent else []) + [f"t.{name}" for name in names]
    plain = ([_text] if parent else []) + [_form(table, name) for name in names]
    with closing(db.cursor()) as cursor:
        cursor.execute(f"SELECT {', '.join(columns)} FROM {source}")
        counted: Counter[int] = Counter()
        while lot := cursor.fetchmany(10_000):
            by_column = zip(plain, zip(*lot, strict=True), strict=True)
            counted.update(map(hash, zip(*(map(form, values) for form, values in by_column), strict=True)))
    return counted


def _form(table: str, name: str) -> Callable[[Any], str]:
    """Return how a column's values are made the same, whatever its type is in a database."""
    if name in DECIMALS[table] or name in INTEGERS:
        return _number
    return _moment if name in MOMENTS else _date if name in DATES else _text


def _text(value: Any) -> str:
    """Return a text; none and an empty one are the same, as some formats between cannot tell them apart."""
    return "" if value is None else str(value)


@cache
def _number(value: Any) -> str:
    if value in (None, ""):
        return ""
    return format(Decimal(str(int(value) if isinstance(value, bool) else value)).normalize(), "f")


def _moment(value: Any) -> str:
    return str(value)[:19].replace("T", " ")


def _date(value: Any) -> str:
    return "" if value is None else str(value.date() if isinstance(value, datetime) else value)[:10]


def main() -> None:
    """Compare two files, and leave with status 1 where they differ."""
    databases = [LiveDatabase(ErpAddress(kind="sqlite", database=file)) for file in sys.argv[1:3]]
    expected, actual = (contents(database, ERP_TABLES) for database in databases)
    if found := difference(expected, actual):
        raise SystemExit(found)
    print(f"the same: {n_rows(expected)} rows")


if __name__ == "__main__":
    main()
