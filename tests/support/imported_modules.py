"""The modules a command had imported when it ended."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

_COUNT = (
    "import atexit, sys\n"
    "atexit.register(lambda: print('MODULES', *sorted(sys.modules), file=sys.stderr))\n"
    "from omnisync.cli import main\n"
    "main({arguments!r})\n"
)


def imported_modules(environ: Mapping[str, str], *arguments: str) -> set[str]:
    """Run a command in a process of its own; answers the names of what it imported."""
    ended = subprocess.run(
        [sys.executable, "-c", _COUNT.format(arguments=list(arguments))],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    [line] = [line for line in ended.stderr.splitlines() if line.startswith("MODULES ")]
    return set(line.split()[1:])
