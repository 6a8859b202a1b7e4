"""Who is reading the orders of an establishment: one token at a time, by the hub's clock alone.

Reading takes or renews it; it ends by itself. Of two computers that import the same establishment, the second is told
who the first is. A revoked token holds nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import select

from omnisync.hub.access import Caller
from omnisync.hub.errors import ProblemError
from omnisync.hub.store import Store
from omnisync.hub.tables import lease

HELD = timedelta(seconds=90)
RENEWED_AFTER = timedelta(seconds=30)
"""A third: most pages of a long read cost nothing here."""

_MAX_KNOWN = 10_000
# Of a stream that is there: a mistyped establishment leaves nothing behind.
_TAKE = """
INSERT INTO lease (company, establishment, holder, name, until)
SELECT company, ?, ?, ?, ? FROM stream WHERE company = ? AND name = ?
ON CONFLICT (company, establishment) DO UPDATE SET holder = excluded.holder, name = excluded.name,
    until = excluded.until
WHERE lease.holder = excluded.holder OR lease.until <= ?
    OR EXISTS (SELECT 1 FROM token WHERE token.prefix = lease.holder AND token.revoked_at IS NOT NULL)
"""


class Leases:
    """The leases of one hub. What this process has just taken stands until its end, so it is not looked up again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._taken: dict[tuple[str, str, str], datetime] = {}

    def hold(self, caller: Caller, establishment: str, now: datetime) -> None:
        """Take or renew the caller's lease of the establishment.

        Raises ProblemError `establishment_busy` (409) with the holder's name and the seconds to wait.
        """
        key = (caller.company, establishment, caller.token)
        taken = self._taken.get(key)
        if taken is not None and taken <= now < taken + RENEWED_AFTER:
            return
        self._take(caller, establishment, now)
        if len(self._taken) >= _MAX_KNOWN:
            self._taken.clear()
        self._taken[key] = now

    def _take(self, caller: Caller, establishment: str, now: datetime) -> None:
        mine = (establishment, caller.token, caller.destination, _text(now + HELD))
        where = (caller.company, f"order:{establishment}", _text(now))
        held = select(lease.c.holder, lease.c.name, lease.c.until)
        held = held.where(lease.c.company == caller.company, lease.c.establishment == establishment)
        with self._store.writing() as db:
            sql = _TAKE.replace("?", "%s") if db.dialect.name == "postgresql" else _TAKE
            if db.exec_driver_sql(sql, (*mine, *where)).rowcount:
                return
            row = db.execute(held).first()
        if row is not None and row.holder != caller.token:
            wait = ceil((datetime.fromisoformat(row.until) - now).total_seconds())
            raise ProblemError("establishment_busy", holder=row.name, headers={"Retry-After": str(max(1, wait))})


def _text(moment: datetime) -> str:
    """Of a fixed width, so that later is also greater."""
    return moment.isoformat(timespec="milliseconds")
