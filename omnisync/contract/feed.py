"""The feed and its answers: Change, Page, Streams, receipts, the intake.

A page is read in two steps: ids and versions first (`data` stays raw), then only what is new, record by record.
Source: docs/contract.md "The feed".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha1
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from omnisync.contract.records import Id, Instant

RecordKind = Literal["customer", "order"]
Outcome = Literal["imported", "updated", "unchanged", "refused", "waiting", "cancelled", "kept", "staged"]
Version = Annotated[int, Meta(ge=1, le=2**53)]

MAX_PAGE = 1000
"""Changes in a page at most."""
MAX_RECEIPTS = 5000
MAX_INTAKE = 1000
MAX_RECORDS = 100
"""Ids in one GET /v1/records at most: the address stays under 8 kB."""


class Change(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The latest state of one record. `data` is the record itself, not yet decoded; null when it was deleted."""

    kind: RecordKind
    op: Literal["upsert", "delete"]
    id: Id
    version: Version
    changed_at: Instant
    reason: Literal["erased", "moved"] | None = None
    to: Annotated[str, Meta(max_length=10)] | None = None
    n_items: Annotated[int, Meta(ge=0)] = 0
    n_payments: Annotated[int, Meta(ge=0)] = 0
    data: Raw = Raw(b"null")

    @property
    def has_data(self) -> bool:
        """Return whether the change carries its record."""
        return bytes(self.data) != b"null"


