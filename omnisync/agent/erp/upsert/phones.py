"""Telephones as people write them, turned into what can be dialled: digits, area code first, without 55."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from omnisync.contract.records import Phone

_PLAIN = re.compile(r"[0-9]{10,11}")
_BETWEEN = re.compile(r"[/;,|]|\b(?:ou|e)\b", re.IGNORECASE)
_EXTENSION = re.compile(r"(?:\bramal|\bram\.|\br\.|#).*", re.IGNORECASE)
_NOT_DIGIT = re.compile(r"[^0-9]")
_DIALLED = re.compile(r"[0-9 ()./+-]+")
_TRUNK = re.compile(r"0(?=[1-9][1-9][0-9]{8,9}$)")
"""The 0 dialled before an area code; the 0 of 0800 is none."""


def are_plain(phones: Sequence[Phone]) -> bool:
    """Return whether there is nothing to do: nearly always."""
    return all(_PLAIN.fullmatch(phone.number) for phone in phones)


def dialled(phones: Sequence[Phone]) -> tuple[tuple[Phone, ...], tuple[str, ...]]:
    """Return the numbers in these telephones, and the texts that say more than one number: they belong into the notes.

    `(11) 98765-4321 / 3333-4444 ramal 12` is two numbers, the second with the area code of the first.
    """
    found: list[Phone] = []
    rest: list[str] = []
    for phone in phones:
        numbers = list(_numbers(phone.number))
        found += [msgspec.structs.replace(phone, number=number) for number in numbers]
        if len(numbers) != 1 or not _DIALLED.fullmatch(phone.number):
            rest.append(phone.number)
    return tuple(found), tuple(rest)


def _numbers(text: str) -> Iterator[str]:
    area = ""
    for part in _BETWEEN.split(_EXTENSION.sub("", text)):
        number = _NOT_DIGIT.sub("", part)
        if len(number) in (12, 13) and number.startswith("55"):
            number = number[2:]
        number = _TRUNK.sub("", number)
        if area and len(number) in (8, 9):
            number = area + number
        if 8 <= len(number) <= 11:
            area = number[:2] if len(number) >= 10 else area
            yield number
