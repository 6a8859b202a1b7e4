"""Sessions of the pages: who has logged in, until when, and how often an address may try.

Sessions are kept in memory alone: they end with the program, with the password they were opened by, and at their hour.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from litestar import Response
from msgspec import Struct

from omnisync.agent.config.page_password import PagePassword

SESSION_FOR = timedelta(hours=12)
"""A day of work. It does not grow with use: pages left open ask for news by themselves."""
MAX_SESSIONS = 1000
MAX_TRIES, MAX_TRIES_OF_ALL = 10, 100
"""Wrong passwords of one address, and of all, within WINDOW."""
WINDOW = timedelta(minutes=10)

SessionClock = Callable[[], datetime]


class Session(Struct, frozen=True):
    """Someone who came in: until when, and by which password."""

    until: datetime
    opened_by: str


class Sessions:
    """Opens and checks sessions. With `needs_password`, where other computers reach the pages, everything needs one.

    Safe to use from several threads.
    """

    def __init__(
        self, password: PagePassword, clock: SessionClock, *, port: int, is_secure: bool, needs_password: bool
    ) -> None:
        self._password = password
        self._clock = clock
        self._needs_password = needs_password
        self._is_secure = is_secure
        # Cookies are shared by all ports of a computer. "__Host-" is one that no other host and no plain http can set.
        self.cookie = f"__Host-omnisync-{port}" if is_secure else f"omnisync-{port}"
        self._sessions: dict[str, Session] = {}
        self._tries: dict[str, list[datetime]] = {}
        self._lock = Lock()

    def has_password(self) -> bool:
        """Return whether there is a password. Raises SettingsError when its file cannot be read."""
        return self._password.stored_hash() is not None

    def guard_everything(self) -> bool:
        """Return whether nothing is shown without a session. Raises SettingsError when the file cannot be read."""
        return self._needs_password or self._password.guards_everything()

    def is_valid(self, token: str | None) -> bool:
        """Return whether this is the token of a session that has not ended."""
        kept = self._password.stored_hash()
        if token is None or kept is None:
            return False
        session = self._sessions.get(_digest(token))
        return session is not None and session.opened_by == _digest(kept) and self._clock() < session.until

    def throttle(self, address: str) -> timedelta | None:
        """Return how long this address has to wait, None when it may try. A try counts until it is forgiven."""
        now = self._clock()
        with self._lock:
            # Either way, for clocks are set back, too.
            recent = {one: [at for at in tries if abs(now - at) < WINDOW] for one, tries in self._tries.items()}
            self._tries = {one: tries for one, tries in recent.items() if tries}
            own, every = self._tries.get(address, []), [at for tries in self._tries.values() for at in tries]
            for tries, most in ((own, MAX_TRIES), (every, MAX_TRIES_OF_ALL)):
                if len(tries) >= most:
                    return min(WINDOW, WINDOW - (now - min(tries)))
            self._tries[address] = [*own, now]
            return None

    def open(self, address: str, typed: str) -> str | None:
        """Return the token of a new session, where this is the password; this address's wrong tries are then
        forgiven.
        """
        if not self._password.verify(typed):
            return None
        token, now = secrets.token_urlsafe(32), self._clock()
        session = Session(now + SESSION_FOR, _digest(self._password.stored_hash() or ""))
        with self._lock:
            self._tries.pop(address, None)
            going = {digest: one for digest, one in self._sessions.items() if now < one.until}
            self._sessions = dict(list(going.items())[1 - MAX_SESSIONS :]) | {_digest(token): session}
        return token

    def close(self, token: str | None) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(_digest(token or ""), None)

    def set_cookie(self, answer: Response[Any], token: str | None) -> Response[Any]:
        """Show the answer with the session's cookie, or with one that takes it away."""
        answer.set_cookie(
            self.cookie,
            token or "",
            max_age=int(SESSION_FOR.total_seconds()) if token else 0,
            httponly=True,
            secure=self._is_secure,
            samesite="strict",
        )
        return answer


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
