"""Reads and checks a layout: one TOML file per ERP that says where each field goes. Data, never code.

    nome  = "name | upper | cut(50)"        a path of the contract, then converters in turn
    ativo = "is_active | yes_no(S, N)"
    origem = { constant = "OMNIFORCE" }
    forma = { field = "method_code", map = { PIX = "7", BOLETO = "15" }, missing = "refuse" }

Paths reach into lists by name: `address.main.street`, `phone.mobile.number`. A typing mistake is an error that names
the key and offers the nearest. Source: docs/layouts.md.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from operator import attrgetter, itemgetter
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from omnisync.agent.erp import layouts
from omnisync.agent.errors import LayoutError
from omnisync.contract.documents import mask
from omnisync.contract.records import Address, Customer, Item, Order, Payment, Phone

Name = Annotated[str, Meta(min_length=1, max_length=63)]
Scalar = str | int | bool
RECORDS: Mapping[str, type[Struct]] = {"customer": Customer, "order": Order, "item": Item, "payment": Payment}


class Constant(Struct, frozen=True, forbid_unknown_fields=True):
    """The same value in every row."""

    constant: Scalar


class Mapped(Struct, frozen=True, forbid_unknown_fields=True):
    """A code of the app as the ERP's (de/para). A code that is not in the map: refuse the record, or leave it empty."""

    field: str
    map: dict[str, Scalar]
    missing: Literal["refuse", "null"] = "refuse"


class CustomerTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table of customers. `key` is the ERP's own, made by it."""

    table: Name
    key: Name
    external_id: Name
    columns: dict[Name, str | dict[str, Any]]


