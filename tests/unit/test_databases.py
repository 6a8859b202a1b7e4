"""What a database of a company must bring: a package of its own, and one line in the list."""

from __future__ import annotations

from pkgutil import iter_modules

import pytest

from omnisync.agent.config.connection import ErpAddress
from omnisync.agent.erp import dialects
from omnisync.agent.erp.databases import KINDS, open_database
from omnisync.agent.errors import ErpSetupError


def test_each_package_of_a_dialect_has_its_line() -> None:
    packages = {module.name for module in iter_modules(dialects.__path__) if module.ispkg}
    assert {f"{dialects.__name__}.{package}.dialect" for package in packages} == {
        kind.module for kind in KINDS.values()
    }


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_database_is_opened_with_its_own_dialect(kind: str) -> None:
    database = open_database(ErpAddress(kind=kind, database="erp", charset="WIN1252"))
    assert KINDS[kind].label.startswith(database.dialect.label)


def test_a_kind_without_a_line_is_told() -> None:
    with pytest.raises(ErpSetupError) as told:
        open_database(ErpAddress(kind="oracle", database="erp"))
    assert told.value.code == "destination_kind"
