"""Check that columns kept as instants are written in the connection's own zone, the whole year round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo

from omnisync.agent.erp.layout_check.findings import Finding, warning
from omnisync.agent.erp.layout_check.table_usage import TableUsage
from omnisync.agent.erp.schema import Schema


def check_session_zone(uses: Sequence[TableUsage], schema: Schema, zone: tzinfo | None) -> Iterator[Finding]:
    """Yield the written columns whose session has the offset of the moment in the place of the connection's zone."""
    key = getattr(zone, "key", None)
    if key is None or schema.session_zone in (key, ""):
        return
    for use in uses:
        table = schema.table(use.table)
        columns = [table.column(name) for name in use.bounds] if table is not None else []
        for column in columns:
            if table is not None and column is not None and column.has_zone:
                words = {"tipo": column.type, "fuso": key, "vale": schema.session_zone, "banco": schema.label}
                yield warning("check_session_zone", f"{table.name}.{column.name}", **words)
