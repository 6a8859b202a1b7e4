"""Convert a database's values to the contract's form, a column at a time: exactly or not at all.

Nothing is rounded, cut or guessed, but for the last digits of a column of approximate numbers. A value that does not
fit stands as an `InvalidValue` in its place: its row is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, tzinfo
from decimal import Decimal, InvalidOperation
from functools import partial
from operator import itemgetter
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

from msgspec import Struct

from omnisync.agent.erp.unreadable import UnreadableValue, is_zero_date
from omnisync.contract import batches

Coerce = Callable[[Sequence[object]], list[Any]]
"""A column's values for the wire, each where it was; None stays None."""

FIRST_YEAR = 1914
"""Of the moments that go out: before it the clocks of a country followed its sun."""
MOST_HOURS = 100_000
"""Of which a zone's offset is remembered."""

_ANY_DIGIT = str.maketrans("123456789", "000000000")
_PLAIN_AMOUNT = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")
_NUMBERS = re.compile(r"[0-9]{1,4}(\s*[/,;+ -]\s*[0-9]{1,4})*")
_LOW_OR_HIGH = str.maketrans("123456789", "000006666")
_WALL = re.compile(r"^[06]{4}-[06]{2}-[06]{2} [06]{2}:0[06]:0[06]$")
"""A moment as databases write it, digits below six being as good as 0: its minutes and seconds are sound."""
_hour = itemgetter(slice(13))
_CENTAVO = Decimal("0.01")
_FLOAT_DIGITS = 15
_YES_NO = {"S": True, "N": False, "1": True, "0": False, "T": True, "F": False}


class InvalidValue(Struct, frozen=True):
    """A value that is not what its field takes. The code is one of the contract's, or of those beside them here."""

    code: str

    @property
    def sentence(self) -> str:
        """Return what the code means, in pt-BR."""
        return SENTENCES[self.code]


_TYPE, _PATTERN, _FORMAT = InvalidValue("type"), InvalidValue("pattern"), InvalidValue("format")
_UNREADABLE, _FLOAT = InvalidValue("unreadable"), InvalidValue("float")

SENTENCES = batches.SENTENCES | {
    "unreadable": "O valor não pode ser lido: a data não existe, ou as letras não são do charset do banco.",
    "float": "A coluna guarda números aproximados (FLOAT, DOUBLE), e este só cabe no campo com CAST ou ROUND.",
}
"""What each code means, in pt-BR."""


def coercer(hint: Any, zone: tzinfo) -> Coerce:
    """Return how a column becomes this type of the contract. Moments without a zone are of `zone`."""
    kind, metas = _bare(hint)
    if kind is Decimal:
        pattern = next(meta.extra_json_schema["pattern"] for meta in metas if meta.extra_json_schema)
        return partial(_amounts, re.compile(pattern))
    if kind is bool:
        return _flags
    if kind is date:
        return partial(_days, zone)
    if kind is datetime:
        return partial(_moments, _Offsets(zone))
    if get_origin(kind) is tuple:
        return partial(_each, _numbers)
    return _texts


def _bare(hint: Any) -> tuple[Any, Sequence[Any]]:
    """Return the type itself, out of `… | None` and of what is annotated, and its annotations."""
    if get_origin(hint) in (Union, UnionType):
        hint = next(one for one in get_args(hint) if one is not NoneType)
    if get_origin(hint) is Literal:
        return str, ()
    return (get_args(hint)[0], get_args(hint)[1:]) if hasattr(hint, "__metadata__") else (hint, ())


def _each(read: Callable[[Any], Any], values: Sequence[object]) -> list[Any]:
    return [None if value is None else _read(read, value) for value in values]


def _read(read: Callable[[Any], Any], value: object) -> Any:
    return _UNREADABLE if type(value) is UnreadableValue else read(value)


def _texts(values: Sequence[Any]) -> list[Any]:
    kinds = set(map(type, values))
    if kinds <= {str, NoneType}:
        texts = list(map(str.strip, values)) if NoneType not in kinds else [value and value.strip() for value in values]
        return [text or None for text in texts] if "" in texts else texts
    return _each(_text, values)


