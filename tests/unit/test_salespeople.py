"""The simulated salespeople: every kind of news, good sums, versions that grow, a memory that does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest

from omnisync.contract import validation
from omnisync.contract.documents import is_cnpj, is_cpf
from omnisync.contract.feed import Change
from omnisync.contract.records import Customer, Order, decode_customer, decode_order
from omnisync.contract.rules import order_faults
from omnisync.demo import sample_data
from omnisync.demo.faulty_orders import BREAKERS
from omnisync.demo.simulated_sellers import BEGIN_VERSION, SimulatedSellers, Start

NOW = datetime(2026, 11, 24, 15, 30, 0, 123456, tzinfo=UTC)


class Intake:
    """Keeps what was posted, batch by batch."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []

    def __call__(self, batch: list[bytes]) -> None:
        self.batches.append(batch)

    def changes(self) -> Iterator[Change]:
        for batch in self.batches:
            yield from (msgspec.json.decode(raw, type=Change) for raw in batch)


def minutes() -> Iterator[datetime]:
    moment = NOW
    while True:
        yield moment
        moment += timedelta(seconds=7)


def people(intake: Intake, seed: int = 1, *, window: int = 500) -> SimulatedSellers:
    moments = minutes()
    return SimulatedSellers(
        intake,
        Random(seed),
        lambda: next(moments),
        start=Start(next_customer=41, next_order=501, customers=sample_data.buyers(40), window=window),
    )


def order_of(change: Change) -> Order:
    return decode_order(change.data)


def customer_of(change: Change) -> Customer:
    return decode_customer(change.data)


def is_good(change: Change) -> bool:
    if change.op == "delete":
        return True
    if change.kind == "order":
        return order_faults([order_of(change)]) == [None]
    document = customer_of(change).document or ""
    return is_cnpj(document) or is_cpf(document)


def test_the_same_chance_sends_the_same_bytes() -> None:
    one, two = Intake(), Intake()
    for intake in (one, two):
        team = people(intake)
        team.burst(20)
        for _ in range(30):
            team.step()

    assert one.batches == two.batches


def test_a_burst_sells_just_so_many_good_orders_in_batches() -> None:
    intake = Intake()

    assert people(intake).burst(1100) == 1100
    assert [len(batch) for batch in intake.batches] == [500, 500, 100]
    assert all(map(is_good, intake.changes()))
    assert [c.id for c in intake.changes()] == [f"ord_{n:06d}" for n in range(501, 1601)]


def test_what_a_step_answers_is_what_was_sent() -> None:
    intake = Intake()
    team = people(intake)
    sent = [team.step() for _ in range(10)]

    assert [[msgspec.json.encode(c) for c in batch] for batch in sent] == intake.batches


def test_steps_do_every_kind_of_thing_and_the_intake_takes_all_of_it() -> None:
    intake = Intake()
    team = people(intake)
    for _ in range(300):
        team.step()
    seen: Counter[str] = Counter()
    for change in intake.changes():
        assert isinstance(validation.read(msgspec.json.encode(change)), validation.ValidRecord)
        seen[f"{change.kind} {change.op} {'first' if change.version == 1 else 'later'}"] += 1
        if change.kind == "order" and change.op == "upsert":
            seen[order_of(change).status] += 1

    assert set(seen) == {
        "customer upsert first",
        "customer upsert later",
        "customer delete later",
        "order upsert first",
        "order upsert later",
        "order delete later",
        "confirmed",
        "cancelled",
    }


def test_versions_grow_and_an_erased_record_never_comes_back() -> None:
    intake = Intake()
    team = people(intake)
    for _ in range(300):
        team.step()
    known = {customer.id: BEGIN_VERSION for customer in sample_data.buyers(40)}
    erased = set()
    for change in intake.changes():
        assert change.id not in erased
        assert change.version == known.get(change.id, 0) + 1
        known[change.id] = change.version
        if change.op == "delete":
            erased.add(change.id)


def test_an_order_always_names_a_customer_that_is_there() -> None:
    intake = Intake()
    team = people(intake)
    for _ in range(300):
        team.step()
    there = {customer.id for customer in sample_data.buyers(40)}
    bought = set()
    for change in intake.changes():
        if change.kind == "customer":
            there.add(change.id)
            assert change.op == "upsert" or change.id not in bought
        elif change.op == "upsert":
            bought.add(order_of(change).customer.id)
            assert order_of(change).customer.id in there


@pytest.mark.parametrize(
    "kind",
    [
        "new order",
        "new customer with its first order",
        "new customer",
        "edited order",
        "cancelled order",
        "edited customer",
        "moved order",
        "erased order",
        "erased customer",
    ],
)
def test_good_news_is_good_also_when_it_is_the_first(kind: str) -> None:
    intake = Intake()
    moments = minutes()
    team = SimulatedSellers(intake, Random(3), lambda: next(moments), start=Start(next_customer=1, next_order=1))
    for _ in range(40):
        team.do(kind)

    assert all(map(is_good, intake.changes()))


def test_a_moved_order_changes_only_its_establishment_and_version() -> None:
    intake = Intake()
    team = people(intake)
    team.do("new order", "moved order")
    before, after = intake.changes()

    assert (before.id, before.version + 1) == (after.id, after.version)
    assert {order_of(before).establishment_code, order_of(after).establishment_code} == {"0001", "0002"}
    assert order_of(before).items == order_of(after).items


def test_a_bad_order_has_one_of_the_named_faults_and_is_mended_later() -> None:
    intake = Intake()
    team = people(intake)
    codes = set()
    for _ in range(120):
        team.do("bad order")
        bad = list(intake.changes())[-1]
        fault = order_faults([order_of(bad)])[0]
        assert fault is not None
        codes.add(fault.code)
        intake.batches.clear()
        team.do("mended record")
        mended = next(intake.changes())
        assert (mended.id, mended.version) == (bad.id, 2)
        assert is_good(mended)

    assert codes == set(BREAKERS)


def test_a_bad_customer_comes_with_an_order_that_has_to_wait_and_is_mended_later() -> None:
    intake = Intake()
    team = people(intake)
    team.do("bad customer")
    team.do("mended record")
    bad, order, mended = intake.changes()

    assert not is_good(bad)
    assert is_good(order)
    assert order_of(order).customer.id == bad.id
    assert (mended.id, mended.version) == (bad.id, 2)
    assert is_good(mended)


def test_kinds_are_all_that_can_be_done() -> None:
    intake = Intake()
    team = people(intake)
    for kind in team.kinds:
        assert team.do(kind)
    with pytest.raises(KeyError):
        team.do("something else")


def test_moments_are_the_clocks_at_brasilia_time() -> None:
    intake = Intake()
    people(intake).burst(1)
    change = next(intake.changes())

    assert order_of(change).issued_at.isoformat() == "2026-11-24T12:30:00-03:00"
    assert change.changed_at.utcoffset() == timedelta(hours=-3)


def test_only_a_window_of_records_is_remembered() -> None:
    intake = Intake()
    team = people(intake, window=10)
    team.burst(200)
    lately = {change.id for change in list(intake.changes())[-10:]}
    intake.batches.clear()
    for _ in range(10):
        team.do("erased order")
    erased = {change.id for change in intake.changes() if change.op == "delete"}

    assert erased == lately
    assert team.do("erased order")[0].op == "upsert"  # nothing is left to erase: an order is sold
