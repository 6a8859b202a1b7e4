"""The bindings of one company, for pages and commands: what did not enter, receipts, and what a person decides."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec

from omnisync.agent.coded_message import OTHER_DOCUMENT
from omnisync.agent.erp.base import OpenIssue
from omnisync.agent.erp.database import encoder, execute_among
from omnisync.agent.erp.layout.plan import Layout, TablePlan
from omnisync.agent.erp.state.bindings import IS_WAITING, Bindings
from omnisync.agent.erp.state.transactions import Transactions
from omnisync.agent.erp.upsert.record_change import Binding, stored_reason
from omnisync.agent.erp.upsert.row_finder import RowFinder
from omnisync.contract.feed import MAX_RECORDS, Reason, Receipt, RecordKind
from omnisync.contract.streams import CUSTOMERS, Stream, orders_of

_SHOWN = "kind, id, version, outcome, label, reason, establishment, outcome_at, erp_number, warnings"


class SqlRecordStore:
    """The promise of `base.RecordStore` over the tables of ours. No more rows are fetched than asked for."""

    def __init__(
        self, transactions: Transactions, layout: Layout, company: str, bindings: Bindings, finder: RowFinder
    ) -> None:
        self._transactions = transactions
        self._database = transactions.state_database
        self._layout = layout
        self._company = company
        self._bindings = bindings
        self._finder = finder

    def open_issues(self, outcomes: Sequence[str], limit: int) -> list[OpenIssue]:
        """Return records with one of these outcomes, newest first. No more rows are fetched than `limit`."""
        if not outcomes:
            return []
        sql = (
            f"SELECT {_SHOWN} FROM omnisync_binding WHERE company = ? "  # noqa: S608  # constant text
            f"AND outcome IN ({', '.join('?' * len(outcomes))}) ORDER BY outcome_at DESC, id DESC"
        )
        return [
            _open_issue(row)
            for row in self._database.select(self._database.dialect.limited(sql, limit), (self._company, *outcomes))
        ]

    def with_warnings(self, limit: int) -> list[OpenIssue]:
        """Return records with warnings, newest first."""
        sql = (
            f"SELECT {_SHOWN} FROM omnisync_binding WHERE company = ? AND warnings IS NOT NULL ORDER BY outcome_at DESC"  # noqa: S608  # constant text
        )
        return [
            _open_issue(row)
            for row in self._database.select(self._database.dialect.limited(sql, limit), (self._company,))
        ]

    def n_open_issues(self) -> dict[str, int]:
        """Return how many records are refused and how many wait."""
        rows: list[Any] = self._database.select(
            "SELECT outcome, count(*) FROM omnisync_binding WHERE company = ? AND outcome IN ('refused', 'waiting') "
            "GROUP BY outcome",
            (self._company,),
        )
        return {"refused": 0, "waiting": 0} | dict(rows)

    def waiting_since(self) -> datetime | None:
        """Return since when the record waits that waits the longest."""
        rows: list[Any] = self._database.select(
            "SELECT min(outcome_at) FROM omnisync_binding WHERE company = ? AND outcome = 'waiting'", (self._company,)
        )
        return datetime.fromisoformat(rows[0][0]) if rows[0][0] else None

    def find(self, text: str, limit: int) -> list[OpenIssue]:
        """Return orders by their number, or a part of it, or the ERP's; customers by a part of their name, and their
        orders.

        What is called exactly so comes first.
        """
        is_named, is_exact = self._database.dialect.contains("label"), "(erp_number = ? OR id = ? OR label = ?)"
        sql = (
            f"SELECT {_SHOWN} FROM omnisync_binding WHERE company = ? AND ({is_exact} OR {is_named} "  # noqa: S608  # constant text
            "OR (kind = 'order' AND customer_id <> '' AND customer_id IN (SELECT id FROM omnisync_binding "
            f"WHERE company = ? AND kind = 'customer' AND {is_named}))) "
            f"ORDER BY CASE WHEN {is_exact} THEN 0 ELSE 1 END, kind DESC, outcome_at DESC"
        )
        text = encoder(self._database)(text)
        values = (self._company, text, text, text, text, self._company, text, text, text, text)
        return [_open_issue(row) for row in self._database.select(self._database.dialect.limited(sql, limit), values)]

    def rows(self) -> dict[str, int]:
        """Return rows of the ERP's own tables by the seed's four nouns."""
        layout = self._layout
        customer = layout.customer.table if layout.customer is not None else None
        nouns = {"customers": customer, "orders": layout.order.table, "items": layout.item, "payments": layout.payment}
        return {noun: self._n_rows(table) if table is not None else 0 for noun, table in nouns.items()}

    def _n_rows(self, table: TablePlan) -> int:
        database = self._transactions.database
        sql = f"SELECT count(*) FROM {database.quoted(table.name)}"  # noqa: S608  # a quoted name
        return int(str(database.select(sql)[0][0]))

    def pending_receipts(self, limit: int) -> list[Receipt]:
        """Return receipts not yet sent. Their keys are asked for first: an index holds them, so that no binding is
        walked.
        """
        keys: list[Any] = self._database.select(
            self._database.dialect.limited(
                "SELECT kind, id FROM omnisync_binding WHERE company = ? AND receipt_pending = 1 ORDER BY kind, id",
                limit,
            ),
            (self._company,),
        )
        return [receipt for kind, lot in groupby(keys, itemgetter(0)) for receipt in self._receipts(kind, lot)]

    def _receipts(self, kind: RecordKind, keys: Iterable[tuple[RecordKind, str]]) -> list[Receipt]:
        rows: list[Any] = self._database.select_among(
            "SELECT id, version, outcome, outcome_at, erp_number, reason FROM omnisync_binding "
            "WHERE company = ? AND kind = ? AND id IN {ids}",
            [id_ for _, id_ in keys],
            (self._company, kind),
        )
        return [
            Receipt(
                kind=kind,
                id=id_,
                version=version,
                outcome=outcome,
                at=datetime.fromisoformat(at),
                erp_number=number,
                reason=msgspec.json.decode(reason, type=Reason) if reason else None,
            )
            for id_, version, outcome, at, number, reason in sorted(rows, key=itemgetter(0))
        ]

    def acknowledge(self, receipts: Sequence[Receipt]) -> None:
        """These receipts were sent; a newer outcome stays pending, and a number that came since."""
        alike: dict[tuple[object, ...], list[str]] = {}
        for r in receipts:
            alike.setdefault((r.kind, r.version, r.outcome, r.erp_number is None), []).append(r.id)
        with self._transactions.of_state():
            for (*what, is_unnumbered), ids in alike.items():
                unnumbered = "AND erp_number IS NULL " if is_unnumbered else ""
                execute_among(
                    self._database,
                    "UPDATE omnisync_binding SET receipt_pending = 0 "  # noqa: S608  # constant text
                    f"WHERE company = ? AND kind = ? AND version = ? AND outcome = ? {unnumbered}AND id IN {{ids}}",
                    ids,
                    (self._company, *what),
                )

    def waiting(self, establishments: Sequence[str]) -> Iterator[tuple[Stream, list[str]]]:
        """Yield what waits, in lots, with its stream: customers (released, and never reached again), then orders.

        Each lot is read when it is asked for.
        """
        for stream in (CUSTOMERS, *map(orders_of, establishments)):
            after = ""
            while ids := self._waiting_after(stream.kind, stream.establishment, after):
                yield stream, ids
                after = ids[-1]

    def _waiting_after(self, kind: RecordKind, establishment: str, after: str) -> list[str]:
        sql = (
            f"SELECT id FROM omnisync_binding WHERE company = ? AND {IS_WAITING} AND kind = ? "  # noqa: S608  # constant text
            "AND establishment = ? AND id > ? ORDER BY id"
        )
        rows = self._database.select(
            self._database.dialect.limited(sql, MAX_RECORDS), (self._company, kind, establishment, after)
        )
        return [str(row[0]) for row in rows]

    def requeue(self, kind: RecordKind, ids: Sequence[str], *, again: bool = False) -> dict[Stream, list[str]]:
        """Turn refused records to waiting; `again` also those whose row the ERP took away."""
        with self._transactions.of_both():
            # What still has its row is only read again: forgotten, a later cancellation would not reach that row.
            if not again:
                return self._bindings.requeue(kind, ids, gone=())
            bindings = self._bindings.of(kind, ids).values()
            others = [binding for binding in bindings if _is_of_another(binding)]
            if others:
                self._finder.release_customers(others)
            there = self._finder.existing(kind, bindings, ids) - {binding.id for binding in others}
            return self._bindings.requeue(kind, ids, gone=[id_ for id_ in ids if id_ not in there])

    def requeue_by_reason(self, codes: Collection[str]) -> int:
        """Turn what was refused for one of these reasons to waiting; answers how many records."""
        with self._transactions.of_state():
            return self._bindings.requeue_by_reason(codes)

    def choose(self, customer_id: str, erp_key: str) -> None:
        """Keep a person's answer to several rows with one CNPJ: this one is the customer's, at the next import."""
        with self._transactions.of_state():
            self._bindings.choose(customer_id, erp_key)


def _is_of_another(binding: Binding) -> bool:
    """Return whether a customer is refused for the other document of the row it was matched with."""
    reason = stored_reason(binding) if binding.outcome == "refused" else None
    return reason is not None and reason.code == OTHER_DOCUMENT


def _open_issue(row: Any) -> OpenIssue:
    kind, id_, version, outcome, label, reason, establishment, at, number, warnings = row
    why = msgspec.json.decode(reason, type=Reason) if reason else None
    return OpenIssue(
        kind=kind,
        id=id_,
        version=version,
        outcome=outcome,
        label=label,
        code=why.code if why else "",
        message=why.message if why else "",
        establishment=establishment,
        since=datetime.fromisoformat(at),
        erp_number=number,
        value=why.value if why else None,
        warnings=msgspec.json.decode(warnings, type=tuple[Reason, ...]) if warnings else (),
    )
