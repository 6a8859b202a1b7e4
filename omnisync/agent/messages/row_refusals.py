"""Say why a row of the ERP did not go out, and what to do: in the same words on page, command line and CSV."""

from __future__ import annotations

from typing import Protocol

_IN_THE_LAYOUT = {
    "repeated": "Acerte a consulta no layout ou o cadastro no ERP.",
    "float": "Arredonde na consulta do layout, com CAST ou ROUND.",
}
_IN_THE_ERP = "Corrija no ERP: vai na próxima exportação."


class RefusedRow(Protocol):
    """A row of the ERP that did not go out; the outbox's `RowRefusal` is one."""

    @property
    def code(self) -> str: ...
    @property
    def pointer(self) -> str: ...
    @property
    def detail(self) -> str: ...


def reason_of_row(row: RefusedRow) -> str:
    """Return why the row did not go out, with its column."""
    field = row.pointer.rpartition("/")[2]
    return f"{row.detail[:-1]} ({field})." if field and row.detail.endswith(".") else row.detail


def remedy_of_row(row: RefusedRow) -> str:
    """Return what a person can do about it."""
    return _IN_THE_LAYOUT.get(row.code, _IN_THE_ERP)
