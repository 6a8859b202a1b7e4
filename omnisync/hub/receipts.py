"""The agents' receipts of records (retornos). Rows of their own: they never touch the feed.

One row per destination and record holds the last word about its newest version.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import Connection, select

from omnisync.contract.feed import KeptReceipt, Reason, Receipt, ReceiptResult
from omnisync.contract.streams import stream_named
from omnisync.hub import tables
from omnisync.hub.id_lookup import select_by_id
from omnisync.hub.store import Store, bulk

_RECEIPT = """
INSERT INTO receipt (company, destination, kind, id, version, body) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (company, kind, id, destination) DO UPDATE SET version = excluded.version, body = excluded.body
WHERE receipt.version <= excluded.version
"""
_FORGET = "DELETE FROM receipt WHERE company = ? AND kind = ? AND id = ? AND destination = ? AND version > ?"
"""A receipt about a version the record never had: it would bar the record's own."""

_HUB = "central"
"""The destination of what the hub itself says."""
_UNREGISTERED = (
    "O estabelecimento do pedido não está cadastrado na central. O pedido entra quando ele for cadastrado e escolhido "
    "em um computador."
)

_Key = tuple[str, str]
_encoder = msgspec.json.Encoder()


def save_receipts(store: Store, company: str, destination: str, receipts: Sequence[Receipt]) -> list[ReceiptResult]:
    """Keep the receipts; the last call wins, one about an older version is stale, one about a version that the record
    does not have is unknown. Answers in the order given.
    """
    rows: dict[_Key, tuple[object, ...]] = {}
    with store.writing() as db:
        versions = _record_versions(db, company, receipts)
        known = dict.fromkeys(versions, 0) | _receipt_versions(db, company, destination, receipts)
        beyond = sorted(key for key in versions if known[key] > versions[key])
        bulk(db, _FORGET, [(company, *key, destination, versions[key]) for key in beyond])
        known |= dict.fromkeys(beyond, 0)
        results = [_compare(receipt, versions, known) for receipt in receipts]
        for receipt, result in zip(receipts, results, strict=True):
            if result.status == "stored":
                rows[receipt.kind, receipt.id] = _row(company, destination, receipt)
        bulk(db, _RECEIPT, [rows[key] for key in sorted(rows)])  # in key order: two callers never wait for each other
    return results


def receipts_of(store: Store, company: str, kind: str, id: str) -> list[bytes]:
    """Return the receipts of one record, a text for each destination, by its name.

    Of an order that no agent reads, because its establishment is not registered, the hub itself says that it waits.
    """
    r = tables.receipt.c
    mine = (r.company == company) & (r.kind == kind) & (r.id == id)
    with store.reading() as db:
        kept = [bytes(body) for body in db.execute(select(r.body).where(mine).order_by(r.destination)).scalars()]
        return [*kept, *_waiting(db, company, id)] if kind == "order" else kept


def _waiting(db: Connection, company: str, id: str) -> list[bytes]:
    r, e = tables.record.c, tables.establishment.c
    mine = (r.company == company) & (r.kind == "order") & (r.id == id) & (r.stream != "")
    row = db.execute(select(r.version, r.stream, r.received_at).where(mine)).first()
    if row is None:
        return []
    code = stream_named(row.stream).establishment
    if db.execute(select(e.code).where(e.company == company, e.code == code)).first() is not None:
        return []
    waits = KeptReceipt(
        destination=_HUB,
        kind="order",
        id=id,
        version=row.version,
        outcome="waiting",
        at=datetime.fromisoformat(row.received_at),
        reason=Reason(code="establishment_unknown", field="establishment_code", value=code, message=_UNREGISTERED),
    )
    return [_encoder.encode(waits)]


def _record_versions(db: Connection, company: str, receipts: Sequence[Receipt]) -> dict[_Key, int]:
    """Return the versions of the records that the company has of these."""
    r = tables.record.c
    versions: dict[_Key, int] = {}
    for kind, ids in _ids_by_kind(receipts).items():
        mine = (r.company == company) & (r.kind == kind)
        there = select_by_id(db, (r.id, r.version), tables.record, r.id, ids, mine)
        versions |= {(kind, id_): version for id_, version in db.execute(there)}
    return versions


def _receipt_versions(db: Connection, company: str, destination: str, receipts: Sequence[Receipt]) -> dict[_Key, int]:
    """Return the versions that the destination's receipts of these records are about."""
    kept = tables.receipt.c
    versions: dict[_Key, int] = {}
    for kind, ids in _ids_by_kind(receipts).items():
        mine = (kept.company == company) & (kept.destination == destination) & (kept.kind == kind)
        before = select_by_id(db, (kept.id, kept.version), tables.receipt, kept.id, ids, mine)
        versions |= {(kind, id_): version for id_, version in db.execute(before)}
    return versions


def _ids_by_kind(receipts: Sequence[Receipt]) -> dict[str, set[str]]:
    ids: dict[str, set[str]] = {}
    for receipt in receipts:
        ids.setdefault(receipt.kind, set()).add(receipt.id)
    return ids


def _compare(receipt: Receipt, versions: dict[_Key, int], known: dict[_Key, int]) -> ReceiptResult:
    key = (receipt.kind, receipt.id)
    status: Literal["stored", "stale", "unknown"] = "unknown"
    if receipt.version <= versions.get(key, -1):
        status = "stored" if receipt.version >= known[key] else "stale"
        known[key] = max(receipt.version, known[key])
    return ReceiptResult(kind=receipt.kind, id=receipt.id, version=receipt.version, status=status)


def _row(company: str, destination: str, receipt: Receipt) -> tuple[object, ...]:
    kept = KeptReceipt(destination=destination, **msgspec.structs.asdict(receipt))
    return company, destination, receipt.kind, receipt.id, receipt.version, _encoder.encode(kept)
