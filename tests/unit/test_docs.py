"""The documents name what exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from omnisync.cli import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/reliability.md", "docs/contract.md")


@pytest.mark.parametrize("page", PAGES)
def test_every_file_a_page_names_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    linked = re.findall(r"\]\(([^)#]+)\)", text)
    missing = [name for name in linked if "://" not in name and not ((ROOT / page).parent / name).exists()]
    named = re.findall(r"`((?:omnisync|tests|docs|agent|hub|contract|cli)/[\w/.]+)`", text)
    missing += [name for name in named if not (ROOT / name).exists() and not (ROOT / "omnisync" / name).exists()]
    assert missing == []


def test_the_readmes_first_command_is_within_its_first_25_lines() -> None:
    first = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:25]
    assert any("make demo" in line for line in first)
    assert any("make test" in line for line in first)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does_in_one_line(name: str) -> None:
    assert COMMANDS[name][1].endswith(".")
