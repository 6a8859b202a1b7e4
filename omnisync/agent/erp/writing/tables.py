"""One table of the ERP, spoken to by a layout's names: rows inserted, found by their keys, changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from msgspec import Struct

from omnisync.agent.erp.dialects.database import Database, lots
from omnisync.agent.erp.language.compiled import NumberFrom, Table
from omnisync.agent.erp.language.rows import Answers
from omnisync.agent.erp.writing.keys import Key, as_asked, by_prefix, text_of
from omnisync.agent.errors import ErpSetupError

_LOCKED_LOT = 200


class New(Struct, frozen=True):
    """A row to be inserted: its external id, its record (for its number), its values, and keys it takes.

    `order` is that of a line.
    """

    id: str
    record: Any
    values: tuple[object, ...]
    late: Mapping[str, Key] = {}
    parent: Key = ()
    order: Any = None


class Rows:
    """The rows of one table. Every method runs inside the caller's transaction."""

    def __init__(self, database: Database, table: Table) -> None:
        self._database = database
        self._table = table

    # --- inserting

    def insert(self, new: Sequence[New]) -> list[Key]:
        """Insert rows known to be new; answers their keys, empty where the table has none."""
        if not new:
            return []
        table = self._table
        numbers = self._numbers(new)
        names = [*table.parent, *(late.column for late in table.late), *self._numbered, *table.names]
        rows = [
            one.parent + taken(table, one.late) + number + one.values for one, number in zip(new, numbers, strict=True)
        ]
        if not table.keys:
            self._database.insert_rows(table.name, names, rows)
            return [()] * len(new)
        if self._is_known:
            self._database.insert_rows(table.name, names, rows)
            return [self._known(one, number) for one, number in zip(new, numbers, strict=True)]
        if table.external_id:
            self._database.insert_rows(table.name, names, rows)
            keys = self.keys_of([one.id for one in new])
            return [keys[one.id] for one in new]
        return [
            self._with_made(one, self._database.insert_returning(table.name, names, row, table.keys[-1]))
            for one, row in zip(new, rows, strict=True)
        ]

    def insert_lines(self, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert rows of a table that gives no numbers and takes no keys but its parent's, which begins each row."""
        self._database.insert_rows(self._table.name, [*self._table.parent, *self._table.names], rows)

    @property
    def _numbered(self) -> list[str]:
        return [self._table.number.column] if self._table.number is not None else []

    @property
    def _is_known(self) -> bool:
        """Whether the key is known before the row stands."""
        last = self._table.keys[-1]
        return last in self._table.names or last in self._numbered

    def _known(self, one: New, number: tuple[str, ...]) -> Key:
        values = dict(zip(self._table.names, one.values, strict=True)) | dict(zip(self._numbered, number, strict=True))
        return tuple(text_of(values[name]) for name in self._table.keys)

    def _with_made(self, one: New, made: object) -> Key:
        if made is None:
            # A trigger that runs after the row stands: only reading the row again would tell.
            motive = f"{self._table.name}: a chave feita pelo banco só se lê com external_id"
            raise ErpSetupError("layout", motivo=motive)
        values = dict(zip(self._table.names, one.values, strict=True))
        return (*(text_of(values[name]) for name in self._table.keys[:-1]), text_of(made))

    # --- numbers

    def _numbers(self, new: Sequence[New]) -> list[tuple[str, ...]]:
        number = self._table.number
        if number is None:
            return [()] * len(new)
        if number.source == "procedure":
            return [(number.form(self._from_procedure(number, one)),) for one in new]
        if number.source == "sequence":
            return [(number.form(value),) for value in self._database.next_values(number.name, len(new))]
        taken: list[tuple[str, ...]] = [()] * len(new)
        # A counter's row, or the highest number, for each filial apart.
        scopes = sorted((self._scope(number, one), i) for i, one in enumerate(new))
        for scope, lot in groupby(scopes, lambda pair: pair[0]):
            places = [i for _, i in lot]
            first = self._counted(number, scope, len(places)) if number.source == "counter" else self._highest(scope)
            for step, i in enumerate(places, 1):
                taken[i] = (number.form(first + step),)
        return taken

    def _scope(self, number: NumberFrom, one: New) -> tuple[str, ...]:
        if number.source == "max":
            values = dict(zip(self._table.names, one.values, strict=True))
            return tuple(text_of(values[name]) for name in self._table.keys[:-1])
        nothing = Answers(None, [])
        return tuple(text_of(next(iter(fill(nothing, [one.record], [one.order])))) for _, fill in number.where)

    def _counted(self, number: NumberFrom, scope: tuple[str, ...], n: int) -> int:
        """Raise the counter by n under its row's lock; answers what it was."""
        quoted = self._database.quoted
        where = " AND ".join(f"{quoted(name)} = ?" for name, _ in number.where)
        where = f" WHERE {where}" if where else ""
        table, value = quoted(number.table), quoted(number.value)
        sql = f"UPDATE {table} SET {value} = {value} + {n:d}{where}"  # noqa: S608  # quoted names
        n_matched = self._database.execute(sql, scope)
        rows = self._database.select(f"SELECT {value} FROM {table}{where}", scope)  # noqa: S608  # quoted names
        if n_matched != 1 or len(rows) != 1 or rows[0][0] is None:
            raise ErpSetupError("layout", motivo=f"o contador de {number.table} não tem exatamente uma linha")
        return int(str(rows[0][0])) - n

    def _highest(self, scope: tuple[str, ...]) -> int:
        quoted = self._database.quoted
        where = " AND ".join(f"{quoted(name)} = ?" for name in self._table.keys[:-1])
        column = quoted(self._table.number.column if self._table.number is not None else self._table.keys[-1])
        sql = f"SELECT MAX({column}) FROM {quoted(self._table.name)}{' WHERE ' + where if where else ''}"  # noqa: S608  # quoted names
        highest = self._database.select(sql, scope)[0][0]
        try:
            return int(text_of(highest)) if highest is not None else 0
        except ValueError:
            raise ErpSetupError("layout", motivo=f"{self._table.name}: o maior número não é um número") from None

    def _from_procedure(self, number: NumberFrom, one: New) -> object:
        assert number.statement is not None
        nothing = Answers(None, [])
        values = [next(iter(fill(nothing, [one.record], [one.order]))) for _, fill in number.statement.parameters]
        rows = self._database.select(number.statement.sql, values)
        if not rows or rows[0][0] is None:
            raise ErpSetupError("layout", motivo=f"a consulta do número de {self._table.name} não respondeu nada")
        return text_of(rows[0][0])

    # --- finding

    def keys_of(self, ids: Sequence[str]) -> dict[str, Key]:
        """The keys of the rows with these external ids."""
        table, quoted = self._table, self._database.quoted
        if not table.external_id or not ids:
            return {}
        names = ", ".join(map(quoted, (table.external_id, *table.keys)))
        rows = self._database.select_among(
            f"SELECT {names} FROM {quoted(table.name)} WHERE {quoted(table.external_id)} IN {{ids}}",  # noqa: S608  # quoted names
            ids,
        )
        return {text_of(row[0]): tuple(map(text_of, row[1:])) for row in rows}

    def present(self, keys: Sequence[Key], columns: Sequence[str] = (), *, held: bool = False) -> dict[Key, list[Any]]:
        """The rows that stand, by key, with these columns; held until the transaction ends when so asked."""
        n_keys = len(self._table.keys)
        found = among_keys(self._database, self._table.name, self._table.keys, keys, columns, held=held)
        return as_asked(set(keys), {tuple(map(text_of, row[:n_keys])): list(row[n_keys:]) for row in found})

    def records(self, keys: Sequence[Key]) -> dict[Key, dict[str, object]]:
        """Whole rows by key, with their columns' names as the layout writes them."""
        table = self._table
        names = sorted(table.all_names)
        return {key: dict(zip(names, row, strict=True)) for key, row in self.present(keys, names).items()}

    # --- changing

    def update(self, names: Sequence[str], rows: Sequence[Sequence[object]]) -> int:
        """Set columns by key; a row is the columns' values, then the key's. Answers how many were matched."""
        return self._database.update_rows(self._table.name, names, self._table.keys, rows) if rows and names else 0

    def changing(self) -> list[int]:
        """The places of the columns that an update sets: not its key, not what is written once."""
        fixed = {*self._table.keys, self._table.external_id} | self._table.only_on_create
        return [i for i, name in enumerate(self._table.names) if name not in fixed]


def among_keys(
    database: Database,
    table: str,
    by: Sequence[str],
    keys: Sequence[Key],
    columns: Sequence[str],
    *,
    held: bool = False,
) -> Iterator[tuple[object, ...]]:
    """Rows whose columns `by` are one of these keys: those columns first, then `columns`."""
    quoted = database.quoted
    names = ", ".join(map(quoted, (*by, *columns)))
    where = "".join(f"{quoted(name)} = ? AND " for name in by[:-1])
    sql = f"SELECT {names} FROM {quoted(table)} WHERE {where}{quoted(by[-1])} IN {{ids}}"  # noqa: S608  # quoted names
    for prefix, last in by_prefix(keys).items():
        if not held:
            yield from database.select_among(sql, last, prefix)
            continue
        for lot in lots(last, _LOCKED_LOT):
            marks = f"({', '.join('?' * len(lot))})"
            yield from database.lock_row(sql.replace("{ids}", marks), (*prefix, *lot))


def taken(table: Table, keys: Mapping[str, Key]) -> tuple[str | None, ...]:
    """What a table's late columns take of these keys; nothing of a row that was not made."""
    if not table.late:
        return ()
    return tuple([keys[late.whose][late.part] if late.whose in keys else None for late in table.late])
