"""Build the rows of each record by the layout, and refuse records whose rows cannot be built."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from omnisync.agent.erp.layout.plan import Layout, MainPlan, TablePlan
from omnisync.agent.erp.layout.row_builder import ColumnPlan, LookupAnswers, Note, UnconvertibleError, rows_of
from omnisync.agent.erp.upsert.record_change import RecordChange, reason_of

AskDatabase = Callable[[Sequence[ColumnPlan], list[Any], Sequence[Any]], LookupAnswers]
"""Asks the ERP what columns need to know of it; without it nothing is asked (a dry run)."""
_PERSONAL = ("document", "email", "phone")


def ask_nothing(columns: Sequence[ColumnPlan], records: list[Any], parents: Sequence[Any]) -> LookupAnswers:
    """Asks nothing: rows as the layout alone makes them."""
    return LookupAnswers(None, [])


def build_customers(record_changes: Sequence[RecordChange], layout: Layout, ask: AskDatabase) -> None:
    """Rows for the customers that are to be written; one that cannot become a row is refused."""
    group = _without_rows([v for v in record_changes if v.action in ("insert", "update", "match")])
    if layout.customer is not None:
        _build_main(group, layout.customer, [v.customer for v in group], ask)


def build_orders(record_changes: Sequence[RecordChange], layout: Layout, ask: AskDatabase) -> None:
    """Rows for the orders to be written, with their items and payments; all of an order or nothing.

    Built once for the whole slice and cut by order, so that halving builds nothing again.
    """
    orders = [v for v in record_changes if v.change.kind == "order" and v.is_read]
    group = _without_rows([v for v in orders if v.action in ("insert", "update")])
    _build_main(group, layout.order, [v.order for v in group], ask)
    group = [v for v in group if v.action in ("insert", "update")]
    records: list[Any] = [v.order for v in group]
    items = _lines(layout.item, group, [order.items for order in records], ask, "items")
    payments = (
        [[] for _ in group]
        if layout.payment is None
        else _lines(layout.payment, group, [order.payments for order in records], ask, "payments")
    )
    for record_change, own_items, own_payments in zip(group, items, payments, strict=True):
        record_change.item_rows, record_change.payment_rows = own_items, own_payments


def _without_rows(group: Sequence[RecordChange]) -> list[RecordChange]:
    """Return those whose rows are still to be made; the others get theirs."""
    for record_change in group:
        made = record_change.prepared
        if made is not None:
            record_change.row, record_change.extra_rows = made.row, dict(made.extras)
            record_change.item_rows, record_change.payment_rows = made.items, made.payments
    return [record_change for record_change in group if record_change.prepared is None]


def _build_main(group: Sequence[RecordChange], main: MainPlan, records: list[Any], ask: AskDatabase) -> None:
    for record_change, row in zip(group, _built(main.table, group, records, (), ask), strict=True):
        if isinstance(row, UnconvertibleError):
            refuse_unconvertible(record_change, row)
        else:
            record_change.row = row
    for extra in (*main.before, *main.after):
        having = [
            (record_change, record)
            for record_change, record in zip(group, records, strict=True)
            if record_change.action != "none" and (extra.when is None or extra.when(record) not in (None, ""))
        ]
        owners = [record_change for record_change, _ in having]
        rows = _built(extra.table, owners, [record for _, record in having], (), ask)
        for record_change, row in zip(owners, rows, strict=True):
            if isinstance(row, UnconvertibleError):
                refuse_unconvertible(record_change, row)
            else:
                record_change.extra_rows[extra.label] = row


def _lines(
    table: TablePlan, group: Sequence[RecordChange], lines: Sequence[Sequence[Any]], ask: AskDatabase, name: str
) -> list[list[tuple[object, ...]]]:
    """Return the rows of each order's lines; empty where the order was refused for one of them."""
    records = [line for own in lines for line in own]
    parents = [record_change.order for record_change, own in zip(group, lines, strict=True) for _ in own]
    owners = [record_change for record_change, own in zip(group, lines, strict=True) for _ in own]
    built = _built(table, owners, records, parents, ask)
    rows = iter(built)
    if UnconvertibleError not in map(type, built):
        return [list(islice(rows, len(own))) for own in lines]  # type: ignore[arg-type]  # none of them is an error
    made: list[list[tuple[object, ...]]] = []
    for record_change, own in zip(group, lines, strict=True):
        cut = list(islice(rows, len(own)))
        good = [row for row in cut if not isinstance(row, UnconvertibleError)]
        if len(good) < len(cut):
            i, error = next((i, row) for i, row in enumerate(cut) if isinstance(row, UnconvertibleError))
            if record_change.action != "none":
                refuse_unconvertible(record_change, error, f"{name}[{i}].")
            good = []
        made.append(good)
    return made


def _built(
    table: TablePlan, owners: Sequence[RecordChange], records: list[Any], parents: Sequence[Any], ask: AskDatabase
) -> list[tuple[object, ...] | UnconvertibleError]:
    answers = ask(table.columns, records, parents)
    rows = rows_of(table.columns, records, answers, parents)
    for name, scale in table.rounded.items():
        answers.notes.extend(_rounded(table, name, scale, rows))
    for note in answers.notes:
        record_change = owners[note.index]
        warning = reason_of(note.code, record_change, note.path, None, **note.words)
        if warning not in record_change.warnings:
            record_change.warnings += (warning,)
    return rows


def _rounded(
    table: TablePlan, name: str, scale: int, rows: Sequence[tuple[object, ...] | UnconvertibleError]
) -> Iterator[Note]:
    """Yield a warning for each row of whose value this column keeps fewer places than it has."""
    at = table.names.index(name)
    path = table.columns[at].path or name
    for place, row in enumerate(rows):
        if not isinstance(row, UnconvertibleError) and len(str(row[at]).partition(".")[2].rstrip("0")) > scale:
            yield Note(place, "value_rounded", path, {"campo": path, "coluna": f"{table.name}.{name}", "casas": scale})


def refuse_unconvertible(record_change: RecordChange, error: UnconvertibleError, before: str = "") -> None:
    """Set aside a record that cannot become a row; what is personal is not repeated in the reason."""
    is_personal = any(word in error.path for word in _PERSONAL)
    value = None if is_personal or error.value is None else str(error.value)
    words = {"codigo": value or "–"} | error.words
    record_change.refuse(error.code, before + error.path, value, **words)
