"""Columns that hold a CNPJ as a number: since July 2026 a CNPJ may have letters, and such a column takes none."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.layout.plan import Layout, TablePlan
from omnisync.agent.erp.upsert.record_change import RecordChange
from omnisync.contract.records import Order

_NUMBERS = frozenset({"integer", "decimal", "float"})
_PATHS = frozenset({"document", "customer.document"})


class NumericDocuments:
    """The document columns of a layout that are numbers. The catalogue is asked once, when a record was refused."""

    def __init__(self, database: Database, layout: Layout) -> None:
        self._database = database
        self._layout = layout

    def column_refusing(self, record_change: RecordChange) -> str:
        """Return the numeric column that could not take this record's document, as TABLE.COLUMN; empty where there
        is none.
        """
        content = record_change.content
        customer = content.customer if isinstance(content, Order) else content
        document = customer.document if customer is not None else None
        if document is None or document.isdigit():
            return ""
        return self._columns.get(record_change.change.kind, "")

    @cached_property
    def _columns(self) -> Mapping[str, str]:
        main = (self._layout.customer, self._layout.order)
        schema = self._database.dialect.reflect(self._database)
        found: dict[str, str] = {}
        for table in (part.table for part in main if part is not None):
            reflected = schema.table(table.name)
            for name in _document_columns(table) if reflected is not None else ():
                column = reflected.column(name) if reflected is not None else None
                if column is not None and column.kind in _NUMBERS:
                    found.setdefault(table.kind, f"{table.name}.{name}")
        return found


def _document_columns(table: TablePlan) -> list[str]:
    return [column.name for column in table.columns if column.path in _PATHS]
