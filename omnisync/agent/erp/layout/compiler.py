"""A layout's columns compiled: paths, converters, codes and lookups turned into functions over whole columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from decimal import Decimal
from itertools import repeat
from typing import Any

from msgspec import Struct

from omnisync.agent.erp.layout import converters
from omnisync.agent.erp.layout.converters import Call, Convert, Cut, Plain
from omnisync.agent.erp.layout.field_paths import FieldPath, field_of, nearest
from omnisync.agent.erp.layout.row_builder import (
    AMBIGUOUS,
    UNANSWERED,
    ColumnPlan,
    ColumnQuery,
    Fill,
    LookupAnswers,
    Note,
    UnconvertibleError,
    UnreadableAnswer,
    answer_by_key,
)
from omnisync.agent.erp.layout.schema import Constant, FromSql, KeyOf, Lookup, Mapped, Scalar, column_form
from omnisync.agent.errors import LayoutError
from omnisync.contract.documents import mask, redact

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
OWN_WORDS = frozenset({"key", "key1", "key2", "key3", "key4", "number", "ids", "keys", "since"})
"""The words of a query that are no field: the row's key (the last part of it, or one by its place), its number."""
_PARAMETER = re.compile(r"'[^']*'|::|:([a-z_][a-z_0-9.]*)")


def text_store(zone: tzinfo) -> Mapping[type, Convert]:
    """Return how values go to a database: as text, which each reads by its column's own type: exact, and without a
    zone.
    """

    def local(moment: datetime) -> str:
        # A third of the time of strftime; without the zone, which need not be asked for its offset again.
        return moment.astimezone(zone).replace(tzinfo=None).isoformat(" ")[:19]

    return {Decimal: str, date: date.isoformat, datetime: local, bool: ("0", "1").__getitem__, int: str}


