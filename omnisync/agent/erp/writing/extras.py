"""A record's rows in further tables: before its main row, which takes their keys, or after it."""

from __future__ import annotations

from collections.abc import Sequence

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.layout.plan import ExtraPlan, MainPlan, Statement, TablePlan
from omnisync.agent.erp.layout.row_builder import LookupAnswers
from omnisync.agent.erp.writing.keys import text_of
from omnisync.agent.erp.writing.tables import New, Rows, taken
from omnisync.agent.erp.writing.verdicts import Verdict, key_of


class Extras:
    """The rows of one kind beside its main table. Every method runs inside the caller's transaction."""

    def __init__(self, database: Database, main: MainPlan) -> None:
        self._database = database
        self._main = main

    def insert_before(self, lot: Sequence[Verdict]) -> None:
        """Make the rows whose keys the main row takes."""
        for extra in self._main.before:
            self._insert(extra, lot)

    def insert_after(self, lot: Sequence[Verdict]) -> None:
        """Make the rows that take the main row's key."""
        for extra in self._main.after:
            self._insert(extra, lot)

    def update(self, lot: Sequence[Verdict]) -> None:
        """Bring the rows up to date; one that is missing after the main row is made."""
        if self._main.before:
            self._update_before(lot)
        for extra in self._main.after:
            for verdict in lot:
                if extra.label in verdict.extra_rows and not self._update_after(extra, verdict):
                    self._insert(extra, [verdict])

    def run_after(self, lot: Sequence[Verdict]) -> None:
        """Run the layout's own statement for each record."""
        statement = self._main.after_sql
        if statement is not None:
            for verdict in lot:
                self._database.execute(statement.sql, _values(statement, verdict))

    def _insert(self, extra: ExtraPlan, lot: Sequence[Verdict]) -> None:
        having = [v for v in lot if extra.label in v.extra_rows]
        new = [New(v.change.id, recorded(v, extra.table), v.extra_rows[extra.label], v.keys) for v in having]
        for verdict, key in zip(having, Rows(self._database, extra.table).insert(new), strict=True):
            if key:
                verdict.keys[extra.label] = key

    def _update_before(self, lot: Sequence[Verdict]) -> None:
        """Their keys stand in the main row: a key of one column each."""
        late = {one.whose: one.column for one in self._main.table.foreign_key_columns}
        labels = [extra.label for extra in self._main.before if extra.label in late]
        main = Rows(self._database, self._main.table)
        found = main.present([v.keys[self._main.table.kind] for v in lot], [late[label] for label in labels])
        for extra in self._main.before:
            if extra.label not in labels:
                continue
            rows = Rows(self._database, extra.table)
            changing, at = rows.changing(), labels.index(extra.label)
            updates = []
            for verdict in lot:
                key = found[verdict.keys[self._main.table.kind]][at]
                if key is not None and extra.label in verdict.extra_rows:
                    values = verdict.extra_rows[extra.label]
                    verdict.keys[extra.label] = (text_of(key),)
                    updates.append((*(values[i] for i in changing), text_of(key)))
            rows.update([extra.table.names[i] for i in changing], updates)

    def _update_after(self, extra: ExtraPlan, verdict: Verdict) -> bool:
        """Found by its key where the layout fills it, else by the keys it takes and its constants.

        Answers whether it was there.
        """
        table, quoted = extra.table, self._database.quoted
        values = verdict.extra_rows[extra.label]
        fixed = _identity(table, values, verdict)
        where = " AND ".join(f"{quoted(name)} = ?" for name in fixed)
        changing = [i for i in Rows(self._database, table).changing() if table.names[i] not in fixed]
        count = f"SELECT COUNT(*) FROM {quoted(table.name)} WHERE {where}"  # noqa: S608  # quoted names
        if not int(str(self._database.select(count, list(fixed.values()))[0][0])):
            return False
        if changing:
            sets = ", ".join(f"{quoted(table.names[i])} = ?" for i in changing)
            sql = f"UPDATE {quoted(table.name)} SET {sets} WHERE {where}"  # noqa: S608  # quoted names
            self._database.execute(sql, [*(values[i] for i in changing), *fixed.values()])
        return True


def recorded(verdict: Verdict, table: TablePlan) -> object:
    """The record of a row of this table, where its number takes anything of it."""
    return (verdict.customer or verdict.order) if table.reads_records else None


def _identity(table: TablePlan, values: Sequence[object], verdict: Verdict) -> dict[str, object]:
    """The columns a row after the main one is found again by, with their values."""
    late: dict[str, object] = dict(
        zip((one.column for one in table.foreign_key_columns), taken(table, verdict.keys), strict=True)
    )
    filled = dict(zip(table.names, values, strict=True)) | late
    if table.keys and set(table.keys) <= filled.keys():
        return {name: filled[name] for name in table.keys}
    constants = {c.name: c.constant for c in table.columns if c.constant is not None}
    return late | {name: value for name, value in constants.items() if name not in table.only_on_create}


def _values(statement: Statement, verdict: Verdict) -> list[object]:
    record = verdict.customer or verdict.order
    key, binding = key_of(verdict), verdict.binding
    number = verdict.erp_number or (binding.erp_number if binding is not None else None)
    own = {f"key{place}": part for place, part in enumerate(key, 1)} | {"key": key[-1], "number": number or key[-1]}
    nothing = LookupAnswers(None, [])
    return [
        own.get(path) if fill is None else next(iter(fill(nothing, [record], [record])))
        for path, fill in statement.parameters
    ]
