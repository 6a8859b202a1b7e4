"""Records that did not enter, or that someone looked for, as rows of a page."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from typing import Literal

from msgspec import Struct

from omnisync.agent.erp.base import OpenIssue
from omnisync.agent.messages import pt, texts, times

Action = Literal["retry", "again", "automatic", "none"]
PART = "\x1f"
"""Between the parts of an ERP key of several columns."""

AUTOMATIC = {
    "customer_waiting": "Resolve-se com o cliente.",
    "customer_missing": "Entra sozinho assim que o cliente chegar.",
    "customer_duplicate": "Já foi escolhido: entra na próxima importação.",
}
DELETED = "Apagado no OmniForce. O que o ERP tinha ficou como estava."
DELETED_BEFORE = "Apagado no OmniForce, sem número no ERP."
LINKS = {f"{kind}_unmapped": ("Abrir De/Para", f"/de-para#{kind}-titulo") for kind in texts.MAPPINGS}
LINKS["customer_duplicate"] = ("Escolher", "/pendencias#escolher")
"""Where a refused record's cause is put right, by its code."""
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
    link: tuple[str, str] | None = None


class Choice(Struct, frozen=True, kw_only=True):
    """Several customers of the ERP with one CNPJ: which of them is this one?"""

    name: str
    ask: str
    reason: str
    options: tuple[tuple[str, str], ...]
    """Each ERP key with how a person reads it."""

    @property
    def keys(self) -> frozenset[str]:
        """The answers there are."""
        return frozenset(key for key, _ in self.options)


class Warned(Struct, frozen=True, kw_only=True):
    """A record that entered, and what had to be changed for it."""

    name: str
    when: str
    erp_number: str
    warnings: tuple[str, ...]


def choice_of(found: OpenIssue) -> Choice | None:
    """The choice that this record waits for, if it waits for one."""
    if found.code != "customer_duplicate" or found.outcome != "refused" or not found.value:
        return None
    keys = found.value.split(",")
    return Choice(
        name=_name(found),
        ask=f"{found.kind}:{found.id}",
        reason=found.message,
        options=tuple((key, key.replace(PART, " / ")) for key in keys),
    )


def warned_of(found: OpenIssue, now: datetime, zone: tzinfo) -> Warned:
    """The record as a row."""
    return Warned(
        name=_name(found),
        when=times.at(found.since, now, zone),
        erp_number=found.erp_number or "",
        warnings=tuple(warning.message for warning in found.warnings),
    )


def record_of(found: OpenIssue, now: datetime, zone: tzinfo) -> Record:
    """The record as a row."""
    reason, remedy = split(found.code, found.message)
    if found.outcome == "waiting":
        remedy = AUTOMATIC.get(found.code, remedy)
    if found.outcome == "kept" and not reason:
        reason = DELETED if found.erp_number else DELETED_BEFORE
    return Record(
        name=_name(found),
        ask=f"{found.kind}:{found.id}",
        outcome=texts.OUTCOMES[found.outcome],
        is_refused=found.outcome == "refused",
        reason=reason,
        remedy=remedy,
        action=_action(found),
        when=times.at(found.since, now, zone),
        age=texts.age(found.since, now),
        erp_number=found.erp_number or "",
        link=LINKS.get(found.code) if found.outcome == "refused" else None,
    )


def _name(found: OpenIssue) -> str:
    return f"{texts.KINDS[found.kind]} {found.label or found.id}"


def split(code: str, message: str) -> tuple[str, str]:
    """What happened, and what to do: the sentence's own remedy is cut off where it closes the message."""
    _, _, remedy = pt.SENTENCES.get(code, "").partition(". ")
    if remedy and "{" not in remedy and message.endswith(remedy):
        return message.removesuffix(remedy).rstrip(), remedy
    return message, ""


def _action(found: OpenIssue) -> Action:
    if found.outcome == "refused":
        return "retry"
    if found.outcome == "waiting":
        return "automatic"
    if found.outcome == "kept" and found.code in ("order_removed", "customer_removed"):
        return "again"
    return "none"
