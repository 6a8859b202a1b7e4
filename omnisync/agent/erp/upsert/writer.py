"""Write records into the ERP's tables: the whole group at once, then in halves until the rejected ones stand alone.

Inserted once, then only updated. Every method runs inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.layout.plan import Layout, MainPlan, TablePlan
from omnisync.agent.erp.layout.row_builder import UnconvertibleError
from omnisync.agent.erp.upsert.build_rows import build_customers, build_orders, refuse_unconvertible
from omnisync.agent.erp.upsert.child_rows import ChildRows, OrderLines
from omnisync.agent.erp.upsert.customer_match import CustomerMatch
from omnisync.agent.erp.upsert.extra_rows import ExtraRows, recorded
from omnisync.agent.erp.upsert.keys import ErpKey, as_text, decode_key, encode_key, sort_key
from omnisync.agent.erp.upsert.lookups import answers_for
from omnisync.agent.erp.upsert.numbers import NewRows
from omnisync.agent.erp.upsert.numeric_documents import NumericDocuments
from omnisync.agent.erp.upsert.order_state import OrderStateGuard
from omnisync.agent.erp.upsert.record_change import (
    Binding,
    RecordChange,
    claim_for,
    key_of,
    leave_unchanged,
    reason_of,
)
from omnisync.agent.erp.upsert.row_finder import RowFinder
from omnisync.agent.erp.upsert.table import TableWriter, foreign_keys
from omnisync.agent.errors import ErpCommittedError, RefusedRecordError
from omnisync.contract.feed import Outcome

_MAX_TRIES = 3
"""How often a record is tried whose number (the highest plus one) somebody else took first."""
WriteFunction = Callable[[list[RecordChange]], None]
RejectedRecords = Mapping[tuple[str, str], str]
"""Kind and id of records for which the ERP undid or refused a whole transaction, with its words."""


class RecordWriter:
    """Writes the records of one slice."""

    def __init__(self, database: Database, layout: Layout, finder: RowFinder) -> None:
        self._database = database
        self._layout = layout
        self._finder = finder
        self._orders = TableWriter(database, layout.order.table)
        self._customers = TableWriter(database, layout.customer.table) if layout.customer is not None else None
        self._items = ChildRows(database, layout.item)
        self._payments = ChildRows(database, layout.payment) if layout.payment is not None else None
        self._customer_match = CustomerMatch(database, layout)
        self._state_guard = OrderStateGuard(database, layout)
        self._numeric = NumericDocuments(database, layout)
        self._ask = partial(answers_for, database)

    def customers(self, record_changes: Sequence[RecordChange], rejected: RejectedRecords | None = None) -> None:
        """Land the customers that are to be inserted or updated."""
        refuse_rejected(record_changes, rejected)
        if self._layout.customer is None:
            for record_change in record_changes:
                if record_change.action in ("insert", "update"):
                    record_change.finish("unchanged", "unchanged")  # the ERP takes its customers from the orders
            return
        self._leave_missing(record_changes)
        twins = self._customer_match.match_by_document(record_changes)
        build_customers(record_changes, self._layout, self._ask)
        self._write_all(record_changes, "insert", self._insert_customers)
        self._write_all(record_changes, "match", self._customer_match.update_matched)
        self._write_all(record_changes, "update", self._update_customers)
        if twins:
            for twin in twins:
                twin.action = "insert"
            self.customers(twins, rejected)

    def _leave_missing(self, record_changes: Sequence[RecordChange]) -> None:
        """Customers whose row the ERP took away are kept away."""
        updates = [v for v in record_changes if v.action == "update"]
        assert self._customers is not None
        there = self._customers.owned(map(claim_for, updates), held=True)
        for record_change in updates:
            if record_change.change.id not in there:
                leave_unchanged(record_change, "customer_removed")

    def _insert_customers(self, group: list[RecordChange]) -> None:
        assert self._layout.customer is not None
        self._insert_main(self._layout.customer, group)
        for record_change in group:
            record_change.erp_number = key_of(record_change)[-1]
        self._run_after(self._layout.customer, group, "imported")

    def _update_customers(self, group: list[RecordChange]) -> None:
        assert self._layout.customer is not None
        self._update_main(self._layout.customer, group)
        self._run_after(self._layout.customer, group, "updated")

    def orders(
        self,
        record_changes: Sequence[RecordChange],
        customers: Mapping[str, Binding],
        rejected: RejectedRecords | None = None,
    ) -> None:
        """Land the orders that are to be inserted, updated or cancelled, with their lines, for these customers."""
        refuse_rejected(record_changes, rejected)
        self._state_guard.check_state(record_changes)
        self._state_guard.customers(record_changes, customers)
        build_orders(record_changes, self._layout, self._ask)
        self._state_guard.check_key(record_changes)
        self._write_all(record_changes, "insert", self._insert_orders)
        self._write_all(record_changes, "update", self._update_orders)
        self._write_all(record_changes, "cancel", self._cancel_orders)

    def _insert_orders(self, group: list[RecordChange]) -> None:
        self._insert_main(self._layout.order, group)
        self._read_numbers(group)
        self._items.insert(_items(group, self._layout.item))
        if self._payments is not None and self._layout.payment is not None:
            self._payments.insert(_payments(group, self._layout.payment))
        self._run_after(self._layout.order, group, "staged" if self._layout.is_staged else "imported")

    def _read_numbers(self, group: Sequence[RecordChange]) -> None:
        """The number people know the order by: its key, or a column read back."""
        layout = self._layout
        if layout.is_staged and layout.outcome is not None:
            return  # the ERP's own job gives it
        if layout.shown == layout.order.table.keys[-1]:
            for record_change in group:
                record_change.erp_number = key_of(record_change)[-1]
            return
        shown = self._orders.fetch_by_key([key_of(v) for v in group], [layout.shown])
        for record_change in group:
            if key_of(record_change) not in shown:
                raise RefusedRecordError("erp_row_missing", tabela=layout.order.table.name)
            [number] = shown[key_of(record_change)]
            record_change.erp_number = as_text(number) if number is not None else None

    def _update_orders(self, group: list[RecordChange]) -> None:
        self._update_main(self._layout.order, group)
        reopened = [v for v in group if v.is_reopened]
        if reopened and self._layout.order.table.state:
            self._set_state(reopened, self._layout.state_open)
        self._items.sync(_items(group, self._layout.item))
        if self._payments is not None and self._layout.payment is not None:
            self._payments.sync(_payments(group, self._layout.payment))
        self._run_after(self._layout.order, group, "staged" if self._layout.is_staged else "updated")

    def _cancel_orders(self, group: list[RecordChange]) -> None:
        self._set_state(group, self._layout.state_cancelled)
        for record_change in group:
            record_change.finish("cancelled", "written")

    def _set_state(self, group: Sequence[RecordChange], state: str | None) -> None:
        rows = [(state, *key_of(v)) for v in sorted(group, key=_lock_order)]
        self._orders.update([self._layout.state], rows)

    def _run_after(self, main: MainPlan, group: Sequence[RecordChange], outcome: Outcome) -> None:
        """Run the layout's own statement for each record. Raises ErpCommittedError where it ended our transaction."""
        is_ours = ExtraRows(self._database, main).run_after(group)
        for record_change in group:
            record_change.finish(outcome, "written")
        if not is_ours:
            raise ErpCommittedError(records=tuple(group), onde=f"{main.table.kind}.after_sql")

    def _insert_main(self, main: MainPlan, group: list[RecordChange]) -> None:
        extras = ExtraRows(self._database, main)
        for record_change in group:
            record_change.keys = _customer_key(record_change)
        extras.insert_before(group)
        new = NewRows(
            ids=[v.change.id for v in group],
            taken=[foreign_keys(main.table, v.keys) for v in group],
            values=[v.row for v in group],
            records=[recorded(v, main.table) for v in group],
        )
        for record_change, key in zip(group, TableWriter(self._database, main.table).insert(new), strict=True):
            record_change.erp_key = encode_key(key)
            record_change.keys[main.table.kind] = key
        extras.insert_after(group)

    def _update_main(self, main: MainPlan, group: list[RecordChange]) -> None:
        group.sort(key=_lock_order)
        table, rows = main.table, TableWriter(self._database, main.table)
        changing = rows.updatable_columns()
        customers = [i for i, late in enumerate(table.foreign_key_columns) if late.whose == "customer"]
        names = [*(table.foreign_key_columns[i].column for i in customers), *(table.names[i] for i in changing)]
        updates = []
        for record_change in group:
            record_change.keys = _customer_key(record_change) | {table.kind: key_of(record_change)}
            late = foreign_keys(table, record_change.keys)
            row = record_change.row
            updates.append((*(late[i] for i in customers), *(row[i] for i in changing), *key_of(record_change)))
        rows.update(names, updates)
        ExtraRows(self._database, main).update(group)

    def _write_all(self, record_changes: Sequence[RecordChange], action: str, write: WriteFunction) -> None:
        self._write_bisecting([v for v in record_changes if v.action == action], write, 1)

    def _write_bisecting(self, group: list[RecordChange], write: WriteFunction, n_tries: int) -> None:
        if not group:
            return
        self._database.savepoint()
        try:
            write(group)
        except (RefusedRecordError, UnconvertibleError) as error:
            self._database.return_to_savepoint()
            if len(group) > 1:
                middle = len(group) // 2
                self._write_bisecting(group[:middle], write, 1)
                self._write_bisecting(group[middle:], write, 1)
            elif self._may_be_race(group[0]) and n_tries < _MAX_TRIES:
                self._write_bisecting(group, write, n_tries + 1)
            elif not self._adopt_existing(group[0]):
                group[0].erp_key = group[0].erp_number = None  # of a row that was taken back
                self._refuse(group[0], error)
        else:
            self._database.release_savepoint()

    def _refuse(self, record_change: RecordChange, error: RefusedRecordError | UnconvertibleError) -> None:
        if isinstance(error, UnconvertibleError):
            refuse_unconvertible(record_change, error)
            return
        if error.code != "erp_refused":
            record_change.finish("refused", "refused", reason_of(error.code, record_change, **error.words))
            return
        column = self._numeric.column_refusing(record_change)
        if column:
            record_change.refuse("cnpj_column_numeric", "document", coluna=column)
        else:
            record_change.refuse("erp_refused", motivo=error.words.get("motivo"))

    def _may_be_race(self, record_change: RecordChange) -> bool:
        """Return whether another session may have taken the number a moment ago."""
        main = self._layout.customer if record_change.change.kind == "customer" else self._layout.order
        number = main.table.number if main is not None else None
        return record_change.action == "insert" and number is not None and number.source == "max"

    def _adopt_existing(self, record_change: RecordChange) -> bool:
        """Return an insert that met its own external id: the row is there already, take it as ours and bring it up
        to date.
        """
        if record_change.action != "insert":
            return False
        key = self._finder.keys_of(record_change.change.kind, [record_change.change.id]).get(record_change.change.id)
        if key is None:
            return False
        record_change.erp_key, record_change.action = encode_key(key), "update"
        if record_change.change.kind == "order":
            self._read_numbers([record_change])
            self._state_guard.check_state([record_change])
            self._state_guard.check_key([record_change])
        else:
            record_change.erp_number = key[-1]
        return True


