"""The intake's strict reading of one record."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from omnisync.contract.records import decode_customer, decode_order
from omnisync.contract.validation import SENTENCES, InvalidRecord, ValidRecord, read
from tests.support.hub_server import customer, erased, item, order

Spoil = Callable[[dict[str, Any]], Any]


def sound(change: dict[str, Any]) -> ValidRecord:
    seen = read(json.dumps(change).encode())
    assert isinstance(seen, ValidRecord)
    return seen


def refusal(change: dict[str, Any] | bytes) -> InvalidRecord:
    seen = read(change if isinstance(change, bytes) else json.dumps(change).encode())
    assert isinstance(seen, InvalidRecord)
    return seen


def data(seen: ValidRecord) -> Any:
    return json.loads(seen.data or b"null")


def test_an_order_is_counted_and_placed_by_what_is_in_it() -> None:
    seen = sound(order(n_items=3, establishment="0002", customer_id="cus_9"))
    expected = ("0002", "cus_9", 3, 1)
    assert expected == (seen.establishment, seen.customer_id, seen.n_items, seen.n_payments)


def test_what_is_stored_reads_back_as_what_was_sent() -> None:
    change = order(n_items=2, notes="Entregar pela doca 2.")
    assert decode_order(json.dumps(change["data"]).encode()) == decode_order(sound(change).data or b"")


def test_defaults_are_left_out_by_value() -> None:
    spelled = customer(is_active=True, email=None, phones=[], addresses=[_address(country_code="1058")])
    assert sound(customer(addresses=[_address()])).data == sound(spelled).data


def test_an_empty_text_is_no_text() -> None:
    spelled = customer(trade_name="", notes="", addresses=[_address(complement="")])
    assert sound(customer(addresses=[_address()])).data == sound(spelled).data


@pytest.mark.parametrize(
    "empty", ["merged_into", "state_registration_state", "document", "seller_code", "suframa", "email"]
)
def test_case_j6_an_empty_text_of_a_form_is_absent_in_a_customer(empty: str) -> None:
    assert sound(customer()).data == sound(customer() | {"data": customer()["data"] | {empty: ""}}).data


def test_case_j6_an_empty_text_of_a_form_is_absent_at_any_depth() -> None:
    bare = item()
    empty = bare | {"discount_percent": "", "gtin": ""}
    spelled = order(items=[empty], delivery_on="", cancelled_at="", payment_terms={"code": "30", "description": ""})
    assert sound(order(items=[bare])).data == sound(spelled).data


def test_case_j6_an_empty_reason_around_a_record_is_absent() -> None:
    spelled = erased("customer", "c", 2) | {"reason": "", "to": ""}
    assert sound(spelled) == sound(erased("customer", "c", 2))


def test_case_j6_what_is_required_or_no_text_is_not_absent_when_empty() -> None:
    assert refusal(customer(icms_kind="", merged_into="")).pointer == "/icms_kind"
    assert refusal(customer(is_active="", merged_into="")).pointer == "/is_active"
    assert refusal(order(items=[item(discount_amount="", gtin="")])).pointer == "/items/0/discount_amount"
    assert refusal(customer(phones="", merged_into="")).pointer == "/phones"


def test_zero_money_is_left_out_and_other_money_is_kept_as_written() -> None:
    seen = data(sound(order(n_items=1, items=[item(discount_amount="0.00", surcharge_amount="0.50")])))
    assert "discount_amount" not in seen["items"][0]
    assert seen["items"][0]["surcharge_amount"] == "0.50"


def test_a_tiny_unit_price_is_stored_as_it_was_written() -> None:
    seen = data(sound(order(n_items=1, items=[item(list_price="0.0000001")])))
    assert seen["items"][0]["list_price"] == "0.0000001"


def test_unknown_fields_are_dropped() -> None:
    assert sound(customer()).data == sound(customer(favourite_colour="azul")).data


def test_a_delete_has_no_data() -> None:
    assert sound(erased("order", "ord_1", 5)).data is None


def test_lines_with_the_same_product_are_two_lines() -> None:
    twice = [item(1), item(2, product_code="000001")]
    assert sound(order(items=twice)).n_items == 2


MONEY: tuple[object, ...] = (
    "1",
    "1.0",
    "1,00",
    "1e3",
    "NaN",
    " 1.00",
    "1.00 ",
    "1.00\n",
    "１.00",
    "",
    1,
    1.5,
    None,
    "+1.00",
)
QUANTITIES: tuple[object, ...] = ("1e3", "-1", ".5", "1.", "1.00000", "Infinity", "１", 1)


@pytest.mark.parametrize("amount", MONEY)
def test_money_is_two_decimals_and_nothing_else(amount: object) -> None:
    assert refusal(order(items=[item(total_amount=amount)])).pointer == "/items/0/total_amount"


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_a_quantity_is_plain_digits(quantity: object) -> None:
    assert refusal(order(items=[item(1), item(2, quantity=quantity)])).pointer == "/items/1/quantity"


def _set(path: str, value: object) -> Spoil:
    def spoil(change: dict[str, Any]) -> None:
        *steps, last = path.split(".")
        place: Any = change
        for step in steps:
            place = place[int(step) if step.isdigit() else step]
        place[last] = value

    return spoil


BROKEN: tuple[tuple[str, Spoil, str, str], ...] = (
    ("no kind", lambda c: c.pop("kind"), "/kind", "required"),
    ("unknown kind", _set("kind", "invoice"), "/kind", "enum"),
    ("unknown op", _set("op", "insert"), "/op", "enum"),
    ("apps never say moved", lambda c: c.update(op="delete", reason="moved", data=None), "/reason", "enum"),
    ("a delete with data", _set("op", "delete"), "/data", "type"),
    ("no data", _set("data", None), "/data", "required"),
    ("version zero", _set("version", 0), "/version", "range"),
    ("version as text", _set("version", "1"), "/version", "type"),
    ("a moment without zone", _set("changed_at", "2026-11-24T14:50:30"), "/changed_at", "format"),
    ("id with a space", _set("id", "a b"), "/id", "pattern"),
    ("id with an accent", _set("id", "é"), "/id", "pattern"),
    ("id with a line break", _set("id", "a\n"), "/id", "pattern"),
    ("another id inside", _set("data.id", "ord_2"), "/id", "mismatch"),
    ("customer id with an accent", _set("data.customer.id", "é"), "/customer/id", "pattern"),
    ("no totals", lambda c: c["data"].pop("totals"), "/totals", "required"),
    ("no total of an item", lambda c: c["data"]["items"][1].pop("total_amount"), "/items/1/total_amount", "required"),
    ("unknown type", _set("data.type", "gift"), "/type", "enum"),
    ("no items", _set("data.items", []), "/items", "length"),
    ("long name", _set("data.items.0.product_name", "x" * 121), "/items/0/product_name", "length"),
    ("a line twice", _set("data.items.1.line", 1), "/items/1/line", "repeated"),
    ("an item id twice", _set("data.items.1.id", "itm_1"), "/items/1/id", "repeated"),
    ("no such day", _set("data.payments.0.due_on", "2026-02-30"), "/payments/0/due_on", "format"),
    ("a lone surrogate", _set("data.notes", "x\ud800y"), "", "text"),
)


@pytest.mark.parametrize(("spoil", "pointer", "code"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_what_breaks_the_shape_is_refused_at_its_place(spoil: Spoil, pointer: str, code: str) -> None:
    change = order()
    spoil(change)
    seen = refusal(change)
    assert (pointer, code) == (seen.pointer, seen.code)


@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b'{"id":"\xff"}', b"[" * 100_000])
def test_what_is_no_json_is_refused_without_a_name(body: bytes) -> None:
    assert refusal(body).id is None


def test_a_refusal_names_the_record_it_is_about() -> None:
    change = order("ord_7", version=3, notes="\ud800")
    expected = ("order", "ord_7", 3)
    seen = refusal(change)
    assert expected == (seen.kind, seen.id, seen.version)


def test_a_refusal_never_repeats_a_value() -> None:
    change = customer(document="11144477735" * 3)
    assert "111444" not in msgspec.json.encode(refusal(change)).decode() + refusal(change).detail


def test_every_code_has_its_sentence() -> None:
    assert {code for *_, code in BROKEN} <= set(SENTENCES)


def test_a_customer_reads_back_as_what_was_sent() -> None:
    change = customer(phones=[{"kind": "mobile", "number": "11987654321"}], is_active=False)
    assert decode_customer(json.dumps(change["data"]).encode()) == decode_customer(sound(change).data or b"")


def _address(**fields: object) -> dict[str, object]:
    return {"kind": "main", "street": "Avenida Paulista", "city_code": "3550308", "state": "SP"} | fields
