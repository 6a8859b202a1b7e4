"""A few values of a column, by which its content is guessed."""

from __future__ import annotations

from collections.abc import Callable

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.schema import DatabaseTable
from omnisync.agent.erp.unreadable import UNREADABLE
from omnisync.agent.errors import OmnisyncError, TemporaryError

Sample = Callable[[DatabaseTable, str], list[str]]
"""A few values of a table's column, as texts."""

_READ = 200


def sampler(database: Database) -> Sample:
    """Return a reader of a few values of a column; none where it cannot be read."""

    def sample(table: DatabaseTable, column: str) -> list[str]:
        name = database.quoted(column)
        sql = f"SELECT {name} FROM {database.quoted(table.name)} WHERE {name} IS NOT NULL"  # noqa: S608  # quoted names
        try:
            rows = database.select(database.dialect.limited(sql, _READ))
        except TemporaryError:
            raise
        except OmnisyncError:
            return []
        return list(dict.fromkeys(str(row[0]) for row in rows if row[0] is not UNREADABLE))

    return sample
