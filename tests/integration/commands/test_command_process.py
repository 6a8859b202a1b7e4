"""A command as a process of its own: what it imports before it does anything, and how it ends.

Imports are counted in modules, which no machine's speed changes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.imported_modules import imported_modules

HEAVY = frozenset({"httpx", "sqlalchemy", "alembic", "litestar", "uvicorn", "jinja2", "argon2", "omnisync.hub"})


@pytest.mark.parametrize(
    ("arguments", "most"),
    [(["--version"], 200), (["--help"], 320), (["status"], 400), (["runs"], 400), (["schedule", "show"], 400)],
)
def test_a_command_that_shows_something_imports_nothing_heavy(arguments: list[str], most: int, tmp_path: Path) -> None:
    found = imported_modules({"OMNISYNC_HOME": str(tmp_path)}, *arguments)
    assert found & HEAVY == set()
    assert len(found) < most


def test_the_help_of_all_commands_imports_none_of_them(tmp_path: Path) -> None:
    found = imported_modules({"OMNISYNC_HOME": str(tmp_path)}, "--help")
    assert {
        name for name in found if name.startswith(("omnisync.cli.", "omnisync.agent.erp", "omnisync.agent.sync"))
    } <= {
        "omnisync.cli.exit",
        "omnisync.cli.options",
    }


def test_who_reads_no_further_is_told_nothing() -> None:
    program = (
        "from omnisync.cli.exit import exit_cleanly\n"
        "with exit_cleanly():\n"
        "    for _ in range(100_000): print('linha')\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"linha\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 1
