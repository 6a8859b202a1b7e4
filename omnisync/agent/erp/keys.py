"""The ERP's keys: tuples of texts, as many as a table's key has columns; each is read by its column's own type."""

from __future__ import annotations

from decimal import Decimal

Key = tuple[str, ...]
_PART = "\x1f"


def joined(key: Key) -> str:
    """A key as one text, for a binding."""
    return _PART.join(key)


def parted(text: str) -> Key:
    """The key within a binding."""
    return tuple(text.split(_PART))


def in_order(key: Key) -> tuple[tuple[int, str], ...]:
    """Sorts keys as their numbers do: rows are locked in the same order by everyone."""
    return tuple((len(part), part) for part in key)


def text_of(value: object) -> str:
    """A value as the database gives it, as text: without a CHAR column's blanks or a whole number's point."""
    if isinstance(value, (float, Decimal)) and value == int(value):
        value = int(value)
    return str(value).rstrip()
