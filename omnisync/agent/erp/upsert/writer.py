"""Write records into the ERP's tables: the whole group at once, then in halves until the rejected ones stand alone.

Inserted once, then only updated. Every method runs inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from msgspec.structs import replace

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.layout.plan import Layout, MainPlan, TablePlan
from omnisync.agent.erp.layout.row_builder import UnconvertibleError
from omnisync.agent.erp.upsert.build_rows import build_customers, build_orders, refused_unconvertible
from omnisync.agent.erp.upsert.child_rows import ChildRows, OrderLines
from omnisync.agent.erp.upsert.customer_match import CustomerMatch
from omnisync.agent.erp.upsert.extra_rows import ExtraRows, recorded
from omnisync.agent.erp.upsert.keys import ErpKey, decode_key, encode_key, sort_key
from omnisync.agent.erp.upsert.lookups import answers_for
from omnisync.agent.erp.upsert.numbers import NewRows
from omnisync.agent.erp.upsert.numeric_documents import NumericDocuments
from omnisync.agent.erp.upsert.order_state import OrderStateGuard
from omnisync.agent.erp.upsert.record_change import (
    Binding,
    ChangeAction,
    RecordChange,
    RecordRows,
    claim_for,
    key_of,
    reason_of,
)
from omnisync.agent.erp.upsert.row_finder import RowFinder
from omnisync.agent.erp.upsert.table import TableWriter, foreign_keys
from omnisync.agent.errors import ErpCommittedError, ErpRowInUseError, OmnisyncError, RefusedRecordError
from omnisync.contract.feed import Outcome

_MAX_TRIES = 3
"""How often a record is tried whose number (the highest plus one) somebody else took first."""
WriteFunction = Callable[[Sequence[RecordChange]], list[RecordChange]]
"""Writes records in the caller's savepoint, and answers them ended."""
Writes = Mapping[ChangeAction, WriteFunction]
RejectedRecords = Mapping[tuple[str, str], OmnisyncError]
"""Kind and id of records for which the ERP undid or refused a whole transaction, or holds a row, and its error."""


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

    def customers(
        self, record_changes: Sequence[RecordChange], rejected: RejectedRecords | None = None
    ) -> list[RecordChange]:
        """Write the customers that are to be inserted or updated."""
        changes = without_rejected(record_changes, rejected)
        if self._layout.customer is None:  # the ERP takes its customers from the orders
            return [v.ended("unchanged", "unchanged") if v.action in ("insert", "update") else v for v in changes]
        changes, twins = self._customer_match.match_by_document(self._check_standing(changes))
        changes = build_customers(changes, self._layout, self._ask)
        writes: Writes = {
            "insert": self._insert_customers,
            "match": self._customer_match.update_matched,
            "update": self._update_customers,
        }
        written = self._write_all(changes, writes)
        if not twins:
            return written
        with naming_committed(written):
            return written + self.customers(twins, rejected)

    def _check_standing(self, record_changes: Sequence[RecordChange]) -> list[RecordChange]:
        """Keep customers away whose row the ERP took away."""
        updates = [v for v in record_changes if v.action == "update"]
        assert self._customers is not None
        there = self._customers.owned(map(claim_for, updates), held=True)
        return [
            v.left_unchanged("customer_removed") if v.action == "update" and v.change.id not in there else v
            for v in record_changes
        ]

    def _insert_customers(self, group: Sequence[RecordChange]) -> list[RecordChange]:
        assert self._layout.customer is not None
        inserted = self._insert_main(self._layout.customer, group)
        numbered = [replace(v, erp_number=key_of(v)[-1]) for v in inserted]
        return self._finish(self._layout.customer, numbered, "imported")

    def _update_customers(self, group: Sequence[RecordChange]) -> list[RecordChange]:
        assert self._layout.customer is not None
        return self._finish(self._layout.customer, self._update_main(self._layout.customer, group), "updated")

    def orders(
        self,
        record_changes: Sequence[RecordChange],
        customers: Mapping[str, Binding],
        rejected: RejectedRecords | None = None,
    ) -> list[RecordChange]:
        """Write the orders that are to be inserted, updated or cancelled, with their lines, for these customers."""
        changes = without_rejected(record_changes, rejected)
        changes = self._state_guard.check_state(changes)
        changes = self._state_guard.check_customers(changes, customers)
        changes = build_orders(changes, self._layout, self._ask)
        changes = self._state_guard.check_key(changes)
        writes: Writes = {"insert": self._insert_orders, "update": self._update_orders, "cancel": self._cancel_orders}
        return self._write_all(changes, writes)

    def _insert_orders(self, group: Sequence[RecordChange]) -> list[RecordChange]:
        inserted = self._with_numbers(self._insert_main(self._layout.order, group))
        self._items.insert(_items(inserted, self._layout.item))
        if self._payments is not None and self._layout.payment is not None:
            self._payments.insert(_payments(inserted, self._layout.payment))
        return self._finish(self._layout.order, inserted, "staged" if self._layout.is_staged else "imported")

    def _with_numbers(self, group: Sequence[RecordChange]) -> list[RecordChange]:
        """Return the orders with the number people know them by: their key, or a column read back."""
        layout = self._layout
        if layout.is_staged and layout.outcome is not None:
            return list(group)  # the ERP's own job gives it
        numbers = self._finder.numbers_of("order", {v.change.id: key_of(v) for v in group})
        if len(numbers) < len(group):
            raise RefusedRecordError("erp_row_missing", tabela=layout.order.table.name)
        return [replace(v, erp_number=numbers[v.change.id]) for v in group]

    def _update_orders(self, group: Sequence[RecordChange]) -> list[RecordChange]:
        updated = self._update_with_lines(group)
        reopened = [v for v in updated if v.is_reopened]
        if reopened and self._layout.order.table.state:
            self._set_state(reopened, self._layout.state_open)
        return self._finish(self._layout.order, updated, "staged" if self._layout.is_staged else "updated")

    def _update_with_lines(self, group: Sequence[RecordChange]) -> list[RecordChange]:
        updated = self._update_main(self._layout.order, group)
        self._items.sync(_items(updated, self._layout.item))
        if self._payments is not None and self._layout.payment is not None:
            self._payments.sync(_payments(updated, self._layout.payment))
        return updated

    def _cancel_orders(self, group: Sequence[RecordChange]) -> list[RecordChange]:
        """Cancel orders, with what their last edit says where that was made into rows: it may never have come."""
        updated = self._update_with_lines([v for v in group if v.rows.main])
        cancelled = [*updated, *(v for v in group if not v.rows.main)]
        self._set_state(cancelled, self._layout.state_cancelled)
        return [v.ended("cancelled", "written") for v in cancelled]

    def _set_state(self, group: Sequence[RecordChange], state: str | None) -> None:
        rows = [(state, *key_of(v)) for v in sorted(group, key=_lock_order)]
        self._orders.update([self._layout.state], rows)

    def _finish(self, main: MainPlan, group: Sequence[RecordChange], outcome: Outcome) -> list[RecordChange]:
        """Run the layout's own statement for each record, and end them. Raises ErpCommittedError where it ended our
        transaction.
        """
        is_ours = ExtraRows(self._database, main).run_after(group)
        ended = [v.ended(outcome, "written") for v in group]
        if not is_ours:
            raise ErpCommittedError(records=tuple(ended), onde=f"{main.table.kind}.after_sql")
        return ended

    def _insert_main(self, main: MainPlan, group: Sequence[RecordChange]) -> list[RecordChange]:
        extras, kind = ExtraRows(self._database, main), main.table.kind
        group = extras.insert_before([replace(v, keys=_customer_key(v)) for v in group])
        new = NewRows(
            ids=[v.change.id for v in group],
            taken=[foreign_keys(main.table, v.keys) for v in group],
            values=[v.rows.main for v in group],
            records=[recorded(v, main.table) for v in group],
        )
        keys = TableWriter(self._database, main.table).insert(new)
        inserted = [
            replace(v, erp_key=encode_key(key), keys={**v.keys, kind: key}) for v, key in zip(group, keys, strict=True)
        ]
        return extras.insert_after(inserted)

    def _update_main(self, main: MainPlan, group: Sequence[RecordChange]) -> list[RecordChange]:
        table, rows = main.table, TableWriter(self._database, main.table)
        group = [replace(v, keys={**_customer_key(v), table.kind: key_of(v)}) for v in sorted(group, key=_lock_order)]
        changing = rows.updatable_columns()
        customers = [i for i, late in enumerate(table.foreign_key_columns) if late.whose == "customer"]
        names = [*(table.foreign_key_columns[i].column for i in customers), *(table.names[i] for i in changing)]
        updates = []
        for record_change in group:
            late, row = foreign_keys(table, record_change.keys), record_change.rows.main
            updates.append((*(late[i] for i in customers), *(row[i] for i in changing), *key_of(record_change)))
        rows.update(names, updates)
        return ExtraRows(self._database, main).update(group)

    def _write_all(self, record_changes: Sequence[RecordChange], writes: Writes) -> list[RecordChange]:
        """Write the changes of each of these actions, in this order: an insert may turn out to be an update."""
        changes = list(record_changes)
        for action, write in writes.items():
            others = [v for v in changes if v.action != action]
            if len(others) < len(changes):
                with naming_committed(others):
                    changes = others + self._write_bisecting([v for v in changes if v.action == action], write)
        return changes

    def _write_bisecting(
        self, group: Sequence[RecordChange], write: WriteFunction, n_tries: int = 1
    ) -> list[RecordChange]:
        self._database.savepoint()
        try:
            written = write(group)
        except (RefusedRecordError, UnconvertibleError) as error:
            self._database.return_to_savepoint()
            if len(group) > 1:
                middle = len(group) // 2
                first = self._write_bisecting(group[:middle], write)
                with naming_committed(first):
                    return first + self._write_bisecting(group[middle:], write)
            if group[0].action == "cancel" and group[0].rows.main:  # it is cancelled with the content it has
                return self._write_bisecting([replace(group[0], rows=RecordRows())], write)
            if self._may_be_race(group[0]) and n_tries < _MAX_TRIES:
                return self._write_bisecting(group, write, n_tries + 1)
            return [self._adopted_existing(group[0]) or self._refused(group[0], error)]
        self._database.release_savepoint()
        return written

    def _refused(self, record_change: RecordChange, error: RefusedRecordError | UnconvertibleError) -> RecordChange:
        if isinstance(error, UnconvertibleError):
            return refused_unconvertible(record_change, error)
        if error.code != "erp_refused":
            return record_change.ended("refused", "refused", reason_of(error.code, record_change, **error.words))
        column = self._numeric.column_refusing(record_change)
        if column:
            return record_change.refused("cnpj_column_numeric", "document", coluna=column)
        return record_change.refused("erp_refused", motivo=error.words.get("motivo"))

    def _may_be_race(self, record_change: RecordChange) -> bool:
        """Return whether another session may have taken the number a moment ago."""
        main = self._layout.customer if record_change.change.kind == "customer" else self._layout.order
        number = main.table.number if main is not None else None
        return record_change.action == "insert" and number is not None and number.source == "max"

    def _adopted_existing(self, record_change: RecordChange) -> RecordChange | None:
        """Return an insert that met its own external id as an update: the row is there already, take it as ours and
        bring it up to date. None of another change.
        """
        change = record_change.change
        key = (
            self._finder.keys_of(change.kind, [change.id]).get(change.id) if record_change.action == "insert" else None
        )
        if key is None:
            return None
        adopted = replace(record_change, erp_key=encode_key(key), action="update")
        if change.kind == "customer":
            return replace(adopted, erp_number=key[-1])
        [checked] = self._state_guard.check_key(self._state_guard.check_state(self._with_numbers([adopted])))
        return checked


