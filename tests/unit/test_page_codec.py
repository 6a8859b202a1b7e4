"""A page of the feed: read whole, and what cannot be read of it set aside record by record."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnisync.contract.feed import (
    Change,
    Page,
    RecordKind,
    RecordsAnswer,
    Related,
    TruncatedError,
    UndecodableError,
    Unreadable,
    is_unnamed,
    read_page,
    read_records,
    unnamed_record,
)
from tests.support.record_samples import change, customer, deletion, order

PAGE = Page(
    contract="1.0",
    epoch="e1",
    changes=(change(order("ord_1"), 1), deletion("order", "ord_2", 2), change(order("ord_3"), 3)),
    cursor="c1",
    has_more=True,
    related=Related(customers=(change(customer(), 1),)),
)
BODY = msgspec.json.encode(PAGE)


def with_change(raw: bytes) -> bytes:
    """The page with its second change replaced by these bytes."""
    own = msgspec.json.encode(PAGE.changes[1])
    assert BODY.count(own) == 1
    return BODY.replace(own, raw)


def ids(changes: tuple[Change, ...]) -> list[str]:
    return [one.id for one in changes]


def test_a_page_is_read_as_it_was_written() -> None:
    assert read_page(BODY, "order") == (PAGE, ())


@pytest.mark.parametrize(
    ("raw", "id_", "version"),
    [
        (b'{"kind":"order","op":"upsert","id":"ord_2","version":0}', "ord_2", 1),
        (b'{"kind":"order","op":"melt","id":"ord_2","version":7}', "ord_2", 7),
        (b'{"kind":"pedido","id":"ord_2","version":"7"}', "ord_2", 1),
        (b'{"id":"ord_2","version":true}', "ord_2", 1),
        (b'{"id":"ord_2","version":9007199254740993}', "ord_2", 1),
        (b'{"id":"with blank","version":7}', None, 7),
        (b'{"id":7,"version":7}', None, 7),
        (b'{"id":"%s","version":7}' % (b"x" * 41), None, 7),
        (b'{"id":"\xff","version":7}', None, 1),
        (b"null", None, 1),
        (b"[]", None, 1),
        (b'"ord_2"', None, 1),
    ],
)
def test_a_change_that_cannot_be_read_goes_alone_by_its_id_or_by_its_place(
    raw: bytes, id_: str | None, version: int
) -> None:
    page, unreadable = read_page(with_change(raw), "order")
    assert ids(page.changes) == ["ord_1", "ord_3"]
    assert (page.cursor, page.has_more, page.epoch, page.related) == ("c1", True, "e1", PAGE.related)
    [one] = unreadable
    assert (one.kind, one.version) == ("order", version)
    assert one.id == id_ if id_ is not None else is_unnamed(one.id)


def test_two_changes_without_an_id_have_two_places_and_the_same_bytes_the_same() -> None:
    def place(raw: bytes) -> str:
        return read_page(with_change(raw), "order")[1][0].id

    assert place(b"[1]") == place(b"[1]") != place(b"[2]")


def test_a_related_customer_that_cannot_be_read_is_left_to_its_own_stream() -> None:
    body = BODY.replace(msgspec.json.encode(PAGE.related.customers[0]), b'{"id":"cus_1"}')
    page, unreadable = read_page(body, "order")
    assert (page.related.customers, page.changes, unreadable) == ((), PAGE.changes, ())


@given(st.integers(1, len(BODY) - 1))
def test_a_page_that_ends_early_is_truncated_wherever_it_ends(n: int) -> None:
    with pytest.raises(TruncatedError):
        read_page(BODY[:n], "order")


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b"<html></html>", b'{"contract":"1.0"}'])
def test_what_is_no_frame_of_ours_is_truncated(body: bytes) -> None:
    with pytest.raises(TruncatedError):
        read_page(body, "order")


@pytest.mark.parametrize("raw", [b"NaN", b'{"id":"\\ud800"}', b"[" * 5000 + b"]" * 5000])
def test_a_whole_frame_that_one_record_spoils_is_undecodable(raw: bytes) -> None:
    with pytest.raises(UndecodableError):
        read_page(with_change(raw), "order")


@pytest.mark.parametrize("kind", ["customer", "order"])
def test_records_asked_for_by_id_are_read_as_a_page_is(kind: RecordKind) -> None:
    changes = (change(customer(), 1), change(order(), 2))
    body = msgspec.json.encode(RecordsAnswer(changes=changes))
    assert read_records(body, kind) == (changes, ())
    spoiled = body.replace(msgspec.json.encode(changes[0]), b'{"id":"cus_1","version":4}')
    found, [one] = read_records(spoiled, kind)
    assert (found, one.kind, one.id, one.version) == (changes[1:], kind, "cus_1", 4)


def test_a_record_that_cannot_even_be_named_is_named_by_the_place_it_was_asked_at() -> None:
    one = unnamed_record("order", "c1")
    assert one == unnamed_record("order", "c1") != unnamed_record("order", "c2")
    assert isinstance(one, Unreadable)
    assert is_unnamed(one.id)
    assert not is_unnamed("x" * 40)
