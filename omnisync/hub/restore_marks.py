"""Marks: what tells a hub's database from a copy of it that was put back.

Every transaction that changes what a company's readers read leaves a random mark at the company's sequence, under the
company's row lock. What a cursor proves by such a mark was there when it was read; a database that does not hold the
mark was put back since. Marks may go with the oldest tombstones, the newest one never: an older proof says nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable

from sqlalchemy import Connection, insert, select, update

from omnisync.hub import tables
from omnisync.hub.cursor import Proof, short

_MARK_BYTES = 8
_EPOCH_BYTES = 6

_company, _mark, _past = tables.company.c, tables.mark.c, tables.past_epoch.c


def new_epoch() -> str:
    """Return an epoch that no company ever had."""
    return secrets.token_hex(_EPOCH_BYTES)


def leave(db: Connection, company: str, before: int, last: int) -> str:
    """Mark this transaction, which took the company's sequences after `before` up to `last` and holds its row.

    The company's first one marks the beginning too, so that none of its proofs is older than all marks.
    """
    mark = secrets.token_hex(_MARK_BYTES)
    rows = [{"company": company, "sequence": last, "mark": mark}]
    if before == 0:
        rows.append({"company": company, "sequence": 0, "mark": secrets.token_hex(_MARK_BYTES)})
    db.execute(insert(tables.mark), rows)
    return mark


def leave_next(db: Connection, company: str) -> str:
    """Take the company's next sequence and mark it. Late in a transaction: the others of the company wait for it."""
    mine = update(tables.company).where(_company.id == company).values(sequence=_company.sequence + 1)
    last = int(db.execute(mine.returning(_company.sequence)).scalar_one())
    return leave(db, company, last - 1, last)


def begin_epoch(db: Connection, company: str, void: Iterable[str] = ()) -> str:
    """Make every cursor of the company void, those of the epochs `void` (as `short` writes them) too."""
    epoch = new_epoch()
    before = str(db.execute(select(_company.epoch).where(_company.id == company)).scalar_one())
    db.execute(update(tables.company).where(_company.id == company).values(epoch=epoch))
    for past in {short(before), *void}:
        if not is_past(db, company, past):
            db.execute(insert(tables.past_epoch).values(company=company, short=past))
    return epoch


def is_past(db: Connection, company: str, epoch: str) -> bool:
    """Tell whether the company had this epoch before its present one, as far as this database knows."""
    mine = (_past.company == company) & (_past.short == epoch)
    return db.execute(select(_past.short).where(mine)).first() is not None


def lacking(db: Connection, company: str, proofs: Collection[Proof]) -> set[Proof]:
    """Return the proofs whose mark should stand in the database and does not."""
    if not proofs:
        return set()
    asked = select(_mark.sequence, _mark.mark).where(_mark.company == company)
    kept = {Proof(*row) for row in db.execute(asked.where(_mark.sequence.in_({p.sequence for p in proofs})))}
    gone = set(proofs) - kept
    oldest = db.execute(asked.order_by(_mark.sequence).limit(1)).first() if gone else None
    return {proof for proof in gone if oldest is None or proof.sequence >= oldest.sequence}
