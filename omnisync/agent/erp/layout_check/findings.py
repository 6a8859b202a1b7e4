"""The findings of `layout check`, each with the code and the words of its sentence."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Literal

from msgspec import Struct

from omnisync.agent.coded_message import CodedMessage, coded

Level = Literal["error", "warning"]


class Finding(Struct, frozen=True):
    """One thing found. An error stops the import or spoils what it writes; a warning is for a person to look at.

    `where` is a table's column, or the file's key.
    """

    level: Level
    where: str
    message: CodedMessage

    @property
    def code(self) -> str:
        """The code of its sentence."""
        return self.message.code


def error(code: str, where: str, **words: object) -> Finding:
    """Return a finding that must be fixed before the first order."""
    return Finding("error", where, coded(code, onde=where, **words))


def warning(code: str, where: str, **words: object) -> Finding:
    """Return a finding for a person to look at."""
    return Finding("warning", where, coded(code, onde=where, **words))


def near(name: str, known: Iterable[str]) -> str:
    """Return the nearest name there is, whatever the case of its letters, as the end of a clause; empty when none is
    near.
    """
    by_small = {one.lower(): one for one in known}
    close = get_close_matches(name.lower(), by_small, 1, 0.5)
    return f" (seria {by_small[close[0]]}?)" if close else ""
