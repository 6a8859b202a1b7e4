"""The promise every ERP keeps. The importer knows nothing else of a database.

In the ERP's own database stand exactly two tables of ours, `omnisync_binding` and `omnisync_cursor`. They are the
truth of what was imported, and they go back with the ERP's own backup. A layout may have them kept by the agent instead
(`state = "agent"`): then the ERP's rows are the truth, found by their external ids. Source: docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from omnisync.agent.erp.driver import Timeouts
from omnisync.agent.erp.export.changed_at import Since
from omnisync.agent.erp.export.chunking import ROWS_PER_CHUNK
from omnisync.agent.erp.export.row_stream import RowStream
from omnisync.agent.erp.layout.export_queries import ExportQuery
from omnisync.agent.progress import Counts
from omnisync.contract.feed import Change, Reason, Receipt, RecordKind, Unreadable
from omnisync.contract.streams import Stream


class ErpScope(Struct, frozen=True, kw_only=True):
    """The records one connection writes: of this company, under this connection's name, of these establishments."""

    company: str
    connection: str
    establishments: Sequence[str]


class ErpOptions(Struct, frozen=True, kw_only=True):
    """The choices of one connection, and what the machine offers.

    `adjusts_centavo` lets orders in whose sums are a centavo off. `n_cores` are this machine's. A chunk of an export
    ends at one row in `rows_per_chunk`, at most 255.
    """

    adjusts_centavo: bool = False
    n_cores: int = 1
    rows_per_chunk: int = ROWS_PER_CHUNK
    timeouts: Timeouts = Timeouts()


class Position(Struct, frozen=True):
    """The position in a stream: the hub's cursor, byte for byte, and the hub's epoch. Empty: from the beginning."""

    cursor: str = ""
    epoch: str = ""


Value = str | int | float | bool | None
ErpRow = tuple[Value, ...]


class PreparedRecord(Struct, frozen=True, array_like=True, gc=False):
    """A sound record made ready before its turn: what its binding keeps of it (`hash` is of the record as
    it came), and its rows by the layout.

    Only of a record in which nothing is to be told: no fault, no warning. `extras` are rows of further tables by label.
    """

    label: str
    customer_id: str
    hash: str
    row: ErpRow
    extras: dict[str, ErpRow] = {}
    items: tuple[ErpRow, ...] = ()
    payments: tuple[ErpRow, ...] = ()


class Slice(Struct, frozen=True, kw_only=True):
    """Part of a page: what one transaction writes.

    `expected` is the cursor the stream's row must hold (the page was asked with it), None for a re-read of waiting
    records, which compares nothing. `moves_to` is the page's own cursor on its last slice, else None. `prepared` are
    some of its changes made ready before, by id.
    """

    stream: Stream
    epoch: str
    changes: Sequence[Change]
    unreadable: Sequence[Unreadable] = ()
    related: Sequence[Change] = ()
    prepared: Mapping[str, PreparedRecord] = {}
    expected: str | None
    moves_to: str | None = None

    @property
    def kind(self) -> RecordKind:
        """The kind of its records."""
        return self.stream.kind

    @property
    def establishment(self) -> str:
        """The establishment of an order stream; empty for customers."""
        return self.stream.establishment


class WriteResult(Struct, frozen=True, kw_only=True):
    """The result of writing a slice, in rows, and the receipts owed for it: pending until `acknowledge`."""

    counts: Counts
    receipts: tuple[Receipt, ...]


class DryRun(Struct, frozen=True, kw_only=True):
    """The result of a dry run: counts, rows as they stood in the ERP's tables, and records that would not have
    entered.
    """

    counts: Counts
    tables: dict[str, list[dict[str, object]]]
    unsettled: list[tuple[str, str]]
    """Label and reason."""
    issued_at: datetime | None = None
    """The moment of its first order, as the app has it."""


class OpenIssue(Struct, frozen=True, kw_only=True):
    """A record that did not enter, as shown to people. `since` is when it got this outcome."""

    kind: RecordKind
    id: str
    version: int
    outcome: str
    label: str
    code: str
    message: str
    establishment: str
    since: datetime
    erp_number: str | None = None
    value: str | None = None
    """What was refused: a code, or the ERP's keys to choose from."""
    warnings: tuple[Reason, ...] = ()


