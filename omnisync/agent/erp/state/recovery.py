"""Recover records that the ERP has and the agent does not remember, by their external ids, for `state = "agent"`.

The agent's memory may be lost, restored, or behind the ERP by one transaction (a kill between the two commits): the
ERP's own rows, under their unique external id, then tell what must not be inserted again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from omnisync.agent.erp.base import Slice
from omnisync.agent.erp.database import Database
from omnisync.agent.erp.layout.plan import Layout
from omnisync.agent.erp.state.bindings import Bindings
from omnisync.agent.erp.upsert.keys import ErpKey, encode_key
from omnisync.agent.erp.upsert.record_change import ADOPTED, REINSERT_REQUESTED, Binding, RecordChange
from omnisync.agent.erp.upsert.row_finder import RowFinder
from omnisync.agent.erp.upsert.staging_results import read_outcomes
from omnisync.contract.feed import RecordKind


class StateRecovery:
    """Every method runs inside the caller's transaction."""

    def __init__(self, database: Database, layout: Layout, bindings: Bindings, finder: RowFinder) -> None:
        self._database = database
        self._layout = layout
        self._bindings = bindings
        self._finder = finder

    def adopt_existing(
        self, kind: RecordKind, record_changes: Sequence[RecordChange], part: Slice, now: datetime
    ) -> list[RecordChange]:
        """Bind the records to be read to the rows the ERP has of them, where the binding knows none or another."""
        news = {v.change.id: v for v in record_changes if v.action == "read"}
        keys = {
            id_: key
            for id_, key in self._finder.keys_of(kind, list(news)).items()
            if id_ in news and _is_unknown(kind, news[id_].binding, key)
        }
        numbers = self._finder.numbers_of(kind, keys)
        found = [
            self._binding_for(kind, id_, key, numbers.get(id_), news[id_].binding, part) for id_, key in keys.items()
        ]
        if found:
            self._bindings.adopt(kind, found, now)
        adopted = {binding.id: binding for binding in found}
        return [
            replace(v, binding=adopted[v.change.id]) if v.action == "read" and v.change.id in adopted else v
            for v in record_changes
        ]

    def _binding_for(
        self, kind: RecordKind, id_: str, key: ErpKey, number: str | None, before: Binding | None, part: Slice
    ) -> Binding:
        # With `match` the row's owner is unknown: it is only filled in, as one found by its document.
        is_theirs = kind == "customer" and self._layout.match is not None
        if before is None:
            before = Binding(
                id=id_,
                epoch=part.epoch,
                version=0,
                hash=ADOPTED,
                written_version=None,
                erp_key=None,
                erp_number=None,
                establishment=part.establishment if kind == "order" else "",
                customer_id="",
                label="",
                merged_into=None,
                outcome="staged" if kind == "order" and self._layout.is_staged else "imported",
                reason=None,
                warnings=None,
            )
        return before._replace(
            written_version=0,
            erp_key=encode_key(key),
            erp_number=number or before.erp_number,
            origin="matched" if is_theirs else before.origin,
        )

    def keep_already_taken(self, record_changes: Sequence[RecordChange]) -> list[RecordChange]:
        """Keep orders about to be staged that the ERP's own job took before, as its `outcome` says.

        What the job refused is not in the ERP: it is staged again.
        """
        outcome = self._layout.outcome
        unknown = [v.change.id for v in record_changes if _is_unwritten(v)]
        if outcome is None or not unknown:
            return list(record_changes)
        ends = read_outcomes(self._database, outcome, dict.fromkeys(unknown, "")).ends
        taken = {id_: end.number for id_, end in ends.items() if end.reason is None}
        return [
            replace(v, erp_number=taken[v.change.id]).left_unchanged("order_found")
            if v.change.id in taken and _is_unwritten(v)
            else v
            for v in record_changes
        ]


def _is_unknown(kind: RecordKind, binding: Binding | None, key: ErpKey) -> bool:
    if binding is None:
        return True
    if binding.written_version is None:
        return kind == "order" or binding.origin != "matched"  # a person chose another row than the one it had
    # A customer's row may be another's, matched or chosen; an order's is its own.
    return kind == "order" and binding.erp_key != encode_key(key)


def _is_unwritten(record_change: RecordChange) -> bool:
    """Return whether the record would be taken for one that was never in the ERP. A person's choice goes before
    that.
    """
    if record_change.was_written or (
        record_change.binding is not None and record_change.binding.hash == REINSERT_REQUESTED
    ):
        return False
    return record_change.action == "insert" or record_change.outcome == "cancelled"
