"""Run each run in a child process of this computer: the same command a person types.

The resume point sits with the data, so it only has to start a run, keep to one at a time per connection, notice the
dead, and stop when told.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct

from omnisync.agent.config.files import open_private
from omnisync.agent.config.settings import Home
from omnisync.agent.errors import SettingsError
from omnisync.agent.journal.connection_lock import is_locked, is_running
from omnisync.agent.journal.journal import Journal
from omnisync.agent.journal.pulse import last_pulse
from omnisync.agent.journal.run import Origin, Run, RunScope

POLL_EVERY = timedelta(seconds=1)
SILENCE = timedelta(seconds=120)
"""Without a beat for so long a run is stuck: a driver blocked in C hears nothing but the end of its process."""
GRACE = timedelta(seconds=10)
"""From being told to end until being ended: enough to finish the slice that is being written."""
LOG_BYTES = 10 * 2**20
KEPT_LOGS = 3

log = logging.getLogger(__name__)


class _Child(Struct, kw_only=True):
    """A run's process. Its silence is counted in polls: a clock that jumps or a machine asleep ends no run."""

    run: Run
    process: subprocess.Popen[bytes]
    pulse: int = 0
    silence: timedelta = timedelta()
    is_stop_sent: bool = False


class ProcessSupervisor:
    """Starts runs in child processes and watches over them. Safe to use from several threads."""

    def __init__(
        self,
        journal: Journal,
        home: Home,
        *,
        clock: Callable[[], datetime],
        environ: Mapping[str, str],
        command: Sequence[str] = (sys.executable, "-m", "omnisync"),
        poll_every: timedelta = POLL_EVERY,
        silence: timedelta = SILENCE,
        grace: timedelta = GRACE,
    ) -> None:
        self._journal = journal
        self._home = home
        self._clock = clock
        self._environ = {**environ, "OMNISYNC_HOME": str(home.path)}
        self._command = tuple(command)
        self._poll_every = poll_every
        self._silence = silence
        self._grace = grace
        self._children: dict[str, _Child] = {}

    def start(self, connection_name: str, scope: RunScope, origin: Origin) -> Run:
        """Ask for a run and start its process. Raises RunInProgressError when the connection has one going."""
        run = self._journal.enqueue_run(connection_name, scope, origin, self._clock())
        self.spawn(run)
        return run

    def spawn(self, run: Run) -> None:
        """Start the process of a run that waits. One that cannot be started ends as failed."""
        command = "export" if run.kind == "export" else "import"
        arguments = (command, "--run", run.id, "--connection", run.connection)
        try:
            with _log(self._home.logs / f"{run.connection}.log") as log:
                process = _open_process((*self._command, *arguments), self._environ, log)
        except OSError as error:
            words = {"motivo": error.strerror}
            self._journal.end_run(run.id, "failed", self._clock(), code="internal", words=words)
        else:
            self._children[run.id] = _Child(run=run, process=process)

    def stop(self, run_id: str) -> None:
        """Ask a run to stop at its next page. What is written stays."""
        self._journal.request_stop(run_id)

    def poll(self) -> None:
        """Close the runs whose process is gone, and end the processes that give no sign. To be called each second."""
        for child in list(self._children.values()):
            if child.process.poll() is None:
                self._check_heartbeat(child)
            else:
                self._reap(child)
        for connection in self._journal.connections.all():
            try:
                self._journal.close_orphaned_run(connection.name, self._clock(), self._is_running)
            except SettingsError as error:  # its lock is another account's: the other connections keep their slots
                log.warning("%s: %s", connection.name, error.code)

    def is_locked(self, connection_name: str) -> bool:
        """Return whether something holds the connection: a run, or a rehearsal, which has no row."""
        return is_locked(self._home, connection_name)

    def shutdown(self) -> None:
        """Tell every process to end, wait for the slices being written, and end those that take too long."""
        children = list(self._children.values())
        for child in children:
            child.process.terminate()
        deadline = time.monotonic() + self._grace.total_seconds()
        for child in children:
            try:
                child.process.wait(timeout=max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _kill(child.process)
                child.process.wait()
            self._reap(child)

    def _check_heartbeat(self, child: _Child) -> None:
        run, pulse = self._journal.run(child.run.id) or child.run, last_pulse(self._home, child.run.connection)
        if (run.beat_at, pulse) != (child.run.beat_at, child.pulse):
            child.run, child.pulse, child.silence = run, pulse, timedelta()
            return
        child.silence += self._poll_every
        if child.silence >= self._silence + self._grace:
            _kill(child.process)
        elif child.silence >= self._silence and not child.is_stop_sent:
            child.is_stop_sent = True
            child.process.terminate()  # at once on Windows: nothing is lost, position and data commit together

    def _reap(self, child: _Child) -> None:
        """Close the run of a process that has ended, unless the process closed it itself."""
        self._journal.end_run(child.run.id, "interrupted", self._clock(), code="interrupted")
        self._children.pop(child.run.id, None)

    def _is_running(self, run: Run) -> bool:
        """Return whether some process carries it: ours, or one that holds the connection's lock, or is about to.

        The lock and not the process id: ids are used again, and a lock does not outlive who held it.
        """
        return run.id in self._children or is_running(self._home, run, self._clock())


@contextmanager
def _log(path: Path) -> Iterator[int]:
    """Provide the file the process logs to. A run goes on without its log when the disk has no room for one."""
    try:
        _rotate(path)
        log = open_private(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    except (OSError, SettingsError):
        yield subprocess.DEVNULL
        return
    try:
        yield log
    finally:
        os.close(log)


def _rotate(path: Path) -> None:
    """Begin a new log when this one is large, keeping a few of the old ones."""
    if not path.exists() or path.stat().st_size < LOG_BYTES:
        return
    names = [path, *(path.with_name(f"{path.name}.{n}") for n in range(1, KEPT_LOGS + 1))]
    for newer, older in reversed(list(zip(names, names[1:], strict=False))):
        if newer.exists():
            newer.replace(older)


def _open_process(command: Sequence[str], environ: Mapping[str, str], log: int) -> subprocess.Popen[bytes]:
    """In a session of its own: Ctrl-C at the agent's terminal is not the run's."""
    return subprocess.Popen(
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End it and what it started. It is not yet reaped, so its id is still its own."""
    if sys.platform == "win32":
        process.kill()
    else:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
