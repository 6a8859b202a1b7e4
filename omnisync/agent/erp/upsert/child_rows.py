"""The lines of orders: items and payments, brought to what their orders say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.layout.plan import TablePlan
from omnisync.agent.erp.unreadable import UNREADABLE
from omnisync.agent.erp.upsert.keys import ErpKey, as_text, match_ignoring_padding, sort_key
from omnisync.agent.erp.upsert.numbers import NewRows
from omnisync.agent.erp.upsert.table import TableWriter, among_keys, foreign_keys


class OrderLines(Struct, frozen=True):
    """The lines one order has: the order, its key, the keys its rows take, and a row of values for each."""

    order: object
    parent: ErpKey
    foreign_keys: Mapping[str, ErpKey]
    records: Sequence[object]
    rows: Sequence[tuple[object, ...]]


class ChildRows:
    """One table of orders' lines. Every method runs inside the caller's transaction."""

    def __init__(self, database: Database, table: TablePlan) -> None:
        self._database = database
        self._table = table
        self._rows = TableWriter(database, table)
        self._at = table.names.index(table.identity) if table.identity else None

    def insert(self, orders: Sequence[OrderLines]) -> None:
        """The lines of orders that have none yet."""
        if self._table.number is None and not self._table.foreign_key_columns:
            self._rows.insert_lines([lines.parent + values for lines in orders for values in lines.rows])
            return
        self._insert([(lines, i) for lines in orders for i in range(len(lines.rows))])

    def sync(self, orders: Sequence[OrderLines]) -> None:
        """Known lines updated, new ones inserted, those that left their order deleted; all anew without an identity."""
        if self._at is None:
            self._delete([lines.parent for lines in orders])
            self.insert(orders)
            return
        wanted = {
            (*lines.parent, as_text(row[self._at])): (lines, i) for lines in orders for i, row in enumerate(lines.rows)
        }
        found = self._existing([lines.parent for lines in orders])
        there = match_ignoring_padding(wanted, {line: line for line in found})
        gone: list[ErpKey] = sorted(found - set(there.values()), key=sort_key)
        self._delete_where(self._line_keys, gone)
        places = [i for i in self._rows.updatable_columns() if i != self._at]
        late = [i for i, one in enumerate(self._table.foreign_key_columns) if one.column not in self._line_keys]
        names = [self._table.foreign_key_columns[i].column for i in late] + [self._table.names[i] for i in places]
        known = []
        for line, (lines, n) in wanted.items():
            if line in there:
                keys, row = foreign_keys(self._table, lines.foreign_keys), lines.rows[n]
                known.append((*(keys[i] for i in late), *(row[i] for i in places), *line))
        if names:
            self._database.update_rows(self._table.name, names, self._line_keys, known)
        self._insert([line for key, line in wanted.items() if key not in there])

    def _insert(self, lines: Sequence[tuple[OrderLines, int]]) -> None:
        self._rows.insert(
            NewRows(
                ids=[""] * len(lines),
                taken=[own.parent + foreign_keys(self._table, own.foreign_keys) for own, _ in lines],
                values=[own.rows[n] for own, n in lines],
                records=[own.records[n] for own, n in lines],
                orders=[own.order for own, _ in lines],
            )
        )

    @property
    def _line_keys(self) -> list[str]:
        return [*self._table.parent, self._table.identity]

    def _existing(self, parents: Sequence[ErpKey]) -> set[ErpKey]:
        """Return the lines that stand: the order's key, then what the line is known by. Those the ERP added have
        nothing, or nothing that can be read.
        """
        table = self._table
        rows = among_keys(self._database, table.name, table.parent, parents, [table.identity])
        return {tuple(map(as_text, row)) for row in rows if row[-1] not in (None, UNREADABLE)}

    def _delete(self, parents: Sequence[ErpKey]) -> None:
        ordered: list[ErpKey] = sorted(parents, key=sort_key)
        self._delete_where(self._table.parent, ordered)

    def _delete_where(self, names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Delete lines; never a row that the layout writes beside the order into this same table."""
        if not rows:
            return
        quoted, others = self._database.quoted, self._table.others
        conditions = [f"{quoted(name)} = ?" for name in names]
        for constants in others:
            differs = " OR ".join(f"{quoted(name)} IS NULL OR {quoted(name)} <> ?" for name, _ in constants)
            conditions.append(f"({differs})")
        kept = [value for constants in others for _, value in constants]
        sql = f"DELETE FROM {quoted(self._table.name)} WHERE {' AND '.join(conditions)}"  # noqa: S608  # quoted names
        self._database.execute_many(sql, [(*row, *kept) for row in rows])
