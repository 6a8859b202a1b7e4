"""Find columns that keep fewer decimal places than the values a layout writes into them: the database rounds."""

from __future__ import annotations

from omnisync.agent.erp.layout.plan import RoundedColumns
from omnisync.agent.erp.layout.schema import LayoutFile
from omnisync.agent.erp.layout_check.table_usage import table_usages
from omnisync.agent.erp.schema import Schema


def rounded_columns(layout: LayoutFile, schema: Schema) -> RoundedColumns:
    """Return the scale of each such column, by the place of its table in the layout (`item`, `order.after.frete`)."""
    found: dict[str, dict[str, int]] = {}
    for use in table_usages(layout, schema):
        table = schema.table(use.table)
        for name, bounds in use.bounds.items() if table is not None else ():
            column = table.column(name) if table is not None else None
            if column is None or column.kind != "decimal" or column.scale is None or bounds is None:
                continue
            if bounds.kind in ("integer", "decimal") and (bounds.scale or 0) > column.scale:
                found.setdefault(use.where, {})[name] = column.scale
    return found
