"""Find the rows of records in the ERP's tables, and what people know them by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.layout.plan import Layout
from omnisync.agent.erp.unreadable import UNREADABLE
from omnisync.agent.erp.upsert.customer_match import CustomerMatch
from omnisync.agent.erp.upsert.keys import ErpKey, as_text
from omnisync.agent.erp.upsert.order_state import OrderStateGuard
from omnisync.agent.erp.upsert.record_change import Binding, claim_of
from omnisync.agent.erp.upsert.table import TableWriter


class RowFinder:
    """The rows of one layout's customers and orders. Every method runs inside the caller's transaction."""

    def __init__(self, database: Database, layout: Layout) -> None:
        self._layout = layout
        self._orders = TableWriter(database, layout.order.table)
        self._customers = TableWriter(database, layout.customer.table) if layout.customer is not None else None
        self._customer_match = CustomerMatch(database, layout)
        self._state_guard = OrderStateGuard(database, layout)

    @property
    def has_customers(self) -> bool:
        """Return whether customers have a table of their own; else the ERP takes them from the orders."""
        return self._customers is not None

    def keys_of(self, kind: str, ids: Sequence[str]) -> dict[str, ErpKey]:
        """Return the keys of rows that carry these external ids."""
        rows = self._customers if kind == "customer" else self._orders
        return rows.keys_of(ids) if rows is not None else {}

    def numbers_of(self, kind: str, keys: Mapping[str, ErpKey]) -> dict[str, str | None]:
        """Return the numbers people know these rows by, by external id: None of one without a number yet, as where the
        ERP's own job gives it. A row that must be read for it and is not there is left out.
        """
        layout = self._layout
        if kind == "order" and layout.is_staged and layout.outcome is not None:
            return dict.fromkeys(keys)
        if kind == "customer" or layout.shown == layout.order.table.keys[-1]:
            return {id_: key[-1] for id_, key in keys.items()}
        shown = self._orders.fetch_by_key(list(keys.values()), [layout.shown])
        return {id_: _number_of(shown[key][0]) for id_, key in keys.items() if key in shown}

    def existing(self, kind: str, bindings: Iterable[Binding], ids: Sequence[str]) -> set[str]:
        """Return which of these records have a row, by the key they are bound to or by their external id."""
        rows = self._customers if kind == "customer" else self._orders
        if rows is None:
            return set()
        claims = [claim for claim in map(claim_of, bindings) if claim is not None]
        return rows.owned(claims).keys() | rows.keys_of(ids).keys()

    def gone_customers(self, customers: Iterable[Binding]) -> set[str]:
        """Return which of these have no row of their own any more, by id."""
        return self._state_guard.gone_customers(customers)

    def release_customers(self, bindings: Sequence[Binding]) -> None:
        """Take our mark from rows that were matched and are another company's."""
        self._customer_match.release(bindings)


def _number_of(value: object) -> str | None:
    return as_text(value) if value is not None and value is not UNREADABLE else None