def _text(value: object) -> str | None | InvalidValue:
    """Return a text without the spaces a CHAR is filled up with; an empty one is none. A number is its digits."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    return str(value) if type(value) is int or isinstance(value, UUID) else _TYPE


def _amounts(pattern: re.Pattern[str], values: Sequence[object]) -> list[Any]:
    kinds = set(map(type, values))
    if kinds <= {Decimal, str, int}:
        texts: list[Any] = list(values) if kinds == {str} else list(map(str, values))
        if _all_match(texts, pattern):
            return texts
    elif kinds <= {Decimal, str, int, NoneType}:
        some = [value if value is None else str(value) for value in values]
        if _all_match([text for text in some if text is not None], pattern):
            return some
    return _each(partial(_amount, pattern), values)


def _all_match(texts: list[str], pattern: re.Pattern[str], digits: Mapping[int, int] = _ANY_DIGIT) -> bool:
    """Return whether every text keeps to the pattern: one look for each form among them, a digit being as good as
    any.
    """
    if not texts:
        return True
    forms = "\n".join(texts).translate(digits).split("\n")
    return len(forms) == len(texts) and all(map(pattern.search, set(forms)))


def _amount(pattern: re.Pattern[str], value: Any) -> str | None | InvalidValue:
    """Return the number in the form the pattern asks for, if it can be had without rounding: 10 as 10.00, 1.50000 as
    1.5.
    """
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None
        if not _PLAIN_AMOUNT.fullmatch(value):
            return _PATTERN
    if isinstance(value, float):
        # As many digits as a column of approximate numbers keeps of a decimal: 0.1 + 0.2 is 0.3.
        fitting = _amount(pattern, Decimal(format(value, f".{_FLOAT_DIGITS}g")))
        return _FLOAT if isinstance(fitting, InvalidValue) else fitting
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        return _TYPE
    try:
        number = Decimal(value)
        # As it stands first, as its neighbours go: one value that does not fit must not change their lines.
        forms = [str(value), format(number.normalize() or Decimal(0), "f")]
        if number == number.quantize(_CENTAVO):
            forms.append(format(number.quantize(_CENTAVO), "f"))
    except (InvalidOperation, ValueError):
        return _PATTERN
    return next((form for form in forms if pattern.search(form)), _PATTERN)


def _flags(values: Sequence[Any]) -> list[Any]:
    return _each(_flag, values)


def _flag(value: Any) -> bool | None | InvalidValue:
    if isinstance(value, str):
        text = value.strip().upper()
        return _YES_NO.get(text, _PATTERN) if text else None
    is_number = isinstance(value, (bool, int, Decimal))
    return bool(value) if is_number and value in (0, 1) else _TYPE


def _days(zone: tzinfo, values: Sequence[Any]) -> list[Any]:
    is_plain = set(map(type, values)) == {date}
    return list(map(date.isoformat, values)) if is_plain else _each(partial(_day, zone), values)


def _day(zone: tzinfo, value: Any) -> str | None | InvalidValue:
    """Return a day; of a moment its day on the wall of the zone."""
    if isinstance(value, datetime):
        return (value if value.tzinfo is None else value.astimezone(zone)).date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str):
        return _TYPE
    if is_zero_date(value):
        return None
    try:
        return datetime.fromisoformat(value.strip()).date().isoformat() if value.strip() else None
    except ValueError:
        return _FORMAT


class _Offsets:
    """The zone's offsets from UTC by hour, so that a thousand moments of one hour are computed once."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._known: dict[str, str] = {}

    def of_hour(self, hour: str) -> str | None:
        """Return the offset of every moment of this hour, told as `2026-11-24 10`; None where there is not the one."""
        key = f"{hour[:10]}T{hour[11:]}"
        try:
            moment = datetime.fromisoformat(f"{key}:00:00")
            if moment.year < FIRST_YEAR:
                return None
            self.of(moment, f"{key}:00:00")
        except ValueError:
            return None
        return self._known.get(key)

    def of(self, moment: datetime, text: str) -> str:
        """Return the offset of this moment of the zone's wall, as `text` ends with it: -03:00."""
        found = self._known.get(text[:13])
        if found is None:
            ends = (moment.replace(minute=0), moment.replace(minute=59), moment)
            *both, found = (_offset(end.replace(microsecond=0, tzinfo=self._zone)) for end in ends)
            if {*both} == {found} and len(self._known) < MOST_HOURS:
                self._known[text[:13]] = found
        return found


def _offset(moment: datetime) -> str:
    return moment.isoformat()[19:]


def _moments(offsets: _Offsets, values: Sequence[Any]) -> list[Any]:
    """Moments; where all are texts of the usual form, an hour of them is read at once."""
    texts = [value for value in values if value is not None]
    if texts and set(map(type, texts)) == {str} and _all_match(texts, _WALL, _LOW_OR_HIGH):
        ends = {hour: offsets.of_hour(hour) for hour in set(map(_hour, texts))}
        end, *others = set(ends.values())
        if end is not None and not others and len(texts) == len(values):  # nearly always: all of them at once
            return ("\n".join(texts).replace(" ", "T").replace("\n", f"{end}\n") + end).split("\n")
        if None not in ends.values():
            return [value and f"{value[:10]}T{value[11:]}{ends[value[:13]]}" for value in values]
    return _each(partial(_moment, offsets), values)


def _moment(offsets: _Offsets, value: Any) -> str | None | InvalidValue:
    """Return a moment; none before the zones of our time, where ERPs keep what stands for no date at all (Delphi's
    1899-12-30), and an offset has seconds that cannot travel.
    """
    if isinstance(value, str):
        if not value.strip() or is_zero_date(value):
            return None
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return _FORMAT
    if not isinstance(value, date):
        return _TYPE
    if value.year < FIRST_YEAR:
        return None
    moment = value if isinstance(value, datetime) else datetime.combine(value, time())
    text = moment.isoformat()
    return text if moment.tzinfo is not None else text + offsets.of(moment, text)


def _numbers(value: Any) -> tuple[int, ...] | InvalidValue:
    """Whole numbers: an array, one number, or a text like 30/60/90."""
    if isinstance(value, str):
        text = value.strip()
        if text and not _NUMBERS.fullmatch(text):
            return _PATTERN
        return tuple(map(int, re.findall("[0-9]+", text)))
    found = list(value) if isinstance(value, (list, tuple)) else [value]
    return tuple(found) if all(type(part) is int for part in found) else _TYPE
