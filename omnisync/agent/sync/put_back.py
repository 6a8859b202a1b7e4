"""Tell by its last batch an outbox, or a hub, that was put back from an older copy.

Source: docs/contract.md "The way out".
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from omnisync.agent.sync.outbox import DatasetState
from omnisync.contract.batches import UploadState

_AFTER_MARK = "_"
"""Between the sender's mark and the rest of a batch's name; names of before it had none."""


def batch_name(sender: str, id_: str) -> str:
    """Return a batch's name that shows the connection it is of."""
    return f"{_mark(sender)}{id_}"


def may_be_sent_by(sender: str, batch: str) -> bool:
    """Return whether the batch is of this connection, or of before names showed it."""
    return _AFTER_MARK not in batch or batch.startswith(_mark(sender))


def _mark(sender: str) -> str:
    return hashlib.sha256(sender.encode()).hexdigest()[:8] + _AFTER_MARK


def is_put_back(state: DatasetState, pending: Collection[str], told: UploadState | None) -> bool:
    """Return whether what the hub says it was sent of a dataset differs from what the outbox knows.

    `pending` are the batches that were not answered: the hub may have taken one in. What one of the two cannot know,
    as its file is older than contract 1.1, is no difference.
    """
    if told is None:
        is_first_snapshot = bool(state.snapshot) and not state.held
        return bool(state.last_batch) or not is_first_snapshot
    if not told.last_batch or not state.last_batch or told.last_batch in pending:
        return False
    is_other_living = told.living is not None and state.living not in (-1, told.living)
    return told.last_batch != state.last_batch or is_other_living
