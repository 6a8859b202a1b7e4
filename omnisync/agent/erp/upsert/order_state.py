"""Check orders against the ERP's rows: which may still be changed, and which stay as they are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.layout.plan import Layout
from omnisync.agent.erp.upsert.decode import merged_target, wait_for_customer
from omnisync.agent.erp.upsert.keys import as_text, encode_key, is_same, match_ignoring_padding
from omnisync.agent.erp.upsert.record_change import (
    ADOPTED,
    Binding,
    RecordChange,
    claim_for,
    claim_of,
    key_of,
    leave_unchanged,
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

    def check_state(self, record_changes: Sequence[RecordChange]) -> None:
        """Orders the ERP took away, or is already past the open state with, stay as the ERP has them.

        Their rows are held, so that no one invoices an order between this look and our change.
        """
        layout = self._layout
        changing = {v.change.id: v for v in record_changes if v.action in ("update", "cancel")}
        rows = self._orders.owned(map(claim_for, changing.values()), [layout.state] if layout.state else [], held=True)
        self._check_missing([record_change for id_, record_change in changing.items() if id_ not in rows])
        for id_, record_change in changing.items():
            row = rows.get(id_)
            if row is not None and layout.state:
                self._check_one(record_change, row[0])
            if record_change.action == "cancel" and layout.state_cancelled is None:
                leave_unchanged(record_change, "order_not_cancelled")

    def _check_missing(self, gone: Sequence[RecordChange]) -> None:
        """Orders whose row is no more: the ERP took them in, or away. What a job refused goes in again."""
        ends = self._staging_results(gone)
        for record_change in gone:
            end = ends.get(record_change.change.id)
            if _was_refused_by_job(record_change, end):
                self._stage_again(record_change)
                continue
            if end is not None:
                record_change.erp_number = end.number
            leave_unchanged(record_change, "order_taken" if self._layout.is_staged else "order_removed")

    def _staging_results(self, gone: Sequence[RecordChange]) -> StagingResults:
        """Return what the ERP's own job made of orders that left the queue."""
        if self._layout.outcome is None or not gone:
            return {}
        return read_outcomes(self._database, self._layout.outcome, {v.change.id: encode_key(key_of(v)) for v in gone})

    @staticmethod
    def _stage_again(record_change: RecordChange) -> None:
        """The job refused it and cleared it away: nothing of it is in the ERP."""
        if record_change.action == "cancel":
            record_change.finish("cancelled", "unchanged")
        else:
            record_change.action = "insert"

    def check_key(self, record_changes: Sequence[RecordChange]) -> None:
        """An order whose key would be another (its filial is part of it) is kept: a number taken is never changed."""
        table = self._layout.order.table
        places = [(i, table.names.index(name)) for i, name in enumerate(table.keys) if name in table.names]
        for record_change in record_changes if places else ():
            if record_change.action == "update":
                key = key_of(record_change)
                made = tuple(
                    as_text(record_change.row[at]) if record_change.row[at] is not None else "" for _, at in places
                )
                asked = tuple(key[i] for i, _ in places)
                if not match_ignoring_padding([made], {asked: True}):
                    leave_unchanged(record_change, "order_renumbered")

    def _check_one(self, record_change: RecordChange, state: object) -> None:
        layout = self._layout
        was_ours = record_change.binding is not None and record_change.binding.origin == "withdrawn"
        is_cancelled = layout.state_cancelled is not None and is_same(state, layout.state_cancelled)
        record_change.is_reopened = was_ours and is_cancelled
        if is_cancelled and record_change.action == "cancel":
            record_change.finish("cancelled", "unchanged")
        elif not any(is_same(state, open_) for open_ in layout.update_while) and not record_change.is_reopened:
            is_known = record_change.binding is None or record_change.binding.hash != ADOPTED
            leave_unchanged(record_change, "order_locked" if is_known else "order_found", situacao=as_text(state))

    def customers(self, record_changes: Sequence[RecordChange], customers: Mapping[str, Binding]) -> None:
        """Let orders wait whose customer has no row of its own any more: its number may be another's by now.

        An ERP that takes the customers out of its queue has no row of theirs either, which is as it should be.
        """
        placed = [(v, v.customer_id) for v in record_changes if v.action in ("insert", "update")]
        buyers = {id_: merged_target(id_, customers) for id_ in {id_ for _, id_ in placed}}
        gone = self.gone_customers([buyer for buyer in buyers.values() if buyer is not None])
        for record_change, customer_id in placed if gone else ():
            buyer = buyers[customer_id]
            if buyer is not None and buyer.id in gone:
                wait_for_customer(record_change, "customer_gone", cliente=buyer.id)

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


def _was_refused_by_job(record_change: RecordChange, end: StagingResult | None) -> bool:
    """Return whether the ERP's job refused what was in its queue, as it says now or as the binding remembers."""
    binding = record_change.binding
    if binding is None or binding.erp_number is not None:
        return False
    if end is not None:
        return end.reason is not None
    reason = stored_reason(binding)
    return reason is not None and reason.code == JOB_REFUSED
