"""Guess by names the tables of customers, orders, items and payments, and the field each column holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from omnisync.agent.erp.layout_draft.name_patterns import (
    CUSTOMER_KEY,
    EXTERNAL_ID,
    ORDER_KEY,
    RULES,
    STATE,
    STRANGE,
    TABLES,
    Rule,
    column_words,
    words_of,
)
from omnisync.agent.erp.schema import DatabaseColumn, DatabaseTable, ForeignKey, Schema

_ENOUGH = 8
"""Points below which a table is not taken for anything."""
_OURS = ("omnisync_binding", "omnisync_cursor")


class Roles(Struct, frozen=True):
    """The tables taken for each kind; none where no table looks like it."""

    customer: DatabaseTable | None = None
    order: DatabaseTable | None = None
    item: DatabaseTable | None = None
    payment: DatabaseTable | None = None


class Guess(Struct, frozen=True):
    """The guessed fields of one table's columns. `fields` has column → field."""

    fields: Mapping[str, str]
    external_id: str = ""
    state: str = ""
    parent: tuple[str, ...] = ()
    """The columns that hold the other table's key: an order's customer, a line's order."""


def roles_of(schema: Schema) -> Roles:
    """Return the tables that look most like the four kinds."""
    tables = [table for table in schema.tables.values() if table.name.lower() not in _OURS and not table.is_view]
    customer = _best(tables, lambda table: _as_customer(table))
    rest = [table for table in tables if table is not customer]
    order = _best(rest, lambda table: _as_order(table, customer))
    rest = [table for table in rest if table is not order]
    item = _best(rest, lambda table: _as_line(table, "item", order))
    rest = [table for table in rest if table is not item]
    return Roles(customer, order, item, _best(rest, lambda table: _as_line(table, "payment", order)))


def guess(kind: str, table: DatabaseTable, parent: DatabaseTable | None) -> Guess:
    """Return the field of each column, as far as its name and its type tell. A field is taken once."""
    names = column_words(table.columns)
    held = _parent_columns(kind, table, names, parent)
    external = _first(EXTERNAL_ID, table, names, set(held))
    state = _first(STATE, table, names, {*held, external}) if kind == "order" else ""
    taken = {*held, external, state, *_own_keys(kind, table)} - {""}
    said = {name: _with_reference(table, name, words) for name, words in names.items()}
    fields: dict[str, str] = {}
    for rule in RULES[kind]:
        column = _first(rule, table, said, {*taken, *fields})
        if column and rule.field not in fields.values():
            fields[column] = rule.field
    _number_lines(kind, table, held, fields)
    if kind == "item" and "discount_amount" in fields.values() and "list_price" not in fields.values():
        # A price beside a discount is the one before it.
        fields = {name: "list_price" if field == "net_price" else field for name, field in fields.items()}
    if "phone.first.ddd" in fields.values():
        fields = {
            name: "phone.first.subscriber" if field == "phone.first.number" else field for name, field in fields.items()
        }
    return Guess({name: fields[name] for name in table.columns if name in fields}, external, state, held)


def _with_reference(table: DatabaseTable, name: str, words: str) -> str:
    """Return a column's words and those of the table it refers to: VEN_CODIGO of the table VENDEDOR is a seller's."""
    reference = reference_of(table, name)
    return "_".join((words, *words_of(reference.table))) if reference is not None else words


def _number_lines(kind: str, table: DatabaseTable, held: tuple[str, ...], fields: dict[str, str]) -> None:
    """Take the part of a line's key that is not its order's as the line's number."""
    own = [name for name in table.key if name not in held]
    if kind in ("item", "payment") and len(own) == 1 and "line" not in fields.values():
        column = table.columns[own[0]]
        if (
            column.kind in ("integer", "decimal")
            and not column.is_identity
            and fields.get(own[0]) in (None, "installment")
        ):
            fields[own[0]] = "line"


def reference_of(table: DatabaseTable, column: str) -> ForeignKey | None:
    """Return the table a column's values stand in."""
    return next((key for key in table.foreign_keys if key.columns == (column,)), None)


def _best(tables: Iterable[DatabaseTable], points: Callable[[DatabaseTable], int]) -> DatabaseTable | None:
    scored = sorted(
        ((points(table), table.name, table) for table in tables), key=lambda one: (-one[0], len(one[1]), one[1])
    )
    return scored[0][2] if scored and scored[0][0] >= _ENOUGH else None


def _named(table: DatabaseTable, kind: str) -> bool:
    return any(TABLES[kind].match(word) for word in words_of(table.name)) or bool(
        TABLES[kind].search("".join(words_of(table.name))) and kind in ("item", "customer")
    )


def _strange(table: DatabaseTable) -> int:
    return 8 if any(STRANGE.match(word) for word in words_of(table.name)) else 0


