"""Ingest what apps send: read strictly, stored as the text that will travel, appended to the feed.

The writing transaction's first statement takes the company's next sequences. Its row lock makes the order of commits
the order of sequences, so that nothing ever appears behind a cursor already handed out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from msgspec import Raw, Struct
from sqlalchemy import Connection, select, update

from omnisync.contract import validation
from omnisync.contract.feed import MAX_INTAKE, Change, IntakeBatch, IntakeResult
from omnisync.contract.streams import CUSTOMERS, orders_of
from omnisync.contract.validation import InvalidRecord, ValidRecord
from omnisync.hub import restore_marks, tables
from omnisync.hub.errors import ProblemError, invalid
from omnisync.hub.id_lookup import select_by_id
from omnisync.hub.store import Store, bulk
from omnisync.web.gzip_stream import GzipError, OversizedError, unpacked

MAX_BYTES = 8_000_000
"""Of one body, as sent and after gunzip."""

MAX_UNREGISTERED = 50
"""Establishments that a company may name without having registered them: their orders are kept until it does."""

_FEED = """
INSERT INTO feed (company, stream, id, sequence, kind, op, version, n_items, n_payments, size, customer_id, change)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (company, id, stream) DO UPDATE SET sequence = excluded.sequence, op = excluded.op,
    version = excluded.version, n_items = excluded.n_items, n_payments = excluded.n_payments, size = excluded.size,
    customer_id = excluded.customer_id, change = excluded.change
