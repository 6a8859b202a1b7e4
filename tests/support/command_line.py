"""Commands run in the test's own process, as the command line would run them."""

from __future__ import annotations

import io
from contextlib import ExitStack
from typing import Any

import pytest
from click.testing import CliRunner

from omnisync.agent.runtime import Runtime
from omnisync.cli import main


class Terminal(io.BytesIO):
    """A terminal on which these lines are typed."""

    def __init__(self, *lines: str) -> None:
        super().__init__("".join(f"{line}\n" for line in lines).encode())

    def isatty(self) -> bool:
        return True


def run(
    capsys: pytest.CaptureFixture[str],
    *arguments: str,
    stdin: str | Terminal | None = None,
    runtime: Runtime | None = None,
) -> tuple[Any, str]:
    """Return the status a command ends with, and all it printed. `stdin` is what a pipe or a terminal brings."""
    with ExitStack() as stack:
        streams = stack.enter_context(CliRunner().isolation(input=stdin)) if stdin is not None else None
        ended = stack.enter_context(pytest.raises(SystemExit))
        main(arguments, runtime)
    if streams is not None:
        return ended.value.code, streams[0].getvalue().decode() + streams[1].getvalue().decode()
    said = capsys.readouterr()
    return ended.value.code, said.out + said.err
