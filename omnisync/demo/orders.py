"""Make, edit and break an order of the sample. All chance comes in as `rng`.

A good order obeys the money rules of docs/contract.md to the centavo; a spoiled one breaks exactly one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from random import Random
from typing import Literal

from msgspec.structs import replace

from omnisync.contract.records import (
    ZERO,
    Customer,
    CustomerRef,
    Freight,
    Item,
    Order,
    Payment,
    PaymentTerms,
    Totals,
)
from omnisync.demo import seed_data
from omnisync.demo.seed_data import Plan, SampleProduct

OrderType = Literal["sale", "bonus", "sample", "exchange", "consignment"]
CENTAVO = Decimal("0.01")  # quantize rounds half to even: ABNT NBR 5891, and decimal's own default
_HUNDRED = Decimal(100)
_PLANS = {plan.code: plan for plan in seed_data.PLANS}


def order_id(number: int) -> str:
    """Return the id of the order with this number."""
    return f"ord_{number:06d}"


_N_ITEMS = (1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 7, 9, 10)
_DISCOUNTS = tuple(map(Decimal, ("2", "2.5", "3", "5", "7.5", "10", "12.34")))
_FREIGHT_MODES: tuple[Literal["0", "1", "2", "3", "9"], ...] = ("0",) * 9 + ("1",) * 5 + ("2",) + ("3",) + ("9",) * 4
_FREE: frozenset[OrderType] = frozenset({"bonus", "sample"})
_UNPAID: frozenset[OrderType] = frozenset({"bonus", "sample", "exchange", "consignment"})


def make_order(
    number: int,
    customer: Customer,
    issued_at: datetime,
    rng: Random,
    *,
    type_: OrderType = "sale",
    has_fraction: bool = False,
    products: Sequence[SampleProduct] = seed_data.SOLD_WHOLE,
) -> Order:
    """Return a new order of these goods, its sums right; with `has_fraction` its first line is sold by weight or
    area.
    """
    plan = rng.choice(seed_data.PLAN_OF_100)
    items = _items(number, customer.price_table_code, rng, type_, products, has_fraction=has_fraction)
    totals = _totals(items, rng) if type_ == "sale" else _sum(items)
    issued_on = issued_at.date()
    return Order(
        id=order_id(number),
        number=f"OF-{number:06d}",
        type=type_,
        status="confirmed",
        establishment_code="0001" if rng.randrange(100) < 70 else "0002",
        customer=reference(customer),
        seller_code=customer.seller_code,
        price_table_code=customer.price_table_code,
        payment_terms=PaymentTerms(
            code=plan.code,
            description=plan.description,
            days=plan.days,
            down_payment_percent=plan.down_payment_percent,
        ),
        issued_at=issued_at,
        delivery_on=issued_on + timedelta(days=rng.randrange(1, 12)) if rng.randrange(5) > 1 else None,
        customer_order_number=f"PC-{rng.randrange(10_000):04d}" if rng.randrange(5) == 0 else None,
        freight=_freight(rng, is_paid=totals.freight_amount > 0),
        items=items,
        totals=totals,
        payments=() if type_ in _UNPAID else _payments(number, plan, totals.total_amount, issued_on, rng),
        notes=rng.choice(seed_data.ORDER_NOTES) if rng.randrange(12) == 0 else None,
    )


def reference(customer: Customer) -> CustomerRef:
    """Return the customer as an order names it."""
    return CustomerRef(
        id=customer.id, document_kind=customer.document_kind, document=customer.document, name=customer.name
    )


def split(total: Decimal, n: int) -> list[Decimal]:
    """`n` parts that sum to `total` exactly; the odd centavos go to the first ones."""
    each, n_odd = divmod(int(total.scaleb(2)), n)
    return [Decimal(each + (place < n_odd)).scaleb(-2) for place in range(n)]


def _items(
    number: int,
    table: str | None,
    rng: Random,
    type_: OrderType,
    products: Sequence[SampleProduct],
    *,
    has_fraction: bool,
) -> tuple[Item, ...]:
    n_items = rng.choice(_N_ITEMS) if rng.randrange(200) else rng.randrange(25, 60)
    items: list[Item] = []
    for line in range(1, n_items + 1):
        item_id = f"itm_{number:06d}_{line}"
        if has_fraction and line == 1:
            items.append(_fraction(line, item_id, table, rng))
        elif type_ in _FREE:
            items.append(_gift(line, item_id, table, rng, products, "own" if type_ == "bonus" else "centavo"))
        else:
            items.append(_line(line, item_id, table, rng, products))
    if type_ == "sale" and rng.randrange(100) < 4:
        price: _GiftPrice = rng.choice(("centavo", "own", "nothing"))
        gift = _gift(n_items + 1, f"itm_{number:06d}_{n_items + 1}", table, rng, products, price)
        items.append(_discounted(gift, _HUNDRED) if price == "own" else gift)
    return tuple(items)


def _line(line: int, item_id: str, table: str | None, rng: Random, products: Sequence[SampleProduct]) -> Item:
    """Return an ordinary line; one in four with a discount, a few with IPI, ST or a surcharge."""
    product = rng.choice(products)
    item = _plain(line, item_id, product, Decimal(rng.randrange(1, 25)), _price(product, table))
    luck = rng.randrange(100)
    if luck < 25:
        return _discounted(item, rng.choice(_DISCOUNTS))
    if luck < 32 and product.ipi_percent:
        return _charged(item, "ipi_amount", product.ipi_percent)
    if luck == 32:
        return _charged(item, "st_amount", Decimal("8.4"))
    if luck == 33:
        return _charged(item, "surcharge_amount", Decimal("1.5"))
    return item


def _fraction(line: int, item_id: str, table: str | None, rng: Random) -> Item:
    """Return a line of three or four decimals of quantity whose gross was cut or raised, as some apps do: a centavo
    off.
    """
    product = rng.choice(seed_data.SOLD_BY_FRACTION)
    price = _price(product, table)
    while True:
        quantity = Decimal(rng.randrange(10_001, 900_000)).scaleb(-4)
        if rng.randrange(2):
            quantity = quantity.quantize(Decimal("0.001"))
        exact = quantity * price
        gross = exact.quantize(CENTAVO, rounding=rng.choice((ROUND_DOWN, ROUND_UP)))
        if gross != exact and quantity.normalize().as_tuple().exponent in (-3, -4):
            return replace(_plain(line, item_id, product, quantity, price), gross_amount=gross, total_amount=gross)


_GiftPrice = Literal["centavo", "own", "nothing"]


def _gift(
    line: int, item_id: str, table: str | None, rng: Random, products: Sequence[SampleProduct], price: _GiftPrice
) -> Item:
    """Return a bonus line: at a centavo, at nothing, or at its own value."""
    product = rng.choice(products)
    prices = {"centavo": CENTAVO, "own": _price(product, table), "nothing": ZERO}
    item = _plain(line, item_id, product, Decimal(rng.randrange(1, 5)), prices[price])
    return replace(item, is_bonus=True)


def _price(product: SampleProduct, table: str | None) -> Decimal:
    return product.retail_price if table == "VAREJO" else product.price


def _plain(line: int, item_id: str, product: SampleProduct, quantity: Decimal, price: Decimal) -> Item:
    gross = (quantity * price).quantize(CENTAVO)
    return Item(
        line=line,
        id=item_id,
        product_code=product.code,
        product_name=product.name,
        gtin=product.gtin,
        ncm=product.ncm,
        unit=product.unit,
        quantity=quantity,
        list_price=price,
        gross_amount=gross,
        total_amount=gross,
    )


def _percent_of(amount: Decimal, percent: Decimal) -> Decimal:
    return (amount * percent / _HUNDRED).quantize(CENTAVO)


def _discounted(item: Item, percent: Decimal) -> Item:
    discount = _percent_of(item.gross_amount, percent)
    if not discount:
        return item
    return replace(item, discount_percent=percent, discount_amount=discount, total_amount=item.total_amount - discount)


def _charged(item: Item, field: str, percent: Decimal) -> Item:
    extra = _percent_of(item.gross_amount, percent)
    return replace(item, **{field: extra, "total_amount": item.total_amount + extra})


def _sum(items: tuple[Item, ...]) -> Totals:
    amount = sum((item.total_amount for item in items), ZERO)
    return Totals(items_amount=amount, total_amount=amount)


def _totals(items: tuple[Item, ...], rng: Random) -> Totals:
    totals = _sum(items)
    luck = rng.randrange(100)
    if luck < 10:
        totals = replace(totals, discount_amount=_percent_of(totals.items_amount, Decimal(rng.randrange(1, 6))))
    elif luck < 35:
        totals = replace(totals, freight_amount=Decimal(rng.randrange(1500, 18_000)).scaleb(-2))
    elif luck == 35:
        totals = replace(totals, insurance_amount=Decimal("12.90"), freight_amount=Decimal("45.00"))
    elif luck == 36:
        totals = replace(totals, other_amount=Decimal("3.50"))
    elif luck == 37:
        totals = replace(totals, surcharge_amount=_percent_of(totals.items_amount, Decimal(2)))
    return replace(totals, total_amount=explained(totals))


def explained(t: Totals) -> Decimal:
    extras = t.surcharge_amount + t.freight_amount + t.insurance_amount + t.other_amount
    return t.items_amount - t.discount_amount + extras


def _freight(rng: Random, *, is_paid: bool) -> Freight:
    mode = "0" if is_paid else rng.choice(_FREIGHT_MODES)
    return Freight(
        mode=mode, carrier_name=rng.choice(seed_data.CARRIERS) if mode in "02" and rng.randrange(2) else None
    )


def _amounts(plan: Plan, total: Decimal) -> list[Decimal]:
    if plan.down_payment_percent and len(plan.days) > 1:
        down = _percent_of(total, plan.down_payment_percent)
        return [down, *split(total - down, len(plan.days) - 1)]
    return split(total, len(plan.days))


def _payments(number: int, plan: Plan, total: Decimal, issued_on: date, rng: Random) -> tuple[Payment, ...]:
    brand = rng.choice(seed_data.CARD_BRANDS)
    authorization = f"R{rng.randrange(100_000):05d}"
    payments = []
    for line, (days, amount) in enumerate(zip(plan.days, _amounts(plan, total), strict=True), start=1):
        method = seed_data.METHODS["PIX" if plan.method == "BOLETO" and days == 0 else plan.method]
        is_card = method.code == "CARTAO_CREDITO"
        payments.append(
            Payment(
                line=line,
                id=f"pay_{number:06d}_{line}",
                method_code=method.code,
                method_kind=method.kind,
                amount=amount,
                due_on=issued_on + timedelta(days=days),
                installment=line,
                installments=len(plan.days),
                card_brand=brand if is_card else None,
                authorization=authorization if is_card else None,
            )
        )
    return tuple(payments)


def revise(order: Order, version: int, rng: Random, products: Sequence[SampleProduct] = seed_data.SOLD_WHOLE) -> Order:
    """Return the order after the salesperson edited it: a line out, a line in or another quantity; its sums right
    again.

    `version` is the edited one's: it goes into the new line's id, so that no id is ever used twice.
    """
    items = list(order.items)
    what = rng.randrange(3) if len(items) > 1 else 1
    if what == 0:
        del items[rng.randrange(1, len(items))]  # the first is never a gift, so something to pay is left
    elif what == 1:
        line = max(item.line for item in items) + 1
        items.append(
            _line(line, f"{order.id.replace('ord_', 'itm_')}_v{version}", order.price_table_code, rng, products)
        )
    else:
        place = rng.randrange(len(items))
        items[place] = requantified(items[place], Decimal(rng.randrange(25, 60)))
    return with_items(order, items)


def requantified(item: Item, quantity: Decimal) -> Item:
    gross = (quantity * item.list_price).quantize(CENTAVO)
    plain = replace(
        item,
        quantity=quantity,
        gross_amount=gross,
        discount_percent=None,
        discount_amount=ZERO,
        surcharge_amount=ZERO,
        ipi_amount=ZERO,
        st_amount=ZERO,
        total_amount=gross,
    )
    return _discounted(plain, item.discount_percent) if item.discount_percent else plain


def cancel(order: Order, cancelled_at: datetime, rng: Random) -> Order:
    """Return the order, cancelled by the salesperson."""
    reason = rng.choice(seed_data.CANCEL_REASONS)
    return replace(order, status="cancelled", cancelled_at=cancelled_at, cancel_reason=reason)


def move(order: Order) -> Order:
    """Return the order in the other establishment."""
    return replace(order, establishment_code="0002" if order.establishment_code == "0001" else "0001")


def with_items(order: Order, items: list[Item]) -> Order:
    """Return the order with these lines, its totals and payments following them."""
    amount = sum((item.total_amount for item in items), ZERO)
    # A discount agreed on a big order would turn what is left of it negative.
    discount = min(order.totals.discount_amount, _percent_of(amount, Decimal(10)))
    totals = replace(order.totals, items_amount=amount, discount_amount=discount)
    return with_totals(replace(order, items=tuple(items)), replace(totals, total_amount=explained(totals)))


def with_totals(order: Order, totals: Totals) -> Order:
    payments = order.payments
    if payments:
        amounts = _amounts(_PLANS[order.payment_terms.code or ""], totals.total_amount)
        payments = tuple(replace(p, amount=amount) for p, amount in zip(payments, amounts, strict=True))
    return replace(order, totals=totals, payments=payments)
