"""Limit what one company asks of the hub: requests and bytes in a minute, and work at once.

On PostgreSQL the minute's use stands in the database, so that it holds for all processes of a hub together; each takes
a part of it beforehand, and so asks the database seldom. A SQLite hub is one process, and remembers by itself.
A company beyond its work at once waits in a queue of its own, so that the others do not wait for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime
from threading import Lock
from typing import Literal, Protocol

from msgspec import Struct

from omnisync.hub.access import Caller
from omnisync.hub.errors import ProblemError
from omnisync.hub.store import Store

UsageKind = Literal["requests", "bytes"]
_SHARES = 20
"""A process takes one of so many parts of a minute's limit at a time."""
_CLAIM = """
INSERT INTO usage (company, token, kind, minute, n) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (company, token, kind) DO UPDATE SET
    n = CASE WHEN usage.minute BETWEEN excluded.minute AND excluded.minute + 2 THEN usage.n ELSE 0 END + excluded.n,
    minute = CASE WHEN usage.minute BETWEEN excluded.minute AND excluded.minute + 2 THEN usage.minute
        ELSE excluded.minute END
WHERE usage.minute NOT BETWEEN excluded.minute AND excluded.minute + 2 OR usage.n + excluded.n <= %s
"""
# A process whose clock is a little behind counts into the minute of the others; one far ahead leaves nothing behind.


class CompanyLimits(Struct, frozen=True, kw_only=True):
    """The limits of each company and token. Bytes are of what is sent to the hub."""

    token_requests: int = 6_000
    company_requests: int = 12_000
    token_bytes: int = 500_000_000
    company_bytes: int = 1_000_000_000
    n_at_once: int = 4
    """Requests of a company worked on together, in one process."""
    n_waiting: int = 100
    patience_s: float = 20.0


class UsageLedger(Protocol):
    """The use of a minute."""

    def claim(self, company: str, token: str, kind: UsageKind, minute: int, n: int, limit: int) -> bool:
        """Add to the minute's use; False, and nothing added, when that passes the limit."""


class OwnUsage:
    """Of one process. The limiter's lock is held around it."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str, UsageKind], tuple[int, int]] = {}

    def claim(self, company: str, token: str, kind: UsageKind, minute: int, n: int, limit: int) -> bool:
        then, used = self._used.get((company, token, kind), (minute, 0))
        total = n + (used if then == minute else 0)
        if total > limit:
            return False
        self._used[company, token, kind] = minute, total
        return True


class SharedUsage:
    """Of all processes over one PostgreSQL."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def claim(self, company: str, token: str, kind: UsageKind, minute: int, n: int, limit: int) -> bool:
        with self._store.writing() as db:
            return bool(db.exec_driver_sql(_CLAIM, (company, token, kind, minute, n, limit)).rowcount)


class RateLimiter:
    """Requests and bytes of a minute, by token and by company. Safe to use from many threads."""

    def __init__(self, ledger: UsageLedger, limits: CompanyLimits) -> None:
        self._ledger = ledger
        self._limits = limits
        self._left: dict[tuple[str, str, UsageKind], tuple[int, int]] = {}
        self._lock = Lock()

    def charge(self, caller: Caller, n_bytes: int, now: datetime) -> None:
        """Count one request. Raises ProblemError `rate_limited` with the seconds to the next minute."""
        limits = self._limits
        asked: tuple[tuple[str, UsageKind, int, int], ...] = (
            (caller.token, "requests", 1, limits.token_requests),
            ("", "requests", 1, limits.company_requests),
            (caller.token, "bytes", n_bytes, limits.token_bytes),
            ("", "bytes", n_bytes, limits.company_bytes),
        )
        minute, second = divmod(int(now.timestamp()), 60)
        with self._lock:
            for token, kind, n, limit in asked:
                if n and not self._take(caller.company, token, kind, minute, n, limit):
                    raise ProblemError("rate_limited", headers={"Retry-After": str(60 - second)})

    def _take(self, company: str, token: str, kind: UsageKind, minute: int, n: int, limit: int) -> bool:
        key = (company, token, kind)
        then, left = self._left.get(key, (minute, 0))
        left = left if then == minute else 0
        share = limit // _SHARES
        if left < n:
            for more in (max(share, n - left), n - left):
                if self._ledger.claim(company, token, kind, minute, more, limit):
                    left += more
                    break
        self._left[key] = minute, left - n if left >= n else left
        return left >= n


class WorkQueue:
    """The work of each company at once; used in the event loop's thread alone."""

    def __init__(self, limits: CompanyLimits) -> None:
        self._limits = limits
        self._running: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def enter(self, company: str) -> Callable[[], None]:
        """Wait for the company's turn; return what ends it. Raises ProblemError `rate_limited`."""
        if self._running.get(company, 0) < self._limits.n_at_once:
            self._running[company] = self._running.get(company, 0) + 1
            return lambda: self._leave(company)
        queue = self._waiting.setdefault(company, deque())
        if len(queue) >= self._limits.n_waiting:
            raise _busy()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await asyncio.wait_for(turn, self._limits.patience_s)
        except TimeoutError:
            raise _busy() from None
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the turn came, and nobody is there to take it
                self._leave(company)
            raise
        return lambda: self._leave(company)

    def _leave(self, company: str) -> None:
        queue = self._waiting.get(company, deque())
        while queue:
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(None)  # the place goes from one to the next
                return
        self._waiting.pop(company, None)
        self._running[company] -= 1
        if not self._running[company]:
            del self._running[company]


def _busy() -> ProblemError:
    return ProblemError("rate_limited", headers={"Retry-After": "5"})