class Compiler:
    """Makes a kind's columns out of what its file says. Every error is a LayoutError that names the place."""

    def __init__(self, zone: tzinfo, mappings: Mappings) -> None:
        self._zone = zone
        self._store = text_store(zone)
        self._mappings = mappings

    def columns(self, kind: str, written: Mapping[str, Any], where: str) -> tuple[ColumnPlan, ...]:
        """Return the columns in the file's order; those that wait for another row's key are left out
        (`foreign_key_columns`).
        """
        made = (self._column(kind, name, source, f"{where}.{name}") for name, source in written.items())
        return tuple(column for column in made if column is not None)

    @staticmethod
    def foreign_key_columns(written: Mapping[str, Any], where: str) -> tuple[tuple[str, str], ...]:
        """Return the columns that take another row's key: (column, whose)."""
        forms = ((name, column_form(source, f"{where}.{name}")) for name, source in written.items())
        return tuple((name, form.key_of) for name, form in forms if isinstance(form, KeyOf))

    def field(self, kind: str, text: str, where: str) -> tuple[FieldPath, Callable[[list[Any], list[Any]], list[Any]]]:
        """Return a path with its converters, as values ready for the database."""
        fill = self._piped(kind, text, where)
        return field_of(kind, text.partition("|")[0].strip(), where), (
            lambda records, parents: list(fill(LookupAnswers(None, []), records, parents))
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
        """Return a query with `?`, and the (path, values) of each, in order; words of ours (key, number) have no
        values.
        """
        asked: list[tuple[str, Any]] = []

        def mark(found: re.Match[str]) -> str:
            path = found[1]
            if path is None:
                return found[0]
            own = path in OWN_WORDS
            asked.append((path, None if own else self._piped(kind, path, where)))
            return "?"

        return _PARAMETER.sub(mark, sql), asked

    def _column(self, kind: str, name: str, source: Any, where: str) -> ColumnPlan | None:
        written = column_form(source, where)
        if isinstance(written, KeyOf):
            return None
        if isinstance(written, str):
            path, _, rest = (part.strip() for part in written.partition("|"))
            joins = bool(rest) and any(call.name == "join" for call in _calls(rest, where))
            return ColumnPlan(name, self._piped(kind, written, where), path="" if joins else path)
        if isinstance(written, Constant):
            return ColumnPlan(name, constant_fill(written.constant), constant=_plain(written.constant))
        if isinstance(written, Mapped):
            return ColumnPlan(name, self._mapped(kind, written, where))
        return self._queried_column(kind, name, written, where)

    def _piped(self, kind: str, text: str, where: str) -> Fill:
        path, *rest = text.split("|", 1)
        field = field_of(kind, path.strip(), where)
        calls = _calls(rest[0], where) if rest else []
        source, is_optional, is_text = _reader(field), field.is_optional, field.type is str
        steps: list[Convert] = []
        done: list[Call] = []
        for call in calls:
            if call.name == "join":
                first = _filler(field, source, self._with_text_at_end(field, done, steps, is_optional=is_optional))
                source, steps, done = self._concatenated(kind, first, call, where), [], [call]
                is_optional = is_text = True
                continue
            step = self._step(call, where)
            self._check_applicable(field, call, where, is_first=not done, is_text=is_text)
            steps.append(step if call.name in converters.TAKES_NONE or not is_optional else _unless_none(step))
            done.append(call)
            is_text = is_text if call.name == "default" else call.name not in converters.OF_AMOUNTS
        return _filler(field, source, self._with_text_at_end(field, done, steps, is_optional=is_optional))

    def _with_text_at_end(
        self, field: FieldPath, done: Sequence[Call], steps: list[Convert], *, is_optional: bool
    ) -> list[Convert]:
        """Return the steps with what makes the value a text at the end; with nothing more where it is one already."""
        last: Convert | None = None
        if not done:
            last = _exact if field.path.endswith("_price") else self._store.get(field.type)
        elif done[-1].name in converters.OF_AMOUNTS or done[-1].name == "default":
            last = self._as_text
        if last is None:
            return steps
        return [*steps, _unless_none(last) if is_optional else last]

    def _as_text(self, value: Any) -> Any:
        if isinstance(value, Decimal):
            return format(value, "f")
        store = self._store.get(type(value))
        return value if store is None else store(value)

    def _step(self, call: Call, where: str) -> Convert:
        try:
            return converters.converter(call, self._zone)
        except KeyError:
            near = nearest(call.name, converters.names())
            raise LayoutError(motivo=f"{where}: o conversor {call.name} não existe{near}") from None
        except (TypeError, ValueError):
            raise LayoutError(motivo=f"{where}: o conversor {call} não foi entendido") from None

    def _check_applicable(self, field: FieldPath, call: Call, where: str, *, is_first: bool, is_text: bool) -> None:
        """A converter must be able to take what stands before it."""
        if call.name == "cut" and not field.may_be_cut:
            raise LayoutError(motivo=f"{where}: {field.path} é código, documento ou número e não pode ser cortado")
        if call.name == "digits" and field.path.endswith("document"):
            raise LayoutError(motivo=f"{where}: digits estraga o CNPJ, que tem letras; use document_masked ou nada")
        is_time = is_first and field.type in (date, datetime)
        is_amount = not is_text and field.type in (Decimal, int)
        fits = {
            call.name not in converters.OF_TEXT or is_text,
            call.name not in converters.OF_AMOUNTS or is_amount,
            call.name not in converters.OF_TIMES or is_time,
        }
        if fits != {True}:
            raise LayoutError(motivo=f"{where}: o conversor {call.name} não serve para {field.path}")

    def _concatenated(self, kind: str, first: Fill, call: Call, where: str) -> Fill:
        if len(call.arguments) < 2:
            raise LayoutError(motivo=f'{where}: join pede o separador e ao menos um campo: join(", ", notes)')
        separator, *paths = call.arguments
        fills = [first, *(self._piped(kind, path, where) for path in paths)]

        def concatenate(answers: LookupAnswers, records: list[Any], parents: list[Any]) -> Iterable[object]:
            rows = zip(*(fill(answers, records, parents) for fill in fills), strict=True)
            return [separator.join(str(part) for part in row if part not in (None, "")) or None for row in rows]

        return concatenate

    def _mapped(self, kind: str, mapped: Mapped, where: str) -> Fill:
        fill = self._piped(kind, mapped.field, where)
        own = self._mappings.get(mapped.de_para, {}) if mapped.de_para else {}
        codes: dict[str, Any] = {**{code: _plain(value) for code, value in mapped.map.items()}, **own}
        missing = _Missing(mapped.missing, mapped.default, mapped.de_para, mapped.field.partition("|")[0].strip())

        def values(answers: LookupAnswers, records: list[Any], parents: list[Any]) -> Iterable[object]:
            given = list(fill(answers, records, parents))
            return [codes[code] if code in codes else missing.value(code, answers, i) for i, code in enumerate(given)]

        return values

    def _queried_column(self, kind: str, name: str, form: Lookup | FromSql, where: str) -> ColumnPlan:
        if isinstance(form, FromSql):
            sql, asked = self.parameters(kind, form.sql, where)
            unknown = next((word for word, fill in asked if fill is None), None)
            if unknown is not None:
                raise LayoutError(motivo=f"{where}: aqui não se sabe o que é :{unknown}")
            path = asked[0][0] if asked else ""
            query = ColumnQuery(name, form, sql, _parameters_of([fill for _, fill in asked]))
        else:
            path = form.field.partition("|")[0].strip()
            query = ColumnQuery(name, form, "", self._lookup_keys(kind, form, where))
        own = self._mappings.get(form.de_para, {}) if isinstance(form, Lookup) and form.de_para else {}
        missing = _Missing(form.missing, form.default, getattr(form, "de_para", None), path)

        def values(answers: LookupAnswers, records: list[Any], parents: list[Any]) -> Iterable[object]:
            keys = list(query.keys(records, parents))
            if answers.found is None:
                return [
                    None if key is None else f"({form.lookup if isinstance(form, Lookup) else 'sql'})" for key in keys
                ]
            found = answers.found.get(name, {})
            given = [own[key] if key in own else _answer(found, key, path) for key in keys]
            return [
                missing.value(_placeholder(key), answers, i) if value is _ABSENT else value
                for i, (key, value) in enumerate(zip(keys, given, strict=True))
            ]

        return ColumnPlan(name, values, query)

    def _lookup_keys(self, kind: str, form: Lookup, where: str) -> Callable[[list[Any], list[Any]], Iterable[Any]]:
        fill = self._piped(kind, form.field, where)

        def keys(records: list[Any], parents: list[Any]) -> Iterable[Any]:
            values: Iterable[Any] = fill(LookupAnswers(None, []), records, parents)
            return map(_masked, values) if form.stored_as == "masked" else values

        return keys


class _Missing(Struct, frozen=True):
    """The treatment of a code that the ERP does not have."""

    what: str
    default: Scalar | None
    de_para: str | None
    path: str

    def value(self, code: object, answers: LookupAnswers, index: int) -> object:
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
        raise UnconvertibleError(_UNMAPPED.get(self.de_para or last, "code_unmapped"), self.path, code, campo=self.path)


_ABSENT = object()


def _answer(found: Mapping[Any, object], key: Any, path: str) -> object:
    if key is None or (isinstance(key, tuple) and None in key):
        return _ABSENT
    answer = answer_by_key(found, key, _ABSENT)
    if answer is AMBIGUOUS:
        raise UnconvertibleError("lookup_ambiguous", "", _placeholder(key))
    if answer is UNANSWERED:
        raise UnconvertibleError("lookup_refused", path, _placeholder(key), campo=path)
    if isinstance(answer, UnreadableAnswer):
        where = redact(f"{answer.where}, {_placeholder(key)}")
        raise UnconvertibleError("erp_unreadable", path, _placeholder(key), onde=where)
    return answer


def _placeholder(key: Any) -> Any:
    return None if key is None else key[0] if isinstance(key, tuple) and key else key


def constant_fill(value: Scalar) -> Fill:
    """Return the same value for every record."""
    plain = _plain(value)
    return lambda answers, records, parents: repeat(plain, len(records))


def _plain(value: Scalar) -> str:
    """Return a constant of the layout as text, like every other value."""
    return ("1" if value else "0") if isinstance(value, bool) else str(value)


def _parameters_of(fills: Sequence[Fill]) -> Callable[[list[Any], list[Any]], Iterable[Any]]:
    def parameters(records: list[Any], parents: list[Any]) -> Iterable[Any]:
        nothing = LookupAnswers(None, [])
        if not fills:
            return repeat((), len(records))
        return zip(*(fill(nothing, records, parents) for fill in fills), strict=True)

    return parameters


def _reader(field: FieldPath) -> Fill:
    """Return the field of each record, or of its order."""
    if field.is_of_order:
        return lambda answers, records, parents: map(field.read, parents)
    return lambda answers, records, parents: map(field.read, records)


def _filler(field: FieldPath, source: Fill, steps: Sequence[Convert]) -> Fill:
    """Return the steps over whole columns; a text that loses something is noted."""

    def fill(answers: LookupAnswers, records: list[Any], parents: list[Any]) -> Iterable[object]:
        values: Iterable[Any] = source(answers, records, parents)
        for step in steps:
            losing = step if isinstance(step, (Cut, Plain)) else getattr(step, "losing", None)
            if isinstance(losing, Cut):
                values = _cut_noting(field, losing, list(values), answers.notes)
            elif isinstance(losing, Plain):
                values = _plain_noting(field, losing, list(values), answers.notes)
            else:
                values = map(step, values)
        return values

    return fill


def _cut_noting(field: FieldPath, cut: Cut, values: list[str | None], notes: list[Note]) -> Iterable[str | None]:
    if max(map(len, filter(None, values)), default=0) <= cut.longest:
        return values
    for i, text in enumerate(values):
        if text is not None and len(text) > cut.longest:
            code = "text_shortened" if field.path == "name" else "field_shortened"
            notes.append(Note(i, code, field.path, {"campo": field.path, "n": len(text), "max": cut.longest}))
    return [None if text is None else cut(text) for text in values]


_NAMES = frozenset({"name", "customer.name"})


def _plain_noting(field: FieldPath, plain: Plain, values: list[str | None], notes: list[Note]) -> Iterable[str | None]:
    if all(text is None or text.isascii() for text in values):
        return values
    kept = [None if text is None else plain(text) for text in values]
    for i, text in enumerate(values):
        if text is not None and plain.drops(text):
            code = "letters_dropped"
            if not kept[i] and field.path in _NAMES:  # a name is never left empty
                code, kept[i] = "name_dropped", converters.NAMELESS
            notes.append(Note(i, code, field.path, {"campo": field.path}))
    return kept


def _calls(text: str, where: str) -> list[Call]:
    try:
        return [converters.parse_call(call) for call in converters.split_pipe(text)]
    except ValueError as error:
        raise LayoutError(motivo=f"{where}: o conversor {error} não foi entendido") from None


def _unless_none(step: Convert) -> Convert:
    def unless_none(value: Any) -> Any:
        return None if value is None else step(value)

    if isinstance(step, (Cut, Plain)):
        unless_none.losing = step  # type: ignore[attr-defined]  # so that what is lost is noted all the same
    return unless_none


def _masked(document: Any) -> Any:
    return None if document is None else mask(document)


def _exact(value: Decimal) -> str:
    """Return a tiny price in full: str() would write 1E-7."""
    text = str(value)
    return text if "E" not in text else format(value, "f")
