"""Verdicts written into the ERP's tables: the whole lot at once, then in halves until the guilty stand alone.

Inserted once, then only updated. Every method runs inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.layout.plan import Layout, MainPlan, TablePlan
from omnisync.agent.erp.layout.row_builder import ColumnPlan, LookupAnswers, UnconvertibleError
from omnisync.agent.erp.writing.building import build_customers, build_orders, refuse_unfit
from omnisync.agent.erp.writing.children import Children, Lines
from omnisync.agent.erp.writing.documents import NumericDocuments
from omnisync.agent.erp.writing.extras import Extras, recorded
from omnisync.agent.erp.writing.keys import Key, in_order, joined, parted, text_of
from omnisync.agent.erp.writing.lookups import answers_for
from omnisync.agent.erp.writing.matching import Matching
from omnisync.agent.erp.writing.tables import New, Rows, taken
from omnisync.agent.erp.writing.verdicts import Binding, Verdict, claim_for, claim_of, keep, key_of, reason_of
from omnisync.agent.erp.writing.weighing import Weighing
from omnisync.agent.errors import RefusedRecordError

_MAX_TRIES = 3
"""How often a record is tried whose number (the highest plus one) somebody else took first."""
Write = Callable[[list[Verdict]], None]
Blamed = Mapping[tuple[str, str], str]
"""Kind and id of records for which the ERP undid or refused a whole transaction, with its words."""


class Landing:
    """Writes one slice's verdicts."""

    def __init__(self, database: Database, layout: Layout) -> None:
        self._database = database
        self._layout = layout
        self._orders = Rows(database, layout.order.table)
        self._customers = Rows(database, layout.customer.table) if layout.customer is not None else None
        self._items = Children(database, layout.item)
        self._payments = Children(database, layout.payment) if layout.payment is not None else None
        self._matching = Matching(database, layout)
        self._weighing = Weighing(database, layout)
        self._numeric = NumericDocuments(database, layout)

    def keys_of(self, kind: str, ids: Sequence[str]) -> dict[str, Key]:
        """The keys of rows that carry these external ids."""
        rows = self._customers if kind == "customer" else self._orders
        return rows.keys_of(ids) if rows is not None else {}

    def numbers_of(self, kind: str, keys: Mapping[str, Key]) -> dict[str, str]:
        """The numbers people know these rows by, by external id; none of those that the ERP's own job gives."""
        layout = self._layout
        if kind == "customer" or (layout.shown == layout.order.table.keys[-1] and not layout.is_staged):
            return {id_: key[-1] for id_, key in keys.items()}
        if layout.is_staged and layout.outcome is not None:
            return {}
        shown = self._orders.present(list(keys.values()), [layout.shown])
        return {id_: text_of(shown[key][0]) for id_, key in keys.items() if key in shown and shown[key][0] is not None}

    def standing(self, kind: str, bindings: Iterable[Binding], ids: Sequence[str]) -> set[str]:
        """Which of these records have a row, by the key they are bound to or by their external id."""
        rows = self._customers if kind == "customer" else self._orders
        if rows is None:
            return set()
        claims = [claim for claim in map(claim_of, bindings) if claim is not None]
        return rows.owned(claims).keys() | rows.keys_of(ids).keys()

    # --- customers

    def customers(self, verdicts: Sequence[Verdict], blamed: Blamed | None = None) -> None:
        """Land the customers that are to be inserted or updated."""
        _refuse_blamed(verdicts, blamed)
        if self._layout.customer is None:
            for verdict in verdicts:
                if verdict.action in ("insert", "update"):
                    verdict.end("unchanged", "unchanged")  # the ERP takes its customers from the orders
            return
        self._keep_missing(verdicts)
        twins = self._matching.sort(verdicts)
        build_customers(verdicts, self._layout, self._ask)
        self._land(verdicts, "insert", self._insert_customers)
        self._land(verdicts, "match", self._matching.fill)
        self._land(verdicts, "update", self._update_customers)
        if twins:
            for twin in twins:
                twin.action = "insert"
            self.customers(twins, blamed)

    def _keep_missing(self, verdicts: Sequence[Verdict]) -> None:
        """Customers whose row the ERP took away are kept away."""
        updates = [v for v in verdicts if v.action == "update"]
        assert self._customers is not None
        there = self._customers.owned(map(claim_for, updates), held=True)
        for verdict in updates:
            if verdict.change.id not in there:
                keep(verdict, "customer_removed")

    def _insert_customers(self, lot: list[Verdict]) -> None:
        assert self._layout.customer is not None
        self._insert_main(self._layout.customer, lot)
        for verdict in lot:
            verdict.erp_number = key_of(verdict)[-1]
        Extras(self._database, self._layout.customer).run_after(lot)
        for verdict in lot:
            verdict.end("imported", "written")

    def _update_customers(self, lot: list[Verdict]) -> None:
        assert self._layout.customer is not None
        self._update_main(self._layout.customer, lot)
        Extras(self._database, self._layout.customer).run_after(lot)
        for verdict in lot:
            verdict.end("updated", "written")

    # --- orders

    def orders(
        self, verdicts: Sequence[Verdict], customers: Mapping[str, Binding], blamed: Blamed | None = None
    ) -> None:
        """Land the orders that are to be inserted, updated or cancelled, with their lines, for these customers."""
        _refuse_blamed(verdicts, blamed)
        self._weighing.states(verdicts)
        self._weighing.customers(verdicts, customers)
        build_orders(verdicts, self._layout, self._ask)
        self._weighing.keys(verdicts)
        self._land(verdicts, "insert", self._insert_orders)
        self._land(verdicts, "update", self._update_orders)
        self._land(verdicts, "cancel", self._cancel_orders)

    def _insert_orders(self, lot: list[Verdict]) -> None:
        self._insert_main(self._layout.order, lot)
        self._number(lot)
        self._items.insert(_items(lot, self._layout.item))
        if self._payments is not None and self._layout.payment is not None:
            self._payments.insert(_payments(lot, self._layout.payment))
        Extras(self._database, self._layout.order).run_after(lot)
        for verdict in lot:
            verdict.end("staged" if self._layout.is_staged else "imported", "written")

    def _number(self, lot: Sequence[Verdict]) -> None:
        """The number people know the order by: its key, or a column read back."""
        layout = self._layout
        if layout.is_staged and layout.outcome is not None:
            return  # the ERP's own job gives it
        if layout.shown == layout.order.table.keys[-1]:
            for verdict in lot:
                verdict.erp_number = key_of(verdict)[-1]
            return
        shown = self._orders.present([key_of(v) for v in lot], [layout.shown])
        for verdict in lot:
            if key_of(verdict) not in shown:
                raise RefusedRecordError("erp_row_missing", tabela=layout.order.table.name)
            [number] = shown[key_of(verdict)]
            verdict.erp_number = text_of(number) if number is not None else None

    def _update_orders(self, lot: list[Verdict]) -> None:
        self._update_main(self._layout.order, lot)
        self._items.equalise(_items(lot, self._layout.item))
        if self._payments is not None and self._layout.payment is not None:
            self._payments.equalise(_payments(lot, self._layout.payment))
        Extras(self._database, self._layout.order).run_after(lot)
        for verdict in lot:
            verdict.end("staged" if self._layout.is_staged else "updated", "written")

    def _cancel_orders(self, lot: list[Verdict]) -> None:
        rows = [(self._layout.state_cancelled, *key_of(v)) for v in sorted(lot, key=_place)]
        self._orders.update([self._layout.state], rows)
        for verdict in lot:
            verdict.end("cancelled", "written")

    # --- a main row with those before and after it

    def _insert_main(self, main: MainPlan, lot: list[Verdict]) -> None:
        extras = Extras(self._database, main)
        for verdict in lot:
            verdict.keys = _customer_key(verdict)
        extras.insert_before(lot)
        new = [New(v.change.id, recorded(v, main.table), v.row, v.keys) for v in lot]
        for verdict, key in zip(lot, Rows(self._database, main.table).insert(new), strict=True):
            verdict.erp_key = joined(key)
            verdict.keys[main.table.kind] = key
        extras.insert_after(lot)

    def _update_main(self, main: MainPlan, lot: list[Verdict]) -> None:
        lot.sort(key=_place)
        table, rows = main.table, Rows(self._database, main.table)
        changing = rows.changing()
        customers = [i for i, late in enumerate(table.foreign_key_columns) if late.whose == "customer"]
        names = [*(table.foreign_key_columns[i].column for i in customers), *(table.names[i] for i in changing)]
        updates = []
        for verdict in lot:
            verdict.keys = _customer_key(verdict) | {table.kind: key_of(verdict)}
            late = taken(table, verdict.keys)
            row = verdict.row
            updates.append((*(late[i] for i in customers), *(row[i] for i in changing), *key_of(verdict)))
        rows.update(names, updates)
        Extras(self._database, main).update(lot)

    # --- the whole lot, then halves

    def _ask(self, columns: Sequence[ColumnPlan], records: list[Any], parents: Sequence[Any]) -> LookupAnswers:
        return answers_for(self._database, columns, records, parents)

    def _land(self, verdicts: Sequence[Verdict], action: str, write: Write) -> None:
        self._land_lot([v for v in verdicts if v.action == action], write, 1)

    def _land_lot(self, lot: list[Verdict], write: Write, n_tries: int) -> None:
        if not lot:
            return
        self._database.savepoint()
        try:
            write(lot)
        except (RefusedRecordError, UnconvertibleError) as error:
            self._database.return_to_savepoint()
            if len(lot) > 1:
                middle = len(lot) // 2
                self._land_lot(lot[:middle], write, 1)
                self._land_lot(lot[middle:], write, 1)
            elif self._is_a_race(lot[0]) and n_tries < _MAX_TRIES:
                self._land_lot(lot, write, n_tries + 1)
            elif not self._adopt(lot[0]):
                lot[0].erp_key = lot[0].erp_number = None  # of a row that was taken back
                self._refuse(lot[0], error)
        else:
            self._database.release_savepoint()

    def _refuse(self, verdict: Verdict, error: RefusedRecordError | UnconvertibleError) -> None:
        if isinstance(error, UnconvertibleError):
            refuse_unfit(verdict, error)
            return
        if error.code != "erp_refused":
            verdict.end("refused", "refused", reason_of(error.code, verdict, **error.words))
            return
        column = self._numeric.holds(verdict)
        if column:
            verdict.refuse("cnpj_column_numeric", "document", coluna=column)
        else:
            verdict.refuse("erp_refused", motivo=error.words.get("motivo"))

    def _is_a_race(self, verdict: Verdict) -> bool:
        """Whether the number may have been taken by somebody else a moment ago."""
        main = self._layout.customer if verdict.change.kind == "customer" else self._layout.order
        number = main.table.number if main is not None else None
        return verdict.action == "insert" and number is not None and number.source == "max"

    def _adopt(self, verdict: Verdict) -> bool:
        """An insert that met its own external id: the row is there already, take it as ours and bring it up to date."""
        if verdict.action != "insert":
            return False
        key = self.keys_of(verdict.change.kind, [verdict.change.id]).get(verdict.change.id)
        if key is None:
            return False
        verdict.erp_key, verdict.action = joined(key), "update"
        if verdict.change.kind == "order":
            self._number([verdict])
            self._weighing.states([verdict])
            self._weighing.keys([verdict])
        else:
            verdict.erp_number = key[-1]
        return True


