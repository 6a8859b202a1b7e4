"""The installed program as a process, with a home, a hub and an ERP of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from msgspec import Struct

from tests.support.erp_databases import SampleErp, make_sqlite
from tests.support.hub_server import RunningHub

ROOT = Path(__file__).parents[2]


class Program(Struct, frozen=True):
    """`omnisync` on one computer, its code in `root`."""

    home: Path
    keeper: SampleErp
    root: Path = ROOT

    @property
    def environ(self) -> dict[str, str]:
        """The environment the program sees."""
        return os.environ | {"OMNISYNC_HOME": str(self.home), "PYTHONPATH": str(self.root)}  # noqa: TID251  # a child inherits it

    def run(
        self,
        *arguments: str,
        stdin: str = "",
        killed_at: tuple[str, int] | None = None,
        step_limit_s: float | None = None,
        timeout_s: float = 120,
    ) -> Ended:
        """Run it to its end; with `step_limit_s` over a driver that hangs, where a step may take so long."""
        hung = ["-m", "tests.support.hung_program", str(step_limit_s)]
        how = self._how(killed_at, "-") if step_limit_s is None else hung
        done = subprocess.run(
            [sys.executable, *how, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=self.environ,
            cwd=self.root,
            timeout=timeout_s,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def _how(self, stopped_at: tuple[str, int] | None, folder: str) -> list[str]:
        if stopped_at is None:
            return ["-m", "omnisync"]
        return ["-m", "tests.support.killed_program", stopped_at[0], str(stopped_at[1]), self.keeper.name, folder]

    def start(
        self, *arguments: str, held_at: tuple[str, int] | None = None, held_in: str = ""
    ) -> subprocess.Popen[str]:
        """Start it; the caller ends it. Held at a moment, it waits there until the file `go` stands in the folder."""
        return subprocess.Popen(
            [sys.executable, *self._how(held_at, held_in), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environ,
            cwd=self.root,
        )


class Ended(Struct, frozen=True):
    """How a program ended."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        """Its standard output, read."""
        return json.loads(self.out)


def installed(folder: Path, hub: RunningHub, keeper: SampleErp | None = None, root: Path = ROOT) -> Program:
    """The program with a connection to this hub and this ERP (else a new SQLite file), told on its command line."""
    folder.mkdir(exist_ok=True)
    program = Program(folder / "home", keeper or make_sqlite(folder), root)
    where = program.keeper.address
    arguments = ["--hub", hub.url, "--token-stdin", "--layout", where.layout]
    arguments += ["--erp-kind", where.kind, "--erp-database", where.database]
    secrets = hub.token + "\n"
    if where.server:
        arguments += ["--erp-server", where.server, "--erp-port", str(where.port), "--erp-user", where.user]
        arguments += ["--erp-password-stdin"] + (["--erp-charset", where.charset] if where.charset else [])
        secrets += program.keeper.password + "\n"
    done = program.run("connection", "set", *arguments, stdin=secrets)
    assert done.status == 0, done.err
    tested = program.run("connection", "test")
    assert tested.status == 0, tested.err
    return program
