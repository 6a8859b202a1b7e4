"""`layout check`: what stands between a layout and a database, before the first order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import tzinfo

from omnisync.agent.coded_message import coded
from omnisync.agent.config.connection import ErpAddress
from omnisync.agent.erp.database import Database
from omnisync.agent.erp.layout.schema import LayoutFile, Lookup, Number
from omnisync.agent.erp.layout_check.column_fit import check_fit, is_short_for_code
from omnisync.agent.erp.layout_check.encoding_check import check_encoding
from omnisync.agent.erp.layout_check.export_check import check_exports
from omnisync.agent.erp.layout_check.findings import Finding, error, near, warning
from omnisync.agent.erp.layout_check.session_zone_check import check_session_zone
from omnisync.agent.erp.layout_check.table_usage import TableUsage, table_usages
from omnisync.agent.erp.layout_check.value_bounds import ValueBounds, path_bounds
from omnisync.agent.erp.schema import Conversions, DatabaseColumn, DatabaseTable, Schema
from omnisync.agent.errors import RecordError, SetupError

CheckFindings = Iterator[Finding]

OURS = ("omnisync_binding", "omnisync_cursor")
_RIGHTS = {"may_select": "ler", "may_insert": "incluir", "may_update": "alterar", "may_delete": "apagar"}
_WRITES = ("may_select", "may_insert", "may_update")
_BLIND = re.compile(r"_ci$|_CI_|_CI$")
"""Collations to which `a` and `A` are one."""
_CALLED = re.compile(
    r"(?:\bCALL\s+|\bEXEC(?:UTE)?\s+(?:PROCEDURE\s+)?|\bFROM\s+)[\"`\[]?([\w$.]+)[\"`\]]?\s*(?:\(|:|$)", re.IGNORECASE
)
_PARAMETER = re.compile(r"'[^']*'|::|:([a-z_][a-z_0-9.]*)")
_NOT_THERE = frozenset({"destination_missing_table", "destination_missing_column"})
_GENERATOR = re.compile(
    r"\bGEN_ID\s*\(\s*\"?([\w$]+)|\bNEXT\s+VALUE\s+FOR\s+\"?([\w$.]+)|\bNEXTVAL\s*\(\s*'?([\w$.]+)", re.IGNORECASE
)


def check(layout: LayoutFile, database: Database, address: ErpAddress, *, zone: tzinfo | None = None) -> list[Finding]:
    """Everything that is found, errors first. The layout was compiled before: in itself it is right.

    `zone` is the one the database was opened with.

    Reads the catalogue, a few names and the first rows of what goes out, and asks for rights; leaves nothing behind.
    Raises what the database raises where it cannot be read at all.
    """
    return check_schema(layout, database.dialect.reflect(database), database, address, zone=zone)


def check_schema(
    layout: LayoutFile, schema: Schema, database: Database, address: ErpAddress, *, zone: tzinfo | None = None
) -> list[Finding]:
    """As `check`, of a catalogue that was read before."""
    uses = table_usages(layout, schema)
    found = [] if address.kind in layout.databases else [error("check_database", "databases", tipo=address.kind)]
    for use in uses:
        found += _of_use(use, schema, database)
    found += check_session_zone(uses, schema, zone)
    found += _of_match(layout, schema)
    found += _of_statements(layout, schema)
    found += check_encoding(uses, schema, database, address.charset)
    found += _of_rights(layout, uses, schema, database)
    found += check_exports(layout, database)
    return sorted(dict.fromkeys(found), key=lambda finding: finding.level)


def _of_statements(layout: LayoutFile, schema: Schema) -> CheckFindings:
    """Yield findings for procedures that the layout calls and that end our transaction."""
    statements = {"order.after_sql": layout.order.after_sql}
    if layout.customer is not None:
        statements["customer.after_sql"] = layout.customer.after_sql
    for where, sql in statements.items():
        for name in _CALLED.findall(sql):
            if name.lower() in {one.lower() for one in schema.committing}:
                yield error("check_commits", where, nome=name)


def _of_use(use: TableUsage, schema: Schema, database: Database) -> CheckFindings:
    for place, lookup in use.lookups.items():
        yield from _of_lookup(use, place, lookup, schema)
    for place, sql in use.queries.items():
        yield from _of_query(place, sql, database)
    table = schema.table(use.table)
    if table is None:
        yield error("check_missing_table", f"{use.where}.table", tabela=use.table, perto=near(use.table, schema.tables))
        return
    if not table.is_transactional:
        yield error("check_engine", table.name, tabela=table.name, motor=table.engine)
    yield from _missing(
        table, {name: use.named.get(name, f"{use.where}.columns.{name}") for name in sorted(use.columns)}
    )
    yield from _of_columns(use, table, schema.conversions)
    yield from _unfilled(use, table, schema)
    yield from _of_keys(use, table, schema)
    if use.number is not None:
        yield from _of_number(use, use.number, table, schema, database)


def _missing(table: DatabaseTable, named: Mapping[str, str]) -> CheckFindings:
    for name, where in named.items():
        if table.column(name) is None:
            yield error("check_missing_column", where, tabela=table.name, coluna=name, perto=near(name, table.columns))


def _of_columns(use: TableUsage, table: DatabaseTable, conversions: Conversions) -> CheckFindings:
    short: dict[str, int | None] = {}
    for name, given in use.bounds.items():
        column = table.column(name)
        if column is None:
            continue
        where = f"{table.name}.{column.name}"
        if column.is_computed:
            yield error("check_computed", where)
        elif given is not None:
            yield from check_fit(where, column, given, conversions)
            if is_short_for_code(column, given):
                short[column.name] = column.length
    if short:
        codes = ", ".join(f"{name} ({length})" for name, length in short.items())
        yield warning("check_codes_short", table.name, colunas=codes)


def _unfilled(use: TableUsage, table: DatabaseTable, schema: Schema) -> CheckFindings:
    """Yield findings for columns that must not be empty and that the layout does not fill; a trigger may."""
    given = {column.name for name in use.bounds if (column := table.column(name)) is not None}
    made = {column.name for name in use.keys[-1:] if (column := table.column(name)) is not None}
    bare = [column for column in table.columns.values() if not column.is_filled and column.name not in given | made]
    for column in bare:
        found = warning if _may_fill(table, schema) else error
        yield found("check_unfilled", f"{table.name}.{column.name}", tabela=use.where, tipo=column.type)


def _may_fill(table: DatabaseTable, schema: Schema) -> bool:
    """Return whether a trigger of this table may put a value where there is none."""
    return table.has_insert_trigger and schema.triggers_fill_columns


def _of_keys(use: TableUsage, table: DatabaseTable, schema: Schema) -> CheckFindings:
    keys = [column.name for name in use.keys if (column := table.column(name)) is not None]
    if len(keys) == len(use.keys) and keys and not table.is_view:
        if not table.is_unique(*keys):
            yield error("check_key_not_unique", f"{table.name}.{', '.join(keys)}")
        last = table.columns[keys[-1]]
        if use.keys[-1] not in use.bounds and not _is_made(last, table, schema):
            yield error("check_key_unmade", f"{table.name}.{last.name}", tabela=use.where)
    if use.external_id:
        yield from _of_external_id(use, table)
    elif use.is_main:
        # The highest plus one is given again as soon as the last row is deleted.
        found = error if use.number is not None and use.number.source == "max" else warning
        yield found("check_no_external_id", table.name, tabela=table.name)
    parent = [column.name for name in use.parent if (column := table.column(name)) is not None]
    if parent and not table.is_view and not any(map(table.is_indexed, parent)):
        yield warning("check_no_index", f"{table.name}.{parent[-1]}")


def _is_made(column: DatabaseColumn, table: DatabaseTable, schema: Schema) -> bool:
    # SQLite's triggers come after the row, which must be able to do without its key until then.
    is_made_after = table.has_insert_trigger and column.is_nullable
    return column.is_identity or column.has_default or _may_fill(table, schema) or is_made_after


def _of_external_id(use: TableUsage, table: DatabaseTable) -> CheckFindings:
    column = table.column(use.external_id)
    if column is None:
        return
    where = f"{table.name}.{column.name}"
    if use.is_main and not table.is_unique(use.external_id):
        yield error("check_external_id_not_unique", where, tabela=table.name, coluna=column.name)
    elif not table.is_unique(*use.parent, use.external_id):
        yield warning("check_external_id_not_unique", where, tabela=table.name, coluna=column.name)
    if _BLIND.search(column.collation):
        yield warning("check_collation", where, collation=column.collation)


def _of_number(
    use: TableUsage, number: Number, table: DatabaseTable, schema: Schema, database: Database
) -> CheckFindings:
    where = f"{use.where}.number"
    if number.source == "sequence" and not schema.has_sequence(number.name):
        yield error("check_missing_sequence", where, nome=number.name, perto=near(number.name, schema.sequences))
    if number.source == "procedure":
        yield from _of_procedure(number, where, schema)
    if number.source == "counter":
        yield from _of_counter(number, where, schema, database)
    if number.source == "max":
        column = number.column or use.keys[-1]
        scope = (*use.keys[:-1], *use.parent)
        if table.column(column) is not None and not table.is_view and not table.is_unique(*scope, column):
            yield error("check_max_not_unique", f"{table.name}.{column}", tabela=table.name)
        known = table.column(column)
        if known is not None and known.kind == "text" and "zeros_left" not in number.form:
            yield error("check_max_text", f"{table.name}.{column}", tipo=known.type)


def _of_procedure(number: Number, where: str, schema: Schema) -> CheckFindings:
    for generator in (next(filter(None, names)) for names in _GENERATOR.findall(number.sql)):
        if not schema.has_sequence(generator):
            yield error("check_missing_sequence", where, nome=generator, perto=near(generator, schema.sequences))
    for name in _CALLED.findall(number.sql):
        if not schema.has_procedure(name) and schema.table(name) is None and not name.lower().startswith("rdb$"):
            yield error("check_missing_procedure", where, nome=name, perto=near(name, schema.procedures))


def _of_counter(number: Number, where: str, schema: Schema, database: Database) -> CheckFindings:
    table = schema.table(number.table)
    if table is None:
        yield error(
            "check_missing_table", f"{where}.table", tabela=number.table, perto=near(number.table, schema.tables)
        )
        return
    named = {number.value: f"{where}.value"} | {name: f"{where}.where.{name}" for name in number.where}
    missing = list(_missing(table, named))
    yield from missing
    if not table.is_transactional:
        yield error("check_engine", table.name, tabela=table.name, motor=table.engine)
    value = table.column(number.value)
    if value is not None and value.kind not in ("integer", "decimal", "float"):
        yield error("check_counter_type", f"{table.name}.{value.name}", tipo=value.type)
    if not missing and not number.where and not table.is_view:
        sql = f"SELECT COUNT(*) FROM {database.quoted(number.table)}"  # noqa: S608  # a quoted name
        n = int(str(database.select(sql)[0][0]))
        if n != 1:
            yield error("check_counter_rows", table.name, n=n)


def _of_lookup(use: TableUsage, place: str, lookup: Lookup, schema: Schema) -> CheckFindings:
    table = schema.table(lookup.lookup)
    if table is None:
        yield error(
            "check_missing_table", f"{place}.lookup", tabela=lookup.lookup, perto=near(lookup.lookup, schema.tables)
        )
        return
    named = {lookup.by: f"{place}.by", lookup.take: f"{place}.take"} | {
        name: f"{place}.where.{name}" for name in lookup.where
    }
    yield from _missing(table, named)
    by = table.column(lookup.by)
    if by is None:
        return
    if not table.is_view and not table.is_indexed(lookup.by):
        yield warning("check_no_index", f"{table.name}.{by.name}")
    kind = use.where.partition(".")[0]
    yield from _of_document(f"{table.name}.{by.name}", by, path_bounds(kind, lookup.field), lookup.stored_as)


def _of_query(place: str, sql: str, database: Database) -> CheckFindings:
    """Yield the layout's own query, asked about nothing: what names a table or a column that is not there is met."""
    asked = _PARAMETER.sub(lambda found: "NULL" if found.group(1) else found.group(), sql)
    if not asked.lstrip().upper().startswith(("SELECT", "WITH")) or _GENERATOR.search(asked):
        return  # it might take a number, which nothing gives back
    try:
        database.select(asked)
    except SetupError as wrong:
        found = error if wrong.code in _NOT_THERE else warning
        yield found("check_query", place, motivo=coded(wrong.code, **wrong.words))
    except RecordError:
        return  # of a value, and there was none


