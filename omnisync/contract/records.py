"""The records that travel: Customer, Order, Item, Payment, and how they are read and written.

Absent means the default written here; what equals its default stays off the wire. Money and quantities are decimal
strings on the wire and Decimal here; `shape` (intake) and `rules` (agent) hold their scale and their sums.
Source: docs/contract.md "Records".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

# [0-9] and not \d (which takes full-width digits); the lookahead because $ also matches before a last line break.
MONEY = r"^-?[0-9]{1,13}\.[0-9]{2}$(?!\n)"
QUANTITY = r"^[0-9]{1,11}(\.[0-9]{1,4})?$(?!\n)"
UNIT_PRICE = r"^[0-9]{1,11}(\.[0-9]{1,10})?$(?!\n)"
PERCENT = r"^[0-9]{1,3}(\.[0-9]{1,4})?$(?!\n)"

# The patterns are documentation here: on every field they would double the time of decoding (`rules`, `shape`).
Money = Annotated[Decimal, Meta(extra_json_schema={"format": "", "pattern": MONEY})]
Quantity = Annotated[Decimal, Meta(extra_json_schema={"format": "", "pattern": QUANTITY})]
UnitPrice = Annotated[Decimal, Meta(extra_json_schema={"format": "", "pattern": UNIT_PRICE})]
Percent = Annotated[Decimal, Meta(extra_json_schema={"format": "", "pattern": PERCENT})]

Id = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[!-~]{1,40}$(?!\n)")]
"""Opaque, stable, compared byte for byte, never a CNPJ."""
PlainId = Annotated[str, Meta(min_length=1, max_length=40, extra={"of": "hub"})]
"""An Id without its pattern (`validation.strict` has it); marked, for a code of the ERP's may be of the same length."""
Instant = Annotated[datetime, Meta(tz=True)]
Text10 = Annotated[str, Meta(max_length=10)]
Text20 = Annotated[str, Meta(max_length=20)]
Text60 = Annotated[str, Meta(max_length=60)]
Code20 = Annotated[str, Meta(min_length=1, max_length=20)]

EARLIEST = datetime(1000, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, 23, 59, 59, 999_999, tzinfo=UTC)
"""Between them a moment has a day in every time zone, and a year of four digits in every database."""
ZERO = Decimal("0.00")
DocumentKind = Literal["cnpj", "cpf", "foreign", "none"]


