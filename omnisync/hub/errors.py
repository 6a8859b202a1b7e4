"""The one error of the hub: a refusal that becomes an RFC 9457 problem at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from omnisync.contract.problems import FieldError


class ProblemError(Exception):
    """The request is refused with the problem of this code (`contract.problems`)."""

    def __init__(
        self,
        code: str,
        *,
        detail: str | None = None,
        errors: tuple[FieldError, ...] = (),
        holder: str | None = None,
        since: datetime | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.errors = errors
        self.holder = holder
        self.since = since
        self.headers = dict(headers or {})


def invalid(pointer: str, code: str) -> ProblemError:
    """Return a `validation` problem about one field."""
    return ProblemError("validation", errors=(FieldError(pointer=pointer, code=code),))
