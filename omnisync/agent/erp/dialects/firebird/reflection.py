"""Firebird's catalogue. Names come filled up with blanks; what makes a number is a generator, often by a trigger."""

from __future__ import annotations

from typing import Any

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.schema import (
    ColumnKind,
    Conversions,
    DatabaseColumn,
    Schema,
    SchemaRows,
    tables_of,
)

_COLUMNS = """
SELECT TRIM(r.rdb$relation_name), TRIM(r.rdb$field_name), f.rdb$field_type, COALESCE(f.rdb$field_sub_type, 0),
    f.rdb$field_length, f.rdb$character_length, f.rdb$field_precision, -COALESCE(f.rdb$field_scale, 0),
    COALESCE(r.rdb$null_flag, f.rdb$null_flag, 0),
    IIF(r.rdb$default_source IS NULL AND f.rdb$default_source IS NULL, 0, 1),
    IIF(r.rdb$identity_type IS NULL, 0, 1), IIF(f.rdb$computed_source IS NULL, 0, 1),
    COALESCE(TRIM(s.rdb$character_set_name), ''), COALESCE(TRIM(o.rdb$collation_name), '')
FROM rdb$relation_fields r JOIN rdb$fields f ON f.rdb$field_name = r.rdb$field_source
JOIN rdb$relations t ON t.rdb$relation_name = r.rdb$relation_name
LEFT JOIN rdb$character_sets s ON s.rdb$character_set_id = f.rdb$character_set_id
LEFT JOIN rdb$collations o ON o.rdb$character_set_id = f.rdb$character_set_id
    AND o.rdb$collation_id = COALESCE(r.rdb$collation_id, f.rdb$collation_id)
WHERE COALESCE(t.rdb$system_flag, 0) = 0 ORDER BY r.rdb$relation_name, r.rdb$field_position
"""
_TABLES = """
SELECT TRIM(rdb$relation_name), IIF(rdb$view_source IS NULL, 0, 1), COALESCE(rdb$relation_type, 0) FROM rdb$relations
WHERE COALESCE(rdb$system_flag, 0) = 0
"""
_INDEXES = """
SELECT TRIM(i.rdb$relation_name), TRIM(i.rdb$index_name), TRIM(s.rdb$field_name), COALESCE(i.rdb$unique_flag, 0),
    IIF(c.rdb$constraint_type = 'PRIMARY KEY', 1, 0)
FROM rdb$indices i JOIN rdb$index_segments s ON s.rdb$index_name = i.rdb$index_name
LEFT JOIN rdb$relation_constraints c ON c.rdb$index_name = i.rdb$index_name
WHERE COALESCE(i.rdb$system_flag, 0) = 0 AND COALESCE(i.rdb$index_inactive, 0) = 0
ORDER BY i.rdb$relation_name, i.rdb$index_name, s.rdb$field_position
"""
_FOREIGN = """
SELECT TRIM(c.rdb$relation_name), TRIM(c.rdb$constraint_name), TRIM(m.rdb$field_name), TRIM(o.rdb$relation_name),
    TRIM(t.rdb$field_name)
FROM rdb$relation_constraints c JOIN rdb$ref_constraints r ON r.rdb$constraint_name = c.rdb$constraint_name
JOIN rdb$relation_constraints o ON o.rdb$constraint_name = r.rdb$const_name_uq
JOIN rdb$index_segments m ON m.rdb$index_name = c.rdb$index_name
JOIN rdb$index_segments t ON t.rdb$index_name = o.rdb$index_name AND t.rdb$field_position = m.rdb$field_position
WHERE c.rdb$constraint_type = 'FOREIGN KEY'
ORDER BY c.rdb$relation_name, c.rdb$constraint_name, m.rdb$field_position
"""
_TRIGGERS = """
SELECT TRIM(rdb$relation_name), rdb$trigger_type FROM rdb$triggers
WHERE COALESCE(rdb$system_flag, 0) = 0 AND COALESCE(rdb$trigger_inactive, 0) = 0 AND rdb$relation_name IS NOT NULL
"""
_SEQUENCES = "SELECT TRIM(rdb$generator_name) FROM rdb$generators WHERE COALESCE(rdb$system_flag, 0) = 0"
_PROCEDURES = "SELECT TRIM(rdb$procedure_name) FROM rdb$procedures WHERE COALESCE(rdb$system_flag, 0) = 0"
_CHARSET = "SELECT TRIM(rdb$character_set_name) FROM rdb$database"

