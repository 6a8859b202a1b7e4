"""A cursor's text: read back as it was written, and nothing else is taken for one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnisync.hub.cursor import Cursor, CursorPosition, Proof, decode, encode, short
from omnisync.hub.errors import ProblemError

SECRET = b"of this database"
PLACE = CursorPosition(company="c1", stream="order:0001", epoch="e1", sequence=41, proof=Proof(40, "00112233aabbccdd"))

numbers = st.integers(0, 2**63 - 1)
proofs = st.none() | st.builds(Proof, numbers, st.binary(min_size=8, max_size=8).map(bytes.hex))
places = st.builds(CursorPosition, company=st.text(), stream=st.text(), epoch=st.text(), sequence=numbers, proof=proofs)


def refusal(text: str, start: CursorPosition = PLACE) -> str:
    with pytest.raises(ProblemError) as raised:
        decode(text, start, SECRET)
    return raised.value.code


@given(places)
def test_a_cursor_is_read_back_as_it_was_written(place: CursorPosition) -> None:
    text = encode(place, SECRET)
    assert decode(text, place, SECRET) == Cursor(short(place.epoch), place.sequence, place.proof)
    assert len(text) <= 200
    assert text.isascii()


def test_the_same_place_is_always_the_same_text() -> None:
    assert encode(PLACE, SECRET) == encode(PLACE, SECRET)


@pytest.mark.parametrize("at", range(len(encode(PLACE, SECRET))))
def test_a_cursor_with_one_letter_changed_is_refused(at: int) -> None:
    text = encode(PLACE, SECRET)
    other = "A" if text[at] != "A" else "B"
    assert refusal(text[:at] + other + text[at + 1 :]) == "cursor_invalid"


@pytest.mark.parametrize("text", ["", "A", "AAAA", "not base64!", "é", "A" * 200])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    assert refusal(text) == "cursor_invalid"


@given(st.integers(1, 50))
def test_a_cursor_that_was_cut_is_refused(n: int) -> None:
    assert refusal(encode(PLACE, SECRET)[:-n]) == "cursor_invalid"


@pytest.mark.parametrize("other", [{"stream": "order:0002"}, {"stream": "customer"}, {"company": "c2"}])
def test_a_cursor_of_another_stream_or_company_is_refused(other: dict[str, Any]) -> None:
    assert refusal(encode(PLACE, SECRET), msgspec.structs.replace(PLACE, **other)) == "cursor_filter_mismatch"


def test_company_and_stream_do_not_run_into_one_another() -> None:
    one = msgspec.structs.replace(PLACE, company="a", stream="bc")
    assert refusal(encode(one, SECRET), msgspec.structs.replace(PLACE, company="ab", stream="c")) == (
        "cursor_filter_mismatch"
    )


def test_a_cursor_that_another_database_signed_proves_nothing() -> None:
    found = decode(encode(PLACE, b"of another"), PLACE, SECRET)
    assert found == Cursor(short("e1"), 41, proof=None, is_foreign=True)


def test_a_cursor_without_a_proof_is_read_as_it_was_before_the_marks() -> None:
    old = msgspec.structs.replace(PLACE, proof=None)
    assert decode(encode(old, b"of another"), old, SECRET) == Cursor(short("e1"), 41)
