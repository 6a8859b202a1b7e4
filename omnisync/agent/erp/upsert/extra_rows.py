"""A record's rows in further tables: before its main row, which takes their keys, or after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from omnisync.agent.erp.database import Database, has_transaction
from omnisync.agent.erp.layout.plan import ExtraPlan, MainPlan, Statement, TablePlan
from omnisync.agent.erp.layout.row_builder import LookupAnswers
from omnisync.agent.erp.unreadable import UNREADABLE
from omnisync.agent.erp.upsert.keys import Claim, ErpKey, as_text
from omnisync.agent.erp.upsert.numbers import NewRows
from omnisync.agent.erp.upsert.record_change import RecordChange, key_of, reason_of
from omnisync.agent.erp.upsert.table import TableWriter, foreign_keys


class ExtraRows:
    """The rows of one kind beside its main table. Every method runs inside the caller's transaction."""

    def __init__(self, database: Database, main: MainPlan) -> None:
        self._database = database
        self._main = main

    def insert_before(self, group: Sequence[RecordChange]) -> list[RecordChange]:
        """Make the rows whose keys the main row takes."""
        return self._insert_all(self._main.before, group)

    def insert_after(self, group: Sequence[RecordChange]) -> list[RecordChange]:
        """Make the rows that take the main row's key."""
        return self._insert_all(self._main.after, group)

    def update(self, group: Sequence[RecordChange]) -> list[RecordChange]:
        """Bring the rows up to date, make those that are missing, take away ours whose value was lost.

        A row that cannot be told from those the ERP's people added stays as it is, and a warning says so.
        """
        updated = self._update_before(group)
        for extra in self._main.after:
            updated = [self._update_after(extra, v) for v in updated]
        return updated

    def run_after(self, group: Sequence[RecordChange]) -> bool:
        """Run the layout's own statement for each record. Return whether our transaction outlived it: where it did
        not, nothing more is run.
        """
        statement = self._main.after_sql
        for record_change in group if statement is not None else ():
            assert statement is not None
            self._database.execute(statement.sql, _values(statement, record_change))
            if not has_transaction(self._database):
                return False
        return True

    def _insert_all(self, extras: Sequence[ExtraPlan], group: Sequence[RecordChange]) -> list[RecordChange]:
        inserted = list(group)
        for extra in extras:
            inserted = self._insert(extra, inserted)
        return inserted

    def _insert(self, extra: ExtraPlan, group: Sequence[RecordChange]) -> list[RecordChange]:
        """Make these records' rows; answers the records with the keys of those."""
        having = [v for v in group if extra.label in v.rows.extras]
        new = NewRows(
            ids=[v.change.id for v in having],
            taken=[foreign_keys(extra.table, v.keys) for v in having],
            values=[v.rows.extras[extra.label] for v in having],
            records=[recorded(v, extra.table) for v in having],
        )
        made = dict(zip(new.ids, TableWriter(self._database, extra.table).insert(new), strict=True))
        return [_with_key(v, extra, key) if (key := made.get(v.change.id)) else v for v in group]

    def _update_before(self, group: Sequence[RecordChange]) -> list[RecordChange]:
        """Their keys stand in the main row: a key of one column each."""
        late = {one.whose: one.column for one in self._main.table.foreign_key_columns}
        extras = [extra for extra in self._main.before if extra.label in late]
        if not extras:
            return list(group)
        kind, main = self._main.table.kind, TableWriter(self._database, self._main.table)
        found = main.fetch_by_key([v.keys[kind] for v in group], [late[extra.label] for extra in extras])
        updated = list(group)
        for at, extra in enumerate(extras):
            taken = {v.change.id: found[v.keys[kind]][at] for v in updated if v.keys[kind] in found}
            updated, made = self._update_one_before(extra, updated, taken)
            main.update([late[extra.label]], [(v.keys[extra.label][-1], *v.keys[kind]) for v in made])
        return updated

    def _update_one_before(
        self, extra: ExtraPlan, group: Sequence[RecordChange], taken: Mapping[str, object]
    ) -> tuple[list[RecordChange], list[RecordChange]]:
        """Update the rows that stand and are their record's own, and make the others: the records, and those of them
        whose row was made. `taken` are the keys in the main rows, by id; a trigger may have taken a main row away with
        our update. Where the key there cannot be read, it is not known which row is the record's: all stays.
        """
        rows = TableWriter(self._database, extra.table)
        keys: dict[str, ErpKey] = {
            id_: (as_text(key),) for id_, key in taken.items() if key is not None and key is not UNREADABLE
        }
        owned = rows.owned([Claim(id_, key) for id_, key in keys.items()])
        changing, updates, missing = rows.updatable_columns(), [], []
        updated: dict[str, RecordChange] = {}
        for record_change in group:
            id_, values = record_change.change.id, record_change.rows.extras.get(extra.label)
            updated[id_] = record_change
            if taken.get(id_) is UNREADABLE:
                updated[id_] = _warned(record_change, "extra_row_unreadable", extra)
            elif values is None:
                if id_ in keys:  # the main row goes on pointing there, and so do the rows after it
                    updated[id_] = _with_key(record_change, extra, keys[id_])
                if id_ in owned:
                    updated[id_] = _warned(updated[id_], "extra_row_stays", extra)
            elif id_ in owned:
                updated[id_] = _with_key(record_change, extra, keys[id_])
                updates.append((*(values[i] for i in changing), *keys[id_]))
            elif id_ in taken:
                missing.append(record_change)
        rows.update([extra.table.names[i] for i in changing], updates)
        made = self._insert(extra, missing)
        updated |= {v.change.id: v for v in made}
        return list(updated.values()), made

    def _update_after(self, extra: ExtraPlan, record_change: RecordChange) -> RecordChange:
        values = record_change.rows.extras.get(extra.label)
        fixed = _identity(extra.table, values, record_change)
        if not fixed:
            return record_change  # its key is among the values that were lost, or of a row that is not there
        n = self._count(extra.table, fixed)
        if n > 1:
            return _warned(record_change, "extra_rows_alike", extra)
        if values is not None and not n:
            return self._insert(extra, [record_change])[0]
        if values is not None:
            self._set(extra.table, values, fixed, record_change)
        elif n and extra.table.carries_ids:
            self._delete(extra.table, fixed)
        elif n:
            return _warned(record_change, "extra_row_stays", extra)
        return record_change

    def _count(self, table: TablePlan, fixed: Mapping[str, object]) -> int:
        sql = f"SELECT COUNT(*) FROM {self._rows_where(table, fixed)}"  # noqa: S608  # quoted names
        return int(str(self._database.select(sql, list(fixed.values()))[0][0]))

    def _delete(self, table: TablePlan, fixed: Mapping[str, object]) -> None:
        self._database.execute(f"DELETE FROM {self._rows_where(table, fixed)}", list(fixed.values()))  # noqa: S608  # quoted names

    def _rows_where(self, table: TablePlan, fixed: Mapping[str, object]) -> str:
        quoted = self._database.quoted
        return f"{quoted(table.name)} WHERE {' AND '.join(f'{quoted(name)} = ?' for name in fixed)}"

    def _set(
        self, table: TablePlan, values: Sequence[object], fixed: Mapping[str, object], record_change: RecordChange
    ) -> None:
        updatable = TableWriter(self._database, table).updatable_columns()
        changed = {table.names[i]: values[i] for i in updatable} | _late(table, record_change)
        names = [name for name in changed if name not in fixed]
        rows = [(*(changed[name] for name in names), *fixed.values())]
        if names:
            self._database.update_rows(table.name, names, list(fixed), rows)


