"""A database that only answers: the rows of a few tables, by the columns a query names. No SQL engine behind it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from omnisync.agent.erp.database import Database

_SELECT = re.compile(r'SELECT (?P<names>.+) FROM "(?P<table>\w+)" WHERE (?P<where>.+)')
_NAME = re.compile(r'"(\w+)"')
_LOCKED = " FOR UPDATE"

TableRows = Sequence[Mapping[str, object]]


class ScriptedDatabase:
    """`tables` are rows by table and column; `answers` what any other query is answered with. `asked` keeps them all.

    It keeps the part of `Database` that questions need: a rule that writes fails on it.
    """

    def __init__(self, tables: Mapping[str, TableRows] | None = None, answers: Sequence[tuple[Any, ...]] = ()) -> None:
        self.tables = tables or {}
        self.answers = answers
        self.asked: list[tuple[str, tuple[object, ...]]] = []
        self.n_locked = 0

    def quoted(self, name: str) -> str:
        return f'"{name}"'

    def select_among(self, sql: str, ids: Sequence[object], values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        self.asked.append((sql, (*values, *ids)))
        found = _SELECT.fullmatch(sql)
        if found is None:
            return [row for row in self.answers if row[0] in ids]
        *first, last = _NAME.findall(found["where"])
        return [
            tuple(row[name] for name in _NAME.findall(found["names"]))
            for row in self.tables.get(found["table"], ())
            if row[last] in ids and all(row[name] == value for name, value in zip(first, values, strict=True))
        ]

    @property
    def dialect(self) -> ScriptedDatabase:
        """Its own, which only locks."""
        return self

    def locked(self, sql: str) -> str:
        return sql + _LOCKED

    def select(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Rows by one key or by several; those asked for with a lock are counted."""
        plain = sql.removesuffix(_LOCKED)
        self.n_locked += plain != sql
        head, _, marks = plain.rpartition(" IN ")
        n_ids = marks.count("?")
        return self.select_among(f"{head} IN {{ids}}", values[len(values) - n_ids :], values[: len(values) - n_ids])


def as_database(scripted: ScriptedDatabase) -> Database:
    """The database as a rule takes it."""
    return cast("Database", scripted)
