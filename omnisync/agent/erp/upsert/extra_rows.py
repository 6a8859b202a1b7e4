"""A record's rows in further tables: before its main row, which takes their keys, or after it."""

from __future__ import annotations

from collections.abc import Sequence

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.layout.plan import ExtraPlan, MainPlan, Statement, TablePlan
from omnisync.agent.erp.layout.row_builder import LookupAnswers
from omnisync.agent.erp.upsert.keys import as_text
from omnisync.agent.erp.upsert.numbers import NewRow
from omnisync.agent.erp.upsert.record_change import RecordChange, key_of
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
        """Bring the rows up to date; one that is missing after the main row is made."""
        if self._main.before:
            self._update_before(group)
        for extra in self._main.after:
            for record_change in group:
                if extra.label in record_change.extra_rows and not self._update_after(extra, record_change):
                    self._insert(extra, [record_change])

    def run_after(self, group: Sequence[RecordChange]) -> None:
        """Run the layout's own statement for each record."""
        statement = self._main.after_sql
        if statement is not None:
            for record_change in group:
                self._database.execute(statement.sql, _values(statement, record_change))

    def _insert(self, extra: ExtraPlan, group: Sequence[RecordChange]) -> None:
        having = [v for v in group if extra.label in v.extra_rows]
        new = [NewRow(v.change.id, recorded(v, extra.table), v.extra_rows[extra.label], v.keys) for v in having]
        for record_change, key in zip(having, TableWriter(self._database, extra.table).insert(new), strict=True):
            if key:
                record_change.keys[extra.label] = key

    def _update_before(self, group: Sequence[RecordChange]) -> None:
        """Their keys stand in the main row: a key of one column each."""
        late = {one.whose: one.column for one in self._main.table.foreign_key_columns}
        labels = [extra.label for extra in self._main.before if extra.label in late]
        main = TableWriter(self._database, self._main.table)
        found = main.fetch_by_key([v.keys[self._main.table.kind] for v in group], [late[label] for label in labels])
        for extra in self._main.before:
            if extra.label not in labels:
                continue
            rows = TableWriter(self._database, extra.table)
            changing, at = rows.updatable_columns(), labels.index(extra.label)
            updates = []
            for record_change in group:
                key = found[record_change.keys[self._main.table.kind]][at]
                if key is not None and extra.label in record_change.extra_rows:
                    values = record_change.extra_rows[extra.label]
                    record_change.keys[extra.label] = (as_text(key),)
                    updates.append((*(values[i] for i in changing), as_text(key)))
            rows.update([extra.table.names[i] for i in changing], updates)

    def _update_after(self, extra: ExtraPlan, record_change: RecordChange) -> bool:
        """Found by its key where the layout fills it, else by the keys it takes and its constants.

        Answers whether it was there.
        """
        table, quoted = extra.table, self._database.quoted
        values = record_change.extra_rows[extra.label]
        fixed = _identity(table, values, record_change)
        where = " AND ".join(f"{quoted(name)} = ?" for name in fixed)
        changing = [i for i in TableWriter(self._database, table).updatable_columns() if table.names[i] not in fixed]
        count = f"SELECT COUNT(*) FROM {quoted(table.name)} WHERE {where}"  # noqa: S608  # quoted names
        if not int(str(self._database.select(count, list(fixed.values()))[0][0])):
            return False
        if changing:
            sets = ", ".join(f"{quoted(table.names[i])} = ?" for i in changing)
            sql = f"UPDATE {quoted(table.name)} SET {sets} WHERE {where}"  # noqa: S608  # quoted names
            self._database.execute(sql, [*(values[i] for i in changing), *fixed.values()])
        return True


def recorded(record_change: RecordChange, table: TablePlan) -> object:
    """Return the record of a row of this table, where its number takes anything of it."""
    return (record_change.customer or record_change.order) if table.reads_records else None


def _identity(table: TablePlan, values: Sequence[object], record_change: RecordChange) -> dict[str, object]:
    """Return the columns a row after the main one is found again by, with their values."""
    late: dict[str, object] = dict(
        zip((one.column for one in table.foreign_key_columns), foreign_keys(table, record_change.keys), strict=True)
    )
    filled = dict(zip(table.names, values, strict=True)) | late
    if table.keys and set(table.keys) <= filled.keys():
        return {name: filled[name] for name in table.keys}
    constants = {c.name: c.constant for c in table.columns if c.constant is not None}
    return late | {name: value for name, value in constants.items() if name not in table.only_on_create}


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
