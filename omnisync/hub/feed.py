"""Serve the changes after a cursor, put together from the stored texts without decoding them.

A page depends only on the company's epoch, where it begins and the heads of its streams; that is its ETag, so a poll
with nothing new is answered from three small rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import accumulate, islice
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, func, literal, select, union_all

from omnisync.contract import CONTRACT
from omnisync.contract.feed import MAX_PAGE, StreamHead, Streams
from omnisync.contract.streams import CUSTOMERS, orders_of
from omnisync.hub import tables
from omnisync.hub.company_reader import CompanyReader, reading_company
from omnisync.hub.cursor import CursorPosition
from omnisync.hub.errors import ProblemError
from omnisync.hub.id_lookup import select_by_id
from omnisync.hub.store import Store

PAGE_BYTES = 2_000_000
"""A page stops before it grows past this; one bigger order travels alone."""
RELATED_BYTES = 8_000_000
"""Of the customers beside a page's orders: where theirs are more, the page is shorter. Agents read 32 MiB."""
_STREAMS_AT_ONCE = 50
"""In one statement: SQLite takes 500 at most, and any app may name an establishment nobody knows."""

_NAMES_AT_ONCE = 1000

_feed = tables.feed.c
_COUNTS = (
    func.count(),
    *(func.coalesce(func.sum(column), 0) for column in (_feed.n_items, _feed.n_payments)),
)


class PageRequest(Struct, frozen=True, kw_only=True):
    """The parameters of one GET /v1/changes."""

    stream: str
    cursor: str | None = None
    customers_until: str | None = None
    limit: int = MAX_PAGE


class CachedAnswer(Struct, frozen=True, kw_only=True):
    """A body with its ETag; None = the asker has it already. `cursor` is where a page goes on."""

    etag: str
    body: bytes | None = None
    cursor: str | None = None


def page(store: Store, company: str, page_request: PageRequest, if_none_match: str = "") -> CachedAnswer:
    """Return the next changes of a stream, whole orders only. `if_none_match` is the request's.

    Raises ProblemError `cursor_invalid`, `cursor_filter_mismatch`, `cursor_expired`.
    """
    with reading_company(store, company) as reader:
        given = (page_request.stream, page_request.cursor), (CUSTOMERS.name, page_request.customers_until)
        start, until = reader.places(given, reader.sequence)
        heads = _latest_sequences(reader.db, company, page_request.stream, CUSTOMERS.name)
        etag = etag_of(company, reader.epoch, start, until, page_request.limit, heads)
        if matches_etag(etag, if_none_match):
            return CachedAnswer(etag=etag)
        body, cursor = _page(reader, start, until, page_request)
    return CachedAnswer(etag=etag, body=body, cursor=cursor)


def streams(store: Store, company: str, after: Mapping[str, str], if_none_match: str = "") -> CachedAnswer:
    """Return every stream of the company and what waits in it after the given cursors. Raises as `page` does."""
    with reading_company(store, company) as reader:
        heads = _latest_sequences(reader.db, company)
        places = {place.stream: place for place in reader.places(list(after.items()), reader.sequence)}
        after_sequence = {name: places[name].sequence if name in places else 0 for name in heads}
        waiting = _waiting(reader.db, company, {n: s for n, s in after_sequence.items() if s < heads[n].sequence})
        unregistered = _unregistered(reader.db, company, heads)
    found = [
        _stream_head(name, after_sequence[name], waiting.get(name, (0, 0, 0)), unregistered.get(name, 0))
        for name in sorted(heads)
    ]
    body = msgspec.json.encode(Streams(contract=CONTRACT, epoch=reader.epoch, streams=tuple(found)))
    etag = etag_of(company, body)
    return CachedAnswer(etag=etag) if matches_etag(etag, if_none_match) else CachedAnswer(etag=etag, body=body)


