"""Rows on their way out: a layout's query of a dataset, and its rows as the contract's lines.

A query's columns are named as the dataset's fields; a customer's telephones and addresses as `phone.mobile` and
`address.main.street`. Rows come in lots: of each row its key and a hash of what the database answered. Only rows whose
hash is new are made into lines, and stretches of rows whose one hash is known are not even looked into. Source:
docs/architecture.md "The life of one export".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta, tzinfo
from hashlib import blake2b
from itertools import chain
from operator import itemgetter
from typing import Any, get_type_hints

import msgspec
from msgspec import Struct

from omnisync.agent.erp.dialects.database import Database, Rows
from omnisync.agent.erp.language.coercing import Coerce, Unfit, coercer
from omnisync.agent.erp.language.layout import Export
from omnisync.agent.erp.language.paths import nearest
from omnisync.agent.erp.language.stretches import Stretch, stretches
from omnisync.agent.errors import LayoutError
from omnisync.contract import batches
from omnisync.contract.batches import MAX_LINE_BYTES
from omnisync.contract.catalogue import DATASETS, Dataset, key
from omnisync.contract.records import Address, Phone

FORM = 1
"""Of the hashes and of what becomes of values: raised when either changes, so that every row is looked at anew."""
MAX_KEY = 140
OVERLAP = timedelta(minutes=10)
"""Asked for again before the latest change seen: who changed a row earlier may have committed later."""

_WORD = re.compile(r"'[^']*'|\"[^\"]*\"|::|:([a-z_][a-z_0-9]*)")
_LISTS: Mapping[str, tuple[str, type[Struct]]] = {"phone": ("phones", Phone), "address": ("addresses", Address)}
_OF_ADDRESS = {field.name for field in msgspec.structs.fields(Address) if field.required} - {"kind"}
_raw = msgspec.msgpack.Encoder().encode
_UNPACKED = (TypeError, OverflowError, UnicodeEncodeError)
"""What is raised for a value that msgpack does not have."""
_encoder = msgspec.json.Encoder()

Place = tuple[int, Unfit, str]
"""Of a row that does not fit: which row of its lot, why, and the field."""


class Query(Struct, frozen=True, kw_only=True):
    """How a dataset's rows are asked for. `words` are what its `?` stand for, in order."""

    dataset: Dataset
    sql: str
    words: tuple[str, ...]
    changed_at: str
    zone: tzinfo

    @property
    def fingerprint(self) -> bytes:
        """Differs when the same answer of the database may become another line. Every hash depends on it."""
        told = (FORM, self.dataset.system, self.dataset.name, self.sql, self.changed_at, str(self.zone))
        return blake2b(_raw(told), digest_size=16).digest()


Since = str | int | None
"""The latest value of a layout's changed-at column; None: everything is asked for."""


class Lot(Struct, frozen=True):
    """Some rows as they came. A row without a key, or with one that cannot travel, has none.

    `stretches` are those the rows came in: how many rows, and the hash of them all.
    """

    keys: list[str | None]
    hashes: list[bytes]
    stretches: list[tuple[int, bytes]]
    lines: Callable[[Sequence[int]], tuple[list[tuple[int, bytes]], list[Place]]]
    """Of the rows at these places: the lines, each with its place, and the rows that do not fit."""


def queries(exports: Mapping[str, Export], zone: tzinfo) -> tuple[Query, ...]:
    """The layout's queries in the catalogue's order. Raises LayoutError naming the place of what cannot be."""
    named = {_dataset(name): (name, export) for name, export in exports.items()}
    if len(named) < len(exports):
        raise LayoutError(motivo="export: um conjunto de dados está duas vezes")
    found = ((dataset, *named[place]) for place, dataset in DATASETS.items() if place in named)
    return tuple(_query(dataset, name, export, zone) for dataset, name, export in found)


def _dataset(name: str) -> tuple[str, str]:
    """`products` or `omniforce.products`."""
    system, _, own = name.rpartition(".")
    place = next((place for place in DATASETS if place[1] == own and system in ("", place[0])), None)
    if place is None:
        known = [dataset for _, dataset in DATASETS]
        raise LayoutError(motivo=f"export.{name}: este conjunto de dados não existe{nearest(own, known)}")
    return place


def _query(dataset: Dataset, name: str, export: Export, zone: tzinfo) -> Query:
    words: list[str] = []

    def mark(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0]
        if found[1] != "today":
            raise LayoutError(motivo=f"export.{name}.sql: :{found[1]} não existe; a única palavra é :today")
        words.append(found[1])
        return "?"

    sql = _WORD.sub(mark, export.sql.strip().rstrip(";"))
    return Query(dataset=dataset, sql=sql, words=tuple(words), changed_at=export.changed_at, zone=zone)


