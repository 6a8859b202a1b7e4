"""Check a layout's export queries: each is run, its columns laid beside its dataset's fields, and its
first rows read as the hub will read them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date

from omnisync.agent.coded_message import coded
from omnisync.agent.erp.database import Database
from omnisync.agent.erp.export.coercion import SENTENCES
from omnisync.agent.erp.export.row_stream import RowGroup, RowStream, open_stream
from omnisync.agent.erp.layout.export_queries import ExportQuery, compile_queries, known_names, required_names
from omnisync.agent.erp.layout.schema import LayoutFile
from omnisync.agent.erp.layout_check.findings import Finding, error, near, warning
from omnisync.agent.erp.statements import RowList
from omnisync.agent.erp.unreadable import is_zero_date
from omnisync.agent.errors import LayoutError, RecordError, SetupError
from omnisync.contract.batches import RefusedLine, line_reader

N_ROWS = 200
"""Of each query that are read: what a database says of the types of a query's columns is too little to go by."""
A_DAY = date(2026, 1, 1)
"""What `:today` is here: whether the query runs does not depend on it."""

ExportFindings = Iterator[Finding]


def check_exports(layout: LayoutFile, database: Database) -> ExportFindings:
    """Yield what stands between each query and its dataset. Reads the first rows of each and leaves nothing behind."""
    places = {name.rpartition(".")[2]: f"export.{name}" for name in layout.export}
    for query in compile_queries(layout.export, UTC):
        yield from _of_query(query, places[query.dataset.name], database)


def _of_query(query: ExportQuery, where: str, database: Database) -> ExportFindings:
    try:
        names, rows = _first_rows(query, database)
    except (SetupError, RecordError) as wrong:
        yield error("check_query", f"{where}.sql", motivo=coded(wrong.code, **wrong.words))
        return
    wrong_columns = list(_of_columns(query, where, names))
    yield from wrong_columns
    if not wrong_columns and rows:
        yield from _of_rows(query, where, names, rows, database)


def _first_rows(query: ExportQuery, database: Database) -> tuple[list[str], RowList]:
    with database.stream(query.sql, [A_DAY.isoformat() for _ in query.words], size=N_ROWS) as (names, lots):
        return [name.lower() for name in names], next(lots, [])


def _of_columns(query: ExportQuery, where: str, names: Sequence[str]) -> ExportFindings:
    dataset, changed_at = query.dataset, query.changed_at.lower()
    known = known_names(dataset)
    for name in dict.fromkeys(names):
        if name not in known and name != changed_at:
            told = near(name, known)
            yield error("check_export_unknown", f"{where}.sql", coluna=name, conjunto=dataset.name, perto=told)
    for name in (name for name, n in Counter(names).items() if n > 1):
        yield error("check_export_twice", f"{where}.sql", coluna=name)
    missing = [name for name in required_names(dataset) if name not in names]
    if missing:
        yield error("check_export_missing", f"{where}.sql", colunas=", ".join(missing), conjunto=dataset.name)
    if changed_at and changed_at not in names:
        yield error("check_export_changed_at", f"{where}.changed_at", coluna=changed_at)


def _of_rows(query: ExportQuery, where: str, names: Sequence[str], rows: RowList, database: Database) -> ExportFindings:
    out = RowStream(query, names, iter([rows]))
    try:
        [lot] = out.groups()
    except LayoutError:
        yield error("check_export_changed_at_type", f"{where}.changed_at", coluna=query.changed_at)
        return
    yield from _of_values(query, where, lot)
    yield from _of_empty_dates(where, names, rows)
    if out.latest is None:
        if query.changed_at and any(row[names.index(query.changed_at.lower())] for row in rows):
            yield warning("check_export_changed_at_text", f"{where}.changed_at", coluna=query.changed_at)
        return
    try:
        with open_stream(database, query, out.latest, A_DAY) as later:
            next(later.groups(), None)
    except (SetupError, RecordError) as wrong:
        yield error("check_query", f"{where}.changed_at", motivo=coded(wrong.code, **wrong.words))


def _of_empty_dates(where: str, names: Sequence[str], rows: RowList) -> ExportFindings:
    """Yield columns with dates of no day, which go out as none."""
    for name, column in zip(names, zip(*rows, strict=True), strict=True):
        n = sum(map(is_zero_date, column))
        if n:
            yield warning("check_export_zero_date", f"{where}.sql", coluna=name, n=n, de=len(rows))


def _of_values(query: ExportQuery, where: str, lot: RowGroup) -> ExportFindings:
    """Yield values that do not become what their field takes, and lines that the hub would refuse, by column and
    reason.
    """
    made = lot.serialize(range(len(lot.keys)))
    found = Counter((field, why.code) for _, why, field in made.invalid)
    for verdict in line_reader(query.dataset)([line for line in made.lines if line], 1):
        if isinstance(verdict, RefusedLine):
            found[verdict.pointer.removeprefix("/data/"), verdict.code] += 1
    for (field, code), n in found.items():
        words = {"n": n, "de": len(lot.keys), "conjunto": query.dataset.name, "motivo": SENTENCES[code]}
        yield warning("check_export_value", f"{where}.sql", coluna=field or "da chave", **words)