def changes_of(store: Store, company: str, kind: str, ids: Iterable[str]) -> list[tuple[str, bytes]]:
    """Return the op and the text of each record the company has, as it is now; an unknown id is left out."""
    r = tables.record.c
    here = (_feed.company == r.company) & (_feed.id == r.id) & _by_key(r.stream)
    both = tables.record.join(tables.feed, here)
    mine = (r.company == company) & (r.kind == kind)
    with store.reading() as db:
        found = db.execute(select_by_id(db, (r.id, _feed.op, _feed.change), both, r.id, set(ids), mine)).all()
    return [(row.op, bytes(row.change)) for row in sorted(found, key=lambda row: str(row.id))]


def change_of(store: Store, company: str, kind: str, id: str) -> bytes:
    """Return the text of one record as it is now. Raises ProblemError `not_found` or `gone`."""
    r = tables.record.c
    here = (_feed.company == r.company) & (_feed.id == r.id) & _by_key(r.stream)
    # An order erased before it was seen stands in no stream.
    wherever = tables.record.outerjoin(tables.feed, here)
    mine = (r.company == company) & (r.kind == kind) & (r.id == id)
    with store.reading() as db:
        row = db.execute(select(_feed.op, _feed.change).select_from(wherever).where(mine)).first()
    if row is None:
        raise ProblemError("not_found")
    if row.op != "upsert":
        raise ProblemError("gone")
    return bytes(row.change)


def matches_etag(etag: str, known: str) -> bool:
    """Return whether If-None-Match names this ETag (weakly: gzip or not, it is the same page)."""
    return known.strip() == "*" or etag in (part.strip() for part in known.split(","))


class _Head(Struct, frozen=True):
    """A stream's newest sequence, and the mark of the transaction that wrote it."""

    sequence: int
    mark: str


def _latest_sequences(db: Connection, company: str, *names: str) -> dict[str, _Head]:
    """Return the newest sequence of each stream; of all of them when none is named."""
    s = tables.stream.c
    mine = select(s.name, s.head, s.mark).where(s.company == company)
    return {name: _Head(*head) for name, *head in db.execute(mine.where(s.name.in_(names)) if names else mine)}


def _page(
    reader: CompanyReader, start: CursorPosition, until: CursorPosition, page_request: PageRequest
) -> tuple[bytes, str]:
    db = reader.db
    last, has_more = _plan(db, start, page_request.limit)
    is_empty = last == start.sequence
    rows: Sequence[Any] = [] if is_empty else _between(db, start, last)
    named = {row.customer_id for row in rows if row.customer_id}
    related = _customers(db, until, named) if named else {}
    n = _n_with_customers(rows, {id_: len(change) for id_, change in related.items()})
    if n < len(rows):
        rows, last, has_more = rows[:n], rows[n - 1].sequence, True
        named = {row.customer_id for row in rows}
        related = {id_: change for id_, change in related.items() if id_ in named}
    cursor = page_request.cursor if is_empty and page_request.cursor else reader.cursor(start, last)
    parts = [b'{"contract":"', CONTRACT.encode(), b'","epoch":"', start.epoch.encode(), b'","changes":[']
    parts += [b",".join(row.change for row in rows), b'],"cursor":"', cursor.encode(), b'","has_more":']
    parts.append(b"true" if has_more else b"false")
    if related:
        parts += [b',"related":{"customers":[', b",".join(related.values()), b"]}"]
    return b"".join((*parts, b"}")), cursor


def _plan(db: Connection, start: CursorPosition, limit: int) -> tuple[int, bool]:
    """Return the last sequence of the page and whether there is more, from the index alone."""
    ahead = select(_feed.sequence, _feed.size).where(*_after(start)).order_by(_feed.sequence).limit(limit + 1)
    rows = db.execute(ahead).all()
    sizes = accumulate(size for _, size in rows[:limit])
    n = max(sum(total <= PAGE_BYTES for total in sizes), min(1, len(rows)))
    return (rows[n - 1][0] if n else start.sequence), n < len(rows)


def _between(db: Connection, start: CursorPosition, last: int) -> Sequence[Any]:
    within = select(_feed.sequence, _feed.customer_id, _feed.change).where(*_after(start), _feed.sequence <= last)
    return db.execute(within.order_by(_feed.sequence)).all()


