"""The shipped layouts' ERPs, read past our own code: what an order looks like there, in one form for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from devtools import direto
from omnisync.agent.erp.base import Erp
from tests.support.erp_databases import SampleErp, make_erp

CENTAVO, TENTH = Decimal("0.01"), Decimal("0.0001")

Line = tuple[int, str, Decimal, Decimal]
"""Number, product, quantity, total."""
Instalment = tuple[int, str, str, Decimal]
"""Number, method, day, amount."""


class Seen(Struct, frozen=True):
    """An order as the ERP has it."""

    number: str
    state: str
    customer: str
    total: Decimal
    items: tuple[Line, ...] = ()
    payments: tuple[Instalment, ...] = ()

    @property
    def content(self) -> tuple[object, ...]:
        """What does not depend on whose turn it was to take a number."""
        return self.state, self.customer, self.total, self.items, self.payments


class ErpReader(Struct, frozen=True):
    """One ERP of one layout, empty but for its own registers: products, cities, people."""

    keeper: SampleErp
    layout: str

    def open(self, **how: Any) -> Erp:
        """The ERP, prepared."""
        return self.keeper.open(layout=self.layout, **how)

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows, read past our own code."""
        return self.keeper.query(self.named(sql), *values)

    def run(self, sql: str, *values: Any) -> None:
        """What the ERP's own people do."""
        self.keeper.run(self.named(sql), *values)

    def fill(self, table: str, columns: str, rows: Iterable[Sequence[Any]]) -> None:
        """Rows of the ERP's own registers."""
        marks = ", ".join("?" * len(columns.split()))
        sql = f"INSERT INTO {table} ({', '.join(columns.split())}) VALUES ({marks})"
        with closing(self.keeper.plain()) as plain, closing(plain.cursor()) as cursor:
            cursor.executemany(self.keeper.marked(self.named(sql)), [tuple(row) for row in rows])
            plain.commit()

    def orders(self) -> dict[str, Seen]:
        """The orders that entered, by the hub's id."""
        return _ORDERS[self.layout](self)

    def customers(self) -> dict[str, tuple[Any, ...]]:
        """The customers by the hub's id: document and name."""
        table, id_, document, name = _CUSTOMERS[self.layout]
        return {row[0]: row[1:] for row in self.query(f"SELECT {id_}, {document}, {name} FROM {table}") if row[0]}

    def delete(self, id_: str) -> None:
        """The ERP's people, or its job, delete an order with all that is its own."""
        tables = {
            "direto": ("PARCELA", "PEDIDO_ITEM", "PEDIDO", ("PED_FILIAL", "PED_NUMERO"), "PED_IDAPP"),
            "staging": (
                "omniforce_pedido_parcela",
                "omniforce_pedido_item",
                "omniforce_pedido",
                ("ofp_registro",),
                "ofp_idapp",
            ),
        }
        *children, main, keys, external = tables[self.layout]
        [row] = self.query(f"SELECT {', '.join(keys)} FROM {main} WHERE {external} = ?", id_)
        where = " AND ".join(f"{key} = ?" for key in keys)
        for table in (*children, main):
            self.run(f"DELETE FROM {table} WHERE {where}", *row)

    def import_queue(self) -> None:
        """The job of the staging ERP takes what is in its queue."""
        call = {
            "sqlite": "INSERT INTO rotina (nome) VALUES ('importa')",
            "firebird": "EXECUTE PROCEDURE importa_omniforce",
        }
        self.run(call.get(self.keeper.name, "CALL importa_omniforce()"))

    def named(self, sql: str) -> str:
        """Names in capitals want quotes in PostgreSQL."""
        return direto.named(sql, self.keeper.name) if self.layout == "direto" else sql


