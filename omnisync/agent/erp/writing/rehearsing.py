"""What a slice would write, for a person's eyes: as it stood in the tables, or as the layout alone makes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.layout.plan import Layout, TablePlan
from omnisync.agent.erp.writing.building import build_customers, build_orders, nobody
from omnisync.agent.erp.writing.keys import Key, text_of
from omnisync.agent.erp.writing.verdicts import Verdict, key_of

Shown = dict[str, list[dict[str, object]]]


def written_rows(database: Database, layout: Layout, landed: Sequence[Verdict]) -> Shown:
    """Whole rows of the four tables, as the database holds them now."""
    customers = [key_of(v) for v in landed if v.change.kind == "customer" and v.erp_key]
    orders = [key_of(v) for v in landed if v.change.kind == "order"]
    places: list[tuple[TablePlan, Sequence[str], list[Key]]] = []
    if layout.customer is not None:
        places.append((layout.customer.table, layout.customer.table.keys, customers))
    places.append((layout.order.table, layout.order.table.keys, orders))
    places += [(table, table.parent, orders) for table in (layout.item, layout.payment) if table is not None]
    return {table.name: _rows_of(database, table.name, by, keys) for table, by, keys in places}


def _rows_of(database: Database, table: str, by: Sequence[str], keys: Sequence[Key]) -> list[dict[str, object]]:
    """Whole rows of these keys. A database may spell in capitals what the layout has in small letters."""
    wanted = set(keys)
    rows = database.records_among(table, by[-1], [key[-1] for key in keys])
    spelled = {name.upper(): name for row in rows[:1] for name in row}
    others = [spelled.get(name.upper(), name) for name in by[:-1]]
    return [row for row in rows if not others or _key_in(row, [*others, spelled[by[-1].upper()]]) in wanted]


def _key_in(row: Mapping[str, object], by: Sequence[str]) -> Key:
    return tuple(text_of(row[name]) for name in by)


def converted_rows(layout: Layout, verdicts: Sequence[Verdict]) -> Shown:
    """Rows as the layout makes them, without the ERP: keys are not known, and lookups show what would be asked."""

    for verdict in verdicts:
        if verdict.action == "read" and verdict.order is not None:
            verdict.action = "insert" if verdict.order.status == "confirmed" else "none"
    build_customers([v for v in verdicts if v.customer is not None], layout, nobody)
    build_orders(verdicts, layout, nobody)
    customers = [v.row for v in verdicts if v.customer is not None and v.action == "insert"]
    orders = [v for v in verdicts if v.order is not None and v.action == "insert"]
    shown = {}
    if layout.customer is not None:
        shown[layout.customer.table.name] = _named(layout.customer.table, customers)
    shown[layout.order.table.name] = _named(layout.order.table, [v.row for v in orders])
    shown[layout.item.name] = _named(layout.item, [row for v in orders for row in v.item_rows])
    if layout.payment is not None:
        shown[layout.payment.name] = _named(layout.payment, [row for v in orders for row in v.payment_rows])
    return shown


def _named(table: TablePlan, rows: Sequence[tuple[object, ...]]) -> list[dict[str, object]]:
    return [dict(zip(table.names, row, strict=True)) for row in rows]
