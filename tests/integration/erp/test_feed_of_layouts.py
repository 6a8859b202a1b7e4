"""One feed into every database through the direct and the staging layout: the same content everywhere.

5,000 orders in the nightly size (HYPOTHESIS_PROFILE=deep), 500 otherwise. `--junitxml` keeps what was counted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator
from datetime import date
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from omnisync.agent.progress import Counts
from omnisync.contract.documents import mask
from omnisync.contract.feed import Change
from omnisync.contract.records import Order, decode_customer, decode_order
from omnisync.demo import sample_data
from omnisync.hub import receipts
from tests.support.erp_databases import KEEPERS
from tests.support.erp_reader import ErpReader, Seen, make_erp_reader, real_orders
from tests.support.hub_server import COMPANY, RunningHub, running_hub
from tests.support.import_runs import client, importer, send

IS_NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "deep"  # noqa: TID251  # tests have no settings of ours
N_CUSTOMERS, N_ORDERS = (1500, 5000) if IS_NIGHTLY else (150, 500)
STORY = {"n_customers": N_CUSTOMERS, "n_orders": N_ORDERS}
METHODS = {
    "direto": {"DINHEIRO": "01", "CARTAO_CREDITO": "03", "BOLETO": "15", "PIX": "17"},
    "staging": {"DINHEIRO": "1", "PIX": "2", "BOLETO": "3", "CARTAO_CREDITO": "4"},
}


Records = dict[str, Change]
"""The newest change of each record, by its id."""


class Halves(NamedTuple):
    """The story told in two: four fifths of the records as they first were, then the others and every edit."""

    first: list[Change]
    rest: list[Change]

    @property
    def before(self) -> Records:
        """The records as the first half leaves them."""
        return {change.id: change for change in self.first}

    @property
    def after(self) -> Records:
        """The records as they are at the end."""
        return self.before | {change.id: change for change in self.rest}


@pytest.fixture(scope="module")
def halves() -> Halves:
    changes = list(chain.from_iterable(sample_data.generate_changes(**STORY, today=date(2026, 11, 24))))
    early = len(changes) * 4 // 5
    first = [change for n, change in enumerate(changes) if change.version == 1 and n < early]
    return Halves(first, [change for n, change in enumerate(changes) if change.version > 1 or n >= early])


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running_hub(tmp_path) as running:
        yield running


def _books(layout: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[ErpReader]:
    for kind in KEEPERS:
        (folder / kind).mkdir()
        yield make_erp_reader(kind, layout, request, folder / kind)


def _imported(book: ErpReader, hub: RunningHub) -> Counts:
    erp = book.open()
    with client(hub) as opened:
        counts = importer(erp, opened).run()
    erp.close()
    return counts


def _send(hub: RunningHub, changes: list[Change]) -> None:
    for batch in sample_data.batches(changes):
        send(hub, *batch)


def _entering(records: Records, layout: str, state: str) -> dict[str, tuple[Any, ...]]:
    """What must stand in an ERP that saw these records and no others before, reckoned from them alone."""
    expected = sample_data.expected(**STORY)
    outside = expected.refused.keys() | expected.waiting | {expected.moved}
    people = {id_: decode_customer(c.data) for id_, c in records.items() if c.kind == "customer"}
    orders = {id_: decode_order(c.data) for id_, c in records.items() if c.kind == "order" and c.op == "upsert"}
    return {
        id_: _content(record, layout, state, people[record.customer.id].document or "")
        for id_, record in orders.items()
        if id_ not in outside and record.status == "confirmed"
    }


def _content(order: Order, layout: str, state: str, document: str) -> tuple[Any, ...]:
    methods = METHODS[layout]
    return Seen(
        number="",
        state=state,
        customer=mask(document),
        total=order.totals.total_amount,
        items=tuple((i.line, i.product_code, i.quantity, i.total_amount) for i in order.items),
        payments=tuple((p.line, methods[p.method_code], p.due_on.isoformat(), p.amount) for p in order.payments),
    ).content


def _seen(orders: dict[str, Seen], among: Collection[str]) -> dict[str, tuple[Any, ...]]:
    return {id_: seen.content for id_, seen in orders.items() if id_ in among}


def _numbers(orders: dict[str, Seen]) -> dict[str, str]:
    return {id_: seen.number for id_, seen in orders.items()}


class Sums(NamedTuple):
    """What an ERP holds, counted and added up: rows of each noun, and the money in them."""

    orders: int
    items: int
    payments: int
    total: Decimal
    of_items: Decimal
    of_payments: Decimal


def _sums(orders: Collection[Seen]) -> Sums:
    lines = [line for seen in orders for line in seen.items]
    instalments = [one for seen in orders for one in seen.payments]
    return Sums(
        len(orders),
        len(lines),
        len(instalments),
        sum((seen.total for seen in orders), Decimal(0)),
        sum((line[3] for line in lines), Decimal(0)),
        sum((one[3] for one in instalments), Decimal(0)),
    )


def _accented(records: Records, book: ErpReader, n_letters: int) -> dict[str, str]:
    """Names of customers the ERP has, as they were sold to: capitals, accents and all. Cut ones are left out."""
    found, there = {}, book.customers()
    for id_, change in records.items():
        name = decode_customer(change.data).name if change.kind == "customer" and id_ in there else ""
        if name and len(name) <= n_letters and not name.isascii():
            found[id_] = name.upper().replace("’", "'")
    assert len(found) > N_CUSTOMERS // 20
    return found


def _names(book: ErpReader, among: Collection[str]) -> dict[str, str]:
    return {id_: name for id_, (_, name) in book.customers().items() if id_ in among}


def _told(hub: RunningHub, ids: Collection[str]) -> set[str]:
    """What the hub was told last of these orders."""
    told = [json.loads(receipts.receipts_of(hub.store, COMPANY, "order", id_)[0]) for id_ in ids]
    return {one["outcome"] for one in told}


Record = Callable[[str, object], None]


def test_a_direct_erp_has_the_same_content_whatever_its_database(
    hub: RunningHub, halves: Halves, request: pytest.FixtureRequest, tmp_path: Path, record_property: Record
) -> None:
    first, last = halves.before, halves.after
    before = _entering(first, "direto", "A")
    edited = {id_ for id_ in before if last[id_].version > first[id_].version}
    taken_away = {id_ for n, id_ in enumerate(before) if n % 50 == 0} | set(sorted(edited)[::3])
    after = {id_: content for id_, content in _entering(last, "direto", "A").items() if id_ not in taken_away}
    cancelled = {id_ for id_ in before if decode_order(last[id_].data).status == "cancelled"} - taken_away
    assert min(map(len, (edited, taken_away & edited, cancelled))) > 0
    books = list(_books("direto", request, tmp_path))
    _send(hub, halves.first)
    for book in books:
        _imported(book, hub)
        assert _seen(book.orders(), before) == before, book.keeper.name
        for id_ in taken_away:
            book.delete(id_)
    _send(hub, halves.rest)
    numbers, sums = [], []
    for book in books:
        counts = _imported(book, hub)
        orders = book.orders()
        numbers.append(_numbers(orders))
        sums.append(_sums(orders.values()))
        record_property(f"direto {book.keeper.name}", sums[-1])
        names = _accented(last, book, 40)
        assert _names(book, names) == names, book.keeper.name
        assert _seen(orders, after) == after, book.keeper.name
        assert {orders[id_].state for id_ in cancelled} == {"C"}, book.keeper.name
        assert not taken_away & orders.keys(), book.keeper.name
        assert counts.orders.kept >= len(taken_away & edited), book.keeper.name
        assert _told(hub, taken_away & edited) == {"kept"}, book.keeper.name
        assert _imported(book, hub).total.written == 0, book.keeper.name
        assert book.orders() == orders, book.keeper.name
        _without_gaps(book)
    assert all(found == numbers[0] for found in numbers)
    assert all(found == sums[0] for found in sums)
    assert sums[0].total > sums[0].of_payments > 0  # gifts are not paid


def _without_gaps(book: ErpReader) -> None:
    """Of each filial every number up to its counter was given out, once; some orders were deleted since."""
    for filial, last in book.query("SELECT CNT_FILIAL, CNT_ULTIMO FROM CONTADOR WHERE CNT_NOME = 'PEDIDO'"):
        rows = book.query("SELECT PED_NUMERO FROM PEDIDO WHERE PED_FILIAL = ?", filial)
        bound = book.keeper.query("SELECT erp_key FROM omnisync_binding WHERE kind = 'order' AND erp_key IS NOT NULL")
        given = [int(key.split("\x1f")[1]) for (key,) in bound if key.split("\x1f")[0] == filial]
        assert {number for (number,) in rows} <= set(given)
        assert sorted(given) == list(range(int(last) - len(given) + 1, int(last) + 1)), (book.keeper.name, filial)


def test_a_staging_erps_job_makes_the_same_orders_whatever_its_database(
    hub: RunningHub, halves: Halves, request: pytest.FixtureRequest, tmp_path: Path, record_property: Record
) -> None:
    first, last = halves.before, halves.after
    before, after = _entering(first, "staging", "I"), _entering(last, "staging", "I")
    edited = {id_ for id_ in before if last[id_].version > first[id_].version}
    assert edited
    books = list(_books("staging", request, tmp_path))
    _send(hub, halves.first)
    for book in books:
        _imported(book, hub)
        queued = {id_: ("P", *content[1:]) for id_, content in before.items()}
        assert _seen(book.orders(), before) == queued, book.keeper.name
        book.import_queue()
        assert book.orders() == {}, book.keeper.name
    _send(hub, halves.rest)
    numbers, sums = [], []
    for book in books:
        counts = _imported(book, hub)
        assert counts.orders.kept >= len(edited), book.keeper.name
        assert _told(hub, edited) == {"kept"}, book.keeper.name
        assert not book.orders().keys() & before.keys(), book.keeper.name
        book.import_queue()
        assert _imported(book, hub).total.written == 0, book.keeper.name
        orders = real_orders(book)
        # What the job took is as it was taken; what came later entered later.
        assert _seen(orders, after | before) == after | before, book.keeper.name
        numbers.append(_numbers(orders))
        sums.append(_sums(orders.values()))
        record_property(f"staging {book.keeper.name}", sums[-1])
        names = _accented(last, book, 50)
        assert _names(book, names) == names, book.keeper.name
        told = dict(book.keeper.query("SELECT id, erp_number FROM omnisync_binding WHERE kind = 'order'"))
        assert {id_: told[id_] for id_ in orders} == numbers[-1], book.keeper.name
    assert all(found == numbers[0] for found in numbers)
    assert all(found == sums[0] for found in sums)
    assert sums[0].total > sums[0].of_payments > 0  # gifts are not paid
