"""The lock of a connection: one run at a time on this machine, and whether a run's process still lives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from omnisync.agent.config.files import LockedError, file_lock, pause
from omnisync.agent.config.settings import Home
from omnisync.agent.errors import RunInProgressError
from omnisync.agent.journal.run import Run

START = timedelta(seconds=60)
"""How long a run may wait for its process to take the lock."""
LOCK_TIMEOUT = timedelta(seconds=1)


def is_running(home: Home, run: Run, now: datetime) -> bool:
    """Return whether a process holds the run's connection, or is about to."""
    return is_locked(home, run.connection) or is_about_to_begin(run, now)


def is_about_to_begin(run: Run, now: datetime) -> bool:
    """Return whether it was asked for a moment ago: its process is on its way."""
    return run.started_at is None and abs(now - run.asked_at) < START


@contextmanager
def connection_lock(home: Home, connection_name: str, *, wait: Callable[[float], object] = pause) -> Iterator[None]:
    """Hold the connection for one run, on this machine. Death frees it too. Raises RunInProgressError.

    It is tried for a second: who only looks whether it is held, holds it for a moment.
    """
    with ExitStack() as held:
        try:
            held.enter_context(file_lock(_lock_path(home, connection_name), timeout=LOCK_TIMEOUT, wait=wait))
        except LockedError as error:
            raise RunInProgressError from error
        yield


def is_locked(home: Home, connection_name: str) -> bool:
    """Return whether a run or a dry run holds the connection."""
    try:
        with file_lock(_lock_path(home, connection_name)):
            return False
    except LockedError:
        return True


def _lock_path(home: Home, connection_name: str) -> Path:
    return home.locks / f"{connection_name}.lock"
