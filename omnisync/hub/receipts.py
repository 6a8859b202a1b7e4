"""The agents' receipts of records (retornos). Rows of their own: they never touch the feed.

One row per destination and record holds the last word about its newest version.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from sqlalchemy import Connection, select

from omnisync.contract.feed import KeptReceipt, Receipt, ReceiptResult
from omnisync.hub import tables
from omnisync.hub.store import Store, bulk

_RECEIPT = """
INSERT INTO receipt (company, destination, kind, id, version, body) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (company, kind, id, destination) DO UPDATE SET version = excluded.version, body = excluded.body
WHERE receipt.version <= excluded.version
"""

_Key = tuple[str, str]
_encoder = msgspec.json.Encoder()


def save_receipts(store: Store, company: str, destination: str, receipts: Sequence[Receipt]) -> list[ReceiptResult]:
    """Keep the receipts; the last call wins, one about an older version is stale. Answers in the order given."""
    rows: dict[_Key, tuple[object, ...]] = {}
    with store.writing() as db:
        known = _versions(db, company, destination, receipts)
        results = [_compare(receipt, known) for receipt in receipts]
        for receipt, result in zip(receipts, results, strict=True):
            if result.status == "stored":
                rows[receipt.kind, receipt.id] = _row(company, destination, receipt)
        bulk(db, _RECEIPT, [rows[key] for key in sorted(rows)])  # in key order: two callers never wait for each other
    return results


def receipts_of(store: Store, company: str, kind: str, id: str) -> list[bytes]:
    """Return the receipts of one record, a text for each destination, by its name."""
    r = tables.receipt.c
    mine = (r.company == company) & (r.kind == kind) & (r.id == id)
    with store.reading() as db:
        return [bytes(body) for body in db.execute(select(r.body).where(mine).order_by(r.destination)).scalars()]


def _versions(db: Connection, company: str, destination: str, receipts: Sequence[Receipt]) -> dict[_Key, int]:
    """For every record the company has, the version its receipt is about; 0 = none yet."""
    r, kept = tables.record.c, tables.receipt.c
    versions: dict[_Key, int] = {}
    for kind in ("customer", "order"):
        ids = {receipt.id for receipt in receipts if receipt.kind == kind}
        if ids:
            there = select(r.id).where(r.company == company, r.kind == kind, r.id.in_(ids))
            versions |= {(kind, id_): 0 for id_ in db.execute(there).scalars()}
            mine = (kept.company == company) & (kept.destination == destination) & (kept.kind == kind)
            before = select(kept.id, kept.version).where(mine, kept.id.in_(ids))
            versions |= {(kind, id_): version for id_, version in db.execute(before)}
    return versions


def _compare(receipt: Receipt, known: dict[_Key, int]) -> ReceiptResult:
    key = (receipt.kind, receipt.id)
    status: Literal["stored", "stale", "unknown"] = "unknown"
    if key in known:
        status = "stored" if receipt.version >= known[key] else "stale"
        known[key] = max(receipt.version, known[key])
    return ReceiptResult(kind=receipt.kind, id=receipt.id, version=receipt.version, status=status)


def _row(company: str, destination: str, receipt: Receipt) -> tuple[object, ...]:
    kept = KeptReceipt(destination=destination, **msgspec.structs.asdict(receipt))
    return company, destination, receipt.kind, receipt.id, receipt.version, _encoder.encode(kept)
