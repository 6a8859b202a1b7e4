"""One import, step by step: customers, the orders that wait, then each establishment's orders.

Position and data commit together in the ERP's database, so a kill anywhere loses nothing and doubles nothing.
Source: docs/architecture.md "The life of one order".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from omnisync.agent.erp.base import DryRun, Erp, Position, Slice
from omnisync.agent.erp.layout.moment_sample import first_moment
from omnisync.agent.errors import EstablishmentBusyError, FeedError, StoppedError, TemporaryError
from omnisync.agent.hub_api.client import HubClient
from omnisync.agent.hub_api.transport import ExpiredError, UnreadableResponseError
from omnisync.agent.phase import Phase
from omnisync.agent.progress import Counts, ExpectedCounts, Progress
from omnisync.agent.retry import retry_reporting_progress
from omnisync.agent.runtime import Runtime
from omnisync.agent.sync.feed_reader import DecodedPage, FeedReader, Prefetch, start_daemon_thread
from omnisync.agent.sync.slice_size import FIRST_SLICE, AdaptiveSliceSize
from omnisync.contract.feed import (
    MAX_PAGE,
    MAX_RECEIPTS,
    MAX_RECORDS,
    Receipt,
    RecordKind,
    StreamHead,
    Streams,
    Unreadable,
)
from omnisync.contract.streams import CUSTOMERS, Stream, orders_of, unread_orders


class RetryRequest(Struct, frozen=True, kw_only=True):
    """The records a run of origin retry is to import again, by kind and id. `again` also those the ERP took away."""

    kind: RecordKind
    ids: tuple[str, ...]
    again: bool = False


class ImportOptions(Struct, frozen=True, kw_only=True):
    """The limits of one import.

    `first_slice` is in records. From `prefetch_from` rows announced on another process makes records ready: below, it
    would begin after the end. A stream with more pages than twice the rows announced and `max_unannounced_pages` has
    no end. `pages_ahead` are fetched before their turn, by threads that `start_thread` starts.
    """

    page_limit: int = MAX_PAGE
    first_slice: int = FIRST_SLICE
    prefetch_from: int = 20_000
    max_unannounced_pages: int = 1000
    pages_ahead: int = 2
    start_thread: Callable[[Callable[[], None]], None] = start_daemon_thread


DEFAULTS = ImportOptions()


class Importer:
    """One run of the import. `report` returns whether to stop."""

    def __init__(
        self,
        erp: Erp,
        hub: HubClient,
        *,
        run_id: str,
        establishments: Sequence[str],
        report: Callable[[Progress], bool],
        runtime: Runtime,
        options: ImportOptions = DEFAULTS,
    ) -> None:
        self._erp = erp
        self._hub = hub
        self._run_id = run_id
        self._establishments = tuple(establishments)
        self._report = report
        self._counts = Counts()
        self._totals = ExpectedCounts()
        self._phase = Phase()
        self._unsent_receipts: dict[tuple[RecordKind, str], Receipt] = {}
        self._epoch = ""
        self._busy: dict[str, EstablishmentBusyError] = {}
        self._unread: Mapping[str, int] | None = None
        self.slice_size = AdaptiveSliceSize(runtime.monotonic, options.first_slice)
        self._options = options
        self._mostly_new = False
        self._retrying = retry_reporting_progress(
            runtime, lambda trouble, retry_at: self._report_progress(self._phase, trouble, retry_at)
        )
        self._reader = FeedReader(
            hub,
            erp.prepare_page,
            self._retrying,
            limit=options.page_limit,
            n_ahead=options.pages_ahead,
            start_thread=options.start_thread,
        )

    @property
    def counts(self) -> Counts:
        """Return what the run has counted so far."""
        return self._counts

    def run(self) -> Counts:
        """Import all that is new. One request when nothing is.

        Raises StoppedError when told to stop, TemporaryError when the retries are exhausted, SetupError when a person
        must act, EstablishmentBusyError once all is done but what another computer is importing; what was written
        before stays, and the next run goes on from there.
        """
        self._retrying(self._erp.prepare)
        # First: of an order changed since, the ERP's number is known before the change is weighed.
        self._retrying(self._erp.read_outcomes)
        try:
            self._read_all()
        except ExpiredError:  # the hub was restored while we read
            self._read_all()
        self._retrying(self._erp.read_outcomes)
        self._send_receipts()
        if self._busy:
            raise _all_busy(self._busy)
        return self._counts

    def import_waiting(self) -> Counts:
        """After a run: what waits by now, of what an export gave another chance. Reads no stream."""
        self._read_waiting()
        self._send_receipts()
        return self._counts

    def _read_all(self) -> None:
        streams = [CUSTOMERS, *map(orders_of, self._establishments)]
        positions = {stream: self._retrying(lambda s=stream: self._erp.position(s)) for stream in streams}  # type: ignore[misc]  # a default binds the loop's value
        heads = self._stream_status(positions)
        news = _with_changes(heads)
        news |= {stream.name for stream, at in positions.items() if at.cursor and at.epoch != heads.epoch}
        self._totals = _totals(heads, streams)
        is_first_load = not any(position.cursor for position in positions.values())
        if is_first_load and self._totals.total >= self._options.prefetch_from:
            self._mostly_new = True
            self._retrying(self._erp.start_preparing)
        self._report_progress(Phase(stage="customer"))
        asked = {
            stream: position if position.epoch == heads.epoch else Position() for stream, position in positions.items()
        }
        until = asked[CUSTOMERS].cursor
        if CUSTOMERS.name in news:
            until = self._read(CUSTOMERS, positions[CUSTOMERS].cursor, until, "")
        self._read_waiting()
        for stream in streams[1:]:
            if stream.name in news:
                try:
                    self._read(stream, positions[stream].cursor, asked[stream].cursor, until)
                except EstablishmentBusyError as error:  # told at the end: the others go on
                    self._busy[stream.establishment] = error

    def retry(self, requests: Sequence[RetryRequest]) -> Counts:
        """Try just these records again, and the orders that wait for these customers; reads no stream."""
        self._retrying(self._erp.prepare)
        self._retrying(lambda: self._erp.position(CUSTOMERS))
        for lot in sorted(requests, key=lambda lot: lot.kind):  # "customer" comes before "order"
            streams = self._retrying(lambda lot=lot: self._erp.records.requeue(lot.kind, lot.ids, again=lot.again))  # type: ignore[misc]  # as above
            for stream in sorted(streams):
                self._retrying(lambda s=stream: self._erp.position(s))  # type: ignore[misc]  # as above
                ids = streams[stream]
                for start in range(0, len(ids), MAX_RECORDS):
                    self._read_again(stream, ids[start : start + MAX_RECORDS])
        self._send_receipts()
        return self._counts

    def dry_run(self) -> DryRun | None:
        """Write the next page and take it back; None when nothing is new. Moves no cursor, owes no receipt.

        Orders come with the customers they name, so that all four tables are seen.
        """
        self._retrying(self._erp.prepare)
        streams = [*map(orders_of, self._establishments), CUSTOMERS]
        positions = {stream: self._retrying(lambda s=stream: self._erp.position(s)) for stream in streams}  # type: ignore[misc]  # as above
        part = self._next_slice(positions)
        return None if part is None else _with_moment(self._retrying(lambda: self._erp.dry_run(part)), part)

    def preview(self) -> DryRun | None:
        """Return what the layout makes of the hub's first page; None when it has none. The ERP's database is not
        opened.
        """
        streams = [*map(orders_of, self._establishments), CUSTOMERS]
        part = self._next_slice(dict.fromkeys(streams, Position()))
        return None if part is None else _with_moment(self._erp.preview(part), part)

    def _next_slice(self, positions: dict[Stream, Position]) -> Slice | None:
        """Return the next page of the first of these streams that has one."""
        streams = list(positions)
        heads = self._stream_status(positions)
        news = _with_changes(heads)
        stream = next((stream for stream in streams if stream.name in news), None)
        if stream is None:
            return None
        until = positions[CUSTOMERS].cursor
        read = self._reader.page(stream, positions[stream].cursor, until, epoch=self._epoch)
        page = read.page
        return Slice(
            stream=stream,
            epoch=page.epoch,
            changes=page.changes,
            unreadable=read.unreadable,
            related=page.related.customers,
            expected=None,
        )

    def _stream_status(self, positions: dict[Stream, Position]) -> Streams:
        """Return what waits after these positions; one the hub does not know any more counts from the beginning."""
        after = {stream: at for stream, at in positions.items() if at.cursor}
        while True:
            try:
                heads = self._stream_status_after(after)
                break
            except ExpiredError:
                if not after:
                    raise
                epoch = self._stream_status_after({}).epoch
                standing = {stream: at for stream, at in after.items() if at.epoch == epoch}
                after = standing if len(standing) < len(after) else {}
        self._epoch = heads.epoch
        self._unread = unread_orders(heads)
        return heads

    def _stream_status_after(self, after: dict[Stream, Position]) -> Streams:
        cursors = [(stream, at.cursor) for stream, at in after.items()]
        return self._retrying(lambda: self._hub.streams(cursors))

    def _read(self, stream: Stream, expected: str, cursor: str, until: str) -> str:
        """Read a stream to its end; answers the cursor it ends at. The next pages are fetched while one is written."""
        seen = {cursor}
        most = 2 * self._totals.total + self._options.max_unannounced_pages
        ahead: list[Prefetch] = []
        while True:
            self._report_progress(_phase_of(stream))
            read = self._reader.page(stream, cursor, until, ahead[0] if ahead else None, epoch=self._epoch)
            page = read.page
            if page.has_more and (page.cursor in seen or len(seen) > most):
                raise FeedError("hub_repeats")
            seen.add(page.cursor)
            is_worth = self._mostly_new and self._totals.total >= self._options.prefetch_from
            going = ahead[1:] if read.is_prefetched else []
            if page.has_more:
                ahead = self._reader.prefetch(stream, page.cursor, until, going, is_prepared=is_worth)
            if page.changes or read.unreadable or page.cursor != expected:
                self._write_page(stream, read, expected)
            expected = cursor = page.cursor
            if not page.has_more:
                return cursor

    def _write_page(self, stream: Stream, read: DecodedPage, expected: str) -> None:
        page, n = read.page, len(read.page.changes)
        n_written = self._counts.n_records_written
        for start, end in self.slice_size.slices(n):
            is_first, is_last = start == 0, end >= n
            self._write(
                Slice(
                    stream=stream,
                    epoch=page.epoch,
                    changes=page.changes[start:end],
                    unreadable=read.unreadable if is_last else (),
                    related=page.related.customers if is_first else (),
                    prepared=read.prepared,
                    expected=expected,
                    moves_to=page.cursor if is_last else None,
                )
            )
            if len(self._unsent_receipts) >= MAX_RECEIPTS:
                self._send_unsent_receipts()
            self._report_progress(_phase_of(stream))
        # What is all news is worth making ready; of what is bound already nothing is even decoded.
        self._mostly_new = 2 * (self._counts.n_records_written - n_written) > n

    def _write(self, part: Slice) -> None:
        """Write one slice, redoing it while the database is only busy or was lost for a moment."""
        is_redone = False

        def write() -> None:
            nonlocal is_redone, part
            if is_redone:
                # The answer to COMMIT may have been lost: the position tells whether it stood.
                position = self._erp.position_after_unknown_commit(part.stream)
                if part.moves_to is not None and position.cursor == part.moves_to:
                    part = msgspec.structs.replace(part, expected=part.moves_to)
            is_redone = True
            written = self._erp.write(part)
            self._counts += written.counts
            self._unsent_receipts |= {(receipt.kind, receipt.id): receipt for receipt in written.receipts}

        self._retrying(write)

    def _read_waiting(self) -> None:
        for stream, ids in self._retrying(lambda: list(self._erp.records.waiting(self._establishments))):
            self._report_progress(Phase(stage="waiting"))
            self._read_again(stream, ids)

    def _read_again(self, stream: Stream, ids: Sequence[str]) -> None:
        kind = stream.kind
        try:
            changes, unreadable = self._retrying(lambda: self._hub.records(kind, ids))
        except UnreadableResponseError:
            if len(ids) > 1:
                self._read_again(stream, ids[: len(ids) // 2])
                self._read_again(stream, ids[len(ids) // 2 :])
                return
            changes, unreadable = (), (Unreadable(kind=kind, id=ids[0], version=1, why="formato"),)
        epoch = self._retrying(lambda: self._erp.position(stream)).epoch
        n = len(changes)
        for start, end in self.slice_size.slices(n):
            self._write(
                Slice(
                    stream=stream,
                    epoch=epoch,
                    changes=changes[start:end],
                    unreadable=unreadable if end >= n else (),
                    expected=None,
                )
            )
        self._report_progress(Phase(stage="waiting"))

    def _send_receipts(self) -> None:
        """Send all that is pending, of earlier runs, too. What cannot be sent now stays pending for the next chance."""
        is_sent = self._send_unsent_receipts()
        while is_sent and (receipts := self._retrying(lambda: self._erp.records.pending_receipts(MAX_RECEIPTS))):
            is_sent = self._send(receipts)

    def _send_unsent_receipts(self) -> bool:
        """Send what this run owes, at hand since it was written: reading it back is a thirtieth of a first load."""
        owed, self._unsent_receipts = list(self._unsent_receipts.values()), {}
        return all(self._send(owed[i : i + MAX_RECEIPTS]) for i in range(0, len(owed), MAX_RECEIPTS))

    def _send(self, receipts: Sequence[Receipt]) -> bool:
        self._report_progress(Phase(stage="receipts"))
        try:
            self._hub.send_receipts(self._run_id, receipts)
        except TemporaryError:
            return False
        self._retrying(lambda: self._erp.records.acknowledge(receipts))
        return True

    def _report_progress(
        self, phase: Phase, trouble: TemporaryError | None = None, retry_at: datetime | None = None
    ) -> None:
        self._phase = phase
        progress = Progress(
            phase=phase,
            counts=self._counts,
            totals=self._totals,
            trouble=trouble,
            retry_at=retry_at,
            unread=self._unread,
        )
        if self._report(progress):
            raise StoppedError


def _all_busy(busy: Mapping[str, EstablishmentBusyError]) -> EstablishmentBusyError:
    """Return one error for them all; its word `donos` has who holds each, and since when."""
    names = sorted({str(error.words["nome"]) for error in busy.values()})
    holders = {code: [str(error.words[word]) for word in ("nome", "desde")] for code, error in sorted(busy.items())}
    told = msgspec.json.encode(holders).decode()
    return EstablishmentBusyError(codigo=", ".join(holders), nome=", ".join(names), donos=told)


def _phase_of(stream: Stream) -> Phase:
    return Phase(stage=stream.kind, establishment=stream.establishment)


def _with_changes(heads: Streams) -> set[str]:
    """Return the names of the streams that have something new."""
    return {head.stream for head in heads.streams if _n_rows(head)}


def _n_rows(head: StreamHead) -> int:
    return head.customers + head.orders + head.items + head.payments


def _totals(heads: Streams, streams: Sequence[Stream]) -> ExpectedCounts:
    names = {stream.name for stream in streams}
    ours = [head for head in heads.streams if head.stream in names]
    return ExpectedCounts(
        customers=sum(head.customers for head in ours),
        orders=sum(head.orders for head in ours),
        items=sum(head.items for head in ours),
        payments=sum(head.payments for head in ours),
    )


def _with_moment(seen: DryRun, part: Slice) -> DryRun:
    """Return what was seen, with the moment of the first order."""
    orders = part.changes if part.kind == "order" else ()
    return msgspec.structs.replace(seen, issued_at=first_moment(orders))
