"""The databases that the contenders write into: SQLite files, and private servers on this machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct

from devtools.database_servers import (
    MariadbServer,
    PostgresqlServer,
    firebird_server,
    mariadb_server,
    postgresql_server,
)
from devtools.live_database import LiveDatabase, make_on, make_sqlite
from devtools.server import Server

SERVERS: dict[str, Callable[..., AbstractContextManager[Server]]] = {
    "postgresql": postgresql_server,
    "mariadb": mariadb_server,
    "firebird": firebird_server,
}
KINDS = ("sqlite", *SERVERS)
_VERSION = {
    "postgresql": "SHOW server_version",
    "mariadb": "SELECT version()",
    "firebird": "SELECT rdb$get_context('SYSTEM', 'ENGINE_VERSION') FROM rdb$database",
}


class DatabaseKind(Struct, frozen=True):
    """One kind of database that is ready: how to make databases in it, and the process whose CPU counts, too."""

    name: str
    server: Server | None = None

    @property
    def server_pid(self) -> int | None:
        """Return the server's process, None where there is no server."""
        return self.server.pid if self.server is not None else None

    def make(self, folder: Path, *, has_tables: bool) -> LiveDatabase:
        """Make a database, with the tables of `padrao` or empty. SQLite's is in the folder."""
        schema = "padrao" if has_tables else ""
        return make_sqlite(folder, schema=schema) if self.server is None else make_on(self.server, schema=schema)

    def drop(self, database: LiveDatabase) -> None:
        """Remove a database, if it is still there, so that its server does nothing for it while others are measured."""
        name = database.address.database
        if isinstance(self.server, PostgresqlServer):
            self.server.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        elif isinstance(self.server, MariadbServer):
            self.server.run(f"DROP DATABASE IF EXISTS {name}")

    def settle(self) -> None:
        """Let the server write what earlier programs left it, so that the next one does not pay for it."""
        if isinstance(self.server, PostgresqlServer):
            self.server.run("CHECKPOINT")

    def version(self, database: LiveDatabase) -> str:
        """Return the version of the database's program."""
        return str(database.query(_VERSION[self.name])[0][0]) if self.server is not None else sqlite3.sqlite_version


@contextmanager
def opened(name: str) -> Iterator[DatabaseKind]:
    """Open one kind of database; a server's commits wait for the disk, as a company's do."""
    if name not in SERVERS:
        yield DatabaseKind(name)
        return
    with SERVERS[name](is_durable=True) as server:
        yield DatabaseKind(name, server)


def url_of(database: LiveDatabase) -> str:
    """Return the address that the scripts are given."""
    where = database.address
    if where.kind == "sqlite":
        return f"sqlite:///{where.database}"
    return f"{where.kind}://{where.user}:{database.password}@{where.server}:{where.port}/{quote(where.database)}"
