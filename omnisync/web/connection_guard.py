"""Bound the connections of an HTTP server: how many there are, and how long each may take over its request.

uvicorn waits for a request's head and body without end, and takes connections until the process has no handle left.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Any

import h11
from msgspec import Struct
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

BACKLOG = 32
"""Connections that the system holds, and that one look takes, before they are counted here."""
_MAX_CONNECTIONS = 1000
_MIN_CONNECTIONS = 16
_RESERVED_HANDLES = BACKLOG + 64
"""For the files and the database of the program itself."""
_LOG_EVERY_S = 60.0
_log = logging.getLogger("omnisync.web")


class ConnectionLimits(Struct, frozen=True, kw_only=True):
    """The bounds of a connection. Seconds are of a whole step, not of its silences: a slow drip ends, too."""

    head_s: float = 10.0
    """From the connection, or the last answer, to the end of the request's headers."""
    body_s: float = 120.0
    answer_s: float = 120.0
    """A client that does not read what is sent to it."""
    n_max: int = _MAX_CONNECTIONS


def default_limits() -> ConnectionLimits:
    """Return limits that leave the process handles enough for its own work."""
    if sys.platform == "win32":
        return ConnectionLimits()
    import resource

    handles, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return ConnectionLimits(n_max=max(_MIN_CONNECTIONS, min(_MAX_CONNECTIONS, handles - _RESERVED_HANDLES)))


class ConnectionGuard:
    """The connections of one server. `sweep` is to be called about once a second, in the server's own thread."""

    def __init__(self, limits: ConnectionLimits, monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._connections: dict[GuardedProtocol, None] = {}
        self._n_ended = 0
        self._logged_at = float("-inf")

    def protocol(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any], _loop: Any = None
    ) -> GuardedProtocol:
        """Return the protocol of a new connection, as uvicorn asks for it."""
        return GuardedProtocol(H11Protocol(config, server_state, app_state, _loop), self)

    def add(self, connection: GuardedProtocol) -> bool:
        """Take a connection in; False when there are too many. The one that waits longest for a request makes room."""
        if len(self._connections) >= self._limits.n_max:
            self._n_ended += 1
            waiting = next((one for one in self._connections if one.step == "head"), None)
            if waiting is None:
                return False
            self._end(waiting)
        connection.enter_step(self._monotonic())
        self._connections[connection] = None
        return True

    def discard(self, connection: GuardedProtocol) -> None:
        """Forget a connection that is no more."""
        self._connections.pop(connection, None)

    def sweep(self) -> None:
        """End the connections whose time is over, and say so once a minute."""
        now = self._monotonic()
        seconds = {"head": self._limits.head_s, "body": self._limits.body_s, "answer": self._limits.answer_s}
        for connection in list(self._connections):
            connection.enter_step(now)
            if now - connection.since > seconds.get(connection.step, float("inf")):
                self._n_ended += 1
                self._end(connection)
        if self._n_ended and now - self._logged_at >= _LOG_EVERY_S:
            _log.warning("ended %d connections that were too slow or too many", self._n_ended)
            self._n_ended, self._logged_at = 0, now

    def _end(self, connection: GuardedProtocol) -> None:
        self.discard(connection)
        connection.abort()


class GuardedProtocol(asyncio.Protocol):
    """uvicorn's protocol of one connection, its steps watched."""

    def __init__(self, inner: H11Protocol, guard: ConnectionGuard) -> None:
        self._inner = inner
        self._guard = guard
        self._transport: asyncio.Transport | None = None
        self._is_admitted = False
        self._is_stuck = False
        self._seen: object = None
        self.step = "head"
        self.since = 0.0

    def enter_step(self, now: float) -> None:
        """Note which step the connection is in; its time begins anew with each."""
        step = self._current_step()
        seen = (step, id(self._inner.cycle))
        if seen != self._seen:
            self._seen, self.step, self.since = seen, step, now

    def abort(self) -> None:
        """End the connection at once, whatever stands in its buffers."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a server's transports go both ways
        self._is_admitted = self._guard.add(self)
        if self._is_admitted:
            self._inner.connection_made(transport)  # type: ignore[arg-type]
        else:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._guard.discard(self)
        if self._is_admitted:
            self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_admitted:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        self._inner.eof_received()
        return None

    def pause_writing(self) -> None:
        self._is_stuck = True
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._is_stuck = False
        self._inner.resume_writing()

    def _current_step(self) -> str:
        if self._is_stuck:
            return "answer"
        state = self._inner.conn.their_state
        if state is h11.SEND_BODY:
            return "body"
        return "head" if state is h11.IDLE else "work"


class OncePerMinute(logging.Filter):
    """Lets a line through once a minute, however often the same is said with other values."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is due."""
        now = self._monotonic()
        key = str(record.msg)[:40]
        if len(self._last) > 1000:
            self._last.clear()
        if now - self._last.get(key, float("-inf")) < _LOG_EVERY_S:
            return False
        self._last[key] = now
        return True
