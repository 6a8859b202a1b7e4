"""Which databases there are: kind → (label in pt-BR, class). The only module that knows them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo

from omnisync.agent.erp.base import Erp
from omnisync.agent.erp.dialects.sqlite import Sqlite
from omnisync.agent.erp.layout import shipped
from omnisync.agent.erp.rows import compiled, text_stores
from omnisync.agent.erp.sql import SqlErp
from omnisync.agent.errors import ErpSetupError

KINDS: Mapping[str, tuple[str, type[Sqlite]]] = {"sqlite": ("SQLite", Sqlite)}


def open_erp(
    kind: str,
    database: str,
    *,
    company: str,
    connection: str,
    establishments: Sequence[str],
    zone: tzinfo,
    clock: Callable[[], datetime],
    layout: str = "padrao",
) -> Erp:
    """The ERP of one connection, not yet connected (`prepare` does). Raises ErpSetupError (kind) or LayoutError."""
    if kind not in KINDS:
        raise ErpSetupError("destination_kind", tipo=kind)
    database_class = KINDS[kind][1]
    return SqlErp(
        database_class(database),
        compiled(shipped(layout), text_stores(zone)),
        company=company,
        connection=connection,
        establishments=establishments,
        clock=clock,
    )
