"""The size of a transaction follows how long the ERP takes."""

from __future__ import annotations

from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnisync.agent.sync.slice_size import AdaptiveSliceSize


def slices_of(n: int, seconds_each: float, sizes: AdaptiveSliceSize, clock: list[float]) -> list[int]:
    """The sizes of a page of n records, in an ERP that takes so long for each."""
    found = []
    for start, end in sizes.slices(n):
        found.append(end - start)
        clock[0] += seconds_each * (end - start)
    return found


def test_case_h5_a_slow_erp_gets_one_order_at_a_time() -> None:
    clock = [0.0]
    assert slices_of(4, 3.0, AdaptiveSliceSize(lambda: clock[0]), clock) == [1, 1, 1, 1]


def test_a_fast_erp_gets_a_whole_page_after_a_few_slices() -> None:
    clock = [0.0]
    assert slices_of(1000, 0.00001, AdaptiveSliceSize(lambda: clock[0]), clock) == [1, 8, 64, 512, 415]


@pytest.mark.parametrize(("each", "size"), [(0.01, 64), (0.2, 4), (0.6, 1), (1.1, 1)])
def test_a_slice_stays_about_a_second(each: float, size: int) -> None:
    clock = [0.0]
    sizes = AdaptiveSliceSize(lambda: clock[0])
    slices_of(300, each, sizes, clock)
    assert sizes.size == size


def test_an_erp_that_becomes_slow_is_given_less() -> None:
    clock = [0.0]
    sizes = AdaptiveSliceSize(lambda: clock[0])
    slices_of(100, 0.001, sizes, clock)
    slices_of(1000, 0.5, sizes, clock)
    assert sizes.size in (1, 2)


def test_the_first_slice_may_be_as_large_as_it_was_in_the_run_before() -> None:
    clock = [0.0]
    assert slices_of(100, 0.001, AdaptiveSliceSize(lambda: clock[0], first=60), clock) == [60, 40]


def test_a_page_without_records_is_one_slice() -> None:
    clock = [0.0]
    assert slices_of(0, 1.0, AdaptiveSliceSize(lambda: clock[0]), clock) == [0]


@given(st.integers(0, 2000), st.lists(st.floats(0, 5), min_size=1, max_size=20), st.integers(1, 100))
def test_slices_cover_their_page_once_and_in_order_however_long_each_takes(
    n: int, seconds: list[float], first: int
) -> None:
    clock, took = [0.0], cycle(seconds)
    end_before = 0
    for start, end in AdaptiveSliceSize(lambda: clock[0], first=first).slices(n):
        assert start == end_before
        assert end > start or n == 0
        end_before = end
        clock[0] += next(took)
    assert end_before == n