class Outgoing:
    """One dataset's rows, streamed. `latest` is the changed-at column's highest value in the rows that have come."""

    def __init__(self, query: Query, names: Sequence[str], lots: Iterator[Rows]) -> None:
        self._shape = _Shape(query, names)
        self._lots = lots
        self.latest: Since = None

    def lots(self, is_known: Callable[[bytes], bool] = lambda hash_: False) -> Iterator[Lot]:
        """All rows, a lot at a time, without the stretches whose hash is known; nothing else is asked of the database
        meanwhile."""
        shape = self._shape
        for some in stretches(map(self._own, self._lots), _raws, shape.form):
            yield shape.lot([stretch for stretch in some if not is_known(stretch.hash)])

    def _own(self, rows: Rows) -> Rows:
        """The rows without a column that is there only to say when they changed; that is noted."""
        self._note_changed(rows)
        return self._shape.own(rows)

    def _note_changed(self, rows: Rows) -> None:
        place = self._shape.changed_at
        if place is None:
            return
        values: list[Any] = [row[place] for row in rows if row[place] is not None]
        for value in [max(values)] if values else ():
            told = _since(value)
            self.latest = told if self.latest is None else max(self.latest, told)


@contextmanager
def streamed(database: Database, query: Query, since: Since, today: date) -> Iterator[Outgoing]:
    """The rows of a dataset, all of them or those that changed since. Raises LayoutError for a column nobody knows."""
    values: list[object] = [today.isoformat() for _ in query.words]
    sql = query.sql
    if since is not None and query.changed_at:
        sql = f"SELECT * FROM ({sql}) omnisync WHERE {database.quoted(query.changed_at)} >= ?"  # noqa: S608  # the layout's own
        values.append(since)
    with database.stream(sql, values) as (names, lots):
        yield Outgoing(query, [name.lower() for name in names], lots)


