"""An ERP of the layout `padrao` with something to send out, and what its rows are on the wire."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from msgspec import Struct

from omnisync.agent.erp.base import Erp
from omnisync.agent.erp.export.chunking import ROWS_PER_CHUNK
from omnisync.agent.erp.layout.schema import shipped_text
from omnisync.agent.hub_api.client import HubClient
from omnisync.agent.progress import Counts
from omnisync.agent.sync.change_detector import BatchLimits
from omnisync.agent.sync.exporter import Exporter, ExportScope
from omnisync.agent.sync.outbox import Outbox
from omnisync.contract.batches import line_reader
from omnisync.contract.datasets import DATASETS
from tests.support.dataset_rows import lines_of
from tests.support.erp_databases import SampleErp
from tests.support.hub_server import COMPANY, RunningHub
from tests.support.import_runs import Clock, client, runtime_at
from tests.support.record_samples import NOW

Row = tuple[Any, ...]
ROWS: Mapping[str, Sequence[Row]] = {
    "estabelecimentos": [("0001", "FABRICA VEVO", "12ABC34501DE35", 1), ("0002", "FÁBIO VEVO", None, 0)],
    "produtos": [
        ("000101", "Tinta acrílica fosca gelo 18 L", "UN", "32091010", "7898357410015", "Vevo", "Tintas", "1.0000", 1),
        ("000104", 'Rolo de lã "23 cm"', "UN", "", None, None, None, None, 1),
        ("A/7~b", "Pão de queijo 🧀", "KG", None, None, None, None, "37.5000", 0),
    ],
    "tabelas_preco": [
        ("ATACADO", "Atacado", "2026-01-01", None, None),
        ("VAREJO", "Varejo", None, "2026-12-31", "0002"),
    ],
    "precos": [
        ("ATACADO", "000101", "289.9000", "260.00", "10.5000"),
        ("VAREJO", "000101", "319.90000000", None, None),
        ("VAREJO", "A/7~b", "4.33330000", None, "0"),
    ],
    "estoque": [
        ("0001", "000101", "-3.0000", "2.0000", "-5.0000", "2026-11-24 11:52:07"),
        ("0001", "000104", "12.5000", None, None, None),
        ("0002", "000101", "0.0000", "0.0000", "0.0000", "2026-11-20 08:00:00"),
    ],
    "meios_pagamento": [("BOLETO", "Boleto bancário", "15", 1), ("PIX", "PIX", None, 1)],
    "condicoes_pagamento": [
        ("306090", "30/60/90", "30/60/90", "500.00", "0.0000", 1),
        ("AVISTA", "À vista", "0", None, "100.0000", 0),
    ],
    "vendedores": [("V012", "Sebastião Leão", "leao@vevo.example", "V001", 1), ("V001", "Íris Brandão", None, None, 1)],
    "titulos_receber": [
        ("000881", "1/3", 1, "2026-10-01", "2026-11-01", "688.63", "688.63", "boleto", "aberto"),
        ("000881", "2/3", 1, "2026-10-01", "2026-12-01", "688.62", "100.00", "boleto", "aberto"),
        ("000880", "1/1", 1, None, "2026-09-01", "10.00", "0.00", None, "pago"),
    ],
    "notas_fiscais": [
        ("4821", None, None, "0001", "V012", "venda", "2026-11-24 11:52:07", None),
        ("4822", None, None, "0002", None, "devolucao", "2026-11-23 09:00:00", None),
    ],
    "itens_nota": [
        ("4821", 1, "000101", "6.0000", "1739.40", "86.97", "1652.43", "1100.00"),
        ("4821", 2, "000104", "12.0000", "225.00", "0.00", "225.00", None),
        ("4822", 1, "000101", "1.0000", "289.90", "0.00", "289.90", None),
    ],
}
"""Rows of the ERP's tables, each value as a text or a number that every database takes."""

