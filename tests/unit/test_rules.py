"""The rules an order and a customer must obey, against an independent oracle."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from omnisync.contract.records import Item, Order, decode_order, encode
from omnisync.contract.rules import Fault, canonical_customer, order_faults
from tests.support.record_samples import customer, item, order

CENT = Decimal("0.01")


def codes(*orders: Order) -> list[str | None]:
    return [fault.code if fault else None for fault in order_faults(orders)]


def test_a_good_order_breaks_no_rule() -> None:
    assert codes(order()) == [None]


def test_one_bad_order_does_not_colour_its_neighbours() -> None:
    bad = order("ord_2", items=(item(1, gross_amount=Decimal("NaN")),))
    assert codes(order("ord_1"), bad, order("ord_3")) == [None, "amount_invalid", None]


def test_a_tiny_price_is_written_out() -> None:
    tiny = order(items=(item(1, price="0.0000001", quantity="1.0000", is_bonus=True),), payments=())
    assert b'"list_price":"0.0000001"' in encode(tiny)
    assert decode_order(encode(tiny)) == tiny


def test_a_line_may_be_off_by_one_centavo_and_not_by_two() -> None:
    off_by_one = item(1, gross_amount=Decimal("20.01"), total_amount=Decimal("20.01"))
    off_by_two = item(1, gross_amount=Decimal("20.02"), total_amount=Decimal("20.02"))
    assert codes(order(items=(off_by_one,)), order(items=(off_by_two,))) == [None, "line_mismatch"]


def test_sums_are_exact() -> None:
    plain = order()
    off = msgspec.structs.replace(plain.totals, items_amount=plain.totals.items_amount + CENT)
    whole = msgspec.structs.replace(plain.totals, total_amount=plain.totals.total_amount + CENT)
    assert codes(order(totals=off), order(totals=whole), order(paid="29.11")) == [
        "totals_mismatch",
        "total_not_explained",
        "payments_mismatch",
    ]


def test_a_bonus_may_come_without_payments_and_a_sale_may_not() -> None:
    assert codes(order(type="bonus", payments=()), order(payments=())) == [None, "payments_mismatch"]


def test_a_price_of_zero_is_allowed_to_what_is_given_away() -> None:
    free = item(1, price="0.00")
    assert codes(
        order(items=(free,), payments=()),
        order(items=(msgspec.structs.replace(free, is_bonus=True),), payments=()),
        order(items=(free,), payments=(), type="sample"),
    ) == ["price_zero", None, None]


def test_a_percent_too_small_to_be_a_centavo_needs_no_amount() -> None:
    small = item(1, price="0.50", quantity="1.0000", discount_percent=Decimal("1.00"))
    large = item(1, price="1.00", quantity="1.0000", discount_percent=Decimal("1.00"))
    assert codes(order(items=(small,)), order(items=(large,))) == [None, "discount_percent_only"]


def test_a_cancelled_order_is_not_weighed() -> None:
    assert codes(order(status="cancelled", paid="1.00")) == [None]


def test_a_document_with_a_mask_or_in_lower_case_is_made_canonical() -> None:
    tidy = canonical_customer(customer(document="12.abc.345/01de-35"))
    assert not isinstance(tidy, Fault)
    assert tidy.document == "12ABC34501DE35"


def test_a_document_of_the_other_kind_is_refused() -> None:
    fault = canonical_customer(customer(document_kind="cpf"))
    assert isinstance(fault, Fault)
    assert fault.code == "tax_id_invalid"
    assert fault.value is None or "12ABC" not in fault.value


amounts = st.decimals(min_value="0.01", max_value="9999.99", places=2, allow_nan=False)
quantities = st.decimals(min_value="0.0001", max_value="999", places=4, allow_nan=False)


@st.composite
def lines(draw: st.DrawFn) -> Item:
    """A line as an app makes it: rounded to even, off by at most what rounding leaves."""
    quantity, price = draw(quantities), draw(amounts)
    gross = (quantity * price).quantize(CENT, ROUND_HALF_EVEN)
    discount = min(gross, draw(st.sampled_from([Decimal("0.00"), CENT])))
    ipi = draw(st.sampled_from([Decimal("0.00"), Decimal("1.23")]))
    plain = item(1)
    return msgspec.structs.replace(
        plain,
        quantity=quantity,
        list_price=price,
        gross_amount=gross,
        discount_amount=discount,
        ipi_amount=ipi,
        total_amount=gross - discount + ipi,
    )


@given(st.lists(lines(), min_size=1, max_size=6))
def test_an_order_that_adds_up_is_accepted_and_survives_the_wire(drawn: list[Item]) -> None:
    numbered = tuple(msgspec.structs.replace(line, line=n, id=f"itm_{n}") for n, line in enumerate(drawn, start=1))
    made = order(items=numbered)
    assert codes(made) == [None]
    assert decode_order(encode(made)) == made


@given(st.lists(lines(), min_size=1, max_size=6), st.integers(0, 5), st.sampled_from([CENT, -CENT]))
def test_a_centavo_moved_anywhere_is_found(drawn: list[Item], at: int, cent: Decimal) -> None:
    numbered = [msgspec.structs.replace(line, line=n, id=f"itm_{n}") for n, line in enumerate(drawn, start=1)]
    made = order(items=tuple(numbered))
    line = numbered[at % len(numbered)]
    numbered[at % len(numbered)] = msgspec.structs.replace(line, total_amount=line.total_amount + cent)
    assert codes(msgspec.structs.replace(made, items=tuple(numbered))) != [None]
