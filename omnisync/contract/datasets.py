"""The datasets the ERP exports, for OmniForce and for Dash: their rows, and the key of a row.

Codes are the ERP's own. Absent means the default written here; unknown fields are dropped. Money and quantities are
decimal strings on the wire, as in `records`; `shape.strict` makes the twin that reads and writes them as they stand.
Source: docs/contract.md "The way out".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct

from omnisync.contract.records import (
    Address,
    Code20,
    DocumentKind,
    Instant,
    Money,
    Percent,
    Phone,
    PlainId,
    Quantity,
    Text20,
    Text60,
    UnitPrice,
)

BALANCE = r"^-?[0-9]{1,11}(\.[0-9]{1,4})?$(?!\n)"
Balance = Annotated[Decimal, Meta(extra_json_schema={"format": "", "pattern": BALANCE})]
"""A quantity that may be below zero: a stock sold before it was counted."""
Code10 = Annotated[str, Meta(min_length=1, max_length=10)]
Code40 = Annotated[str, Meta(min_length=1, max_length=40)]
Code60 = Annotated[str, Meta(min_length=1, max_length=60)]
Name150 = Annotated[str, Meta(min_length=1, max_length=150)]
Email = Annotated[str, Meta(max_length=254)]
StateCode = Annotated[str, Meta(min_length=2, max_length=2)]
CityCode = Annotated[str, Meta(min_length=7, max_length=7)]
PaymentKind = Annotated[str, Meta(pattern=r"^[0-9]{2}$(?!\n)")]
"""tPag of the NF-e."""


class ErpEstablishment(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A unit of the company (estabelecimento), as the ERP knows it."""

    code: Code10
    name: Name150
    document: Text20 | None = None
    is_active: bool = True


