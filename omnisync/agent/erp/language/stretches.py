"""Rows cut into stretches, so that one hash tells of many rows that nothing changed in them.

A row ends its stretch when its own content says so. So a row that is new, gone or changed alters the stretch it stands
in, or two, and none of those after it.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from itertools import pairwise
from zlib import crc32

from msgspec import Struct

from omnisync.agent.erp.dialects.database import Rows

ONE_IN = 32
"""Rows that end a stretch, by one byte of their sum: longer stretches cost less where nothing changed, and more where
something did."""

_LOWEST = 0 if sys.byteorder == "little" else array("I").itemsize - 1
"""Where in a number that byte stands."""


class Stretch(Struct, frozen=True, gc=False):
    """Some rows as they came one after another, each with the bytes it is known by. The hash is of all of them."""

    rows: Rows
    raws: list[bytes]
    hash: bytes


def stretches(lots: Iterator[Rows], raws_of: Callable[[Rows], list[bytes]], form: bytes) -> Iterator[list[Stretch]]:
    """The rows of all lots in their order, in stretches: as many times some as there were lots.

    `form` enters every hash. Where the lots begin and end does not matter, unless a whole one has no end of a stretch.
    """
    is_end = bytes(low % ONE_IN == 0 for low in range(256))
    rows: Rows = []
    raws: list[bytes] = []
    for lot in lots:
        if rows:
            ends = _ends(raws, is_end) or [len(raws)]
            yield _cut(rows, raws, ends, form)
            rows, raws = rows[ends[-1] :], raws[ends[-1] :]
        rows, raws = rows + lot, raws + raws_of(lot)
    if rows:
        yield _cut(rows, raws, sorted({*_ends(raws, is_end), len(raws)}), form)


def _ends(raws: Sequence[bytes], is_end: bytes) -> list[int]:
    """Behind which rows a stretch ends."""
    sums = array("I", map(crc32, raws))
    marks = sums.tobytes()[_LOWEST :: sums.itemsize].translate(is_end)  # each row is asked: at C's speed
    found, end = [], marks.find(1) + 1
    while end:
        found.append(end)
        end = marks.find(1, end) + 1
    return found


def _cut(rows: Rows, raws: list[bytes], ends: list[int], form: bytes) -> list[Stretch]:
    new = blake2b(digest_size=16, person=form).copy
    found = []
    for start, end in pairwise([0, *ends]):
        own, hash_ = raws[start:end], new()
        # Between rows stands what does not stand in the text of one, and msgpack tells by itself where it ends.
        hash_.update(b"\n".join(own))
        found.append(Stretch(rows[start:end], own, hash_.digest()))
    return found
