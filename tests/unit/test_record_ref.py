"""A record that a run is asked for is kept as every version kept it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnisync.agent.record_ref import RecordRef, decode_record_ref, encode_record_ref

KEPT = {
    "order:ord_1": RecordRef("order", "ord_1"),
    "customer:a:b": RecordRef("customer", "a:b"),
    "again:order:ord_1": RecordRef("order", "ord_1", again=True),
    "again:any:x": RecordRef(None, "x", again=True),
    "any:x": RecordRef(None, "x"),
    "order:" + "x" * 100: RecordRef("order", "x" * 100),
}


@pytest.mark.parametrize("text", KEPT)
def test_a_record_is_kept_as_every_version_kept_it(text: str) -> None:
    assert decode_record_ref(text) == KEPT[text]
    assert encode_record_ref(KEPT[text]) == text


@pytest.mark.parametrize(
    "text", ["", "order:", "rows:refused", "again:ord_1", "order:a b", "item:1", "order:" + "x" * 101]
)
def test_a_text_that_means_no_record_is_none(text: str) -> None:
    assert decode_record_ref(text) is None


printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=100)


@given(st.builds(RecordRef, st.sampled_from(["customer", "order", None]), printable, again=st.booleans()))
def test_a_record_is_read_back_as_it_was_whatever_its_id(ref: RecordRef) -> None:
    assert decode_record_ref(encode_record_ref(ref)) == ref
