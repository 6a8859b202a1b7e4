"""Whether two databases of the layout `padrao` hold the same: rows, sums of money, and in the end every value."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

SUMS = {
    "clientes": "ativo",
    "pedidos": "valor_itens desconto acrescimo frete seguro outras_despesas total",
    "itens_pedido": "quantidade preco valor_bruto desconto acrescimo ipi st total",
    "formas_pagamento": "valor parcela",
}
_OWNER = {
    "clientes": "",
    "pedidos": "JOIN {db}.clientes c ON c.codigo = t.cliente",
    "itens_pedido": "JOIN {db}.pedidos p ON p.numero = t.pedido",
    "formas_pagamento": "JOIN {db}.pedidos p ON p.numero = t.pedido",
}
_NUMBERS = {"codigo", "numero", "cliente", "pedido"}
"""The ERP's own numbers, which depend on who came first: instead of a row's parent its external id is compared."""


def totals(database: Path) -> dict[str, tuple[Decimal, ...]]:
    """The rows and the exact sums of each table."""
    with closing(sqlite3.connect(database)) as db:
        return {table: _totals(db, table, names.split()) for table, names in SUMS.items()}


def _totals(db: sqlite3.Connection, table: str, names: list[str]) -> tuple[Decimal, ...]:
    (n_rows,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()
    sums = [sum((Decimal(value) for (value,) in db.execute(f"SELECT {n} FROM {table}")), Decimal(0)) for n in names]
    return (Decimal(n_rows), *sums)


def n_different_rows(one: Path, other: Path) -> dict[str, int]:
    """How many rows of each table stand in only one of the two."""
    with closing(sqlite3.connect(one)) as db:
        db.execute("ATTACH ? AS other", (str(other),))
        return {table: _n_different(db, table) for table in SUMS}


def _n_different(db: sqlite3.Connection, table: str) -> int:
    names = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})") if name not in _NUMBERS]
    owner = _OWNER[table]
    alias = f"{owner.split()[2]}.id_externo, " if owner else ""
    columns = alias + ", ".join(f"t.{name}" for name in names)
    rows = [f"SELECT {columns} FROM {side}.{table} t {owner.format(db=side)}" for side in ("main", "other")]
    counts = [
        db.execute(f"SELECT count(*) FROM (SELECT * FROM ({a}) EXCEPT SELECT * FROM ({b}))").fetchone()[0]
        for a, b in (rows, rows[::-1])
    ]
    return sum(counts)
