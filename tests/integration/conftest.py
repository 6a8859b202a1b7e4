"""What the integration tests share: the database servers, each started once at its first test, and an opened ERP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from omnisync.agent.erp.base import Erp
from tests.erps import Keeper
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


@pytest.fixture
def erp(keeper: Keeper) -> Iterator[Erp]:
    """The ERP of the test's own keeper, opened."""
    opened = keeper.open()
    yield opened
    opened.close()