class State(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The column that tells how far the ERP is with an order; it is changed only while it has the value `open`."""

    column: Name
    open: Scalar
    cancelled: Scalar


class OrderTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table of orders. `customer` is the column that holds the customer's key."""

    table: Name
    key: Name
    external_id: Name
    customer: Name
    state: State
    columns: dict[Name, str | dict[str, Any]]


class ChildTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of an order's lines. `parent` is the column that holds the order's key."""

    table: Name
    parent: Name
    external_id: Name
    columns: dict[Name, str | dict[str, Any]]


class LayoutFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A layout as its file says it, every path and converter checked."""

    name: Name
    description: str
    databases: tuple[str, ...]
    customer: CustomerTable
    order: OrderTable
    item: ChildTable
    payment: ChildTable


class Field(Struct, frozen=True):
    """A path of the contract, resolved: how to read it, what type it gives, and whether it may be absent."""

    read: Callable[[Any], Any]
    type: Any
    is_optional: bool


class Source(Struct, frozen=True):
    """Where a column's value comes from: a field and what is done to it in turn, or a constant."""

    field: Field | None
    steps: tuple[Callable[[Any], Any], ...]
    constant: Scalar | None = None


def read_layout(text: str) -> LayoutFile:
    """The layout in this TOML. Raises LayoutError naming the place and, for a typing mistake, the nearest word."""
    try:
        plain = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LayoutError(motivo=f"o arquivo não é TOML: {error}") from error
    try:
        layout = msgspec.convert(plain, LayoutFile)
    except msgspec.ValidationError as error:
        raise LayoutError(motivo=_explained(plain, str(error))) from error
    for kind in RECORDS:
        for name, source in getattr(layout, kind).columns.items():
            source_of(kind, name, source)
    return layout


def names() -> list[str]:
    """The layouts that are shipped."""
    return sorted(file.name.removesuffix(".toml") for file in files(layouts).iterdir() if file.name.endswith(".toml"))


@cache
def shipped(name: str) -> LayoutFile:
    """The shipped layout of this name. Raises LayoutError offering the nearest."""
    if name not in names():
        raise LayoutError(motivo=f"o layout {name} não existe{_nearest(name, names())}")
    return read_layout((files(layouts) / f"{name}.toml").read_text(encoding="utf-8"))


def source_of(kind: str, column: str, written: str | Mapping[str, Any]) -> Source:
    """What a column's text means. Raises LayoutError naming the column."""
    where = f"{kind}.columns.{column}"
    if isinstance(written, str):
        path, *calls = (part.strip() for part in written.split("|"))
        field = field_of(kind, path, where)
        return Source(field, tuple(_converter(call, where) for call in calls))
    try:
        if "constant" in written:
            return Source(None, (), msgspec.convert(written, Constant).constant)
        mapped = msgspec.convert(written, Mapped)
    except msgspec.ValidationError as error:
        raise LayoutError(motivo=f"{where}: {error}") from error
    return Source(field_of(kind, mapped.field, where), (_mapping(mapped),))


# --- paths


def field_of(kind: str, path: str, where: str = "") -> Field:
    """The field at `path` of a record. Raises LayoutError offering the nearest path."""
    known = _paths(RECORDS[kind])
    if path not in known:
        raise LayoutError(motivo=f"{where}: o campo {path} não existe{_nearest(path, known)}")
    return known[path]


@cache
def _paths(record: type[Struct]) -> dict[str, Field]:
    return dict(_walked(record, ""))


def _walked(record: type[Struct], prefix: str) -> Iterator[tuple[str, Field]]:
    """Every path below a struct. A struct within a struct is never absent in the contract; a value may be."""
    hints = get_type_hints(record, include_extras=False)
    for field in msgspec.structs.fields(record):
        inner, may_be_none = _without_none(hints[field.name])
        path = f"{prefix}{field.name}"
        if inner in (tuple[Address, ...], tuple[Phone, ...]):
            yield from _named(inner, attrgetter(path))
        elif isinstance(inner, type) and issubclass(inner, Struct):
            yield from _walked(inner, f"{path}.")
        elif get_origin(inner) is not tuple:
            yield path, Field(attrgetter(path), str if get_origin(inner) is Literal else inner, may_be_none)


def _named(parts: Any, read: Callable[[Any], Any]) -> Iterator[tuple[str, Field]]:
    """`address.main.street`: the first of a list with this kind, else, for main, the first of all."""
    part = get_args(parts)[0]
    word = "address" if part is Address else "phone"
    kinds = get_args(get_type_hints(part)["kind"])
    for kind in kinds:
        for field in msgspec.structs.fields(part):
            if field.name != "kind":
                yield f"{word}.{kind}.{field.name}", Field(_of_kind(read, kind, field.name), str, is_optional=True)
    if part is Phone:
        yield "phone.first.number", Field(_of_kind(read, "", "number"), str, is_optional=True)


def _of_kind(read: Callable[[Any], Any], kind: str, name: str) -> Callable[[Any], Any]:
    def value(record: Any) -> Any:
        parts = read(record)
        chosen = next((part for part in parts if part.kind == kind), None)
        if chosen is None and kind in ("main", "") and parts:
            chosen = parts[0]
        return None if chosen is None else getattr(chosen, name)

    return value


def _without_none(hint: Any) -> tuple[Any, bool]:
    args = get_args(hint)
    if type(None) not in args:
        return hint, False
    [inner] = [arg for arg in args if arg is not type(None)]
    return inner, True


# --- converters


def _converter(call: str, where: str) -> Callable[[Any], Any]:
    name, _, rest = call.partition("(")
    arguments = [argument.strip().strip("'\"") for argument in rest.rstrip(")").split(",")] if rest else []
    make = CONVERTERS.get(name.strip())
    if make is None:
        raise LayoutError(motivo=f"{where}: o conversor {name} não existe{_nearest(name, CONVERTERS)}")
    try:
        return make(*arguments)
    except (TypeError, ValueError) as error:
        raise LayoutError(motivo=f"{where}: o conversor {call} não foi entendido") from error


def _mapping(mapped: Mapped) -> Callable[[Any], Any]:
    def convert(code: Any) -> Any:
        if code in mapped.map:
            return mapped.map[code]
        if mapped.missing == "null":
            return None
        raise LookupError(code)

    return convert


def _yes_no(yes: str, no: str) -> Callable[[Any], Any]:
    return lambda value: yes if value else no


def _cut(n: str) -> Callable[[Any], Any]:
    longest = int(n)

    def cut(text: str) -> str:
        """At a blank where there is one in the last half: half a word reads worse than a word less."""
        if len(text) <= longest:
            return text
        blank = text.rfind(" ", 0, longest + 1)
        return text[:blank] if blank >= longest // 2 else text[:longest]

    return cut


def _slice(first: str, last: str) -> Callable[[Any], Any]:
    return itemgetter(slice(int(first) - 1, int(last)))


def _zeros_left(n: str) -> Callable[[Any], Any]:
    width = int(n)
    return lambda text: str(text).rjust(width, "0")


def _prefix(text: str) -> Callable[[Any], Any]:
    return lambda value: f"{text}{value}"


def _cep_masked() -> Callable[[Any], Any]:
    return lambda cep: f"{cep[:5]}-{cep[5:]}" if len(cep) == 8 else cep


def _digits() -> Callable[[Any], Any]:
    return lambda text: "".join(sign for sign in text if sign in "0123456789")


CONVERTERS: Mapping[str, Callable[..., Callable[[Any], Any]]] = {
    "upper": lambda: str.upper,
    "digits": _digits,
    "document_masked": lambda: mask,
    "cep_masked": _cep_masked,
    "cut": _cut,
    "slice": _slice,
    "prefix": _prefix,
    "zeros_left": _zeros_left,
    "yes_no": _yes_no,
}
"""Every converter, by its name in a layout; each gets its arguments as text and answers a function of one value."""


# --- words


def _explained(plain: Any, error: str) -> str:
    """msgspec's message in pt-BR, with the nearest key when one was mistyped."""
    what, _, place = error.partition(" - at `$")
    where = place.strip("`.") or "o arquivo"
    if "unknown field" in what:
        unknown = what.split("`")[1]
        return f"{where}: a chave {unknown} não existe{_nearest(unknown, _known_keys(where))}"
    if "missing required field" in what:
        return f"{where}: falta a chave {what.split('`')[1]}"
    return f"{where}: {what}"


def _known_keys(where: str) -> Iterable[str]:
    owner: Any = LayoutFile
    for part in [] if where == "o arquivo" else where.split("."):
        owner = get_type_hints(owner).get(part, LayoutFile)
    return owner.__struct_fields__ if isinstance(owner, type) and issubclass(owner, Struct) else ()


def _nearest(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word, list(known), 1, 0.5)
    return f"; seria {close[0]}?" if close else ""
