"""The programs that are measured, and the server of pages that were rendered before."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple
from urllib.request import Request, urlopen

HERE = Path(__file__).parent
WORK = HERE.parent / ".bench"


class Took(NamedTuple):
    """What one process took, and what it printed. `peak` in MiB, `n_requests` None where nobody counts them."""

    seconds: float
    cpu: float
    peak: float
    out: bytes
    n_requests: int | None = None


def timed(command: Sequence[str], environ: dict[str, str], told: bytes = b"") -> Took:
    """Run a program to its end. Raises RuntimeError when it fails.

    The peak that a system keeps of a child begins with its parent's: this program stays small, and what is big (the
    pages, a hub) is made by processes of their own.
    """
    began = perf_counter()
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ)
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdin as pipe:
        pipe.write(told)
    with child.stdout as answered:
        out = answered.read()
    _, status, used = os.wait4(child.pid, 0)
    seconds = perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)}: status {child.returncode}")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return Took(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / unit, out)


def started(command: Sequence[str]) -> tuple[subprocess.Popen[str], str]:
    """A program, and the line by which it says that it serves."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    return child, child.stdout.readline().strip()


def ended(child: subprocess.Popen[str]) -> None:
    """End a program."""
    child.terminate()
    child.wait()
    if child.stdout is not None:
        child.stdout.close()


class StaticPages:
    """Pages rendered before, handed out by a process of its own: the client alone is measured."""

    def __init__(self, scale: float) -> None:
        folder = WORK / f"feed-{scale:g}"
        subprocess.run([sys.executable, HERE / "feed.py", "make", folder, "--scale", str(scale)], check=True)
        self._process, self.url = started([sys.executable, str(HERE / "feed.py"), "serve", str(folder)])
        self.token = "bench"

    def begin(self, folder: Path) -> None:
        """Show only what was there first."""
        self._ask("/open/first", b"")

    def show_later(self) -> None:
        """Show what came later, too."""
        self._ask("/open/later", b"")

    def n_requests(self) -> int | None:
        """Requests answered so far."""
        return int(self._ask("/requests"))

    def close(self) -> None:
        """End the server."""
        ended(self._process)

    def _ask(self, path: str, body: bytes | None = None) -> bytes:
        with urlopen(Request(self.url + path, data=body)) as answer:
            return bytes(answer.read())
