"""Rows of a dataset as the contract's lines, made a column at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from operator import itemgetter
from typing import Any, get_type_hints

import msgspec
from msgspec import Struct

from omnisync.agent.erp.export.coercion import Coerce, InvalidValue, coercer
from omnisync.agent.erp.row_hash import hash_rows
from omnisync.agent.erp.statements import RowList
from omnisync.contract import batches
from omnisync.contract.batches import MAX_LINE_BYTES
from omnisync.contract.datasets import Dataset, key
from omnisync.contract.records import Address, Phone

MAX_KEY = 140

_LISTS: dict[str, tuple[str, type[Struct]]] = {"phone": ("phones", Phone), "address": ("addresses", Address)}
_OF_ADDRESS = {field.name for field in msgspec.structs.fields(Address) if field.required} - {"kind"}
_encoder = msgspec.json.Encoder()

OptionalKey = str | None
"""A row without a key, or with one that cannot travel, has none."""
InvalidPlace = tuple[int, InvalidValue, str]
"""Of a row that does not fit: which of the rows it is, why, and the field."""


class SerializedLines(Struct, frozen=True):
    """Rows as lines, each where its row was; empty where one does not fit, and `invalid` says why."""

    lines: list[bytes]
    invalid: list[InvalidPlace]


class LineSerializer:
    """Serializes the rows of one dataset's query; moments without a zone are of `zone`."""

    def __init__(self, dataset: Dataset, names: Sequence[str], zone: tzinfo) -> None:
        self._names = names
        self._places_of_key = [names.index(name) for name in dataset.key]
        hints = get_type_hints(dataset.kind, include_extras=True)
        fields = {field.name: field for field in msgspec.structs.fields(dataset.kind)}
        self._plain = [name for name in names if "." not in name]
        self._lists = [name for name in names if "." in name]
        self._coerce: dict[str, Coerce] = {name: coercer(hints.get(name, str), zone) for name in names}
        self._defaults = {name: fields[name].default for name in self._plain if not fields[name].required}
        self._required = [name for name in self._plain if fields[name].required]
        listed = dict.fromkeys(_LISTS[name.partition(".")[0]][0] for name in self._lists)
        self._row = msgspec.defstruct(
            dataset.kind.__name__,
            [*((name, Any, self._defaults.get(name)) for name in self._plain), *((name, Any, ()) for name in listed)],
            omit_defaults=True,
            gc=False,
        )
        self._listed = list(listed)

    def keys(self, rows: RowList) -> list[OptionalKey]:
        """Return each row's key."""
        parts = [self._coerce[self._names[place]](list(map(itemgetter(place), rows))) for place in self._places_of_key]
        try:
            texts = parts[0] if len(parts) == 1 else list(map("/".join, zip(*parts, strict=True)))
            joined = "".join(texts)
            is_sound = joined.isprintable() and joined.count("/") == (len(parts) - 1) * len(rows) and "~" not in joined
            is_sound = is_sound and max(map(len, texts), default=0) <= MAX_KEY
        except TypeError:  # one that is empty, or no text
            is_sound = False
        return texts if is_sound else [_key(row) for row in zip(*parts, strict=True)]

    def serialize(self, rows: RowList, keys: Sequence[OptionalKey]) -> SerializedLines:
        """Return the rows, whose keys these are, as lines."""
        if not rows:
            return SerializedLines([], [])
        columns = dict(zip(self._names, zip(*rows, strict=True), strict=True))
        found: dict[int, tuple[InvalidValue, str]] = {}
        wire = {name: self._coerce_column(name, columns[name], found) for name in self._names}
        values = [wire[name] for name in self._plain] + self._with_lists(wire, len(rows))
        data = _encoded(list(map(self._row, *values)), found)
        for n, own in enumerate(keys) if None in keys else ():
            if own is None:
                found.setdefault(n, (InvalidValue("text"), ""))
        lines = batches.upsert_lines([own or "" for own in keys], hash_rows(data), data)
        if max(map(len, lines)) > MAX_LINE_BYTES:
            for n, line in enumerate(lines):
                if len(line) > MAX_LINE_BYTES:
                    found.setdefault(n, (InvalidValue("length"), ""))
        for n in found:
            lines[n] = b""
        return SerializedLines(lines, [(n, *why) for n, why in sorted(found.items())])

    def _coerce_column(self, name: str, column: Sequence[Any], found: dict[int, tuple[InvalidValue, str]]) -> list[Any]:
        values = self._coerce[name](column)
        if InvalidValue in set(map(type, values)):
            for n, value in enumerate(values):
                if isinstance(value, InvalidValue):
                    found.setdefault(n, (value, name))
                    values[n] = None
        if name in self._required and None in values:
            for n, value in enumerate(values):
                if value is None:
                    found.setdefault(n, (InvalidValue("required"), name))
        default = self._defaults.get(name)
        return values if default is None else [default if value is None else value for value in values]

    def _with_lists(self, wire: dict[str, list[Any]], n: int) -> list[list[Any]]:
        """Return the columns of telephones and addresses put together into the dataset's lists."""
        gathered: dict[str, list[list[Any]]] = {name: [[] for _ in range(n)] for name in self._listed}
        kinds = dict.fromkeys(name.rpartition(".")[0] if name.count(".") > 1 else name for name in self._lists)
        for kind in kinds:
            of_what, own = kind.split(".", 1)
            rows = gathered[_LISTS[of_what][0]]
            if of_what == "phone":
                for row, number in zip(rows, wire[kind], strict=True):
                    if number is not None:
                        row.append(Phone(kind=own, number=number))  # type: ignore[arg-type]  # checked with the names
                continue
            names = [name.rpartition(".")[2] for name in self._lists if name.startswith(f"{kind}.")]
            for row, parts in zip(rows, zip(*(wire[f"{kind}.{name}"] for name in names), strict=True), strict=True):
                told = {name: part for name, part in zip(names, parts, strict=True) if part is not None}
                if told.keys() >= _OF_ADDRESS:  # half an address is none: its customer travels without it
                    row.append({"kind": own} | told)
        return [list(map(tuple, gathered[name])) for name in self._listed]


def _key(parts: Sequence[Any]) -> OptionalKey:
    if not all(isinstance(part, str) for part in parts):
        return None
    text = key(*parts)
    return text if text.isprintable() and len(text) <= MAX_KEY else None


def _encoded(rows: list[Any], found: dict[int, tuple[InvalidValue, str]]) -> list[bytes]:
    """Return each row as JSON; a text with half a letter in it does not fit."""
    try:
        return _encoder.encode_lines(rows).splitlines()
    except UnicodeEncodeError:
        texts: list[bytes] = []
        for n, row in enumerate(rows):
            try:
                texts.append(_encoder.encode(row))
            except UnicodeEncodeError:
                texts.append(b"null")
                found.setdefault(n, (InvalidValue("text"), ""))
        return texts
