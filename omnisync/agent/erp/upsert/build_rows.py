"""Build the rows of each record by the layout, and refuse records whose rows cannot be built."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from msgspec.structs import replace

from omnisync.agent.erp.layout.plan import Layout, MainPlan, TablePlan
from omnisync.agent.erp.layout.row_builder import ColumnPlan, LookupAnswers, Note, UnconvertibleError, rows_of
from omnisync.agent.erp.upsert.record_change import ChangeAction, RecordChange, RecordRows, reason_of
from omnisync.contract.records import Order

AskDatabase = Callable[[Sequence[ColumnPlan], list[Any], Sequence[Any]], LookupAnswers]
"""Asks the ERP what columns need to know of it; without it nothing is asked (a dry run)."""
Row = tuple[object, ...]
Placed = tuple[int, RecordChange]
"""A change with its place in the slice."""
_PERSONAL = ("document", "email", "phone")


def ask_nothing(columns: Sequence[ColumnPlan], records: list[Any], parents: Sequence[Any]) -> LookupAnswers:
    """Asks nothing: rows as the layout alone makes them."""
    return LookupAnswers(None, [])


def build_customers(record_changes: Sequence[RecordChange], layout: Layout, ask: AskDatabase) -> list[RecordChange]:
    """Return the changes with rows for the customers to be written; one that cannot become a row is refused."""
    if layout.customer is None:
        return list(record_changes)
    built = list(record_changes)
    group = _to_be_built(built, ("insert", "update", "match"))
    _replace_all(built, _with_main(group, layout.customer, [v.customer for _, v in group], ask))
    return built


def build_orders(record_changes: Sequence[RecordChange], layout: Layout, ask: AskDatabase) -> list[RecordChange]:
    """Return the changes with rows for the orders to be written and for their lines; all of an order or nothing.

    Built once for the whole slice and cut by order, so that halving builds nothing again.
    """
    built = list(record_changes)
    group = [(i, v) for i, v in _to_be_built(built, ("insert", "update")) if v.record is not None]
    group += [(i, v) for i, v in enumerate(built) if _brings_content(v, layout)]
    group = _with_main(group, layout.order, [v.order for _, v in group], ask)
    _replace_all(built, group)
    group = [(i, v) for i, v in group if v.action != "none"]
    orders: list[Any] = [v.order for _, v in group]
    group, items = _with_lines(layout.item, group, [order.items for order in orders], ask, "items")
    payments: list[list[Row]] = [[] for _ in group]
    if layout.payment is not None:
        group, payments = _with_lines(layout.payment, group, [order.payments for order in orders], ask, "payments")
    for (i, v), own_items, own_payments in zip(group, items, payments, strict=True):
        built[i] = replace(v, rows=replace(v.rows, items=own_items, payments=own_payments))
    # An order whose content cannot become rows is cancelled all the same, with the content it has.
    return [
        before if before.action == "cancel" and made.action != "cancel" else made
        for before, made in zip(record_changes, built, strict=True)
    ]


def _brings_content(record_change: RecordChange, layout: Layout) -> bool:
    """Return whether an order to be cancelled was read, and its customer has a row: an edit may be missing."""
    has_customer = layout.customer is None or record_change.customer_key is not None
    return record_change.action == "cancel" and isinstance(record_change.record, Order) and has_customer


def _to_be_built(record_changes: list[RecordChange], actions: Sequence[ChangeAction]) -> list[Placed]:
    """Return those whose rows are still to be made, with their places; the others are given what was prepared."""
    group = []
    for i, record_change in enumerate(record_changes):
        if record_change.action not in actions:
            continue
        made = record_change.prepared
        if made is None:
            group.append((i, record_change))
        else:
            rows = RecordRows(main=made.row, extras=made.extras, items=made.items, payments=made.payments)
            record_changes[i] = replace(record_change, rows=rows)
    return group


def _replace_all(record_changes: list[RecordChange], group: Sequence[Placed]) -> None:
    for i, record_change in group:
        record_changes[i] = record_change


def _with_main(group: Sequence[Placed], main: MainPlan, records: list[Any], ask: AskDatabase) -> list[Placed]:
    """Return the group with its main rows and those of further tables; refused where one cannot be made."""
    group, rows = _built(main.table, group, records, (), ask)
    made = [
        (i, refused_unconvertible(v, row) if isinstance(row, UnconvertibleError) else _with_rows(v, main=row))
        for (i, v), row in zip(group, rows, strict=True)
    ]
    for extra in (*main.before, *main.after):
        having = [
            at
            for at, ((_, v), record) in enumerate(zip(made, records, strict=True))
            if v.action != "none" and (extra.when is None or extra.when(record) not in (None, ""))
        ]
        part, rows = _built(extra.table, [made[at] for at in having], [records[at] for at in having], (), ask)
        for at, (i, v), row in zip(having, part, rows, strict=True):
            if isinstance(row, UnconvertibleError):
                made[at] = (i, refused_unconvertible(v, row))
            else:
                made[at] = (i, _with_rows(v, extras={**v.rows.extras, extra.label: row}))
    return made


def _with_rows(record_change: RecordChange, **rows: Any) -> RecordChange:
    """Return the change with these of its rows."""
    return replace(record_change, rows=replace(record_change.rows, **rows))


def _with_lines(
    table: TablePlan, group: Sequence[Placed], lines: Sequence[Sequence[Any]], ask: AskDatabase, name: str
) -> tuple[list[Placed], list[list[Row]]]:
    """Return the group, and the rows of each order's lines; empty where the order was refused for one of them."""
    records = [line for own in lines for line in own]
    owners = [at for at, own in enumerate(lines) for _ in own]
    parents = [group[at][1].order for at in owners]
    made, built = _built(table, group, records, parents, ask, owners)
    rows = iter(built)
    if UnconvertibleError not in map(type, built):
        return made, [list(islice(rows, len(own))) for own in lines]  # type: ignore[arg-type]  # none of them is an error
    cuts: list[list[Row]] = []
    for at, own in enumerate(lines):
        cut = list(islice(rows, len(own)))
        good = [row for row in cut if not isinstance(row, UnconvertibleError)]
        if len(good) < len(cut):
            n, error = next((n, row) for n, row in enumerate(cut) if isinstance(row, UnconvertibleError))
            i, v = made[at]
            if v.action != "none":
                made[at] = (i, refused_unconvertible(v, error, f"{name}[{n}]."))
            good = []
        cuts.append(good)
    return made, cuts


