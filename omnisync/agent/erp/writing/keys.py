"""The ERP's keys: tuples of texts, as many as a table's key has columns; each is read by its column's own type."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import TypeVar

Key = tuple[str, ...]
Found = TypeVar("Found")
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


def by_prefix(keys: Iterable[Key]) -> dict[Key, list[str]]:
    """Last parts in lots of one beginning, sorted as they are locked: an index over the whole key serves each lot."""
    parts: dict[Key, set[str]] = {}
    for key in keys:
        parts.setdefault(key[:-1], set()).add(key[-1])
    return {prefix: sorted(parts[prefix], key=lambda text: (len(text), text)) for prefix in sorted(parts)}


def as_asked(wanted: Collection[Key], found: Mapping[Key, Found]) -> dict[Key, Found]:
    """What the database found, by the keys it was asked with: a column of numbers answers `00012` as 12."""
    exact = {key: found[key] for key in wanted if key in found}
    if len(exact) == len(wanted) or len(exact) == len(found):
        return exact
    others = {_without_zeros(key): value for key, value in found.items() if key not in exact}
    missing = ((key, _without_zeros(key)) for key in wanted if key not in exact)
    return exact | {key: others[plain] for key, plain in missing if plain in others}


def _without_zeros(key: Key) -> Key:
    return tuple(part.lstrip("0") or "0" if part.isdecimal() else part for part in key)


def text_of(value: object) -> str:
    """A value as the database gives it, as text: without a CHAR column's blanks or a whole number's point."""
    if isinstance(value, (float, Decimal)) and value == int(value):
        value = int(value)
    return str(value).rstrip()
