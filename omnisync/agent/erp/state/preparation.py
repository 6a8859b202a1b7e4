"""Checks before the first slice of a run, and what a changed layout gives another chance."""

from __future__ import annotations

from collections.abc import Collection

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.layout.plan import Layout
from omnisync.agent.erp.state.bindings import Bindings
from omnisync.agent.erp.state.transactions import Transactions
from omnisync.agent.errors import ErpSetupError

_FINGERPRINT = "layout"
"""The stream under which the layout's fingerprint is kept, beside the cursors: no stream of the hub has this name."""
CODES_OF_LAYOUT = frozenset(
    {"payment_method_unmapped", "payment_terms_unmapped", "seller_unmapped", "establishment_unmapped"}
    | {
        "price_table_unmapped",
        "product_unknown",
        "code_unmapped",
        "lookup_ambiguous",
        "document_missing",
        "erp_refused",
        "lookup_refused",
        "erp_unreadable",
        "letter_refused",
        "erp_row_missing",
        "erp_no_number",
    }
)
"""What may be gone when the layout or De/Para changed."""


def check_tables(database: Database, layout: Layout) -> None:
    """Refuse a database without a table or column that the layout writes. Raises ErpSetupError."""
    found = database.dialect.tables(database)
    for table in layout.tables:
        columns = found.get(table.name)
        if columns is None:
            raise ErpSetupError("destination_missing_table", banco=database.dialect.label, tabela=table.name)
        missing = table.all_names - columns
        if missing:
            motive = ", ".join(f"{table.name}.{name}" for name in sorted(missing))
            raise ErpSetupError("destination_missing_column", banco=database.dialect.label, motivo=motive)


def check_external_ids(database: Database, layout: Layout) -> None:
    """Refuse a main table whose external id is not unique. Raises ErpSetupError.

    Without our tables in the database only its unique keys keep a record from standing there twice.
    """
    schema = database.dialect.reflect(database)
    mains = [main.table for main in (layout.customer, layout.order) if main is not None]
    for table in mains:
        found = schema.table(table.name)
        if found is None or not found.is_unique(table.external_id):
            where = f"{table.name}.{table.external_id}"
            raise ErpSetupError("check_external_id_not_unique", onde=where, tabela=table.name, coluna=table.external_id)


def notice_layout(transactions: Transactions, bindings: Bindings, fingerprint: str, codes: Collection[str]) -> None:
    """Requeue what was refused for one of `codes` when the layout, De/Para or a rule changed since the last run."""
    before = bindings.position(_FINGERPRINT)
    if before is not None and before.cursor == fingerprint:
        return
    with transactions.of_state():
        bindings.begin_stream(_FINGERPRINT)
        held = bindings.locked_position(_FINGERPRINT)
        if held is not None and held.cursor not in ("", fingerprint):
            bindings.requeue_by_reason(codes)
        bindings.move_stream(_FINGERPRINT, fingerprint, "")
