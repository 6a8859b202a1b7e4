"""Rows of the ERP that the hub has not as the ERP has them, as rows of a page. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from omnisync.agent.messages import labels
from omnisync.agent.messages.format import format_age
from omnisync.agent.messages.row_refusals import reason_of_row, remedy_of_row
from omnisync.agent.sync.outbox import RowRefusal


class NotSentRow(Struct, frozen=True, kw_only=True):
    """A row that did not go out: what it is, why, and what to do."""

    name: str
    reason: str
    remedy: str
    age: str


class NotSentRows(Struct, frozen=True, kw_only=True):
    """The newest of them, and how many there are."""

    lines: tuple[NotSentRow, ...] = ()
    n: int = 0

    @property
    def n_more(self) -> int:
        """Return how many there are beyond those shown."""
        return max(0, self.n - len(self.lines))


def not_sent_rows(found: Sequence[RowRefusal], n: int, now: datetime) -> NotSentRows:
    """Return these of `n` rows."""
    return NotSentRows(lines=tuple(_row(one, now) for one in found), n=n)


def _row(found: RowRefusal, now: datetime) -> NotSentRow:
    return NotSentRow(
        name=labels.row_name(found.dataset, found.key),
        reason=reason_of_row(found),
        remedy=remedy_of_row(found),
        age=format_age(found.at, now),
    )
