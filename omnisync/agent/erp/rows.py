"""A layout compiled: records turned into rows, a column at a time.

C callables over a whole list beat a closure per cell; a column without converters costs an attribute and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, tzinfo
from decimal import Decimal
from itertools import repeat
from typing import Any

from msgspec import Struct

from omnisync.agent.erp.layout import LayoutFile, Scalar, Source, source_of

Convert = Callable[[Any], Any]
Stores = Mapping[type, Convert]
"""How a database takes the types of the contract; a type that is not there goes as it is."""


class Column(Struct, frozen=True):
    """One column of a table, ready to be filled for many records at once."""

    name: str
    fill: Callable[[list[Any]], Iterable[object]]


class Table(Struct, frozen=True, kw_only=True):
    """One table of the ERP. `key` is the ERP's own, made by it; `external_id` keeps the hub's id, unique."""

    name: str
    external_id: str
    columns: tuple[Column, ...]
    key: str = ""
    parent: str = ""

    @property
    def names(self) -> list[str]:
        """The names of its columns, in order."""
        return [column.name for column in self.columns]


class Layout(Struct, frozen=True, kw_only=True):
    """Where each field goes. `state` is the orders' column that tells how far the ERP is with one."""

    customer: Table
    order: Table
    item: Table
    payment: Table
    state: str
    state_open: Scalar
    state_cancelled: Scalar
    customer_column: str


def text_stores(zone: tzinfo) -> Stores:
    """For a database that keeps amounts and times best as text: exact decimals, ISO days, times on the ERP's wall."""

    def local(moment: datetime) -> str:
        return moment.astimezone(zone).isoformat(" ")[:19]  # a third of the time of strftime

    return {Decimal: str, date: date.isoformat, datetime: local, bool: int}


def compiled(file: LayoutFile, stores: Stores) -> Layout:
    """The layout as fast row makers for one database."""
    return Layout(
        customer=Table(
            name=file.customer.table,
            key=file.customer.key,
            external_id=file.customer.external_id,
            columns=_columns("customer", file.customer.columns, stores),
        ),
        order=Table(
            name=file.order.table,
            key=file.order.key,
            external_id=file.order.external_id,
            columns=_columns("order", file.order.columns, stores),
        ),
        item=Table(
            name=file.item.table,
            parent=file.item.parent,
            external_id=file.item.external_id,
            columns=_columns("item", file.item.columns, stores),
        ),
        payment=Table(
            name=file.payment.table,
            parent=file.payment.parent,
            external_id=file.payment.external_id,
            columns=_columns("payment", file.payment.columns, stores),
        ),
        state=file.order.state.column,
        state_open=file.order.state.open,
        state_cancelled=file.order.state.cancelled,
        customer_column=file.order.customer,
    )


def rows_of(table: Table, records: list[Any]) -> list[tuple[object, ...]]:
    """A row for each record. Raises LookupError when a code is not in the layout's map."""
    if not records:
        return []
    return list(zip(*(column.fill(records) for column in table.columns), strict=True))


def _columns(kind: str, written: Mapping[str, Any], stores: Stores) -> tuple[Column, ...]:
    return tuple(Column(name, _filler(source_of(kind, name, source), stores)) for name, source in written.items())


def _filler(source: Source, stores: Stores) -> Callable[[list[Any]], Iterable[object]]:
    if source.field is None:
        constant = source.constant
        return lambda records: repeat(constant, len(records))
    read, steps = source.field.read, list(source.steps)
    if not steps and source.field.type in stores:
        steps.append(stores[source.field.type])
    if source.field.is_optional:
        steps = [_unless_none(step) for step in steps]

    def fill(records: list[Any]) -> Iterable[object]:
        values: Iterable[object] = map(read, records)
        for step in steps:
            values = map(step, values)
        return values

    return fill


def _unless_none(step: Convert) -> Convert:
    return lambda value: None if value is None else step(value)
