"""What a run counts, by the seed's four nouns: always received = written + unchanged + refused + waiting + kept."""

from __future__ import annotations

from msgspec import Struct

NOUNS = ("customers", "orders", "items", "payments")


class Tally(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Rows of one noun, by what became of them."""

    written: int = 0
    unchanged: int = 0
    refused: int = 0
    waiting: int = 0
    kept: int = 0

    @property
    def received(self) -> int:
        """All rows that came, whatever became of them."""
        return self.written + self.unchanged + self.refused + self.waiting + self.kept

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            written=self.written + other.written,
            unchanged=self.unchanged + other.unchanged,
            refused=self.refused + other.refused,
            waiting=self.waiting + other.waiting,
            kept=self.kept + other.kept,
        )


class Counts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The tallies of the four nouns: clientes, pedidos de vendas, itens de vendas, formas de pagamentos."""

    customers: Tally = Tally()
    orders: Tally = Tally()
    items: Tally = Tally()
    payments: Tally = Tally()

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            customers=self.customers + other.customers,
            orders=self.orders + other.orders,
            items=self.items + other.items,
            payments=self.payments + other.payments,
        )

    @property
    def total(self) -> Tally:
        """All four nouns together."""
        return self.customers + self.orders + self.items + self.payments


class Totals(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Rows the hub announced as waiting when the run began."""

    customers: int = 0
    orders: int = 0
    items: int = 0
    payments: int = 0

    @property
    def total(self) -> int:
        """All four nouns together."""
        return self.customers + self.orders + self.items + self.payments
