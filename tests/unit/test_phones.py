"""Telephones as people write them become numbers that can be dialled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnisync.agent.erp.upsert.phones import are_plain, dialled
from omnisync.contract.records import Phone


def numbers_in(text: str) -> list[str]:
    return [phone.number for phone in dialled([Phone(kind="mobile", number=text)])[0]]


def notes_of(text: str) -> list[str]:
    return list(dialled([Phone(kind="mobile", number=text)])[1])


@pytest.mark.parametrize(
    ("written", "numbers"),
    [
        ("11987654321", ["11987654321"]),
        ("(11) 98765-4321", ["11987654321"]),
        ("+55 11 98765-4321", ["11987654321"]),
        ("55 11 3333-4444", ["1133334444"]),
        ("011 98765-4321", ["11987654321"]),
        ("55 011 98765-4321", []),  # fourteen digits: no rule says which of them is the number
        ("0800 123 4567", ["08001234567"]),
        ("3333-4444", ["33334444"]),
        ("(11) 98765-4321 / 3333-4444 ramal 12", ["11987654321", "1133334444"]),
        ("(11) 98765-4321 ou (21) 3333-4444", ["11987654321", "2133334444"]),
        ("(11) 3333-4444 e 98765-4321", ["1133334444", "11987654321"]),
        ("3333-4444 / (11) 98765-4321", ["33334444", "11987654321"]),  # an area code is not known before it is named
        ("(11) 3333-4444 r. 5", ["1133334444"]),
        ("(11) 3333-4444 #5", ["1133334444"]),
        ("falar com Ana", []),
        ("123", []),
        ("(11) 98765-43210", []),
        ("5511987654", ["5511987654"]),  # ten digits: Santa Maria's area code is 55
    ],
)
def test_what_is_written_is_read_as_what_is_dialled(written: str, numbers: list[str]) -> None:
    assert numbers_in(written) == numbers


@pytest.mark.parametrize("written", ["(11) 98765-4321", "+55 11 98765-4321", "11.3333.4444"])
def test_a_number_that_loses_only_its_marks_leaves_no_note(written: str) -> None:
    assert notes_of(written) == []


@pytest.mark.parametrize(
    "written", ["(11) 98765-4321 / 3333-4444", "(11) 3333-4444 ramal 12", "falar com Ana", "(11) 3333-4444 Ana", "123"]
)
def test_what_says_more_or_less_than_one_number_is_kept_as_a_note(written: str) -> None:
    assert notes_of(written) == [written]


def test_every_number_of_one_telephone_keeps_its_kind() -> None:
    found, _ = dialled([Phone(kind="landline", number="(11) 3333-4444 / 3333-5555")])
    assert [phone.kind for phone in found] == ["landline", "landline"]


@pytest.mark.parametrize(
    ("numbers", "is_plain"),
    [
        ((), True),
        (("1133334444", "11987654321"), True),
        (("1133334444", "(11) 3333-4444"), False),
        (("33334444",), False),
    ],
)
def test_only_numbers_with_area_code_and_without_marks_are_plain(numbers: tuple[str, ...], is_plain: bool) -> None:
    assert are_plain([Phone(kind="other", number=number) for number in numbers]) is is_plain


@given(st.text("0123456789 ()/-+e;#rou", max_size=40))
def test_what_was_dialled_once_is_dialled_the_same_again(text: str) -> None:
    found, _ = dialled([Phone(kind="mobile", number=text)])
    assert all(phone.number.isdecimal() and 8 <= len(phone.number) <= 11 for phone in found)
    assert all(numbers_in(phone.number) == [phone.number] for phone in found if len(phone.number) < 11)
