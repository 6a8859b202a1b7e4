"""The catalogue of MariaDB and MySQL. It tells of what the user has some right to, and of nothing else."""

from __future__ import annotations

from re import compile as pattern
from typing import Any

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.schema import ColumnKind, DatabaseColumn, Schema, SchemaRows, tables_of

_COLUMNS = """
SELECT table_name, column_name, data_type, column_type, character_maximum_length, numeric_precision, numeric_scale,
    is_nullable, column_default, extra, coalesce(character_set_name, ''), coalesce(collation_name, '')
FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position
"""
_TABLES = """
SELECT table_name, table_type, coalesce(engine, '') FROM information_schema.tables WHERE table_schema = DATABASE()
"""
# A key of the first letters only says too much of the whole text.
_INDEXES = """
SELECT table_name, index_name, column_name, non_unique = 0 AND sub_part IS NULL, index_name = 'PRIMARY'
FROM information_schema.statistics WHERE table_schema = DATABASE() AND column_name IS NOT NULL
ORDER BY table_name, index_name, seq_in_index
"""
_FOREIGN = """
SELECT table_name, constraint_name, column_name, referenced_table_name, referenced_column_name
FROM information_schema.key_column_usage WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL
ORDER BY table_name, constraint_name, ordinal_position
"""
_TRIGGERS = """
SELECT event_object_table FROM information_schema.triggers
WHERE trigger_schema = DATABASE() AND event_manipulation = 'INSERT'
"""
_PROCEDURES = "SELECT routine_name FROM information_schema.routines WHERE routine_schema = DATABASE()"
_COMMITTING = """
SELECT routine_name FROM information_schema.routines WHERE routine_schema = DATABASE()
AND lower(coalesce(routine_definition, '')) REGEXP '(^|[^a-z0-9_])(commit|start +transaction)([^a-z0-9_]|$)'
"""
_LOOSE_ENGINES = "SELECT engine FROM information_schema.engines WHERE coalesce(transactions, 'NO') = 'NO'"

_VALUE = pattern(r"'((?:[^']|'')*)'")
_KINDS: dict[str, ColumnKind] = {
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"), "text"),
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint", "year"), "integer"),
    **dict.fromkeys(("float", "double"), "float"),
    **dict.fromkeys(("datetime", "timestamp"), "datetime"),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "bit"), "binary"),
    "decimal": "decimal",
    "date": "date",
    "time": "time",
}


def read(database: Database) -> Schema:
    """Return what the server says of this database's tables."""
    columns: list[Any] = database.select(_COLUMNS)
    tables: list[Any] = database.select(_TABLES)
    sequences = {name for name, type_, _ in tables if type_ == "SEQUENCE"}
    parts = SchemaRows(
        columns=[(row[0], _column(row[1:])) for row in columns if row[0] not in sequences],
        views={name for name, type_, _ in tables if type_ == "VIEW"},
        indexes=database.select(_INDEXES),
        foreign=database.select(_FOREIGN),
        triggered={str(row[0]) for row in database.select(_TRIGGERS)},
        engines={name: engine for name, _, engine in tables},
        without_transactions=frozenset(str(row[0]) for row in database.select(_LOOSE_ENGINES)),
    )
    return Schema(
        label=database.dialect.label,
        charset=str(database.select("SELECT @@character_set_database")[0][0]),
        tables=tables_of(parts),
        sequences=frozenset(sequences),
        procedures=frozenset(str(row[0]) for row in database.select(_PROCEDURES)),
        session_zone=str(database.select("SELECT @@session.time_zone")[0][0]),
        committing=frozenset(str(row[0]) for row in database.select(_COMMITTING)),
    )


def _column(row: Any) -> DatabaseColumn:
    name, word, type_, length, precision, scale, is_nullable, default, extra, charset, collation = row
    kind = _KINDS.get(word, "other")
    is_open = word.endswith("text")  # its room is counted in bytes
    return DatabaseColumn(
        name=name,
        type=type_,
        kind=kind,
        length=length if kind == "text" else None,
        n_bytes=length if is_open else None,
        precision=precision if kind == "decimal" else None,
        scale=scale if kind == "decimal" else None,
        is_nullable=is_nullable == "YES",
        # A column that may be empty has NULL as its default, in words.
        has_default=default is not None and default != "NULL",
        is_identity="auto_increment" in extra.lower(),
        is_computed=" GENERATED" in extra.upper(),
        is_padded=False,  # blanks at the end of a CHAR are taken off when it is read
        charset=charset,
        collation=collation,
        has_zone=word == "timestamp",
        values=tuple(value.replace("''", "'") for value in _VALUE.findall(type_)) if word in ("enum", "set") else (),
    )
