"""Any SQL database as an ERP: a layout says where fields go, a dialect how this database is spoken to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import chain, islice
from typing import Any

from omnisync.agent.erp.base import Position, Rehearsal, Slice, Unsettled, Written
from omnisync.agent.erp.bindings import Bindings, encoded
from omnisync.agent.erp.dialects.sqlite import Sqlite
from omnisync.agent.erp.rows import Layout, Table, rows_of
from omnisync.agent.erp.verdicts import (
    Binding,
    Verdict,
    compare,
    count,
    place,
    read_customers,
    read_orders,
    reason_of,
    unreadable_verdict,
)
from omnisync.agent.errors import ErpSetupError, RefusedRecordError
from omnisync.contract.feed import Change, Kind, Receipt

NOUN_TABLES = ("customers", "orders", "items", "payments")


class SqlErp:
    """The promise of `base.Erp` over one SQL database."""

    def __init__(
        self,
        database: Sqlite,
        layout: Layout,
        *,
        company: str,
        connection: str,
        establishments: Sequence[str],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._layout = layout
        self._bindings = Bindings(database, company, connection)
        self._here = frozenset(establishments)
        self._clock = clock

    # --- the promise; see base.Erp

    def prepare(self) -> None:
        self._database.connect()
        found = self._database.tables()
        for table in self._tables():
            columns = found.get(table.name)
            if columns is None:
                raise ErpSetupError("destination_missing_table", banco=self._database.label, tabela=table.name)
            missing = set(table.names) - columns
            if missing:
                motive = ", ".join(f"{table.name}.{name}" for name in sorted(missing))
                raise ErpSetupError("destination_missing_column", banco=self._database.label, motivo=motive)
        self._database.make_binding_tables()

    def position(self, stream: str) -> Position:
        found = self._bindings.position(stream)
        if found is not None:
            return found
        with self._transaction():
            self._bindings.begin_stream(stream)
            return self._bindings.position(stream) or Position()

    def settle(self, stream: str) -> Position:
        self._database.connect()
        with self._transaction():
            return self._bindings.position(stream) or Position()

    def write(self, part: Slice) -> Written:
        with self._transaction():
            self._bindings.hold(part.stream, part.expected)
            related, verdicts = self._landed(part)
            now = self._clock()
            n_receipts = self._bindings.save(related, part.epoch, "", now)
            n_receipts += self._bindings.save(verdicts, part.epoch, part.establishment, now)
            if part.moves_to is not None:
                self._bindings.move(part.stream, part.moves_to, part.epoch)
        # A related customer met before is no news: counting it in every page would drown the counts.
        news = [v for v in related if v.bucket != "unchanged" and v.is_saved]
        return Written(counts=count(chain(news, verdicts)), n_receipts=n_receipts)

    def not_undone(self) -> list[str]:
        self._database.connect()
        if "omnisync_binding" in self._database.tables():
            return []
        return ["as duas tabelas do Omnisync (omnisync_binding e omnisync_cursor) serão criadas vazias"]

    def rehearse(self, part: Slice) -> Rehearsal:
        self._database.begin()
        try:
            related, verdicts = self._landed(part)
            landed = [v for v in chain(related, verdicts) if v.bucket == "written"]
            return Rehearsal(
                counts=count(chain((v for v in related if v.is_saved), verdicts)),
                tables=self._rows_of(landed),
                unsettled=[(v.label or v.change.id, v.reason.message) for v in verdicts if v.reason is not None],
            )
        finally:
            self._database.rollback()

    def waiting(self, establishments: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
        return self._bindings.waiting(establishments)

    def pending(self, limit: int) -> list[Receipt]:
        return self._bindings.pending(limit)

    def told(self, receipts: Sequence[Receipt]) -> None:
        with self._transaction():
            self._bindings.told(receipts)

    def release(self, kind: Kind, ids: Sequence[str], *, again: bool = False) -> dict[str, list[str]]:
        with self._transaction():
            # What still has its row is only read again: forgotten, a later cancellation would not reach that row.
            there = self._keys(self._table(kind), ids) if again else {}
            return self._bindings.release(kind, ids, gone=[id_ for id_ in ids if id_ not in there] if again else ())

    def unsettled(self, outcomes: Sequence[str], limit: int) -> list[Unsettled]:
        return self._bindings.unsettled(outcomes, limit)

    def n_unsettled(self) -> dict[str, int]:
        return self._bindings.n_unsettled()

    def find(self, text: str, limit: int) -> list[Unsettled]:
        return self._bindings.find(text, limit)

    def rows(self) -> dict[str, int]:
        counted = [self._database.select(f"SELECT count(*) FROM {table.name}") for table in self._tables()]  # noqa: S608  # the layout's own table names, checked against the catalogue
        return {noun: int(str(rows[0][0])) for noun, rows in zip(NOUN_TABLES, counted, strict=True)}

    def close(self) -> None:
        self._database.close()

    # --- one transaction

    def _landed(self, part: Slice) -> tuple[list[Verdict], list[Verdict]]:
        """The slice's rows put into the ERP's tables: the verdicts of the related customers, then its own."""
        related = self._customers(part, part.related)
        if part.kind == "customer":
            verdicts = self._customers(part, part.changes)
        else:
            verdicts = self._orders(part, {v.change.id: v for v in related})
        return related, verdicts + self._unreadable(part)

    def _rows_of(self, landed: Sequence[Verdict]) -> dict[str, list[dict[str, object]]]:
        customers = [_key_of(v) for v in landed if v.change.kind == "customer"]
        orders = [_key_of(v) for v in landed if v.change.kind == "order"]
        layout = self._layout
        keys = (
            (layout.customer, layout.customer.key, customers),
            (layout.order, layout.order.key, orders),
            (layout.item, layout.item.parent, orders),
            (layout.payment, layout.payment.parent, orders),
        )
        return {table.name: self._database.records_among(table.name, column, ids) for table, column, ids in keys}

    def _table(self, kind: Kind) -> Table:
        return self._layout.customer if kind == "customer" else self._layout.order

    def _tables(self) -> tuple[Table, ...]:
        return self._layout.customer, self._layout.order, self._layout.item, self._layout.payment

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.begin()
        try:
            yield
            self._database.commit()
        except BaseException:  # a COMMIT that failed leaves its transaction open
            self._database.rollback()
            raise

    def _customers(self, part: Slice, changes: Sequence[Change]) -> list[Verdict]:
        verdicts = self._compared(part, "customer", changes)
        read_customers(verdicts)
        self._keep_missing(verdicts)
        _build_customers(verdicts, self._layout)
        self._land(verdicts, "insert", self._insert_customers)
        self._land(verdicts, "update", self._update_customers)
        return verdicts

    def _orders(self, part: Slice, related: dict[str, Verdict]) -> list[Verdict]:
        verdicts = self._compared(part, "order", part.changes)
        read_orders(verdicts, part, self._here)
        place(verdicts, self._customers_of(verdicts, related))
        self._weigh_states(verdicts)
        _build_orders(verdicts, self._layout)
        self._land(verdicts, "insert", self._insert_orders)
        self._land(verdicts, "update", self._update_orders)
        self._land(verdicts, "cancel", self._cancel_orders)
        return verdicts

    def _compared(self, part: Slice, kind: Kind, changes: Sequence[Change]) -> list[Verdict]:
        bindings = self._bindings.of(kind, [change.id for change in changes])
        return compare(_once(changes), bindings, part.epoch, retrying=part.expected is None)

    def _customers_of(self, verdicts: Sequence[Verdict], related: dict[str, Verdict]) -> dict[str, Binding]:
        ids = {v.order.customer.id for v in verdicts if v.action == "read" and v.order is not None}
        known = self._bindings.customers(sorted(ids - related.keys()))
        # The related customers were written a moment ago in this transaction; their bindings are saved at its end.
        for id_ in ids & related.keys():
            known[id_] = _as_binding(related[id_])
        merged = {b.merged_into for b in known.values() if b.merged_into} - known.keys()
        return self._bindings.customers(sorted(merged)) | known

    def _unreadable(self, part: Slice) -> list[Verdict]:
        bindings = self._bindings.of(part.kind, [u.id for u in part.unreadable])
        now, retrying = self._clock(), part.expected is None
        return [unreadable_verdict(u, bindings.get(u.id), retrying=retrying, now=now) for u in part.unreadable]

    # --- landing: the whole lot at once, then in halves until the guilty stand alone

    def _land(self, verdicts: Sequence[Verdict], action: str, write: Callable[[list[Verdict]], None]) -> None:
        self._land_lot([v for v in verdicts if v.action == action], write)

    def _land_lot(self, lot: list[Verdict], write: Callable[[list[Verdict]], None]) -> None:
        if not lot:
            return
        self._database.savepoint()
        try:
            write(lot)
        except RefusedRecordError as error:
            self._database.return_to_savepoint()
            if len(lot) > 1:
                middle = len(lot) // 2
                self._land_lot(lot[:middle], write)
                self._land_lot(lot[middle:], write)
            elif not self._adopt(lot[0]):
                lot[0].erp_key = lot[0].erp_number = None  # of a row that was taken back
                lot[0].refuse("erp_refused", motivo=error.words.get("motivo"))
        else:
            self._database.release()

    def _adopt(self, verdict: Verdict) -> bool:
        """An insert that met its own external id: the row is there already, take it as ours and bring it up to date."""
        if verdict.action != "insert":
            return False
        key = self._keys(self._table(verdict.change.kind), [verdict.change.id]).get(verdict.change.id)
        if key is None:
            return False
        verdict.erp_key = verdict.erp_number = key
        verdict.action = "update"
        if verdict.order is not None:
            self._weigh_states([verdict])
        return True

    def _keys(self, table: Table, ids: Sequence[str]) -> dict[str, str]:
        rows: list[Any] = self._database.select_among(
            f"SELECT {table.external_id}, {table.key} FROM {table.name} WHERE {table.external_id} IN {{ids}}",  # noqa: S608  # the layout's own names, checked against the catalogue
            ids,
        )
        return {external_id: str(key) for external_id, key in rows}

    # --- customers

    def _insert_customers(self, lot: list[Verdict]) -> None:
        table = self._layout.customer
        self._database.execute_many(_insert(table.name, table.names), [v.row for v in lot])
        self._end_inserted(table, lot)

    def _update_customers(self, lot: list[Verdict]) -> None:
        table = self._layout.customer
        self._database.execute_many(
            _update(table.name, table.names, table.key), [(*v.row, _key_of(v)) for v in sorted(lot, key=_key_of)]
        )
        for verdict in lot:
            verdict.end("updated", "written")

    def _end_inserted(self, table: Table, lot: list[Verdict]) -> None:
        keys = self._keys(table, [v.change.id for v in lot])
        for verdict in lot:
            verdict.erp_key = verdict.erp_number = keys[verdict.change.id]
            verdict.end("imported", "written")

    def _keep_missing(self, verdicts: Sequence[Verdict]) -> None:
        """Customers whose row the ERP took away are kept away."""
        updates = [v for v in verdicts if v.action == "update"]
        there = self._present(self._layout.customer, updates)
        for verdict in updates:
            if _key_of(verdict) not in there:
                _keep(verdict, "customer_removed")

    def _present(self, table: Table, lot: Sequence[Verdict], column: str = "NULL") -> dict[int, object]:
        rows: list[Any] = self._database.select_among(
            f"SELECT {table.key}, {column} FROM {table.name} WHERE {table.key} IN {{ids}}",  # noqa: S608  # the layout's own names, checked against the catalogue
            [_key_of(v) for v in lot],
        )
        return dict(rows)

    # --- orders

    def _weigh_states(self, verdicts: Sequence[Verdict]) -> None:
        """Orders the ERP took away, or is already past the open state with, stay as the ERP has them."""
        changing = [v for v in verdicts if v.action in ("update", "cancel")]
        states = self._present(self._layout.order, changing, self._layout.state)
        for verdict in changing:
            state = states.get(_key_of(verdict))
            was_ours = verdict.binding is not None and verdict.binding.outcome == "cancelled"
            if state is None:
                _keep(verdict, "order_removed")
            elif state == self._layout.state_cancelled and verdict.action == "cancel":
                verdict.end("cancelled", "unchanged")
            elif state != self._layout.state_open and not (was_ours and state == self._layout.state_cancelled):
                _keep(verdict, "order_locked", situacao=state)

    def _insert_orders(self, lot: list[Verdict]) -> None:
        table = self._layout.order
        names = [self._layout.customer_column, *table.names]
        self._database.execute_many(_insert(table.name, names), [(v.customer_key, *v.row) for v in lot])
        self._end_inserted(table, lot)
        self._insert_children(self._layout.item, [(v, v.item_rows) for v in lot])
        self._insert_children(self._layout.payment, [(v, v.payment_rows) for v in lot])

    def _update_orders(self, lot: list[Verdict]) -> None:
        table = self._layout.order
        lot = sorted(lot, key=_key_of)
        names = [self._layout.state, self._layout.customer_column, *table.names]
        rows = [(self._layout.state_open, v.customer_key, *v.row, _key_of(v)) for v in lot]
        self._database.execute_many(_update(table.name, names, table.key), rows)
        self._equal_items(lot)
        self._delete_children(self._layout.payment, lot)
        self._insert_children(self._layout.payment, [(v, v.payment_rows) for v in lot])
        for verdict in lot:
            verdict.end("updated", "written")

    def _cancel_orders(self, lot: list[Verdict]) -> None:
        table = self._layout.order
        self._database.execute_many(
            _update(table.name, [self._layout.state], table.key),
            [(self._layout.state_cancelled, _key_of(v)) for v in sorted(lot, key=_key_of)],
        )
        for verdict in lot:
            verdict.end("cancelled", "written")

    # --- items and payments

    def _insert_children(self, table: Table, lots: Sequence[tuple[Verdict, Sequence[tuple[object, ...]]]]) -> None:
        rows = [key + row for v, children in lots for key in ((_key_of(v),),) for row in children]
        if rows:
            self._database.execute_many(_insert(table.name, [table.parent, *table.names]), rows)

    def _delete_children(self, table: Table, lot: Sequence[Verdict]) -> None:
        self._database.execute_many(
            f"DELETE FROM {table.name} WHERE {table.parent} = ?",  # noqa: S608  # the layout's own names, checked against the catalogue
            [(_key_of(v),) for v in lot],
        )

    def _equal_items(self, lot: Sequence[Verdict]) -> None:
        """Items by their id: new ones inserted, known ones updated, those that left the order deleted."""
        table = self._layout.item
        there: set[tuple[object, ...]] = set(
            self._database.select_among(
                f"SELECT {table.parent}, {table.external_id} FROM {table.name} WHERE {table.parent} IN {{ids}}",  # noqa: S608  # the layout's own names, checked against the catalogue
                [_key_of(v) for v in lot],
            )
        )
        wanted = {(_key_of(v), row[0]): row for v in lot for row in v.item_rows}
        gone = there - wanted.keys()
        where = f"{table.parent} = ? AND {table.external_id} = ?"
        if gone:
            self._database.execute_many(f"DELETE FROM {table.name} WHERE {where}", gone)  # noqa: S608  # as above
        known = [(*row, *key) for key, row in wanted.items() if key in there]
        if known:
            sets = ", ".join(f"{name} = ?" for name in table.names)
            self._database.execute_many(f"UPDATE {table.name} SET {sets} WHERE {where}", known)  # noqa: S608  # as above
        new = [(key[0], *row) for key, row in wanted.items() if key not in there]
        if new:
            self._database.execute_many(_insert(table.name, [table.parent, *table.names]), new)


# --- SQL texts and rows


def _insert(table: str, names: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608  # the layout's own names, checked against the catalogue


def _update(table: str, names: Sequence[str], key: str) -> str:
    sets = ", ".join(f"{name} = ?" for name in names)
    return f"UPDATE {table} SET {sets} WHERE {key} = ?"  # noqa: S608  # the layout's own names, checked against the catalogue


def _key_of(verdict: Verdict) -> int:
    """The ERP's own key of the record's row."""
    key = verdict.erp_key or (verdict.binding.erp_key if verdict.binding is not None else None)
    assert key is not None
    return int(key)


def _once(changes: Sequence[Change]) -> Sequence[Change]:
    """The newest of each record: a hub that repeats one within a page must not meet our own key."""
    if len({change.id for change in changes}) == len(changes):
        return changes
    newest: dict[str, Change] = {}
    for change in changes:
        other = newest.get(change.id)
        if other is None or change.version > other.version:
            newest[change.id] = change
    return list(newest.values())


def _keep(verdict: Verdict, code: str, **words: object) -> None:
    verdict.end("kept", "kept", reason_of(code, verdict, **words))


def _as_binding(verdict: Verdict) -> Binding:
    """What the binding of a verdict of this same transaction will say."""
    before = verdict.binding
    if before is not None and not verdict.is_saved:
        return before
    customer = verdict.customer
    return Binding(
        id=verdict.change.id,
        epoch="",
        version=verdict.change.version,
        hash="",
        written_version=verdict.change.version,
        erp_key=verdict.erp_key or (before.erp_key if before is not None else None),
        erp_number=verdict.erp_number,
        establishment="",
        customer_id="",
        label=verdict.label,
        merged_into=customer.merged_into if customer is not None else None,
        outcome=verdict.outcome or "unchanged",
        reason=encoded(verdict.reason),
        warnings=None,
    )


def _build_customers(verdicts: Sequence[Verdict], layout: Layout) -> None:
    lot = [v for v in verdicts if v.action in ("insert", "update")]
    for verdict, row in zip(lot, rows_of(layout.customer, [v.customer for v in lot]), strict=True):
        verdict.row = row


def _build_orders(verdicts: Sequence[Verdict], layout: Layout) -> None:
    """Rows are built once for the whole slice and cut by order, so that halving builds nothing again."""
    lot = [v for v in verdicts if v.action in ("insert", "update") and v.order is not None]
    orders: list[Any] = [v.order for v in lot]
    items = iter(rows_of(layout.item, [item for order in orders for item in order.items]))
    payments = iter(rows_of(layout.payment, [payment for order in orders for payment in order.payments]))
    for verdict, order, row in zip(lot, orders, rows_of(layout.order, orders), strict=True):
        verdict.row = row
        verdict.item_rows = list(islice(items, len(order.items)))
        verdict.payment_rows = list(islice(payments, len(order.payments)))