def refuse_rejected(record_changes: Sequence[RecordChange], rejected: RejectedRecords | None) -> None:
    """Refuse the records for which the ERP undid or refused a whole transaction before."""
    for record_change in record_changes if rejected else ():
        motive = rejected.get((record_change.change.kind, record_change.change.id)) if rejected else None
        if motive is not None and record_change.action in ("insert", "update", "match", "cancel"):
            record_change.refuse("erp_refused", motivo=motive)


def _items(group: Sequence[RecordChange], table: TablePlan) -> list[OrderLines]:
    return [_lines(v, v.item_rows, v.order.items if table.reads_records and v.order else ()) for v in group]


def _payments(group: Sequence[RecordChange], table: TablePlan) -> list[OrderLines]:
    return [_lines(v, v.payment_rows, v.order.payments if table.reads_records and v.order else ()) for v in group]


def _lines(record_change: RecordChange, rows: Sequence[tuple[object, ...]], records: Sequence[object]) -> OrderLines:
    order = record_change.order if records else None
    return OrderLines(order, key_of(record_change), record_change.keys, records or (None,) * len(rows), rows)


def _customer_key(record_change: RecordChange) -> dict[str, ErpKey]:
    return {"customer": decode_key(record_change.customer_key)} if record_change.customer_key else {}


def _lock_order(record_change: RecordChange) -> tuple[tuple[int, str], ...]:
    """Return the sort key by which rows are changed: in key order, so that writers do not deadlock."""
    return sort_key(key_of(record_change))
