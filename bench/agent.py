"""Omnisync as the bench runs it: a home of its own, its connection set on the command line as a user would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.processes import child_environ
from devtools.live_database import LiveDatabase

OMNISYNC = [sys.executable, "-m", "omnisync"]
IMPORT = [*OMNISYNC, "import", "--json"]


def environ(home: Path) -> dict[str, str]:
    """Return the environment of its commands: the home, and the clock of the company's place."""
    return child_environ() | {"OMNISYNC_HOME": str(home), "OMNISYNC_ZONE": "America/Sao_Paulo"}


def connect(home: Path, database: LiveDatabase, url: str, token: str = "bench") -> dict[str, str]:
    """Set the one connection of a home, between this hub and this database. Return the home's environment."""
    where = database.address
    words = ["--hub", url, "--token-stdin", "--erp-kind", where.kind, "--erp-database", where.database]
    words += ["--layout", where.layout]
    if where.kind != "sqlite":
        words += ["--erp-server", where.server, "--erp-port", str(where.port), "--erp-user", where.user]
        words += ["--erp-password-stdin"]
    if where.charset:
        words += ["--erp-charset", where.charset]
    _run(home, f"{token}\n{database.password}\n", "connection", "set", *words)
    return environ(home)


def examine(home: Path) -> None:
    """Test the connection, which makes Omnisync's own tables and learns the company's establishments."""
    _run(home, "", "connection", "test")


def _run(home: Path, told: str, *words: str) -> None:
    done = subprocess.run([*OMNISYNC, *words], input=told, text=True, capture_output=True, env=environ(home))
    if done.returncode:
        raise RuntimeError(f"omnisync {' '.join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}")
