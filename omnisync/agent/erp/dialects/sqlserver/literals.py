"""Values written into statements as T-SQL has them: this driver has no other way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from re import compile as pattern
from re import sub as substituted

from omnisync.agent.erp.dialects.translation import refused

_QUOTED_OR_MARK = pattern(r"'[^']*'|\"[^\"]*\"|\[[^]]*]|\?")


@lru_cache(maxsize=512)
def _pieces(sql: str) -> tuple[str, ...]:
    """Return what stands around the marks of a statement; quoted texts and names keep their `?`."""
    pieces, start = [], 0
    for found in _QUOTED_OR_MARK.finditer(sql):
        if found.group() == "?":
            pieces.append(sql[start : found.start()])
            start = found.end()
    return (*pieces, sql[start:])


def filled(sql: str, values: Sequence[object]) -> str:
    """Return a statement with its values written in."""
    first, *rest = _pieces(sql)
    return first + "".join(f"{_literal(value)}{piece}" for value, piece in zip(values, rest, strict=True))


def _literal(value: object) -> str:
    """Return a value as T-SQL writes it. What cannot be written is refused.

    A text of ASCII alone has no N before it: an index of a VARCHAR column is then searched, not read to its end.
    """
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")  # never 1E+2: that would be a float
    if isinstance(value, datetime) and value.tzinfo is None:
        return f"'{value.isoformat('T', 'milliseconds')}'"  # what the old DATETIME takes
    if isinstance(value, date) and not isinstance(value, datetime):
        return f"'{value.isoformat()}'"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"0x{bytes(value).hex()}"
    raise refused(f"a {type(value).__name__} cannot be written")


def _text(text: str) -> str:
    if "\0" in text:
        raise refused("a text with U+0000 cannot be written")
    text.encode()  # half a letter is met here, not in the driver
    # A backslash at the end of a line would join it with the next.
    text = substituted(r"\\(\r?\n)", r"\\\\\1\1", text).replace("'", "''")
    return f"'{text}'" if text.isascii() else f"N'{text}'"


def counted(statements: Iterable[str]) -> str:
    """Return a batch that runs each statement and answers how many rows they matched in all."""
    counted = "".join(f"{statement};\nSET @omnisync += @@ROWCOUNT;\n" for statement in statements)
    return f"DECLARE @omnisync INT = 0;\n{counted}SELECT @omnisync"
