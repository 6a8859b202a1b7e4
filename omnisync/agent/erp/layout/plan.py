"""A layout compiled for one company: its tables with their columns as fast row makers, and what is done when."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from omnisync.agent.erp.layout.export_queries import ExportQuery
from omnisync.agent.erp.layout.row_builder import ColumnPlan, LookupAnswers
from omnisync.agent.erp.layout.schema import (
    LayoutFile,
    Match,
    OutcomeQuery,
)

Parameters = Sequence[tuple[str, Any]]
"""The `:words` of a query in order: (path, how its values are read), None for words of ours."""


RoundedColumns = Mapping[str, Mapping[str, int]]
"""The decimal places of columns that keep fewer than their values may have, by the place of a table and by column."""


class Statement(Struct, frozen=True):
    """A layout's own SQL, its words turned to `?`."""

    sql: str
    parameters: Parameters


class NumberFrom(Struct, frozen=True):
    """The source of a number. `where` are a counter's columns and how their values are read."""

    source: Literal["sequence", "procedure", "counter", "max"]
    column: str
    name: str
    statement: Statement | None
    table: str
    value: str
    where: tuple[tuple[str, Any], ...]
    form: Callable[[Any], str]


class ForeignKeyColumn(Struct, frozen=True):
    """A column that takes part of the key of another row of the same record, known only once that row stands."""

    column: str
    whose: str
    part: int = -1


class _Identified(Struct, frozen=True):
    """The part of a record that a column of ids reads."""

    id: str


class TablePlan(Struct, frozen=True, kw_only=True):
    """One table of the ERP.

    `keys` are its key's columns, the last of them made by the ERP, by `number`, or filled like any other column;
    those before it are filled ones. `parent` and `late` take keys of other rows of the same record.
    """

    kind: str
    name: str
    columns: tuple[ColumnPlan, ...]
    foreign_key_columns: tuple[ForeignKeyColumn, ...] = ()
    keys: tuple[str, ...] = ()
    parent: tuple[str, ...] = ()
    external_id: str = ""
    number: NumberFrom | None = None
    only_on_create: frozenset[str] = frozenset()
    state: str = ""
    """The column of the order's state where it is the ERP's own: written once, and when what we cancelled is opened
    again.
    """
    rounded: Mapping[str, int] = {}
    """The decimal places of columns that keep fewer than their values may have."""
    is_queue: bool = False
    """Whether the ERP's own job takes its rows away, at any moment."""
    identity: str = ""
    """A child's column by which a line is found again; empty: all lines are written anew."""
    others: tuple[tuple[tuple[str, str], ...], ...] = ()
    """Of a child: the constants of each row before or after the order that stands in this same table, no line of it."""

    @property
    def is_key_known(self) -> bool:
        """Return whether the key is known before the row stands: filled like any other column, or from a number."""
        last = self.keys[-1]
        return last in self.names or (self.number is not None and self.number.column == last)

    @property
    def carries_ids(self) -> bool:
        """Return whether a column of it holds the hub's id of its record, by which a row is known to be that
        record's.
        """
        return any(column.name == self.external_id and column.path == "id" for column in self.columns)

    def carried(self, ids: Sequence[str]) -> list[str]:
        """Hub ids as `external_id` holds them."""
        column = next((c for c in self.columns if c.name == self.external_id and c.path == "id"), None)
        if column is None:
            return list(ids)
        return list(map(str, column.fill(LookupAnswers(None, []), list(map(_Identified, ids)), [])))

    @property
    def reads_records(self) -> bool:
        """Return whether its numbers are asked for with values of the record itself."""
        return self.number is not None and self.number.source in ("procedure", "counter")

    @property
    def names(self) -> list[str]:
        """The names of its filled columns, in order."""
        return [column.name for column in self.columns]

    @property
    def all_names(self) -> set[str]:
        """Every column the layout names in it."""
        number = {self.number.column} if self.number is not None else set()
        named = {*self.names, *self.keys, *self.parent, *(late.column for late in self.foreign_key_columns), *number}
        return (named | {self.external_id, self.identity}) - {""}


class ExtraPlan(Struct, frozen=True):
    """One more row of a record, in another table; none where the record has no value at `when`."""

    label: str
    table: TablePlan
    when: Callable[[Any], Any] | None


class MainPlan(Struct, frozen=True, kw_only=True):
    """A kind with a table of its own, the rows before and after it, and what is run at the end of each record."""

    table: TablePlan
    before: tuple[ExtraPlan, ...] = ()
    after: tuple[ExtraPlan, ...] = ()
    after_sql: Statement | None = None


class Layout(Struct, frozen=True, kw_only=True):
    """A compiled layout: the place of each field, and the ERP's properties."""

    name: str
    file: LayoutFile
    """What it was compiled of."""
    fingerprint: str
    """Changes with the layout and with De/Para: what was refused for a code is then tried again."""
    customer: MainPlan | None
    order: MainPlan
    item: TablePlan
    payment: TablePlan | None
    match: Match | None
    without_document: Literal["accept", "refuse"]
    is_kept_here: bool
    """Whether bindings and cursors are kept by the agent instead of the ERP's database."""
    shown: str
    is_staged: bool
    state: str
    state_open: str
    state_cancelled: str | None
    update_while: frozenset[str]
    outcome: OutcomeQuery | None
    exports: tuple[ExportQuery, ...]
    """What goes out, in the catalogue's order."""

    @property
    def tables(self) -> tuple[TablePlan, ...]:
        """Every table of it, the seed's four nouns first."""
        mains = [main for main in (self.customer, self.order) if main is not None]
        extras = [extra.table for main in mains for extra in (*main.before, *main.after)]
        children = [self.item, *([self.payment] if self.payment is not None else [])]
        return (*(main.table for main in mains), *children, *extras)

    @property
    def needs_database(self) -> bool:
        """Return whether a column is filled with what the ERP answers."""
        return any(column.query is not None for table in self.tables for column in table.columns)
