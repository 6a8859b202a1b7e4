"""SQL texts that databases share: marks of values, lots of ids, an INSERT and an UPDATE of one row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from re import compile as pattern

RowList = list[tuple[object, ...]]
BoundStatement = tuple[str, Sequence[object]]
"""A SQL text and its values."""

_QUOTED_OR_MARK = pattern(r"'[^']*'|\"[^\"]*\"|`[^`]*`|\?|%")


def unchanged(text: str) -> str:
    """Return the text itself: for drivers that take `?`, and databases that need nothing added."""
    return text


@lru_cache(maxsize=512)
def formatted(sql: str) -> str:
    """Return a SQL text with the marks of drivers that fill in `%s`; quoted texts keep their `?`, and a `%` is
    doubled.
    """
    return _QUOTED_OR_MARK.sub(
        lambda found: "%s" if found.group() == "?" else found.group().replace("%", "%%"),
        sql,
    )


def row_groups(ids: Sequence[object], size: int) -> Iterator[Sequence[object]]:
    """Return the ids in lots of at most `size`."""
    return (ids[start : start + size] for start in range(0, len(ids), size))


def id_lists(size: int) -> Callable[[str, Sequence[object], Sequence[object]], Iterator[BoundStatement]]:
    """Return how ids are looked up where they are listed one by one, at most `size` in one statement."""

    def among(sql: str, ids: Sequence[object], values: Sequence[object]) -> Iterator[BoundStatement]:
        for group in row_groups(ids, size):
            yield sql.replace("{ids}", f"({', '.join('?' * len(group))})"), (*values, *group)

    return among


def limit_rows(sql: str, n: int) -> str:
    """Return the query, answering its first `n` rows only."""
    return f"{sql} LIMIT {n:d}"


def insert_text(quoted: Callable[[str], str], table: str, columns: Sequence[str]) -> str:
    """Return the INSERT of one row."""
    names, marks = ", ".join(map(quoted, columns)), ", ".join("?" * len(columns))
    return f"INSERT INTO {quoted(table)} ({names}) VALUES ({marks})"  # noqa: S608  # quoted names


def update_text(quoted: Callable[[str], str], table: str, columns: Sequence[str], keys: Sequence[str]) -> str:
    """Return the UPDATE of one row by its keys."""
    sets = ", ".join(f"{quoted(name)} = ?" for name in columns)
    where = " AND ".join(f"{quoted(name)} = ?" for name in keys)
    return f"UPDATE {quoted(table)} SET {sets} WHERE {where}"  # noqa: S608  # quoted names
