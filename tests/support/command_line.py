"""Commands run in the test's own process, as the command line would run them."""

from __future__ import annotations

from typing import Any

import pytest

from omnisync.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[Any, str]:
    """Return the status a command ends with, and all it printed."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capsys.readouterr()
    return ended.value.code, said.out + said.err
