"""Runs `omnisync` over a driver that never comes back from the third saving of bindings.

    python -m tests.support.hung_program LIMIT import …

LIMIT is how many seconds one step of a run may take. As in `killed_program`, no point stands in the program itself.
"""

from __future__ import annotations

import select
import sys
from typing import Any

from msgspec.structs import replace

from omnisync.agent.erp.state.bindings import Bindings
from omnisync.cli import composition, main


def _hang_at(n: int) -> None:
    original = Bindings.save
    left = n

    def save(*args: Any, **kwargs: Any) -> Any:
        nonlocal left
        left -= 1
        if not left:
            select.select([], [], [], 3600)  # in C, as a driver whose packets are dropped
        return original(*args, **kwargs)

    setattr(Bindings, "save", save)  # noqa: B010  # a class of the installed program, in a process that dies of it


def _limit_steps(seconds: float) -> None:
    original = composition.run_services
    composition.run_services = lambda context: replace(original(context), step_limit_s=seconds)


if __name__ == "__main__":
    _hang_at(3)
    _limit_steps(float(sys.argv[1]))
    main(sys.argv[2:])
