"""Leases of establishments: one token at a time reads an establishment's orders, by the hub's clock alone.

Reading takes or renews it; it ends by itself. Of two computers that import the same establishment, the second receives
the first one's name, and may take the lease over: the first is then refused at its next page. A revoked token holds
nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil
from typing import Any

from sqlalchemy import Connection, insert, select

from omnisync.contract.feed import Lease
from omnisync.contract.streams import orders_of
from omnisync.hub.access import Caller
from omnisync.hub.errors import ProblemError
from omnisync.hub.store import Store
from omnisync.hub.tables import lease, take_over

HELD_FOR = timedelta(seconds=90)
RENEWED_AFTER = timedelta(seconds=30)
"""A third: most pages of a long read cost one look."""

_CLOCK_MARGIN = timedelta(seconds=30)
"""Between two processes of a hub. A lease that ends later than this allows was taken by a clock that ran ahead."""

_MAX_KNOWN = 10_000
_FREE = """
WHERE lease.holder = excluded.holder OR lease.until <= ? OR lease.until > ?
    OR EXISTS (SELECT 1 FROM token WHERE token.prefix = lease.holder AND token.revoked_at IS NOT NULL)
"""
# Of a stream that is there: a mistyped establishment leaves nothing behind.
_TAKE = """
INSERT INTO lease (company, establishment, holder, name, until, since)
SELECT company, ?, ?, ?, ?, ? FROM stream WHERE company = ? AND name = ?
ON CONFLICT (company, establishment) DO UPDATE SET holder = excluded.holder, name = excluded.name,
    until = excluded.until,
    since = CASE WHEN lease.holder = excluded.holder AND lease.until > ? THEN lease.since ELSE excluded.since END
"""


class Leases:
    """The leases of one hub. What this process has taken a moment ago is only looked at, not written again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._taken: dict[tuple[str, str, str], datetime] = {}

    def acquire(self, caller: Caller, establishment: str, now: datetime) -> None:
        """Take or renew the caller's lease of the establishment.

        Raises ProblemError `establishment_busy` (409) with the holder's name, since when, and the seconds to wait.
        """
        key = (caller.company, establishment, caller.token)
        taken = self._taken.get(key)
        if taken is not None and taken <= now < taken + RENEWED_AFTER and self._is_still(caller, establishment):
            return
        with self._store.writing() as db:
            is_mine = _take(db, caller, establishment, now, only_free=True)
            row = None if is_mine else _of(db, caller.company, establishment)
        if row is not None and row.holder != caller.token:
            until, since = datetime.fromisoformat(row.until), _moment(row.since)
            wait = max(1, ceil((until - now).total_seconds()))
            raise ProblemError("establishment_busy", holder=row.name, since=since, headers={"Retry-After": str(wait)})
        if not is_mine and row is None:  # no order was ever written to this stream: there is no lease to remember
            return
        if len(self._taken) >= _MAX_KNOWN:
            self._taken.clear()
        self._taken[key] = now

    def take_over(self, caller: Caller, establishment: str, now: datetime) -> Lease:
        """Return the caller's lease, taken from any holder; the former one is recorded.

        Idempotent. Raises ProblemError `establishment_unknown` (404).
        """
        with self._store.writing() as db:
            # A free one first: of two that take over at once what is not there, the second then finds the first one's
            # row, where it can be held.
            is_free = _take(db, caller, establishment, now, only_free=True)
            before = None if is_free else _of(db, caller.company, establishment, held=True)
            if before is not None:
                _take(db, caller, establishment, now, only_free=False)
            row = _of(db, caller.company, establishment)
            if row is None:
                raise ProblemError("establishment_unknown")
            former = None if before is None or before.holder == caller.token else before
            if former is not None:
                db.execute(
                    insert(take_over).values(
                        company=caller.company,
                        establishment=establishment,
                        at=_text(now),
                        by_token=caller.token,
                        by_name=caller.destination,
                        from_token=former.holder,
                        from_name=former.name,
                    )
                )
        return Lease(
            establishment=establishment,
            holder=caller.destination,
            since=_moment(row.since),
            until=datetime.fromisoformat(row.until),
            taken_from=None if former is None else former.name,
        )

    def _is_still(self, caller: Caller, establishment: str) -> bool:
        with self._store.reading() as db:
            row = _of(db, caller.company, establishment)
        return row is None or row.holder == caller.token


def _take(db: Connection, caller: Caller, establishment: str, now: datetime, *, only_free: bool) -> bool:
    at = _text(now)
    mine = (establishment, caller.token, caller.destination, _text(now + HELD_FOR), at)
    values = (*mine, caller.company, orders_of(establishment).name, at)
    sql = _TAKE + _FREE if only_free else _TAKE
    sql = sql.replace("?", "%s") if db.dialect.name == "postgresql" else sql
    ahead = _text(now + HELD_FOR + _CLOCK_MARGIN)
    return bool(db.exec_driver_sql(sql, (*values, at, ahead) if only_free else values).rowcount)


def _of(db: Connection, company: str, establishment: str, *, held: bool = False) -> Any:
    """Return the lease's row, held until the transaction ends when so asked."""
    asked = select(lease).where(lease.c.company == company, lease.c.establishment == establishment)
    return db.execute(asked.with_for_update() if held else asked).first()


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _text(moment: datetime) -> str:
    """Return the moment in a fixed width, so that later is also greater."""
    return moment.isoformat(timespec="milliseconds")
