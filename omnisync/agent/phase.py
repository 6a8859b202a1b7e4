"""The phase of a run: what it is doing, and what it waits out."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

import msgspec
from msgspec import Struct

Stage = Literal["", "customer", "order", "waiting", "receipts", "read", "send"]
"""Of an import: customers, the orders of an establishment, what waited, receipts. Of an export: reading, sending."""

_STAGES = frozenset(get_args(Stage))


class Phase(Struct, frozen=True, kw_only=True):
    """One moment of a run. `waiting_for` is the code of a temporary error, `retry_at` when the run tries again."""

    stage: Stage = ""
    establishment: str = ""
    """Of the stage `order`: its code."""
    dataset: str = ""
    """Of an export: its system and name, "omniforce.stock"."""
    waiting_for: str = ""
    retry_at: datetime | None = None

    @property
    def is_export(self) -> bool:
        """Return whether the run's exporting half has begun."""
        return self.stage in ("read", "send")

    def waiting(self, code: str, retry_at: datetime) -> Phase:
        """Return this phase while `code` is waited out until `retry_at`."""
        return msgspec.structs.replace(self, waiting_for=code, retry_at=retry_at)

    def without_wait(self) -> Phase:
        """Return this phase without what it waits out."""
        return msgspec.structs.replace(self, waiting_for="", retry_at=None)


def encode_phase(phase: Phase) -> str:
    """Return the phase as a run's row keeps it: `order:0001`, `send:dash.sales-facts!hub_unreachable!<moment>`."""
    of = phase.establishment or phase.dataset
    text = f"{phase.stage}:{of}" if of else phase.stage
    if phase.retry_at is None:
        return text
    return f"{text}!{phase.waiting_for}!{phase.retry_at.isoformat()}"


def decode_phase(text: str) -> Phase:
    """Return the phase that a run's row keeps; one that a newer version wrote has no stage. Raises nothing."""
    doing, _, trouble = text.partition("!")
    stage, _, of = doing.partition(":")
    if stage not in _STAGES:
        return Phase()
    phase = msgspec.convert({"stage": stage, "establishment" if stage == "order" else "dataset": of}, Phase)
    code, _, moment = trouble.partition("!")
    try:
        return phase.waiting(code, datetime.fromisoformat(moment)) if code else phase
    except ValueError:
        return phase
