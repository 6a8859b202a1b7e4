"""The reason of a record's outcome: a code and its words, until its sentence is made to be stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from omnisync.contract.documents import redact
from omnisync.contract.feed import Reason

Describe = Callable[[str, Mapping[str, object]], str]
"""Makes the sentence of a code and its words."""


class RecordReason(Struct, frozen=True, kw_only=True):
    """Why a record did not enter, or a warning. `message` is empty until `described`; one read from a binding has it.

    A binding stores the contract's `Reason`, which this type reads as well.
    """

    code: str
    field: str | None = None
    value: str | None = None
    message: str = ""
    words: Mapping[str, object] = {}


def described(reason: RecordReason, describe: Describe) -> RecordReason:
    """Return the reason with its sentence, without what is personal, at the length that the contract allows."""
    if reason.message:
        return reason
    message = redact(describe(reason.code, reason.words))[:600]
    return msgspec.structs.replace(reason, message=message)


def contract_reason(reason: RecordReason) -> Reason:
    """Return a described reason as bindings store it and receipts carry it."""
    return Reason(code=reason.code, field=reason.field, value=reason.value, message=reason.message)
