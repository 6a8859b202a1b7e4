"""A record's rows in further tables: before its main row, which takes their keys, or after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from omnisync.agent.erp.database import Database, has_transaction
from omnisync.agent.erp.layout.plan import ExtraPlan, MainPlan, Statement, TablePlan
from omnisync.agent.erp.layout.row_builder import LookupAnswers
from omnisync.agent.erp.upsert.keys import Claim, ErpKey, as_text
from omnisync.agent.erp.upsert.numbers import NewRows
from omnisync.agent.erp.upsert.record_change import RecordChange, key_of, reason_of
from omnisync.agent.erp.upsert.table import TableWriter, foreign_keys


class ExtraRows:
    """The rows of one kind beside its main table. Every method runs inside the caller's transaction."""

    def __init__(self, database: Database, main: MainPlan) -> None:
        self._database = database
        self._main = main

    def insert_before(self, group: Sequence[RecordChange]) -> None:
        """Make the rows whose keys the main row takes."""
        for extra in self._main.before:
            self._insert(extra, group)

    def insert_after(self, group: Sequence[RecordChange]) -> None:
        """Make the rows that take the main row's key."""
        for extra in self._main.after:
            self._insert(extra, group)

    def update(self, group: Sequence[RecordChange]) -> None:
        """Bring the rows up to date, make those that are missing, take away ours whose value was lost.

        A row that cannot be told from those the ERP's people added stays as it is, and a warning says so.
        """
        self._update_before(group)
        for extra in self._main.after:
            for record_change in group:
                self._update_after(extra, record_change)

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

    def _insert(self, extra: ExtraPlan, group: Sequence[RecordChange]) -> None:
        having = [v for v in group if extra.label in v.extra_rows]
        new = NewRows(
            ids=[v.change.id for v in having],
            taken=[foreign_keys(extra.table, v.keys) for v in having],
            values=[v.extra_rows[extra.label] for v in having],
            records=[recorded(v, extra.table) for v in having],
        )
        for record_change, key in zip(having, TableWriter(self._database, extra.table).insert(new), strict=True):
            if key:
                record_change.keys[extra.label] = key

    def _update_before(self, group: Sequence[RecordChange]) -> None:
        """Their keys stand in the main row: a key of one column each."""
        late = {one.whose: one.column for one in self._main.table.foreign_key_columns}
        extras = [extra for extra in self._main.before if extra.label in late]
        if not extras:
            return
        kind, main = self._main.table.kind, TableWriter(self._database, self._main.table)
        found = main.fetch_by_key([v.keys[kind] for v in group], [late[extra.label] for extra in extras])
        group = [v for v in group if v.keys[kind] in found]  # a trigger may have taken the others with our update
        for at, extra in enumerate(extras):
            taken = [(v, found[v.keys[kind]][at]) for v in group]
            keys = {v.change.id: (as_text(key),) for v, key in taken if key is not None}
            made = self._update_one_before(extra, group, keys)
            main.update([late[extra.label]], [(v.keys[extra.label][-1], *v.keys[kind]) for v in made])

    def _update_one_before(
        self, extra: ExtraPlan, group: Sequence[RecordChange], keys: Mapping[str, ErpKey]
    ) -> list[RecordChange]:
        """Update the rows that stand and are their record's own, and make the others; return the records of those."""
        rows = TableWriter(self._database, extra.table)
        owned = rows.owned([Claim(id_, key) for id_, key in keys.items()])
        changing, updates, missing = rows.updatable_columns(), [], []
        for record_change in group:
            id_, values = record_change.change.id, record_change.extra_rows.get(extra.label)
            if values is None:
                if id_ in keys:  # the main row goes on pointing there, and so do the rows after it
                    record_change.keys[extra.label] = keys[id_]
                if id_ in owned:
                    _warn(record_change, "extra_row_stays", extra)
            elif id_ in owned:
                record_change.keys[extra.label] = keys[id_]
                updates.append((*(values[i] for i in changing), *keys[id_]))
            else:
                missing.append(record_change)
        rows.update([extra.table.names[i] for i in changing], updates)
        self._insert(extra, missing)
        return missing

    def _update_after(self, extra: ExtraPlan, record_change: RecordChange) -> None:
        values = record_change.extra_rows.get(extra.label)
        fixed = _identity(extra.table, values, record_change)
        if not fixed:
            return  # its key is among the values that were lost, or of a row that is not there
        n = self._count(extra.table, fixed)
        if n > 1:
            _warn(record_change, "extra_rows_alike", extra)
        elif values is not None:
            if n:
                self._set(extra.table, values, fixed, record_change)
            else:
                self._insert(extra, [record_change])
        elif n and extra.table.carries_ids:
            self._delete(extra.table, fixed)
        elif n:
            _warn(record_change, "extra_row_stays", extra)

    def _count(self, table: TablePlan, fixed: Mapping[str, object]) -> int:
        where = " AND ".join(f"{self._database.quoted(name)} = ?" for name in fixed)
        sql = f"SELECT COUNT(*) FROM {self._database.quoted(table.name)} WHERE {where}"  # noqa: S608  # quoted names
        return int(str(self._database.select(sql, list(fixed.values()))[0][0]))

    def _set(
        self, table: TablePlan, values: Sequence[object], fixed: Mapping[str, object], record_change: RecordChange
    ) -> None:
        updatable = TableWriter(self._database, table).updatable_columns()
        changed = {table.names[i]: values[i] for i in updatable} | _late(table, record_change)
        names = [name for name in changed if name not in fixed]
        rows = [(*(changed[name] for name in names), *fixed.values())]
        if names:
            self._database.update_rows(table.name, names, list(fixed), rows)

    def _delete(self, table: TablePlan, fixed: Mapping[str, object]) -> None:
        where = " AND ".join(f"{self._database.quoted(name)} = ?" for name in fixed)
        sql = f"DELETE FROM {self._database.quoted(table.name)} WHERE {where}"  # noqa: S608  # quoted names
        self._database.execute(sql, list(fixed.values()))


def recorded(record_change: RecordChange, table: TablePlan) -> object:
    """Return the record of a row of this table, where its number takes anything of it."""
    return (record_change.customer or record_change.order) if table.reads_records else None


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


def _warn(record_change: RecordChange, code: str, extra: ExtraPlan) -> None:
    warning = reason_of(code, record_change, tabela=extra.table.name, linha=extra.label)
    if warning not in record_change.warnings:
        record_change.warnings += (warning,)


def _late(table: TablePlan, record_change: RecordChange) -> dict[str, object]:
    """Return the columns that take keys of other rows, with those keys; not of a row whose key is not known here."""
    columns = zip(table.foreign_key_columns, foreign_keys(table, record_change.keys), strict=True)
    return {one.column: key for one, key in columns if key is not None}


def _values(statement: Statement, record_change: RecordChange) -> list[object]:
    record = record_change.customer or record_change.order
    key, binding = key_of(record_change), record_change.binding
    number = record_change.erp_number or (binding.erp_number if binding is not None else None)
    own = {f"key{place}": part for place, part in enumerate(key, 1)} | {"key": key[-1], "number": number or key[-1]}
    nothing = LookupAnswers(None, [])
    return [
        own.get(path) if fill is None else next(iter(fill(nothing, [record], [record])))
        for path, fill in statement.parameters
    ]