def _of_match(layout: LayoutFile, schema: Schema) -> CheckFindings:
    customer = layout.customer
    table = schema.table(customer.table) if customer is not None else None
    if customer is None or customer.match is None or table is None:
        return
    column = table.column(customer.match.column)
    if column is None:
        return
    where = f"{table.name}.{column.name}"
    if not table.is_view and not table.is_indexed(column.name):
        yield warning("check_no_index", where)
    yield from _of_document(where, column, path_bounds("customer", "document"), customer.match.stored_as)


def _of_document(where: str, column: DatabaseColumn, bounds: ValueBounds, stored_as: str) -> CheckFindings:
    """Yield a column that is compared with documents must be able to hold one."""
    if not bounds.is_document:
        return
    wanted = 14 if stored_as == "plain" else 18
    if column.kind in ("integer", "decimal", "float"):
        yield error("cnpj_column_numeric", where, coluna=where)
    elif column.length is not None and column.length < wanted:
        yield error("check_document_short", where, campo="document", n=wanted, max=column.length)


def _of_rights(layout: LayoutFile, uses: list[TableUsage], schema: Schema, database: Database) -> CheckFindings:
    wanted: dict[str, set[str]] = {}
    for use in uses:
        wanted.setdefault(use.table, set()).update(_WRITES, ("may_delete",) if use.is_child else ())
        for lookup in use.lookups.values():
            wanted.setdefault(lookup.lookup, set()).add("may_select")
        if use.number is not None and use.number.source == "counter":
            wanted.setdefault(use.number.table, set()).update(("may_select", "may_update"))
    for ours in OURS if layout.state == "erp" else ():
        wanted[ours] = set(_RIGHTS)
    for name, needed in wanted.items():
        table = schema.table(name)
        if table is not None:
            may = database.dialect.rights(database, table)
            lacking = [word for right, word in _RIGHTS.items() if right in needed and not getattr(may, right)]
            if lacking:
                yield error("check_rights", table.name, tabela=table.name, direitos=", ".join(lacking))