def _built(
    table: TablePlan,
    group: Sequence[Placed],
    records: list[Any],
    parents: Sequence[Any],
    ask: AskDatabase,
    owners: Sequence[int] | None = None,
) -> tuple[list[Placed], list[Row | UnconvertibleError]]:
    """Return the group with what is to be warned of, and a row for each record; `owners` are the places in the group
    that the records belong to, each its own where there are none.
    """
    answers = ask(table.columns, records, parents)
    rows = rows_of(table.columns, records, answers, parents)
    made = list(group)
    for note in chain(answers.notes, *(_rounded(table, name, scale, rows) for name, scale in table.rounded.items())):
        at = owners[note.index] if owners is not None else note.index
        i, v = made[at]
        made[at] = (i, v.warned(reason_of(note.code, v, note.path, None, **note.words)))
    return made, rows


def _rounded(
    table: TablePlan, name: str, scale: int, rows: Sequence[tuple[object, ...] | UnconvertibleError]
) -> Iterator[Note]:
    """Yield a warning for each row of whose value this column keeps fewer places than it has."""
    at = table.names.index(name)
    path = table.columns[at].path or name
    for place, row in enumerate(rows):
        if not isinstance(row, UnconvertibleError) and len(str(row[at]).partition(".")[2].rstrip("0")) > scale:
            yield Note(place, "value_rounded", path, {"campo": path, "coluna": f"{table.name}.{name}", "casas": scale})


def refused_unconvertible(record_change: RecordChange, error: UnconvertibleError, before: str = "") -> RecordChange:
    """Return a record set aside that cannot become a row; what is personal is not repeated in the reason."""
    is_personal = any(word in error.path for word in _PERSONAL)
    value = None if is_personal or error.value is None else str(error.value)
    words = {"codigo": value or "–"} | error.words
    return record_change.refused(error.code, before + error.path, value, **words)
