"""Small disks of a test's own, to be filled or made read-only. Mounting needs root, as in a container."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from msgspec import Struct

BLOCK = 4096


class Disk(Struct, frozen=True):
    """A disk of a few megabytes, in memory."""

    path: Path

    def fill(self, leaving: int = 0) -> None:
        """Leave so many bytes free."""
        with suppress(OSError), (self.path / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(BLOCK))
        if leaving:
            os.truncate(self.path / "filler", (self.path / "filler").stat().st_size - leaving)

    def free(self) -> None:
        """Give back what `fill` took."""
        (self.path / "filler").unlink()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Let nobody write meanwhile."""
        _run("mount", "-o", "remount,ro", str(self.path))
        try:
            yield
        finally:
            _run("mount", "-o", "remount,rw", str(self.path))


@contextmanager
def small_disk(path: Path, megabytes: int = 6) -> Iterator[Disk]:
    """Provide a disk at this path; gone with all it holds at the end. Skips the test where it may not be mounted."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no disk may be mounted here")
    try:
        yield Disk(path)
    finally:
        _run("umount", "--lazy", str(path))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
