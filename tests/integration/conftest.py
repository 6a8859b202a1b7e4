"""The database servers of the integration tests: each started once, at its first test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import (
    FirebirdServer,
    MariadbServer,
    PostgresqlServer,
    firebird_server,
    mariadb_server,
    postgresql_server,
)


@pytest.fixture(scope="session")
def postgresql_running() -> Iterator[PostgresqlServer]:
    """A PostgreSQL for this session."""
    with postgresql_server() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_running() -> Iterator[MariadbServer]:
    """A MariaDB for this session."""
    with mariadb_server() as server:
        yield server


@pytest.fixture(scope="session")
def firebird_running() -> Iterator[FirebirdServer]:
    """A Firebird for this session."""
    with firebird_server() as server:
        yield server
