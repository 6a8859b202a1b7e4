"""Sound records made ready before their turn, by the layout alone. Pure: no database, no binding.

By the very functions that read and build a slice, so that a prepared record is what it would have become.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from omnisync.agent.erp.base import PreparedRecord, Slice
from omnisync.agent.erp.layout.plan import Layout
from omnisync.agent.erp.writing.building import build_customers, build_orders, nobody
from omnisync.agent.erp.writing.reading import read_customers, read_orders
from omnisync.agent.erp.writing.verdicts import Verdict
from omnisync.contract.feed import Change, kind_of


def prepared(
    layout: Layout, stream: str, changes: Sequence[Change], *, adjusts_centavo: bool
) -> Mapping[str, PreparedRecord]:
    """Those of a page's changes of which nothing is to be told, made ready, by id; the layout must ask nothing.

    Left out: deletes, cancellations, what has a fault or a warning, what stands twice in the page.
    """
    n_of = Counter(change.id for change in changes)
    verdicts = [
        Verdict(change=change, binding=None, action="read")
        for change in changes
        if change.op == "upsert" and n_of[change.id] == 1
    ]
    if kind_of(stream) == "customer":
        read_customers(verdicts)
        sound = [v for v in verdicts if v.action == "insert" and not v.warnings]
        build_customers(sound, layout, nobody)
    else:
        part = Slice(stream=stream, kind="order", epoch="", changes=changes, expected="")
        read_orders(verdicts, part, frozenset(), adjusts_centavo=adjusts_centavo)
        sound = [v for v in verdicts if v.action == "read" and not v.warnings and _is_confirmed(v)]
        for verdict in sound:
            verdict.action = "insert"
        build_orders(sound, layout, nobody)
    return {v.change.id: _made(v) for v in sound if v.action == "insert" and not v.warnings}


def _is_confirmed(verdict: Verdict) -> bool:
    return verdict.order is not None and verdict.order.status == "confirmed"


def _made(verdict: Verdict) -> PreparedRecord:
    rows: Any = verdict
    return PreparedRecord(
        verdict.label, verdict.customer_id, rows.row, rows.extra_rows, tuple(rows.item_rows), tuple(rows.payment_rows)
    )