def recorded(record_change: RecordChange, table: TablePlan) -> object:
    """Return the record of a row of this table, where its number takes anything of it."""
    return record_change.content if table.reads_records else None


def _identity(table: TablePlan, values: Sequence[object] | None, record_change: RecordChange) -> dict[str, object]:
    """Return the columns a row after the main one is found again by, with their values: the record's id where the
    row carries it, its key where the layout fills it, else the record's own key and the row's constants. Empty where
    that takes values the record does not have, or keys of rows that are not there.
    """
    late = _late(table, record_change)
    constants = {c.name: c.constant for c in table.columns if c.constant is not None}
    fixed: dict[str, object] = {name: value for name, value in constants.items() if name not in table.only_on_create}
    if table.carries_ids:
        [carried] = table.carried([record_change.change.id])
        return fixed | {table.external_id: carried}
    columns = {*table.names, *(one.column for one in table.foreign_key_columns)}
    if table.keys and set(table.keys) <= columns:
        filled = (dict(zip(table.names, values, strict=True)) if values is not None else fixed) | late
        is_whole = all(filled.get(name) is not None for name in table.keys)
        return {name: filled[name] for name in table.keys} if is_whole else {}
    own = {one.column for one in table.foreign_key_columns if one.whose == table.kind}
    # Another record's key, as that of the order's customer, may be another by now.
    linked = {name: key for name, key in late.items() if not own or name in own}
    return linked | fixed if linked else {}


def _with_key(record_change: RecordChange, extra: ExtraPlan, key: ErpKey) -> RecordChange:
    return replace(record_change, keys={**record_change.keys, extra.label: key})


def _warned(record_change: RecordChange, code: str, extra: ExtraPlan) -> RecordChange:
    return record_change.warned(reason_of(code, record_change, tabela=extra.table.name, linha=extra.label))


def _late(table: TablePlan, record_change: RecordChange) -> dict[str, object]:
    """Return the columns that take keys of other rows, with those keys; not of a row whose key is not known here."""
    columns = zip(table.foreign_key_columns, foreign_keys(table, record_change.keys), strict=True)
    return {one.column: key for one, key in columns if key is not None}


def _values(statement: Statement, record_change: RecordChange) -> list[object]:
    record = record_change.content
    key, binding = key_of(record_change), record_change.binding
    number = record_change.erp_number or (binding.erp_number if binding is not None else None)
    own = {f"key{place}": part for place, part in enumerate(key, 1)} | {"key": key[-1], "number": number or key[-1]}
    nothing = LookupAnswers(None, [])
    return [
        own.get(path) if fill is None else next(iter(fill(nothing, [record], [record])))
        for path, fill in statement.parameters
    ]
