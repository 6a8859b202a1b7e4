"""The documents name what exists."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from omnisync.cli import COMMANDS
from omnisync.contract.feed import read_page
from omnisync.contract.records import decode_customer, decode_order, encode
from omnisync.contract.rules import canonical_customer, order_faults, order_warnings

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/architecture.md",
    "docs/reliability.md",
    "docs/contract.md",
    "docs/layouts.md",
)


@pytest.mark.parametrize("page", PAGES)
def test_every_file_a_page_names_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    linked = re.findall(r"\]\(([^)#]+)\)", text)
    missing = [name for name in linked if "://" not in name and not ((ROOT / page).parent / name).exists()]
    named = re.findall(r"`((?:omnisync|tests|docs|agent|hub|contract|cli)/[\w/.]+)`", text)
    missing += [name for name in named if not (ROOT / name).exists() and not (ROOT / "omnisync" / name).exists()]
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    missing += [name for name in re.findall(r"`(test_\w+\.py)`", text) if name not in tests]
    assert missing == []


def test_every_name_of_the_architecture_stands_in_the_code() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "omnisync").rglob("*.py"))
    files = {str(path.relative_to(ROOT / "omnisync")) for path in (ROOT / "omnisync").rglob("*.py")}
    defined = set(re.findall(r"(?:class|def) (\w+)", code)) | set(re.findall(r"^    (\w+):", code, re.MULTILINE))
    defined |= {part.removesuffix(".py") for file in files for part in file.split("/")}
    picture = "\n".join(re.findall(r"^    .*$", text, re.MULTILINE))
    named = re.findall(r"`([\w./]+)`", text) + re.findall(
        r"[\w.]*[A-Z]\w+\.\w+|\b\w+/[\w/]+\.py|\b[a-z]+_[a-z_]+\b", picture
    )
    missing = [name for name in named if name.endswith(".py") and not any(f"/{f}".endswith(f"/{name}") for f in files)]
    symbols = [
        name
        for name in named
        if re.fullmatch(r"(?:[A-Z]\w+)(?:\.\w+)?|[a-z]+_[a-z_]+", name) and "omnisync_" not in name
    ]
    missing += [name for name in symbols if not set(name.split(".")) <= defined]
    assert missing == []


def test_the_readmes_first_command_is_within_its_first_25_lines() -> None:
    first = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:25]
    assert any("make demo" in line for line in first)
    assert any("make test" in line for line in first)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does_in_one_line(name: str) -> None:
    assert COMMANDS[name][1].endswith(".")


def test_the_page_in_full_is_a_page_as_the_hub_sends_it_and_holds_to_the_rules() -> None:
    [text] = re.findall(r"```json\n(.*?)```", (ROOT / "docs/contract.md").read_text(encoding="utf-8"), re.DOTALL)
    page, unreadable = read_page(text.encode(), "order")
    [change], [related] = page.changes, page.related.customers
    order, customer = decode_order(change.data), decode_customer(related.data)
    assert unreadable == ()
    assert (order_faults([order]), order_warnings([order])) == ([None], [()])
    assert canonical_customer(customer) == customer
    assert (len(order.items), len(order.payments)) == (change.n_items, change.n_payments)
    shown = json.loads(text)
    assert json.loads(encode(order)) == shown["changes"][0]["data"]
    assert json.loads(encode(customer)) == shown["related"]["customers"][0]["data"]
