"""The intake's strict reading: one record in, the bytes that will travel out, or what broke the shape.

`records` decodes for speed and lets some things through (a decimal written "1e3", full-width digits, a JSON number).
Here each struct has a strict twin, made from it once: decimals are texts that match their pattern, every id is ASCII.
The canonical bytes come from the twin too, so that a decimal is stored as it was written: `str(Decimal("0.0000001"))`
would be "1E-7". Source: docs/contract.md "The intake".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Raw, Struct

from omnisync.contract.feed import UNDECODABLE, Change, RecordKind
from omnisync.contract.records import Customer, Id, Order, PlainId, is_on_calendar, odd_moment, without_defaults

Decoded = TypeVar("Decoded")


class ValidRecord(Struct, frozen=True, kw_only=True, gc=False):
    """A record whose shape is right. `data` is what travels: defaults and unknown fields left out; None = deleted."""

    kind: RecordKind
    id: str
    version: int
    changed_at: datetime
    data: bytes | None = None
    establishment: str | None = None
    customer_id: str | None = None
    n_items: int = 0
    n_payments: int = 0


class InvalidRecord(Struct, frozen=True, kw_only=True, gc=False):
    """A record that does not enter, and why. `pointer` is relative to the record's own data, or to the change around
    it.
    """

    code: str
    pointer: str
    kind: str | None = None
    id: str | None = None
    version: int | None = None

    @property
    def detail(self) -> str:
        """The code in words for a person; never a value of the record."""
        return SENTENCES[self.code]


SENTENCES = {
    "required": "Falta um campo obrigatório.",
    "enum": "O valor não está entre os aceitos.",
    "length": "O tamanho não é aceito.",
    "pattern": "O texto não tem a forma exigida.",
    "range": "O número está fora dos limites.",
    "format": "A data ou hora não é válida.",
    "type": "O tipo do valor não é o esperado.",
    "repeated": "O valor se repete dentro do pedido.",
    "mismatch": "O código do registro difere do código da alteração.",
    "text": "O texto contém caracteres inválidos.",
    "json": "O conteúdo não é JSON válido.",
    "establishment_unknown": "O estabelecimento não está cadastrado, e já há muitos assim. Cadastre-o antes.",
}
"""What each code means, in pt-BR."""

# msgspec's own words, the first that fits.
_CODES = (
    ("Object missing required field", "required"),
    ("Invalid enum value", "enum"),
    ("Invalid value", "enum"),
    ("of length", "length"),
    ("matching regex", "pattern"),
    ("Expected `int` <=", "range"),
    ("Expected `int` >=", "range"),
    ("Integer value out of range", "range"),
    ("Invalid RFC3339", "format"),
    ("timezone component", "format"),
)
_PATH = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_FIELD = re.compile(r"field `(?P<name>[^`]+)`")
_PLAIN_ID = re.compile(r"[!-~]{1,40}")
_STEP = re.compile(r"\.([^.\[\]]+)|\[([^\]]*)\]")


def read(raw: bytes | Raw) -> ValidRecord | InvalidRecord:
    """Return one change of POST /v1/records: sound and canonical, or refused with the first rule it breaks."""
    change = _decode(_change, raw, Change)
    if isinstance(change, InvalidRecord):
        return _with_identity(change, raw)
    outcome = _indexed(change)
    if isinstance(outcome, InvalidRecord):
        return msgspec.structs.replace(outcome, kind=change.kind, id=change.id, version=change.version)
    return outcome


def fault(error: Exception) -> tuple[str, str]:
    """Return the JSON Pointer and the code of what msgspec (or Python) said while decoding."""
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return "", "json"
    code = next((code for words, code in _CODES if words in text), "type")
    found = _PATH.search(text)
    pointer = "".join(f"/{name or index}" for name, index in _STEP.findall(found["path"] if found else ""))
    missing = _FIELD.search(text) if code == "required" else None
    return (f"{pointer}/{missing['name']}" if missing else pointer), code


def strict(kind: type[Struct]) -> type[Struct]:
    """Return the struct's twin: the same fields, but decimals are texts with their pattern and every id is ASCII."""
    return _twin(kind)


