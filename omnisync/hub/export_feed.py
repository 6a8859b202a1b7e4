"""Serve a dataset to apps: its lines after a cursor, put together from the stored texts without decoding them."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, select

from omnisync.contract import CONTRACT
from omnisync.contract.batches import MAX_ROWS
from omnisync.contract.datasets import Dataset
from omnisync.hub.company_reader import CompanyReader, reading_company
from omnisync.hub.cursor import CursorPosition
from omnisync.hub.errors import ProblemError
from omnisync.hub.feed import PAGE_BYTES, CachedAnswer, etag_of, matches_etag
from omnisync.hub.store import Store
from omnisync.hub.tables import export_row, export_set

_row = export_row.c


def page(
    store: Store, company: str, dataset: Dataset, cursor: str | None, limit: int = MAX_ROWS, if_none_match: str = ""
) -> CachedAnswer:
    """Return the next lines of a dataset, each key once, at its latest place. `if_none_match` is the request's.

    Raises ProblemError `cursor_invalid`, `cursor_filter_mismatch`, `cursor_expired`.
    """
    with reading_company(store, company) as reader:
        there = _dataset_state(reader.db, company, dataset)
        (start,) = reader.places([(f"export:{dataset.system}/{dataset.name}", cursor)], there.sequence)
        if cursor is not None and there.misses_deletes(start):
            raise ProblemError("cursor_expired")
        etag = etag_of(company, start, limit, there.head, there.mark)
        if matches_etag(etag, if_none_match):
            return CachedAnswer(etag=etag)
        body, next_cursor = _page(reader, there.set_id, start, limit, cursor)
    return CachedAnswer(etag=etag, body=body, cursor=next_cursor)


class _DatasetState(Struct, frozen=True):
    """A dataset as one request sees it; one that was never exported has no set."""

    set_id: int = 0
    sequence: int = 0
    head: int = 0
    mark: str = ""
    horizon: int = 0
    horizon_proof: int = 0

    def misses_deletes(self, place: CursorPosition) -> bool:
        """Return whether deletes after the place were dropped since it was given."""
        return place.sequence < self.horizon and (place.proof is None or place.proof.sequence < self.horizon_proof)


def _dataset_state(db: Connection, company: str, dataset: Dataset) -> _DatasetState:
    s = export_set.c
    mine = (s.company == company) & (s.system == dataset.system) & (s.dataset == dataset.name)
    row = db.execute(select(s.id, s.sequence, s.head, s.mark, s.horizon, s.horizon_proof).where(mine)).first()
    return _DatasetState(*row) if row else _DatasetState()


def _page(
    reader: CompanyReader, set_id: int, start: CursorPosition, limit: int, given: str | None
) -> tuple[bytes, str]:
    last, has_more = _plan(reader.db, set_id, start.sequence, limit)
    is_empty = last == start.sequence
    cursor = given if is_empty and given else reader.cursor(start, last)
    within = select(_row.line).where(*_after(set_id, start.sequence), _row.sequence <= last).order_by(_row.sequence)
    lines = () if is_empty else reader.db.execute(within).scalars()
    body = (
        f'{{"contract":"{CONTRACT}","epoch":"{start.epoch}","lines":[{",".join(lines)}],'
        f'"cursor":"{cursor}","has_more":{"true" if has_more else "false"}}}'
    )
    return body.encode(), cursor


def _plan(db: Connection, set_id: int, after: int, limit: int) -> tuple[int, bool]:
    """Return the last sequence of the page and whether there is more, from the index alone."""
    ahead = select(_row.sequence, _row.size).where(*_after(set_id, after)).order_by(_row.sequence).limit(limit + 1)
    rows = db.execute(ahead).all()
    n = max(sum(total <= PAGE_BYTES for total in accumulate(size for _, size in rows[:limit])), min(1, len(rows)))
    return (rows[n - 1][0] if n else after), n < len(rows)


def _after(set_id: int, sequence: int) -> tuple[Any, ...]:
    return _row.set_id == set_id, _row.sequence > sequence