class Phone(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A telephone: digits only, area code first, without 55."""

    kind: Literal["mobile", "landline", "other"]
    number: Annotated[str, Meta(min_length=8, max_length=40)]


class Address(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A place of the customer. The house number is text: "S/N", "123-A", "km 4"."""

    kind: Literal["main", "billing", "delivery"]
    street: Text60
    number: Text60 | None = None
    complement: Text60 | None = None
    district: Text60 | None = None
    city_code: Annotated[str, Meta(min_length=7, max_length=7)]
    city: Text60 | None = None
    state: Annotated[str, Meta(min_length=2, max_length=2)]
    postal_code: Annotated[str, Meta(max_length=8)] | None = None
    country_code: Annotated[str, Meta(max_length=4)] = "1058"


class Customer(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A customer (cliente)."""

    id: PlainId
    person_kind: Literal["company", "person", "foreign"]
    document_kind: DocumentKind
    document: Text20 | None = None
    name: Annotated[str, Meta(max_length=150)]
    trade_name: Annotated[str, Meta(max_length=100)] | None = None
    icms_kind: Literal["1", "2", "9"]
    state_registration: Annotated[str, Meta(max_length=14)] | None = None
    state_registration_state: Annotated[str, Meta(min_length=2, max_length=2)] | None = None
    suframa: Annotated[str, Meta(max_length=9)] | None = None
    email: Annotated[str, Meta(max_length=254)] | None = None
    phones: Annotated[tuple[Phone, ...], Meta(max_length=5)] = ()
    addresses: Annotated[tuple[Address, ...], Meta(max_length=5)] = ()
    seller_code: Text20 | None = None
    price_table_code: Text20 | None = None
    payment_terms_code: Text20 | None = None
    is_active: bool = True
    merged_into: PlainId | None = None
    notes: Annotated[str, Meta(max_length=2000)] | None = None


class CustomerRef(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The order's customer: the reference, and three fields to read it by."""

    id: PlainId
    document_kind: DocumentKind = "none"
    document: Text20 | None = None
    name: Annotated[str, Meta(max_length=150)] | None = None


class PaymentTerms(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The agreed terms (condição de pagamento). `days` counts from the issue: 0 is at sight."""

    code: Text20 | None = None
    description: Text60 | None = None
    days: Annotated[tuple[Annotated[int, Meta(ge=0, le=9999)], ...], Meta(max_length=120)] = ()
    down_payment_percent: Percent = ZERO


class Freight(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The freight (modFrete of the NF-e)."""

    mode: Literal["0", "1", "2", "3", "4", "9"]
    carrier_document: Text20 | None = None
    carrier_name: Text60 | None = None


class Item(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One line of an order. Its key is `id`: the same product may stand on two lines."""

    line: Annotated[int, Meta(ge=1, le=999_999)]
    id: PlainId
    product_code: Annotated[str, Meta(min_length=1, max_length=60)]
    product_name: Annotated[str, Meta(max_length=120)]
    gtin: Annotated[str, Meta(max_length=14)] | None = None
    ncm: Annotated[str, Meta(max_length=8)] | None = None
    unit: Annotated[str, Meta(max_length=6)]
    quantity: Quantity
    list_price: UnitPrice
    gross_amount: Money
    discount_percent: Percent | None = None
    discount_amount: Money = ZERO
    surcharge_amount: Money = ZERO
    ipi_amount: Money = ZERO
    st_amount: Money = ZERO
    total_amount: Money
    is_bonus: bool = False
    notes: Annotated[str, Meta(max_length=500)] | None = None


class Totals(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The order's sums, in reais: total = items - discount + surcharge + freight + insurance + other."""

    items_amount: Money
    discount_amount: Money = ZERO
    surcharge_amount: Money = ZERO
    freight_amount: Money = ZERO
    insurance_amount: Money = ZERO
    other_amount: Money = ZERO
    total_amount: Money


class Payment(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One instalment (forma de pagamento). Never a card number, never a PIX key."""

    line: Annotated[int, Meta(ge=1, le=999_999)]
    id: PlainId
    method_code: Code20
    method_kind: Annotated[str, Meta(min_length=2, max_length=2)]
    amount: Money
    due_on: date
    installment: Annotated[int, Meta(ge=1, le=999)] = 1
    installments: Annotated[int, Meta(ge=1, le=999)] = 1
    card_brand: Text20 | None = None
    authorization: Annotated[str, Meta(max_length=128)] | None = None


class Order(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A sales order (pedido de venda): atomic with its items and payments."""

    id: PlainId
    number: Code20
    type: Literal["quote", "sale", "bonus", "exchange", "sample", "consignment"]
    status: Literal["confirmed", "cancelled"]
    establishment_code: Annotated[str, Meta(min_length=1, max_length=10, pattern=r"^[!-~]{1,10}$(?!\n)")]
    customer: CustomerRef
    seller_code: Text20 | None = None
    price_table_code: Text20 | None = None
    payment_terms: PaymentTerms
    issued_at: Instant
    delivery_on: date | None = None
    customer_order_number: Annotated[str, Meta(max_length=15)] | None = None
    freight: Freight
    items: Annotated[tuple[Item, ...], Meta(min_length=1, max_length=5000)]
    totals: Totals
    payments: Annotated[tuple[Payment, ...], Meta(max_length=120)] = ()
    cancelled_at: Instant | None = None
    cancel_reason: Annotated[str, Meta(max_length=200)] | None = None
    notes: Annotated[str, Meta(max_length=2000)] | None = None


_customer = msgspec.json.Decoder(Customer)
_order = msgspec.json.Decoder(Order)
_encoder = msgspec.json.Encoder()


def decode_customer(raw: bytes | msgspec.Raw) -> Customer:
    """Read one customer; raises msgspec.ValidationError or DecodeError for what breaks the shape."""
    return _customer.decode(raw)


def decode_order(raw: bytes | msgspec.Raw) -> Order:
    """Read one order with its items and payments; raises like `decode_customer`."""
    return _order.decode(raw)


def is_on_calendar(moment: datetime) -> bool:
    """Tell whether the moment can be turned into any time zone."""
    return EARLIEST <= moment <= LATEST


def odd_moment(order: Order) -> str | None:
    """Return the field of an order whose moment is on no calendar of ours, if any."""
    if not is_on_calendar(order.issued_at):
        return "issued_at"
    return None if order.cancelled_at is None or is_on_calendar(order.cancelled_at) else "cancelled_at"


def encode(record: Customer | Order) -> bytes:
    """Return the record as the JSON that travels: defaults left off. `decode(encode(x)) == x`."""
    return _encoder.encode(without_defaults(record))


def without_defaults(record: Struct, *, empty_is_absent: bool = False) -> dict[str, Any]:
    """Return the struct as plain values without those equal to their default; at the intake an empty text is no text,
    too.

    msgspec's own `omit_defaults` compares by identity, so a decoded Decimal("0.00") would stay.
    """
    kept: dict[str, Any] = {}
    defaults = _defaults(type(record))
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if name in defaults and (value == defaults[name] or (empty_is_absent and value == "")):
            continue
        if isinstance(value, Struct):
            kept[name] = without_defaults(value, empty_is_absent=empty_is_absent)
        elif isinstance(value, tuple):
            parts = (
                without_defaults(part, empty_is_absent=empty_is_absent) if isinstance(part, Struct) else part
                for part in value
            )
            kept[name] = list(parts)
        elif isinstance(value, Decimal):
            kept[name] = format(value, "f")  # str() would write a tiny price as 1E-7, which is not on the wire
        else:
            kept[name] = value
    return kept


@cache
def _defaults(kind: type[Struct]) -> Mapping[str, Any]:
    names = kind.__struct_fields__
    pairs = zip(reversed(names), reversed(kind.__struct_defaults__), strict=False)
    return {name: value for name, value in pairs if value is not msgspec.NODEFAULT}
