"""Rows cut into stretches, so that one hash tells of many rows that nothing changed in them.

A row ends its stretch when its own content says so. So a row that is new, gone or changed alters the stretch it stands
in, or two, and none of those after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from msgspec import Struct

from omnisync.agent.erp.row_hash import HASH_BYTES, hash_of_hashes
from omnisync.agent.erp.statements import RowList

ROWS_PER_CHUNK = 32
"""On average, as one byte of a row's hash says whether it ends its chunk: longer chunks cost less where nothing
changed, and more where something did."""


class ChunkedRows(Struct, frozen=True):
    """Some rows as they came one after another, each with its hash.

    `ends` are the places behind which a stretch ends, the last one behind the last row; each stretch has one hash in
    `sums`, of the hashes of its rows.
    """

    rows: RowList
    hashes: list[bytes]
    ends: list[int]
    chunk_hashes: list[bytes]


def content_defined_chunks(
    row_lists: Iterator[RowList], hashes_of: Callable[[RowList], list[bytes]], rows_per_chunk: int = ROWS_PER_CHUNK
) -> Iterator[ChunkedRows]:
    """Yield the rows of all lots in their order, cut into stretches: as many times some as there were lots.

    Where the lots begin and end does not matter, unless a whole one has no end of a stretch.
    """
    is_end = bytes(low % rows_per_chunk == 0 for low in range(256))
    rows: RowList = []
    hashes: list[bytes] = []
    for lot in row_lists:
        if rows:
            cut = _split(rows, hashes, is_end)
            yield cut
            rows, hashes = rows[cut.ends[-1] :], hashes[cut.ends[-1] :]
        rows, hashes = rows + lot, hashes + hashes_of(lot)
    if rows:
        yield _split(rows, hashes, is_end, is_last=True)


def _split(rows: RowList, hashes: list[bytes], is_end: bytes, *, is_last: bool = False) -> ChunkedRows:
    """Return the rows up to the last end among them, or all of them."""
    joined = b"".join(hashes)
    ends = _ends(joined, is_end)
    if not ends or (is_last and ends[-1] < len(rows)):
        ends.append(len(rows))
    sums = [hash_of_hashes(joined[start * HASH_BYTES : end * HASH_BYTES]) for start, end in pairwise([0, *ends])]
    return ChunkedRows(rows[: ends[-1]], hashes[: ends[-1]], ends, sums)


def _ends(joined: bytes, is_end: bytes) -> list[int]:
    """Behind which rows a stretch ends."""
    marks = joined[::HASH_BYTES].translate(is_end)  # each row is asked: at C's speed
    found, end = [], marks.find(1) + 1
    while end:
        found.append(end)
        end = marks.find(1, end) + 1
    return found
