"""Check that the ERP's login may not do more than an import and an export need."""

from __future__ import annotations

from collections.abc import Iterator

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.layout_check.findings import Finding, warning


def check_login(database: Database) -> Iterator[Finding]:
    """Yield a warning that names what the login may do with the whole server."""
    names = database.dialect.excess_rights(database)
    if names:
        yield warning("check_login_excess", "login", direitos=", ".join(names))
