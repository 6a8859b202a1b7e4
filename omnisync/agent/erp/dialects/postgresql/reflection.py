"""PostgreSQL's catalogue, from 9.5 on: columns a version does not have are asked for through its JSON."""

from __future__ import annotations

from typing import Any

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.schema import ColumnKind, DatabaseColumn, Rights, Schema, SchemaRows, tables_of

_NAME = (
    "CASE WHEN pg_table_is_visible({0}.oid) THEN {0}.relname "
    "ELSE {0}.relnamespace::regnamespace || '.' || {0}.relname END"
)
_OURS = (
    "c.relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg\\_%' OR nspname = 'information_schema')"
)
_TABLE = f"{_NAME.format('c')}"
# A domain is read down to its type: its own length, default and NOT NULL count like the column's.
_COLUMNS = f"""
WITH RECURSIVE domains (id, base, mod, is_set, has_default) AS (
    SELECT oid, typbasetype, typtypmod, typnotnull, typdefault IS NOT NULL FROM pg_type WHERE typtype = 'd'
    UNION ALL
    SELECT d.id, t.typbasetype, CASE WHEN d.mod < 0 THEN t.typtypmod ELSE d.mod END, d.is_set OR t.typnotnull,
    d.has_default OR t.typdefault IS NOT NULL FROM domains d JOIN pg_type t ON t.oid = d.base WHERE t.typtype = 'd'
), types (id, name, kind, mod, is_set, has_default) AS (
    SELECT oid, typname, typtype, -1, false, false FROM pg_type WHERE typtype <> 'd'
    UNION ALL
    SELECT d.id, t.typname, t.typtype, d.mod, d.is_set, d.has_default
    FROM domains d JOIN pg_type t ON t.oid = d.base WHERE t.typtype <> 'd'
)
SELECT {_TABLE}, c.relkind IN ('v', 'm'), a.attname, format_type(a.atttypid, a.atttypmod), t.name, t.kind,
    CASE WHEN a.atttypmod < 0 THEN t.mod ELSE a.atttypmod END, a.attnotnull OR t.is_set,
    a.atthasdef OR t.has_default, coalesce(to_jsonb(a) ->> 'attidentity', ''),
    coalesce(to_jsonb(a) ->> 'attgenerated', ''), coalesce(o.collname, ''),
    (SELECT string_agg(e.enumlabel, chr(10) ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = a.atttypid)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN types t ON t.id = a.atttypid
LEFT JOIN pg_collation o ON o.oid = a.attcollation
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped AND {_OURS}
ORDER BY c.oid, a.attnum
"""  # noqa: S608  # constant text
_INDEXES = f"""
SELECT {_TABLE}, i.indexrelid, a.attname, i.indisunique, i.indisprimary
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k (attnum, place)
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
WHERE i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND {_OURS}
AND k.place <= coalesce(CAST(to_jsonb(i) ->> 'indnkeyatts' AS integer), i.indnatts)
ORDER BY c.oid, i.indexrelid, k.place
"""  # noqa: S608  # constant text
_FOREIGN = f"""
SELECT {_TABLE}, f.oid, a.attname, {_NAME.format("o")}, b.attname
FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid JOIN pg_class o ON o.oid = f.confrelid
CROSS JOIN LATERAL unnest(f.conkey, f.confkey) WITH ORDINALITY k (mine, theirs, place)
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.mine
JOIN pg_attribute b ON b.attrelid = o.oid AND b.attnum = k.theirs
WHERE f.contype = 'f' AND {_OURS} ORDER BY c.oid, f.oid, k.place
"""  # noqa: S608  # constant text
_TRIGGERS = f"""
SELECT DISTINCT {_TABLE} FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 4 > 0 AND {_OURS}
"""  # noqa: S608  # constant text
_SEQUENCES = f"SELECT {_TABLE} FROM pg_class c WHERE c.relkind = 'S' AND {_OURS}"  # noqa: S608  # constant text
_PROCEDURES = f"""
SELECT CASE WHEN pg_function_is_visible(c.oid) THEN c.proname ELSE c.pronamespace::regnamespace || '.' || c.proname END
FROM pg_proc c WHERE {_OURS.replace("relnamespace", "pronamespace")}
"""  # noqa: S608  # constant text
_CHARSET = "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()"
# What a view lets through is a matter of the view itself; the bits are of UPDATE, INSERT and DELETE.
_EXCESS_RIGHTS = """
SELECT name FROM pg_roles r, LATERAL (VALUES
    ('superuser', r.rolsuper), ('createrole', r.rolcreaterole), ('replication', r.rolreplication),
    ('bypassrls', r.rolbypassrls)) rights(name, has)
WHERE r.rolname = current_user AND has
UNION ALL
SELECT rolname FROM pg_roles
WHERE rolname IN ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
    AND pg_has_role(current_user, oid, 'member')
    AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
"""
_RIGHTS = """
SELECT has_any_column_privilege(t, 'SELECT'),
    is_writing AND has_any_column_privilege(t, 'INSERT') AND pg_relation_is_updatable(t, true) & 8 > 0,
    is_writing AND has_any_column_privilege(t, 'UPDATE') AND pg_relation_is_updatable(t, true) & 4 > 0,
    is_writing AND has_table_privilege(t, 'DELETE') AND pg_relation_is_updatable(t, true) & 16 > 0
FROM (SELECT CAST(CAST(? AS text) AS regclass) AS t, current_setting('transaction_read_only') = 'off' AS is_writing) x
"""

