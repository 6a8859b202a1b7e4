"""A database's catalogue: tables, columns, keys, and the sources of numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal, TypeVar

from msgspec import Struct

ColumnKind = Literal["text", "integer", "decimal", "float", "date", "time", "datetime", "bool", "binary", "other"]
ColumnNames = tuple[str, ...]
NamedThing = TypeVar("NamedThing")


class DatabaseColumn(Struct, frozen=True, kw_only=True):
    """One column. `type` is the database's own word, `length` counts letters (None: no limit, or not a text).

    `n_bytes` stands beside `length` where the column's room is counted in bytes, so that an accent takes two.
    `values` are those of an enumeration. `is_padded`: a CHAR, which comes back filled up with blanks.
    """

    name: str
    type: str
    kind: ColumnKind
    length: int | None = None
    n_bytes: int | None = None
    precision: int | None = None
    scale: int | None = None
    is_nullable: bool = True
    has_default: bool = False
    is_identity: bool = False
    is_computed: bool = False
    is_padded: bool = False
    has_zone: bool = False
    """Whether a moment is kept as an instant, written and read in the session's zone."""
    charset: str = ""
    collation: str = ""
    values: ColumnNames = ()

    @property
    def is_filled(self) -> bool:
        """Return whether a row may do without it: the database puts a value, or none is asked for."""
        return self.is_nullable or self.has_default or self.is_identity or self.is_computed


class ForeignKey(Struct, frozen=True):
    """Columns whose values stand in the columns `to` of another table."""

    columns: ColumnNames
    table: str
    to: ColumnNames


class DatabaseTable(Struct, frozen=True, kw_only=True):
    """One table or view. `unique` has the primary key among it, `indexes` has both; what is partial is in neither."""

    name: str
    columns: Mapping[str, DatabaseColumn]
    is_view: bool = False
    key: ColumnNames = ()
    unique: tuple[ColumnNames, ...] = ()
    indexes: tuple[ColumnNames, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    has_insert_trigger: bool = False
    engine: str = ""
    is_transactional: bool = True
    folds: bool = False

    def column(self, name: str) -> DatabaseColumn | None:
        """Return the column a layout means by this name."""
        return _find_by_name(self.columns, name, folds=self.folds)

    def is_unique(self, *names: str) -> bool:
        """Return whether no two rows have the same values in these columns."""
        meant = self._spelled(names)
        return any(meant >= set(key) for key in self.unique)

    def is_indexed(self, name: str) -> bool:
        """Return whether rows are found by this column without reading all of them."""
        meant = self._spelled((name,))
        return any(columns[0] in meant for columns in self.indexes)

    def _spelled(self, names: Iterable[str]) -> set[str]:
        found = (self.column(name) for name in names)
        return {column.name for column in found if column is not None}


class Conversions(Struct, frozen=True, kw_only=True):
    """The conversions a database makes of a value of another kind: 1 and 0 for a boolean, a moment for a date."""

    number_to_bool: bool = True
    datetime_to_date: bool = True


class Schema(Struct, frozen=True, kw_only=True):
    """One database. Names are spelled as it keeps them; `folds`: a name in small letters stands for its capitals.

    `dual_table` is what a query of no table must name after FROM; empty where FROM may be left out.
    `triggers_fill_columns`: a trigger comes before the row, and may put a value where there is none.
    """

    label: str
    charset: str
    tables: Mapping[str, DatabaseTable]
    sequences: frozenset[str] = frozenset()
    procedures: frozenset[str] = frozenset()
    committing: frozenset[str] = frozenset()
    """Procedures whose text commits."""
    folds: bool = False
    conversions: Conversions = Conversions()
    dual_table: str = ""
    triggers_fill_columns: bool = True
    session_zone: str = ""
    """The zone of this session, in the server's words; empty where there is none."""

    def table(self, name: str) -> DatabaseTable | None:
        """Return the table a layout means by this name."""
        return _find_by_name(self.tables, name, folds=self.folds)

    def has_sequence(self, name: str) -> bool:
        """Return whether there is a sequence (a generator, in Firebird) of this name."""
        return _find_by_name(dict.fromkeys(self.sequences, True), name, folds=self.folds) is not None

    def has_procedure(self, name: str) -> bool:
        """Return whether there is a stored procedure or function of this name."""
        return _find_by_name(dict.fromkeys(self.procedures, True), name, folds=self.folds) is not None


class Rights(Struct, frozen=True):
    """The rights of the connection's user on one table."""

    may_select: bool
    may_insert: bool
    may_update: bool
    may_delete: bool


class SchemaRows(Struct, kw_only=True):
    """A catalogue's answers, as rows: what each database is asked for in its own words.

    columns   table, column
    views     names of tables that are views
    indexes   table, index, column, is it unique, is it the primary key: in the order of the index
    foreign   table, constraint, column, the other table, its column: in the order of the constraint
    """

    columns: list[tuple[str, DatabaseColumn]]
    views: set[str]
    indexes: Sequence[Sequence[Any]]
    foreign: Sequence[Sequence[Any]]
    triggered: set[str]
    engines: Mapping[str, str] = {}
    without_transactions: frozenset[str] = frozenset()
    """Engines that take nothing back."""
    folds: bool = False


def tables_of(parts: SchemaRows) -> dict[str, DatabaseTable]:
    """Return the tables these rows tell of."""
    columns: dict[str, dict[str, DatabaseColumn]] = {}
    for table, column in parts.columns:
        columns.setdefault(table, {})[column.name] = column
    indexes = _by_name(parts.indexes)
    foreign = _by_name(parts.foreign)
    return {
        name: _table(name, columns[name], parts, indexes.get(name, []), foreign.get(name, []))
        for name in sorted(columns)
    }


def columns_by_table(rows: Iterable[Sequence[object]]) -> dict[str, set[str]]:
    """Return pairs of table and column, by table."""
    found: dict[str, set[str]] = {}
    for table, column in rows:
        found.setdefault(str(table), set()).add(str(column))
    return found


def _table(
    name: str, columns: dict[str, DatabaseColumn], parts: SchemaRows, indexes: list[list[Any]], foreign: list[list[Any]]
) -> DatabaseTable:
    engine = parts.engines.get(name, "")
    keys = [(tuple(row[2] for row in rows), bool(rows[0][3]), bool(rows[0][4])) for rows in indexes]
    return DatabaseTable(
        name=name,
        columns=columns,
        is_view=name in parts.views,
        key=next((key for key, _, is_primary in keys if is_primary), ()),
        unique=tuple(key for key, is_unique, _ in keys if is_unique),
        indexes=tuple(key for key, _, _ in keys),
        foreign_keys=tuple(
            ForeignKey(tuple(row[2] for row in rows), rows[0][3], tuple(row[4] for row in rows)) for rows in foreign
        ),
        has_insert_trigger=name in parts.triggered,
        engine=engine,
        is_transactional=engine not in parts.without_transactions,
        folds=parts.folds,
    )


def _by_name(rows: Sequence[Sequence[Any]]) -> dict[str, list[list[Any]]]:
    """Return rows in lots of one index or constraint, by table."""
    found: dict[str, list[list[Any]]] = {}
    for (table, _), lot in groupby(rows, itemgetter(0, 1)):
        found.setdefault(table, []).append(list(lot))
    return found


def _find_by_name(found: Mapping[str, NamedThing], name: str, *, folds: bool) -> NamedThing | None:
    if name not in found and folds and name == name.lower():
        return found.get(name.upper())
    return found.get(name)