def _refuse_blamed(verdicts: Sequence[Verdict], blamed: Blamed | None) -> None:
    for verdict in verdicts if blamed else ():
        motive = blamed.get((verdict.change.kind, verdict.change.id)) if blamed else None
        if motive is not None and verdict.action in ("insert", "update", "match", "cancel"):
            verdict.refuse("erp_refused", motivo=motive)


def _items(lot: Sequence[Verdict], table: TablePlan) -> list[Lines]:
    return [_lines(v, v.item_rows, v.order.items if table.reads_records and v.order else ()) for v in lot]


def _payments(lot: Sequence[Verdict], table: TablePlan) -> list[Lines]:
    return [_lines(v, v.payment_rows, v.order.payments if table.reads_records and v.order else ()) for v in lot]


def _lines(verdict: Verdict, rows: Sequence[tuple[object, ...]], records: Sequence[object]) -> Lines:
    order = verdict.order if records else None
    return Lines(order, key_of(verdict), verdict.keys, records or (None,) * len(rows), rows)


def _customer_key(verdict: Verdict) -> dict[str, Key]:
    return {"customer": parted(verdict.customer_key)} if verdict.customer_key else {}


def _place(verdict: Verdict) -> tuple[tuple[int, str], ...]:
    """Rows are changed in key order, as everybody should."""
    return in_order(key_of(verdict))
