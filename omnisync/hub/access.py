"""Authenticate callers: a token in, its company and scopes out. Nothing else names a company.

A wrong token costs its address something: after too many in a minute the answer is 429. A right one always passes,
so that one machine with an old token does not shut out its neighbours behind the same address.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hmac import compare_digest

from msgspec import Struct

from omnisync.hub.administration import note_use
from omnisync.hub.errors import ProblemError
from omnisync.hub.store import Store, digest

MIN_AGENT_VERSION = "26.11.0"
MAX_FAILED = 30
"""Failed tries of one address in a minute before it has to wait."""

_WINDOW = 60.0
_MAX_ADDRESSES = 10_000
_TOKEN = re.compile(r"Bearer (omni_([0-9a-f]{12})_[A-Za-z0-9_-]{43})", re.IGNORECASE)
_AGENT = re.compile(r"omnisync/([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})")
_EXPIRED = "O prazo desta chave acabou. Gere uma nova chave no OmniForce."
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="omnisync"'}


class Caller(Struct, frozen=True, kw_only=True):
    """The authenticated caller. `token` is its prefix, `destination` its name: receipts are kept by the name."""

    company: str
    token: str
    destination: str
    scopes: tuple[str, ...]


class Authenticator:
    """Authenticates callers. `monotonic` gives seconds for the throttle, which is kept per process."""

    def __init__(self, store: Store, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._tries = _FailedAttempts(monotonic)

    def authenticate(self, authorization: str, address: str, agent: str, scope: str | None, now: datetime) -> Caller:
        """Return the caller behind an Authorization header.

        Raises ProblemError: `unauthorized` or `token_revoked` (401), `rate_limited` (429), `company_suspended` or
        `scope_missing` (403), `agent_too_old` (426).
        """
        caller = self._caller(authorization, address, now.astimezone(UTC))
        if scope is not None and scope not in caller.scopes:
            raise ProblemError("scope_missing")
        if _is_too_old(agent):
            raise ProblemError("agent_too_old")
        return caller

    def _caller(self, authorization: str, address: str, now: datetime) -> Caller:
        match = _TOKEN.fullmatch(authorization)
        token = self._store.token(match[2]) if match else None
        # Compared also when there is no such prefix, so that the time taken tells nothing.
        is_right = compare_digest(digest(match[1] if match else ""), token.digest if token else "-" * 64)
        if token is None or not is_right:
            self._tries.count(address)
            raise ProblemError("unauthorized", headers=_CHALLENGE)
        if token.revoked_at is not None:
            self._tries.count(address)
            raise ProblemError("token_revoked", headers=_CHALLENGE)
        if token.expires_at is not None and token.expires_at <= now.isoformat():
            self._tries.count(address)
            raise ProblemError("token_revoked", detail=_EXPIRED, headers=_CHALLENGE)
        if self._store.is_suspended(token.company):
            raise ProblemError("company_suspended")
        note_use(self._store, token, now)
        return Caller(company=token.company, token=token.prefix, destination=token.name, scopes=token.scopes)


class _FailedAttempts:
    """Failed tries per address within the last minute; a bounded memory."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failed: dict[str, list[float]] = {}

    def count(self, address: str) -> None:
        """One more failed try. Raises ProblemError `rate_limited` with the seconds to wait."""
        now = self._monotonic()
        recent = [at for at in self._failed.get(address, ()) if now - at < _WINDOW]
        if len(recent) >= MAX_FAILED:
            wait = str(int(_WINDOW - (now - recent[0])) + 1)
            raise ProblemError("rate_limited", headers={"Retry-After": wait})
        if len(self._failed) >= _MAX_ADDRESSES:
            self._failed.clear()
        self._failed[address] = [*recent, now]


def _is_too_old(agent: str) -> bool:
    """Return whether the caller is one of our agents, and one below the minimum; other programs have no version of
    ours.
    """
    match = _AGENT.match(agent)
    return match is not None and _numbers(match.groups()) < _numbers(MIN_AGENT_VERSION.split("."))


def _numbers(parts: Sequence[str]) -> tuple[int, ...]:
    return tuple(map(int, parts))
