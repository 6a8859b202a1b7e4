"""The converters a layout may name after a path: `name | upper | cut(50)`. Each is a function of one value.

Source: docs/layouts.md "Conversores".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, tzinfo
from decimal import ROUND_HALF_EVEN, Decimal
from operator import itemgetter
from typing import Any

from msgspec import Struct

from omnisync.agent.erp.charset import with_plain_punctuation
from omnisync.contract.documents import mask

Convert = Callable[[Any], Any]

NAMELESS = "Sem nome"
"""Stands in the ERP where a name may not be empty."""

_CALL = re.compile(r"([a-z_]+)\s*(?:\((.*)\))?", re.DOTALL)
_ARGUMENT = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^,"']*))\s*(?:,|$)""")
_PIECE = re.compile(r"""(?:"[^"]*"|'[^']*'|[^|"'])+""")


class Call(Struct, frozen=True):
    """A converter as a layout writes it: a name and its arguments, as text."""

    name: str
    arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.arguments)})"


class Cut(Struct, frozen=True):
    """`cut(n)`: at a blank where there is one in the last half, for half a word reads worse than a word less."""

    longest: int

    def __call__(self, text: str) -> str:
        """Return the text, at most `longest` letters of it."""
        if len(text) <= self.longest:
            return text
        blank = text.rfind(" ", 0, self.longest + 1)
        return text[:blank] if blank >= self.longest // 2 else text[: self.longest]


class Plain(Struct, frozen=True):
    """`plain`: letters every Brazilian database keeps. Typographic marks become their plain ones, others go."""

    def __call__(self, text: str) -> str:
        """Return the text in letters of Windows-1252."""
        if text.isascii():
            return text
        marked = with_plain_punctuation(text)
        return " ".join(marked.encode("cp1252", "ignore").decode("cp1252").split())

    def drops(self, text: str) -> bool:
        """Return whether a letter of the text is lost."""
        if text.isascii():
            return False
        marked = with_plain_punctuation(text)
        return len(marked.encode("cp1252", "ignore")) < len(marked)


def parse_call(text: str) -> Call:
    """`zeros_left(5)` as its name and arguments; quotes keep blanks and commas. Raises ValueError."""
    found = _CALL.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    name, rest = found.groups()
    if not (rest or "").strip():
        return Call(name)
    arguments, at = [], 0
    while at < len(rest):
        one = _ARGUMENT.match(rest, at)
        if one is None:
            raise ValueError(text)
        double, single, bare = one.groups()
        arguments.append(bare.strip() if bare is not None else double or single or "")
        at = one.end()
    return Call(name, tuple(arguments))


def split_pipe(text: str) -> list[str]:
    """Return the converters between the bars; a bar within quotation marks parts nothing."""
    return _PIECE.findall(text)


def converter(call: Call, zone: tzinfo) -> Convert:
    """Return the function a call names. Raises KeyError (no such name), TypeError or ValueError (wrong arguments)."""
    if call.name in _OF_TIMES:
        return _OF_TIMES[call.name](zone, *call.arguments)
    return _CONVERTERS[call.name](*call.arguments)


def names() -> list[str]:
    """Return every converter, `join` (which takes paths) among them."""
    return sorted({*_CONVERTERS, *_OF_TIMES, "join"})


def _yes_no(yes: str, no: str) -> Convert:
    return lambda value: yes if value else no


def _cut(n: str) -> Convert:
    if int(n) < 1:
        raise ValueError(n)
    return Cut(int(n))


def _slice(first: str, last: str) -> Convert:
    return itemgetter(slice(int(first) - 1, int(last)))


def _upper(text: str) -> str:
    """Return the text in capitals; a letter stays whose capital no ERP's charset has: µ becomes a Greek letter."""
    capitals = text.upper()
    if capitals.isascii() or "µ" not in text:
        return capitals
    return "µ".join(part.upper() for part in text.split("µ"))


def _zeros_left(n: str) -> Convert:
    width = int(n)
    return lambda value: str(value).rjust(width, "0")


def _prefix(text: str) -> Convert:
    return lambda value: f"{text}{value}"


def _cep_masked() -> Convert:
    return lambda cep: f"{cep[:5]}-{cep[5:]}" if len(cep) == 8 else cep


def _digits() -> Convert:
    return lambda text: "".join(sign for sign in str(text) if sign in "0123456789")


def _decimal(n: str) -> Convert:
    step = Decimal(1).scaleb(-int(n))
    return lambda value: Decimal(value).quantize(step, ROUND_HALF_EVEN)


def _scale(n: str) -> Convert:
    places = int(n)
    return lambda value: Decimal(value).scaleb(places)


def _default(text: str) -> Convert:
    return lambda value: text if value is None or value == "" else value


def _boolean() -> Convert:
    return lambda value: "1" if value else "0"


def _date(zone: tzinfo, form: str = "%Y-%m-%d") -> Convert:
    def day(value: date | datetime) -> str:
        return _written(value.astimezone(zone) if isinstance(value, datetime) else value, form)

    return day


def _local_datetime(zone: tzinfo, form: str = "%Y-%m-%d %H:%M:%S") -> Convert:
    return lambda moment: _written(moment.astimezone(zone), form)


def _written(value: date, form: str) -> str:
    """As strftime, but an early year has four digits too: MariaDB reads the year 1 as 2001."""
    return value.strftime(form if value.year > 999 else form.replace("%Y", f"{value.year:04}"))


_CONVERTERS: Mapping[str, Callable[..., Convert]] = {
    "upper": lambda: _upper,
    "digits": _digits,
    "document_masked": lambda: mask,
    "cep_masked": _cep_masked,
    "cut": _cut,
    "slice": _slice,
    "prefix": _prefix,
    "zeros_left": _zeros_left,
    "decimal": _decimal,
    "scale": _scale,
    "plain": Plain,
    "yes_no": _yes_no,
    "boolean": _boolean,
    "default": _default,
}
_OF_TIMES: Mapping[str, Callable[..., Convert]] = {"date": _date, "local_datetime": _local_datetime}
OF_TEXT = frozenset({"upper", "digits", "document_masked", "cep_masked", "cut", "slice", "plain"})
"""Converters that take a text and nothing else."""
OF_AMOUNTS = frozenset({"decimal", "scale"})
"""Converters that take an amount or a number and nothing else."""
OF_TIMES = frozenset(_OF_TIMES)
"""Converters that take a day or a moment and nothing else, so they come first."""
TAKES_NONE = frozenset({"default"})
"""Converters that are asked about an absent value, too."""
