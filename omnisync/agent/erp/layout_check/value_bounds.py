"""The bounds of the values a layout gives a column, by its file and the contract: kind, length, optional or not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from omnisync.agent.erp.layout import converters
from omnisync.agent.erp.layout.converters import Call
from omnisync.agent.erp.layout.field_paths import NEVER_CUT, RECORDS, paths_of
from omnisync.agent.erp.layout.schema import Constant, FromSql, KeyOf, Lookup, Mapped, Scalar, column_form
from omnisync.agent.erp.schema import DatabaseColumn, Schema
from omnisync.contract.records import Address, Order, Phone

ValueKind = Literal["text", "integer", "decimal", "date", "datetime", "bool"]


class ValueBounds(Struct, frozen=True, kw_only=True):
    """The bounds of a column's values. `length` counts letters; `whole` and `scale` the digits around the point.

    `values` are all there are, where the layout itself names them.
    """

    kind: ValueKind
    path: str = ""
    length: int | None = None
    whole: int | None = None
    scale: int | None = None
    is_optional: bool = False
    values: tuple[str, ...] = ()

    @property
    def is_document(self) -> bool:
        """Return whether it is a CNPJ or CPF, which may have letters."""
        return self.path.rpartition(".")[2] == "document"

    @property
    def is_code(self) -> bool:
        """Return whether half of it is another one, or of no use."""
        last = self.path.rpartition(".")[2]
        return last in NEVER_CUT or last == "email" or last.endswith("code")


def value_bounds(kind: str, source: str | Mapping[str, Any], where: str, schema: Schema) -> ValueBounds | None:
    """Return what this source gives; None where only the ERP knows (a query), or for the key of another row."""
    written = column_form(source, where)
    if isinstance(written, str):
        return path_bounds(kind, written)
    if isinstance(written, Constant):
        return constant_bounds(written.constant)
    if isinstance(written, Mapped):
        return _mapped(kind, written)
    if isinstance(written, Lookup):
        table = schema.table(written.lookup)
        column = table.column(written.take) if table is not None else None
        taken = column_bounds(column) if column is not None else None
        is_optional = written.missing == "null" or (
            written.default is None and path_bounds(kind, written.field).is_optional
        )
        return msgspec.structs.replace(taken, is_optional=is_optional) if taken is not None else None
    assert isinstance(written, KeyOf | FromSql)
    return None


def path_bounds(kind: str, text: str) -> ValueBounds:
    """Return what a path with its converters gives. The layout was compiled before: paths and converters are right."""
    path, *rest = text.split("|", 1)
    path = path.strip()
    known = field_bounds(kind)[path]
    for call in map(converters.parse_call, converters.split_pipe(rest[0]) if rest else ()):
        known = (
            _concatenated(kind, known, call) if call.name == "join" else BOUNDS_AFTER[call.name](known, *call.arguments)
        )
    return known


def constant_bounds(*values: Scalar) -> ValueBounds:
    """Return these values and no others."""
    texts = tuple(("1" if value else "0") if isinstance(value, bool) else str(value) for value in values)
    return ValueBounds(kind="text", length=max(map(len, texts)), values=texts)


def number_bounds(form: str, digits: int = 9) -> ValueBounds:
    """Return the bounds of a number of the ERP's after its converters: nine digits, as its highest value is unknown.

    Filled up with zeros, it has the width that the ERP gives its own numbers.
    """
    known = ValueBounds(kind="integer", whole=digits, length=digits)
    for call in map(converters.parse_call, converters.split_pipe(form)):
        known = BOUNDS_AFTER[call.name](known, *call.arguments)
        if call.name == "zeros_left":
            known = msgspec.structs.replace(known, length=int(call.arguments[0]))
    return known


def column_bounds(column: DatabaseColumn) -> ValueBounds | None:
    """Return what is read from a column."""
    kinds: dict[str, ValueKind] = {"float": "decimal", "time": "text"}
    kind = kinds.get(column.kind, column.kind)
    if kind not in get_args(ValueKind):
        return None
    whole = column.precision - (column.scale or 0) if column.precision is not None else None
    return ValueBounds(kind=kind, length=column.length, whole=whole, scale=column.scale)  # type: ignore[arg-type]  # one of Kind


@cache
def field_bounds(kind: str) -> Mapping[str, ValueBounds]:
    """Return every field of a kind with the room the contract gives it."""
    found = dict(_walked(RECORDS[kind], ""))
    if kind in ("item", "payment"):
        found |= {f"order.{path}": known for path, known in _walked(Order, "")}
    if kind == "item":
        found["net_price"] = ValueBounds(kind="decimal", path="net_price", whole=11, scale=10)
    return {
        path: msgspec.structs.replace(known, is_optional=paths_of(kind)[path].is_optional)
        for path, known in found.items()
    }


_DIGITS = re.compile(r"\{(?:1,)?(\d+)\}")
_KINDS: Mapping[Any, ValueKind] = {bool: "bool", int: "integer", Decimal: "decimal", date: "date", datetime: "datetime"}
# Narrower than the contract, which makes room for other countries' and for what could not be read.
_USUAL = {
    "email": 100,
    "document": 14,
    "carrier_document": 14,
    "phone.number": 11,
    "phone.ddd": 2,
    "phone.subscriber": 9,
}
_WRITTEN = {"date": 10, "datetime": 19, "bool": 1}


def _walked(record: type[Struct], prefix: str) -> Iterator[tuple[str, ValueBounds]]:
    hints = get_type_hints(record, include_extras=True)
    for field in msgspec.structs.fields(record):
        hint = hints[field.name]
        path = f"{prefix}{field.name}"
        plain = [arg for arg in get_args(hint) if arg is not type(None)] if type(None) in get_args(hint) else [hint]
        inner = plain[0]
        bare = get_args(inner)[0] if hasattr(inner, "__metadata__") else inner
        if bare in (tuple[Address, ...], tuple[Phone, ...]):
            yield from _named_parts(get_args(bare)[0])
        elif isinstance(bare, type) and issubclass(bare, Struct):
            yield from _walked(bare, f"{path}.")
        elif get_origin(bare) is not tuple:
            yield path, _bounded(path, inner, bare)


def _named_parts(part: type[Struct]) -> Iterator[tuple[str, ValueBounds]]:
    word = "address" if part is Address else "phone"
    kinds = (*get_args(get_type_hints(part)["kind"]), *(("first",) if part is Phone else ()))
    fields = {path: known for path, known in _walked(part, "") if path != "kind"}
    if part is Phone:
        fields |= {name: ValueBounds(kind="text", length=0) for name in ("ddd", "subscriber")}
    for kind in kinds:
        for name, known in fields.items():
            usual = _USUAL.get(f"{word}.{name}", known.length)
            yield f"{word}.{kind}.{name}", msgspec.structs.replace(known, path=f"{word}.{kind}.{name}", length=usual)


def _bounded(path: str, hint: Any, bare: Any) -> ValueBounds:
    metas = [meta for meta in getattr(hint, "__metadata__", ()) if isinstance(meta, Meta)]
    if get_origin(bare) is Literal:
        return ValueBounds(kind="text", path=path, length=max(map(len, get_args(bare))))
    kind = _KINDS.get(bare, "text")
    if kind == "decimal":
        pattern = next(str((meta.extra_json_schema or {}).get("pattern", "")) for meta in metas)
        whole, scale = map(int, _DIGITS.findall(pattern))
        return ValueBounds(kind=kind, path=path, whole=whole, scale=scale, length=whole + scale + 1)
    if kind == "integer":
        most = next((meta.le for meta in metas if meta.le is not None), 999_999_999)
        return ValueBounds(kind=kind, path=path, whole=len(str(int(most))), length=len(str(int(most))))
    length = next((meta.max_length for meta in metas if meta.max_length is not None), None)
    usual = _USUAL.get(path.rpartition(".")[2], length)
    return ValueBounds(kind=kind, path=path, length=_WRITTEN.get(kind, usual))


def _with(**changes: Any) -> Callable[..., ValueBounds]:
    return lambda known, *_: msgspec.structs.replace(known, **changes)


def _cut(known: ValueBounds, n: str) -> ValueBounds:
    return _as_text(known, min(int(n), known.length if known.length is not None else int(n)))


def _slice(known: ValueBounds, first: str, last: str) -> ValueBounds:
    return _as_text(known, int(last) - int(first) + 1)


def _zeros_left(known: ValueBounds, n: str) -> ValueBounds:
    return _as_text(known, max(int(n), known.length or 0))


def _prefix(known: ValueBounds, text: str) -> ValueBounds:
    return _as_text(known, len(text) + known.length if known.length is not None else None)


def _decimal(known: ValueBounds, n: str) -> ValueBounds:
    return msgspec.structs.replace(known, kind="decimal" if int(n) else "integer", scale=int(n))


def _scale(known: ValueBounds, n: str) -> ValueBounds:
    whole, scale = (known.whole or 0) + int(n), max((known.scale or 0) - int(n), 0)
    return msgspec.structs.replace(known, kind="decimal" if scale else "integer", whole=whole, scale=scale)


def _default(known: ValueBounds, text: str) -> ValueBounds:
    length = max(known.length, len(text)) if known.length is not None else None
    return msgspec.structs.replace(known, is_optional=False, length=length)


def _yes_no(known: ValueBounds, yes: str, no: str) -> ValueBounds:
    return msgspec.structs.replace(constant_bounds(yes, no), path=known.path)


def _day(known: ValueBounds, form: str = "") -> ValueBounds:
    return (
        _as_text(known, len(date(2026, 11, 24).strftime(form)))
        if form
        else msgspec.structs.replace(known, kind="date", length=10)
    )


def _moment(known: ValueBounds, form: str = "") -> ValueBounds:
    return _as_text(known, len(datetime(2026, 11, 24).strftime(form))) if form else known  # noqa: DTZ001  # any moment


def _as_text(known: ValueBounds, length: int | None) -> ValueBounds:
    return msgspec.structs.replace(known, kind="text", length=length, whole=None, scale=None)


def _concatenated(kind: str, known: ValueBounds, call: Call) -> ValueBounds:
    separator, *paths = call.arguments
    lengths = [known.length, *(field_bounds(kind)[path].length for path in paths)]
    is_bound = all(length is not None for length in lengths)
    length = sum(length or 0 for length in lengths) + len(separator) * len(paths) if is_bound else None
    return msgspec.structs.replace(_as_text(known, length), is_optional=True, path="")


BOUNDS_AFTER: Mapping[str, Callable[..., ValueBounds]] = {
    "upper": _with(),
    "digits": _with(),
    "plain": _with(),
    "document_masked": _with(length=18),
    "cep_masked": _with(length=9),
    "cut": _cut,
    "slice": _slice,
    "zeros_left": _zeros_left,
    "prefix": _prefix,
    "decimal": _decimal,
    "scale": _scale,
    "default": _default,
    "yes_no": _yes_no,
    "boolean": _with(kind="bool", length=1),
    "date": _day,
    "local_datetime": _moment,
}


def _mapped(kind: str, mapped: Mapped) -> ValueBounds:
    field = path_bounds(kind, mapped.field)
    values = [*mapped.map.values(), *([mapped.default] if mapped.default is not None else [])]
    known = constant_bounds(*values) if values else None
    is_optional = mapped.missing == "null" or (field.is_optional and mapped.default is None)
    if mapped.missing == "same" or known is None:
        length = max(field.length or 0, known.length or 0 if known is not None else 0)
        return msgspec.structs.replace(field, kind="text", length=length, is_optional=is_optional)
    # What the company writes in De/Para comes beside these; it is weighed when it is written.
    return msgspec.structs.replace(known, path=field.path, is_optional=is_optional)
