"""Rows cut into stretches, so that one hash tells of many rows that nothing changed in them.

A row ends its stretch when its own content says so. So a row that is new, gone or changed alters the stretch it stands
in, or two, and none of those after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from zlib import crc32

from msgspec import Struct

from omnisync.agent.erp.dialects.database import Rows

ONE_IN = 64
"""Rows that end a stretch: longer ones cost less where nothing changed, and more where something did."""


class Stretch(Struct, frozen=True, gc=False):
    """Some rows as they came one after another, each with the bytes it is known by. The hash is of all of them."""

    rows: Rows
    raws: list[bytes]
    hash: bytes


def stretches(lots: Iterator[Rows], raws_of: Callable[[Rows], list[bytes]], form: bytes) -> Iterator[list[Stretch]]:
    """The rows of all lots in their order, in stretches: as many times some as there were lots.

    `form` enters every hash. Where the lots begin and end does not matter, unless a whole one has no end of a stretch.
    """
    rows: Rows = []
    raws: list[bytes] = []
    for lot in lots:
        if rows:
            ends = _ends(raws) or [len(raws)]
            yield _cut(rows, raws, ends, form)
            rows, raws = rows[ends[-1] :], raws[ends[-1] :]
        rows, raws = rows + lot, raws + raws_of(lot)
    if rows:
        yield _cut(rows, raws, sorted({*_ends(raws), len(raws)}), form)


def _ends(raws: Sequence[bytes]) -> list[int]:
    """Behind which rows a stretch ends."""
    return [n for n, sum_ in enumerate(map(crc32, raws), 1) if not sum_ % ONE_IN]


def _cut(rows: Rows, raws: list[bytes], ends: list[int], form: bytes) -> list[Stretch]:
    bounds = zip([0, *ends], ends, strict=False)
    return [Stretch(rows[start:end], raws[start:end], _hash(raws[start:end], form)) for start, end in bounds]


def _hash(raws: list[bytes], form: bytes) -> bytes:
    # Between rows stands what does not stand in the text of one, and msgpack tells by itself where it ends.
    return blake2b(b"\n".join(raws), digest_size=16, person=form).digest()