# The catalogue's numbers of types, and the word a person writes for each.
_TYPES: dict[int, tuple[str, ColumnKind]] = {
    7: ("SMALLINT", "integer"),
    8: ("INTEGER", "integer"),
    10: ("FLOAT", "float"),
    12: ("DATE", "date"),
    13: ("TIME", "time"),
    14: ("CHAR", "text"),
    16: ("BIGINT", "integer"),
    23: ("BOOLEAN", "bool"),
    24: ("DECFLOAT(16)", "decimal"),
    25: ("DECFLOAT(34)", "decimal"),
    26: ("INT128", "integer"),
    27: ("DOUBLE PRECISION", "float"),
    28: ("TIME WITH TIME ZONE", "time"),
    29: ("TIMESTAMP WITH TIME ZONE", "datetime"),
    35: ("TIMESTAMP", "datetime"),
    37: ("VARCHAR", "text"),
}
_ENGINES = {2: "EXTERNAL", 4: "TEMPORARY", 5: "TEMPORARY"}
_PADDED, _BLOB = 14, 261


def read(database: Database) -> Schema:
    """Return what the database says of its tables, in capitals as it keeps their names."""
    tables: list[Any] = database.select(_TABLES)
    columns: list[Any] = database.select(_COLUMNS)
    triggers: list[Any] = database.select(_TRIGGERS)
    parts = SchemaRows(
        columns=[(row[0], _column(row[1:])) for row in columns],
        views={name for name, is_view, _ in tables if is_view},
        indexes=database.select(_INDEXES),
        foreign=database.select(_FOREIGN),
        triggered={table for table, type_ in triggers if _is_on_insert(type_)},
        engines={name: _ENGINES[type_] for name, _, type_ in tables if type_ in _ENGINES},
        without_transactions=frozenset({"EXTERNAL"}),
        folds=True,
    )
    return Schema(
        label=database.dialect.label,
        charset=str(database.select(_CHARSET)[0][0]),
        tables=tables_of(parts),
        sequences=frozenset(str(row[0]) for row in database.select(_SEQUENCES)),
        procedures=frozenset(str(row[0]) for row in database.select(_PROCEDURES)),
        folds=True,
        conversions=Conversions(number_to_bool=False, datetime_to_date=False),
        dual_table="rdb$database",
    )


def _column(row: Any) -> DatabaseColumn:
    name, number, sub_type, n_bytes, length, precision, scale, is_set, has_default, identity, computed, *letters = row
    charset, collation = letters
    word, kind = _type(number, sub_type, scale)
    return DatabaseColumn(
        name=name,
        type=_written(word, kind, length or n_bytes, precision, scale),
        kind=kind,
        length=(length or n_bytes) if kind == "text" and number != _BLOB else None,
        n_bytes=n_bytes if kind == "text" and number != _BLOB and charset in ("NONE", "OCTETS") else None,
        precision=precision or None if kind == "decimal" else None,
        scale=scale if kind == "decimal" else None,
        is_nullable=not is_set,
        has_default=bool(has_default),
        is_identity=bool(identity),
        is_computed=bool(computed),
        is_padded=number == _PADDED,
        charset=charset,
        collation=collation,
    )


def _type(number: int, sub_type: int, scale: int) -> tuple[str, ColumnKind]:
    if number == _BLOB:
        return ("BLOB SUB_TYPE TEXT", "text") if sub_type == 1 else ("BLOB", "binary")
    word, kind = _TYPES.get(number, (f"TYPE {number}", "other"))
    # A number with places is kept in a whole one; of a database of dialect 1, in a float.
    return ("NUMERIC", "decimal") if kind == "integer" and (scale or sub_type) else (word, kind)


def _written(word: str, kind: ColumnKind, length: int, precision: int | None, scale: int) -> str:
    if word in ("CHAR", "VARCHAR"):
        return f"{word}({length})"
    return f"{word}({precision or 18},{scale})" if word == "NUMERIC" else word


def _is_on_insert(type_: int) -> bool:
    """Return whether a trigger's type has an insert: it holds up to three actions, two bits each, and 1 is an
    insert.
    """
    return any((type_ + 1) >> shift & 3 == 1 for shift in (1, 3, 5))
