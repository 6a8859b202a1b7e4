"""What the integration tests share: the database servers, each started once at its first test, an opened ERP, a hub,
and an office that sends to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import httpx
import pytest

from devtools.database_servers import FirebirdServer, MariadbServer, PostgresqlServer
from devtools.server import Server
from omnisync.agent.erp.base import Erp
from omnisync.agent.sync.outbox import Outbox
from tests.support.agent_home import AgentHome
from tests.support.database_servers import firebird_server, mariadb_server, postgresql_server
from tests.support.erp_databases import SampleErp, make_sqlite
from tests.support.export_setup import ExportSetup
from tests.support.hub_server import RunningHub, found_company, running_hub

_NUMBER = count()


@pytest.fixture(scope="session")
def running() -> list[Server]:
    """The database servers that this session has started."""
    return []


@pytest.fixture(scope="session")
def postgresql_running(running: list[Server]) -> Iterator[PostgresqlServer]:
    """A PostgreSQL for this session."""
    with postgresql_server() as server:
        running.append(server)
        yield server


@pytest.fixture(scope="session")
def mariadb_running(running: list[Server]) -> Iterator[MariadbServer]:
    """A MariaDB for this session."""
    with mariadb_server() as server:
        running.append(server)
        yield server


@pytest.fixture(scope="session")
def firebird_running(running: list[Server]) -> Iterator[FirebirdServer]:
    """A Firebird for this session."""
    with firebird_server() as server:
        running.append(server)
        yield server


@pytest.fixture(scope="module", autouse=True)
def _databases_of_a_module(running: list[Server]) -> Iterator[None]:
    """Remove the databases of a module's tests after it: thousands would fill the memory they are kept in."""
    yield
    for server in running:
        server.drop_made()


@pytest.fixture
def erp(keeper: SampleErp) -> Iterator[Erp]:
    """The ERP of the test's own keeper, opened."""
    opened = keeper.open()
    yield opened
    opened.close()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    """A hub of the test's own; modules that share one have theirs."""
    with running_hub(tmp_path) as running:
        yield running


@pytest.fixture
def company() -> str:
    """A name no other test's company has: hubs may be shared."""
    return f"aurora-{next(_NUMBER)}"


@pytest.fixture
def client(hub: RunningHub, company: str) -> Iterator[httpx.Client]:
    """Someone who may do everything for the company at the hub."""
    with hub.client(found_company(hub.store, company)) as one:
        yield one


@pytest.fixture
def office(tmp_path: Path, hub: RunningHub) -> Iterator[ExportSetup]:
    """An empty ERP in SQLite that sends to this hub."""
    outbox = Outbox(tmp_path / "exports" / "producao.db")
    yield ExportSetup(make_sqlite(tmp_path), hub, outbox)
    outbox.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[AgentHome]:
    opened = AgentHome(tmp_path)
    with closing(opened.journal):
        yield opened
        for carrier in opened.carriers:
            carrier.shutdown()
