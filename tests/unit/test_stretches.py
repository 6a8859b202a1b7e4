"""Rows in stretches: each as it was, whatever became of those before it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnisync.agent.erp.export.chunking import ChunkedRows, content_defined_chunks
from omnisync.agent.erp.row_hash import hash_rows
from omnisync.agent.erp.statements import RowList

N = 3000


def rows(*left_out: int, n: int = N) -> RowList:
    return [(f"P{i:06}", i % 7) for i in range(n) if i not in left_out]


def cut(all_rows: RowList, size: int = 2000) -> list[ChunkedRows]:
    lots = (all_rows[start : start + size] for start in range(0, len(all_rows), size))
    return list(content_defined_chunks(lots, hashes_of))


@cache
def whole_sums() -> frozenset[bytes]:
    return frozenset(sums(cut(rows())))


def hashes_of(some: RowList) -> list[bytes]:
    return hash_rows(repr(row).encode() for row in some)


def sums(found: Sequence[ChunkedRows]) -> list[bytes]:
    return [hash_ for one in found for hash_ in one.chunk_hashes]


def lengths(found: Sequence[ChunkedRows]) -> list[int]:
    return [end - start for one in found for start, end in pairwise([0, *one.ends])]


def test_every_row_is_in_one_stretch_in_its_order() -> None:
    found = cut(rows())
    assert [row for one in found for row in one.rows] == rows()
    assert [hash_ for one in found for hash_ in one.hashes] == hashes_of(rows())
    assert [one.ends[-1] for one in found] == [len(one.rows) for one in found]
    assert len(lengths(found)) == len(sums(found)) == len({*sums(found)})
    assert sum(lengths(found)) == N
    assert 20 < len(sums(found)) < 200
    assert cut([]) == []


@pytest.mark.parametrize("size", [700, 1999, 3000, 5000])
def test_where_the_lots_begin_does_not_matter(size: int) -> None:
    assert sums(cut(rows(), size)) == sums(cut(rows()))


def test_there_are_as_many_times_some_as_lots() -> None:
    lots = iter([rows()[:1500], rows()[1500:2900], rows()[2900:]])
    assert len(list(content_defined_chunks(lots, hashes_of))) == 3


def test_a_lot_without_an_end_in_it_is_a_stretch() -> None:
    assert lengths(cut([("the same",)] * 100, 10)) == [10] * 10


@given(st.integers(0, N - 1))
def test_a_row_that_is_new_or_gone_alters_its_own_stretch_alone(place: int) -> None:
    whole, without = whole_sums(), set(sums(cut(rows(place))))
    assert len(whole - without) <= 2
    assert len(without - whole) <= 2


def test_the_form_enters_every_hash() -> None:
    texts = [b"one", b"other", b""]
    assert not {*hash_rows(texts, 1)} & {*hash_rows(texts, 2)}
    assert hash_rows(texts, 2**64 - 1) == [hash_ for text in texts for hash_ in hash_rows([text], 2**64 - 1)]