def _since(value: Any) -> str | int:
    if isinstance(value, datetime):
        return (value - OVERLAP).isoformat(" ", "milliseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return value
    raise LayoutError(motivo="export: changed_at precisa ser uma data, um número ou um texto")


class _Shape:
    """What the columns of one query mean."""

    def __init__(self, query: Query, names: Sequence[str]) -> None:
        self._dataset = query.dataset
        self.form = query.fingerprint
        hints = get_type_hints(query.dataset.kind, include_extras=True)
        fields = {field.name: field for field in msgspec.structs.fields(query.dataset.kind)}
        own = [name for name in names if name != query.changed_at.lower() or name in hints]
        self.changed_at = _place_of(query, names)
        _check(query.dataset, own)
        self._places = [names.index(name) for name in own]
        self._is_plain = len(own) == len(names)
        self._plain = [name for name in own if "." not in name]
        self._lists = [name for name in own if "." in name]
        self._coerce: dict[str, Coerce] = {name: coercer(hints.get(name, str), query.zone) for name in own}
        self._names = own
        self._defaults = {name: fields[name].default for name in self._plain if not fields[name].required}
        self._required = [name for name in self._plain if fields[name].required]
        listed = dict.fromkeys(_LISTS[name.partition(".")[0]][0] for name in self._lists)
        self._row = msgspec.defstruct(
            query.dataset.kind.__name__,
            [*((name, Any, self._defaults.get(name)) for name in self._plain), *((name, Any, ()) for name in listed)],
            omit_defaults=True,
            gc=False,
        )
        self._listed = list(listed)

    def own(self, rows: Rows) -> Rows:
        """The rows with the dataset's own columns alone."""
        if self._is_plain:
            return rows
        pick: Callable[[Any], Any] = itemgetter(*self._places)
        return list(map(pick, rows)) if len(self._places) > 1 else [(row[self._places[0]],) for row in rows]

    def lot(self, some: Sequence[Stretch]) -> Lot:
        """The stretches' rows with their keys and hashes."""
        rows = list(chain.from_iterable(stretch.rows for stretch in some))
        keys = self._keys(rows)
        hashes = _hashes(chain.from_iterable(stretch.raws for stretch in some), self.form)
        told = [(len(stretch.rows), stretch.hash) for stretch in some]
        return Lot(keys, hashes, told, lambda places: self._lines(rows, keys, places))

    def _keys(self, rows: Rows) -> list[str | None]:
        parts = [self._coerce[name](list(map(itemgetter(self._names.index(name)), rows))) for name in self._dataset.key]
        try:
            texts = parts[0] if len(parts) == 1 else list(map("/".join, zip(*parts, strict=True)))
            joined = "".join(texts)
            is_sound = joined.isprintable() and joined.count("/") == (len(parts) - 1) * len(rows) and "~" not in joined
            is_sound = is_sound and max(map(len, texts), default=0) <= MAX_KEY
        except TypeError:  # one that is empty, or no text
            is_sound = False
        return texts if is_sound else [_key(row) for row in zip(*parts, strict=True)]

    def _lines(
        self, rows: Rows, keys: list[str | None], places: Sequence[int]
    ) -> tuple[list[tuple[int, bytes]], list[Place]]:
        """The rows at these places as lines."""
        if not places:
            return [], []
        chosen = rows
        if len(places) < len(rows):
            chosen, keys = [rows[place] for place in places], [keys[place] for place in places]
        columns = dict(zip(self._names, map(list, zip(*chosen, strict=True)), strict=True))
        found: dict[int, tuple[Unfit, str]] = {}
        wire = {name: self._coerced(name, columns[name], found) for name in self._names}
        values = [wire[name] for name in self._plain] + self._gathered(wire, len(chosen))
        data = _encoded(list(map(self._row, *values)), found)
        for n, own in enumerate(keys) if None in keys else ():
            if own is None:
                found.setdefault(n, (Unfit("text"), ""))
        versions = map(bytes.hex, _hashes(data))
        lines = batches.lines(zip(map(str, keys), versions, data, strict=True))
        if max(map(len, lines)) > MAX_LINE_BYTES:
            for n, line in enumerate(lines):
                if len(line) > MAX_LINE_BYTES:
                    found.setdefault(n, (Unfit("length"), ""))
        whole = list(zip(places, lines, strict=True))
        if not found:
            return whole, []
        unfit = [(places[n], *why) for n, why in sorted(found.items())]
        return [line for n, line in enumerate(whole) if n not in found], unfit

    def _coerced(self, name: str, column: list[Any], found: dict[int, tuple[Unfit, str]]) -> list[Any]:
        values = self._coerce[name](column)
        if Unfit in set(map(type, values)):
            for n, value in enumerate(values):
                if isinstance(value, Unfit):
                    found.setdefault(n, (value, name))
                    values[n] = None
        if name in self._required and None in values:
            for n, value in enumerate(values):
                if value is None:
                    found.setdefault(n, (Unfit("required"), name))
        default = self._defaults.get(name)
        return values if default is None else [default if value is None else value for value in values]

    def _gathered(self, wire: dict[str, list[Any]], n: int) -> list[list[Any]]:
        """The columns of telephones and addresses put together into the dataset's lists."""
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


def known_names(dataset: Dataset) -> list[str]:
    """What the columns of a dataset's query may be called."""
    fields = [field.name for field in msgspec.structs.fields(dataset.kind)]
    return [*(name for name in fields if name not in ("phones", "addresses")), *_list_names(fields)]


def required_names(dataset: Dataset) -> list[str]:
    """The columns that a dataset's query must have."""
    return [field.name for field in msgspec.structs.fields(dataset.kind) if field.required]


def _check(dataset: Dataset, names: Sequence[str]) -> None:
    where = f"export.{dataset.name}.sql"
    known = known_names(dataset)
    for name in names:
        if name not in known:
            raise LayoutError(motivo=f"{where}: a coluna {name} não é um campo de {dataset.name}{nearest(name, known)}")
    if len(set(names)) < len(names):
        raise LayoutError(motivo=f"{where}: há duas colunas com o mesmo nome")
    missing = [name for name in required_names(dataset) if name not in names]
    if missing:
        raise LayoutError(motivo=f"{where}: falta a coluna {', '.join(missing)}")


def _list_names(fields: Sequence[str]) -> list[str]:
    """`phone.mobile`, `address.main.street` and the others, where the dataset has such lists."""
    if "phones" not in fields:
        return []
    parts = [field.name for field in msgspec.structs.fields(Address) if field.name != "kind"]
    phones = [f"phone.{kind}" for kind in ("mobile", "landline", "other")]
    return [*phones, *(f"address.{kind}.{part}" for kind in ("main", "billing", "delivery") for part in parts)]


def _place_of(query: Query, names: Sequence[str]) -> int | None:
    name = query.changed_at.lower()
    if name and name not in names:
        raise LayoutError(motivo=f"export.{query.dataset.name}.changed_at: a consulta não tem a coluna {name}")
    return names.index(name) if name else None


def _key(parts: Sequence[Any]) -> str | None:
    if not all(isinstance(part, str) for part in parts):
        return None
    text = key(*parts)
    return text if text.isprintable() and len(text) <= MAX_KEY else None


def _raws(rows: Rows) -> list[bytes]:
    """What the database answered, row by row, as bytes: equal when the rows are."""
    try:
        return list(map(_raw, rows))
    except _UNPACKED:
        return list(map(_raw_of, rows))


def _raw_of(row: tuple[object, ...]) -> bytes:
    try:
        return _raw(row)
    except _UNPACKED:
        return repr(row).encode("utf-8", "replace")


def _hashes(texts: Iterable[bytes], form: bytes = b"") -> list[bytes]:
    new = blake2b(digest_size=8, person=form).copy  # half the time of making each
    hashes = []
    for text in texts:
        hash_ = new()
        hash_.update(text)
        hashes.append(hash_.digest())
    return hashes


def _encoded(rows: list[Any], found: dict[int, tuple[Unfit, str]]) -> list[bytes]:
    """Each row as JSON; a text with half a letter in it does not fit."""
    try:
        return _encoder.encode_lines(rows).splitlines()
    except UnicodeEncodeError:
        texts: list[bytes] = []
        for n, row in enumerate(rows):
            try:
                texts.append(_encoder.encode(row))
            except UnicodeEncodeError:
                texts.append(b"null")
                found.setdefault(n, (Unfit("text"), ""))
        return texts
