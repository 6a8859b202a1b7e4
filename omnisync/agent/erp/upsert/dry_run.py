"""The rows a slice would write, to be shown: as they stood in the tables, or as the layout alone makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from omnisync.agent.erp.database import Database, records_among
from omnisync.agent.erp.layout.plan import ExtraPlan, Layout, MainPlan, TablePlan
from omnisync.agent.erp.upsert.build_rows import ask_nothing, build_customers, build_orders
from omnisync.agent.erp.upsert.keys import ErpKey, as_text
from omnisync.agent.erp.upsert.record_change import RecordChange, key_of

TableRows = dict[str, list[dict[str, object]]]
_Place = tuple[str, Sequence[str], list[ErpKey]]
"""A table, and by which values of which columns its rows are found."""


def written_rows(database: Database, layout: Layout, record_changes: Sequence[RecordChange]) -> TableRows:
    """Whole rows of the layout's tables, as the database holds them now."""
    customers = [v for v in record_changes if v.change.kind == "customer" and v.erp_key]
    orders = [v for v in record_changes if v.change.kind == "order"]
    places: list[_Place] = []
    if layout.customer is not None:
        places += _main_places(layout.customer, customers)
    places += _main_places(layout.order, orders)
    lines = [table for table in (layout.item, layout.payment) if table is not None]
    places += [(table.name, table.parent, list(map(key_of, orders))) for table in lines]
    shown: TableRows = {}
    for table, by, keys in places:
        known = shown.setdefault(table, [])
        known += [row for row in (_rows_of(database, table, by, keys) if by else ()) if row not in known]
    return shown


def _main_places(main: MainPlan, record_changes: Sequence[RecordChange]) -> list[_Place]:
    """Return where the rows of these records stand: in their main table, and in those of the rows beside them."""
    extras = [
        (extra.table.name, *_keys_beside(main.table.kind, extra, record_changes))
        for extra in (*main.before, *main.after)
    ]
    return [(main.table.name, main.table.keys, list(map(key_of, record_changes))), *extras]


def _keys_beside(
    kind: str, extra: ExtraPlan, record_changes: Sequence[RecordChange]
) -> tuple[Sequence[str], list[ErpKey]]:
    """Return the columns by which an extra row is found, and their values: its key where it was made just now, else the
    key of its record that it takes.
    """
    made = [v.keys[extra.label] for v in record_changes if extra.label in v.keys]
    if made:
        return extra.table.keys, made
    own = [late for late in extra.table.foreign_key_columns if late.whose == kind]
    keys = [key_of(v) for v in record_changes]
    return [late.column for late in own], [tuple(key[late.part] for late in own) for key in keys]


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
    shown: TableRows = {}
    if layout.customer is not None:
        _show_main(shown, layout.customer, [v for v in customers if v.action == "insert"])
    _show_main(shown, layout.order, inserted)
    _show(shown, layout.item, [row for v in inserted for row in v.rows.items])
    if layout.payment is not None:
        _show(shown, layout.payment, [row for v in inserted for row in v.rows.payments])
    return [*customers, *orders], shown


def _as_new(record_change: RecordChange) -> RecordChange:
    order = record_change.order if record_change.action == "read" else None
    if order is None:
        return record_change
    return replace(record_change, action="insert" if order.status == "confirmed" else "none")


def _show_main(shown: TableRows, main: MainPlan, record_changes: Sequence[RecordChange]) -> None:
    _show(shown, main.table, [v.rows.main for v in record_changes])
    for extra in (*main.before, *main.after):
        rows = [v.rows.extras[extra.label] for v in record_changes if extra.label in v.rows.extras]
        _show(shown, extra.table, rows)


def _show(shown: TableRows, table: TablePlan, rows: Sequence[tuple[object, ...]]) -> None:
    named = [dict(zip(table.names, row, strict=True)) for row in rows]
    shown[table.name] = shown.get(table.name, []) + named
