"""The ERP's keys: tuples of texts, as many as a table's key has columns; each is read by its column's own type."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import TypeVar

from msgspec import Struct

from omnisync.agent.erp.unreadable import UnreadableValue

ErpKey = tuple[str, ...]
KeyedValue = TypeVar("KeyedValue")
_PART = "\x1f"


class Claim(Struct, frozen=True):
    """A row that a record is taken to have in the ERP: the record's hub id and the row's key.

    `is_matched`: the row is the ERP's own, found by its document or chosen by a person.
    """

    id: str
    key: ErpKey
    is_matched: bool = False


def encode_key(key: ErpKey) -> str:
    """Return a key as one text, for a binding."""
    return _PART.join(key)


def decode_key(text: str) -> ErpKey:
    """Return the key within a binding."""
    return tuple(text.split(_PART))


def sort_key(key: ErpKey) -> tuple[tuple[int, str], ...]:
    """Sorts keys as their numbers do: rows are locked in the same order by everyone."""
    return tuple((len(part), part) for part in key)


def by_prefix(keys: Iterable[ErpKey]) -> dict[ErpKey, list[str]]:
    """Last parts in lots of one beginning, sorted as they are locked: an index over the whole key serves each lot."""
    parts: dict[ErpKey, set[str]] = {}
    for key in keys:
        parts.setdefault(key[:-1], set()).add(key[-1])
    return {prefix: sorted(parts[prefix], key=lambda text: (len(text), text)) for prefix in sorted(parts)}


def match_ignoring_padding(wanted: Collection[ErpKey], found: Mapping[ErpKey, KeyedValue]) -> dict[ErpKey, KeyedValue]:
    """Return what the database found, by the keys it was asked with: a column of numbers answers `00012` as 12."""
    exact = {key: found[key] for key in wanted if key in found}
    if len(exact) == len(wanted) or len(exact) == len(found):
        return exact
    others = {without_zeros(key): value for key, value in found.items() if key not in exact}
    missing = ((key, without_zeros(key)) for key in wanted if key not in exact)
    return exact | {key: others[plain] for key, plain in missing if plain in others}


def without_zeros(key: ErpKey) -> ErpKey:
    """Return a key as columns of numbers hold it."""
    return tuple(part.lstrip("0") or "0" if part.isdecimal() else part for part in key)


def as_text(value: object) -> str:
    """Return a value as the database gives it, as text: without a CHAR column's blanks or a whole number's point.

    A column of binary text (MariaDB's VARBINARY) answers bytes.
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, (float, Decimal)) and isfinite(value) and value == int(value):
        value = int(value)
    return str(value).rstrip()


_TRUE, _FALSE = frozenset({"1", "true", "t", "yes", "y", "on"}), frozenset({"0", "false", "f", "no", "n", "off"})


def is_same(value: object, text: str) -> bool:
    """Return whether a column holds what a layout writes as `text`, compared as the column's own type."""
    if isinstance(value, bool):
        return text.strip().lower() in (_TRUE if value else _FALSE)
    if isinstance(value, (int, float, Decimal)):
        try:
            return Decimal(text.strip()) == (Decimal(str(value)) if isinstance(value, float) else value)
        except InvalidOperation:
            return False
    return value is not None and not isinstance(value, UnreadableValue) and as_text(value) == text.rstrip()
