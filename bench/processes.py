"""The programs that are measured: their time, their CPU and their memory, with all processes they start.

python bench/processes.py PROGRAM …    measures one
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event, Thread
from time import perf_counter
from typing import IO, NamedTuple

HERE = Path(__file__).parent
WORK = HERE.parent / ".bench"
SAMPLE_S = 0.05
"""Between two looks at the memory."""
SETTLE_S = 0.3
"""For a server to finish what the program left it, before its CPU is read."""
_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


class ProgramError(RuntimeError):
    """A measured program failed, or took longer than it may."""


class Took(NamedTuple):
    """What one program took, and what it printed.

    `cpu` is of the program and of the processes it started, `server_cpu` of the database's server meanwhile; `peak` in
    MiB is of all of the program's processes together, pages that they share counted once.
    """

    seconds: float
    cpu: float
    peak: float
    out: bytes
    server_cpu: float = 0.0


def timed(
    command: Sequence[str],
    environ: dict[str, str],
    *,
    server_pid: int | None = None,
    limit_s: float | None = None,
) -> Took:
    """Run a program to its end. Raises ProgramError when it fails, or when it was killed after `limit_s` seconds."""
    with TemporaryFile() as out, TemporaryFile() as complaints:
        server_before, began = _cpu_of(server_pid), perf_counter()
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=complaints, env=environ, start_new_session=True
        )
        peaks, ended = [0.0], Event()
        watch = Thread(target=_watch, args=(child.pid, ended, limit_s, peaks))
        watch.start()
        try:
            _, status, used = os.wait4(child.pid, 0)
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
        finally:
            seconds = perf_counter() - began
            ended.set()
            watch.join()
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            is_late = limit_s is not None and seconds >= limit_s
            raise ProgramError(f"killed after {seconds:.0f} s" if is_late else _failure(child, (complaints, out)))
        if server_pid is not None:
            Event().wait(SETTLE_S)
        out.seek(0)
        unit = 2**20 if sys.platform == "darwin" else 2**10
        return Took(
            seconds=seconds,
            cpu=used.ru_utime + used.ru_stime,
            peak=max(peaks) or used.ru_maxrss / unit,  # without /proc that of the largest process
            out=out.read(),
            server_cpu=_cpu_of(server_pid) - server_before,
        )


def _failure(child: subprocess.Popen[bytes], outputs: Sequence[IO[bytes]]) -> str:
    lines = []
    for output in outputs:
        output.seek(0)
        lines += output.read().decode(errors="replace").strip().splitlines()[-8:]
    return f"status {child.returncode}: {' / '.join(lines)[-600:]}"


def _watch(pid: int, ended: Event, limit_s: float | None, peaks: list[float]) -> None:
    """Note the memory of a program's processes until it ended, and kill them when it takes too long."""
    began = perf_counter()
    while not ended.wait(SAMPLE_S):
        peaks.append(sum(map(_memory_of, _tree(pid))))
        if limit_s is not None and perf_counter() - began >= limit_s:
            os.killpg(pid, signal.SIGKILL)
            return


def _tree(pid: int) -> Iterator[int]:
    """Yield a process and all that descend from it."""
    yield pid
    for children in _PROC.glob(f"{pid}/task/*/children"):
        for child in _read(children).split():
            yield from _tree(int(child))


def _memory_of(pid: int) -> float:
    """Return a process's share of the memory, in MiB: pages that two processes share count half for each."""
    for line in _read(_PROC / str(pid) / "smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 2**10
    return 0.0


def _cpu_of(pid: int | None) -> float:
    """Return the seconds of CPU of a process, of those it waited for and of those that run."""
    if pid is None:
        return 0.0
    ticks = 0
    for process in _tree(pid):
        # Behind the name, which may hold spaces: utime, stime, and both of the children that were waited for.
        fields = _read(_PROC / str(process) / "stat").rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS


def _read(path: Path) -> str:
    """Return what a file of /proc says, nothing where its process has ended meanwhile."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def started(command: Sequence[str]) -> tuple[subprocess.Popen[str], str]:
    """Start a program that serves, and read the line by which it says so."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    return child, child.stdout.readline().strip()


def ended(child: subprocess.Popen[str]) -> None:
    """End a program."""
    child.terminate()
    child.wait()
    if child.stdout is not None:
        child.stdout.close()


def child_environ() -> dict[str, str]:
    """Return the environment that a measured program begins with: ours, without what would set Omnisync up."""
    inherited = os.environ  # noqa: TID251  # a child inherits it
    return {name: value for name, value in inherited.items() if not name.startswith("OMNISYNC_")}


def main() -> None:
    """Measure one program."""
    took = timed(sys.argv[1:], child_environ())
    print(f"{took.seconds:.2f} s, CPU {took.cpu:.2f} s, peak {took.peak:.0f} MiB")


if __name__ == "__main__":
    main()
