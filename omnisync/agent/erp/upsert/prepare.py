"""Sound records made ready before their turn, by the layout alone. Pure: no database, no binding.

By the very functions that read and build a slice, so that a prepared record is what it would have become.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from omnisync.agent.erp.base import PreparedRecord, Slice
from omnisync.agent.erp.layout.plan import Layout
from omnisync.agent.erp.upsert.build_rows import ask_nothing, build_customers, build_orders
from omnisync.agent.erp.upsert.decode import read_customers, read_orders
from omnisync.agent.erp.upsert.record_change import RecordChange, hash_of
from omnisync.contract.feed import Change
from omnisync.contract.streams import Stream


def prepare_records(
    layout: Layout, stream: Stream, changes: Sequence[Change], *, adjusts_centavo: bool
) -> Mapping[str, PreparedRecord]:
    """Return those of a page's changes of which nothing is to be told, made ready, by id; the layout must ask nothing.

    Left out: deletes, cancellations, what has a fault or a warning, what stands twice in the page.
    """
    n_of = Counter(change.id for change in changes)
    record_changes = [
        RecordChange(change=change, binding=None, action="read")
        for change in changes
        if change.op == "upsert" and n_of[change.id] == 1
    ]
    if stream.kind == "customer":
        sound = [v for v in read_customers(record_changes) if v.action == "insert" and not v.warnings]
        built = build_customers(sound, layout, ask_nothing)
    else:
        part = Slice(stream=stream, epoch="", changes=changes, expected="")
        read = read_orders(record_changes, part, frozenset(), adjusts_centavo=adjusts_centavo)
        sound = [v for v in read if v.action == "read" and not v.warnings and _is_confirmed(v)]
        built = build_orders([replace(v, action="insert") for v in sound], layout, ask_nothing)
    return {v.change.id: _prepared_record(v) for v in built if v.action == "insert" and not v.warnings}


def _is_confirmed(record_change: RecordChange) -> bool:
    return record_change.order is not None and record_change.order.status == "confirmed"


def _prepared_record(record_change: RecordChange) -> PreparedRecord:
    rows: Any = record_change.rows
    return PreparedRecord(
        record_change.label,
        record_change.customer_id,
        hash_of(record_change.change),
        rows.main,
        rows.extras,
        tuple(rows.items),
        tuple(rows.payments),
    )
