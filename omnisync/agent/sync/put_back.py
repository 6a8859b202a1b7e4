"""Tell by its last batch an outbox, or a hub, that was put back from an older copy.

Source: docs/contract.md "The way out".
"""

from __future__ import annotations

from collections.abc import Collection

from omnisync.agent.sync.outbox import DatasetState
from omnisync.contract.batches import UploadState


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
