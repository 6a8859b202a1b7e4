"""SQLite's catalogue. Types are words without force here: a length is what was declared, not what is kept to."""

from __future__ import annotations

from re import IGNORECASE
from re import compile as pattern
from typing import Any

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.schema import ColumnKind, DatabaseColumn, Schema, SchemaRows, tables_of

_TABLES = "SELECT name, type, sql FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite%'"
_COLUMNS = f"""
SELECT m.name, c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden
FROM ({_TABLES}) m JOIN pragma_table_xinfo(m.name) c ORDER BY m.name, c.cid
"""  # noqa: S608  # constant text
_KEYS = (
    f"SELECT m.name, c.name FROM ({_TABLES}) m JOIN pragma_table_info(m.name) c WHERE c.pk > 0 ORDER BY m.name, c.pk"  # noqa: S608  # constant text
)
_INDEXES = f"""
SELECT m.name, i.name, c.name, i."unique", 0 FROM ({_TABLES}) m JOIN pragma_index_list(m.name) i
JOIN pragma_index_info(i.name) c WHERE i.partial = 0 AND i.origin <> 'pk' AND c.name IS NOT NULL
ORDER BY m.name, i.name, c.seqno
"""  # noqa: S608  # constant text
_FOREIGN = f"""
SELECT m.name, f.id, f."from", f."table", coalesce(f."to", '') FROM ({_TABLES}) m
JOIN pragma_foreign_key_list(m.name) f ORDER BY m.name, f.id, f.seq
"""  # noqa: S608  # constant text
_TRIGGERS = "SELECT tbl_name, sql FROM sqlite_master WHERE type = 'trigger'"

_TYPE = pattern(r"\s*([A-Z ]*?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*$", IGNORECASE)
_ON_INSERT = pattern(r"\bINSERT\s+ON\b", IGNORECASE)
_WITHOUT_ROWID = pattern(r"\)[^)]*\bWITHOUT\s+ROWID\b[^)]*$", IGNORECASE)
# In the order of SQLite's own reading of a type's words, and the words of dates before them.
_KINDS: tuple[tuple[str, ColumnKind], ...] = (
    ("DATETIME", "datetime"),
    ("TIMESTAMP", "datetime"),
    ("DATE", "date"),
    ("TIME", "time"),
    ("BOOL", "bool"),
    ("INT", "integer"),
    ("CHAR", "text"),
    ("CLOB", "text"),
    ("TEXT", "text"),
    ("BLOB", "binary"),
    ("REAL", "float"),
    ("FLOA", "float"),
    ("DOUB", "float"),
    ("NUM", "decimal"),
    ("DEC", "decimal"),
)


def read(database: Database) -> Schema:
    """Return what the file says of its tables."""
    made: list[Any] = database.select(_TABLES)
    plain = {name for name, _, sql in made if not _WITHOUT_ROWID.search(sql or "")}
    keys: list[Any] = database.select(_KEYS)
    n_keys = {table: sum(name == table for name, _ in keys) for table, _ in keys}
    columns: list[Any] = database.select(_COLUMNS)
    triggers: list[Any] = database.select(_TRIGGERS)
    parts = SchemaRows(
        columns=[(row[0], _column(row, n_keys=n_keys.get(row[0], 0), is_plain=row[0] in plain)) for row in columns],
        views={name for name, type_, _ in made if type_ == "view"},
        indexes=[*((table, "", name, 1, 1) for table, name in keys), *database.select(_INDEXES)],
        foreign=_to_keys(database.select(_FOREIGN), keys),
        triggered={table for table, sql in triggers if _ON_INSERT.search(sql)},
    )
    return Schema(label=database.dialect.label, charset="UTF-8", tables=tables_of(parts), triggers_fill_columns=False)


def _column(row: Any, *, n_keys: int, is_plain: bool) -> DatabaseColumn:
    _, name, type_, is_set, default, pk, hidden = row
    found = _TYPE.match(type_)
    word, first, second = found.groups() if found else (type_, None, None)
    kind: ColumnKind = next((kind for part, kind in _KINDS if part in word.upper()), "other")
    return DatabaseColumn(
        name=name,
        type=type_,
        kind=kind,
        length=int(first) if first and kind == "text" else None,
        precision=int(first) if first and kind == "decimal" else None,
        scale=int(second or 0) if first and kind == "decimal" else None,
        is_nullable=not is_set and (not pk or is_plain),  # SQLite's own old mistake: a key may be empty
        has_default=default is not None,
        is_identity=bool(pk) and is_plain and n_keys == 1 and word.upper() == "INTEGER",
        is_computed=hidden in (2, 3),
    )


def _to_keys(foreign: list[Any], keys: list[Any]) -> list[Any]:
    """Return a reference that names no column means the other table's key."""
    first = {table: name for table, name in reversed(keys)}
    return [(table, id_, name, other, to or first.get(other, "")) for table, id_, name, other, to in foreign]
