"""Runs `omnisync` and kills itself with SIGKILL at a named moment of an import, the n-th time it comes.

    python -m tests.acceptance.killed MOMENT N import …

No fault point stands in the program: the moments are taken from outside, by wrapping what happens there.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from omnisync.agent.erp.bindings import Bindings
from omnisync.agent.erp.dialects.sqlite import Sqlite
from omnisync.agent.hub_client import HubClient
from omnisync.cli import main

MOMENTS: dict[str, tuple[Any, str, bool]] = {
    "before_fetch": (HubClient, "page", True),
    "after_fetch": (HubClient, "page", False),
    "in_the_transaction": (Bindings, "save", False),
    "before_commit": (Sqlite, "commit", True),
    "after_commit": (Sqlite, "commit", False),
    "before_the_receipts": (HubClient, "send_receipts", True),
    "after_the_receipts": (HubClient, "send_receipts", False),
}
"""Where the moment is: the class, its method, and whether before it or after it."""


def _die_at(moment: str, n: int) -> None:
    owner, name, is_before = MOMENTS[moment]
    original: Callable[..., Any] = getattr(owner, name)
    left = n

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal left
        left -= 1
        if is_before and left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = original(*args, **kwargs)
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, name, wrapped)


if __name__ == "__main__":
    _die_at(sys.argv[1], int(sys.argv[2]))
    main(sys.argv[3:])
