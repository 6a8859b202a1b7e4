"""Remove what is over its bound, table by table. Idempotent; safe beside readers and writers.

Keys are looked up in a transaction that only reads and removed in small ones, so that a SQLite hub goes on taking
records in. What an app sold and has not erased is never removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, delete, exists, func, select, tuple_, update

from omnisync.contract.streams import CUSTOMERS, orders_of
from omnisync.hub import restore_marks, tables
from omnisync.hub.store import Store

AT_ONCE = 500
"""Rows removed in one transaction."""


class RetentionLimits(Struct, frozen=True, kw_only=True):
    """Ages and numbers beyond which rows are removed."""

    erased: timedelta = timedelta(days=400)
    """What is left of an erased or moved record: an agent that was off for so long reads no delete any more."""
    book: timedelta = timedelta(days=400)
    """Take-overs, and tokens after they were revoked."""
    leases: timedelta = timedelta(days=30)
    n_marks: int = 50_000
    """A cursor with an older proof does not tell a database put back."""
    n_snapshots: int = 20
    """Of one source in one set."""
    n_deleted_rows: int = 10_000
    """Deletes kept of a dataset, beside as many as it has living rows."""


class RetentionRule(Struct, frozen=True):
    """One table's bound, in words for the documentation, and what keeps it; None where the table bounds itself."""

    bound: str
    prune: Callable[[Store, datetime, RetentionLimits], int] | None = None


def prune(store: Store, now: datetime, limits: RetentionLimits | None = None) -> dict[str, int]:
    """Remove what is over its bound in every table; the number of rows by table."""
    limits = limits or RetentionLimits()
    return {table: rule.prune(store, now, limits) for table, rule in RULES.items() if rule.prune is not None}


def _erased_changes(store: Store, now: datetime, limits: RetentionLimits) -> int:
    f, r = tables.feed.c, tables.record.c
    here = (r.company == f.company) & (r.kind == f.kind) & (r.id == f.id)
    # With its place: a record that came again meanwhile has another.
    key = (f.company, f.id, f.stream, f.sequence)
    old = select(*key).join(tables.record, here)
    return _remove(
        store,
        old.where(f.op == "delete", r.received_at < (now - limits.erased).isoformat()),
        lambda keys: delete(tables.feed).where(tuple_(*key).in_(keys), f.op == "delete"),
    )


def _erased_records(store: Store, now: datetime, limits: RetentionLimits) -> int:
    f, r = tables.feed.c, tables.record.c
    stands = exists().where(f.company == r.company, f.id == r.id, f.kind == r.kind)
    before = (now - limits.erased).isoformat()
    return _remove(
        store,
        select(r.company, r.kind, r.id).where(r.received_at < before, ~stands),
        lambda keys: delete(tables.record).where(
            tuple_(r.company, r.kind, r.id).in_(keys), r.received_at < before, ~stands
        ),
    )


def _receipts(store: Store, _now: datetime, _limits: RetentionLimits) -> int:
    k, r = tables.receipt.c, tables.record.c
    stands = exists().where(r.company == k.company, r.kind == k.kind, r.id == k.id)
    key = (k.company, k.kind, k.id, k.destination)
    return _remove(
        store,
        select(*key).where(~stands),
        lambda keys: delete(tables.receipt).where(tuple_(*key).in_(keys), ~stands),
    )


def _streams(store: Store, _now: datetime, _limits: RetentionLimits) -> int:
    s, f, e = tables.stream.c, tables.feed.c, tables.establishment.c
    is_registered = exists().where(e.company == s.company, orders_of("").name + e.code == s.name)
    is_used = exists().where(f.company == s.company, f.stream == s.name)
    is_over = (s.name != CUSTOMERS.name) & ~is_registered & ~is_used
    n = 0
    for company in sorted(set(_all(store, select(s.company).where(is_over)))):
        with store.writing() as db:
            # The intake holds this row while it writes to a stream: what is empty then stays so.
            mine = tables.company.c.id == company
            db.execute(select(tables.company.c.id).where(mine).with_for_update(key_share=True))
            n += _removed(db, delete(tables.stream).where(s.company == company, is_over))
    return n


def _leases(store: Store, now: datetime, limits: RetentionLimits) -> int:
    with store.writing() as db:
        old = tables.lease.c.until < (now - limits.leases).isoformat()
        return db.execute(delete(tables.lease).where(old)).rowcount


def _take_overs(store: Store, now: datetime, limits: RetentionLimits) -> int:
    with store.writing() as db:
        old = tables.take_over.c.at < (now - limits.book).isoformat()
        return db.execute(delete(tables.take_over).where(old)).rowcount


def _tokens(store: Store, now: datetime, limits: RetentionLimits) -> int:
    with store.writing() as db:
        old = tables.token.c.revoked_at < (now - limits.book).isoformat()
        return db.execute(delete(tables.token).where(old)).rowcount


def _usage(store: Store, _now: datetime, _limits: RetentionLimits) -> int:
    u, t = tables.usage.c, tables.token.c
    is_over = (u.token != "") & ~exists().where(t.prefix == u.token, t.revoked_at.is_(None))
    with store.writing() as db:
        return _removed(db, delete(tables.usage).where(is_over))


