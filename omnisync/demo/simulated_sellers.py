"""Simulated salespeople: they sell, change their minds and make mistakes, as OmniForce's users do, over the intake.

They remember only what they touched lately, so they can go on for ever; time, chance and the way out are given to them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from random import Random
from typing import Generic, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from omnisync.contract.feed import Change
from omnisync.contract.records import Customer, Order
from omnisync.demo.customers import break_customer, make_customer, revise_customer
from omnisync.demo.faulty_orders import BREAKERS
from omnisync.demo.orders import OrderType, cancel, make_order, move, revise
from omnisync.demo.sample_data import MAX_BATCH, ZONE, batches, erasure, upsert
from omnisync.demo.seed_data import SOLD_WHOLE, SampleProduct

BEGIN_VERSION = 100
"""The customers they begin with are taken to be at this version: later than any that a story tells."""

_Record = TypeVar("_Record", Customer, Order)


class _Remembered(NamedTuple, Generic[_Record]):
    record: _Record
    version: int


class Start(Struct, frozen=True, kw_only=True):
    """The state sellers begin with.

    New records take the numbers from `next_customer` and `next_order` on: those must be free. `customers` are those
    they may sell to from the first day, at this version; they keep the newest `window` of customers and of orders in
    memory, and change nothing older.
    """

    next_customer: int
    next_order: int
    customers: Sequence[Customer] = ()
    version: int = BEGIN_VERSION
    window: int = 500


class SimulatedSellers:
    """They send small batches of good and bad news. Everything they do follows from `rng`.

    `send` posts the encoded changes of one batch; `clock` returns the moment. `products` returns what may be sold then,
    at least one thing.
    """

    def __init__(
        self,
        send: Callable[[list[bytes]], None],
        rng: Random,
        clock: Callable[[], datetime],
        *,
        start: Start,
        products: Callable[[], Sequence[SampleProduct]] = lambda: SOLD_WHOLE,
    ) -> None:
        self._products = products
        self._send, self._rng, self._clock = send, rng, clock
        self._next_customer, self._next_order = start.next_customer, start.next_order
        window = start.window
        self._customers = deque((_Remembered(customer, start.version) for customer in start.customers), window)
        self._prospects: deque[_Remembered[Customer]] = deque(maxlen=window)
        self._orders: deque[_Remembered[Order]] = deque(maxlen=window)
        # As they should have been: the salesperson reads why it was refused and sends it right.
        self._bad_customers: deque[_Remembered[Customer]] = deque(maxlen=window)
        self._bad_orders: deque[_Remembered[Order]] = deque(maxlen=window)

        def edited(order: Order, version: int) -> Change:
            return self._keep(self._orders, revise(order, version, rng, products()), version)

        def cancelled(order: Order, version: int) -> Change:
            return upsert(cancel(order, self._now(), rng), version, self._now())

        def moved(order: Order, version: int) -> Change:
            return self._keep(self._orders, move(order), version)

        def erased(order: Order, version: int) -> Change:
            return erasure(order, version, self._now())

        self._kinds: dict[str, tuple[int, Callable[[], list[Change]]]] = {
            "new order": (30, self._sell),
            "new customer with its first order": (12, self._register_and_sell),
            "new customer": (6, self._register),
            "edited order": (14, partial(self._change_order, edited)),
            "cancelled order": (7, partial(self._change_order, cancelled)),
            "edited customer": (9, self._edit_customer),
            "moved order": (4, partial(self._change_order, moved)),
            "erased order": (3, partial(self._change_order, erased)),
            "erased customer": (3, self._erase_customer),
            "bad order": (5, self._break_order),
            "bad customer": (2, self._break_customer),
            "mended record": (5, self._fix),
        }

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return what they can do, each in a step of its own or beside others."""
        return tuple(self._kinds)

    def burst(self, n_new_orders: int) -> int:
        """Sell `n_new_orders` orders at once, in batches of 500; how many changes were sent."""
        news = (change for _ in range(n_new_orders) for change in self._sell())
        return sum(len(self._post(batch)) for batch in batches(news, MAX_BATCH))

    def step(self) -> list[Change]:
        """Do one to five things, chosen at random, in one batch; what was sent."""
        names, doings = list(self._kinds), list(self._kinds.values())
        chosen = self._rng.choices(names, [share for share, _ in doings], k=self._rng.randrange(1, 6))
        return self.do(*chosen)

    def do(self, *kinds: str) -> list[Change]:
        """Do these things in one batch; what was sent. Where there is nothing to change yet, an order is sold."""
        changes = [change for kind in kinds for change in self._kinds[kind][1]()]
        return self._post(changes)

    def _post(self, changes: list[Change]) -> list[Change]:
        self._send([msgspec.json.encode(change) for change in changes])
        return changes

    def _now(self) -> datetime:
        return self._clock().astimezone(ZONE).replace(microsecond=0)

    def _sell(self) -> list[Change]:
        if not self._customers:
            return self._register_and_sell()
        order = self._new_order(self._rng.choice(self._customers).record)
        return [self._keep(self._orders, order)]

    def _register_and_sell(self) -> list[Change]:
        customer = self._new_customer()
        first = self._keep(self._customers, customer)
        return [first, self._keep(self._orders, self._new_order(customer))]

    def _register(self) -> list[Change]:
        return [self._keep(self._prospects, self._new_customer())]

    def _new_customer(self) -> Customer:
        self._next_customer += 1
        return make_customer(self._next_customer - 1, self._rng)

    def _new_order(self, customer: Customer, *, is_sale: bool = False) -> Order:
        self._next_order += 1
        gift: OrderType = self._rng.choice(("bonus", "sample"))
        type_ = "sale" if is_sale or self._rng.randrange(30) else gift
        return make_order(
            self._next_order - 1, customer, self._now(), self._rng, type_=type_, products=self._products()
        )

    def _keep(self, window: deque[_Remembered[_Record]], record: _Record, version: int = 1) -> Change:
        window.append(_Remembered(record, version))
        return upsert(record, version, self._now())

    def _change_order(self, changed: Callable[[Order, int], Change]) -> list[Change]:
        """Change one of the orders they keep, to its next version."""
        if not self._orders:
            return self._sell()
        order, version = self._take(self._orders)
        return [changed(order, version + 1)]

    def _edit_customer(self) -> list[Change]:
        if not self._customers:
            return self._register_and_sell()
        customer, version = self._take(self._customers)
        return [self._keep(self._customers, revise_customer(customer, self._rng), version + 1)]

    def _erase_customer(self) -> list[Change]:
        """Erase one who never bought: a buyer's orders would be left without their customer."""
        if not self._prospects:
            return self._register()
        customer, version = self._take(self._prospects)
        return [erasure(customer, version + 1, self._now())]

    def _take(self, window: deque[_Remembered[_Record]]) -> _Remembered[_Record]:
        place = self._rng.randrange(len(window))
        known = window[place]
        del window[place]
        return known

    def _break_order(self) -> list[Change]:
        if not self._customers:
            return self._register_and_sell()
        good = self._new_order(self._rng.choice(self._customers).record, is_sale=True)
        self._bad_orders.append(_Remembered(good, 1))
        return [upsert(BREAKERS[self._rng.choice(tuple(BREAKERS))](good), 1, self._now())]

    def _break_customer(self) -> list[Change]:
        """Return a new customer with a mistyped document, and its first order, which has to wait for it."""
        good = self._new_customer()
        self._bad_customers.append(_Remembered(good, 1))
        order = upsert(self._new_order(good), 1, self._now())
        return [upsert(break_customer(good), 1, self._now()), order]

    def _fix(self) -> list[Change]:
        if self._bad_customers and (not self._bad_orders or self._rng.randrange(2)):
            customer, version = self._take(self._bad_customers)
            return [self._keep(self._customers, customer, version + 1)]
        if self._bad_orders:
            order, version = self._take(self._bad_orders)
            return [self._keep(self._orders, order, version + 1)]
        return self._break_order()