class Product(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A product (produto)."""

    code: Code60
    name: Name150
    unit: Annotated[str, Meta(min_length=1, max_length=6)]
    ncm: Annotated[str, Meta(max_length=8)] | None = None
    gtin: Annotated[str, Meta(max_length=14)] | None = None
    brand: Text60 | None = None
    group: Text60 | None = None
    package_quantity: Quantity | None = None
    is_active: bool = True


class PriceTable(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A price list (tabela de preços); without an establishment it serves all of them."""

    code: Code20
    name: Name150
    valid_from: date | None = None
    valid_until: date | None = None
    establishment_code: Code10 | None = None


class Price(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One product's price in one table."""

    table_code: Code20
    product_code: Code60
    price: UnitPrice
    min_price: UnitPrice | None = None
    max_discount_percent: Percent | None = None


class Stock(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The balance of a product at an establishment (saldo): absolute, never a difference.

    `measured_at` is when the ERP last moved the balance, never when it was read: a row that only says a new moment
    would travel at every export.
    """

    establishment_code: Code10
    product_code: Code60
    on_hand: Balance
    reserved: Balance | None = None
    available: Balance | None = None
    measured_at: Instant | None = None


class PaymentMethod(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A payment method (forma de pagamento)."""

    code: Code20
    name: Name150
    kind: PaymentKind | None = None
    is_active: bool = True


class ErpPaymentTerms(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Payment terms (condição de pagamento). `days` counts from the issue: 0 is at sight."""

    code: Code20
    name: Name150
    days: Annotated[tuple[Annotated[int, Meta(ge=0, le=9999)], ...], Meta(max_length=120)] = ()
    min_order: Money | None = None
    down_payment_percent: Percent | None = None
    is_active: bool = True


class ErpCustomer(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A customer (cliente), as the ERP knows it. `hub_id` is the hub's own id of the customer, where it is known."""

    erp_code: Code40
    hub_id: PlainId | None = None
    name: Name150
    trade_name: Annotated[str, Meta(max_length=100)] | None = None
    person_kind: Literal["company", "person", "foreign"] | None = None
    document_kind: DocumentKind | None = None
    document: Text20 | None = None
    icms_kind: Literal["1", "2", "9"] | None = None
    state_registration: Annotated[str, Meta(max_length=14)] | None = None
    state_registration_state: StateCode | None = None
    suframa: Annotated[str, Meta(max_length=9)] | None = None
    email: Email | None = None
    phones: Annotated[tuple[Phone, ...], Meta(max_length=5)] = ()
    addresses: Annotated[tuple[Address, ...], Meta(max_length=5)] = ()
    seller_code: Text20 | None = None
    price_table_code: Text20 | None = None
    payment_terms_code: Text20 | None = None
    credit_limit: Money | None = None
    credit_available: Money | None = None
    is_blocked: bool = False
    block_reason: Annotated[str, Meta(max_length=200)] | None = None
    is_active: bool = True
    notes: Annotated[str, Meta(max_length=2000)] | None = None


class Seller(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A seller (vendedor)."""

    code: Code20
    name: Name150
    email: Email | None = None
    is_active: bool = True
    supervisor_code: Text20 | None = None


class Receivable(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A receivable of a customer (título a receber), one row an instalment. Paid off: its row is deleted."""

    document: Code40
    installment: Code10
    customer_erp_code: Code40
    issued_on: date | None = None
    due_on: date
    amount: Money
    balance: Money
    kind: Text20 | None = None
    is_overdue: bool = False


class OrderStatus(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The ERP's status of an order of OmniForce (situação do pedido). The access key may have letters."""

    order_id: PlainId
    erp_number: Text60 | None = None
    status: Literal["received", "approved", "picking", "invoiced", "shipped", "delivered", "cancelled"]
    invoice_number: Text20 | None = None
    access_key: Annotated[str, Meta(pattern=r"^[0-9A-Z]{44}$(?!\n)")] | None = None
    at: Instant


class SalesFact(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One line of an invoice, for sums (fato de venda). It holds no person's name or document.

    Amounts are positive; that something came back is said by `kind`.
    """

    invoice: Code40
    item: Code10
    kind: Literal["sale", "return", "bonus"] = "sale"
    establishment: Code10
    day: date
    customer_code: Code40 | None = None
    city_code: CityCode | None = None
    product: Code60
    seller: Text20 | None = None
    quantity: Quantity
    gross: Money
    discount: Money | None = None
    net: Money
    cost: Money | None = None


class Dataset(Struct, frozen=True, kw_only=True):
    """One dataset of one system: what its rows are, which fields name a row, which may never be a CPF or CNPJ."""

    system: str
    name: str
    kind: type[Struct]
    key: tuple[str, ...]
    anonymous: tuple[str, ...] = ()

    def key_of(self, row: Struct) -> str:
        """Return the row's key: its naming fields, joined."""
        return key(*(getattr(row, name) for name in self.key))


def key(*parts: str) -> str:
    """Return the parts joined by `/`; one in a part is written `~1`, and a `~` is `~0` (RFC 6901), so that no two
    collide.
    """
    return "/".join([part.replace("~", "~0").replace("/", "~1") for part in parts])


def _omniforce(name: str, kind: type[Struct], *key: str) -> Dataset:
    return Dataset(system="omniforce", name=name, kind=kind, key=key)


DATASETS: Mapping[tuple[str, str], Dataset] = {
    (dataset.system, dataset.name): dataset
    for dataset in (
        _omniforce("establishments", ErpEstablishment, "code"),
        _omniforce("products", Product, "code"),
        _omniforce("price-tables", PriceTable, "code"),
        _omniforce("prices", Price, "table_code", "product_code"),
        _omniforce("stock", Stock, "establishment_code", "product_code"),
        _omniforce("payment-methods", PaymentMethod, "code"),
        _omniforce("payment-terms", ErpPaymentTerms, "code"),
        _omniforce("customers", ErpCustomer, "erp_code"),
        _omniforce("sellers", Seller, "code"),
        _omniforce("receivables", Receivable, "document", "installment"),
        _omniforce("order-status", OrderStatus, "order_id"),
        Dataset(
            system="dash",
            name="sales-facts",
            kind=SalesFact,
            key=("invoice", "item"),
            anonymous=("customer_code", "seller"),
        ),
    )
}
"""Every dataset by (system, name), in the order that a reader can use them: what is named comes before who names it."""
