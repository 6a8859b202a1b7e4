"""The sample company is what it says: valid documents, sums right to the centavo, and exactly the faults it names."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise

import msgspec
import pytest
from stdnum import ean
from stdnum.br import cnpj, cpf

from omnisync.contract import validation
from omnisync.contract.feed import Change
from omnisync.contract.records import Customer, Item, Order, decode_customer, decode_order, encode
from omnisync.contract.rules import Fault, canonical_customer, order_faults
from omnisync.demo import sample_data, seed_data
from omnisync.demo.orders import split

TODAY = date(2026, 11, 24)
N_CUSTOMERS, N_ORDERS = 120, 800


@cache
def told_batches() -> tuple[tuple[Change, ...], ...]:
    batches = sample_data.generate_changes(n_customers=N_CUSTOMERS, n_orders=N_ORDERS, today=TODAY)
    return tuple(tuple(batch) for batch in batches)


@cache
def told() -> tuple[Change, ...]:
    return tuple(change for batch in told_batches() for change in batch)


@cache
def told_orders() -> tuple[tuple[Change, Order], ...]:
    return tuple((change, decode_order(change.data)) for change in told() if change.kind == "order")


@cache
def told_customers() -> tuple[tuple[Change, Customer], ...]:
    return tuple((change, decode_customer(change.data)) for change in told() if change.kind == "customer")


@cache
def expected() -> sample_data.Expected:
    return sample_data.expected(n_customers=N_CUSTOMERS, n_orders=N_ORDERS)


def good_orders() -> list[Order]:
    return [order for _, order in told_orders() if order.id not in expected().refused]


def in_centavos(amount: Decimal) -> int:
    centavos = int(amount * 100)
    assert Decimal(centavos) / 100 == amount
    return centavos


def wrong_sums(order: Order) -> list[str]:
    """The checks of domain §2.5 that an order fails, counted in whole centavos and ten-billionths."""
    wrong = []
    for item in order.items:
        n, d = (item.quantity * item.list_price).as_integer_ratio()
        if abs(n * 100 - in_centavos(item.gross_amount) * d) > d:
            wrong.append("line gross")
        parts = (-item.discount_amount, item.surcharge_amount, item.ipi_amount, item.st_amount)
        if in_centavos(item.gross_amount) + sum(map(in_centavos, parts)) != in_centavos(item.total_amount):
            wrong.append("line total")
    t = order.totals
    if sum(in_centavos(item.total_amount) for item in order.items) != in_centavos(t.items_amount):
        wrong.append("items amount")
    extras = (-t.discount_amount, t.surcharge_amount, t.freight_amount, t.insurance_amount, t.other_amount)
    if in_centavos(t.items_amount) + sum(map(in_centavos, extras)) != in_centavos(t.total_amount):
        wrong.append("order total")
    is_gift = order.type in ("bonus", "sample", "exchange", "consignment") and not order.payments
    if not is_gift and sum(in_centavos(p.amount) for p in order.payments) != in_centavos(t.total_amount):
        wrong.append("payments")
    return wrong


def amounts(order: Order) -> Iterable[Decimal]:
    for item in order.items:
        yield from (item.gross_amount, item.discount_amount, item.surcharge_amount, item.ipi_amount, item.st_amount)
        yield from (item.total_amount, item.list_price, item.quantity)
    yield from (order.totals.items_amount, order.totals.discount_amount, order.totals.total_amount)
    yield from (payment.amount for payment in order.payments)


def decimals(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def test_the_same_seed_tells_the_same_bytes() -> None:
    again = sample_data.generate_changes(n_customers=N_CUSTOMERS, n_orders=N_ORDERS, today=TODAY)

    assert [msgspec.json.encode(c) for batch in again for c in batch] == [msgspec.json.encode(c) for c in told()]


def test_another_seed_tells_another_story() -> None:
    other = next(sample_data.generate_changes(n_customers=N_CUSTOMERS, n_orders=N_ORDERS, seed=7, today=TODAY))

    assert bytes(other[0].data) != bytes(told()[0].data)


def test_batches_are_within_the_intake_and_keep_the_order() -> None:
    sizes = [len(batch) for batch in told_batches()]

    assert max(sizes) <= 500
    assert sum(sizes) == len(told())
    assert all(sizes[:-1])


def test_every_record_survives_the_wire() -> None:
    for change, customer in told_customers():
        assert (encode(customer), customer.id) == (bytes(change.data), change.id)
    for change, order in told_orders():
        assert (encode(order), order.id) == (bytes(change.data), change.id)


def test_the_intake_takes_every_record_as_it_is() -> None:
    for change in told():
        sound = validation.read(msgspec.json.encode(change))
        assert isinstance(sound, validation.ValidRecord)
        assert sound.data == bytes(change.data)


def test_all_records_asked_for_are_told() -> None:
    assert len({c.id for c, _ in told_customers()}) == N_CUSTOMERS
    assert len({c.id for c, _ in told_orders()}) == N_ORDERS
    numbers = [order.number for change, order in told_orders() if change.version == 1]
    assert numbers == [f"OF-{number:06d}" for number in range(1, N_ORDERS + 1)]


def test_versions_of_a_record_grow_by_one() -> None:
    seen: Counter[str] = Counter()
    for change in told():
        seen[change.id] += 1
        assert change.version == seen[change.id]


def test_a_customer_is_told_before_its_first_order() -> None:
    known: set[str] = set()
    for change in told():
        if change.kind == "customer":
            known.add(change.id)
        else:
            assert decode_order(change.data).customer.id in known


def test_moments_lie_in_the_ninety_days_before_today_at_brasilia_time() -> None:
    moments = [change.changed_at for change in told()] + [order.issued_at for _, order in told_orders()]

    assert {moment.utcoffset() for moment in moments} == {timedelta(hours=-3)}
    assert min(m.date() for m in moments) == TODAY - timedelta(days=90)
    assert max(m.date() for m in moments) == TODAY - timedelta(days=1)
    assert all(a.changed_at <= b.changed_at for a, b in pairwise(c for c in told() if c.kind == "order"))


def test_another_today_moves_every_moment_and_nothing_else() -> None:
    def first(today: date) -> tuple[Order, datetime]:
        order = next(sample_data.orders(50, 3, sample_data.customers(60, 3), today=today))
        return order, order.issued_at

    (one, at), (two, later) = first(TODAY), first(TODAY + timedelta(days=7))
    assert one.items == two.items
    assert later - at == timedelta(days=7)


def test_documents_are_valid_and_distinct() -> None:
    people = sample_data.customers(3000, 5)
    documents = [customer.document or "" for customer in people]

    for customer, document in zip(people, documents, strict=True):
        assert (cnpj if customer.document_kind == "cnpj" else cpf).is_valid(document)
        assert customer.document_kind == ("cnpj" if customer.person_kind == "company" else "cpf")
    assert len(set(documents)) == len(documents)
    assert any(not d.isdigit() for d in documents)


def test_customers_are_as_brazilian_as_their_data() -> None:
    people = sample_data.customers(600, 5)
    addresses = [address for customer in people for address in customer.addresses]

    assert {"S/N", "km 4"} <= {address.number for address in addresses}
    assert any(address.postal_code and address.postal_code.startswith("0") for address in addresses)
    assert all(len(address.postal_code or "") == 8 for address in addresses)
    assert any("D’Ávila" in customer.name for customer in people)
    assert any("São João" in customer.name for customer in people)
    assert any(len(customer.name) > 60 for customer in people)
    assert all((c.email or "x.example").endswith(".example") for c in people)
    assert all(customer.email is None or customer.email.isascii() for customer in people)
    assert all(len(phone.number) in (10, 11) for customer in people for phone in customer.phones)
    assert all((c.state_registration or "00").isdigit() for c in people)
    assert all((c.icms_kind == "1") == (c.state_registration is not None) for c in people)


def test_city_codes_have_a_right_check_digit() -> None:
    for city in seed_data.CITIES:
        sums = sum(sum(divmod(int(digit) * (1 + place % 2), 10)) for place, digit in enumerate(city.code[:6]))
        assert -sums % 10 == int(city.code[6]), city


def test_the_catalogue_has_codes_as_text_valid_gtins_and_odd_prices() -> None:
    products = seed_data.PRODUCTS

    assert 270 <= len(products) <= 330
    assert len({p.code for p in products}) == len({p.name for p in products}) == len(products)
    assert all(len(p.code) == 6 and p.code.startswith("0") for p in products)
    assert all(ean.is_valid(p.gtin) for p in products if p.gtin)
    assert any(p.gtin is None for p in products)
    assert all(len(p.ncm) == 8 and len(p.unit) <= 6 and len(p.name) <= 120 for p in products)
    assert {decimals(p.price) for p in products} >= {2, 3, 4}
    assert max(decimals(p.price) for p in products) == 4
    assert sum(plan.share for plan in seed_data.PLANS) == 100


def test_the_sums_of_every_good_order_are_right() -> None:
    assert {order.id: wrong_sums(order) for order in good_orders() if wrong_sums(order)} == {}


def test_no_good_order_holds_a_negative_amount_or_a_free_line_that_is_not_a_gift() -> None:
    for order in good_orders():
        assert min(amounts(order)) >= 0
        assert all(item.list_price or item.is_bonus for item in order.items)
        assert all(item.quantity and item.discount_amount <= item.gross_amount for item in order.items)
        assert all(not item.discount_percent or item.discount_amount for item in order.items)
        assert len({item.id for item in order.items}) == len({item.line for item in order.items}) == len(order.items)


def test_exactly_the_named_records_break_a_rule_each_with_its_own_cause() -> None:
    faults = {
        order.id: fault.code
        for (_, order), fault in zip(told_orders(), order_faults([o for _, o in told_orders()]), strict=True)
        if fault is not None
    }
    for customer in (customer for _, customer in told_customers()):
        answer = canonical_customer(customer)
        if isinstance(answer, Fault):
            faults[customer.id] = answer.code

    assert faults == expected().refused
    assert Counter(faults.values()) == {
        "tax_id_invalid": 2,
        "totals_mismatch": 1,
        "total_not_explained": 1,
        "payments_mismatch": 1,
        "quantity_invalid": 1,
        "price_zero": 1,
        "discount_above_gross": 1,
        "discount_percent_only": 1,
        "line_mismatch": 1,
        "amount_invalid": 1,
        "quote_not_imported": 1,
    }


def test_of_the_sums_a_bad_order_breaks_one_at_most() -> None:
    broken = {
        "totals_mismatch": ["items amount"],
        "total_not_explained": ["order total"],
        "payments_mismatch": ["payments"],
        "line_mismatch": ["line gross"],
    }
    for _, order in told_orders():
        code = expected().refused.get(order.id)
        if code is not None:
            assert wrong_sums(order) == broken.get(code, [])
            assert (min(amounts(order)) < 0) == (code == "amount_invalid")


def test_one_wrong_cpf_and_one_wrong_cnpj_and_their_orders_wait() -> None:
    bad = {c.id: customer for c, customer in told_customers() if c.id in expected().refused}
    waiting = {order.id for _, order in told_orders() if order.customer.id in bad}

    assert {customer.document_kind for customer in bad.values()} == {"cpf", "cnpj"}
    assert not any(cpf.is_valid(c.document or "") or cnpj.is_valid(c.document or "") for c in bad.values())
    assert waiting == expected().waiting
    assert len(waiting) == 4
    assert all(o.customer.document == bad[o.customer.id].document for _, o in told_orders() if o.id in waiting)


def test_exactly_one_order_moves_from_0001_to_0002() -> None:
    where: dict[str, list[str]] = {}
    for _, order in told_orders():
        where.setdefault(order.id, []).append(order.establishment_code)

    assert {i: codes for i, codes in where.items() if len(set(codes)) > 1} == {expected().moved: ["0001", "0002"]}


def test_cancellations_are_from_the_start_or_later_and_named() -> None:
    first = {o.id: o.status for c, o in told_orders() if c.version == 1}
    last = {o.id: o for _, o in told_orders()}
    cancelled = {i for i, order in last.items() if order.status == "cancelled"}

    assert cancelled == expected().cancelled
    assert {first[i] for i in cancelled} == {"confirmed", "cancelled"}
    for order in (last[i] for i in cancelled):
        assert order.cancel_reason
        assert order.cancelled_at is not None
        assert order.cancelled_at >= order.issued_at


def test_orders_are_edited_by_lines_in_and_out() -> None:
    lines: dict[str, list[set[str]]] = {}
    for _, order in told_orders():
        lines.setdefault(order.id, []).append({item.id for item in order.items})
    steps = [(before, after) for versions in lines.values() for before, after in pairwise(versions)]

    assert any(after - before for before, after in steps)
    assert any(before - after for before, after in steps)
    assert any(len(versions) == 3 for versions in lines.values())


def test_customers_are_edited_after_they_bought() -> None:
    bought: set[str] = set()
    edited = 0
    for change in told():
        if change.kind == "order":
            bought.add(decode_order(change.data).customer.id)
        elif change.version > 1:
            edited += 1
            assert change.id in bought
    assert edited == N_ORDERS * 15 // 1000


def test_some_quantities_have_three_or_four_decimals_and_a_gross_that_is_not_the_product() -> None:
    def is_off(item: Item) -> bool:
        return decimals(item.quantity) in (3, 4) and item.quantity * item.list_price != item.gross_amount

    odd = {o.id for o in good_orders() if any(map(is_off, o.items))}
    assert len(odd) == N_ORDERS * 5 // 1000


def test_the_odd_centavos_go_to_the_first_instalments() -> None:
    assert split(Decimal("100.00"), 3) == [Decimal("33.34"), Decimal("33.33"), Decimal("33.33")]
    assert split(Decimal("0.01"), 2) == [Decimal("0.01"), Decimal("0.00")]
    for order in good_orders():
        if order.payment_terms.code == "306090" and order.payments:
            paid = [payment.amount for payment in order.payments]
            assert paid == sorted(paid, reverse=True)
            assert paid[0] - paid[-1] <= Decimal("0.01")
            assert [(p.due_on - order.issued_at.date()).days for p in order.payments] == [30, 60, 90]


def test_the_mix_is_that_of_a_company() -> None:
    orders = list(sample_data.orders(1500, 11, sample_data.customers(200, 11), today=TODAY))
    items = [item for order in orders for item in order.items]

    assert 3.5 < len(items) / len(orders) < 4.5
    assert 1.4 < sum(len(order.payments) for order in orders) / len(orders) < 1.8
    assert 0.65 < sum(order.establishment_code == "0001" for order in orders) / len(orders) < 0.75
    assert {p.method_kind for order in orders for p in order.payments} == {"01", "03", "15", "17"}
    assert {order.type for order in orders} == {"sale", "bonus", "sample", "exchange", "consignment"}
    assert not any(order.payments for order in orders if order.type in ("bonus", "sample"))
    assert 0 < sum(item.ipi_amount > 0 for item in items) < len(items) / 20
    assert any(item.discount_amount for item in items)
    assert any(order.totals.discount_amount for order in orders)
    assert any(order.totals.freight_amount for order in orders)
    gifts = {item.list_price for order in orders if order.type == "sale" for item in order.items if item.is_bonus}
    assert Decimal("0.01") in gifts
    assert Decimal("0.00") in gifts
    assert len(gifts) > 2


def test_a_story_too_short_for_its_events_is_not_begun() -> None:
    with pytest.raises(ValueError, match="a story needs"):
        sample_data.generate_changes(n_customers=20, n_orders=59, today=TODAY)


def test_the_shortest_story_has_every_event() -> None:
    batches = sample_data.generate_changes(n_customers=20, n_orders=60, today=TODAY)
    orders = [decode_order(c.data) for batch in batches for c in batch if c.kind == "order"]
    refused = sample_data.expected(n_customers=20, n_orders=60).refused

    assert len(refused) == 12
    assert {o.id for o, f in zip(orders, order_faults(orders), strict=True) if f} == {
        i for i in refused if i.startswith("ord_")
    }


def test_memory_does_not_grow_with_the_number_of_orders() -> None:
    def peak(n_orders: int) -> int:
        buyers = sample_data.customers(20)
        tracemalloc.start()
        try:
            n_told = sum(1 for _ in sample_data.orders(n_orders, 1, buyers, today=TODAY))
            assert n_told == n_orders
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(600) < 1.3 * peak(200) + 50_000
