"""What a command imports before it does anything: counts of modules, which no machine's speed changes."""

from __future__ import annotations

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
