"""The errors that a driver's own become, in the words every database shares."""

from __future__ import annotations

from omnisync.agent.erp.driver import DatabaseLogin
from omnisync.agent.errors import ErpSetupError, RefusedRecordError

LETTERS = "há letras que o charset do banco não guarda"
"""The motive of a refusal where the database says no more of it."""


def refused(motive: str) -> RefusedRecordError:
    """Return a record this database does not accept, in its own words."""
    return RefusedRecordError("erp_refused", motivo=motive)


def unreachable(login: DatabaseLogin) -> ErpSetupError:
    """Return a database that is not there, or does not answer."""
    return ErpSetupError(banco=login.database, servidor=login.server)


def wrong_login(login: DatabaseLogin) -> ErpSetupError:
    """Return a user or password that the server does not take."""
    return ErpSetupError("destination_login", banco=login.database)


def missing_table(login: DatabaseLogin, table: str) -> ErpSetupError:
    """Return a table that the database does not have."""
    return ErpSetupError("destination_missing_table", banco=login.database, tabela=table)


def missing_column(login: DatabaseLogin, motive: str) -> ErpSetupError:
    """Return a column that the database does not have."""
    return ErpSetupError("destination_missing_column", banco=login.database, motivo=motive)


def wrong_layout(motive: str) -> ErpSetupError:
    """Return a statement that this database cannot run at all: the layout is for another."""
    return ErpSetupError("layout", motivo=motive)