_KINDS: dict[str, ColumnKind] = {
    **dict.fromkeys(("varchar", "bpchar", "text", "char", "name", "citext"), "text"),
    **dict.fromkeys(("int2", "int4", "int8", "oid"), "integer"),
    **dict.fromkeys(("numeric", "money"), "decimal"),
    **dict.fromkeys(("float4", "float8"), "float"),
    **dict.fromkeys(("timestamp", "timestamptz"), "datetime"),
    **dict.fromkeys(("time", "timetz"), "time"),
    "date": "date",
    "bool": "bool",
    "bytea": "binary",
}


def read(database: Database) -> Schema:
    """Return what the database says of its tables; those outside the search path have their schema before the name."""
    columns: list[Any] = database.select(_COLUMNS)
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
        sequences=frozenset(str(row[0]) for row in database.select(_SEQUENCES)),
        procedures=frozenset(str(row[0]) for row in database.select(_PROCEDURES)),
        session_zone=str(database.select("SELECT current_setting('TimeZone')")[0][0]),
    )


def excess_rights(database: Database) -> tuple[str, ...]:
    """Return the rights over the whole server that no import needs."""
    return tuple(str(name) for (name,) in database.select(_EXCESS_RIGHTS))


def rights(database: Database, table: str) -> Rights:
    """By the server's own functions: a statement without rows would call the triggers of statements."""
    [row] = database.select(_RIGHTS, (database.quoted(table),))
    return Rights(*(bool(may) for may in row))


def _column(row: Any) -> DatabaseColumn:
    name, type_, base, category, mod, is_set, has_default, identity, generated, collation, values = row
    kind: ColumnKind = "text" if category == "e" else _KINDS.get(base, "other")
    has_size = mod >= 4
    return DatabaseColumn(
        name=name,
        type=type_,
        kind=kind,
        length=mod - 4 if has_size and base in ("varchar", "bpchar") else None,
        precision=(mod - 4) >> 16 if has_size and base == "numeric" else None,
        scale=(mod - 4) & 0x7FF if has_size and base == "numeric" else None,
        is_nullable=not is_set,
        has_default=has_default and not generated,
        is_identity=bool(identity),
        is_computed=bool(generated),
        is_padded=base == "bpchar",
        has_zone=base == "timestamptz",
        collation=collation,
        values=tuple(values.split("\n")) if values else (),
    )
