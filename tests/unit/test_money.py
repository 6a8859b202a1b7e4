"""Money: exact sums, two places, and a limit on every amount."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnisync.agent.messages.format import format_money
from omnisync.contract.records import Order, Payment
from omnisync.contract.rules import PAYMENT_KINDS, adjusted, order_faults, order_warnings
from tests.support.record_samples import item, order


def fault_of(one: Order) -> tuple[str, str | None] | None:
    [fault] = order_faults([one])
    return (fault.code, fault.field) if fault is not None else None


def with_totals(**amounts: str) -> Order:
    plain = order()
    totals = msgspec.structs.replace(plain.totals, **{name: Decimal(text) for name, text in amounts.items()})
    return msgspec.structs.replace(plain, totals=totals)


def with_item(**amounts: str) -> Order:
    changed: dict[str, Any] = {name: Decimal(text) for name, text in amounts.items()}
    return order(items=(item(1, **changed),))


@pytest.mark.parametrize("amount", ["-0.01", "NaN", "sNaN", "Infinity", "-Infinity", "10000000000000", "0.001", "1E-3"])
@pytest.mark.parametrize("name", ["gross_amount", "discount_amount", "surcharge_amount", "ipi_amount", "st_amount"])
def test_an_amount_is_finite_not_negative_below_ten_trillion_and_of_two_places(name: str, amount: str) -> None:
    assert fault_of(with_item(**{name: amount})) == ("amount_invalid", f"items.{name}")


@pytest.mark.parametrize(
    ("amount", "code"),
    [("0.0001", None), ("0.00001", "amount_invalid"), ("99999999999.9999", None), ("100000000000", "amount_invalid")],
)
def test_a_quantity_has_four_places_and_eleven_digits(amount: str, code: str | None) -> None:
    found = fault_of(with_item(quantity=amount, list_price="0.00", is_bonus="1"))
    assert (found[0] if found is not None and found[0] == "amount_invalid" else None) == code


def test_a_price_has_ten_places() -> None:
    assert fault_of(order(items=(item(1, price="0.0000000001"),), payments=(), type="bonus")) is None
    assert fault_of(with_item(list_price="0.00000000001")) == ("amount_invalid", "items.list_price")


@pytest.mark.parametrize("name", ["items_amount", "discount_amount", "freight_amount", "other_amount", "total_amount"])
def test_each_amount_of_the_totals_is_looked_at(name: str) -> None:
    assert fault_of(with_totals(**{name: "0.001"})) == ("amount_invalid", f"totals.{name}")


def test_the_amount_of_a_payment_is_looked_at() -> None:
    assert fault_of(order(paid="29.101")) == ("amount_invalid", "payments.amount")


@pytest.mark.parametrize(
    ("amounts", "total"),
    [
        ({"discount_amount": "1.10"}, "28.00"),
        ({"surcharge_amount": "1.00"}, "30.10"),
        ({"freight_amount": "0.90"}, "30.00"),
        ({"insurance_amount": "0.05"}, "29.15"),
        ({"other_amount": "0.01"}, "29.11"),
        ({"discount_amount": "9.10", "freight_amount": "5.00", "other_amount": "5.00"}, "30.00"),
    ],
)
def test_the_total_is_the_items_less_the_discount_plus_what_is_added(amounts: dict[str, str], total: str) -> None:
    right = with_totals(**amounts, total_amount=total)
    [payment] = right.payments
    paid = (msgspec.structs.replace(payment, amount=Decimal(total)),)
    assert fault_of(msgspec.structs.replace(right, payments=paid)) is None
    assert fault_of(with_totals(**amounts)) == ("total_not_explained", "totals.total_amount")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"quantity": "0"}, ("quantity_invalid", "items[0].quantity")),
        ({"discount_amount": "20.01"}, ("discount_above_gross", "items[0].discount_amount")),
        ({"gross_amount": "20.02"}, ("line_mismatch", "items[0].gross_amount")),
        ({"ipi_amount": "0.01"}, ("line_mismatch", "items[0].total_amount")),
        ({"st_amount": "0.01"}, ("line_mismatch", "items[0].total_amount")),
        ({"surcharge_amount": "0.01"}, ("line_mismatch", "items[0].total_amount")),
    ],
)
def test_a_line_that_does_not_add_up_is_named_with_its_place(changes: dict[str, str], fault: tuple[str, str]) -> None:
    assert fault_of(with_item(**changes)) == fault


def test_the_first_line_that_is_wrong_is_the_one_that_is_named() -> None:
    wrong: dict[str, Any] = {"gross_amount": Decimal("99.00")}
    assert fault_of(order(items=(item(1), item(2, **wrong), item(3, **wrong)))) == (
        "line_mismatch",
        "items[1].gross_amount",
    )


def test_two_lines_with_one_id_are_refused() -> None:
    assert fault_of(order(items=(item(1), item(2, id="itm_1")))) == ("item_repeated", "items")


def test_a_quote_is_not_imported_whatever_its_sums() -> None:
    assert fault_of(order(type="quote", paid="1.00")) == ("quote_not_imported", "type")


instalments = st.lists(st.integers(0, 10**6), min_size=1, max_size=12)


@given(instalments)
def test_instalments_are_summed_to_the_centavo(cents: list[int]) -> None:
    total = sum(cents)
    price = Decimal(max(total, 1)) / 100
    sold = order(items=(item(1, price=str(price), quantity="1.0000"),))
    [pix] = sold.payments
    parts = tuple(
        msgspec.structs.replace(pix, line=n, id=f"pay_{n}", amount=Decimal(cent) / 100) for n, cent in enumerate(cents)
    )
    expected = None if total else ("payments_mismatch", "payments")
    assert fault_of(msgspec.structs.replace(sold, payments=parts)) == expected


@pytest.mark.parametrize("cent", ["0.01", "-0.01"])
def test_a_centavo_is_moved_on_the_largest_line(cent: str) -> None:
    small, large = item(1, price="1.00"), item(2, price="10.00")
    total = small.total_amount + large.total_amount + Decimal(cent)
    totals = msgspec.structs.replace(order().totals, items_amount=total, total_amount=total)
    made = adjusted(order(items=(small, large), totals=totals, paid=str(total)))
    assert made is not None
    mended, warning = made
    assert order_faults([mended]) == [None]
    assert mended.items == (
        small,
        msgspec.structs.replace(
            large, gross_amount=large.gross_amount + Decimal(cent), total_amount=large.total_amount + Decimal(cent)
        ),
    )
    assert (warning.code, warning.words["linha"]) == ("centavo_adjusted", "2")


def test_a_line_that_is_off_already_gives_way_to_the_next_largest() -> None:
    large = item(1, price="10.00", gross_amount=Decimal("20.01"), total_amount=Decimal("20.01"))
    small = item(2, price="1.00")
    total = large.total_amount + small.total_amount + Decimal("0.01")
    totals = msgspec.structs.replace(order().totals, items_amount=total, total_amount=total)
    made = adjusted(order(items=(large, small), totals=totals, paid=str(total)))
    assert made is not None
    assert made[1].words["linha"] == "2"


@pytest.mark.parametrize("by", ["0.02", "-0.02", "1.00"])
def test_more_than_a_centavo_is_not_adjusted(by: str) -> None:
    total = Decimal("29.10") + Decimal(by)
    totals = msgspec.structs.replace(order().totals, items_amount=total, total_amount=total)
    assert adjusted(order(totals=totals, paid=str(total))) is None


def test_two_centavos_are_not_adjusted_though_the_line_would_bear_them() -> None:
    low = item(1, gross_amount=Decimal("19.99"), total_amount=Decimal("19.99"))  # 20.00 by quantity and price
    totals = msgspec.structs.replace(order().totals, items_amount=Decimal("20.01"), total_amount=Decimal("20.01"))
    assert adjusted(order(items=(low,), totals=totals, paid="20.01")) is None


def test_a_centavo_is_not_moved_where_something_else_is_wrong_too() -> None:
    total = Decimal("29.11")
    totals = msgspec.structs.replace(order().totals, items_amount=total, total_amount=total)
    assert adjusted(order(totals=totals, paid="29.10")) is None


def warned(**changes: Any) -> list[str]:
    [found] = order_warnings([order(**changes)])
    return [fault.code for fault in found]


def payment(**changes: Any) -> Payment:
    return msgspec.structs.replace(order().payments[0], **changes)


def test_more_items_than_an_invoice_takes_say_how_many_invoices_it_will_be() -> None:
    lines = tuple(item(n) for n in range(1, 992))
    [[fault]] = order_warnings([order(items=lines)])
    assert (fault.code, fault.words) == ("items_many", {"n": "991", "notas": "2"})
    assert warned(items=lines[:990]) == []


@pytest.mark.parametrize(
    ("issued_at", "due_on", "codes"),
    [
        (datetime(2026, 11, 24, 4, 59, tzinfo=UTC), date(2026, 11, 23), []),  # the 23rd still, in Acre
        (datetime(2026, 11, 24, 5, 0, tzinfo=UTC), date(2026, 11, 23), ["payment_before_issue"]),
        (datetime(2026, 11, 24, 5, 0, tzinfo=UTC), date(2026, 11, 24), []),
    ],
)
def test_a_payment_is_early_only_where_it_is_so_everywhere_in_brazil(
    issued_at: datetime, due_on: date, codes: list[str]
) -> None:
    assert warned(issued_at=issued_at, payments=(payment(due_on=due_on),)) == codes


def test_a_kind_of_payment_that_is_not_in_the_table_is_new_and_not_wrong() -> None:
    assert warned(payments=(payment(method_kind="77"),)) == ["payment_kind_new"]
    assert all(warned(payments=(payment(method_kind=kind),)) == [] for kind in PAYMENT_KINDS)


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("0", "R$\u00a00,00"),
        ("1234.5", "R$\u00a01.234,50"),
        ("1234567.89", "R$\u00a01.234.567,89"),
        ("-3.1", "R$\u00a0-3,10"),
        ("0.005", "R$\u00a00,00"),
        ("0.015", "R$\u00a00,02"),
        ("x", "x"),
        ("1E+400", "1E+400"),
    ],
)
def test_money_is_said_with_two_places_and_a_comma(amount: str, said: str) -> None:
    assert format_money(amount) == said


@given(st.integers(0, 10**14))
def test_no_centavo_is_lost_in_what_is_said(cents: int) -> None:
    said = format_money(str(Decimal(cents) / 100))
    assert int("".join(sign for sign in said if sign.isdecimal())) == cents