"""
_RECORD = """
INSERT INTO record (company, kind, id, version, stream, received_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (company, kind, id) DO UPDATE SET version = excluded.version, stream = excluded.stream,
    received_at = excluded.received_at
"""
_STREAM = """
INSERT INTO stream (company, name, head, mark) VALUES (?, ?, ?, ?)
ON CONFLICT (company, name) DO UPDATE SET head = excluded.head, mark = excluded.mark
"""

_Key = tuple[str, str]
_encoder = msgspec.json.Encoder()
_batch = msgspec.json.Decoder(IntakeBatch)


def ingest(store: Store, company: str, records: Sequence[bytes | Raw], now: datetime) -> list[IntakeResult]:
    """Store what is sound and newer, in the order given; answer for each record, in the same order.

    An order of one more establishment that is not registered, past MAX_UNREGISTERED of them, is refused.
    Idempotent. One bad record refuses only itself. Raises LookupError for an unknown company.
    """
    read = [validation.read(raw) for raw in records]
    sound = [record for record in read if isinstance(record, ValidRecord)]
    statuses = iter(_write_batch(store, company, sound, now) if sound else ())
    return [_refused(r) if isinstance(r, InvalidRecord) else _result(r, next(statuses)) for r in read]


def records_of(body: bytes) -> Sequence[bytes | Raw]:
    """Return the records of a POST /v1/records body, each still raw.

    Raises ProblemError `validation` (no such JSON) or `batch_too_large` (more than 1,000).
    """
    try:
        records: Sequence[bytes | Raw] = _batch.decode(body).records
    except msgspec.ValidationError as error:
        pointer, code = validation.fault(error)
        if code == "length":
            raise ProblemError("batch_too_large") from None
        raise invalid(pointer, code) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        records = _records_of_odd_text(body)
    return records


def gunzip(body: bytes) -> bytes:
    """Return the body unpacked. Raises ProblemError when it is no gzip, is cut, or would pass the size limit."""
    try:
        # Records may repeat each other much: only the size counts.
        return b"".join(unpacked((body,), is_gzip=True, limit=MAX_BYTES, max_ratio=None))
    except GzipError:
        raise invalid("", "gzip") from None
    except OversizedError:
        raise ProblemError("batch_too_large") from None


def _records_of_odd_text(body: bytes) -> list[bytes]:
    """Split a body with a lone surrogate escape: legal JSON, but msgspec refuses the whole body for one record.

    The slow way is taken only then. Written out again, the surrogate is an escape once more and is refused alone.
    """
    try:
        text = body.decode("utf-8-sig", "surrogateescape")  # what is no UTF-8 is refused with its record, too
        records = json.loads(text, parse_int=_parse_number)["records"]
        if not isinstance(records, list):
            raise TypeError
    except (ValueError, TypeError, LookupError, RecursionError):
        raise invalid("", "json") from None
    if len(records) > MAX_INTAKE:
        raise ProblemError("batch_too_large")
    return [json.dumps(record).encode() for record in records]


def _parse_number(text: str) -> int | float:
    """Python refuses to read thousands of digits; as a float they are too large for their own record alone."""
    return int(text) if len(text) < 400 else float(text)


def _result(record: ValidRecord, status: str) -> IntakeResult:
    if status == "refused":
        unknown = InvalidRecord(code="establishment_unknown", pointer="/establishment_code")
        return _refused(msgspec.structs.replace(unknown, kind=record.kind, id=record.id, version=record.version))
    return msgspec.convert(
        {"status": status, "kind": record.kind, "id": record.id, "version": record.version}, IntakeResult
    )


def _refused(refusal: InvalidRecord) -> IntakeResult:
    return IntakeResult(
        status="refused",
        kind=refusal.kind,
        id=refusal.id,
        version=refusal.version,
        code=refusal.code,
        pointer=refusal.pointer,
        detail=refusal.detail,
    )


def _write_batch(store: Store, company: str, records: Sequence[ValidRecord], now: datetime) -> list[str]:
    with store.writing() as db:
        # Twice the records: one that moves takes a place in its old stream too. Gaps between sequences are harmless.
        last = _take_sequences(db, company, 2 * len(records))
        before = _stored_versions(db, company, records)
        kept = _Batch(company, last - 2 * len(records), before, _Places(db, company, records), now.isoformat())
        statuses = [kept.accept(record) for record in records]
        if "stored" in statuses:
            kept.write(db, restore_marks.leave(db, company, last - 2 * len(records), last))
    return statuses


def _take_sequences(db: Connection, company: str, n: int) -> int:
    c = tables.company.c
    mine = update(tables.company).where(c.id == company)
    last = db.execute(mine.values(sequence=c.sequence + n).returning(c.sequence)).scalar()
    if last is None:
        raise LookupError(f"no company {company}")
    return int(last)


class _StoredVersion(Struct, frozen=True):
    version: int
    stream: str


def _stored_versions(db: Connection, company: str, records: Iterable[ValidRecord]) -> dict[_Key, _StoredVersion]:
    r = tables.record.c
    seen: dict[_Key, _StoredVersion] = {}
    for kind in ("customer", "order"):
        ids = {record.id for record in records if record.kind == kind}
        mine = (r.company == company) & (r.kind == kind)
        found = select_by_id(db, (r.id, r.version, r.stream), tables.record, r.id, ids, mine)
        for id_, version, stream in db.execute(found) if ids else ():
            seen[kind, id_] = _StoredVersion(version, stream)
    return seen


class _Places:
    """The streams that a batch's orders may go to; one of an unregistered establishment more, while there are few."""

    def __init__(self, db: Connection, company: str, records: Iterable[ValidRecord]) -> None:
        s, e = tables.stream.c, tables.establishment.c
        wanted = {orders_of(record.establishment).name for record in records if record.establishment}
        mine = s.company == company
        self._there = {CUSTOMERS.name, *db.execute(select(s.name).where(mine, s.name.in_(wanted))).scalars()}
        self._n_left = 0
        if wanted - self._there:  # a registered one has its stream
            codes = db.execute(select(e.code).where(e.company == company)).scalars()
            registered = {CUSTOMERS.name, *(orders_of(code).name for code in codes)}
            found = db.execute(select(s.name).where(mine).limit(len(registered) + MAX_UNREGISTERED)).scalars()
            self._n_left = MAX_UNREGISTERED - len(set(found) - registered)

    def has(self, stream: str) -> bool:
        """Return whether an order may stand in the stream, which is there from now on."""
        if stream not in self._there and self._n_left > 0:
            self._n_left -= 1
            self._there.add(stream)
        return stream in self._there


class _Batch:
    """The rows of one batch; written at the end, so that a record sent twice costs one row."""

    def __init__(
        self, company: str, sequence: int, seen: dict[_Key, _StoredVersion], places: _Places, now: str
    ) -> None:
        self._company = company
        self._sequence = sequence
        self._seen = seen
        self._places = places
        self._now = now
        self._records: dict[_Key, tuple[object, ...]] = {}
        self._feed: dict[_Key, tuple[object, ...]] = {}
        self._heads: dict[str, int] = {}

    def accept(self, record: ValidRecord) -> str:
        """Take the record if it is newer than what is there: stored, same or stale; refused where it has no place."""
        key = (record.kind, record.id)
        before = self._seen.get(key)
        if before and record.version <= before.version:
            return "same" if record.version == before.version else "stale"
        stream = _stream(record, before)
        if record.establishment and not self._places.has(stream):
            return "refused"
        if before and before.stream not in ("", stream):
            self._append(before.stream, record, _moved(record))
        if stream:
            self._append(stream, record, _change(record))
        self._seen[key] = _StoredVersion(record.version, stream)
        self._records[key] = (self._company, *key, record.version, stream, self._now)
        return "stored"

    def write(self, db: Connection, mark: str) -> None:
        """Leave the batch in the database; `mark` is of this transaction."""
        bulk(db, _FEED, list(self._feed.values()))
        bulk(db, _RECORD, list(self._records.values()))
        bulk(db, _STREAM, [(self._company, name, head, mark) for name, head in self._heads.items()])

    def _append(self, stream: str, record: ValidRecord, change: Change) -> None:
        self._sequence += 1
        text = _encoder.encode(change)
        counts = (change.n_items, change.n_payments, len(text))
        customer_id = record.customer_id if change.op == "upsert" else None
        place = (self._company, stream, record.id, self._sequence)
        self._feed[stream, record.id] = (
            *place,
            record.kind,
            change.op,
            record.version,
            *counts,
            customer_id,
            text,
        )
        self._heads[stream] = self._sequence


def _stream(record: ValidRecord, before: _StoredVersion | None) -> str:
    """Return where the record stands from now on; a deleted order stays where it was, if anybody knows."""
    if record.kind == "customer":
        return CUSTOMERS.name
    if record.data is not None:
        return orders_of(record.establishment or "").name
    return before.stream if before else ""


def _change(record: ValidRecord) -> Change:
    return Change(
        kind=record.kind,
        op="delete" if record.data is None else "upsert",
        id=record.id,
        version=record.version,
        changed_at=record.changed_at,
        reason="erased" if record.data is None else None,
        n_items=record.n_items,
        n_payments=record.n_payments,
        data=Raw(b"null" if record.data is None else record.data),
    )


def _moved(record: ValidRecord) -> Change:
    return Change(
        kind=record.kind,
        op="delete",
        id=record.id,
        version=record.version,
        changed_at=record.changed_at,
        reason="moved",
        to=record.establishment,
        data=Raw(b"null"),
    )
