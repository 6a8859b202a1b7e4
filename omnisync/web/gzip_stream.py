"""The body of another computer, unpacked in bounded pieces: what is cut, no gzip, or a bomb never fills the memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

MAX_RATIO = 200
"""Bytes out of one byte in: beyond it, a gzip bomb."""
RATIO_FROM_BYTES = 2**20
"""Below so many bytes any ratio is harmless."""
PIECE_BYTES = 2**18
"""What one step gives at most."""


class GzipError(Exception):
    """The body is no gzip, is cut, or has something after its end."""


class OversizedError(Exception):
    """The body unpacks to more than the limit, or is a bomb."""


def unpacked(
    chunks: Iterable[bytes], *, is_gzip: bool, limit: int, max_ratio: int | None = MAX_RATIO
) -> Iterator[bytes]:
    """Yield the content of a body that comes in chunks: at least one piece for each chunk, which may be empty.

    Raises GzipError, and OversizedError beyond `limit` bytes or `max_ratio` bytes for each that came.
    """
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16) if is_gzip else None
    n_received = n_unpacked = 0
    for chunk in chunks:
        n_received += len(chunk)
        for piece in _pieces(unpacking, chunk) if unpacking is not None else (chunk,):
            n_unpacked += len(piece)
            is_bomb = max_ratio is not None and n_unpacked > max(RATIO_FROM_BYTES, max_ratio * n_received)
            if n_unpacked > limit or is_bomb:
                raise OversizedError
            yield piece
    if unpacking is not None and (not unpacking.eof or unpacking.unused_data):
        raise GzipError


def _pieces(unpacking: zlib._Decompress, packed: bytes) -> Iterator[bytes]:
    is_more = True
    while is_more:
        try:
            piece = unpacking.decompress(packed, PIECE_BYTES)
        except zlib.error as error:
            raise GzipError from error
        packed = unpacking.unconsumed_tail
        is_more = bool(packed) or len(piece) == PIECE_BYTES  # a full piece may have left more inside
        yield piece
