"""The sample company: its customers, its orders, and their story as OmniForce would have sent it.

Everything follows from `seed` and `today`; nothing is read from a clock. Orders are made one at a time, so that a
story of any length needs no more memory than its customers do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta, timezone
from heapq import heappop, heappush
from itertools import islice
from random import Random
from typing import NamedTuple

from msgspec import Raw
from msgspec.structs import replace

from omnisync.contract.feed import Change, RecordKind
from omnisync.contract.records import Customer, Order, encode
from omnisync.demo.customers import break_customer, customer_id, make_customer, revise_customer
from omnisync.demo.faulty_orders import BREAKERS
from omnisync.demo.orders import OrderType, cancel, make_order, move, order_id, reference, revise

SEED = 2026
N_CUSTOMERS = 2000
N_ORDERS = 6000
MAX_BATCH = 500
"""Changes in a batch of a story at most: half of what the intake takes."""
MIN_CUSTOMERS = 20
MIN_ORDERS = 60
"""A story with fewer has no place for everything it tells."""
ZONE = timezone(timedelta(hours=-3))
N_DAYS = 90

_WORKDAY_SECONDS = 10 * 3600
_SENT_AFTER = timedelta(seconds=2)
_TYPES: dict[str, OrderType] = {
    "bonus": "bonus",
    "sample": "sample",
    "exchange": "exchange",
    "consignment": "consignment",
}
# Orders in a thousand that are something else than an ordinary sale; of each at least one.
_PER_THOUSAND = {
    "edited": 20,
    "cancelled_later": 10,
    "cancelled": 8,
    "fraction": 5,
    "bonus": 20,
    "sample": 10,
    "exchange": 3,
    "consignment": 3,
    "customer_edited": 15,
}
_OF_BAD_CUSTOMERS = ("of_bad_cpf", "of_bad_cpf", "of_bad_cnpj", "of_bad_cnpj")


class Expected(NamedTuple):
    """The expected outcomes of the sample's records at the agent, besides entering.

    `refused`: id → reason code. `waiting`: orders of refused customers. `cancelled`: orders whose last state that is.
    `moved`: the order that changed from establishment 0001 to 0002.
    """

    refused: dict[str, str]
    waiting: frozenset[str]
    cancelled: frozenset[str]
    moved: str


def customers(n: int = N_CUSTOMERS, seed: int = SEED) -> list[Customer]:
    """Return the first `n` customers, all good; numbered from 1."""
    rng = Random(f"{seed}/customers")
    return [make_customer(number, rng) for number in range(1, n + 1)]


def buyers(n: int = N_CUSTOMERS, seed: int = SEED) -> list[Customer]:
    """Return those of `customers` whom a story with the same numbers does not spoil: whom one may go on selling to."""
    people = customers(n, seed)
    bad = _bad_places(people)
    return [customer for place, customer in enumerate(people) if place not in bad]


def orders(n: int, seed: int, people: Sequence[Customer], *, today: date) -> Iterator[Order]:
    """Yield the first version of each of `n` orders, all good, in the order they were issued in the 90 days before
    `today`.

    `people` must be those of `customers` with the same seed; an order names only those registered before it.
    """
    rng = Random(f"{seed}/orders")
    roles = _roles(n, seed)
    places = _bad_places(people)
    for index, issued_at in enumerate(_moments(n, rng, today)):
        role = roles.get(index, "sale")
        customer = people[_place_of_buyer(role, places, _n_known(index, len(people), n), rng)]
        type_ = _TYPES.get(role, "sale")
        order = make_order(index + 1, customer, issued_at, rng, type_=type_, has_fraction=role == "fraction")
        if role == "cancelled":
            order = cancel(order, issued_at + timedelta(minutes=rng.randrange(5, 40)), rng)
        elif role == "moved":
            order = replace(order, establishment_code="0001")
        yield order


def generate_changes(
    *, n_customers: int = N_CUSTOMERS, n_orders: int = N_ORDERS, seed: int = SEED, today: date
) -> Iterator[list[Change]]:
    """Return what OmniForce sent in the 90 days before `today`, in batches for the intake, versions growing.

    Most customers come first, the others before their first order; edits and cancellations follow hours or days
    later, between other people's orders. `expected` says which records are bad, and how.
    Raises ValueError when there are fewer than MIN_CUSTOMERS or MIN_ORDERS.
    """
    if n_customers < MIN_CUSTOMERS or n_orders < MIN_ORDERS:
        raise ValueError(f"a story needs {MIN_CUSTOMERS} customers and {MIN_ORDERS} orders")
    return batches(_ChangeScript(customers(n_customers, seed), n_orders, seed, today).changes())


def expected(*, n_customers: int = N_CUSTOMERS, n_orders: int = N_ORDERS, seed: int = SEED) -> Expected:
    """Return which records of the story with these numbers must be refused, wait, be cancelled or move."""
    of_role: dict[str, list[str]] = {}
    for index, role in _roles(n_orders, seed).items():
        of_role.setdefault(role, []).append(order_id(index + 1))
    refused = {customer_id(place + 1): "tax_id_invalid" for place in _bad_places(customers(n_customers, seed))}
    refused |= {of_role[code][0]: code for code in BREAKERS}
    return Expected(
        refused=refused,
        waiting=frozenset(of_role["of_bad_cpf"] + of_role["of_bad_cnpj"]),
        cancelled=frozenset(of_role["cancelled"] + of_role["cancelled_later"]),
        moved=of_role["moved"][0],
    )


def batches(changes: Iterable[Change], size: int = MAX_BATCH) -> Iterator[list[Change]]:
    """Yield the changes in lists of at most `size`, the order kept."""
    iterator = iter(changes)
    while batch := list(islice(iterator, size)):
        yield batch


def upsert(record: Customer | Order, version: int, changed_at: datetime) -> Change:
    """Return the change by which OmniForce sends this state of a record."""
    kind: RecordKind = "customer" if isinstance(record, Customer) else "order"
    data = Raw(encode(record))
    return Change(kind=kind, op="upsert", id=record.id, version=version, changed_at=changed_at, data=data)


def erasure(record: Customer | Order, version: int, changed_at: datetime) -> Change:
    """Return the change by which OmniForce says that a record is gone."""
    kind: RecordKind = "customer" if isinstance(record, Customer) else "order"
    return Change(kind=kind, op="delete", reason="erased", id=record.id, version=version, changed_at=changed_at)


def _roles(n: int, seed: int) -> dict[int, str]:
    """Return which orders are something else than an ordinary sale, by their place; no order is two things."""
    roles = ["moved", *BREAKERS, *_OF_BAD_CUSTOMERS]
    for role, share in _PER_THOUSAND.items():
        roles += [role] * max(1, n * share // 1000)
    places = Random(f"{seed}/roles").sample(range(n), min(n, len(roles)))
    return dict(zip(places, roles, strict=False))


def _bad_places(people: Sequence[Customer]) -> tuple[int, int]:
    """Return where the person stands whose CPF the story gets wrong, and the company whose CNPJ: not first in a
    page.
    """
    places = range(len(people) // 4, len(people))
    return (
        next(place for place in places if people[place].person_kind == "person"),
        next(place for place in places if people[place].person_kind == "company"),
    )


def _n_known(index: int, n_customers: int, n_orders: int) -> int:
    """Return how many customers are registered when the order at `index` is issued: seven of eight from the
    beginning.
    """
    n_first = _n_first(n_customers)
    return n_first + (n_customers - n_first) * (index + 1) // n_orders


def _n_first(n_customers: int) -> int:
    return n_customers * 7 // 8


def _place_of_buyer(role: str, bad_places: tuple[int, int], n_known: int, rng: Random) -> int:
    if role == "of_bad_cpf":
        return bad_places[0]
    if role == "of_bad_cnpj":
        return bad_places[1]
    while True:
        place = rng.randrange(n_known)
        if place not in bad_places:
            return place


def _moments(n: int, rng: Random, today: date) -> Iterator[datetime]:
    """`n` moments in the working hours of the 90 days before `today`, Sundays off, growing."""
    days = [today - timedelta(days=back) for back in range(N_DAYS, 0, -1)]
    mornings = [datetime.combine(day, time(8), ZONE) for day in days if day.weekday() != 6]
    seconds = len(mornings) * _WORKDAY_SECONDS
    for index in range(n):
        day, second = divmod(index * seconds // n + rng.randrange(max(1, seconds // n)), _WORKDAY_SECONDS)
        yield mornings[day] + timedelta(seconds=second)


class _ChangeScript:
    """Tells the changes one by one. What is to come later waits in a heap: two days of edits, whatever the length."""

    def __init__(self, good: list[Customer], n_orders: int, seed: int, today: date) -> None:
        self._good = good
        self._n_orders, self._seed, self._today = n_orders, seed, today
        self._rng = Random(f"{seed}/later")
        self._end = datetime.combine(today, time(23), ZONE) - timedelta(days=1)
        self._later: list[tuple[datetime, int, Change]] = []
        self._n_later = 0
        self._edited: dict[str, tuple[Customer, int, datetime]] = {}

    def changes(self) -> Iterator[Change]:
        """Yield every change, in the order it was sent."""
        n_sent = _n_first(len(self._good))
        bad = {place: break_customer(self._good[place]) for place in _bad_places(self._good)}
        bad_names = {customer.id: reference(customer) for customer in bad.values()}
        opening = datetime.combine(self._today - timedelta(days=N_DAYS), time(7), ZONE)
        for place, customer in enumerate(self._good[:n_sent]):
            yield upsert(bad.get(place, customer), 1, opening)
        roles = _roles(self._n_orders, self._seed)
        for index, order in enumerate(orders(self._n_orders, self._seed, self._good, today=self._today)):
            sent_at = order.issued_at + _SENT_AFTER
            n_known = _n_known(index, len(self._good), self._n_orders)
            for customer in self._good[n_sent:n_known]:
                yield upsert(customer, 1, order.issued_at)
            n_sent = n_known
            yield from self._due(sent_at)
            role = roles.get(index, "sale")
            if role in BREAKERS:
                yield upsert(BREAKERS[role](order), 1, sent_at)
            else:
                named = bad_names.get(order.customer.id, order.customer)
                yield upsert(replace(order, customer=named), 1, sent_at)
            self._plan(role, order)
        yield from self._due(self._end)

    def _due(self, now: datetime) -> Iterator[Change]:
        while self._later and self._later[0][0] <= now:
            yield heappop(self._later)[2]

    def _plan(self, role: str, order: Order) -> None:
        """Put aside what happens to the order, or to its customer, after it was sent."""
        at = self._after(order.issued_at)
        if role == "edited":
            again = revise(order, 2, self._rng)
            self._put(upsert(again, 2, at))
            if self._rng.randrange(3) == 0:
                self._put(upsert(revise(again, 3, self._rng), 3, self._after(at)))
        elif role == "cancelled_later":
            self._put(upsert(cancel(order, at, self._rng), 2, at))
        elif role == "moved":
            self._put(upsert(move(order), 2, at))
        elif role == "customer_edited":
            self._edit_customer(order, at)

    def _edit_customer(self, order: Order, at: datetime) -> None:
        customer, version, last_at = self._edited.get(order.customer.id, (self._customer(order), 1, at))
        at = max(at, last_at)
        edited = revise_customer(customer, self._rng), version + 1, at
        self._edited[order.customer.id] = edited
        self._put(upsert(*edited))

    def _customer(self, order: Order) -> Customer:
        return self._good[int(order.customer.id.rpartition("_")[2]) - 1]

    def _after(self, moment: datetime) -> datetime:
        return min(moment + timedelta(minutes=self._rng.randrange(30, 2880)), self._end)

    def _put(self, change: Change) -> None:
        # Of two things at one moment the one put aside first is sent first: versions never go back.
        self._n_later += 1
        heappush(self._later, (change.changed_at, self._n_later, change))
