"""The lines of orders: items and payments, brought to what their orders say."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from omnisync.agent.erp.compiled import Table
from omnisync.agent.erp.dialects.database import Database
from omnisync.agent.erp.keys import Key, in_order, text_of
from omnisync.agent.erp.tables import New, Rows


class Lines(Struct, frozen=True):
    """The lines one order has: the order's key, the keys its rows take, and a row of values for each."""

    parent: Key
    late: dict[str, Key]
    records: Sequence[object]
    rows: Sequence[tuple[object, ...]]


class Children:
    """One table of orders' lines. Every method runs inside the caller's transaction."""

    def __init__(self, database: Database, table: Table) -> None:
        self._database = database
        self._table = table
        self._rows = Rows(database, table)
        self._at = table.names.index(table.identity) if table.identity else None

    def insert(self, orders: Sequence[Lines]) -> None:
        """The lines of orders that have none yet."""
        self._rows.insert([new for lines in orders for new in _new(lines)])

    def equalise(self, orders: Sequence[Lines]) -> None:
        """Known lines updated, new ones inserted, those that left their order deleted; all anew without an identity."""
        if self._at is None:
            self._delete([lines.parent for lines in orders])
            self.insert(orders)
            return
        there = self._there([lines.parent for lines in orders])
        wanted = {(lines.parent, text_of(new.values[self._at])): new for lines in orders for new in _new(lines)}
        self._delete_lines(sorted(there - wanted.keys()))
        changing = self._rows.changing()
        names = [self._table.names[i] for i in changing if i != self._at]
        places = [i for i in changing if i != self._at]
        known = [(pair, new) for pair, new in wanted.items() if pair in there]
        self._database.update_rows(
            self._table.name,
            names,
            [*self._table.parent, self._table.identity],
            [(*(new.values[i] for i in places), *parent, identity) for (parent, identity), new in known],
        )
        self._rows.insert([new for pair, new in wanted.items() if pair not in there])

    def _there(self, parents: Sequence[Key]) -> set[tuple[Key, str]]:
        table, quoted = self._table, self._database.quoted
        names = ", ".join(map(quoted, (*table.parent, table.identity)))
        wanted = set(parents)
        rows = self._database.select_among(
            f"SELECT {names} FROM {quoted(table.name)} WHERE {quoted(table.parent[-1])} IN {{ids}}",  # noqa: S608  # quoted names
            sorted({parent[-1] for parent in parents}),
        )
        found = {(tuple(map(text_of, row[:-1])), text_of(row[-1])) for row in rows}
        return {pair for pair in found if pair[0] in wanted}

    def _delete(self, parents: Sequence[Key]) -> None:
        ordered: list[Key] = sorted(parents, key=in_order)
        self._delete_where(self._table.parent, ordered)

    def _delete_lines(self, pairs: Sequence[tuple[Key, str]]) -> None:
        self._delete_where((*self._table.parent, self._table.identity), [(*parent, line) for parent, line in pairs])

    def _delete_where(self, names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        if rows:
            quoted = self._database.quoted
            where = " AND ".join(f"{quoted(name)} = ?" for name in names)
            self._database.execute_many(f"DELETE FROM {quoted(self._table.name)} WHERE {where}", rows)  # noqa: S608  # quoted names


def _new(lines: Lines) -> list[New]:
    return [
        New("", record, values, lines.late, lines.parent)
        for record, values in zip(lines.records, lines.rows, strict=True)
    ]