def _has(table: DatabaseTable, kind: str, *fields: str) -> int:
    """Return how many of these fields the table has a column for."""
    names = column_words(table.columns)
    wanted = [rule for rule in RULES[kind] if rule.field in fields]
    return sum(bool(_first(rule, table, names, set())) for rule in wanted)


def _as_customer(table: DatabaseTable) -> int:
    points = (
        6 * _named(table, "customer") + 4 * _has(table, "customer", "document") + 3 * _has(table, "customer", "name")
    )
    points += min(_has(table, "customer", "address.main.street", "address.main.state", "address.main.postal_code"), 3)
    points -= 6 * (_named(table, "order") or _named(table, "item") or _named(table, "payment"))
    return points - _strange(table)


def _as_order(table: DatabaseTable, customer: DatabaseTable | None) -> int:
    points = 6 * _named(table, "order") + 2 * _has(table, "order", "issued_at")
    points += 2 * _has(table, "order", "totals.total_amount") + bool(
        _first(STATE, table, column_words(table.columns), set())
    )
    points += 4 * bool(_parent_columns("order", table, column_words(table.columns), customer))
    points -= 6 * (_named(table, "item") or _named(table, "payment")) + 4 * _has(table, "item", "quantity")
    return points - _strange(table)


def _as_line(table: DatabaseTable, kind: str, order: DatabaseTable | None) -> int:
    points = 5 * _named(table, kind) + 2 * _named(table, "order")
    if kind == "item":
        points += 4 * _has(table, kind, "product_code") + 4 * _has(table, kind, "quantity")
    else:
        points += (
            5 * _has(table, kind, "due_on") + 2 * _has(table, kind, "amount") - 4 * _has(table, "item", "quantity")
        )
    if not _parent_columns(kind, table, column_words(table.columns), order):
        return 0
    is_bound = order is not None and bool(_bound_columns(kind, table, order))
    return points + 3 + 5 * is_bound - _strange(table)


def _parent_columns(
    kind: str, table: DatabaseTable, names: Mapping[str, str], parent: DatabaseTable | None
) -> tuple[str, ...]:
    """Return the columns that hold the parent's key: by the reference, else by their names."""
    if kind == "customer":
        return ()
    bound = _bound_columns(kind, table, parent) if parent is not None else ()
    if bound:
        return bound
    rule = CUSTOMER_KEY if kind == "order" else ORDER_KEY
    columns = (name for name, words in names.items() if rule.pattern.match(words))
    return next(((name,) for name in columns if _may_be_key(table.columns[name], names[name])), ())


def _bound_columns(kind: str, table: DatabaseTable, parent: DatabaseTable) -> tuple[str, ...]:
    """Return the columns that refer to the parent, or are named as its key is."""
    reference = next((key for key in table.foreign_keys if key.table == parent.name), None)
    if reference is not None:
        return reference.columns
    shared = tuple(name for name in parent.key if name in table.columns)
    is_key = bool(shared) and len(shared) == len(parent.key) and any(map(_is_telling, shared))
    return shared if is_key and (kind != "order" or shared != table.key) else ()


def _may_be_key(column: DatabaseColumn, words: str) -> bool:
    return column.kind in ("integer", "text", "decimal") and not _is_of_people(words)


def _is_telling(name: str) -> bool:
    """Return whether a column's name says whose key it is: `ID` alone does not."""
    return "_".join(words_of(name)) not in ("id", "codigo", "cod", "code", "seq")


def _is_of_people(words: str) -> bool:
    return any(
        word in words.split("_")
        for word in ("nome", "cnpj", "cgc", "cpf", "documento", "razao", "name", "obs", "ibge", "fone")
    )


def _own_keys(kind: str, table: DatabaseTable) -> set[str]:
    """Return the key columns a layout fills: the last one is made by the ERP, unless it is no number; a line's may
    be its number.
    """
    last = [table.columns[name] for name in table.key[-1:]]
    is_main = kind in ("customer", "order")
    return {column.name for column in last if column.is_identity or (is_main and _may_be_made(table, column))}


def _may_be_made(table: DatabaseTable, column: DatabaseColumn) -> bool:
    return len(table.key) == 1 or column.kind in ("integer", "decimal")


def _first(rule: Rule, table: DatabaseTable, names: Mapping[str, str], taken: set[str]) -> str:
    """Return the table's column that fits a rule best: the shortest name, then the first."""
    fitting = [
        name
        for name, words in names.items()
        if name not in taken and rule.pattern.match(words) and _can_hold(rule, table.columns[name])
    ]
    return min(fitting, key=lambda name: len(names[name]), default="")


def _can_hold(rule: Rule, column: DatabaseColumn) -> bool:
    is_open = column.kind == "text" and column.length is None  # SQLite's people keep amounts and dates in them
    return not column.is_computed and (not rule.kinds or column.kind in rule.kinds or is_open)
