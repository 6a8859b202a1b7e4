"""A layout's columns compiled: paths, converters, codes and lookups turned into functions over whole columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from decimal import Decimal
from itertools import repeat
from typing import Any

from msgspec import Struct

from omnisync.agent.erp import converters
from omnisync.agent.erp.converters import Call, Convert, Cut
from omnisync.agent.erp.layout import Constant, FromSql, KeyOf, Lookup, Mapped, Scalar, written_as
from omnisync.agent.erp.paths import Field, field_of, nearest
from omnisync.agent.erp.rows import AMBIGUOUS, Answers, Column, Fill, Note, Query, UnfitError, lookup_key
from omnisync.agent.errors import LayoutError
from omnisync.contract.documents import mask

Mappings = Mapping[str, Mapping[str, str]]
"""De/Para as the company keeps it: kind → code of the app → code of the ERP."""

_UNMAPPED = {
    "payment_method": "payment_method_unmapped",
    "payment_terms": "payment_terms_unmapped",
    "seller": "seller_unmapped",
    "establishment": "establishment_unmapped",
    "price_table": "price_table_unmapped",
    "product": "product_unknown",
    "product_code": "product_unknown",
}
_PARAMETER = re.compile(r"'[^']*'|::|:([a-z_][a-z_0-9.]*)")


def text_store(zone: tzinfo) -> Mapping[type, Convert]:
    """How values go to a database: as text, which each reads by its column's own type: exact, and without a zone."""

    def local(moment: datetime) -> str:
        return moment.astimezone(zone).isoformat(" ")[:19]  # a third of the time of strftime

    return {Decimal: str, date: date.isoformat, datetime: local, bool: lambda value: "1" if value else "0", int: str}


