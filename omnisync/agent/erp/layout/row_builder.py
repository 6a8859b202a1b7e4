"""Records turned into rows by a compiled layout, a column at a time.

C callables over a whole list beat a closure per cell; a column without converters costs an attribute and no more.
A value that cannot be turned spoils its own record only: the columns are then filled again, record by record.
So does one that Python cannot count with, a date beyond its calendar or a number beyond its digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from omnisync.agent.erp.layout.schema import FromSql, Lookup
from omnisync.contract.rules import UNCOUNTABLE


class UnconvertibleError(Exception):
    """A record that cannot become a row: `code` names the sentence, `words` fill it."""

    def __init__(self, code: str, path: str, value: object, **words: object) -> None:
        super().__init__(code)
        self.code, self.path, self.value, self.words = code, path, value, words


class Note(Struct, frozen=True):
    """A warning met while a row was made: which record, what, and the words of its sentence."""

    index: int
    code: str
    path: str
    words: Mapping[str, object]


class ColumnQuery(Struct, frozen=True):
    """A query of the ERP that must be answered before a column can be filled: one value by a key, or by a query's
    parameters.

    `keys` are the record's own values, made as the ERP's table holds them; None where there is nothing to ask.
    """

    column: str
    form: Lookup | FromSql
    sql: str
    keys: Callable[[list[Any], list[Any]], Iterable[Any]]


class LookupAnswers(Struct, frozen=True):
    """The ERP's answers, by column and key, and the notes taken. `None` for a dry run: nothing was asked."""

    found: Mapping[str, Mapping[Any, object]] | None
    notes: list[Note]


Fill = Callable[[LookupAnswers, list[Any], list[Any]], Iterable[object]]
"""Values of one column for these records; the second list has each record's order, for items and payments."""


class ColumnPlan(Struct, frozen=True):
    """One column of a table, ready to be filled for many records at once."""

    name: str
    fill: Fill
    query: ColumnQuery | None = None
    constant: str | None = None
    path: str = ""
    """The field it is filled from, where that is one."""


def rows_of(
    columns: Sequence[ColumnPlan], records: list[Any], answers: LookupAnswers, parents: Sequence[Any] = ()
) -> list[tuple[object, ...] | UnconvertibleError]:
    """Return a row for each record, or why it cannot be one."""
    if not records:
        return []
    orders = list(parents)
    try:
        return list(zip(*(column.fill(answers, records, orders) for column in columns), strict=True))
    except (UnconvertibleError, *UNCOUNTABLE):
        pass
    rows: list[tuple[object, ...] | UnconvertibleError] = []
    answers.notes.clear()
    for i, record in enumerate(records):
        own = LookupAnswers(answers.found, [])
        try:
            rows.append(tuple(_value(column, own, record, orders[i : i + 1]) for column in columns))
        except UnconvertibleError as error:
            rows.append(error)
        answers.notes.extend(Note(i, note.code, note.path, note.words) for note in own.notes)
    return rows


def _value(column: ColumnPlan, answers: LookupAnswers, record: Any, parents: list[Any]) -> object:
    try:
        [value] = column.fill(answers, [record], parents)
    except UNCOUNTABLE as error:
        path = column.path or column.name
        raise UnconvertibleError("value_uncountable", path, None, campo=path) from error
    return value


AMBIGUOUS = object()
"""The answer to a key that stands in several rows with several values."""


UNANSWERED = object()
"""The answer to a key with which the ERP's database could not be asked."""


class UnreadableAnswer(Struct, frozen=True):
    """The answer to a key whose value was found in the ERP and cannot be read; `where` is its table and column."""

    where: str


class ExactKey(Struct, frozen=True):
    """A key that stands in the ERP's table letter by letter as it was asked for: its answer comes before any other."""

    key: str


def lookup_key(value: object) -> str:
    """Return a value as lookups compare it: without the blanks of CHAR columns, whatever the case of the letters."""
    return str(value).rstrip().upper()


def answer_by_key(found: Mapping[Any, object], key: Any, otherwise: object) -> object:
    """Return the answer to a key: of the row that has it letter by letter, else of one in other letters."""
    if isinstance(key, tuple):
        return found.get(key, otherwise)
    return found.get(ExactKey(str(key)), found.get(lookup_key(key), otherwise))
