"""The exchange of datasets: lines of NDJSON in named batches, read strictly one by one, and the hub's answers.

Source: docs/contract.md "The way out".
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from binascii import hexlify
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256
from operator import attrgetter
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct
from msgspec.inspect import StrType, UnionType, type_info

from omnisync.contract import validation
from omnisync.contract.datasets import Dataset, key
from omnisync.contract.documents import has_tax_id
from omnisync.contract.feed import UNDECODABLE
from omnisync.contract.records import without_defaults

MAX_LINES = 10_000
"""In one batch."""
MAX_BATCH_BYTES = 8_000_000
"""Of one batch, as sent."""
MAX_UNPACKED_BYTES = 32 * 2**20
MAX_LINE_BYTES = 2**16
MAX_SHARE_DELETED = 5
"""One in five: more of the keys than this are not deleted without a person's word."""
FEW_DELETES = 10
"""Deletes named one by one that never need a person's word, whatever their share."""
MAX_ROWS = 5000
"""In one page of GET /v1/exports/{system}/{dataset}."""
MAX_UNNAMED = 100
"""Refused lines without a key that an answer names; the others are only counted."""
MEDIA_TYPE = "application/x-ndjson"

RowKey = Annotated[str, Meta(min_length=1, max_length=140)]
RowVersion = Annotated[str, Meta(min_length=1, max_length=64)]
"""Any text that differs when the row does: a hash of it. Equal means that nothing is to be done."""
BatchId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,60}$(?!\n)")]


class Upsert(Struct, frozen=True, kw_only=True, gc=False, tag_field="op", tag="upsert"):
    """One row as it is now."""

    key: RowKey
    version: RowVersion
    data: Raw


class Delete(Struct, frozen=True, kw_only=True, gc=False, tag_field="op", tag="delete"):
    """One row that is no more."""

    key: RowKey


class ValidRow(Struct, frozen=True, gc=False):
    """A line that may enter, in its canonical text. The version is empty when the line deletes its row."""

    key: str
    version: str
    line: bytes


