"""The tables a layout uses, told apart from its file: which columns it writes there, with what, and what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from msgspec import Struct

from omnisync.agent.erp.layout.schema import (
    ChildTable,
    CustomerTable,
    ExtraTable,
    FromSql,
    KeyOf,
    LayoutFile,
    Lookup,
    Number,
    OrderTable,
    column_form,
)
from omnisync.agent.erp.layout_check.value_bounds import (
    ValueBounds,
    column_bounds,
    constant_bounds,
    number_bounds,
    value_bounds,
)
from omnisync.agent.erp.schema import Schema

FormType = TypeVar("FormType")


class TableUsage(Struct, frozen=True, kw_only=True):
    """One table the layout writes. `bounds` has those of each column's values, None where only the ERP knows them.

    `named` are columns the layout reads or finds rows by, beside those.
    """

    where: str
    table: str
    bounds: Mapping[str, ValueBounds | None]
    named: Mapping[str, str]
    """Column → the key of the file that names it."""
    keys: tuple[str, ...] = ()
    external_id: str = ""
    parent: tuple[str, ...] = ()
    number: Number | None = None
    lookups: Mapping[str, Lookup] = {}
    queries: Mapping[str, str] = {}
    is_child: bool = False
    is_main: bool = False

    @property
    def columns(self) -> set[str]:
        """Every column of it that the layout names."""
        return {*self.bounds, *self.named}


def table_usages(layout: LayoutFile, schema: Schema) -> list[TableUsage]:
    """Return every table the layout writes, main ones first."""
    found: list[TableUsage] = []
    made: dict[str, tuple[str, tuple[str, ...]]] = {}
    for kind, main in (("customer", layout.customer), ("order", layout.order)):
        if main is not None:
            made[kind] = (main.table, names_of(main.key))
            made |= {
                extra.name: (extra.table, names_of(extra.key)) for extra in (*main.before, *main.after) if extra.key
            }
            found.append(_main(kind, main, made, schema))
            found += (_extra(kind, "before", extra, made, schema) for extra in main.before)
            found += (_extra(kind, "after", extra, made, schema) for extra in main.after)
    for kind, child in (("item", layout.item), ("payment", layout.payment)):
        if child is not None:
            found.append(_child(kind, child, made, schema))
    return found


def names_of(names: str | tuple[str, ...]) -> tuple[str, ...]:
    """Return a key's columns."""
    return (names,) if isinstance(names, str) else names


MadeKeys = Mapping[str, tuple[str, tuple[str, ...]]]
"""The rows whose keys others take: their table and its key's columns, by name."""


def _main(kind: str, main: CustomerTable | OrderTable, made: MadeKeys, schema: Schema) -> TableUsage:
    columns = _bounds(kind, main.columns, f"{kind}.columns", made, schema)
    named = dict.fromkeys(names_of(main.key), f"{kind}.key")
    if main.external_id:
        named[main.external_id] = f"{kind}.external_id"
    if isinstance(main, OrderTable):
        columns |= _keys_of("customer", names_of(main.customer), made, schema)
        if main.state is not None:
            state = main.state
            values = [state.open, *state.update_while, *([state.cancelled] if state.cancelled is not None else [])]
            columns[state.column] = constant_bounds(*values)
        if main.shown:
            named[main.shown] = "order.shown"
    elif main.match is not None:
        named[main.match.column] = "customer.match.column"
    return TableUsage(
        where=kind,
        table=main.table,
        bounds=columns | _numbered(main.number, names_of(main.key)[-1]),
        named=named,
        keys=names_of(main.key),
        external_id=main.external_id,
        number=main.number,
        lookups=_forms(main.columns, f"{kind}.columns", Lookup),
        queries=_queries(main.columns, f"{kind}.columns") | _outcome(main),
        is_main=True,
    )


def _extra(kind: str, when: str, extra: ExtraTable, made: MadeKeys, schema: Schema) -> TableUsage:
    where = f"{kind}.{when}.{extra.name}"
    keys = names_of(extra.key)
    return TableUsage(
        where=where,
        table=extra.table,
        bounds=_bounds(kind, extra.columns, f"{where}.columns", made, schema)
        | (_numbered(extra.number, keys[-1]) if keys else {}),
        named=dict.fromkeys(keys, f"{where}.key"),
        keys=keys,
        number=extra.number,
        lookups=_forms(extra.columns, f"{where}.columns", Lookup),
        queries=_queries(extra.columns, f"{where}.columns"),
    )


def _child(kind: str, child: ChildTable, made: MadeKeys, schema: Schema) -> TableUsage:
    named = {child.external_id: f"{kind}.external_id", child.line: f"{kind}.line"}
    return TableUsage(
        where=kind,
        table=child.table,
        bounds=_bounds(kind, child.columns, f"{kind}.columns", made, schema)
        | _keys_of("order", names_of(child.parent), made, schema)
        | _numbered(child.number, ""),
        named={name: where for name, where in named.items() if name},
        external_id=child.external_id,
        parent=names_of(child.parent),
        number=child.number,
        lookups=_forms(child.columns, f"{kind}.columns", Lookup),
        queries=_queries(child.columns, f"{kind}.columns"),
        is_child=True,
    )


def _bounds(
    kind: str, columns: Mapping[str, Any], where: str, made: MadeKeys, schema: Schema
) -> dict[str, ValueBounds | None]:
    found: dict[str, ValueBounds | None] = {}
    for name, source in columns.items():
        written = column_form(source, f"{where}.{name}")
        if isinstance(written, KeyOf):
            found |= _keys_of(written.key_of, (name,), made, schema)
        else:
            found[name] = value_bounds(kind, source, f"{where}.{name}", schema)
    return found


def _keys_of(whose: str, names: tuple[str, ...], made: MadeKeys, schema: Schema) -> dict[str, ValueBounds | None]:
    """Return what columns get that take a row's key: all of it, or the last part where there is one column only."""
    table, keys = made.get(whose, ("", ()))
    there = schema.table(table)
    taken = keys[-len(names) :] if names else ()
    return {
        name: column_bounds(column) if there is not None and (column := there.column(key)) is not None else None
        for name, key in zip(names, taken, strict=False)
    } | {name: None for name in names[len(taken) :]}


def _numbered(source: Number | None, key: str) -> dict[str, ValueBounds | None]:
    return {source.column or key: number_bounds(source.form)} if source is not None else {}


def _forms(columns: Mapping[str, Any], where: str, wanted: type[FormType]) -> dict[str, FormType]:
    """Return the columns of one form, by their place in the file."""
    forms = ((name, column_form(source, f"{where}.{name}")) for name, source in columns.items())
    return {f"{where}.{name}": form for name, form in forms if isinstance(form, wanted)}


def _queries(columns: Mapping[str, Any], where: str) -> dict[str, str]:
    return {place: form.sql for place, form in _forms(columns, where, FromSql).items()}


def _outcome(main: CustomerTable | OrderTable) -> dict[str, str]:
    outcome = main.outcome if isinstance(main, OrderTable) else None
    return {"order.outcome.sql": outcome.sql} if outcome is not None else {}
