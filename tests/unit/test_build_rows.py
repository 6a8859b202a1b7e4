"""Records become rows by a layout: all of an order or nothing, and only the guilty record is refused."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from omnisync.agent.erp.base import PreparedRecord
from omnisync.agent.erp.layout.plan import Layout
from omnisync.agent.erp.layout.row_builder import ColumnPlan, LookupAnswers, UnconvertibleError
from omnisync.agent.erp.upsert.build_rows import ask_nothing, build_customers, build_orders, refused_unconvertible
from omnisync.agent.erp.upsert.record_change import ChangeAction, RecordChange
from omnisync.agent.erp.upsert.record_reason import described
from omnisync.agent.messages import sentences
from omnisync.contract.records import Customer, Order
from tests.support.layout_samples import GOOD, compiled, with_changes
from tests.support.record_samples import change, customer, item, order

PAYMENT = """
[payment]
table = "par"
parent = "num"
identity = "line"
line = "seq"
[payment.columns]
seq = "line"
forma = { field = "method_code", map = { PIX = "7" } }
"""
PRODUCT = ('produto = "product_code"', 'produto = { field = "product_code", map = { "000001" = "A", "000002" = "B" } }')
NAME = ('nome = "name"', 'nome = "name | cut(7)"')
BESIDE = """
[[order.after]]
name = "obs"
table = "obs"
when = "notes"
[order.after.columns]
num = { key_of = "order" }
texto = "notes"
vendedor = { field = "seller_code", map = { V1 = "1" }, missing = "refuse" }
"""


def changed(record: Customer | Order, action: ChangeAction = "insert") -> RecordChange:
    return RecordChange(change=change(record), binding=None, action=action, record=record)


def built(layout: Layout, *records: Order) -> list[RecordChange]:
    return build_orders([changed(record) for record in records], layout, ask_nothing)


def code_of(one: RecordChange) -> tuple[str | None, str | None]:
    return (one.reason.code, one.reason.field) if one.reason is not None else (None, None)


def test_an_order_becomes_its_row_with_those_of_its_items_and_payments() -> None:
    one, two = built(compiled(GOOD + PAYMENT), order("ord_1"), order("ord_2", items=(item(3),)))
    assert (one.rows.main, one.rows.items, one.rows.payments) == (
        ("ord_1", "29.10"),
        [("1", "000001"), ("2", "000002")],
        [("1", "7")],
    )
    assert (two.rows.main, two.rows.items, two.rows.payments) == (("ord_2", "20.00"), [("3", "000003")], [("1", "7")])


def test_without_a_table_of_payments_there_are_no_rows_of_them() -> None:
    [one] = built(compiled(), order())
    assert one.rows.payments == []


def test_an_order_with_a_line_that_is_no_row_is_refused_whole_and_its_neighbours_are_not() -> None:
    layout = compiled(with_changes(PRODUCT) + PAYMENT)
    one, two, three = built(layout, order("ord_1"), order("ord_2", items=(item(1), item(9))), order("ord_3"))
    assert [code_of(found) for found in (one, two, three)] == [
        (None, None),
        ("product_unknown", "items[1].product_code"),
        (None, None),
    ]
    assert (two.action, two.outcome, two.rows.items) == ("none", "refused", [])
    assert [found.rows.items for found in (one, three)] == [[("1", "A"), ("2", "B")]] * 2
    assert [found.rows.payments for found in (one, three)] == [[("1", "7")]] * 2


def test_the_first_thing_that_is_wrong_with_an_order_is_its_reason() -> None:
    [pix] = order().payments
    wrong = order(items=(item(9), item(8)), payments=(msgspec.structs.replace(pix, method_code="CHQ"),))
    [one] = built(compiled(with_changes(PRODUCT) + PAYMENT), wrong)
    assert code_of(one) == ("product_unknown", "items[0].product_code")


@pytest.mark.parametrize("action", ["none", "read", "cancel"])
def test_an_order_that_is_not_written_gets_no_rows(action: ChangeAction) -> None:
    [one] = build_orders([changed(order(), action)], compiled(), ask_nothing)
    assert (one.rows.main, one.rows.items) == ((), ())


def test_a_row_beside_the_order_is_made_where_its_field_is_there() -> None:
    layout = compiled(GOOD + BESIDE)
    without, empty, with_notes, refused = built(
        layout,
        order("ord_1"),
        order("ord_2", notes=""),
        order("ord_3", notes="urgente", seller_code="V1"),
        order("ord_4", notes="urgente", seller_code="V9"),
    )
    assert [one.rows.extras for one in (without, empty, with_notes)] == [{}, {}, {"obs": ("urgente", "1")}]
    assert code_of(refused) == ("code_unmapped", "seller_code")


@pytest.mark.parametrize(
    ("action", "row"),
    [("insert", ("cus_1", "Padaria")), ("update", ("cus_1", "Padaria")), ("match", ("cus_1", "Padaria")), ("none", ())],
)
def test_a_customer_to_be_written_gets_its_row_and_a_warning_of_what_was_cut(
    action: ChangeAction, row: tuple[object, ...]
) -> None:
    [one] = build_customers([changed(customer(), action)], compiled(with_changes(NAME)), ask_nothing)
    assert one.rows.main == row
    assert [warning.code for warning in one.warnings] == (["text_shortened"] if row else [])


def test_a_warning_is_given_once_however_often_the_rows_are_made() -> None:
    layout = compiled(with_changes(NAME))
    [one] = build_customers(build_customers([changed(customer())], layout, ask_nothing), layout, ask_nothing)
    assert len(one.warnings) == 1


def test_what_was_prepared_is_taken_as_it_is_and_nothing_is_asked() -> None:
    prepared = PreparedRecord("OF-1", "cus_1", "hash", ("r",), {"obs": ("o",)}, (("i",),), (("p",),))
    asked: list[list[Any]] = []

    def ask(columns: Sequence[ColumnPlan], records: list[Any], parents: Sequence[Any]) -> LookupAnswers:
        asked.append(records)
        return LookupAnswers(None, [])

    [one] = build_orders([msgspec.structs.replace(changed(order()), prepared=prepared)], compiled(), ask)
    assert (one.rows.main, one.rows.extras, one.rows.items, one.rows.payments) == (
        ("r",),
        {"obs": ("o",)},
        (("i",),),
        (("p",),),
    )
    assert not any(asked)


@pytest.mark.parametrize(
    ("path", "value", "shown"),
    [
        ("seller_code", "V9", "V9"),
        ("document", "12ABC34501DE35", None),
        ("customer.email", "ana@aurora.example", None),
        ("phone.mobile.number", "11987654321", None),
        ("total_amount", Decimal("1.50"), "1.50"),
        ("seller_code", None, None),
    ],
)
def test_what_is_personal_is_not_repeated_in_a_reason(path: str, value: object, shown: str | None) -> None:
    one = changed(customer())
    one = refused_unconvertible(one, UnconvertibleError("code_unmapped", path, value, campo=path), "items[0].")
    assert one.reason is not None
    assert (one.reason.code, one.reason.field, one.reason.value) == ("code_unmapped", f"items[0].{path}", shown)
    message = described(one.reason, sentences.of_words).message
    assert value is None or shown is not None or str(value) not in message