def decode_lenient(decode: Callable[[bytes | Raw], Decoded], raw: bytes | Raw, emptied: Callable[[], bytes]) -> Decoded:
    """Return what is decoded; where an empty text may be to blame, of what is left without those. Raises UNDECODABLE.

    An empty text breaks the form or the least length of a field where it stands for none.
    """
    try:
        return decode(raw)
    except UNDECODABLE:
        if b'""' not in bytes(raw):
            raise
        return decode(emptied())


def without_empty_texts(raw: bytes | Raw, kind: type[Struct]) -> bytes:
    """Return an object of the kind's shape without the optional texts that are empty, at any depth.

    Everything else stays as it was written. Raises UNDECODABLE.
    """
    optional, nested = _shape_of(kind)
    kept = {
        name: Raw(_emptied(value, nested[name])) if name in nested else value
        for name, value in _fields.decode(raw).items()
        if name not in optional or bytes(value) != b'""'
    }
    return _encoder.encode(kept)


def _indexed(change: Change) -> ValidRecord | InvalidRecord:
    if not is_on_calendar(change.changed_at):
        return InvalidRecord(code="format", pointer="/changed_at")
    return _deleted(change) if change.op == "delete" else _upserted(change)


def _deleted(change: Change) -> ValidRecord | InvalidRecord:
    if change.reason == "moved":  # derived by the hub, never told to it
        return InvalidRecord(code="enum", pointer="/reason")
    if change.has_data:
        return InvalidRecord(code="type", pointer="/data")
    return ValidRecord(kind=change.kind, id=change.id, version=change.version, changed_at=change.changed_at)


def _upserted(change: Change) -> ValidRecord | InvalidRecord:
    if not change.has_data:
        return InvalidRecord(code="required", pointer="/data")
    record = _decode(_decoder(change.kind), change.data, _RECORDS[change.kind])
    if isinstance(record, InvalidRecord):
        return record
    if record.id != change.id:
        return InvalidRecord(code="mismatch", pointer="/id")
    if change.kind == "customer":
        return _valid_record(change, record)
    if moment := odd_moment(record):
        return InvalidRecord(code="format", pointer=f"/{moment}")
    repeated = _repeated_id(record.items)
    return InvalidRecord(code="repeated", pointer=repeated) if repeated else _valid_order(change, record)


def _valid_record(change: Change, record: Any, **more: Any) -> ValidRecord:
    return ValidRecord(
        kind=change.kind,
        id=change.id,
        version=change.version,
        changed_at=change.changed_at,
        data=_encoder.encode(without_defaults(record, empty_is_absent=True)),
        **more,
    )


def _valid_order(change: Change, order: Any) -> ValidRecord:
    return _valid_record(
        change,
        order,
        establishment=order.establishment_code,
        customer_id=order.customer.id,
        n_items=len(order.items),
        n_payments=len(order.payments),
    )


def _repeated_id(items: Sequence[Any]) -> str | None:
    for name in ("line", "id"):
        seen: set[object] = set()
        for index, item in enumerate(items):
            value = getattr(item, name)
            if value in seen:
                return f"/items/{index}/{name}"
            seen.add(value)
    return None


def _decode(decoder: msgspec.json.Decoder[Any], raw: bytes | Raw, kind: type[Struct]) -> Any:
    try:
        return decode_lenient(decoder.decode, raw, lambda: without_empty_texts(raw, kind))
    except UNDECODABLE as error:
        pointer, code = fault(error)
        return InvalidRecord(code=code, pointer=pointer)


def _emptied(raw: bytes | Raw, kind: type[Struct]) -> bytes | Raw:
    """Return a part of the kind's shape without its empty texts; whatever has another shape as it is."""
    begins = bytes(raw)[:1]
    if begins == b"{":
        return without_empty_texts(raw, kind)
    if begins == b"[":
        return _encoder.encode([Raw(_emptied(part, kind)) for part in _parts.decode(raw)])
    return raw


