"""One table of the ERP, spoken to by a layout's names: rows inserted, found by their keys, changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from omnisync.agent.erp.database import Database, insert_made
from omnisync.agent.erp.layout.plan import TablePlan
from omnisync.agent.erp.statements import row_groups
from omnisync.agent.erp.unreadable import UNREADABLE
from omnisync.agent.erp.upsert.keys import (
    Claim,
    ErpKey,
    as_text,
    by_prefix,
    is_same,
    match_ignoring_padding,
    without_zeros,
)
from omnisync.agent.erp.upsert.numbers import NewRows, NumberSource
from omnisync.agent.errors import ErpSetupError, RefusedRecordError

_LOCKED_LOT = 200


class TableWriter:
    """The rows of one table. Every method runs inside the caller's transaction."""

    def __init__(self, database: Database, table: TablePlan) -> None:
        self._database = database
        self._table = table
        self._numbers = NumberSource(database, table)

    def insert(self, new: NewRows) -> list[ErpKey]:
        """Insert rows known to be new; answers their keys, empty where the table has none."""
        if not new.values:
            return []
        table, numbers = self._table, self._numbers.numbers_for(new)
        names = [*table.parent, *(late.column for late in table.foreign_key_columns), *self._numbered, *table.names]
        rows = list(map(_whole_row, zip(new.taken, numbers, new.values, strict=True)))
        if not table.keys:
            self._database.insert_rows(table.name, names, rows)
            return [()] * len(rows)
        if table.is_key_known:
            self._database.insert_rows(table.name, names, rows)
            known = map(self._known_key, new.values, numbers)
            return self._read_back(list(map(Claim, new.ids, known)))
        if table.external_id:
            self._database.insert_rows(table.name, names, rows)
            made = self._keys_of_all(new.ids)
            return [made[id_] for id_ in new.ids]
        return [
            self._completed_key(values, insert_made(self._database, table.name, names, row, table.keys[-1]))
            for values, row in zip(new.values, rows, strict=True)
        ]

    def _read_back(self, claims: Sequence[Claim]) -> list[ErpKey]:
        """Return the keys of rows just inserted, as they stand: a trigger may have left one out, or given it another
        key.
        """
        if not self._table.carries_ids:
            return [claim.key for claim in claims]
        owned = self.owned(claims)
        elsewhere = [claim.id for claim in claims if claim.id not in owned]
        # The ERP's own job may have taken a row out of its queue by now.
        moved = self.keys_of(elsewhere) if self._table.is_queue else self._keys_of_all(elsewhere)
        return [moved.get(claim.id, claim.key) for claim in claims]

    def _keys_of_all(self, ids: Sequence[str]) -> dict[str, ErpKey]:
        """Return the keys of rows just inserted, by their external ids. One that is missing refuses its record."""
        keys = self.keys_of(ids)
        if len(keys) < len(ids):
            raise RefusedRecordError("erp_row_missing", tabela=self._table.name)
        return keys

    def insert_lines(self, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert rows of a table that gives no numbers and takes no keys but its parent's, which begins each row."""
        self._database.insert_rows(self._table.name, [*self._table.parent, *self._table.names], rows)

    @property
    def _numbered(self) -> list[str]:
        return [self._table.number.column] if self._table.number is not None else []

    def _known_key(self, values: tuple[object, ...], number: tuple[str, ...]) -> ErpKey:
        filled = dict(zip(self._table.names, values, strict=True)) | dict(zip(self._numbered, number, strict=True))
        return tuple(as_text(filled[name]) for name in self._table.keys)

    def _completed_key(self, values: tuple[object, ...], made: object) -> ErpKey:
        if made is None:
            # A trigger that runs after the row stands: only reading the row again would tell.
            motive = f"{self._table.name}: a chave feita pelo banco só se lê com external_id"
            raise ErpSetupError("layout", motivo=motive)
        filled = dict(zip(self._table.names, values, strict=True))
        return (*(as_text(filled[name]) for name in self._table.keys[:-1]), as_text(made))

    def keys_of(self, ids: Sequence[str]) -> dict[str, ErpKey]:
        """Return the keys of the rows with these external ids."""
        table, quoted = self._table, self._database.quoted
        if not table.external_id or not ids:
            return {}
        names = ", ".join(map(quoted, (table.external_id, *table.keys)))
        id_of: dict[ErpKey, str] = {(carried,): id_ for carried, id_ in zip(table.carried(ids), ids, strict=True)}
        rows = self._database.select_among(
            f"SELECT {names} FROM {quoted(table.name)} WHERE {quoted(table.external_id)} IN {{ids}}",  # noqa: S608  # quoted names
            [carried for (carried,) in id_of],
        )
        found: dict[ErpKey, ErpKey] = {
            (as_text(row[0]),): tuple(map(as_text, row[1:])) for row in rows if UNREADABLE not in row
        }
        return {id_of[carried]: key for carried, key in match_ignoring_padding(id_of, found).items()}

    def fetch_by_key(
        self, keys: Sequence[ErpKey], columns: Sequence[str] = (), *, held: bool = False
    ) -> dict[ErpKey, list[Any]]:
        """Return the rows that stand, by key, with these columns; held until the transaction ends when so asked.

        A value that cannot be read is UNREADABLE, alone.
        """
        table = self._table
        found = among_keys(self._database, table.name, table.keys, keys, columns, held=held)
        n_keys = len(table.keys)
        rows = {tuple(map(as_text, row[:n_keys])): list(row[n_keys:]) for row in found}
        return match_ignoring_padding(set(keys), rows)

    def owned(
        self, claims: Iterable[Claim], columns: Sequence[str] = (), *, held: bool = False
    ) -> dict[str, list[Any]]:
        """Return the rows, by id and with these columns, that stand and are their record's own: they carry its external
        id.

        A key may have been given again, to a row of the ERP's or to another record's. A matched row may carry another
        id, and none where the layout never writes one into it. Without a column of ids the key alone decides.
        """
        table, wanted = self._table, list(claims)
        names = [table.external_id, *columns] if table.carries_ids else list(columns)
        rows = self.fetch_by_key([claim.key for claim in wanted], names, held=held)
        if not table.carries_ids:
            return {claim.id: rows[claim.key] for claim in wanted if claim.key in rows}
        owned = {}
        plain: dict[ErpKey, list[Any]] | None = None
        for claim, id_ in zip(wanted, table.carried([claim.id for claim in wanted]), strict=True):
            row = rows.get(claim.key)
            if row is None and not claim.is_matched:
                # A made key keeps its zeros where a column of numbers gave them up; whose the row is, the id tells.
                plain = plain or {without_zeros(key): found for key, found in rows.items()}
                row = plain.get(without_zeros(claim.key))
            if row is not None and (row[0] == id_ or self._is_own(row[0], id_, is_matched=claim.is_matched)):
                owned[claim.id] = row[1:]
        return owned

    def _is_own(self, carried: object, id_: str, *, is_matched: bool) -> bool:
        if is_matched:
            is_marked = carried is not None and bool(as_text(carried))
            return is_marked or self._table.external_id in self._table.only_on_create
        return is_same(carried, id_)

    def records(self, keys: Sequence[ErpKey]) -> dict[ErpKey, dict[str, object]]:
        """Whole rows by key, with their columns' names as the layout writes them."""
        table = self._table
        names = sorted(table.all_names)
        return {key: dict(zip(names, row, strict=True)) for key, row in self.fetch_by_key(keys, names).items()}

    def update(self, names: Sequence[str], rows: Sequence[Sequence[object]]) -> int:
        """Set columns by key; a row is the columns' values, then the key's. Answers how many were matched."""
        return self._database.update_rows(self._table.name, names, self._table.keys, rows) if rows and names else 0

    def updatable_columns(self) -> list[int]:
        """Return the places of the columns that an update sets: not its key, not what is written once."""
        fixed = {*self._table.keys, self._table.external_id, self._table.state} | self._table.only_on_create
        return [i for i, name in enumerate(self._table.names) if name not in fixed]


def _whole_row(parts: tuple[tuple[object, ...], ...]) -> tuple[object, ...]:
    taken, number, values = parts
    return taken + number + values


def among_keys(
    database: Database,
    table: str,
    by: Sequence[str],
    keys: Sequence[ErpKey],
    columns: Sequence[str],
    *,
    held: bool = False,
) -> Iterator[tuple[object, ...]]:
    """Yield rows whose columns `by` are one of these keys: those columns first, then `columns`."""
    quoted = database.quoted
    names = ", ".join(map(quoted, (*by, *columns)))
    where = "".join(f"{quoted(name)} = ? AND " for name in by[:-1])
    sql = f"SELECT {names} FROM {quoted(table)} WHERE {where}{quoted(by[-1])} IN {{ids}}"  # noqa: S608  # quoted names
    for prefix, last in by_prefix(keys).items():
        if not held:
            yield from database.select_among(sql, last, prefix)
            continue
        for lot in row_groups(last, _LOCKED_LOT):
            marks = f"({', '.join('?' * len(lot))})"
            yield from database.select(database.dialect.locked(sql.replace("{ids}", marks)), (*prefix, *lot))


def foreign_keys(table: TablePlan, keys: Mapping[str, ErpKey]) -> tuple[str | None, ...]:
    """Return what a table's late columns take of these keys; nothing of a row that was not made."""
    if not table.foreign_key_columns:
        return ()
    return tuple([keys[late.whose][late.part] if late.whose in keys else None for late in table.foreign_key_columns])
