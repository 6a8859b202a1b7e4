"""SQL Server's catalogue. Not run against a live server."""

from __future__ import annotations

from typing import Any

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.schema import ColumnKind, DatabaseColumn, Rights, Schema, SchemaRows, tables_of

_NAME = (
    "CASE WHEN OBJECT_ID(QUOTENAME({0}.name)) = {0}.object_id THEN {0}.name "
    "ELSE SCHEMA_NAME({0}.schema_id) + '.' + {0}.name END"
)
_TABLE = _NAME.format("o")
_OURS = "o.type IN ('U', 'V') AND o.is_ms_shipped = 0"
_COLUMNS = f"""
SELECT {_TABLE}, CASE o.type WHEN 'V' THEN 1 ELSE 0 END, c.name, COALESCE(t.name, ''),
    c.max_length, c.precision, c.scale, c.is_nullable, CASE c.default_object_id WHEN 0 THEN 0 ELSE 1 END,
    c.is_identity, c.is_computed, COALESCE(c.collation_name, ''),
    COALESCE(CAST(COLLATIONPROPERTY(c.collation_name, 'CodePage') AS INT), 0)
FROM sys.columns c JOIN sys.objects o ON o.object_id = c.object_id
LEFT JOIN sys.types t ON t.user_type_id = c.system_type_id WHERE {_OURS} ORDER BY o.object_id, c.column_id
"""  # noqa: S608  # constant text
_INDEXES = f"""
SELECT {_TABLE}, i.name, c.name, i.is_unique, i.is_primary_key
FROM sys.indexes i JOIN sys.objects o ON o.object_id = i.object_id
JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id AND k.is_included_column = 0
JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE i.type IN (1, 2) AND i.has_filter = 0 AND i.is_disabled = 0 AND {_OURS}
ORDER BY o.object_id, i.index_id, k.key_ordinal
"""  # noqa: S608  # constant text
_FOREIGN = f"""
SELECT {_TABLE}, k.constraint_object_id, a.name, {_NAME.format("r")}, b.name
FROM sys.foreign_key_columns k JOIN sys.objects o ON o.object_id = k.parent_object_id
JOIN sys.objects r ON r.object_id = k.referenced_object_id
JOIN sys.columns a ON a.object_id = k.parent_object_id AND a.column_id = k.parent_column_id
JOIN sys.columns b ON b.object_id = k.referenced_object_id AND b.column_id = k.referenced_column_id
WHERE {_OURS} ORDER BY o.object_id, k.constraint_object_id, k.constraint_column_id
"""  # noqa: S608  # constant text
_TRIGGERS = f"""
SELECT DISTINCT {_TABLE} FROM sys.triggers g JOIN sys.trigger_events e ON e.object_id = g.object_id
JOIN sys.objects o ON o.object_id = g.parent_id WHERE e.type_desc = 'INSERT' AND g.is_disabled = 0 AND {_OURS}
"""  # noqa: S608  # constant text
_OTHERS = f"""
SELECT {_TABLE}, RTRIM(o.type) FROM sys.objects o
WHERE o.type IN ('SO', 'P', 'PC', 'FN', 'TF', 'IF') AND o.is_ms_shipped = 0
"""  # noqa: S608  # constant text
_CHARSET = "SELECT CAST(DATABASEPROPERTYEX(DB_NAME(), 'Collation') AS NVARCHAR(128))"
_RIGHTS = """
SELECT HAS_PERMS_BY_NAME(t, 'OBJECT', 'SELECT'), HAS_PERMS_BY_NAME(t, 'OBJECT', 'INSERT'),
    HAS_PERMS_BY_NAME(t, 'OBJECT', 'UPDATE'), HAS_PERMS_BY_NAME(t, 'OBJECT', 'DELETE'),
    CASE WHEN CAST(DATABASEPROPERTYEX(DB_NAME(), 'Updateability') AS NVARCHAR(20)) = 'READ_ONLY' THEN 1 ELSE 0 END
FROM (SELECT ? AS t) x
"""

_KINDS: dict[str, ColumnKind] = {
    **dict.fromkeys(("char", "varchar", "nchar", "nvarchar", "text", "ntext"), "text"),
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint"), "integer"),
    **dict.fromkeys(("decimal", "numeric", "money", "smallmoney"), "decimal"),
    **dict.fromkeys(("float", "real"), "float"),
    **dict.fromkeys(("datetime", "datetime2", "smalldatetime", "datetimeoffset"), "datetime"),
    **dict.fromkeys(("binary", "varbinary", "image", "timestamp"), "binary"),
    "date": "date",
    "time": "time",
    "bit": "bool",
}
_ONE_BYTE_PAGES = frozenset({0, 437, 850, 874, *range(1250, 1259)})


def read(database: Database) -> Schema:
    """Return what the database says of its tables; others than the login finds have their schema first."""
    columns: list[Any] = database.select(_COLUMNS)
    others: list[Any] = database.select(_OTHERS)
    parts = SchemaRows(
        columns=[(row[0], _column(row[2:])) for row in columns],
        views={row[0] for row in columns if row[1]},
        indexes=database.select(_INDEXES),
        foreign=database.select(_FOREIGN),
        triggered={str(row[0]) for row in database.select(_TRIGGERS)},
    )
    return Schema(
        label=database.dialect.label,
        charset=str(database.select(_CHARSET)[0][0]),
        tables=tables_of(parts),
        sequences=frozenset(name for name, type_ in others if type_ == "SO"),
        procedures=frozenset(name for name, type_ in others if type_ != "SO"),
    )


def excess_rights(database: Database) -> tuple[str, ...]:
    """Return the roles over the whole server that no import needs."""
    roles = "SELECT name FROM sys.server_principals WHERE type = 'R' AND name IN ('sysadmin', 'serveradmin', "
    held = f"{roles}'securityadmin', 'bulkadmin') AND IS_SRVROLEMEMBER(name) = 1"
    return tuple(str(name) for (name,) in database.select(held))


def rights(database: Database, table: str) -> Rights:
    """By the server's own function: a statement without rows would call the triggers."""
    [[select, insert, update, delete, is_closed]] = database.select(_RIGHTS, (database.quoted(table),))
    return Rights(bool(select), *(bool(may) and not is_closed for may in (insert, update, delete)))


def _column(row: Any) -> DatabaseColumn:
    name, word, n_bytes, precision, scale, is_nullable, has_default, identity, computed, collation, page = row
    kind = _KINDS.get(word, "other")
    is_wide = word in ("nchar", "nvarchar")
    has_size = kind == "text" and n_bytes > 0 and word not in ("text", "ntext")
    return DatabaseColumn(
        name=name,
        type=_written(word, n_bytes // 2 if is_wide else n_bytes, precision, scale),
        kind=kind,
        length=(n_bytes // 2 if is_wide else n_bytes) if has_size else None,
        n_bytes=n_bytes if has_size and not is_wide and page not in _ONE_BYTE_PAGES else None,
        precision=precision if kind == "decimal" else None,
        scale=scale if kind == "decimal" else None,
        is_nullable=bool(is_nullable),
        has_default=bool(has_default),
        is_identity=bool(identity),
        is_computed=bool(computed) or word == "timestamp",
        is_padded=word in ("char", "nchar"),
        charset=f"cp{page}" if page and not is_wide else "",
        collation=collation,
    )


def _written(word: str, length: int, precision: int, scale: int) -> str:
    if word in ("char", "varchar", "nchar", "nvarchar"):
        return f"{word}({length if length > 0 else 'max'})"
    return f"{word}({precision},{scale})" if word in ("decimal", "numeric") else word
