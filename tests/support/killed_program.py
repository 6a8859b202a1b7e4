"""Runs `omnisync` and stops at a named moment of a run, the n-th time it comes: killed with SIGKILL, or held.

    python -m tests.support.killed_program MOMENT N KIND FOLDER import …

KIND is the brand of the ERP's database. With FOLDER `-` the process kills itself; else it leaves the file `there` in
the folder, waits for the file `go`, and goes on. No fault point stands in the program: the moments are taken from
outside, by wrapping what happens there.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

from omnisync.agent.erp.database import Database
from omnisync.agent.erp.databases import dialect_of
from omnisync.agent.erp.state.bindings import Bindings
from omnisync.agent.hub_api.client import HubClient
from omnisync.agent.sync.change_detector import ChangeDetector
from omnisync.agent.sync.outbox import Outbox
from omnisync.cli import main
from omnisync.contract.feed import Receipt

MOMENTS: dict[str, tuple[Any, str, bool]] = {
    "before_fetch": (HubClient, "page", True),
    "after_fetch": (HubClient, "page", False),
    "in_the_transaction": (Bindings, "save", False),
    "before_commit": (Database, "commit", True),
    "after_commit": (Database, "commit", False),
    "between_a_slice_commits": (Database, "commit", True),
    "between_a_slice_of_orders_commits": (Database, "commit", True),
    "before_a_slice_of_orders_commits": (Database, "commit", True),
    "after_a_slice_of_orders_committed": (Database, "commit", False),
    "while_a_group_is_compared": (ChangeDetector, "_compare", True),
    "before_a_batch_is_kept": (Outbox, "enqueue", True),
    "after_a_batch_is_kept": (Outbox, "enqueue", False),
    "before_a_batch_is_sent": (HubClient, "send_batch", True),
    "after_a_batch_is_sent": (HubClient, "send_batch", False),
    "after_a_batch_is_answered": (Outbox, "acknowledge", False),
    "before_the_receipts": (HubClient, "send_receipts", True),
    "after_the_receipts": (HubClient, "send_receipts", False),
}
"""Where the moment is: the class, its method, and whether before it or after it.

A commit is of any transaction of the ERP's brand, Firebird's readings among them; a slice's is one that follows saved
bindings.
Between two is where the agent keeps the bindings in a file of its own: the ERP has committed, that file has not.
"""


def _stop(folder: str) -> None:
    if folder == "-":
        os.kill(os.getpid(), signal.SIGKILL)
    there, go = Path(folder, "there"), Path(folder, "go")
    if not there.exists():  # once
        there.touch()
        while not go.exists():
            Event().wait(0.02)


def _stop_at(moment: str, n: int, kind: str, folder: str) -> None:
    owner, name, is_before = MOMENTS[moment]
    brand = dialect_of("sqlite" if moment.startswith("between") else kind).label
    original: Callable[..., Any] = getattr(owner, name)
    has_saved = _watched_save(is_of_orders="_of_orders_" in moment) if "_slice_" in moment else [True]
    left = n

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal left
        if not has_saved[-1] or (owner is Database and args[0].dialect.label != brand):
            return original(*args, **kwargs)
        has_saved[-1] = "_slice_" not in moment
        left -= 1
        if is_before and left <= 0:
            _stop(folder)
        answer = original(*args, **kwargs)
        if left <= 0:
            _stop(folder)
        return answer

    # A class of the installed program, in a process of its own that dies of it: a point for tests would stand in the
    # program itself, on the way of every record.
    setattr(owner, name, wrapped)


def _watched_save(*, is_of_orders: bool) -> list[bool]:
    """Whether bindings were saved since the last look, those of orders where only they are asked for."""
    has_saved = [False]

    def watched(original: Callable[..., list[Receipt]]) -> Callable[..., list[Receipt]]:
        def save(bindings: Bindings, saved: Any, epoch: str, establishment: str, *more: Any) -> list[Receipt]:
            has_saved[-1] |= bool(establishment) or not is_of_orders  # customers' have no establishment
            return original(bindings, saved, epoch, establishment, *more)

        return save

    for name in ("save", "save_inserted"):  # as `_stop_at` does with the moment itself
        setattr(Bindings, name, watched(getattr(Bindings, name)))
    return has_saved


if __name__ == "__main__":
    _stop_at(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4])
    main(sys.argv[5:])
