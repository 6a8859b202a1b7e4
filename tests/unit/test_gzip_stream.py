"""A body of another computer is unpacked whole or refused, whatever chunks it comes in."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnisync.web.gzip_stream import PIECE_BYTES, RATIO_FROM_BYTES, GzipError, OversizedError, unpacked

TEXT = b"pedido " * 1000


def chunks(body: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


@given(content=st.binary(max_size=5000), size=st.integers(1, 400), is_gzip=st.booleans())
def test_what_was_packed_comes_out_whatever_the_chunks(content: bytes, size: int, is_gzip: bool) -> None:
    body = gzip.compress(content) if is_gzip else content
    assert b"".join(unpacked(chunks(body, size), is_gzip=is_gzip, limit=5000)) == content


def test_every_chunk_gives_a_piece_so_that_a_slow_body_is_noticed() -> None:
    body = gzip.compress(TEXT)
    assert len(list(unpacked(chunks(body, 1), is_gzip=True, limit=10**6))) >= len(body)


@pytest.mark.parametrize(
    "body", [b"", b"no gzip", gzip.compress(TEXT)[:-1], gzip.compress(TEXT) + b"more", gzip.compress(b"") * 2]
)
def test_what_is_no_gzip_is_cut_or_goes_on_is_refused(body: bytes) -> None:
    with pytest.raises(GzipError):
        list(unpacked((body,), is_gzip=True, limit=10**6))


@pytest.mark.parametrize("is_gzip", [True, False])
def test_a_byte_beyond_the_limit_is_refused(is_gzip: bool) -> None:
    body = gzip.compress(TEXT) if is_gzip else TEXT
    assert b"".join(unpacked((body,), is_gzip=is_gzip, limit=len(TEXT))) == TEXT
    with pytest.raises(OversizedError):
        list(unpacked((body,), is_gzip=is_gzip, limit=len(TEXT) - 1))


def test_a_bomb_is_refused_though_it_is_within_the_limit() -> None:
    bomb = gzip.compress(bytes(10 * RATIO_FROM_BYTES), 9)
    with pytest.raises(OversizedError):
        list(unpacked((bomb,), is_gzip=True, limit=10**9))
    assert sum(map(len, unpacked((bomb,), is_gzip=True, limit=10**9, max_ratio=None))) == 10 * RATIO_FROM_BYTES
    assert max(map(len, unpacked((bomb,), is_gzip=True, limit=10**9, max_ratio=None))) <= PIECE_BYTES
