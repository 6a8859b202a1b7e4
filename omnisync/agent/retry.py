"""Retry with full jitter from 1 to 60 s until two minutes have passed: the one policy of the whole agent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from omnisync.agent.errors import ErpBusyError, HubBusyError, TemporaryError
from omnisync.agent.runtime import Runtime

RetryResult = TypeVar("RetryResult")

LIMIT = timedelta(minutes=2)
MAX_PAUSE_S = 60.0
MAX_NAMED_S = 3600.0
"""Of all pauses the hub names in one wait: a run ends within a bound, and the next one tries again."""
N_CORRUPT = 3
"""A corrupt answer is asked for again this often, and a batch that came damaged sent; more would only repeat it."""

MAX_ERP_PAUSE_S = 5.0
"""A lock in the ERP is gone soon: a minute's pause would only lose a minute."""


def _wait_reporting_progress(
    wait: Callable[[float], object],
    clock: Callable[[], datetime],
    report: Callable[[TemporaryError | None, datetime | None], None],
) -> Callable[[float, TemporaryError], None]:
    """Return a wait in steps of a second that reports its reason and its end: a stop is noticed, the heartbeat goes
    on.
    """

    def wait_out(pause_s: float, error: TemporaryError) -> None:
        if isinstance(error, ErpBusyError):
            pause_s = min(pause_s, MAX_ERP_PAUSE_S)
        retry_at = clock() + timedelta(seconds=pause_s)
        while pause_s > 0:
            report(error, retry_at)
            wait(min(1.0, pause_s))
            pause_s -= 1.0
        report(None, None)

    return wait_out


class Retry:
    """Retries what may pass. Clock, wait and randomness enter as arguments; `wait` may raise to stop."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        wait: Callable[[float, TemporaryError], None],
        uniform: Callable[[float, float], float],
        limit: timedelta = LIMIT,
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._wait = wait
        self._uniform = uniform
        self._limit_s = limit.total_seconds()

    def __call__(self, action: Callable[[], RetryResult]) -> RetryResult:
        """Return the answer of `action`; its TemporaryError once the patience has run out.

        A pause the hub names (Retry-After) is obeyed and does not count, up to an hour in all.
        """
        began = self._monotonic()
        n_failed, named_s = 0, 0.0
        while True:
            try:
                return action()
            except TemporaryError as error:
                n_failed += 1
                named = self._named_pause(error)
                if named is not None and named_s < MAX_NAMED_S:
                    began += named
                    named_s += named
                elif self._is_exhausted(error, n_failed, began):
                    raise
                pause = self._uniform(1.0, min(MAX_PAUSE_S, 2.0**n_failed)) if named is None else named
                self._wait(pause, error)

    def _named_pause(self, error: TemporaryError) -> float | None:
        if not isinstance(error, HubBusyError) or error.retry_at is None:
            return None
        pause = (error.retry_at - self._clock()).total_seconds()
        return pause + self._uniform(0.0, 1.0) if pause > 0 else None

    def _is_exhausted(self, error: TemporaryError, n_failed: int, began: float) -> bool:
        if error.code in ("hub_corrupt", "batch_damaged") and n_failed >= N_CORRUPT:
            return True
        return self._monotonic() - began >= self._limit_s


def retry_reporting_progress(
    runtime: Runtime, report: Callable[[TemporaryError | None, datetime | None], None]
) -> Retry:
    """Return the retry of a run: while it waits, `report` receives the reason and the moment of the next try."""
    return Retry(
        clock=runtime.clock,
        monotonic=runtime.monotonic,
        wait=_wait_reporting_progress(runtime.wait, runtime.clock, report),
        uniform=runtime.uniform,
    )
