"""What salespeople may sell is what the ERP sent to the hub."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import msgspec
from msgspec import Raw

from omnisync.agent.hub_api.transport import ExpiredError
from omnisync.contract.batches import Delete, ExportPage, Upsert
from omnisync.contract.datasets import Price, Product
from omnisync.contract.feed import Change
from omnisync.contract.records import decode_order
from omnisync.demo import sample_data
from omnisync.demo.exported_products import ExportedProducts
from omnisync.demo.simulated_sellers import SimulatedSellers, Start

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


class Pages:
    """Pages of datasets as a hub hands them out; a cursor is a place in them."""

    def __init__(self) -> None:
        self.pages: dict[str, list[tuple[Upsert | Delete, ...]]] = {"products": [], "prices": []}
        self.asked: list[tuple[str, str]] = []
        self.restored: set[str] = set()

    def __call__(self, dataset: str, cursor: str) -> ExportPage:
        self.asked.append((dataset, cursor))
        if cursor and dataset in self.restored:
            self.restored.remove(dataset)
            raise ExpiredError
        place, pages = int(cursor or 0), self.pages[dataset]
        lines = pages[place] if place < len(pages) else ()
        after = min(place + 1, len(pages))
        return ExportPage(contract="1.0", epoch="e", lines=lines, cursor=str(after), has_more=after < len(pages))


def product(code: str, *, is_active: bool = True) -> Upsert:
    row = Product(code=code, name=f"Produto {code}", unit="UN", is_active=is_active)
    return Upsert(key=code, version="1", data=Raw(msgspec.json.encode(row)))


def price(table: str, code: str, amount: str) -> Upsert:
    row = Price(table_code=table, product_code=code, price=Decimal(amount))
    return Upsert(key=f"{table}/{code}", version="1", data=Raw(msgspec.json.encode(row)))


def stocked() -> Pages:
    pages = Pages()
    pages.pages["products"] = [(product("1"), product("2")), (product("3"), product("4", is_active=False))]
    pages.pages["prices"] = [
        tuple(price(table, code, f"{code}.50") for table in ("ATACADO", "VAREJO") for code in ("1", "3", "4"))
    ]
    return pages


def test_only_what_is_active_and_has_its_prices_may_be_sold() -> None:
    found = ExportedProducts(stocked()).read_available()
    assert [(one.code, one.price, one.retail_price) for one in found] == [
        ("1", Decimal("1.5"), Decimal("1.5")),
        ("3", Decimal("3.5"), Decimal("3.5")),
    ]


def test_it_reads_on_from_where_it_stopped() -> None:
    pages = stocked()
    shelf = ExportedProducts(pages)
    shelf.read_available()
    pages.pages["products"].append((Delete(key="1"), product("2")))
    pages.asked.clear()
    assert [one.code for one in shelf.read_available()] == ["3"]
    assert pages.asked == [("products", "2"), ("prices", "1")]


def test_salespeople_sell_what_is_on_the_shelf_and_nothing_else() -> None:
    sold: list[Change] = []
    goods = ExportedProducts(stocked()).read_available()

    def moments() -> Iterator[datetime]:
        while True:
            yield NOW

    team = SimulatedSellers(
        lambda batch: sold.extend(msgspec.json.decode(raw, type=Change) for raw in batch),
        Random(1),
        moments().__next__,
        start=Start(next_customer=41, next_order=1, customers=sample_data.buyers(40)),
        products=lambda: goods,
    )
    team.burst(60)
    for _ in range(60):
        team.step()
    orders = [decode_order(one.data) for one in sold if one.kind == "order" and one.op == "upsert"]
    assert {item.product_code for order in orders for item in order.items} == {"1", "3"}


def test_after_a_restore_of_the_hub_the_shelf_holds_what_is_sent_again() -> None:
    pages = stocked()
    shelf = ExportedProducts(pages)
    assert {product.code for product in shelf.read_available()} == {"1", "3"}
    pages.restored = {"products", "prices"}
    pages.pages["products"] = [(product("1"),)]
    assert {product.code for product in shelf.read_available()} == {"1"}
    assert pages.restored == set()