class RefusedLine(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A line that does not enter; its neighbours do. `pointer` is a JSON Pointer into the line, lines count from 1."""

    line: int
    key: str | None = None
    code: str
    pointer: str
    detail: str


class BatchAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The hub's answer to a batch: lines = accepted + refused.

    Of the keys: `stored` are new or changed, `unchanged` stood so already, `deleted` are no more, `held` would be
    deleted too, but are too many to go without a person's confirmation. The last two count also the keys that a final
    batch found missing from its snapshot. `living` is how many the dataset has now. `unlisted` refused lines are only
    counted: they show no key, and there are more of them than MAX_UNNAMED.
    """

    batch: str
    epoch: str
    lines: int
    accepted: int = 0
    stored: int = 0
    unchanged: int = 0
    deleted: int = 0
    held: int = 0
    living: int = 0
    refused: tuple[RefusedLine, ...] = ()
    unlisted: int = 0


class UploadState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state of one dataset as one token's name left it.

    `last_batch` is empty where a hub of before contract 1.1 took it in. `living` is how many keys the dataset has now;
    absent once another's batch came after this one.
    """

    system: str
    dataset: str
    last_batch: str = ""
    living: int | None = None


class UploadStates(Struct, frozen=True, kw_only=True):
    """The state of every dataset that one token's name has sent: an agent sees by it that one side was put back."""

    contract: str
    epoch: str
    datasets: tuple[UploadState, ...]


class ExportPage(Struct, frozen=True, kw_only=True):
    """Some lines of a dataset in the order they changed, and where to go on; deletes of keys never met are harmless."""

    contract: str
    epoch: str
    lines: tuple[Upsert | Delete, ...]
    cursor: Annotated[str, Meta(max_length=200)]
    has_more: bool


SENTENCES = validation.SENTENCES | {
    "mismatch": "A chave da linha difere da chave dos dados.",
    "document": "Fatos de venda não levam CPF nem CNPJ.",
}
"""What each code of a refused line means, in pt-BR."""

_ANY_DIGIT = str.maketrans("123456789", "000000000")
_UPSERT = b'{"op":"upsert","key":%b,"version":"%b","data":%b}'
_encoder = msgspec.json.Encoder()
_encode = _encoder.encode
_answer = msgspec.json.Decoder(BatchAnswer)
_parts = msgspec.json.Decoder(dict[str, Raw])


def content_digest(body: bytes) -> str:
    """Return the Content-Digest (RFC 9530) of a body as it is sent, packed or not."""
    return f"sha-256=:{b64encode(sha256(body).digest()).decode()}:"


def upsert_line(key: str, version: str, data: bytes) -> bytes:
    """Return the upsert of a row whose data are encoded already; without its line break."""
    return _encode(Upsert(key=key, version=version, data=Raw(data)))


def upsert_lines(keys: Sequence[str], versions: Sequence[bytes], data: Sequence[bytes]) -> list[bytes]:
    """Return the same of many rows, a version being the hexadecimal of its bytes: a third of the time."""
    names = _encoder.encode_lines(keys).splitlines()
    return list(map(_UPSERT.__mod__, zip(names, map(hexlify, versions), data, strict=True)))


def delete_line(key: str) -> bytes:
    """Return the delete of a row; without its line break."""
    return _encode(Delete(key=key))


def read_answer(body: bytes) -> BatchAnswer:
    """Return the hub's answer to a batch; raises what msgspec raises for another shape."""
    return _answer.decode(body)


CheckedLine = ValidRow | RefusedLine
LineReader = Callable[[Sequence[bytes], int], list[CheckedLine]]
"""Reads some lines, given the number of the first: a verdict for each, in their order."""


@cache
def line_reader(dataset: Dataset) -> LineReader:
    """Return what reads the dataset's lines: each a sound row in its canonical text, or the first rule that it breaks.

    Canonical: unknown fields dropped, defaults and empty texts left out, decimals as they were written.
    """
    one_by_one, at_once = _strict_reader(dataset), _fast_reader(dataset)

    def read(lines: Sequence[bytes], first: int) -> list[CheckedLine]:
        sound = at_once(lines)
        return sound if sound is not None else [one_by_one(raw, number) for number, raw in enumerate(lines, first)]

    return read


def _strict_reader(dataset: Dataset) -> Callable[[bytes, int], CheckedLine]:
    decode = _decoder(validation.strict(dataset.kind))
    key_of = _key_reader(dataset)

    def read(raw: bytes, number: int) -> CheckedLine:
        try:
            one = validation.decode_lenient(decode, raw, lambda: _line_without_empty_texts(raw, dataset))
        except UNDECODABLE as error:
            return _unreadable(raw, number, error)
        if not one.key.isprintable():
            return refused_line(number, one.key, "text", "/key")
        if type(one) is Delete:
            return ValidRow(one.key, "", _encode(one))
        if not one.version.isprintable():
            return refused_line(number, one.key, "text", "/version")
        if one.key != key_of(one.data):
            return refused_line(number, one.key, "mismatch", "/key")
        for name in dataset.anonymous:
            if _is_document(getattr(one.data, name)):
                return refused_line(number, one.key, "document", f"/data/{name}")
        return ValidRow(one.key, one.version, _canonical(one, raw))

    return read


def _line_without_empty_texts(raw: bytes, dataset: Dataset) -> bytes:
    parts = _parts.decode(raw)
    if "data" in parts:
        parts["data"] = Raw(validation.without_empty_texts(parts["data"], dataset.kind))
    return _encode(parts)


def _fast_reader(dataset: Dataset) -> Callable[[Sequence[bytes]], list[CheckedLine] | None]:
    """Reads lines that are all sound, by column: half the time. None = one of them may not be; ask the strict one."""
    loose, columns = _loose(validation.strict(dataset.kind))
    decode = _decoder(loose)
    has_right_keys = _key_checker(dataset)

    def read(lines: Sequence[bytes]) -> list[CheckedLine] | None:
        if b'""' in b"".join(lines):  # an empty text, or an empty key: seldom, and the strict one sees to both
            return None
        try:
            ones = [decode(raw) for raw in lines]
        except UNDECODABLE:
            return None
        upserts = [one for one in ones if type(one) is not Delete]
        rows = [one.data for one in upserts]
        is_sound = (
            "".join([one.key for one in ones]).isprintable()
            and "".join([one.version for one in upserts]).isprintable()
            and has_right_keys([one.key for one in upserts], rows)
            and all(_fits(rows, name, pattern) for name, pattern in columns)
            and not any(_is_document(getattr(row, name)) for name in dataset.anonymous for row in rows)
        )
        if not is_sound:
            return None
        return [ValidRow(one.key, "" if type(one) is Delete else one.version, _encode(one)) for one in ones]

    return read


def _decoder(row: type[Struct]) -> Callable[[bytes], Any]:
    fields = [("key", RowKey), ("version", RowVersion), ("data", row)]
    upsert = msgspec.defstruct("Upsert", fields, frozen=True, gc=False, tag_field="op", tag="upsert")
    return msgspec.json.Decoder(upsert | Delete).decode


def _canonical(one: Any, raw: bytes) -> bytes:
    if b'""' not in raw:
        return _encode(one)  # defaults are None, a boolean or (): those it leaves out by itself
    return upsert_line(one.key, one.version, _encode(without_defaults(one.data, empty_is_absent=True)))


def _loose(strict: type[Struct]) -> tuple[type[Struct], list[tuple[str, re.Pattern[str]]]]:
    """Return the strict twin with its text patterns taken off, and those patterns, each for a whole column at once."""
    fields: list[Any] = []
    columns: list[tuple[str, re.Pattern[str]]] = []
    for field in msgspec.structs.fields(strict):
        text = _patterned(field.type)
        hint = field.type
        if text is not None and text.pattern is not None:
            columns.append((field.name, re.compile(text.pattern)))
            hint = Annotated[str, Meta(min_length=text.min_length, max_length=text.max_length)]
            hint = hint if field.required else hint | None
        fields.append((field.name, hint) if field.required else (field.name, hint, field.default))
    kind = msgspec.defstruct(strict.__name__, fields, frozen=True, kw_only=True, omit_defaults=True, gc=False)
    return kind, columns


def _patterned(hint: Any) -> StrType | None:
    """Return the text that this hint means, alone or beside None."""
    info = type_info(hint)
    kinds = info.types if isinstance(info, UnionType) else (info,)
    return next((kind for kind in kinds if isinstance(kind, StrType)), None)


def _fits(rows: Sequence[Any], name: str, pattern: re.Pattern[str]) -> bool:
    """Return whether the column keeps to its pattern: one look for each form of text in it, a digit being as good as
    any.
    """
    values = [value for value in map(attrgetter(name), rows) if value is not None]
    if not values:
        return True
    forms = "\n".join(values).translate(_ANY_DIGIT).split("\n")
    # A value with a line break in it would pass for two.
    return len(forms) == len(values) and all(map(pattern.search, set(forms)))


def _key_reader(dataset: Dataset) -> Callable[[Any], str]:
    parts: Callable[[Any], Any] = attrgetter(*dataset.key)
    if len(dataset.key) == 1:
        return lambda row: key(parts(row))
    return lambda row: key(*parts(row))


def _key_checker(dataset: Dataset) -> Callable[[Sequence[str], Sequence[Any]], bool]:
    """Return whether all keys are their rows' own and have nothing in them that is written otherwise; False also for
    doubt.
    """
    parts: Callable[[Any], Any] = attrgetter(*dataset.key)
    n_slashes = len(dataset.key) - 1

    def check(keys: Sequence[str], rows: Sequence[Any]) -> bool:
        joined = "\n".join(keys)
        if "~" in joined or joined.count("/") != n_slashes * len(keys):
            return False
        named = list(map(parts, rows))
        return keys == (list(map("/".join, named)) if n_slashes else named)

    return check


def _is_document(code: str | None) -> bool:
    return code is not None and len(code) >= 11 and has_tax_id(code)


def refused_line(number: int, key: str | None, code: str, pointer: str) -> RefusedLine:
    """Return the refusal of a line, with its sentence."""
    return RefusedLine(line=number, key=key, code=code, pointer=pointer, detail=SENTENCES[code])


def _unreadable(raw: bytes, number: int, error: Exception) -> RefusedLine:
    """Return the refusal of what does not decode, with the line's key where it shows one, so that the sender finds
    it.
    """
    pointer, code = validation.fault(error)
    try:
        shown = json.loads(raw)
    except (ValueError, RecursionError):
        return refused_line(number, None, code, pointer)
    found = shown.get("key") if isinstance(shown, dict) else None
    is_key = isinstance(found, str) and 0 < len(found) <= 140 and found.isprintable()
    # What only msgspec cannot read is a lone surrogate: legal JSON, but no text.
    return refused_line(number, found if is_key else None, "text" if code == "json" else code, pointer)
