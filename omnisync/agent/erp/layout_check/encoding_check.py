"""Check that accents survive: a database that keeps bytes without a charset, or names that read garbled."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from omnisync.agent.coded_message import coded
from omnisync.agent.erp.database import Database
from omnisync.agent.erp.layout_check.findings import Finding, error, warning
from omnisync.agent.erp.layout_check.table_usage import TableUsage
from omnisync.agent.erp.schema import DatabaseTable, Schema
from omnisync.agent.erp.unreadable import UNREADABLE
from omnisync.agent.errors import OmnisyncError, RefusedRecordError, TemporaryError

_READ, _SHOWN = 300, 5
_BARE = frozenset({"NONE", "SQL_ASCII"})
# UTF-8 read as Windows 1252: `Ã§` for `ç`, `Ã‡` for `Ç`; or read as it should not be at all.
_GARBLED = re.compile("Ã[\u0080-\u00bf\u2010-\u2122\u0152-\u0178\u0192\u02c6\u02dc]|\ufffd")


def check_encoding(uses: Sequence[TableUsage], schema: Schema, database: Database, charset: str) -> Iterator[Finding]:
    """Yield what speaks against the charsets; the names read back stand in the sentences, for a person to look at."""
    bare = sorted({_bare(use, schema) for use in uses} - {""})
    found = name_column(uses, schema)
    where = f"{found[0].name}.{found[1]}" if found is not None else schema.label
    try:
        read = names_read(database, *found) if found is not None else []
    except TemporaryError:
        raise
    except OmnisyncError as refused:
        yield error("check_unreadable", where, motivo=coded(refused.code, **refused.words))
        read = []
    shown = ", ".join(read[:_SHOWN]) or "nenhum com acento"
    if any(map(_GARBLED.search, read)):
        yield error("check_garbled", where, nomes=shown, charset=charset or schema.charset)
    if bare and charset.upper() in ("UTF8", "UTF-8", ""):
        yield error("check_charset_none_utf8", ", ".join(bare), nomes=shown)
    elif bare:
        yield warning("check_charset_none", ", ".join(bare), nomes=shown, charset=charset)


def name_column(uses: Sequence[TableUsage], schema: Schema) -> tuple[DatabaseTable, str] | None:
    """Return the column that holds people's names: the customers', else the first that is given a name."""
    for use in uses:
        table = schema.table(use.table)
        for column, given in use.bounds.items():
            if table is not None and given is not None and given.path.rpartition(".")[2] == "name":
                found = table.column(column)
                if found is not None and found.kind == "text":
                    return table, found.name
    return None


def names_read(database: Database, table: DatabaseTable, column: str) -> list[str]:
    """Return a few texts of a column as they come through this connection, those with accents alone.

    Raises RefusedRecordError where there are such texts and none of them can be read: the charset is not theirs.
    """
    name = database.quoted(column)
    sql = f"SELECT {name} FROM {database.quoted(table.name)} WHERE {name} IS NOT NULL"  # noqa: S608  # quoted names
    values = [row[0] for row in database.select(database.dialect.limited(sql, _READ))]
    texts_read = [str(value).strip() for value in values if value is not UNREADABLE]
    found = [text for text in dict.fromkeys(texts_read) if not text.isascii()]
    if not found and len(texts_read) < len(values):
        raise RefusedRecordError("erp_unreadable", onde=f"{table.name}.{column}")
    return found


def _bare(use: TableUsage, schema: Schema) -> str:
    """Return the table, where a column of letters is kept in it without a charset."""
    table = schema.table(use.table)
    if table is None:
        return ""
    columns = [column for name in use.bounds if (column := table.column(name)) is not None and column.kind == "text"]
    bare = any((column.charset or schema.charset) in _BARE for column in columns)
    return table.name if bare else ""