def _orders_of_direto(book: ErpReader) -> dict[str, Seen]:
    items: dict[Any, list[Line]] = {}
    for filial, number, line, product, quantity, total in book.query(
        "SELECT PED_FILIAL, PED_NUMERO, ITE_SEQ, PRO_CODIGO, ITE_QTDE, ITE_VLRTOTAL FROM PEDIDO_ITEM ORDER BY 1, 2, 3"
    ):
        items.setdefault((filial, number), []).append((line, product, _amount(quantity, TENTH), _amount(total)))
    payments: dict[Any, list[Instalment]] = {}
    for filial, number, line, method, day, amount in book.query(
        "SELECT PED_FILIAL, PED_NUMERO, PAR_SEQ, FPG_CODIGO, PAR_VENCTO, PAR_VALOR FROM PARCELA ORDER BY 1, 2, 3"
    ):
        payments.setdefault((filial, number), []).append((line, method, day, _amount(amount)))
    rows = book.query(
        "SELECT p.PED_IDAPP, p.PED_FILIAL, p.PED_NUMERO, p.PED_SITUACAO, c.CLI_CGC, p.PED_VLRTOTAL "
        "FROM PEDIDO p JOIN CLIENTE c ON c.CLI_CODIGO = p.CLI_CODIGO WHERE p.PED_IDAPP IS NOT NULL"
    )
    return {
        id_: Seen(
            f"{filial}/{number}",
            state,
            customer,
            _amount(total),
            tuple(items.get((filial, number), ())),
            tuple(payments.get((filial, number), ())),
        )
        for id_, filial, number, state, customer, total in rows
    }


def _orders_of_staging(book: ErpReader) -> dict[str, Seen]:
    """Those in the queue; what the job made of the others is `real_orders`."""
    return _of_one_key(
        book,
        "SELECT ofp_idapp, ofp_registro, ofp_situacao, ofp_cli_documento, ofp_vlrtotal FROM omniforce_pedido",
        "SELECT ofp_registro, ofi_seq, ofi_referencia, ofi_qtde, ofi_vlrtotal FROM omniforce_pedido_item ORDER BY 1, 2",
        "SELECT ofp_registro, oft_seq, oft_forma, oft_vencto, oft_valor FROM omniforce_pedido_parcela ORDER BY 1, 2",
    )


def real_orders(book: ErpReader) -> dict[str, Seen]:
    """What the staging ERP's job made."""
    return _of_one_key(
        book,
        "SELECT p.ped_idapp, p.ped_numero, 'I', c.cli_documento, p.ped_total "
        "FROM pedido p JOIN cliente c ON c.cli_codigo = p.cli_codigo",
        "SELECT ped_numero, ite_seq, pro_codigo, ite_qtde, ite_total FROM pedido_item ORDER BY 1, 2",
        "SELECT ped_numero, par_seq, par_forma, par_vencto, par_valor FROM parcela ORDER BY 1, 2",
    )


def _of_one_key(book: ErpReader, main: str, lines: str, instalments: str) -> dict[str, Seen]:
    items: dict[Any, list[Line]] = {}
    for key, line, product, quantity, total in book.query(lines):
        items.setdefault(key, []).append((line, product, _amount(quantity, TENTH), _amount(total)))
    payments: dict[Any, list[Instalment]] = {}
    for key, line, method, day, amount in book.query(instalments):
        payments.setdefault(key, []).append((line, str(method), day, _amount(amount)))
    return {
        id_: Seen(str(key), state, customer, _amount(total), tuple(items.get(key, ())), tuple(payments.get(key, ())))
        for id_, key, state, customer, total in book.query(main)
    }


_ORDERS: Mapping[str, Callable[[ErpReader], dict[str, Seen]]] = {
    "direto": _orders_of_direto,
    "staging": _orders_of_staging,
}
_CUSTOMERS = {
    "direto": ("CLIENTE", "CLI_IDAPP", "CLI_CGC", "CLI_RAZAO"),
    "staging": ("omniforce_cliente", "ofc_idapp", "ofc_documento", "ofc_nome"),
}


def _amount(value: Any, step: Decimal = CENTAVO) -> Decimal:
    """An amount as every database would write it: SQLite holds the nearest float."""
    return Decimal(str(value)).quantize(step)


def make_erp_reader(kind: str, layout: str, request: pytest.FixtureRequest, folder: Path) -> ErpReader:
    """The ERP of a layout on this brand of database, its registers filled."""
    book = ErpReader(make_erp(kind, request, folder, schema=layout), layout)
    register(book)
    return book


def register(book: ErpReader) -> None:
    """The ERP's own registers: the sample's products, cities, sellers."""
    if book.layout == "staging":
        book.fill("produto", "pro_codigo pro_nome", direto.products())
        return
    for table, columns, rows in direto.registers():
        book.fill(table, columns, rows)
