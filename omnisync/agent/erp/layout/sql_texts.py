"""Every SQL text of a layout, for a person to read before it is run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from omnisync.agent.erp.layout.schema import LayoutFile

_SQL = ("sql", "after_sql")
_BY_NAME = ("columns", "where")
"""Tables whose keys are names of the ERP's columns: one of them may be called `sql`."""


class SqlText(Struct, frozen=True):
    """A text that is run in the ERP's database, and its place in the layout."""

    where: str
    sql: str


def sql_texts(layout: LayoutFile) -> tuple[SqlText, ...]:
    """Return every SQL text of the layout, in its own order."""
    return tuple(_texts(msgspec.to_builtins(layout), ()))


def seen_mark(texts: tuple[SqlText, ...]) -> str:
    """Return a text that says that these, and no others, were seen."""
    return hashlib.sha256(msgspec.json.encode(texts)).hexdigest()


def _texts(found: Any, where: tuple[str, ...]) -> Iterator[SqlText]:
    if isinstance(found, list | tuple):
        for n, one in enumerate(found):
            name = one.get("name") if isinstance(one, dict) else None
            yield from _texts(one, (*where, str(name or n + 1)))
    elif isinstance(found, dict):
        for key, value in found.items():
            if key in _SQL and isinstance(value, str) and (not where or where[-1] not in _BY_NAME):
                if value.strip():
                    yield SqlText(".".join((*where, key)), value.strip())
            else:
                yield from _texts(value, (*where, key))
