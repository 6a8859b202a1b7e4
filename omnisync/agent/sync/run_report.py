"""Report a run's steps: to its row, and to its display. What is shown never ends a run."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import TypeVar

import msgspec

from omnisync.agent.errors import OmnisyncError, SettingsError, TemporaryError
from omnisync.agent.journal.journal import Journal
from omnisync.agent.journal.run import Run
from omnisync.agent.phase import Phase
from omnisync.agent.progress import Counts, ExpectedCounts, Progress
from omnisync.agent.runtime import Runtime

Observed = TypeVar("Observed")
Written = TypeVar("Written")
Show = Callable[[Progress], None]
Display = AbstractContextManager[Show]

SPEED_OVER_S = 10.0

log = logging.getLogger(__name__)
BEAT_S = 0.5
"""Between two looks into the journal: the pages look there once a second."""
JOURNAL_TRIES = 11
JOURNAL_PAUSE_S = 3.0


def ignore(progress: Progress) -> None:
    """Show nothing."""


class Guard:
    """Calls one observer of a run. When it fails, `report_failure` is called once and the run goes on.

    A failing observer is not called again, unless `gives_up` is false; one that cannot be reached for the moment (the
    journal in use, the disk full) is.
    """

    def __init__(self, report_failure: Callable[[Exception], None], *, gives_up: bool = True) -> None:
        self._report_failure = report_failure
        self._gives_up = gives_up
        self._has_failed = False

    def __call__(self, observe: Callable[[], Observed], otherwise: Observed) -> Observed:
        """Return what `observe` answers, or `otherwise` where it failed, now or before."""
        if self._has_failed and self._gives_up:
            return otherwise
        try:
            return observe()
        except (TemporaryError, SettingsError):
            return otherwise
        except Exception as error:  # noqa: BLE001  # whatever it is, it is of what is shown and not of the run
            if not self._has_failed:
                self._has_failed = True
                with suppress(Exception):  # the screen it is reported on may be what failed
                    log.debug("an observer of the run failed", exc_info=error)
                    self._report_failure(error)
            return otherwise


@contextmanager
def guarded(display: Display, report_failure: Callable[[Exception], None]) -> Iterator[Show]:
    """Open the display, call it and close it, each so that its failure ends nothing but the display."""
    guard, opened = Guard(report_failure), ExitStack()
    nothing: Show = ignore
    call = guard(lambda: opened.enter_context(display), nothing)
    try:
        yield lambda progress: guard(lambda: call(progress), None)
    finally:
        guard(opened.close, None)


class Report:
    """Writes the run's steps into its row, and reads there or from a signal whether to stop.

    Steps that follow one another within `BEAT_S` are written once, unless another phase begins. `before` is what the
    run's other half has counted; `show` is the display; `on_step` is called at each step.
    """

    def __init__(
        self,
        journal: Journal,
        run: Run,
        runtime: Runtime,
        *,
        is_stopped: Callable[[], bool],
        report_failure: Callable[[Exception], None],
        on_step: Callable[[], None] = lambda: None,
    ) -> None:
        self._journal = journal
        self._on_step = on_step
        self._run = run
        self._clock, self._monotonic = runtime.clock, runtime.monotonic
        self._is_stopped = is_stopped
        self._speed = Speed(runtime.monotonic)
        self._unread: Mapping[str, int] | None = None
        self._beat_at: float | None = None
        self._beat_phase = Phase()
        self._totals = ExpectedCounts()
        self._guard_shown, self._guard_unread = Guard(report_failure), Guard(report_failure)
        # Its answer is whether to stop: it is called at each step.
        self._guard_beat = Guard(report_failure, gives_up=False)
        self.before = self.counts = Counts()
        self.show: Show = ignore

    def __call__(self, progress: Progress) -> bool:
        self._on_step()
        self._totals = progress.totals if progress.totals.total else self._totals
        self.counts = self.before + progress.counts
        self.show(msgspec.structs.replace(progress, counts=self.counts, totals=self._totals))
        phase, rate = self._guard_shown(lambda: self._shown(progress), (Phase(), 0.0))
        self._guard_unread(lambda: self._note_unread(progress), None)
        return self._guard_beat(lambda: self._heartbeat(phase, rate), False) or self._is_stopped()

    def _shown(self, progress: Progress) -> tuple[Phase, float]:
        sent = self.counts.sent
        return phase_of(progress), self._speed(self.counts.total.received + sent.read + sent.sent)

    def _note_unread(self, progress: Progress) -> None:
        if progress.unread is not None and progress.unread != self._unread:
            self._journal.connections.save_unread_orders(self._run.connection, progress.unread)
            self._unread = progress.unread

    def _heartbeat(self, phase: Phase, rate: float) -> bool:
        now = self._monotonic()
        if self._beat_at is not None and now - self._beat_at < BEAT_S and phase == self._beat_phase:
            return False
        self._beat_at, self._beat_phase = now, phase
        return self._journal.heartbeat(self._run.id, self._clock(), self.counts, self._totals, phase, rate=rate)


class Speed:
    """Rows per second, over the last ten seconds or so: a rate since the beginning would hide a standstill."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._seen = deque([(monotonic(), 0)], maxlen=200)

    def __call__(self, n_rows: int) -> float:
        now = self._monotonic()
        while len(self._seen) > 1 and now - self._seen[0][0] > SPEED_OVER_S:
            self._seen.popleft()
        began, n_before = self._seen[0]
        self._seen.append((now, n_rows))
        return (n_rows - n_before) / (now - began) if now > began else 0.0


def retry_journal(
    runtime: Runtime,
    write: Callable[[], Written],
    errors: tuple[type[OmnisyncError], ...],
    gives_up: Callable[[], bool] = lambda: False,
) -> Written:
    """Do what writes the journal, trying again for a while where it fails for one of these."""
    for _ in range(JOURNAL_TRIES - 1):
        try:
            return write()
        except errors:
            if gives_up():
                raise
            runtime.wait(JOURNAL_PAUSE_S)
    return write()


def phase_of(progress: Progress) -> Phase:
    """Return the phase with what is being waited out and until when, if anything."""
    if progress.trouble is None or progress.retry_at is None:
        return progress.phase
    return progress.phase.waiting(progress.trouble.code, progress.retry_at)