@cache
def _shape_of(kind: type[Struct]) -> tuple[frozenset[str], Mapping[str, type[Struct]]]:
    """Return the kind's optional texts (also those of a form), and the fields that are structs, alone or many.

    An amount whose absence is zero is none of them: an empty text says no number.
    """
    hints = get_type_hints(kind, include_extras=True)
    fields = msgspec.structs.fields(kind)
    texts = (one for one in fields if not one.required and not isinstance(one.default, Decimal))
    optional = frozenset(one.name for one in texts if _is_text(hints[one.name]))
    nested = {name: struct for name, hint in hints.items() if (struct := _struct_in(hint)) is not None}
    return optional, nested


def _is_text(hint: Any) -> bool:
    if get_origin(hint) is Literal:
        return True
    if get_origin(hint) in (UnionType, Union, Annotated):
        return any(_is_text(arg) for arg in get_args(hint))
    return hint in (str, Decimal, date, datetime)


def _struct_in(hint: Any) -> type[Struct] | None:
    if isinstance(hint, type) and issubclass(hint, Struct):
        return hint
    return next((struct for arg in get_args(hint) if (struct := _struct_in(arg)) is not None), None)


def _with_identity(refusal: InvalidRecord, raw: bytes | Raw) -> InvalidRecord:
    """Return the refusal with as much of the record's name as can be read, so that the sender finds it.

    What only msgspec cannot read is a lone surrogate: legal JSON, but no text.
    """
    try:
        shown = json.loads(bytes(raw))
    except (ValueError, RecursionError):
        return refusal
    if not isinstance(shown, dict):
        return refusal
    kind, id_, version = shown.get("kind"), shown.get("id"), shown.get("version")
    return msgspec.structs.replace(
        refusal,
        code="text" if refusal.code == "json" else refusal.code,
        kind=kind if kind in ("customer", "order") else None,
        id=id_ if isinstance(id_, str) and _PLAIN_ID.fullmatch(id_) else None,
        version=version if type(version) is int and abs(version) <= 2**53 else None,
    )


@cache
def _twin(kind: type[Struct]) -> type[Struct]:
    hints = get_type_hints(kind, include_extras=True)
    fields = [_field(field, hints[field.name]) for field in msgspec.structs.fields(kind)]
    config = kind.__struct_config__
    return msgspec.defstruct(
        kind.__name__,
        fields,
        frozen=True,
        kw_only=True,
        omit_defaults=True,
        gc=False,
        tag=config.tag,
        tag_field=config.tag_field,
    )


def _field(field: msgspec.structs.FieldInfo, hint: Any) -> tuple[str, Any] | tuple[str, Any, Any]:
    if field.default is msgspec.NODEFAULT:
        return field.name, _strict_hint(hint)
    return field.name, _strict_hint(hint), _strict_default(field.default)


def _strict_default(default: object) -> object:
    if isinstance(default, Decimal):
        return str(default)
    return None if isinstance(default, Raw) else default


def _strict_hint(hint: Any) -> Any:
    if hint == PlainId:
        return Id
    if hint is Raw:
        return Any
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        pattern = _decimal_pattern(args)
        return Annotated[str, Meta(pattern=pattern)] if pattern else Annotated[(_strict_hint(args[0]), *args[1:])]
    if origin in (UnionType, Union):
        return reduce(or_, map(_strict_hint, args))
    if origin is tuple:
        return tuple[_strict_hint(args[0]), ...]  # type: ignore[misc]  # a type known only at run time
    return _twin(hint) if isinstance(hint, type) and issubclass(hint, Struct) else hint


def _decimal_pattern(args: Iterable[Any]) -> str | None:
    kind, *metas = args
    if kind is not Decimal:
        return None
    return next((str(meta.extra_json_schema["pattern"]) for meta in metas if meta.extra_json_schema), None)


_encoder = msgspec.json.Encoder()
_change = msgspec.json.Decoder(Change)
_fields = msgspec.json.Decoder(dict[str, Raw])
_parts = msgspec.json.Decoder(list[Raw])
_RECORDS: Mapping[RecordKind, type[Struct]] = {"customer": Customer, "order": Order}


@cache
def _decoder(kind: RecordKind) -> msgspec.json.Decoder[Any]:
    """Return the decoder of a kind's twin; made when the first record is read: agents read none."""
    return msgspec.json.Decoder(_twin(_RECORDS[kind]))
