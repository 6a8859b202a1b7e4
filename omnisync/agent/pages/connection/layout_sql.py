"""The SQL of a layout, shown before the layout is saved."""

from __future__ import annotations

from litestar.datastructures import FormMultiDict

from omnisync.agent.config.connection import Connection
from omnisync.agent.erp.databases import layout_named
from omnisync.agent.erp.layout.schema import shipped_names
from omnisync.agent.erp.layout.sql_texts import SqlText, seen_mark, sql_texts
from omnisync.agent.errors import LayoutError
from omnisync.agent.pages.rendering import field

SEEN = "sql_visto"
"""The field that says which texts were shown."""


def sql_of(layout: str) -> tuple[SqlText, ...]:
    """Return the SQL texts of a connection's layout; none where it cannot be read, which a run says."""
    try:
        return sql_texts(layout_named(layout))
    except LayoutError:
        return ()


def unseen_sql(before: Connection | None, after: Connection, form: FormMultiDict) -> tuple[SqlText, ...]:
    """Return the texts of another layout that this form did not show yet. Shipped ones are the program's own."""
    if after.erp.layout in shipped_names() or (before is not None and before.erp.layout == after.erp.layout):
        return ()
    texts = sql_of(after.erp.layout)
    is_known = before is not None and texts == sql_of(before.erp.layout)
    return () if is_known or field(form, SEEN) == seen_mark(texts) else texts