def _old_marks(store: Store, _now: datetime, limits: RetentionLimits) -> int:
    m = tables.mark.c
    n = 0
    for company in _all(store, select(tables.company.c.id)):
        last = select(m.sequence).where(m.company == company).order_by(m.sequence.desc())
        for cut in _all(store, last.offset(limits.n_marks).limit(1)):
            with store.writing() as db:
                n += db.execute(delete(tables.mark).where(m.company == company, m.sequence <= cut)).rowcount
    return n


def _snapshots(store: Store, _now: datetime, limits: RetentionLimits) -> int:
    n = tables.export_snapshot.c
    place = func.row_number().over(partition_by=(n.set_id, n.source), order_by=n.began.desc())
    ranked = select(n.set_id, n.source, n.id, place.label("place")).subquery()
    key = (n.set_id, n.source, n.id)
    return _remove(
        store,
        select(ranked.c.set_id, ranked.c.source, ranked.c.id).where(ranked.c.place > limits.n_snapshots),
        lambda keys: delete(tables.export_snapshot).where(tuple_(*key).in_(keys)),
    )


def _deleted_rows(store: Store, _now: datetime, limits: RetentionLimits) -> int:
    s = tables.export_set.c
    with store.reading() as db:
        sets = db.execute(select(s.id, s.company, s.living)).all()
    return sum(_deleted_rows_of(store, company, id_, living + limits.n_deleted_rows) for id_, company, living in sets)


def _deleted_rows_of(store: Store, company: str, set_id: int, n_kept: int) -> int:
    """Drop a set's oldest deletes; a reader with a cursor of before, who has not read them, begins again."""
    s, r = tables.export_set.c, tables.export_row.c
    gone = (r.set_id == set_id, r.version == "")
    n = 0
    for cut in _all(store, select(r.sequence).where(*gone).order_by(r.sequence.desc()).offset(n_kept).limit(1)):
        with store.writing() as db:  # first: so the proof of a later cursor is later
            restore_marks.leave_next(db, company)
            now = select(tables.company.c.sequence).where(tables.company.c.id == company).scalar_subquery()
            db.execute(update(tables.export_set).where(s.id == set_id).values(horizon=cut, horizon_proof=now))
        old = (*gone, r.sequence <= cut)
        n += _remove(store, select(r.key).where(*old), _rows_named(old))
    return n


def _rows_named(old: tuple[ColumnElement[bool], ...]) -> Callable[[list[Any]], Any]:
    return lambda keys: delete(tables.export_row).where(*old, tables.export_row.c.key.in_([key for (key,) in keys]))


def _all(store: Store, asked: Any) -> Sequence[Any]:
    with store.reading() as db:
        return db.execute(asked).scalars().all()


def _remove(store: Store, asked: Any, removal: Callable[[list[Any]], Any]) -> int:
    """Remove the rows that are found, some at a time; `removal` looks again at what it is given."""
    n = 0
    with store.reading() as db:
        found = [tuple(row) for row in db.execute(asked)]
    for keys in _slices(found):
        with store.writing() as writing:
            n += _removed(writing, removal(keys))
    return n


def _removed(db: Connection, removal: Any) -> int:
    return int(db.execute(removal).rowcount)


def _slices(keys: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(keys), AT_ONCE):
        yield keys[start : start + AT_ONCE]


RULES: Mapping[str, RetentionRule] = {
    "company": RetentionRule("one row a company, by `hub company add`"),
    "establishment": RetentionRule("one row an establishment, by `hub establishment add`"),
    "secret": RetentionRule("one row"),
    "past_epoch": RetentionRule("one row a restore; kept, for an epoch that is not known begins another"),
    "token": RetentionRule("those in use, and revoked ones for 400 days", _tokens),
    "feed": RetentionRule("one row a living record; 400 days of what was erased or moved", _erased_changes),
    "record": RetentionRule("one row a living record; 400 days of what was erased", _erased_records),
    "receipt": RetentionRule("one row a record and destination, as long as the record", _receipts),
    "stream": RetentionRule("the customers, the registered establishments, 50 others that hold orders", _streams),
    "lease": RetentionRule("one row an establishment, for 30 days", _leases),
    "usage": RetentionRule("two rows a company and two a token; those of removed tokens go with them", _usage),
    "take_over": RetentionRule("400 days", _take_overs),
    "mark": RetentionRule("the last 50,000 transactions of a company", _old_marks),
    "export_set": RetentionRule("one row a dataset of the contract, for each company"),
    "export_row": RetentionRule("the living rows, as many deleted ones, and 10,000", _deleted_rows),
    "export_last_batch": RetentionRule("one row a dataset and token name"),
    "export_source": RetentionRule("one row a token's name and dataset"),
    "export_batch": RetentionRule("30 days, and the last 1,000 of a dataset, at each upload"),
    "export_snapshot": RetentionRule("the last 20 of a computer in a dataset", _snapshots),
}
"""Every table of the hub; a record goes after its changes, and a receipt and a stream after their records."""