WIRE: Mapping[tuple[str, str], Mapping[str, dict[str, Any]]] = {
    ("omniforce", "establishments"): {
        "0001": {"code": "0001", "name": "FABRICA VEVO", "document": "12ABC34501DE35"},
        "0002": {"code": "0002", "name": "FÁBIO VEVO", "is_active": False},
    },
    ("omniforce", "products"): {
        "000101": {
            "code": "000101",
            "name": "Tinta acrílica fosca gelo 18 L",
            "unit": "UN",
            "ncm": "32091010",
            "gtin": "7898357410015",
            "brand": "Vevo",
            "group": "Tintas",
            "package_quantity": "1",
        },
        "000104": {"code": "000104", "name": 'Rolo de lã "23 cm"', "unit": "UN"},
        "A~17~0b": {
            "code": "A/7~b",
            "name": "Pão de queijo 🧀",
            "unit": "KG",
            "package_quantity": "37.5",
            "is_active": False,
        },
    },
    ("omniforce", "price-tables"): {
        "ATACADO": {"code": "ATACADO", "name": "Atacado", "valid_from": "2026-01-01"},
        "VAREJO": {"code": "VAREJO", "name": "Varejo", "valid_until": "2026-12-31", "establishment_code": "0002"},
    },
    ("omniforce", "prices"): {
        "ATACADO/000101": {
            "table_code": "ATACADO",
            "product_code": "000101",
            "price": "289.9",
            "min_price": "260",
            "max_discount_percent": "10.5",
        },
        "VAREJO/000101": {"table_code": "VAREJO", "product_code": "000101", "price": "319.9"},
        "VAREJO/A~17~0b": {
            "table_code": "VAREJO",
            "product_code": "A/7~b",
            "price": "4.3333",
            "max_discount_percent": "0",
        },
    },
    ("omniforce", "stock"): {
        "0001/000101": {
            "establishment_code": "0001",
            "product_code": "000101",
            "on_hand": "-3",
            "reserved": "2",
            "available": "-5",
            "measured_at": "2026-11-24T11:52:07-03:00",
        },
        "0001/000104": {"establishment_code": "0001", "product_code": "000104", "on_hand": "12.5"},
        "0002/000101": {
            "establishment_code": "0002",
            "product_code": "000101",
            "on_hand": "0",
            "reserved": "0",
            "available": "0",
            "measured_at": "2026-11-20T08:00:00-03:00",
        },
    },
    ("omniforce", "payment-methods"): {
        "BOLETO": {"code": "BOLETO", "name": "Boleto bancário", "kind": "15"},
        "PIX": {"code": "PIX", "name": "PIX"},
    },
    ("omniforce", "payment-terms"): {
        "306090": {
            "code": "306090",
            "name": "30/60/90",
            "days": [30, 60, 90],
            "min_order": "500",
            "down_payment_percent": "0",
        },
        "AVISTA": {
            "code": "AVISTA",
            "name": "À vista",
            "days": [0],
            "down_payment_percent": "100",
            "is_active": False,
        },
    },
    ("omniforce", "customers"): {},
    ("omniforce", "sellers"): {
        "V012": {
            "code": "V012",
            "name": "Sebastião Leão",
            "email": "leao@vevo.example",
            "supervisor_code": "V001",
        },
        "V001": {"code": "V001", "name": "Íris Brandão"},
    },
    ("omniforce", "receivables"): {
        "000881/1~13": {
            "document": "000881",
            "installment": "1/3",
            "customer_erp_code": "1",
            "issued_on": "2026-10-01",
            "due_on": "2026-11-01",
            "amount": "688.63",
            "balance": "688.63",
            "kind": "boleto",
            "is_overdue": True,
        },
        "000881/2~13": {
            "document": "000881",
            "installment": "2/3",
            "customer_erp_code": "1",
            "issued_on": "2026-10-01",
            "due_on": "2026-12-01",
            "amount": "688.62",
            "balance": "100",
            "kind": "boleto",
        },
    },
    ("omniforce", "order-status"): {},
    ("dash", "sales-facts"): {
        "4821/1": {
            "invoice": "4821",
            "item": "1",
            "establishment": "0001",
            "day": "2026-11-24",
            "product": "000101",
            "seller": "V012",
            "quantity": "6",
            "gross": "1739.4",
            "discount": "86.97",
            "net": "1652.43",
            "cost": "1100",
        },
        "4821/2": {
            "invoice": "4821",
            "item": "2",
            "establishment": "0001",
            "day": "2026-11-24",
            "product": "000104",
            "seller": "V012",
            "quantity": "12",
            "gross": "225",
            "discount": "0",
            "net": "225",
        },
        "4822/1": {
            "invoice": "4822",
            "item": "1",
            "kind": "return",
            "establishment": "0002",
            "day": "2026-11-23",
            "product": "000101",
            "quantity": "1",
            "gross": "289.9",
            "discount": "0",
            "net": "289.9",
        },
    },
}
"""What those rows are on the wire, by dataset and key, amounts without the zeros at their end (`plain`)."""


def fill(keeper: SampleErp, rows: Mapping[str, Sequence[Row]] = ROWS) -> None:
    """Put rows into the ERP's tables, past our own code."""
    with closing(keeper.plain()) as opened, closing(opened.cursor()) as cursor:
        mark = "%s" if keeper.name in ("postgresql", "mariadb") else "?"
        for table, some in rows.items():
            for row in some:
                cursor.execute(f"INSERT INTO {table} VALUES ({', '.join([mark] * len(row))})", row)
        opened.commit()


def plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """A row's fields, amounts without the zeros at their end: 289.9000 and 289.9 are one price, and a sale is usual."""
    kept = {name: value for name, value in data.items() if (name, value) != ("kind", "sale")}
    return {name: _plain(value) if name in AMOUNTS else value for name, value in kept.items()}


AMOUNTS = {
    *(
        "package_quantity",
        "price",
        "min_price",
        "max_discount_percent",
        "on_hand",
        "reserved",
        "available",
        "min_order",
    ),
    *(
        "credit_limit",
        "credit_available",
        "down_payment_percent",
        "amount",
        "balance",
        "quantity",
        "gross",
        "discount",
        "net",
        "cost",
    ),
}


def _plain(amount: str) -> str:
    return format(Decimal(amount).normalize() or Decimal(0), "f")


def outgoing(erp: Erp) -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
    """What an ERP would send of every dataset, read as the hub reads it: every line must be sound."""
    found: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for query in erp.exports():
        place = query.dataset.system, query.dataset.name
        found[place] = {}
        with erp.open_export(query) as rows:
            for lot in rows.groups():
                made = lot.serialize(range(len(lot.keys)))
                assert not made.invalid
                for verdict in line_reader(DATASETS[place])(made.lines, 1):
                    assert not hasattr(verdict, "code"), verdict
                for line in made.lines:
                    one = json.loads(line)
                    found[place][one["key"]] = plain(one["data"])
    return found


SYSTEMS = ("omniforce", "dash")


class ExportSetup(Struct):
    """One company's ERP, its outbox and its hub. What it sends is counted."""

    keeper: SampleErp
    hub: RunningHub
    outbox: Outbox
    layout: str = "padrao"
    agreed: dict[str, int] = {}
    now: datetime = NOW
    limits: BatchLimits = BatchLimits()
    rows_per_chunk: int = ROWS_PER_CHUNK

    def export(self, *, systems: Collection[str] = SYSTEMS, **more: Any) -> Counts:
        """One export from beginning to end."""
        erp = self.keeper.open(layout=self.layout, rows_per_chunk=self.rows_per_chunk)
        with client(self.hub) as opened:
            try:
                return self.exporter(erp, opened, systems=systems, **more).run()
            finally:
                erp.close()
                self.outbox.close()

    def exporter(
        self, erp: Erp, hub: HubClient, *, new_id: Callable[[], str] = lambda: f"b{next(_NAMES)}", **more: Any
    ) -> Exporter:
        """An exporter whose waits pass at once and whose randomness is the least."""
        own = {name: more.pop(name) for name in set(ExportScope.__struct_fields__) & more.keys()}
        scope = ExportScope(**({"hub_name": COMPANY, "systems": SYSTEMS, "agreed": self.agreed} | own))
        usual: dict[str, Any] = {
            "report": lambda progress: False,
            "runtime": runtime_at(lambda: self.now, Clock(), new_id=new_id),
            "limits": self.limits,
        }
        return Exporter(erp, hub, self.outbox, scope=scope, **(usual | more))

    def at_hub(self) -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
        """What the hub has of every dataset, by key, as an app reads it."""
        found: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
        with self.hub.client() as app:
            for place, dataset in DATASETS.items():
                lines = lines_of(app, dataset)
                found[place] = {line["key"]: plain(line["data"]) for line in lines if line["op"] == "upsert"}
        return found

    def in_erp(self) -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
        """What the ERP has of every dataset, by key, read anew."""
        erp = self.keeper.open(layout=self.layout)
        try:
            return {place: {} for place in DATASETS} | outgoing(erp)
        finally:
            erp.close()


_NAMES: Iterator[int] = count()


def sent(counts: Counts) -> dict[str, int]:
    """How many lines the hub took, of the datasets that sent any."""
    return {name: one.sent for name, one in counts.exports.items() if one.sent}


def with_queries(office: ExportSetup, folder: Path, queries: str) -> None:
    """Let the ERP's layout send out just these datasets."""
    layout = folder / "erp.toml"
    before, _, _ = shipped_text("padrao").partition("# O que sai")
    layout.write_text(f"{before}\n{queries}")
    office.layout = str(layout)


def as_before(db: sqlite3.Connection, version: int) -> None:
    """Make an outbox's file one of an earlier version."""
    for column in ("query", "held_keys", "last_batch", "living")[2 if version == 4 else 0 :]:
        db.execute(f"ALTER TABLE dataset DROP COLUMN {column}")
    db.execute(f"PRAGMA user_version = {version}")
