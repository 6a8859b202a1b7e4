"""Mark a value of the ERP that its driver cannot turn into a sound value of Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct


class UnreadableValue(Struct, frozen=True):
    """Stands for a value of the ERP that its driver cannot read; it is not empty, and equal to nothing."""

    def __str__(self) -> str:
        return "ilegível"


UNREADABLE = UnreadableValue()


def readable_cells(cells: Iterable[Callable[[], Any]], errors: tuple[type[Exception], ...]) -> tuple[object, ...]:
    """Return a row whose cells are read one by one; what raises one of these errors is UNREADABLE, alone."""
    return tuple(_readable(read, errors) for read in cells)


def _readable(read: Callable[[], Any], errors: tuple[type[Exception], ...]) -> object:
    try:
        return read()
    except errors:
        return UNREADABLE


def is_zero_date(value: object) -> bool:
    """Return whether this is the date of no day that MariaDB keeps where there is none, which comes as a text."""
    return isinstance(value, str) and value.startswith("0000-00-00")
