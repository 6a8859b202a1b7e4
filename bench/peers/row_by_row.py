"""What an integrator writes in an afternoon: requests and SQLAlchemy, one upsert a row into the ERP's own tables.

Foreign keys are on; the customer's key is looked up for each order, lines that left an order are deleted, each page is
committed.

    python bench/peers/row_by_row.py --hub URL --database URL --cursors FILE [--token TOKEN]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import requests
import sqlalchemy as sa

from bench import limit, page_reader, rows
from bench.rows import COLUMNS, N_KEYS, Json, Values

CASTS = {
    **{name: "numeric" for names in rows.DECIMALS.values() for name in names},
    **dict.fromkeys(rows.DATES, "date"),
    **dict.fromkeys(rows.MOMENTS, "timestamp"),
}
"""PostgreSQL's types of the columns whose values come as text."""
CUSTOMER_KEY = sa.text("SELECT codigo FROM clientes WHERE id_externo = :id")


class Writer:
    """One connection, and the statements for it."""

    def __init__(self, url: str) -> None:
        engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        self._is_sqlite = engine.dialect.name == "sqlite"
        if self._is_sqlite:
            sa.event.listen(engine, "connect", lambda db, _: db.execute("PRAGMA foreign_keys = ON"))
        self.db = engine.connect()
        self._upsert = {table: self._upsert_of(table) for table in COLUMNS}
        self._upsert_order = self._upsert_of("pedidos", " RETURNING numero")
        self._delete = {table: _delete_of(table) for table in ("itens_pedido", "formas_pagamento")}

    def _upsert_of(self, table: str, answer: str = "") -> sa.TextClause:
        names, n_keys = COLUMNS[table], N_KEYS[table]
        return sa.text(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(map(self._mark, names))}) "
            f"ON CONFLICT ({', '.join(names[:n_keys])}) "
            f"DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in names[n_keys:])}{answer}"
        )

    def _mark(self, name: str) -> str:
        return f":{name}" if self._is_sqlite or name not in CASTS else f"CAST(:{name} AS {CASTS[name]})"

    def write_customer(self, customer: Json) -> None:
        """Insert or update a customer."""
        self._write("clientes", rows.customer_rows([customer]))

    def write_order(self, order: Json) -> None:
        """Insert or update an order with its items and payments."""
        customer = self.db.execute(CUSTOMER_KEY, {"id": order["customer"]["id"]}).scalar_one()
        (row,) = rows.order_rows([order], {order["customer"]["id"]: customer})
        number = self.db.execute(self._upsert_order, dict(zip(COLUMNS["pedidos"], row, strict=True))).scalar_one()
        of_table: dict[str, Callable[..., list[Values]]] = {
            "itens_pedido": rows.item_rows,
            "formas_pagamento": rows.payment_rows,
        }
        for table, made in of_table.items():
            lines = made([order], {order["id"]: number})
            self.db.execute(self._delete[table], {"order": number, "kept": [line[1] for line in lines]})
            self._write(table, lines)

    def _write(self, table: str, lot: Sequence[Values]) -> None:
        for row in lot:
            self.db.execute(self._upsert[table], dict(zip(COLUMNS[table], row, strict=True)))


def _delete_of(table: str) -> sa.TextClause:
    gone = sa.text(f"DELETE FROM {table} WHERE pedido = :order AND id_externo NOT IN :kept")
    return gone.bindparams(sa.bindparam("kept", type_=sa.String(), expanding=True))


def main() -> None:
    """Bring everything after the cursors of the last time, if there was one."""
    given = page_reader.arguments(__doc__).parse_args()
    cursors = page_reader.load_cursors(given.cursors)
    writer = Writer(given.database)
    http = requests.Session()
    http.headers.update({"Authorization": f"Bearer {given.token}", "Omnisync-Contract": "1"})
    for stream, query in limit.STREAMS.items():
        has_more = True
        while has_more:
            after = f"&cursor={cursors[stream]}" if stream in cursors else ""
            page: Any = http.get(f"{given.hub}/v1/changes?{query}&limit=1000{after}").json()
            write = writer.write_customer if stream == "customer" else writer.write_order
            for change in page["changes"]:
                write(change["data"])
            writer.db.commit()
            cursors[stream], has_more = page["cursor"], page["has_more"]
    page_reader.save_cursors(given.cursors, cursors)


if __name__ == "__main__":
    main()
