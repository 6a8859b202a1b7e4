"""Records for tests: a good customer, a good order, and changes that carry them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Raw

from omnisync.contract.feed import Change
from omnisync.contract.records import (
    Customer,
    CustomerRef,
    Freight,
    Item,
    Order,
    Payment,
    PaymentTerms,
    Totals,
    encode,
)

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


def customer(id_: str = "cus_1", **changes: Any) -> Customer:
    """Padaria Aurora, with a CNPJ that has letters."""
    aurora = Customer(
        id=id_,
        person_kind="company",
        document_kind="cnpj",
        document="12ABC34501DE35",
        name="Padaria Aurora Ltda",
        icms_kind="9",
    )
    return msgspec.structs.replace(aurora, **changes)


def item(line: int = 1, *, price: str = "10.00", quantity: str = "2.0000", **changes: Any) -> Item:
    """A line that adds up."""
    gross = (Decimal(price) * Decimal(quantity)).quantize(Decimal("0.01"))
    plain = Item(
        line=line,
        id=f"itm_{line}",
        product_code=f"{line:06}",
        product_name="Pão francês",
        unit="KG",
        quantity=Decimal(quantity),
        list_price=Decimal(price),
        gross_amount=gross,
        total_amount=gross,
    )
    return msgspec.structs.replace(plain, **changes)


def order(
    id_: str = "ord_1", *, customer_id: str = "cus_1", items: tuple[Item, ...] = (), paid: str = "", **changes: Any
) -> Order:
    """An order that adds up, paid at once by PIX; two items unless told otherwise."""
    items = items or (item(1), item(2, price="4.55"))
    total = sum((line.total_amount for line in items), Decimal("0.00"))
    amount = Decimal(paid) if paid else total
    pix = Payment(line=1, id="pay_1", method_code="PIX", method_kind="17", amount=amount, due_on=date(2026, 11, 24))
    plain = Order(
        id=id_,
        number="OF-" + id_.removeprefix("ord_"),
        type="sale",
        status="confirmed",
        establishment_code="0001",
        customer=CustomerRef(id=customer_id, name="Padaria Aurora Ltda"),
        payment_terms=PaymentTerms(code="AVISTA", days=(0,)),
        issued_at=NOW,
        freight=Freight(mode="9"),
        items=items,
        totals=Totals(items_amount=total, total_amount=total),
        payments=(pix,),
    )
    return msgspec.structs.replace(plain, **changes)


def change(record: Customer | Order, version: int = 1) -> Change:
    """The upsert that carries this record."""
    is_order = isinstance(record, Order)
    return Change(
        kind="order" if is_order else "customer",
        op="upsert",
        id=record.id,
        version=version,
        changed_at=NOW,
        n_items=len(record.items) if isinstance(record, Order) else 0,
        n_payments=len(record.payments) if isinstance(record, Order) else 0,
        data=Raw(encode(record)),
    )


def raw_change(record: Customer | Order, version: int = 1, **fields: object) -> Change:
    """Like `change`, with fields of the JSON replaced by anything at all."""
    plain = change(record, version)
    data = msgspec.json.decode(plain.data) | fields
    return msgspec.structs.replace(plain, data=Raw(msgspec.json.encode(data)))


def deletion(kind: Any, id_: str, version: int, *, to: str | None = None) -> Change:
    """The record is gone, or has moved to another establishment."""
    return Change(
        kind=kind, op="delete", id=id_, version=version, changed_at=NOW, reason="moved" if to else "erased", to=to
    )