class RecordStore(Protocol):
    """The memory of one company's records: the questions of pages and commands, and what a person decides.

    Every method raises TemporaryError or SetupError, as those of `Erp`.
    """

    def requeue_by_reason(self, codes: Collection[str]) -> int:
        """Return records refused for one of these reasons wait again: their cause may be gone. Answers how many."""

    def choose(self, customer_id: str, erp_key: str) -> None:
        """Of several customers of the ERP with one CNPJ, this one is meant; it is taken at the next import."""

    def waiting(self, establishments: Sequence[str]) -> Iterator[tuple[Stream, list[str]]]:
        """Return ids of what waits, at most 100 at a time, each lot with its stream; customers come first."""

    def pending_receipts(self, limit: int) -> list[Receipt]:
        """Return receipts not yet sent, in key order."""

    def acknowledge(self, receipts: Sequence[Receipt]) -> None:
        """These receipts reached the hub; a newer outcome of the same record stays pending."""

    def requeue(self, kind: RecordKind, ids: Sequence[str], *, again: bool = False) -> dict[Stream, list[str]]:
        """Turn refused records to waiting, and answer the ids that now wait, by stream.

        With `again`, also those whose row the ERP took away: they will be inserted anew. Orders that wait for a
        released customer are among them.
        """

    def open_issues(self, outcomes: Sequence[str], limit: int) -> list[OpenIssue]:
        """Return records with one of these outcomes, newest first."""

    def with_warnings(self, limit: int) -> list[OpenIssue]:
        """Return records that entered with a warning, the newest first. It reads many rows: not for a poll."""

    def n_open_issues(self) -> dict[str, int]:
        """Return how many records are refused and how many wait."""

    def waiting_since(self) -> datetime | None:
        """Return since when the record waits that waits the longest; None when nothing does."""

    def find(self, text: str, limit: int) -> list[OpenIssue]:
        """Return records by order number, ERP number or customer name, whatever their outcome."""

    def rows(self) -> dict[str, int]:
        """Return rows of the ERP's own tables by the seed's four nouns."""


class Erp(Protocol):
    """One company's records in one ERP, for one connection. Used from one thread, but for `prepare_page`.

    Every method raises TemporaryError (worth trying again) or SetupError (a person must act), never a driver's error.
    """

    @property
    def records(self) -> RecordStore:
        """Return what is remembered of the records."""

    def prepare(self) -> None:
        """Open, make our two tables where they are missing, and refuse a database that is not the layout's."""

    def position(self, stream: Stream) -> Position:
        """Return the stream's position. The row is made, empty, in a transaction of its own when it is missing."""

    def position_after_unknown_commit(self, stream: Stream) -> Position:
        """Return the stream's position once every transaction that holds its row has ended, on a new connection.

        For a lost answer to COMMIT: a plain read could still see the state before it.
        """

    def start_preparing(self) -> None:
        """Start what prepares pages elsewhere, where there is such a thing: many new records are announced."""

    def prepare_page(self, stream: Stream, page: bytes) -> Mapping[str, PreparedRecord]:
        """Return records of a page made ready, by id, from its bytes, while another page is written.

        May leave out any, or all. Never raises.
        """

    def write(self, part: Slice) -> WriteResult:
        """Make the company's tables equal to the slice, its bindings and its cursor, in one transaction.

        Twice leaves the same rows as once. An order lands with all its items and payments, or not at all. Records
        that cannot enter are refused or wait in their binding with a reason; they do not raise, and their neighbours
        go on. Inserted once, then only updated: a row the ERP took away is never made again by itself. Where the ERP
        undoes the whole transaction for one record, the slice goes in several, and that record is refused alone.
        Raises OvertakenError, with nothing written, when the stream's row does not hold `expected`.
        """

    def dry_run_side_effects(self) -> list[str]:
        """Return what a dry run leaves behind all the same, as sentences."""

    def dry_run(self, part: Slice) -> DryRun:
        """Write the slice as `write` does, look at the rows, and take all of it back."""

    def preview(self, part: Slice) -> DryRun:
        """Return what the layout makes of a slice, by table, without opening the database: lookups are shown as
        such.
        """

    def read_outcomes(self) -> int:
        """Ask what the ERP's own job made of staged orders; answers how many now have a number or a refusal."""

    def exports(self) -> tuple[ExportQuery, ...]:
        """Return the datasets that the layout has a query for, in the order they are sent."""

    def open_export(self, query: ExportQuery, since: Since = None) -> AbstractContextManager[RowStream]:
        """Return a dataset's rows, streamed as of one moment: all, or those whose changed-at column is at least
        `since`.

        The ERP's people go on working meanwhile; until the block ends nothing else is asked of the database.
        """

    def close(self) -> None:
        """Give the connection back. Idempotent."""
