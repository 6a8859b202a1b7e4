"""New records that were prepared, written as columns: no object of ours for each of them.

Only what is sound and unknown goes this way, into a layout whose rows need nothing of each other but their keys. What
is known, odd, waiting, matched or refused takes the way of `writer`, which gives the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from omnisync.agent.erp.base import PreparedRecord
from omnisync.agent.erp.database import Database
from omnisync.agent.erp.layout.plan import Layout, MainPlan, TablePlan
from omnisync.agent.erp.upsert.keys import ErpKey
from omnisync.agent.erp.upsert.numbers import NewRows
from omnisync.agent.erp.upsert.row_finder import RowFinder
from omnisync.agent.erp.upsert.table import TableWriter, foreign_keys
from omnisync.agent.errors import RefusedRecordError
from omnisync.agent.progress import Counts, RowCounts
from omnisync.contract.feed import Change, Outcome, RecordKind


class NewRecords(Struct, frozen=True):
    """Records of a slice that no binding knows, as columns of one length."""

    changes: Sequence[Change]
    prepared: Sequence[PreparedRecord]

    @property
    def ids(self) -> list[str]:
        """Their ids."""
        return [change.id for change in self.changes]


class InsertedRecords(Struct, frozen=True, kw_only=True):
    """Records that were inserted: their keys in the ERP, and the numbers people know them by."""

    kind: RecordKind
    new: NewRecords
    keys: Sequence[ErpKey]
    numbers: Sequence[str | None]
    outcome: Outcome

    @property
    def counts(self) -> Counts:
        """Return how many rows were written, by noun."""
        changes = self.new.changes
        if self.kind == "customer":
            return Counts(customers=RowCounts(written=len(changes)))
        return Counts(
            orders=RowCounts(written=len(changes)),
            items=RowCounts(written=sum([change.n_items for change in changes])),
            payments=RowCounts(written=sum([change.n_payments for change in changes])),
        )


class NewRecordWriter:
    """Inserts new records of one layout. Every method runs inside the caller's transaction."""

    def __init__(self, database: Database, layout: Layout, finder: RowFinder) -> None:
        self._database = database
        self._layout = layout
        self._finder = finder
        customer = layout.customer
        self._takes = {
            "order": _is_plain(layout.order) and all(map(_is_plain_child, _children(layout))),
            "customer": customer is not None
            and _is_plain(customer)
            and layout.match is None
            and layout.without_document == "accept",
        }

    def takes(self, kind: RecordKind) -> bool:
        """Return whether the layout lets records of this kind be written as columns."""
        return self._takes[kind]

    def insert_customers(self, new: NewRecords) -> InsertedRecords | None:
        """Insert customers; None, and nothing written, where the ERP refuses one of them."""
        assert self._layout.customer is not None
        table = self._layout.customer.table
        return self._insert("customer", table, new, [()] * len(new.changes), "imported")

    def insert_orders(self, new: NewRecords, customers: Mapping[str, ErpKey]) -> InsertedRecords | None:
        """Insert orders with their lines, for customers of these keys; None, and nothing written, where the ERP refuses
        one of them.
        """
        table = self._layout.order.table
        taken_of = {id_: foreign_keys(table, {"customer": key} if key else {}) for id_, key in customers.items()}
        taken = [taken_of[one.customer_id] for one in new.prepared]
        outcome: Outcome = "staged" if self._layout.is_staged else "imported"
        return self._insert("order", table, new, taken, outcome)

    def _insert(
        self,
        kind: RecordKind,
        table: TablePlan,
        new: NewRecords,
        taken: Sequence[tuple[str | None, ...]],
        outcome: Outcome,
    ) -> InsertedRecords | None:
        self._database.savepoint()
        try:
            rows = NewRows(ids=new.ids, taken=taken, values=[one.row for one in new.prepared])
            keys = TableWriter(self._database, table).insert(rows)
            if kind == "order":
                self._insert_lines(new, keys)
            by_id = self._finder.numbers_of(kind, dict(zip(rows.ids, keys, strict=True)))
            if len(by_id) < len(keys):
                raise RefusedRecordError("erp_row_missing", tabela=table.name)
        except RefusedRecordError:
            self._database.return_to_savepoint()
            return None
        self._database.release_savepoint()
        numbers = [by_id[id_] for id_ in rows.ids]
        return InsertedRecords(kind=kind, new=new, keys=keys, numbers=numbers, outcome=outcome)

    def _insert_lines(self, new: NewRecords, keys: Sequence[ErpKey]) -> None:
        layout, owned = self._layout, list(zip(keys, new.prepared, strict=True))
        items = [key + row for key, one in owned for row in one.items]
        TableWriter(self._database, layout.item).insert_lines(items)
        if layout.payment is not None:
            payments = [key + row for key, one in owned for row in one.payments]
            TableWriter(self._database, layout.payment).insert_lines(payments)


def _children(layout: Layout) -> list[TablePlan]:
    return [layout.item, *([layout.payment] if layout.payment is not None else [])]


def _is_plain(main: MainPlan) -> bool:
    """Return whether a row of it takes nothing but its customer's key, and nothing is run or made beside it."""
    table = main.table
    takes_only_customer = all(late.whose == "customer" for late in table.foreign_key_columns)
    return not (main.before or main.after or main.after_sql or table.reads_records) and takes_only_customer


def _is_plain_child(table: TablePlan) -> bool:
    return table.number is None and not table.foreign_key_columns
