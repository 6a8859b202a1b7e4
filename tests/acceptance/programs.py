"""The installed program as a process, with a home, a hub and an ERP of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from msgspec import Struct

from tests.erps import Keeper, make_sqlite
from tests.hubs import RunningHub

ROOT = Path(__file__).parents[2]


class Program(Struct, frozen=True):
    """`omnisync` on one computer."""

    home: Path
    keeper: Keeper

    @property
    def environ(self) -> dict[str, str]:
        """The environment the program sees."""
        return os.environ | {"OMNISYNC_HOME": str(self.home), "PYTHONPATH": str(ROOT)}  # noqa: TID251  # a child inherits it

    def run(self, *arguments: str, stdin: str = "", killed_at: tuple[str, int] | None = None) -> Ended:
        """Run it to its end."""
        how = (
            ["-m", "omnisync"]
            if killed_at is None
            else ["-m", "tests.acceptance.killed", killed_at[0], str(killed_at[1])]
        )
        done = subprocess.run(
            [sys.executable, *how, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=self.environ,
            cwd=ROOT,
            timeout=120,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it; the caller ends it."""
        return subprocess.Popen(
            [sys.executable, "-m", "omnisync", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environ,
            cwd=ROOT,
        )


class Ended(Struct, frozen=True):
    """How a program ended."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        """Its standard output, read."""
        return json.loads(self.out)


def installed(folder: Path, hub: RunningHub) -> Program:
    """The program with a connection to this hub, told on its command line."""
    folder.mkdir(exist_ok=True)
    program = Program(folder / "home", make_sqlite(folder))
    arguments = ["--hub", hub.url, "--erp-database", program.keeper.database, "--token-stdin"]
    done = program.run("connection", "set", *arguments, stdin=hub.token + "\n")
    assert done.status == 0, done.err
    tested = program.run("connection", "test")
    assert tested.status == 0, tested.err
    return program
