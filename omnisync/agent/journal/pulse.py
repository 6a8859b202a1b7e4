"""The sign of life of a run's process, in a file of its own: a journal held by another program does not hide it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from omnisync.agent.config.files import make_private
from omnisync.agent.config.settings import Home
from omnisync.agent.errors import SettingsError

PULSE_EVERY_S = 5.0
STEP_LIMIT_S = 900.0
"""How long one step may take, as an order the ERP's triggers work on or the first row of a query: after it the process
gives no sign any more, and is ended like one that hangs.
"""


class Pulse:
    """Touches the file while the run goes on. `progress` is called at each step: a step has `step_limit_s` seconds."""

    def __init__(self, path: Path, monotonic: Callable[[], float], *, step_limit_s: float = STEP_LIMIT_S) -> None:
        self._path = path
        self._monotonic = monotonic
        self._step_limit_s = step_limit_s
        self._last_step = monotonic()

    def progress(self) -> None:
        """Begin a new step."""
        self._last_step = self._monotonic()

    def beat(self) -> bool:
        """Touch the file unless the step takes too long. Return whether it was touched; a full disk is no reason to
        end a run.
        """
        if self._monotonic() - self._last_step > self._step_limit_s:
            return False
        with suppress(OSError, SettingsError):
            make_private(self._path)
            os.utime(self._path)
        return True


@contextmanager
def pulsing(
    pulse: Pulse, on_overdue: Callable[[], None] = lambda: None, *, every_s: float = PULSE_EVERY_S
) -> Iterator[None]:
    """Beat until the end, from a thread: a driver that waits for its server lets it work.

    `on_overdue` is called once, in that thread, when a step takes longer than it may.
    """
    is_over = Event()

    def work() -> None:
        is_overdue = False
        while not is_over.is_set():
            if not pulse.beat() and not is_overdue:
                is_overdue = True
                on_overdue()
            is_over.wait(every_s)

    thread = Thread(target=work, name="pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def pulse_path(home: Home, connection_name: str) -> Path:
    """Return the file in which a connection's run gives its sign of life."""
    return home.locks / f"{connection_name}.pulse"


def last_pulse(home: Home, connection_name: str) -> int:
    """Return when the file was last touched, in nanoseconds; 0 where there is none."""
    try:
        return pulse_path(home, connection_name).stat().st_mtime_ns
    except OSError:
        return 0
