"""Every ERP the promise is kept over: how to make an empty one, open it, and look into its tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from omnisync.agent.erp import layouts
from omnisync.agent.erp.base import Erp, Slice, Written
from omnisync.agent.erp.catalog import open_erp
from omnisync.agent.settings import ErpAddress
from omnisync.contract.feed import Change, Unreadable
from tests.records import NOW

TABLES = ("clientes", "pedidos", "itens_pedido", "formas_pagamento")


class Keeper(Struct, frozen=True):
    """One database with an empty ERP in it."""

    name: str
    database: str

    def open(self, *, connection: str = "producao", establishments: Sequence[str] = ("0001", "0002")) -> Erp:
        """The ERP, prepared."""
        erp = open_erp(
            ErpAddress(kind=self.name.lower(), database=self.database),
            company="aurora",
            connection=connection,
            establishments=establishments,
            zone=ZoneInfo("America/Sao_Paulo"),
            clock=lambda: NOW,
        )
        erp.prepare()
        return erp

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows, read past our own code."""
        with closing(sqlite3.connect(self.database)) as plain:
            return plain.execute(sql, values).fetchall()

    def run(self, sql: str, *values: Any) -> None:
        """What the ERP's own people do in their database."""
        with closing(sqlite3.connect(self.database)) as plain, plain:
            plain.execute(sql, values)

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of the ERP's tables by content: its own keys and numbers left out."""
        order = "(SELECT id_externo FROM pedidos WHERE numero = pedido)"
        buyer = "(SELECT id_externo FROM clientes WHERE codigo = cliente)"
        return {
            "clientes": self._without("codigo", "SELECT * FROM clientes ORDER BY id_externo"),
            "pedidos": self._without("numero cliente", f"SELECT {buyer}, * FROM pedidos ORDER BY id_externo"),
            "itens_pedido": self._without("pedido", f"SELECT {order} AS o, * FROM itens_pedido ORDER BY o, id_externo"),
            "formas_pagamento": self._without(
                "pedido", f"SELECT {order} AS o, * FROM formas_pagamento ORDER BY o, id_externo"
            ),
        }

    def _without(self, names: str, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.database)) as plain:
            cursor = plain.execute(sql)
            kept = [i for i, column in enumerate(cursor.description) if column[0] not in names.split()]
            return [tuple(row[i] for i in kept) for row in cursor]


def make_sqlite(folder: Path) -> Keeper:
    """A SQLite file with the tables of `padrao`."""
    path = folder / "erp.db"
    with closing(sqlite3.connect(path)) as plain:
        plain.executescript(layouts.schema("padrao_sqlite"))
    return Keeper("SQLite", str(path))


KEEPERS = {"sqlite": make_sqlite}


def part(
    *changes: Change,
    stream: str = "",
    epoch: str = "e1",
    expected: str | None = "",
    moves_to: str | None = None,
    related: Sequence[Change] = (),
    unreadable: Sequence[Unreadable] = (),
) -> Slice:
    """A slice of these changes; the stream is guessed from the first."""
    kind = changes[0].kind if changes else "order" if stream.startswith("order") else "customer"
    return Slice(
        stream=stream or ("customer" if kind == "customer" else "order:0001"),
        kind=kind,
        epoch=epoch,
        changes=changes,
        related=related,
        unreadable=unreadable,
        expected=expected,
        moves_to=moves_to,
    )


def write(erp: Erp, *changes: Change, **how: Any) -> Written:
    """Write one slice wherever its stream stands."""
    what = part(*changes, **({"expected": ""} | how))
    if "expected" not in how:
        what = part(*changes, **(how | {"expected": erp.position(what.stream).cursor}))
    return erp.write(what)