class Compiler:
    """Makes a kind's columns out of what its file says. Every error is a LayoutError that names the place."""

    def __init__(self, zone: tzinfo, mappings: Mappings) -> None:
        self._zone = zone
        self._store = text_store(zone)
        self._mappings = mappings

    def columns(self, kind: str, written: Mapping[str, Any], where: str) -> tuple[Column, ...]:
        """The columns in the file's order; those that wait for another row's key are left out (`late`)."""
        made = (self._column(kind, name, source, f"{where}.{name}") for name, source in written.items())
        return tuple(column for column in made if column is not None)

    @staticmethod
    def late(written: Mapping[str, Any], where: str) -> tuple[tuple[str, str], ...]:
        """The columns that take another row's key: (column, whose)."""
        forms = ((name, written_as(source, f"{where}.{name}")) for name, source in written.items())
        return tuple((name, form.key_of) for name, form in forms if isinstance(form, KeyOf))

    def field(self, kind: str, text: str, where: str) -> tuple[Field, Callable[[list[Any], list[Any]], list[Any]]]:
        """A path with its converters, as values ready for the database."""
        fill = self._piped(kind, text, where)
        return field_of(kind, text.partition("|")[0].strip(), where), (
            lambda records, parents: list(fill(Answers(None, []), records, parents))
        )

    def form(self, text: str, where: str) -> Convert:
        """Converters alone, for a number: `zeros_left(6)`."""
        steps = [self._step(call, where) for call in _calls(text, where)] if text else []

        def formed(value: Any) -> str:
            for step in steps:
                value = step(value)
            return str(value)

        return formed

    def parameters(self, kind: str, sql: str, where: str) -> tuple[str, list[tuple[str, Any]]]:
        """A query with `?`, and the (path, values) of each, in order; words of ours (key, number) have no values."""
        asked: list[tuple[str, Any]] = []

        def mark(found: re.Match[str]) -> str:
            path = found[1]
            if path is None:
                return found[0]
            own = path in ("key", "number", "ids", "keys", "since")
            asked.append((path, None if own else self._piped(kind, path, where)))
            return "?"

        return _PARAMETER.sub(mark, sql), asked

    def _column(self, kind: str, name: str, source: Any, where: str) -> Column | None:
        written = written_as(source, where)
        if isinstance(written, KeyOf):
            return None
        if isinstance(written, str):
            return Column(name, self._piped(kind, written, where))
        if isinstance(written, Constant):
            return Column(name, constant_fill(written.constant), constant=_plain(written.constant))
        if isinstance(written, Mapped):
            return Column(name, self._mapped(kind, written, where))
        return self._asked(kind, name, written, where)

    # --- paths with converters

    def _piped(self, kind: str, text: str, where: str) -> Fill:
        path, *rest = text.split("|", 1)
        field = field_of(kind, path.strip(), where)
        calls = _calls(rest[0], where) if rest else []
        read, is_optional = field.read, field.is_optional
        steps: list[Convert] = []
        for call in calls:
            if call.name == "join":
                read, is_optional = self._joined(kind, read, steps, call, where), True
                steps = []
                continue
            step = self._step(call, where)
            if isinstance(step, Cut) and not field.may_be_cut:
                raise LayoutError(motivo=f"{where}: {field.path} é código, documento ou número e não pode ser cortado")
            self._fits(field, calls, call, where)
            steps.append(step if call.name in converters.TAKES_NONE or not is_optional else _unless_none(step))
        last = self._last(field, calls)
        if last is not None:
            steps.append(_unless_none(last) if is_optional else last)
        return _filler(field, read, steps)

    def _last(self, field: Field, calls: Sequence[Call]) -> Convert | None:
        """What makes the value a text at the end; nothing where it is one already."""
        if not calls:
            if field.path.endswith("_price"):
                return _exact
            return self._store.get(field.type)
        return _text if calls[-1].name in converters.OF_AMOUNTS or calls[-1].name == "default" else None

    def _step(self, call: Call, where: str) -> Convert:
        try:
            return converters.converter(call, self._zone)
        except KeyError:
            near = nearest(call.name, converters.names())
            raise LayoutError(motivo=f"{where}: o conversor {call.name} não existe{near}") from None
        except (TypeError, ValueError):
            raise LayoutError(motivo=f"{where}: o conversor {call} não foi entendido") from None

    def _fits(self, field: Field, calls: Sequence[Call], call: Call, where: str) -> None:
        """The first converter must be able to take the field; later ones take what the one before gives."""
        if call is not calls[0]:
            return
        is_text = field.type is str
        if (call.name in converters.OF_TEXT and not is_text) or (call.name in converters.OF_AMOUNTS and is_text):
            raise LayoutError(motivo=f"{where}: o conversor {call.name} não serve para {field.path}")
        if call.name == "digits" and field.path.endswith("document"):
            raise LayoutError(motivo=f"{where}: digits estraga o CNPJ, que tem letras; use document_masked ou nada")
        if call.name in ("date", "local_datetime") and field.type not in (date, datetime):
            raise LayoutError(motivo=f"{where}: o conversor {call.name} não serve para {field.path}")

    def _joined(
        self, kind: str, read: Convert, before: Sequence[Convert], call: Call, where: str
    ) -> Callable[[Any], Any]:
        if len(call.arguments) < 2:
            raise LayoutError(motivo=f'{where}: join pede o separador e ao menos um campo: join(", ", notes)')
        separator, *paths = call.arguments
        others = [field_of(kind, path, where).read for path in paths]
        steps = [_unless_none(step) for step in before]

        def joined(record: Any) -> str | None:
            first = read(record)
            for step in steps:
                first = step(first)
            parts = [str(part) for part in (first, *(other(record) for other in others)) if part not in (None, "")]
            return separator.join(parts) or None

        return joined

    # --- codes

    def _mapped(self, kind: str, mapped: Mapped, where: str) -> Fill:
        fill = self._piped(kind, mapped.field, where)
        own = self._mappings.get(mapped.de_para, {}) if mapped.de_para else {}
        codes: dict[str, Any] = {**{code: _plain(value) for code, value in mapped.map.items()}, **own}
        missing = _Missing(mapped.missing, mapped.default, mapped.de_para, mapped.field.partition("|")[0].strip())

        def values(answers: Answers, records: list[Any], parents: list[Any]) -> Iterable[object]:
            given = list(fill(answers, records, parents))
            return [codes[code] if code in codes else missing.value(code, answers, i) for i, code in enumerate(given)]

        return values

    def _asked(self, kind: str, name: str, form: Lookup | FromSql, where: str) -> Column:
        if isinstance(form, FromSql):
            sql, asked = self.parameters(kind, form.sql, where)
            path = asked[0][0] if asked else ""
            query = Query(name, form, sql, _parameters_of([fill for _, fill in asked]))
        else:
            path = form.field.partition("|")[0].strip()
            query = Query(name, form, "", self._lookup_keys(kind, form, where))
        missing = _Missing(form.missing, form.default, getattr(form, "de_para", None), path)

        def values(answers: Answers, records: list[Any], parents: list[Any]) -> Iterable[object]:
            keys = list(query.keys(records, parents))
            if answers.found is None:
                return [
                    None if key is None else f"({form.lookup if isinstance(form, Lookup) else 'sql'})" for key in keys
                ]
            found = answers.found.get(name, {})
            given = [_answer(found, key) for key in keys]
            return [
                missing.value(_shown(key), answers, i) if value is _ABSENT else value
                for i, (key, value) in enumerate(zip(keys, given, strict=True))
            ]

        return Column(name, values, query)

    def _lookup_keys(self, kind: str, form: Lookup, where: str) -> Callable[[list[Any], list[Any]], Iterable[Any]]:
        fill = self._piped(kind, form.field, where)
        own = self._mappings.get(form.de_para, {}) if form.de_para else {}

        def keys(records: list[Any], parents: list[Any]) -> Iterable[Any]:
            values: Iterable[Any] = fill(Answers(None, []), records, parents)
            if own:
                values = (own.get(value, value) for value in values)
            return map(_masked, values) if form.stored_as == "masked" else values

        return keys


