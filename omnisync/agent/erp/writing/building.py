"""Verdicts given their rows: what the layout makes of each record, and why some cannot be made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from omnisync.agent.erp.layout.plan import Layout, MainPlan, TablePlan
from omnisync.agent.erp.layout.row_builder import ColumnPlan, LookupAnswers, UnconvertibleError, rows_of
from omnisync.agent.erp.writing.verdicts import Verdict, reason_of

Ask = Callable[[Sequence[ColumnPlan], list[Any], Sequence[Any]], LookupAnswers]
"""Asks the ERP what columns need to know of it; without it nothing is asked (a dry run)."""
_PERSONAL = ("document", "email", "phone")


def nobody(columns: Sequence[ColumnPlan], records: list[Any], parents: Sequence[Any]) -> LookupAnswers:
    """Asks nothing: rows as the layout alone makes them."""
    return LookupAnswers(None, [])


def build_customers(verdicts: Sequence[Verdict], layout: Layout, ask: Ask) -> None:
    """Rows for the customers that are to be written; one that cannot become a row is refused."""
    lot = _unprepared([v for v in verdicts if v.action in ("insert", "update", "match")])
    if layout.customer is not None:
        _build_main(lot, layout.customer, [v.customer for v in lot], ask)


def build_orders(verdicts: Sequence[Verdict], layout: Layout, ask: Ask) -> None:
    """Rows for the orders to be written, with their items and payments; all of an order or nothing.

    Built once for the whole slice and cut by order, so that halving builds nothing again.
    """
    orders = [v for v in verdicts if v.change.kind == "order" and v.is_read]
    lot = _unprepared([v for v in orders if v.action in ("insert", "update")])
    _build_main(lot, layout.order, [v.order for v in lot], ask)
    lot = [v for v in lot if v.action in ("insert", "update")]
    records: list[Any] = [v.order for v in lot]
    items = _lines(layout.item, lot, [order.items for order in records], ask, "items")
    payments = (
        [[] for _ in lot]
        if layout.payment is None
        else _lines(layout.payment, lot, [order.payments for order in records], ask, "payments")
    )
    for verdict, own_items, own_payments in zip(lot, items, payments, strict=True):
        verdict.item_rows, verdict.payment_rows = own_items, own_payments


def _unprepared(lot: Sequence[Verdict]) -> list[Verdict]:
    """Those whose rows are still to be made; the others get theirs."""
    for verdict in lot:
        made = verdict.prepared
        if made is not None:
            verdict.row, verdict.extra_rows = made.row, dict(made.extras)
            verdict.item_rows, verdict.payment_rows = made.items, made.payments
    return [verdict for verdict in lot if verdict.prepared is None]


def _build_main(lot: Sequence[Verdict], main: MainPlan, records: list[Any], ask: Ask) -> None:
    for verdict, row in zip(lot, _made(main.table, lot, records, (), ask), strict=True):
        if isinstance(row, UnconvertibleError):
            refuse_unfit(verdict, row)
        else:
            verdict.row = row
    for extra in (*main.before, *main.after):
        having = [
            (verdict, record)
            for verdict, record in zip(lot, records, strict=True)
            if verdict.action != "none" and (extra.when is None or extra.when(record) not in (None, ""))
        ]
        owners = [verdict for verdict, _ in having]
        rows = _made(extra.table, owners, [record for _, record in having], (), ask)
        for verdict, row in zip(owners, rows, strict=True):
            if isinstance(row, UnconvertibleError):
                refuse_unfit(verdict, row)
            else:
                verdict.extra_rows[extra.label] = row


def _lines(
    table: TablePlan, lot: Sequence[Verdict], lines: Sequence[Sequence[Any]], ask: Ask, name: str
) -> list[list[tuple[object, ...]]]:
    """The rows of each order's lines; empty where the order was refused for one of them."""
    records = [line for own in lines for line in own]
    parents = [verdict.order for verdict, own in zip(lot, lines, strict=True) for _ in own]
    owners = [verdict for verdict, own in zip(lot, lines, strict=True) for _ in own]
    built = _made(table, owners, records, parents, ask)
    rows = iter(built)
    if UnconvertibleError not in map(type, built):
        return [list(islice(rows, len(own))) for own in lines]  # type: ignore[arg-type]  # none of them is an error
    made: list[list[tuple[object, ...]]] = []
    for verdict, own in zip(lot, lines, strict=True):
        cut = list(islice(rows, len(own)))
        good = [row for row in cut if not isinstance(row, UnconvertibleError)]
        if len(good) < len(cut):
            i, error = next((i, row) for i, row in enumerate(cut) if isinstance(row, UnconvertibleError))
            if verdict.action != "none":
                refuse_unfit(verdict, error, f"{name}[{i}].")
            good = []
        made.append(good)
    return made


def _made(
    table: TablePlan, owners: Sequence[Verdict], records: list[Any], parents: Sequence[Any], ask: Ask
) -> list[tuple[object, ...] | UnconvertibleError]:
    answers = ask(table.columns, records, parents)
    rows = rows_of(table.columns, records, answers, parents)
    for note in answers.notes:
        verdict = owners[note.index]
        warning = reason_of(note.code, verdict, note.path, None, **note.words)
        if warning not in verdict.warnings:
            verdict.warnings += (warning,)
    return rows


def refuse_unfit(verdict: Verdict, error: UnconvertibleError, before: str = "") -> None:
    """Set aside a record that cannot become a row; what is personal is not repeated in the reason."""
    is_personal = any(word in error.path for word in _PERSONAL)
    value = None if is_personal or error.value is None else str(error.value)
    words = {"codigo": value or "–"} | error.words
    verdict.refuse(error.code, before + error.path, value, **words)
