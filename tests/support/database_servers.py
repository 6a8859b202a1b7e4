"""The private database servers for tests: one that is not installed skips its tests with one line.

Where CI is set, that is a failure.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import NoReturn, TypeVar

import pytest

from devtools import database_servers
from devtools.database_servers import FirebirdServer, MariadbServer, NotInstalledError, PostgresqlServer
from devtools.server import Server

AnyServer = TypeVar("AnyServer", bound=Server)


@contextmanager
def postgresql_server() -> Iterator[PostgresqlServer]:
    """A PostgreSQL of its own."""
    with ExitStack() as stack:
        yield _entered(stack, database_servers.postgresql_server())


@contextmanager
def mariadb_server() -> Iterator[MariadbServer]:
    """A MariaDB of its own."""
    with ExitStack() as stack:
        yield _entered(stack, database_servers.mariadb_server())


@contextmanager
def firebird_server() -> Iterator[FirebirdServer]:
    """A Firebird of its own."""
    with ExitStack() as stack:
        yield _entered(stack, database_servers.firebird_server())


def _entered(stack: ExitStack, server: AbstractContextManager[AnyServer]) -> AnyServer:
    try:
        return stack.enter_context(server)
    except NotInstalledError as error:
        skip_not_installed(str(error))


def skip_not_installed(reason: str) -> NoReturn:
    """Skip the test, or fail it where CI is set."""
    say = pytest.fail if os.environ.get("CI") else pytest.skip  # noqa: TID251  # tests have no settings of ours
    say(reason)
