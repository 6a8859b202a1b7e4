"""Records that did not enter, or that someone looked for, as rows of a page."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from typing import Literal

from msgspec import Struct

from omnisync.agent import texts
from omnisync.agent.erp.base import Unsettled
from omnisync.agent.ui import words

Action = Literal["retry", "again", "automatic", "none"]

AUTOMATIC = {
    "customer_waiting": "Resolve-se com o cliente.",
    "customer_missing": "Entra sozinho assim que o cliente chegar.",
}
RUN_ID = re.compile(r"(?:again:)?(?:customer|order):[!-~]{1,100}")
"""What a form may ask to be tried again."""


class Record(Struct, frozen=True, kw_only=True):
    """A record as a row: what it is, what became of it, why, what to do, and what the button does."""

    name: str
    ask: str
    outcome: str
    is_refused: bool
    reason: str
    remedy: str
    action: Action
    when: str
    age: str
    erp_number: str


def record_of(found: Unsettled, now: datetime, zone: tzinfo) -> Record:
    """The record as a row."""
    reason, remedy = split(found.code, found.message)
    if found.outcome == "waiting":
        remedy = AUTOMATIC.get(found.code, remedy)
    return Record(
        name=f"{texts.KINDS[found.kind]} {found.label or found.id}",
        ask=f"{found.kind}:{found.id}",
        outcome=texts.OUTCOMES[found.outcome],
        is_refused=found.outcome == "refused",
        reason=reason,
        remedy=remedy,
        action=_action(found),
        when=words.at(found.since, now, zone),
        age=words.age(found.since, now),
        erp_number=found.erp_number or "",
    )


def split(code: str, message: str) -> tuple[str, str]:
    """What happened, and what to do: the sentence's own remedy is cut off where it closes the message."""
    _, _, remedy = texts.SENTENCES.get(code, "").partition(". ")
    if remedy and "{" not in remedy and message.endswith(remedy):
        return message.removesuffix(remedy).rstrip(), remedy
    return message, ""


def _action(found: Unsettled) -> Action:
    if found.outcome == "refused":
        return "retry"
    if found.outcome == "waiting":
        return "automatic"
    if found.outcome == "kept" and found.code in ("order_removed", "customer_removed"):
        return "again"
    return "none"
