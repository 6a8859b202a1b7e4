"""Records that did not enter, or that someone looked for, as rows of a page."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Literal

from msgspec import Struct

from omnisync.agent.erp.base import OpenIssue
from omnisync.agent.messages import labels, pt
from omnisync.agent.messages.format import format_age, format_moment
from omnisync.agent.record_ref import RecordRef, encode_record_ref

RowAction = Literal["retry", "again", "automatic", "none"]

AUTOMATIC = {
    "customer_waiting": "Resolve-se com o cliente.",
    "customer_missing": "Entra sozinho assim que o cliente chegar.",
    "customer_duplicate": "Já foi escolhido: entra na próxima importação.",
    "customer_other_document": "Já foi escolhido: entra na próxima importação.",
}
DELETED = "Apagado no OmniForce. O que o ERP tinha ficou como estava."
DELETED_BEFORE = "Apagado no OmniForce, sem número no ERP."
LINKS = {f"{kind}_unmapped": ("Abrir De/Para", f"/de-para#{kind}-titulo") for kind in labels.MAPPINGS}
LINKS["customer_duplicate"] = LINKS["customer_other_document"] = ("Escolher", "/pendencias#escolher")
"""Where a refused record's cause is put right, by its code."""


class RecordRow(Struct, frozen=True, kw_only=True):
    """A record as a row: what it is, what became of it, why, what to do, and what the button does."""

    name: str
    ask: str
    outcome: str
    is_refused: bool
    reason: str
    remedy: str
    action: RowAction
    when: str
    age: str
    erp_number: str
    link: tuple[str, str] | None = None


class WarnedRow(Struct, frozen=True, kw_only=True):
    """A record that entered, and what had to be changed for it."""

    name: str
    when: str
    erp_number: str
    warnings: tuple[str, ...]


def warned_row(issue: OpenIssue, now: datetime, zone: tzinfo) -> WarnedRow:
    """Return the record as a row."""
    return WarnedRow(
        name=labels.record_name(issue.kind, issue.id, issue.label),
        when=format_moment(issue.since, now, zone),
        erp_number=issue.erp_number or "",
        warnings=tuple(warning.message for warning in issue.warnings),
    )


def record_row(issue: OpenIssue, now: datetime, zone: tzinfo) -> RecordRow:
    """Return the record as a row."""
    reason, remedy = split(issue.code, issue.message)
    if issue.outcome == "waiting":
        remedy = AUTOMATIC.get(issue.code, remedy)
    if issue.outcome == "kept" and not reason:
        reason = DELETED if issue.erp_number else DELETED_BEFORE
    return RecordRow(
        name=labels.record_name(issue.kind, issue.id, issue.label),
        ask=encode_record_ref(RecordRef(issue.kind, issue.id)),
        outcome=labels.OUTCOMES[issue.outcome],
        is_refused=issue.outcome == "refused",
        reason=reason,
        remedy=remedy,
        action=_action(issue),
        when=format_moment(issue.since, now, zone),
        age=format_age(issue.since, now),
        erp_number=issue.erp_number or "",
        link=LINKS.get(issue.code) if issue.outcome == "refused" else None,
    )


def split(code: str, message: str) -> tuple[str, str]:
    """Return what happened, and what to do: the remedy of the code, where the stored message ends with it."""
    remedy = pt.MESSAGES[code].remedy if code in pt.MESSAGES else ""
    if remedy and message.endswith(remedy):
        return message.removesuffix(remedy).rstrip(), remedy
    return message, ""


def _action(issue: OpenIssue) -> RowAction:
    if issue.outcome == "refused":
        return "again" if issue.code == "customer_other_document" else "retry"
    if issue.outcome == "waiting":
        return "automatic"
    if issue.outcome == "kept" and issue.code in ("order_removed", "customer_removed"):
        return "again"
    return "none"