class Related(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Customers named in an order page whose own change the reader has not met yet."""

    customers: tuple[Change, ...] = ()


class Unreadable(Struct, frozen=True, kw_only=True, gc=False):
    """A change whose envelope cannot be read: refused by its id when it shows one, else by its place."""

    kind: RecordKind
    id: str
    version: int
    why: str


class Page(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Some changes of one stream, in order, and where to go on."""

    contract: Annotated[str, Meta(max_length=10)]
    epoch: Annotated[str, Meta(max_length=20)]
    changes: tuple[Change, ...]
    cursor: Annotated[str, Meta(max_length=200)]
    has_more: bool
    related: Related = Related()


class RecordsAnswer(Struct, frozen=True, kw_only=True):
    """Answer of GET /v1/records."""

    changes: tuple[Change, ...]


class StreamHead(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One stream and what waits in it after the reader's cursor, in rows by noun.

    `unregistered` counts the orders that stand in the stream of an establishment the company has not registered: no
    agent reads it until it is.
    """

    stream: str
    is_new: bool
    customers: int = 0
    orders: int = 0
    items: int = 0
    payments: int = 0
    unregistered: int = 0


class Streams(Struct, frozen=True, kw_only=True):
    """Answer of GET /v1/streams."""

    contract: str
    epoch: str
    streams: tuple[StreamHead, ...]


class Establishment(Struct, frozen=True, kw_only=True):
    """A unit of the company. The code is text: zeros are kept."""

    code: str
    name: str


class Company(Struct, frozen=True, kw_only=True):
    """The company the token belongs to."""

    id: str
    name: str


class Limits(Struct, frozen=True, kw_only=True):
    """The limits of one request."""

    page: int
    receipts: int
    records: int
    intake_records: int
    intake_bytes: int


class Identity(Struct, frozen=True, kw_only=True):
    """Answer of GET /v1: who am I."""

    company: Company
    establishments: tuple[Establishment, ...]
    scopes: tuple[str, ...]
    contract: str
    min_agent_version: str
    server_time: Instant
    limits: Limits


class Lease(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Answer of PUT /v1/leases/…: who reads an establishment's orders, and from whom that was taken just now."""

    establishment: str
    holder: str
    since: Instant | None = None
    until: Instant
    taken_from: str | None = None


class Reason(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The reason a record did not enter, in words for a person. `value` never holds a CPF, an e-mail or a phone."""

    code: Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[!-~]+$(?!\n)")]
    field: Annotated[str, Meta(max_length=120)] | None = None
    value: Annotated[str, Meta(max_length=120)] | None = None
    message: Annotated[str, Meta(max_length=600)] = ""


class Receipt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The agent's outcome for one version of one record (retorno)."""

    kind: RecordKind
    id: Id
    version: Version
    outcome: Outcome
    at: Instant
    erp_number: Annotated[str, Meta(max_length=60)] | None = None
    reason: Reason | None = None


class ReceiptBatch(Struct, frozen=True, kw_only=True):
    """Body of POST /v1/receipts."""

    agent_run_id: Annotated[str, Meta(max_length=60)]
    receipts: Annotated[tuple[Receipt, ...], Meta(max_length=MAX_RECEIPTS)]


class ReceiptResult(Struct, frozen=True, kw_only=True):
    """The hub's result for one receipt."""

    kind: RecordKind
    id: str
    version: int
    status: Literal["stored", "stale", "unknown"]


class ReceiptAnswer(Struct, frozen=True, kw_only=True):
    """Answer of POST /v1/receipts, in the order sent."""

    results: tuple[ReceiptResult, ...]


class KeptReceipt(Receipt, frozen=True, kw_only=True, omit_defaults=True):
    """A receipt as the hub keeps it: the last one of each destination."""

    destination: str


class RecordAnswer(Struct, frozen=True, kw_only=True):
    """Answer of GET /v1/orders/{id} and /v1/customers/{id}: one record now and what became of it."""

    change: Change
    receipts: tuple[KeptReceipt, ...]


class IntakeBatch(Struct, frozen=True, kw_only=True):
    """Body of POST /v1/records; every record is read alone, so that one bad record refuses only itself."""

    records: Annotated[tuple[Raw, ...], Meta(max_length=MAX_INTAKE)]


class IntakeResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The intake's result for one record. `pointer` names the field (JSON Pointer) when it was refused."""

    status: Literal["stored", "same", "stale", "refused"]
    kind: str | None = None
    id: str | None = None
    version: int | None = None
    code: str | None = None
    pointer: str | None = None
    detail: str | None = None


class IntakeAnswer(Struct, frozen=True, kw_only=True):
    """Answer of POST /v1/records, in the order sent."""

    results: tuple[IntakeResult, ...]


class TruncatedError(ValueError):
    """The answer ends before its frame does, or is no frame at all: it came to harm on the way."""


class UndecodableError(ValueError):
    """The frame came whole and cannot be decoded: a record in it spoils it (NaN, a lone surrogate, deep nesting)."""


class _LooseRelated(Struct, frozen=True, kw_only=True):
    customers: tuple[Raw, ...] = ()


class _LoosePage(Struct, frozen=True, kw_only=True):
    contract: str
    epoch: str
    changes: tuple[Raw, ...]
    cursor: str
    has_more: bool
    related: _LooseRelated = _LooseRelated()


class _LooseRecords(Struct, frozen=True, kw_only=True):
    changes: tuple[Raw, ...]


class _Envelope(Struct, frozen=True):
    id: object = None
    version: object = None


Frame = TypeVar("Frame")
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding may raise, whatever the bytes are."""

_ID = re.compile(r"[!-~]{1,40}")
_page = msgspec.json.Decoder(Page)
_loose_page = msgspec.json.Decoder(_LoosePage)
_records = msgspec.json.Decoder(RecordsAnswer)
_loose_records = msgspec.json.Decoder(_LooseRecords)
_change = msgspec.json.Decoder(Change)
_envelope = msgspec.json.Decoder(_Envelope)


def read_page(body: bytes, kind: RecordKind) -> tuple[Page, tuple[Unreadable, ...]]:
    """Return a page of the stream's kind, its records still raw, and the changes whose envelope cannot be read.

    Raises TruncatedError or UndecodableError when the frame itself does not decode.
    """
    try:
        return _page.decode(body), ()
    except UNDECODABLE:
        loose = _decode_frame(_loose_page, body)
    changes, unreadable = _split_readable(loose.changes, kind)
    # A related customer that cannot be read comes again in its own stream, and is refused there.
    related, _ = _split_readable(loose.related.customers, "customer")
    page = Page(
        contract=loose.contract,
        epoch=loose.epoch,
        changes=changes,
        cursor=loose.cursor,
        has_more=loose.has_more,
        related=Related(customers=related),
    )
    return page, unreadable


def read_records(body: bytes, kind: RecordKind) -> tuple[tuple[Change, ...], tuple[Unreadable, ...]]:
    """Return the answer of GET /v1/records, read and refused as a page is."""
    try:
        return _records.decode(body).changes, ()
    except UNDECODABLE:
        return _split_readable(_decode_frame(_loose_records, body).changes, kind)


def unnamed_record(kind: RecordKind, cursor: str) -> Unreadable:
    """Return a record that cannot even be named, by its place: the cursor it was asked for with.

    Its id is longer than a record's may be, so that it is never taken for one.
    """
    id_ = "?" + sha1(cursor.encode(), usedforsecurity=False).hexdigest()
    return Unreadable(kind=kind, id=id_, version=1, why="formato")


def is_unnamed(id_: str) -> bool:
    """Return whether this names a place and no record: the hub knows nothing by it."""
    return len(id_) > 40


def _decode_frame(decoder: msgspec.json.Decoder[Frame], body: bytes) -> Frame:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:  # JSON, and no frame of ours
        raise TruncatedError(str(error)) from error
    except UNDECODABLE as error:
        frame = body.strip()
        is_whole = frame.startswith(b"{") and frame.endswith(b"}") and "truncated" not in str(error)
        raise (UndecodableError if is_whole else TruncatedError)(str(error)) from error


def _split_readable(raws: Iterable[Raw], kind: RecordKind) -> tuple[tuple[Change, ...], tuple[Unreadable, ...]]:
    changes: list[Change] = []
    unreadable: list[Unreadable] = []
    for raw in raws:
        try:
            changes.append(_change.decode(raw))
        except UNDECODABLE as error:
            unreadable.append(_unreadable(bytes(raw), kind, str(error)))
    return tuple(changes), tuple(unreadable)


def _unreadable(raw: bytes, kind: RecordKind, why: str) -> Unreadable:
    try:
        seen = _envelope.decode(raw)
    except UNDECODABLE:
        seen = _Envelope()
    is_id = isinstance(seen.id, str) and _ID.fullmatch(seen.id) is not None
    id_ = str(seen.id) if is_id else "?" + sha1(raw, usedforsecurity=False).hexdigest()
    is_version = type(seen.version) is int and 0 < seen.version <= 2**53
    version = seen.version if is_version and isinstance(seen.version, int) else 1
    return Unreadable(kind=kind, id=id_, version=version, why=why)
