"""What a database of a company must bring: a package of its own, one line in the list, and the whole promise."""

from __future__ import annotations

from inspect import isfunction, signature
from pkgutil import iter_modules

import pytest

from omnisync.agent.config.connection import ErpAddress
from omnisync.agent.erp import dialects
from omnisync.agent.erp.database import Database
from omnisync.agent.erp.databases import KINDS, open_database

PROMISED = {name: method for name, method in vars(Database).items() if isfunction(method) and not name.startswith("_")}


def test_each_package_of_a_dialect_has_its_line() -> None:
    packages = {module.name for module in iter_modules(dialects.__path__) if module.ispkg}
    assert packages == {kind.module for kind in KINDS.values()}


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_database_has_every_method_it_promises(kind: str) -> None:
    database = open_database(ErpAddress(kind=kind, database="erp", charset="WIN1252"))
    found = {name: getattr(database, name, None) for name in PROMISED}
    assert [name for name, method in found.items() if not callable(method)] == []
    for name, promised in PROMISED.items():
        taken = [parameter for parameter in signature(promised).parameters if parameter != "self"]
        assert list(signature(getattr(database, name)).parameters) == taken, name
    assert database.label
