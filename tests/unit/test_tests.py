"""The tests' own tree."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]
_IMPORT = re.compile(r"^[ \t]*(?:from ([\w.]+) )?import (?:\(([^)]*)\)|(.+))$", re.MULTILINE)


@cache
def _imported(path: Path) -> list[str]:
    """What a module imports, by its own lines: a tree of it would take ten times as long to walk."""
    found = _IMPORT.findall(path.read_text(encoding="utf-8"))
    return [
        f"{module}.{name.split()[0]}" if module else name.split()[0]
        for module, listed, plain in found
        for name in (listed or plain.partition("#")[0]).split(",")
        if name.strip() and not name.strip().startswith("#")
    ]


def test_tests_share_only_what_stands_in_support() -> None:
    """No module of tests imports another: each can be moved, split or deleted by itself."""
    strays = [
        f"{path.relative_to(TESTS)}: {name}"
        for path in sorted(TESTS.rglob("*.py"))
        for name in _imported(path)
        if name.startswith("tests.") and not name.startswith("tests.support.")
    ]
    assert strays == []


def test_tests_and_bench_share_only_devtools_and_import_nothing_private_of_one_another() -> None:
    """Each may be moved or deleted without the other."""
    forbidden = {"tests": ("bench",), "bench": ("tests",), "devtools": ("tests", "bench")}
    strays = [
        f"{path.relative_to(TESTS.parent)}: {name}"
        for folder, others in forbidden.items()
        for path in sorted((TESTS.parent / folder).rglob("*.py"))
        for name in _imported(path)
        if name.split(".")[0] in others or (name.split(".")[0] in forbidden and "._" in name)
    ]
    assert strays == []


def test_unit_tests_start_no_process_and_open_no_file_or_connection() -> None:
    """What does is slower, and of another floor."""
    forbidden = {"multiprocessing", "socket", "sqlite3", "subprocess", "threading"}
    strays = [
        f"{path.name}: {name}"
        for path in sorted((TESTS / "unit").rglob("*.py"))
        for name in [
            *_imported(path),
            *re.findall(r"\btmp_path(?:_factory)?: ", path.read_text(encoding="utf-8")),
        ]
        if name.split(".")[0] in forbidden or name.startswith(("tmp_path", "tests.support.imported_modules"))
    ]
    assert strays == []
