"""Streams by their names on the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnisync.contract.streams import CUSTOMERS, Stream, orders_of, stream_named


@pytest.mark.parametrize(
    ("stream", "name"), [(CUSTOMERS, "customer"), (orders_of("0001"), "order:0001"), (orders_of("a:b"), "order:a:b")]
)
def test_a_stream_and_its_name_tell_the_same(stream: Stream, name: str) -> None:
    assert (stream.name, stream_named(name)) == (name, stream)


@pytest.mark.parametrize("name", ["", "layout", "customer:0001", "order", "orders:0001"])
def test_a_name_that_no_stream_has_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}$"):
        stream_named(name)


def test_customers_come_before_orders() -> None:
    assert sorted([orders_of("0002"), orders_of("0001"), CUSTOMERS]) == [
        CUSTOMERS,
        orders_of("0001"),
        orders_of("0002"),
    ]


@given(st.text())
def test_orders_of_any_establishment_are_found_by_the_name_of_their_stream(code: str) -> None:
    assert stream_named(orders_of(code).name) == orders_of(code)
