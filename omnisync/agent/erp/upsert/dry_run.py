"""The rows a slice would write, to be shown: as they stood in the tables, or as the layout alone makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from omnisync.agent.erp.database import Database, records_among
from omnisync.agent.erp.layout.plan import Layout, TablePlan
from omnisync.agent.erp.upsert.build_rows import ask_nothing, build_customers, build_orders
from omnisync.agent.erp.upsert.keys import ErpKey, as_text
from omnisync.agent.erp.upsert.record_change import RecordChange, key_of

TableRows = dict[str, list[dict[str, object]]]


def written_rows(database: Database, layout: Layout, record_changes: Sequence[RecordChange]) -> TableRows:
    """Whole rows of the four tables, as the database holds them now."""
    customers = [key_of(v) for v in record_changes if v.change.kind == "customer" and v.erp_key]
    orders = [key_of(v) for v in record_changes if v.change.kind == "order"]
    places: list[tuple[TablePlan, Sequence[str], list[ErpKey]]] = []
    if layout.customer is not None:
        places.append((layout.customer.table, layout.customer.table.keys, customers))
    places.append((layout.order.table, layout.order.table.keys, orders))
    places += [(table, table.parent, orders) for table in (layout.item, layout.payment) if table is not None]
    return {table.name: _rows_of(database, table.name, by, keys) for table, by, keys in places}


def _rows_of(database: Database, table: str, by: Sequence[str], keys: Sequence[ErpKey]) -> list[dict[str, object]]:
    """Whole rows of these keys. A database may spell in capitals what the layout has in small letters."""
    wanted = set(keys)
    rows = records_among(database, table, by[-1], [key[-1] for key in keys])
    spelled = {name.upper(): name for row in rows[:1] for name in row}
    others = [spelled.get(name.upper(), name) for name in by[:-1]]
    return [row for row in rows if not others or _key_in(row, [*others, spelled[by[-1].upper()]]) in wanted]


def _key_in(row: Mapping[str, object], by: Sequence[str]) -> ErpKey:
    return tuple(as_text(row[name]) for name in by)


def preview_rows(layout: Layout, record_changes: Sequence[RecordChange]) -> tuple[list[RecordChange], TableRows]:
    """Return the changes with rows as the layout makes them, without the ERP, and those rows by table: keys are not
    known, and lookups show what would be looked up.
    """
    new = [_as_new(v) for v in record_changes]
    customers = build_customers([v for v in new if v.change.kind == "customer"], layout, ask_nothing)
    orders = build_orders([v for v in new if v.change.kind == "order"], layout, ask_nothing)
    inserted = [v for v in orders if v.action == "insert"]
    shown = {}
    if layout.customer is not None:
        rows = [v.rows.main for v in customers if v.action == "insert"]
        shown[layout.customer.table.name] = _named(layout.customer.table, rows)
    shown[layout.order.table.name] = _named(layout.order.table, [v.rows.main for v in inserted])
    shown[layout.item.name] = _named(layout.item, [row for v in inserted for row in v.rows.items])
    if layout.payment is not None:
        shown[layout.payment.name] = _named(layout.payment, [row for v in inserted for row in v.rows.payments])
    return [*customers, *orders], shown


def _as_new(record_change: RecordChange) -> RecordChange:
    order = record_change.order if record_change.action == "read" else None
    if order is None:
        return record_change
    return replace(record_change, action="insert" if order.status == "confirmed" else "none")


def _named(table: TablePlan, rows: Sequence[tuple[object, ...]]) -> list[dict[str, object]]:
    return [dict(zip(table.names, row, strict=True)) for row in rows]
