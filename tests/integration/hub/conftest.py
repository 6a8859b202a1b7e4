"""A hub's store on each database it runs on, and a company of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import count

import pytest

from omnisync.hub.store import Store
from tests.support.hub_server import RunningHub, found_company, postgresql_url, serving

_number = count()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    if request.param == "sqlite":
        yield from _migrated(f"sqlite:///{tmp_path_factory.mktemp('hub') / 'hub.db'}")
        return
    yield from _migrated(postgresql_url(request.getfixturevalue("postgresql_running")))


@pytest.fixture(scope="module")
def hub_of_each_database(store: Store) -> Iterator[RunningHub]:
    with serving(store, found_company(store)) as running:
        yield running


@pytest.fixture
def company(request: pytest.FixtureRequest) -> str:
    """A company of the test's own, in the store where the test has one: the others found it at their hub."""
    name = f"aurora-{next(_number)}"
    if "store" in request.fixturenames:
        found_company(request.getfixturevalue("store"), name)
    return name


def _migrated(url: str) -> Iterator[Store]:
    with closing(Store(url)) as store:
        store.migrate()
        yield store
