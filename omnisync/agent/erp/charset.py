"""Keep texts within the letters that a database's connection carries."""

from __future__ import annotations

from codecs import lookup
from collections.abc import Iterable, Sequence
from unicodedata import normalize

from omnisync.agent.errors import RefusedRecordError

_TYPOGRAPHIC = str.maketrans(
    {"’": "'", "‘": "'", "‚": "'", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-", "−": "-", "…": "...", "•": "-"}
)


def with_plain_punctuation(text: str) -> str:
    """Return the text with plain quotes, dashes and dots for the typographic ones, and each accent on its letter."""
    return normalize("NFC", text).translate(_TYPOGRAPHIC)


def is_complete(encoding: str) -> bool:
    """Return whether this encoding, by Python's name, has every letter."""
    return lookup(encoding).name.startswith("utf")


def storable_rows(
    encoding: str, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> Sequence[Sequence[object]]:
    """Return the rows in letters of this encoding: a text with others has its typographic marks made plain.

    Raises RefusedRecordError naming column and letter of the first text that has others still.
    """
    texts = (value for row in rows for value in row if isinstance(value, str))
    if is_complete(encoding) or not _lacks_any(encoding, texts):
        return rows
    return [
        [_storable(encoding, f"{table}.{name}", value) for name, value in zip(columns, row, strict=True)]
        for row in rows
    ]


def _storable(encoding: str, where: str, value: object) -> object:
    if not isinstance(value, str) or not _lacks_any(encoding, (value,)):
        return value
    plain = with_plain_punctuation(value)
    for place, letter in enumerate(plain, 1):
        if _lacks_any(encoding, (letter,)):
            raise RefusedRecordError("letter_refused", letra=code_point(letter), onde=f"{place}ª letra de {where}")
    return plain


def code_point(letter: str) -> str:
    """Return a letter as U+1F600: where it cannot be kept, a sentence with it cannot either."""
    return f"U+{ord(letter):04X}"


def _lacks_any(encoding: str, texts: Iterable[str]) -> bool:
    try:
        "".join(texts).encode(encoding)
    except UnicodeEncodeError:
        return True
    return False
