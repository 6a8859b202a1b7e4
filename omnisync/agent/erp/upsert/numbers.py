"""The numbers of new rows, as the layout says: from a sequence, a procedure, a counter, or the highest plus one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from msgspec import Struct

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.layout.plan import NumberFrom, TablePlan
from omnisync.agent.erp.layout.row_builder import Fill, LookupAnswers
from omnisync.agent.erp.unreadable import UNREADABLE
from omnisync.agent.erp.upsert.keys import as_text
from omnisync.agent.errors import RefusedRecordError


class NewRows(Struct, frozen=True, kw_only=True):
    """Rows to be inserted, as columns of one length.

    `ids` are external ids; `taken` what each row takes of other rows: its parent's key, then the table's foreign key
    columns. `records`, with the order of a line in `orders`, are there where numbers are asked for with their values.
    """

    ids: Sequence[str]
    taken: Sequence[tuple[object, ...]]
    values: Sequence[tuple[object, ...]]
    records: Sequence[Any] = ()
    orders: Sequence[Any] = ()


class NumberSource:
    """The source of the numbers of one table's rows. Runs inside the caller's transaction."""

    def __init__(self, database: Database, table: TablePlan) -> None:
        self._database = database
        self._table = table

    def numbers_for(self, new: NewRows) -> list[tuple[str, ...]]:
        """Return a number for each row, empty where the table asks for none. Raises RefusedRecordError where none is
        given.
        """
        number, n = self._table.number, len(new.values)
        if number is None:
            return [()] * n
        if number.source == "procedure":
            return [(number.form(self._from_procedure(number, new, i)),) for i in range(n)]
        if number.source == "sequence":
            return [
                (number.form(value),) for value in self._database.dialect.next_values(self._database, number.name, n)
            ]
        taken: list[tuple[str, ...]] = [()] * n
        # A counter's row, or the highest number, for each filial apart.
        scopes = sorted((self._scope(number, new, i), i) for i in range(n))
        for scope, lot in groupby(scopes, lambda pair: pair[0]):
            places = [i for _, i in lot]
            first = (
                self._raise_counter(number, scope, len(places)) if number.source == "counter" else self._highest(scope)
            )
            for step, i in enumerate(places, 1):
                taken[i] = (number.form(first + step),)
        return taken

    def _scope(self, number: NumberFrom, new: NewRows, i: int) -> tuple[str, ...]:
        if number.source == "max":
            values = dict(zip(self._table.names, new.values[i], strict=True))
            return tuple(as_text(values[name]) for name in self._table.keys[:-1])
        return tuple(as_text(_value(fill, new, i)) for _, fill in number.where)

    def _raise_counter(self, number: NumberFrom, scope: tuple[str, ...], n: int) -> int:
        """Raise the counter by n under its row's lock; answers what it was."""
        quoted = self._database.quoted
        where = " AND ".join(f"{quoted(name)} = ?" for name, _ in number.where)
        where = f" WHERE {where}" if where else ""
        table, value = quoted(number.table), quoted(number.value)
        sql = f"UPDATE {table} SET {value} = {value} + {n:d}{where}"  # noqa: S608  # quoted names
        n_matched = self._database.execute(sql, scope)
        rows = self._database.select(f"SELECT {value} FROM {table}{where}", scope)  # noqa: S608  # quoted names
        if n_matched != 1 or len(rows) != 1 or rows[0][0] is None:
            what = ", ".join(f"{name} {value}" for (name, _), value in zip(number.where, scope, strict=True))
            motive = f"o contador {number.table}.{number.value} não tem exatamente uma linha"
            raise RefusedRecordError("erp_no_number", motivo=f"{motive} ({what})" if what else motive)
        return _number_in(rows[0][0], f"{number.table}.{number.value}") - n

    def _highest(self, scope: tuple[str, ...]) -> int:
        quoted = self._database.quoted
        where = " AND ".join(f"{quoted(name)} = ?" for name in self._table.keys[:-1])
        column = quoted(self._table.number.column if self._table.number is not None else self._table.keys[-1])
        sql = f"SELECT MAX({column}) FROM {quoted(self._table.name)}{' WHERE ' + where if where else ''}"  # noqa: S608  # quoted names
        highest = self._database.select(sql, scope)[0][0]
        return _number_in(highest, self._table.name) if highest is not None else 0

    def _from_procedure(self, number: NumberFrom, new: NewRows, i: int) -> object:
        assert number.statement is not None
        values = [_value(fill, new, i) for _, fill in number.statement.parameters]
        rows = self._database.select(number.statement.sql, values)
        if not rows or rows[0][0] in (None, UNREADABLE):
            motive = f"a consulta do número de {self._table.name} não respondeu nada"
            raise RefusedRecordError("erp_no_number", motivo=motive)
        return as_text(rows[0][0])


def _value(fill: Fill, new: NewRows, i: int) -> object:
    return next(iter(fill(LookupAnswers(None, []), list(new.records[i : i + 1]), list(new.orders[i : i + 1]))))


def _number_in(value: object, where: str) -> int:
    try:
        return int(as_text(value))
    except ValueError:
        raise RefusedRecordError("erp_no_number", motivo=f"o maior número de {where} não é um número") from None
