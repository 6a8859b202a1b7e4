"""For any history of edits, moves and erasures with reads in between, a reader ends equal to the hub.

The reader is the agent's rule in a few lines: customers to their end, then each order stream; newer wins; a move is the
other stream's business. It must never meet an order whose customer it has not seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from omnisync.contract.feed import Change, Page, read_page
from omnisync.hub import feed, intake
from omnisync.hub.store import Store
from tests.support.hub_server import NOW, customer, erased, found_company, order, raw

_number = count()
ESTABLISHMENTS = ("0001", "0002")
READ = "read"

_customer = some.tuples(some.just("customer"), some.integers(0, 3))
_order = some.tuples(some.just("order"), some.integers(0, 4), some.sampled_from(ESTABLISHMENTS), some.integers(0, 3))
_erasure = some.tuples(some.just("erase"), some.integers(0, 4))
_read = some.tuples(some.just(READ), some.integers(1, 3))
histories = some.lists(some.one_of(_customer, _order, _order, _erasure, _read), max_size=25)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('hub') / 'hub.db'}")
    store.migrate()
    yield store
    store.close()


class Writer:
    """The apps' side: every change with the next version of its record; an order only of a known customer."""

    def __init__(self, store: Store, company: str) -> None:
        self._store, self._company = store, company
        self._version = 0
        self.customers: set[str] = set()
        self.orders: dict[str, tuple[int, str]] = {}

    def do(self, kind: str, n: int, establishment: str = "", customer_n: int = 0) -> None:
        self._version += 1
        if kind == "customer":
            self._customer(f"c{n}")
        elif kind == "erase":
            if self.orders.pop(f"o{n}", None):
                self._take(erased("order", f"o{n}", self._version))
        else:
            if f"c{customer_n}" not in self.customers:
                self._customer(f"c{customer_n}")
            self._take(order(f"o{n}", self._version, establishment, f"c{customer_n}", n_items=1))
            self.orders[f"o{n}"] = (self._version, establishment)

    def _customer(self, id: str) -> None:
        self.customers.add(id)
        self._take(customer(id, self._version))

    def _take(self, change: dict[str, Any]) -> None:
        assert intake.ingest(self._store, self._company, raw(change), NOW)[0].status == "stored"


class Reader:
    """The agent's side, remembering only versions."""

    def __init__(self, store: Store, company: str) -> None:
        self._store, self._company = store, company
        self._cursors: dict[str, str] = {}
        self.customers: set[str] = set()
        self.orders: dict[str, tuple[int, str]] = {}

    def read(self, limit: int, n_pages: int = 1000) -> None:
        """Some pages of each stream: where it stops, the next read goes on."""
        for stream in ("customer", *(f"order:{code}" for code in ESTABLISHMENTS)):
            for page in self._pages(stream, limit, n_pages):
                self.customers |= {change.id for change in page.related.customers}
                for change in page.changes:
                    self._apply(change, stream)

    def _apply(self, change: Change, stream: str) -> None:
        if change.kind == "customer":
            self.customers.add(change.id)
        elif change.reason == "erased":
            self.orders.pop(change.id, None)
        elif change.op == "upsert" and self.orders.get(change.id, (0, ""))[0] < change.version:
            named = bytes(change.data).split(b'"customer":{"id":"')[1].split(b'"')[0].decode()
            assert named in self.customers, "met before its customer"
            self.orders[change.id] = (change.version, stream.removeprefix("order:"))

    def _pages(self, stream: str, limit: int, n_pages: int) -> Iterator[Page]:
        for _ in range(n_pages):
            until = self._cursors.get("customer")
            asked = feed.PageRequest(
                stream=stream, cursor=self._cursors.get(stream), customers_until=until, limit=limit
            )
            body = feed.page(self._store, self._company, asked).body
            page = read_page(body or b"", "customer" if stream == "customer" else "order")[0]
            self._cursors[stream] = page.cursor
            yield page
            if not page.has_more:
                return


@given(history=histories)
def test_a_reader_ends_equal_to_the_hub_whatever_happened_between_its_pages(store: Store, history: list[Any]) -> None:
    company = f"aurora-{next(_number)}"
    found_company(store, company)
    writer, reader = Writer(store, company), Reader(store, company)
    for step in history:
        if step[0] == READ:
            reader.read(limit=step[1], n_pages=1)
        else:
            writer.do(*step)
    reader.read(limit=2)
    assert (reader.orders, reader.customers) == (writer.orders, writer.customers)
