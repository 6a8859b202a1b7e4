"""Read the body of a batch: its lines, in bounded pieces, whatever it claims to be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from omnisync.contract.batches import MAX_LINE_BYTES, MAX_UNPACKED_BYTES
from omnisync.hub.errors import ProblemError
from omnisync.web.gzip_stream import GzipError, OversizedError, unpacked

_CHUNK_BYTES = 2**18


def lines_of(body: bytes, *, is_gzip: bool) -> Iterator[bytes]:
    """Yield the body's lines. Raises ProblemError for what is no gzip, is cut, is a bomb, or has too long a line."""
    yield from _split(_unpacked(body, is_gzip=is_gzip))


def _split(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        if max(map(len, (*whole, rest))) > MAX_LINE_BYTES:
            raise ProblemError("batch_too_large")
        yield from whole
    if rest:
        yield rest


def _unpacked(body: bytes, *, is_gzip: bool) -> Iterator[bytes]:
    """Yield the body's lines in bounded pieces. Raises ProblemError for what is no gzip, is cut, or is a bomb."""
    chunks = (body[start : start + _CHUNK_BYTES] for start in range(0, len(body), _CHUNK_BYTES))
    try:
        yield from unpacked(chunks, is_gzip=is_gzip, limit=MAX_UNPACKED_BYTES)
    except GzipError:
        raise damaged("O conteúdo não é gzip inteiro.") from None
    except OversizedError:
        raise ProblemError("batch_too_large") from None


def damaged(detail: str) -> ProblemError:
    """Return the problem of a batch that is not what its headers say."""
    return ProblemError("batch_damaged", detail=detail)
