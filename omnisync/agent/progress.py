"""The counts of a run: rows imported, by entity, and rows exported, by dataset.

Of what came always received = written + unchanged + refused + waiting + kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from omnisync.agent.coded_message import CodedMessage, coded
from omnisync.agent.errors import TemporaryError
from omnisync.agent.phase import Phase

NOUNS = ("customers", "orders", "items", "payments")


class RowCounts(Struct, frozen=True, kw_only=True, omit_defaults=True):
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

    def __add__(self, other: RowCounts) -> RowCounts:
        return RowCounts(
            written=self.written + other.written,
            unchanged=self.unchanged + other.unchanged,
            refused=self.refused + other.refused,
            waiting=self.waiting + other.waiting,
            kept=self.kept + other.kept,
        )


class ExportCounts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Rows of one dataset on their way out.

    `read` are those the ERP answered, `prepared` the lines that were to go, `sent` those the hub took, deletes among
    them. `refused` did not fit, and `held` are deletes that wait for a person's confirmation.
    """

    read: int = 0
    prepared: int = 0
    sent: int = 0
    deleted: int = 0
    refused: int = 0
    held: int = 0

    def __add__(self, other: ExportCounts) -> ExportCounts:
        return ExportCounts(
            read=self.read + other.read,
            prepared=self.prepared + other.prepared,
            sent=self.sent + other.sent,
            deleted=self.deleted + other.deleted,
            refused=self.refused + other.refused,
            held=self.held + other.held,
        )


class Counts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The tallies of the four nouns: clientes, pedidos de vendas, itens de vendas, formas de pagamentos.

    And of the datasets that went out, by `system.dataset`.
    """

    customers: RowCounts = RowCounts()
    orders: RowCounts = RowCounts()
    items: RowCounts = RowCounts()
    payments: RowCounts = RowCounts()
    exports: Mapping[str, ExportCounts] = {}

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            customers=self.customers + other.customers,
            orders=self.orders + other.orders,
            items=self.items + other.items,
            payments=self.payments + other.payments,
            exports={
                name: self.exports.get(name, ExportCounts()) + other.exports.get(name, ExportCounts())
                for name in (*self.exports, *other.exports)
            },
        )

    @property
    def total(self) -> RowCounts:
        """All four nouns together."""
        return self.customers + self.orders + self.items + self.payments

    @property
    def n_records_written(self) -> int:
        """Return how many customers and orders were written."""
        return self.customers.written + self.orders.written

    @property
    def sent(self) -> ExportCounts:
        """All datasets together."""
        return sum(self.exports.values(), ExportCounts())

    def sent_by_system(self) -> dict[str, int]:
        """Return how many lines each system took, in the order they went out."""
        found: dict[str, int] = {}
        for name, sent in self.exports.items():
            system = name.partition(".")[0]
            found[system] = found.get(system, 0) + sent.sent
        return found

    @property
    def has_refusals(self) -> bool:
        """Return whether something is not as it should be: a record or a row refused, deletes held back."""
        sent = self.sent
        return bool(self.total.refused or sent.refused or sent.held)


class ExpectedCounts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Rows the hub announced as waiting when the run began."""

    customers: int = 0
    orders: int = 0
    items: int = 0
    payments: int = 0

    @property
    def total(self) -> int:
        """All four nouns together."""
        return self.customers + self.orders + self.items + self.payments


def deletes_to_confirm(dataset: str, n: int) -> CodedMessage:
    """Return the message of `n` rows of a dataset that are deleted only after a confirmation."""
    return coded("many_deleted", n=n) if dataset == "products" else coded("many_rows_deleted", n=n, dados=dataset)


class Progress(Struct, frozen=True, kw_only=True):
    """The state of a run as it goes."""

    phase: Phase
    counts: Counts
    totals: ExpectedCounts
    trouble: TemporaryError | None = None
    retry_at: datetime | None = None
    """What is being waited out, if anything, and until when."""
    unread: Mapping[str, int] | None = None
    """Orders of establishments the hub does not know, by code; None while the hub has not said."""
