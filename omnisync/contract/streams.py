"""Streams: a company's customers, and the orders of each of its establishments. Each has a cursor of its own."""

from __future__ import annotations

from msgspec import Struct

from omnisync.contract.feed import RecordKind, Streams


class Stream(Struct, frozen=True, order=True):
    """One stream: of customers, or of the orders of one establishment. Customers sort first."""

    kind: RecordKind
    establishment: str = ""

    @property
    def name(self) -> str:
        """Return the name that wire and databases keep: "customer", or "order:0001"."""
        return f"{self.kind}:{self.establishment}" if self.kind == "order" else self.kind


CUSTOMERS = Stream("customer")


def orders_of(establishment: str) -> Stream:
    """Return the stream of an establishment's orders."""
    return Stream("order", establishment)


def stream_named(name: str) -> Stream:
    """Return the stream of this name. Raises ValueError for a name that no stream has."""
    kind, colon, establishment = name.partition(":")
    if kind == "order" and colon:
        return orders_of(establishment)
    if name != CUSTOMERS.name:
        raise ValueError(name)
    return CUSTOMERS


def unread_orders(heads: Streams) -> dict[str, int]:
    """Return orders that no agent reads, by the code of the establishment that is not registered."""
    return {stream_named(head.stream).establishment: head.unregistered for head in heads.streams if head.unregistered}
