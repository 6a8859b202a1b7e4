"""One company as one request reads it: its cursors checked, new ones given.

A cursor whose proof the database does not hold says that the database was put back from a copy since. Then the company
begins a new epoch, once: looked at again under the company's row lock, so that of many such cursors one does it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
from sqlalchemy import Connection, select

from omnisync.hub import cursor as cursors
from omnisync.hub import restore_marks, tables
from omnisync.hub.cursor import Cursor, CursorPosition, Proof
from omnisync.hub.errors import ProblemError
from omnisync.hub.store import Store

_log = logging.getLogger("omnisync.hub")
_company, _mark = tables.company.c, tables.mark.c


class PutBackError(Exception):
    """These cursors are the hub's own, and prove what the database does not hold."""

    def __init__(self, cursors: Sequence[Cursor]) -> None:
        super().__init__("the database was put back from a copy")
        self.cursors = tuple(cursors)


@contextmanager
def reading_company(store: Store, company: str) -> Iterator[CompanyReader]:
    """Open one moment of the company. A database put back is noticed here: ProblemError `cursor_expired`."""
    try:
        with store.reading() as db:
            yield CompanyReader(db, company)
    except PutBackError as error:  # the reading is over: nothing of ours holds the database any more
        _begin_epoch(store, company, error.cursors)
        raise ProblemError("cursor_expired") from None


class CompanyReader:
    """One company in one moment."""

    def __init__(self, db: Connection, company: str) -> None:
        self.db = db
        self._company = company
        newest = select(_mark.sequence).where(_mark.company == company).order_by(_mark.sequence.desc()).limit(1)
        at_newest = (_mark.company == _company.id) & (_mark.sequence == newest.scalar_subquery())
        secret = select(tables.secret.c.value).where(tables.secret.c.name == "cursor").scalar_subquery()
        asked = select(_company.epoch, _company.sequence, secret, _mark.sequence, _mark.mark)
        row = db.execute(
            asked.select_from(tables.company.outerjoin(tables.mark, at_newest)).where(_company.id == company)
        ).one()
        self.epoch, self.sequence, self._secret, at, mark = row
        # A company that a hub of before the marks made meanwhile has none: its cursors are as they were then.
        self._proof = None if mark is None else Proof(at, mark)

    def places(self, asked: Sequence[tuple[str, str | None]], last: int) -> list[CursorPosition]:
        """Return where each cursor stands in its stream; without one, the beginning. None stands beyond `last`.

        Raises ProblemError `cursor_invalid`, `cursor_filter_mismatch` or `cursor_expired`; PutBackError.
        """
        starts = [CursorPosition(company=self._company, stream=stream, epoch=self.epoch) for stream, _ in asked]
        given = [
            None if cursor is None else cursors.decode(cursor, start, self._secret)
            for start, (_, cursor) in zip(starts, asked, strict=True)
        ]
        # All are looked at before one is refused: what one of them proves is not to hide behind another.
        if put_back := self.put_back([cursor for cursor in given if cursor is not None]):
            raise PutBackError(put_back)
        return [self._place(start, cursor, last) for start, cursor in zip(starts, given, strict=True)]

    def put_back(self, given: Sequence[Cursor]) -> list[Cursor]:
        """Return the cursors that prove a database put back: signed by it, with an epoch or a mark it does not have."""
        now, proven = cursors.short(self.epoch), [cursor for cursor in given if cursor.proof is not None]
        lacking = restore_marks.lacking(
            self.db, self._company, {one.proof for one in proven if one.epoch == now and one.proof}
        )
        others = {one.epoch for one in proven} - {now}
        unknown = {epoch for epoch in others if not restore_marks.is_past(self.db, self._company, epoch)}
        return [one for one in proven if one.epoch in unknown or (one.epoch == now and one.proof in lacking)]

    def cursor(self, start: CursorPosition, sequence: int) -> str:
        """Return a cursor after this sequence of the stream, with the proof of this moment."""
        return cursors.encode(msgspec.structs.replace(start, sequence=sequence, proof=self._proof), self._secret)

    def _place(self, start: CursorPosition, cursor: Cursor | None, last: int) -> CursorPosition:
        if cursor is None:
            return start
        # The number is all that a cursor without a proof can tell of a database put back.
        if cursor.is_foreign or cursor.sequence > last or cursor.epoch != cursors.short(self.epoch):
            raise ProblemError("cursor_expired")
        return msgspec.structs.replace(start, sequence=cursor.sequence, proof=cursor.proof)


def _begin_epoch(store: Store, company: str, told: Sequence[Cursor]) -> None:
    with store.writing() as db:
        db.execute(select(_company.id).where(_company.id == company).with_for_update(key_share=True))
        if put_back := CompanyReader(db, company).put_back(told):
            restore_marks.begin_epoch(db, company, {cursor.epoch for cursor in put_back})
            _log.warning("the database was put back from a copy: company %s begins a new epoch", company)
