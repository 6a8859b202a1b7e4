"""Rows in stretches: each as it was, whatever became of those before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnisync.agent.erp.dialects.database import Rows
from omnisync.agent.erp.language.stretches import Stretch, stretches

FORM = b"form"
N = 3000


def rows(*left_out: int, n: int = N) -> Rows:
    return [(f"P{i:06}", i % 7) for i in range(n) if i not in left_out]


def cut(all_rows: Rows, size: int = 2000, form: bytes = FORM) -> list[Stretch]:
    def lots() -> Iterator[Rows]:
        yield from (all_rows[start : start + size] for start in range(0, len(all_rows), size))

    return [stretch for some in stretches(lots(), _texts, form) for stretch in some]


def _texts(some: Rows) -> list[bytes]:
    return [repr(row).encode() for row in some]


def hashes(found: Sequence[Stretch]) -> list[bytes]:
    return [stretch.hash for stretch in found]


def test_every_row_is_in_one_stretch_in_its_order() -> None:
    found = cut(rows())
    assert [row for stretch in found for row in stretch.rows] == rows()
    assert [text for stretch in found for text in stretch.raws] == _texts(rows())
    assert 20 < len(found) < 100
    assert cut([]) == []


@pytest.mark.parametrize("size", [700, 1999, 3000, 5000])
def test_where_the_lots_begin_does_not_matter(size: int) -> None:
    assert hashes(cut(rows(), size)) == hashes(cut(rows()))


def test_there_are_as_many_times_some_as_lots() -> None:
    lots = iter([rows()[:1500], rows()[1500:2900], rows()[2900:]])
    assert len(list(stretches(lots, _texts, FORM))) == 3


def test_a_lot_without_an_end_in_it_is_a_stretch() -> None:
    found = cut([("the same",)] * 100, 10)
    assert [len(stretch.rows) for stretch in found] == [10] * 10


@given(st.integers(0, N - 1))
def test_a_row_that_is_new_or_gone_alters_its_own_stretch_alone(place: int) -> None:
    whole, without = set(hashes(cut(rows()))), set(hashes(cut(rows(place))))
    assert len(whole - without) <= 2
    assert len(without - whole) <= 2


def test_the_form_enters_every_hash() -> None:
    assert not {*hashes(cut(rows()))} & {*hashes(cut(rows(), form=b"other"))}