class _Missing(Struct, frozen=True):
    """What becomes of a code that the ERP does not have."""

    what: str
    default: Scalar | None
    de_para: str | None
    path: str

    def value(self, code: object, answers: Answers, index: int) -> object:
        default = None if self.default is None else _plain(self.default)
        if code is None:
            return default
        if self.what == "same":
            return code
        if self.what == "null":
            return None
        if self.what == "default":
            words = {"codigo": code, "campo": self.path, "padrao": default}
            answers.notes.append(Note(index, "default_used", self.path, words))
            return default
        last = self.path.rpartition(".")[2]
        raise UnfitError(_UNMAPPED.get(self.de_para or last, "code_unmapped"), self.path, code, campo=self.path)


_ABSENT = object()


def _answer(found: Mapping[Any, object], key: Any) -> object:
    if key is None or (isinstance(key, tuple) and None in key):
        return _ABSENT
    answer = found.get(key if isinstance(key, tuple) else lookup_key(key), _ABSENT)
    if answer is AMBIGUOUS:
        raise UnfitError("lookup_ambiguous", "", _shown(key))
    return answer


def _shown(key: Any) -> Any:
    return None if key is None else key[0] if isinstance(key, tuple) and key else key


def constant_fill(value: Scalar) -> Fill:
    """The same value for every record."""
    plain = _plain(value)
    return lambda answers, records, parents: repeat(plain, len(records))


def _plain(value: Scalar) -> str:
    """A constant of the layout as text, like every other value."""
    return ("1" if value else "0") if isinstance(value, bool) else str(value)


def _parameters_of(fills: Sequence[Fill]) -> Callable[[list[Any], list[Any]], Iterable[Any]]:
    def parameters(records: list[Any], parents: list[Any]) -> Iterable[Any]:
        nothing = Answers(None, [])
        if not fills:
            return repeat((), len(records))
        return zip(*(fill(nothing, records, parents) for fill in fills), strict=True)

    return parameters


def _filler(field: Field, read: Callable[[Any], Any], steps: Sequence[Convert]) -> Fill:
    """The steps over whole columns; a text that is cut is noted."""

    def fill(answers: Answers, records: list[Any], parents: list[Any]) -> Iterable[object]:
        values: Iterable[Any] = map(read, parents if field.is_of_order else records)
        for step in steps:
            cut = step if isinstance(step, Cut) else getattr(step, "cut", None)
            values = map(step, values) if cut is None else _cut_noting(field, cut, list(values), answers.notes)
        return values

    return fill


def _cut_noting(field: Field, cut: Cut, values: list[str | None], notes: list[Note]) -> Iterable[str | None]:
    if max(map(len, filter(None, values)), default=0) <= cut.longest:
        return values
    for i, text in enumerate(values):
        if text is not None and len(text) > cut.longest:
            code = "text_shortened" if field.path == "name" else "field_shortened"
            notes.append(Note(i, code, field.path, {"campo": field.path, "n": len(text), "max": cut.longest}))
    return [None if text is None else cut(text) for text in values]


def _calls(text: str, where: str) -> list[Call]:
    try:
        return [converters.called(call) for call in converters.pieces(text)]
    except ValueError as error:
        raise LayoutError(motivo=f"{where}: o conversor {error} não foi entendido") from None


def _unless_none(step: Convert) -> Convert:
    def unless_none(value: Any) -> Any:
        return None if value is None else step(value)

    if isinstance(step, Cut):
        unless_none.cut = step  # type: ignore[attr-defined]  # so that a cut is noted all the same
    return unless_none


def _masked(document: Any) -> Any:
    return None if document is None else mask(document)


def _exact(value: Decimal) -> str:
    """A tiny price in full: str() would write 1E-7."""
    text = str(value)
    return text if "E" not in text else format(value, "f")


def _text(value: Any) -> Any:
    return format(value, "f") if isinstance(value, Decimal) else value