def _n_with_customers(rows: Sequence[Any], sizes: Mapping[str, int]) -> int:
    """Return how many orders, one at least, have customers of RELATED_BYTES together."""
    left = dict(sizes)
    total = 0
    for n, row in enumerate(rows):
        total += left.pop(row.customer_id, 0)
        if n and total > RELATED_BYTES:
            return n
    return len(rows)


def _customers(db: Connection, until: CursorPosition, named: set[str]) -> dict[str, bytes]:
    """Return those named customers that changed after `until`, by their ids."""
    later = (_feed.company == until.company, _by_key(CUSTOMERS.name), _feed.sequence + 0 > until.sequence)
    columns = (_feed.id, _feed.sequence, _feed.change)
    found = db.execute(select_by_id(db, columns, tables.feed, _feed.id, named, *later)).all()
    return {row.id: row.change for row in sorted(found, key=lambda row: int(row.sequence))}


def _by_key(stream: Any) -> ColumnElement[bool]:
    """Return the row's stream, written so that only the key's index serves.

    Both planners would rather walk a whole stream by `feed_order` for each id: 100 ms a page on a fresh PostgreSQL.
    """
    written: ColumnElement[bool] = _feed.stream + "" == stream
    return written


def _after(place: CursorPosition) -> tuple[Any, ...]:
    return _feed.company == place.company, _feed.stream == place.stream, _feed.sequence > place.sequence


def _waiting(db: Connection, company: str, after: Mapping[str, int]) -> dict[str, tuple[int, int, int]]:
    found: list[Any] = []
    read = iter([(stream, sequence) for stream, sequence in after.items() if sequence])
    while some := list(islice(read, _STREAMS_AT_ONCE)):
        found += db.execute(union_all(*(_count(company, stream, sequence) for stream, sequence in some))).all()
    # Those of which nothing was read, as of any number of establishments that are not registered, are counted at once.
    unread = iter([stream for stream, sequence in after.items() if not sequence])
    while names := list(islice(unread, _NAMES_AT_ONCE)):
        here = (_feed.company == company, _feed.stream.in_(names))
        found += db.execute(select(_feed.stream, *_COUNTS).where(*here).group_by(_feed.stream)).all()
    return {stream: (rows, int(items), int(payments)) for stream, rows, items, payments in found}


def _count(company: str, stream: str, sequence: int) -> Select[Any]:
    place = CursorPosition(company=company, stream=stream, epoch="", sequence=sequence)
    return select(literal(stream), *_COUNTS).where(*_after(place))


def _unregistered(db: Connection, company: str, heads: Iterable[str]) -> dict[str, int]:
    """Return the orders that stand in the streams of establishments the company has not registered.

    Those that left such a stream were mended; their deletes are not counted.
    """
    c = tables.establishment.c
    registered = {orders_of(code).name for code in db.execute(select(c.code).where(c.company == company)).scalars()}
    streams = set(heads) - registered - {CUSTOMERS.name}
    if not streams:
        return {}
    found: dict[str, int] = {}
    left = iter(sorted(streams))
    while names := list(islice(left, _NAMES_AT_ONCE)):
        here = (_feed.company == company, _feed.stream.in_(names), _feed.op == "upsert")
        counted = select(_feed.stream, func.count()).where(*here).group_by(_feed.stream)
        found |= {stream: n for stream, n in db.execute(counted)}
    return found


def _stream_head(stream: str, after: int, waiting: tuple[int, int, int], unregistered: int) -> StreamHead:
    rows, items, payments = waiting
    if stream == CUSTOMERS.name:
        return StreamHead(stream=stream, is_new=after == 0, customers=rows)
    return StreamHead(
        stream=stream, is_new=after == 0, orders=rows, items=items, payments=payments, unregistered=unregistered
    )


def etag_of(*parts: object) -> str:
    """Return a weak ETag that differs when any of the parts does."""
    return f'W/"{blake2b(repr((CONTRACT, *parts)).encode(), digest_size=12).hexdigest()}"'
