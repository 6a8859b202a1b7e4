"""Orders weighed against what the ERP has of them: which may still be changed, and which are kept as they are there."""

from __future__ import annotations

from collections.abc import Sequence

from omnisync.agent.erp.dialects.database import Database
from omnisync.agent.erp.language.compiled import Layout
from omnisync.agent.erp.writing.keys import as_asked, joined, text_of
from omnisync.agent.erp.writing.outcomes import JOB_REFUSED, End, Ends, read_outcomes
from omnisync.agent.erp.writing.tables import Rows
from omnisync.agent.erp.writing.verdicts import FOUND, Verdict, keep, key_of, stored_reason


class Weighing:
    """The orders of one layout. Every method runs inside the caller's transaction."""

    def __init__(self, database: Database, layout: Layout) -> None:
        self._database = database
        self._layout = layout
        self._orders = Rows(database, layout.order.table)

    def states(self, verdicts: Sequence[Verdict]) -> None:
        """Orders the ERP took away, or is already past the open state with, stay as the ERP has them.

        Their rows are held, so that no one invoices an order between this look and our change.
        """
        layout = self._layout
        changing = [v for v in verdicts if v.action in ("update", "cancel")]
        rows = self._orders.present([key_of(v) for v in changing], [layout.state] if layout.state else [], held=True)
        gone = [verdict for verdict in changing if key_of(verdict) not in rows]
        self._weigh_gone(gone)
        for verdict in changing:
            row = rows.get(key_of(verdict))
            if row is not None and layout.state:
                self._weigh_state(verdict, text_of(row[0]))
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

    def _weigh_state(self, verdict: Verdict, state: str) -> None:
        layout = self._layout
        was_ours = verdict.binding is not None and verdict.binding.origin == "withdrawn"
        if state == layout.state_cancelled and verdict.action == "cancel":
            verdict.end("cancelled", "unchanged")
        elif state not in layout.update_while and not (was_ours and state == layout.state_cancelled):
            is_known = verdict.binding is None or verdict.binding.hash != FOUND
            keep(verdict, "order_locked" if is_known else "order_found", situacao=state)


def _was_refused_by_job(verdict: Verdict, end: End | None) -> bool:
    """Whether the ERP's job refused what was in its queue, as it says now or as the binding remembers."""
    binding = verdict.binding
    if binding is None or binding.erp_number is not None:
        return False
    if end is not None:
        return end.reason is not None
    reason = stored_reason(binding)
    return reason is not None and reason.code == JOB_REFUSED
