"""Check orders against the ERP's rows: which may still be changed, and which stay as they are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.layout.plan import Layout
from omnisync.agent.erp.unreadable import UNREADABLE
from omnisync.agent.erp.upsert.decode import merged_target, waiting_for_customer
from omnisync.agent.erp.upsert.keys import as_text, encode_key, is_same, match_ignoring_padding
from omnisync.agent.erp.upsert.record_change import (
    ADOPTED,
    Binding,
    RecordChange,
    RecordRows,
    claim_for,
    claim_of,
    key_of,
    stored_reason,
)
from omnisync.agent.erp.upsert.staging_results import JOB_REFUSED, StagingResult, StagingResults, read_outcomes
from omnisync.agent.erp.upsert.table import TableWriter


class OrderStateGuard:
    """The orders of one layout. Every method runs inside the caller's transaction."""

    def __init__(self, database: Database, layout: Layout) -> None:
        self._database = database
        self._layout = layout
        self._orders = TableWriter(database, layout.order.table)
        self._customers = TableWriter(database, layout.customer.table) if layout.customer is not None else None
        self._takes_customers = any(
            late.whose == "customer"
            for table in layout.tables
            if table.kind != "customer"
            for late in table.foreign_key_columns
        )

    def check_state(self, record_changes: Sequence[RecordChange]) -> list[RecordChange]:
        """Let orders the ERP took away, or is already past the open state with, stay as the ERP has them.

        Their rows are held, so that no one invoices an order between this look and our change.
        """
        layout = self._layout
        changing = [v for v in record_changes if v.action in ("update", "cancel")]
        rows = self._orders.owned(map(claim_for, changing), [layout.state] if layout.state else [], held=True)
        results = self._staging_results([v for v in changing if v.change.id not in rows])
        return [self._checked(v, rows, results) if v.action in ("update", "cancel") else v for v in record_changes]

    def _checked(
        self, record_change: RecordChange, rows: Mapping[str, Sequence[object]], results: StagingResults
    ) -> RecordChange:
        layout, id_ = self._layout, record_change.change.id
        if id_ not in rows:
            record_change = self._without_row(record_change, results.ends.get(id_))
        elif layout.state:
            record_change = self._in_state(record_change, rows[id_][0])
        if record_change.action == "cancel" and layout.state_cancelled is None:
            return record_change.left_unchanged("order_not_cancelled")
        return record_change

    def _without_row(self, record_change: RecordChange, end: StagingResult | None) -> RecordChange:
        """Return an order whose row is no more: the ERP took it in, or away. What a job refused goes in again."""
        if _was_refused_by_job(record_change, end):
            return _staged_again(record_change)
        if end is not None:
            record_change = replace(record_change, erp_number=end.number)
        return record_change.left_unchanged("order_taken" if self._layout.is_staged else "order_removed")

    def _staging_results(self, gone: Sequence[RecordChange]) -> StagingResults:
        """Return what the ERP's own job made of orders that left the queue."""
        if self._layout.outcome is None or not gone:
            return StagingResults()
        return read_outcomes(self._database, self._layout.outcome, {v.change.id: encode_key(key_of(v)) for v in gone})

    def _in_state(self, record_change: RecordChange, state: object) -> RecordChange:
        layout = self._layout
        if state is UNREADABLE:
            return record_change.refused("erp_unreadable", "status", onde=f"{layout.order.table.name}.{layout.state}")
        was_ours = record_change.binding is not None and record_change.binding.origin == "withdrawn"
        is_cancelled = layout.state_cancelled is not None and is_same(state, layout.state_cancelled)
        if is_cancelled and record_change.action == "cancel":
            return record_change.ended("cancelled", "unchanged")
        is_reopened = was_ours and is_cancelled
        if is_reopened or any(is_same(state, open_) for open_ in layout.update_while):
            return replace(record_change, is_reopened=is_reopened)
        is_known = record_change.binding is None or record_change.binding.hash != ADOPTED
        return record_change.left_unchanged("order_locked" if is_known else "order_found", situacao=as_text(state))

    def check_key(self, record_changes: Sequence[RecordChange]) -> list[RecordChange]:
        """Keep an order whose key would be another (its filial is part of it): a number taken is never changed."""
        table = self._layout.order.table
        places = [(i, table.names.index(name)) for i, name in enumerate(table.keys) if name in table.names]
        if not places:
            return list(record_changes)
        return [self._with_its_key(v, places) for v in record_changes]

    @staticmethod
    def _with_its_key(record_change: RecordChange, places: Sequence[tuple[int, int]]) -> RecordChange:
        is_built = bool(record_change.rows.main) and record_change.action in ("update", "cancel")
        if not is_built or not _has_other_key(record_change, places):
            return record_change
        if record_change.action == "cancel":  # with the content it has
            return replace(record_change, rows=RecordRows())
        return record_change.left_unchanged("order_renumbered")

    def check_customers(
        self, record_changes: Sequence[RecordChange], customers: Mapping[str, Binding]
    ) -> list[RecordChange]:
        """Let orders wait whose customer has no row of its own any more: its number may be another's by now.

        An ERP that takes the customers out of its queue has no row of theirs either, which is as it should be.
        """
        ids = {v.customer_id for v in record_changes if v.action in ("insert", "update", "cancel")}
        buyers = {id_: merged_target(id_, customers) for id_ in ids}
        gone = self.gone_customers([buyer for buyer in buyers.values() if buyer is not None])
        lost = {id_: buyer.id for id_, buyer in buyers.items() if buyer is not None and buyer.id in gone}
        return [_without_customer(v, lost[v.customer_id]) if v.customer_id in lost else v for v in record_changes]

    def gone_customers(self, customers: Iterable[Binding]) -> set[str]:
        """Return which of these have no row of their own any more, by id; none where no row takes a customer's key."""
        if self._customers is None or not self._takes_customers:
            return set()
        claims = {claim.id: claim for claim in map(claim_of, customers) if claim is not None}
        owned = self._customers.owned(claims.values())
        lost = [claim for claim in claims.values() if claim.id not in owned]
        if self._layout.is_staged and lost:
            there = self._customers.fetch_by_key([claim.key for claim in lost])
            lost = [claim for claim in lost if claim.key in there]
        return {claim.id for claim in lost}


def _without_customer(record_change: RecordChange, customer_id: str) -> RecordChange:
    if record_change.action == "cancel":  # with the content it has
        return replace(record_change, customer_key=None)
    if record_change.action not in ("insert", "update"):
        return record_change
    return waiting_for_customer(record_change, "customer_gone", cliente=customer_id)


def _staged_again(record_change: RecordChange) -> RecordChange:
    """Return an order that the job refused and cleared away: nothing of it is in the ERP."""
    if record_change.action == "cancel":
        return record_change.ended("cancelled", "unchanged")
    return replace(record_change, action="insert")


def _has_other_key(record_change: RecordChange, places: Sequence[tuple[int, int]]) -> bool:
    """Return whether the built row has another key than the row that stands; `places` are of key and row."""
    key, row = key_of(record_change), record_change.rows.main
    made = tuple(as_text(row[at]) if row[at] is not None else "" for _, at in places)
    return not match_ignoring_padding([made], {tuple(key[i] for i, _ in places): True})


def _was_refused_by_job(record_change: RecordChange, end: StagingResult | None) -> bool:
    """Return whether the ERP's job refused what was in its queue, as it says now or as the binding remembers."""
    binding = record_change.binding
    if binding is None or binding.erp_number is not None:
        return False
    if end is not None:
        return end.reason is not None
    reason = stored_reason(binding)
    return reason is not None and reason.code == JOB_REFUSED
