"""The ERP's keys: packed into a binding, compared with what a column of numbers answers, sorted as they are locked."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnisync.agent.erp.unreadable import UNREADABLE
from omnisync.agent.erp.upsert.keys import (
    ErpKey,
    as_text,
    by_prefix,
    decode_key,
    encode_key,
    is_same,
    match_ignoring_padding,
    sort_key,
    without_zeros,
)

parts = st.text(st.characters(exclude_characters="\x1f", exclude_categories=["Cs"]), max_size=8)
keys = st.lists(parts, min_size=1, max_size=3).map(tuple)


@given(keys)
def test_a_key_of_any_number_of_columns_is_read_back_as_it_was(key: tuple[str, ...]) -> None:
    assert decode_key(encode_key(key)) == key


@given(keys, keys)
def test_two_keys_never_share_one_text(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert (encode_key(one) == encode_key(other)) is (one == other)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12, "12"),
        (12.0, "12"),
        (Decimal("12.00"), "12"),
        (Decimal("12.50"), "12.50"),
        ("0012  ", "0012"),
        (b"A1 ", "A1"),
        ("  12", "  12"),
        (Decimal("1E+3"), "1000"),
    ],
)
def test_a_value_of_the_database_is_a_text_without_padding(value: object, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("value", "text", "answer"),
    [
        ("A", "A", True),
        ("A  ", "A", True),
        ("a", "A", False),
        (1, "1", True),
        (1, "01", True),
        (1, " 1 ", True),
        (Decimal("1.00"), "1", True),
        (1.5, "1.5", True),
        (0.1, "0.1", True),
        (1, "A", False),
        (True, "1", True),
        (True, "yes", True),
        (True, "0", False),
        (False, "F", True),
        (False, "1", False),
        (None, "", False),
        (UNREADABLE, "ilegível", False),
        (b"A ", "A", True),
    ],
)
def test_a_column_is_compared_as_its_own_type(value: object, text: str, answer: bool) -> None:
    assert is_same(value, text) is answer


def test_a_column_of_numbers_answers_a_padded_key_without_its_zeros() -> None:
    found: dict[ErpKey, str] = {("1", "12"): "a", ("1", "0"): "b"}
    wanted = [("1", "00012"), ("01", "0000"), ("2", "00012")]
    assert match_ignoring_padding(wanted, found) == {("1", "00012"): "a", ("01", "0000"): "b"}


def test_an_exact_key_goes_before_one_that_differs_by_zeros() -> None:
    found: dict[ErpKey, str] = {("12",): "plain", ("0012",): "padded"}
    assert match_ignoring_padding([("12",), ("0012",), ("00012",)], found) == {("12",): "plain", ("0012",): "padded"}


def test_a_row_that_was_found_by_its_exact_key_is_no_other_key_s_too() -> None:
    assert match_ignoring_padding([("12",), ("012",)], {("12",): "a", ("7",): "b"}) == {("12",): "a"}


def test_letters_keep_their_zeros() -> None:
    assert without_zeros(("00A", "007", "0", "000")) == ("00A", "7", "0", "0")
    assert match_ignoring_padding([("00A",)], {("A",): "another"}) == {}


@given(st.lists(st.integers(0, 10**12), unique=True))
def test_keys_sort_as_their_numbers(numbers: list[int]) -> None:
    assert sorted(((str(n),) for n in numbers), key=sort_key) == [(str(n),) for n in sorted(numbers)]


def test_keys_are_asked_for_by_prefix_in_the_order_of_their_locks() -> None:
    asked = [("2", "10"), ("1", "9"), ("2", "9"), ("1", "9")]
    assert by_prefix(asked) == {("1",): ["9"], ("2",): ["9", "10"]}
    assert list(by_prefix(asked)) == [("1",), ("2",)]


@given(st.lists(keys, unique=True))
def test_every_key_is_asked_for_once(some: list[tuple[str, ...]]) -> None:
    asked = [(*prefix, last) for prefix, lasts in by_prefix(some).items() for last in lasts]
    assert sorted(asked) == sorted(some)
