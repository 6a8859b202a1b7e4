"""The choice between several customers of the ERP with one CNPJ, in words."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from omnisync.agent.coded_message import ASKED_OF_A_PERSON
from omnisync.agent.messages import labels

PART = "\x1f"
"""Between the parts of an ERP key of several columns."""


class ChoosableIssue(Protocol):
    """A record that did not enter; the ERP's `OpenIssue` is one."""

    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def value(self) -> str | None: ...


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


def choice_of(issue: ChoosableIssue) -> Choice | None:
    """Return the choice that this record waits for, if it waits for one."""
    if issue.code not in ASKED_OF_A_PERSON or issue.outcome != "refused" or not issue.value:
        return None
    keys = issue.value.split(",")
    return Choice(
        name=labels.record_name(issue.kind, issue.id, issue.label),
        ask=f"{issue.kind}:{issue.id}",
        reason=issue.message,
        options=tuple((key, key.replace(PART, " / ")) for key in keys),
    )
