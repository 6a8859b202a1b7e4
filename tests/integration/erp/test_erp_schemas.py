"""The layouts' databases, made of one description each: the same tables on every live database, and in the demo."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from msgspec import Struct

from devtools.erp_schemas import described
from omnisync.agent.config.connection import ErpAddress
from omnisync.agent.erp.databases import open_database
from omnisync.agent.erp.schema import ColumnNames, DatabaseColumn, DatabaseTable
from omnisync.demo.erp import tables
from tests.support.erp_databases import KEEPERS, make_erp

LAYOUTS = ("padrao", "direto", "staging")


class Column(Struct, frozen=True):
    """What of a column is the same on every brand. `length` and `scale` where it has them."""

    kind: str
    length: int | None
    scale: int | None
    is_nullable: bool


class Table(Struct, frozen=True):
    """What of a table is the same on every brand; names in small letters."""

    columns: Mapping[str, Column]
    key: ColumnNames
    unique: frozenset[ColumnNames]
    references: frozenset[tuple[ColumnNames, str, ColumnNames]]


def _tables(address: ErpAddress, password: str = "") -> dict[str, Table]:
    with closing(open_database(address, password)) as database:
        return {name.lower(): _table(table) for name, table in database.dialect.reflect(database).tables.items()}


def _table(table: DatabaseTable) -> Table:
    return Table(
        columns={name.lower(): _column(column, table.key) for name, column in table.columns.items()},
        key=_small(table.key),
        unique=frozenset(map(_small, table.unique)),
        references=frozenset((_small(one.columns), one.table.lower(), _small(one.to)) for one in table.foreign_keys),
    )


def _column(column: DatabaseColumn, key: ColumnNames) -> Column:
    is_text = column.kind == "text"
    return Column(
        kind=column.kind,
        # A price has two decimals less in Firebird, and an endless text has no length anywhere.
        length=column.length if is_text and (column.length or 0) < 1000 else None,
        scale={8: 10}.get(column.scale or 0, column.scale) if column.kind == "decimal" else None,
        is_nullable=column.is_nullable and column.name not in key,
    )


def _small(names: ColumnNames) -> ColumnNames:
    return tuple(name.lower() for name in names)


def _made_of(statements: list[str], path: Path) -> dict[str, Table]:
    with closing(sqlite3.connect(path)) as plain:
        for statement in statements:
            plain.execute(statement)
        plain.commit()
    return _tables(ErpAddress(kind="sqlite", database=str(path)))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KEEPERS[1:])
def test_every_brand_has_the_tables_of_the_description(
    kind: str, layout: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    keeper = make_erp(kind, request, tmp_path, schema=layout)
    expected = _made_of(described(layout, "sqlite"), tmp_path / "described.db")
    expected.pop("rotina", None)  # how SQLite calls the job
    assert _tables(keeper.address, keeper.password) == expected
    assert sum(len(table.references) for table in expected.values()) >= 3


def test_the_demos_tables_are_those_of_padrao(tmp_path: Path) -> None:
    """All but their types: money and moments are text there, and no text has an end."""
    shown = [
        {
            name: (table.key, table.unique, table.references, _nullable(table))
            for name, table in _made_of(statements, tmp_path / f"{number}.db").items()
        }
        for number, statements in enumerate((described("padrao", "sqlite"), tables().split(";\n")))
    ]
    assert shown[0] == shown[1]


def _nullable(table: Table) -> list[tuple[str, bool]]:
    return [(name, column.is_nullable) for name, column in table.columns.items()]
