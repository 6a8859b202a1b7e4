"""The fields of the contract by the paths a layout names them with: `address.main.street`, `phone.mobile.ddd`.

An item and a payment also reach what stands on their order: `order.establishment_code`.
Source: docs/layouts.md "Campos".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from difflib import get_close_matches
from functools import cache
from operator import attrgetter
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from omnisync.agent.errors import LayoutError
from omnisync.contract.records import Address, Customer, Item, Order, Payment, Phone

RECORDS: Mapping[str, type[Struct]] = {"customer": Customer, "order": Order, "item": Item, "payment": Payment}
"""What stands in a table of each kind."""

NEVER_CUT = frozenset(
    {
        *("id", "number", "document", "carrier_document", "state_registration", "suframa", "gtin", "ncm"),
        *("postal_code", "authorization", "customer_order_number", "email", "subscriber"),
    }
)
"""Last words of paths that are codes, documents, numbers or addresses of mail: half of one is another one."""


class FieldPath(Struct, frozen=True):
    """A path, resolved: how to read it, what type it gives, and whether it may be absent.

    `is_of_order` for an item's or a payment's field that is read from their order.
    """

    path: str
    read: Callable[[Any], Any]
    type: Any
    is_optional: bool
    is_of_order: bool = False

    @property
    def may_be_cut(self) -> bool:
        """Return whether half of its text is still of use."""
        before, _, last = self.path.rpartition(".")
        if last == "number" and "address" in before:
            return True  # a house's, written in words: "Quadra 12, Lote 7"
        return last not in NEVER_CUT and not last.endswith("code")


def field_of(kind: str, path: str, where: str = "") -> FieldPath:
    """Return the field at `path` of a record. Raises LayoutError offering the nearest path."""
    known = paths_of(kind)
    if path not in known:
        raise LayoutError(motivo=f"{where}: o campo {path} não existe{nearest(path, known)}")
    return known[path]


@cache
def paths_of(kind: str) -> Mapping[str, FieldPath]:
    """Return every field of a kind by its path."""
    fields = {field.path: field for field in _walked(RECORDS[kind], "")}
    if kind == "item":
        fields["net_price"] = FieldPath("net_price", _net_price, Decimal, is_optional=False)
    if kind in ("item", "payment"):
        for field in _walked(Order, ""):
            path = f"order.{field.path}"
            fields[path] = FieldPath(path, field.read, field.type, field.is_optional, is_of_order=True)
    return fields


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the nearest known word, as the end of a sentence; empty when none is near."""
    close = get_close_matches(word, list(known), 1, 0.5)
    return f"; seria {close[0]}?" if close else ""


def _walked(record: type[Struct], prefix: str) -> Iterator[FieldPath]:
    """Yield every path below a struct. A struct within a struct is never absent in the contract; a value may be."""
    hints = get_type_hints(record, include_extras=False)
    for field in msgspec.structs.fields(record):
        inner, may_be_none = _without_none(hints[field.name])
        path = f"{prefix}{field.name}"
        if inner in (tuple[Address, ...], tuple[Phone, ...]):
            yield from _named(inner, attrgetter(path))
        elif isinstance(inner, type) and issubclass(inner, Struct):
            yield from _walked(inner, f"{path}.")
        elif get_origin(inner) is not tuple:
            yield FieldPath(path, attrgetter(path), str if get_origin(inner) is Literal else inner, may_be_none)


def _named(parts: Any, read: Callable[[Any], Any]) -> Iterator[FieldPath]:
    """`address.main.street`: the first of a list with this kind; for main, and for a phone's first, else any."""
    part = get_args(parts)[0]
    word = "address" if part is Address else "phone"
    kinds = (*get_args(get_type_hints(part)["kind"]), *(("first",) if part is Phone else ()))
    for kind in kinds:
        for field in msgspec.structs.fields(part):
            if field.name != "kind":
                yield _part(f"{word}.{kind}.{field.name}", _of_kind(read, kind, attrgetter(field.name)))
        if part is Phone:
            yield _part(f"{word}.{kind}.ddd", _of_kind(read, kind, _ddd))
            yield _part(f"{word}.{kind}.subscriber", _of_kind(read, kind, _subscriber))


def _part(path: str, read: Callable[[Any], Any]) -> FieldPath:
    return FieldPath(path, read, str, is_optional=True)


def _of_kind(read: Callable[[Any], Any], kind: str, value: Callable[[Any], Any]) -> Callable[[Any], Any]:
    or_any = kind in ("main", "first")

    def found(record: Any) -> Any:
        parts = read(record)
        for part in parts:  # a third of the time of `next` over a generator
            if part.kind == kind:
                return value(part)
        return value(parts[0]) if parts and or_any else None

    return found


def _ddd(phone: Phone) -> str | None:
    return phone.number[:2] if len(phone.number) in (10, 11) else None


def _subscriber(phone: Phone) -> str:
    return phone.number[2:] if len(phone.number) in (10, 11) else phone.number


def _net_price(item: Item) -> Decimal:
    """Return what one unit costs after discounts and surcharges, to ten places."""
    return (item.total_amount / item.quantity).quantize(Decimal("1E-10"), ROUND_HALF_EVEN)


def _without_none(hint: Any) -> tuple[Any, bool]:
    args = get_args(hint)
    if type(None) not in args:
        return hint, False
    [inner] = [arg for arg in args if arg is not type(None)]
    return inner, True