@contextmanager
def naming_committed(record_changes: Sequence[RecordChange]) -> Iterator[None]:
    """Let an error that says that the ERP committed name these records, too: they were in the same transaction."""
    try:
        yield
    except ErpCommittedError as error:
        error.records = (*error.records, *record_changes)
        raise


def without_rejected(
    record_changes: Sequence[RecordChange], rejected: RejectedRecords | None
) -> Sequence[RecordChange]:
    """Refuse the records for which the ERP undid or refused a whole transaction before; let those wait whose rows are
    in use.
    """
    return [_rejected(v, rejected) for v in record_changes] if rejected else record_changes


def _rejected(record_change: RecordChange, rejected: RejectedRecords) -> RecordChange:
    error = rejected.get((record_change.change.kind, record_change.change.id))
    if error is None or record_change.action not in ("insert", "update", "match", "cancel"):
        return record_change
    if isinstance(error, ErpRowInUseError):
        return record_change.ended("waiting", "waiting", reason_of("erp_row_in_use", record_change))
    return record_change.refused("erp_refused", motivo=str(error.words.get("motivo", "–")))


def _items(group: Sequence[RecordChange], table: TablePlan) -> list[OrderLines]:
    return [_lines(v, table, v.rows.items, "items") for v in group]


def _payments(group: Sequence[RecordChange], table: TablePlan) -> list[OrderLines]:
    return [_lines(v, table, v.rows.payments, "payments") for v in group]


def _lines(record_change: RecordChange, table: TablePlan, rows: Sequence[tuple[object, ...]], name: str) -> OrderLines:
    order = record_change.order if table.reads_records else None
    records = getattr(order, name) if order is not None else (None,) * len(rows)
    return OrderLines(order, key_of(record_change), record_change.keys, records, rows)


def _customer_key(record_change: RecordChange) -> Mapping[str, ErpKey]:
    return {"customer": decode_key(record_change.customer_key)} if record_change.customer_key else {}


def _lock_order(record_change: RecordChange) -> tuple[tuple[int, str], ...]:
    """Return the sort key by which rows are changed: in key order, so that writers do not deadlock."""
    return sort_key(key_of(record_change))
