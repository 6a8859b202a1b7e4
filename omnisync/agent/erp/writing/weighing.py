"""Orders weighed against what the ERP has of them: which may still be changed, and which are kept as they are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.layout.plan import Layout
from omnisync.agent.erp.writing.keys import as_asked, is_same, joined, text_of
from omnisync.agent.erp.writing.outcomes import JOB_REFUSED, End, Ends, read_outcomes
from omnisync.agent.erp.writing.reading import effective, wait_for_customer
from omnisync.agent.erp.writing.tables import Rows
from omnisync.agent.erp.writing.verdicts import (
    FOUND,
    Binding,
    Verdict,
    claim_for,
    claim_of,
    keep,
    key_of,
    stored_reason,
)


class Weighing:
    """The orders of one layout. Every method runs inside the caller's transaction."""

    def __init__(self, database: Database, layout: Layout) -> None:
        self._database = database
        self._layout = layout
        self._orders = Rows(database, layout.order.table)
        self._customers = Rows(database, layout.customer.table) if layout.customer is not None else None
        self._takes_customers = any(
            late.whose == "customer"
            for table in layout.tables
            if table.kind != "customer"
            for late in table.foreign_key_columns
        )

    def states(self, verdicts: Sequence[Verdict]) -> None:
        """Orders the ERP took away, or is already past the open state with, stay as the ERP has them.

        Their rows are held, so that no one invoices an order between this look and our change.
        """
        layout = self._layout
        changing = {v.change.id: v for v in verdicts if v.action in ("update", "cancel")}
        rows = self._orders.owned(map(claim_for, changing.values()), [layout.state] if layout.state else [], held=True)
        self._weigh_gone([verdict for id_, verdict in changing.items() if id_ not in rows])
        for id_, verdict in changing.items():
            row = rows.get(id_)
            if row is not None and layout.state:
                self._weigh_state(verdict, row[0])
            if verdict.action == "cancel" and layout.state_cancelled is None:
                keep(verdict, "order_not_cancelled")

    def _weigh_gone(self, gone: Sequence[Verdict]) -> None:
        """Orders whose row is no more: the ERP took them in, or away. What a job refused goes in again."""
        ends = self._ends_of(gone)
        for verdict in gone:
            end = ends.get(verdict.change.id)
            if _was_refused_by_job(verdict, end):
                self._stage_again(verdict)
                continue
            if end is not None:
                verdict.erp_number = end.number
            keep(verdict, "order_taken" if self._layout.is_staged else "order_removed")

    def _ends_of(self, gone: Sequence[Verdict]) -> Ends:
        """What the ERP's own job made of orders that left the queue."""
        if self._layout.outcome is None or not gone:
            return {}
        return read_outcomes(self._database, self._layout.outcome, {v.change.id: joined(key_of(v)) for v in gone})

    @staticmethod
    def _stage_again(verdict: Verdict) -> None:
        """The job refused it and cleared it away: nothing of it is in the ERP."""
        if verdict.action == "cancel":
            verdict.end("cancelled", "unchanged")
        else:
            verdict.action = "insert"

    def keys(self, verdicts: Sequence[Verdict]) -> None:
        """An order whose key would be another (its filial is part of it) is kept: a number taken is never changed."""
        table = self._layout.order.table
        places = [(i, table.names.index(name)) for i, name in enumerate(table.keys) if name in table.names]
        for verdict in verdicts if places else ():
            if verdict.action == "update":
                key = key_of(verdict)
                made = tuple(text_of(verdict.row[at]) if verdict.row[at] is not None else "" for _, at in places)
                asked = tuple(key[i] for i, _ in places)
                if not as_asked([made], {asked: True}):
                    keep(verdict, "order_renumbered")

    def _weigh_state(self, verdict: Verdict, state: object) -> None:
        layout = self._layout
        was_ours = verdict.binding is not None and verdict.binding.origin == "withdrawn"
        is_cancelled = layout.state_cancelled is not None and is_same(state, layout.state_cancelled)
        if is_cancelled and verdict.action == "cancel":
            verdict.end("cancelled", "unchanged")
        elif not any(is_same(state, open_) for open_ in layout.update_while) and not (was_ours and is_cancelled):
            is_known = verdict.binding is None or verdict.binding.hash != FOUND
            keep(verdict, "order_locked" if is_known else "order_found", situacao=text_of(state))

    def customers(self, verdicts: Sequence[Verdict], customers: Mapping[str, Binding]) -> None:
        """Let orders wait whose customer has no row of its own any more: its number may be another's by now.

        An ERP that takes the customers out of its queue has no row of theirs either, which is as it should be.
        """
        if self._customers is None or not self._takes_customers:
            return
        placed = [(v, effective(v.customer_id, customers)) for v in verdicts if v.action in ("insert", "update")]
        claims = {
            claim.id: claim for _, buyer in placed if buyer is not None and (claim := claim_of(buyer)) is not None
        }
        owned = self._customers.owned(claims.values())
        lost = [claim for claim in claims.values() if claim.id not in owned]
        if self._layout.is_staged and lost:
            there = self._customers.present([claim.key for claim in lost])
            lost = [claim for claim in lost if claim.key in there]
        gone = {claim.id for claim in lost}
        for verdict, buyer in placed:
            if buyer is not None and buyer.id in gone:
                wait_for_customer(verdict, "customer_gone", cliente=buyer.id)


def _was_refused_by_job(verdict: Verdict, end: End | None) -> bool:
    """Whether the ERP's job refused what was in its queue, as it says now or as the binding remembers."""
    binding = verdict.binding
    if binding is None or binding.erp_number is not None:
        return False
    if end is not None:
        return end.reason is not None
    reason = stored_reason(binding)
    return reason is not None and reason.code == JOB_REFUSED
