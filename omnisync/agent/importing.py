"""One import, step by step: customers, the orders that wait, then each establishment's orders.

Position and data commit together in the ERP's database, so a kill anywhere loses nothing and doubles nothing.
Source: docs/architecture.md "The life of one order".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from datetime import datetime
from threading import Thread

import msgspec
from msgspec import Struct

from omnisync.agent.counts import Counts, Totals
from omnisync.agent.erp.base import Erp, Position, Rehearsal, Slice
from omnisync.agent.errors import ErpBusyError, FeedError, HubUnreachableError, StoppedError, TemporaryError
from omnisync.agent.hub_client import ExpiredError, Fetched, HubClient
from omnisync.agent.patience import Patience
from omnisync.contract.feed import MAX_RECEIPTS, MAX_RECORDS, Kind, Page, StreamHead, Streams, read_page
from omnisync.contract.feed import Unreadable as UnreadableChange

CUSTOMERS = "customer"
FIRST_SLICE = 50
MAX_SLICE_S = 1.0
"""Other people work in that database: a transaction there stays under this."""


class Progress(Struct, frozen=True, kw_only=True):
    """Where a run stands. `phase` is the stream being read, "waiting" or "receipts"."""

    phase: str
    counts: Counts
    totals: Totals
    trouble: TemporaryError | None = None
    """What is being waited out, if anything."""


class Wanted(Struct, frozen=True, kw_only=True):
    """What a run of origin retry asks for: records by kind and id. `again` also those the ERP took away."""

    kind: Kind
    ids: tuple[str, ...]
    again: bool = False


class Pace:
    """How many records the next transaction takes: doubled or halved by the time the last one took."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._size = FIRST_SLICE

    def cuts(self, n: int) -> Iterator[tuple[int, int]]:
        """The slices of a page of n records, each timed between two steps of the iteration."""
        start = 0
        while start < n or start == 0:
            end = min(n, start + self._size)
            began = self._monotonic()
            yield start, end
            self._adapt(self._monotonic() - began)
            start = max(end, 1)

    def _adapt(self, took_s: float) -> None:
        if took_s > MAX_SLICE_S:
            self._size = max(1, self._size // 2)
        elif took_s < MAX_SLICE_S / 2:
            self._size *= 2


class Importer:
    """One run of the import. Time, waiting and dice enter as arguments; `report` answers whether to stop."""

    def __init__(
        self,
        erp: Erp,
        hub: HubClient,
        *,
        run_id: str,
        establishments: Sequence[str],
        report: Callable[[Progress], bool],
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        wait: Callable[[float], None],
        uniform: Callable[[float, float], float],
    ) -> None:
        self._erp = erp
        self._hub = hub
        self._run_id = run_id
        self._establishments = tuple(establishments)
        self._report = report
        self._wait = wait
        self._counts = Counts()
        self._totals = Totals()
        self._phase = CUSTOMERS
        self._n_receipts = 0
        self._pace = Pace(monotonic)
        self._patiently = Patience(clock=clock, monotonic=monotonic, wait=self._wait_out, uniform=uniform)

    @property
    def counts(self) -> Counts:
        """What the run has counted so far."""
        return self._counts

    def run(self) -> Counts:
        """Import all that is new. One request when nothing is.

        Raises StoppedError when told to stop, TemporaryError when patience ran out, SetupError when a person must
        act; what was written before stays, and the next run goes on from there.
        """
        self._patiently(self._erp.prepare)
        streams = [CUSTOMERS, *(f"order:{code}" for code in self._establishments)]
        positions = {stream: self._patiently(lambda s=stream: self._erp.position(s)) for stream in streams}  # type: ignore[misc]  # a default binds the loop's value
        heads = self._heads(positions)
        news = {head.stream for head in heads.streams if _n_rows(head)}
        news |= {stream for stream, at in positions.items() if at.cursor and at.epoch != heads.epoch}
        self._totals = _totals(heads, streams)
        self._tell(CUSTOMERS)
        asked = {
            stream: position if position.epoch == heads.epoch else Position() for stream, position in positions.items()
        }
        until = asked[CUSTOMERS].cursor
        if CUSTOMERS in news:
            until = self._read(CUSTOMERS, positions[CUSTOMERS].cursor, until, "")
        self._read_waiting()
        for stream in streams[1:]:
            if stream in news:
                self._read(stream, positions[stream].cursor, asked[stream].cursor, until)
        self._send_receipts()
        return self._counts

    def retry(self, wanted: Sequence[Wanted]) -> Counts:
        """Try just these records again, and the orders that wait for these customers; reads no stream."""
        self._patiently(self._erp.prepare)
        self._patiently(lambda: self._erp.position(CUSTOMERS))
        for lot in sorted(wanted, key=lambda lot: lot.kind):  # "customer" comes before "order"
            streams = self._erp.release(lot.kind, lot.ids, again=lot.again)
            for stream in sorted(streams):
                self._patiently(lambda s=stream: self._erp.position(s))  # type: ignore[misc]  # as above
                ids = streams[stream]
                for start in range(0, len(ids), MAX_RECORDS):
                    self._read_again(stream, ids[start : start + MAX_RECORDS])
        self._send_receipts()
        return self._counts

    def rehearse(self) -> Rehearsal | None:
        """Write the next page and take it back; None when nothing is new. Moves no cursor, owes no receipt.

        Orders come with the customers they name, so that all four tables are seen.
        """
        self._patiently(self._erp.prepare)
        streams = [*(f"order:{code}" for code in self._establishments), CUSTOMERS]
        positions = {stream: self._patiently(lambda s=stream: self._erp.position(s)) for stream in streams}  # type: ignore[misc]  # as above
        heads = self._heads(positions)
        news = {head.stream for head in heads.streams if _n_rows(head)}
        stream = next((stream for stream in streams if stream in news), None)
        if stream is None:
            return None
        until = positions[CUSTOMERS].cursor
        kind: Kind = "customer" if stream == CUSTOMERS else "order"
        page, unreadable = self._page(self._fetch(stream, positions[stream].cursor, until, None)[0], kind)
        part = Slice(
            stream=stream,
            kind=kind,
            epoch=page.epoch,
            changes=page.changes,
            unreadable=unreadable,
            related=page.related.customers,
            expected=None,
        )
        return self._patiently(lambda: self._erp.rehearse(part))

    # --- streams

    def _heads(self, positions: dict[str, Position]) -> Streams:
        after = [(stream, position.cursor) for stream, position in positions.items() if position.cursor]
        try:
            return self._patiently(lambda: self._hub.streams(after))
        except ExpiredError:
            return self._patiently(lambda: self._hub.streams(()))

    def _read(self, stream: str, expected: str, cursor: str, until: str) -> str:
        """Read a stream to its end; answers the cursor it ends at.

        The next page's bytes are fetched by a thread while this one is written: it hides the network. One page
        ahead at most, and it does not decode: a decoding thread makes SQLite slower.
        """
        kind: Kind = "customer" if stream == CUSTOMERS else "order"
        seen = {cursor}
        ahead: Future[Fetched] | None = None
        while True:
            self._tell(stream)
            fetched, cursor = self._fetch(stream, cursor, until, ahead)
            page, unreadable = self._page(fetched, kind)
            if page.has_more and page.cursor in seen:
                raise FeedError("hub_repeats")
            seen.add(page.cursor)
            ahead = self._fetch_ahead(stream, page.cursor, until) if page.has_more else None
            if page.changes or unreadable or page.cursor != expected:
                self._write_page(stream, kind, page, unreadable, expected)
            expected = cursor = page.cursor
            if not page.has_more:
                return cursor

    def _fetch_ahead(self, stream: str, cursor: str, until: str) -> Future[Fetched]:
        future: Future[Fetched] = Future()

        def fetch() -> None:
            try:
                future.set_result(self._hub.page(stream, cursor, customers_until=until))
            except Exception as error:  # noqa: BLE001  # carried to the importer's own thread, which raises it
                future.set_exception(error)

        # A daemon: a run told to stop does not wait for a page it will not write.
        Thread(target=fetch, name="ahead", daemon=True).start()
        return future

    def _fetch(self, stream: str, cursor: str, until: str, ahead: Future[Fetched] | None) -> tuple[Fetched, str]:
        tries = iter([ahead] if ahead is not None else [])

        def fetch(at: str) -> Fetched:
            first = next(tries, None)
            return first.result() if first is not None else self._hub.page(stream, at, customers_until=until)

        try:
            return self._patiently(lambda: fetch(cursor)), cursor
        except ExpiredError:
            return self._patiently(lambda: fetch("")), ""

    def _page(self, fetched: Fetched, kind: Kind) -> tuple[Page, tuple[UnreadableChange, ...]]:
        try:
            return read_page(fetched.body, kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise HubUnreachableError("hub_corrupt") from error

    def _write_page(
        self, stream: str, kind: Kind, page: Page, unreadable: tuple[UnreadableChange, ...], expected: str
    ) -> None:
        n = len(page.changes)
        for start, end in self._pace.cuts(n):
            is_first, is_last = start == 0, end >= n
            self._write(
                Slice(
                    stream=stream,
                    kind=kind,
                    epoch=page.epoch,
                    changes=page.changes[start:end],
                    unreadable=unreadable if is_last else (),
                    related=page.related.customers if is_first else (),
                    expected=expected,
                    moves_to=page.cursor if is_last else None,
                )
            )
            if self._n_receipts >= MAX_RECEIPTS:
                self._send_receipts()
            self._tell(stream)

    def _write(self, part: Slice) -> None:
        """Write one slice, redoing it while the database is only busy or was lost for a moment."""
        is_redone = False

        def write() -> None:
            nonlocal is_redone, part
            if is_redone:
                # The answer to COMMIT may have been lost: the position tells whether it stood.
                position = self._erp.settle(part.stream)
                if part.moves_to is not None and position.cursor == part.moves_to:
                    part = msgspec.structs.replace(part, expected=part.moves_to)
            is_redone = True
            written = self._erp.write(part)
            self._counts += written.counts
            self._n_receipts += written.n_receipts

        self._patiently(write)

    # --- records asked for by id

    def _read_waiting(self) -> None:
        for stream, ids in self._erp.waiting(self._establishments):
            self._tell("waiting")
            self._read_again(stream, ids)

    def _read_again(self, stream: str, ids: Sequence[str]) -> None:
        kind: Kind = "customer" if stream == CUSTOMERS else "order"
        answer = self._patiently(lambda: self._hub.records(kind, ids))
        epoch = self._erp.position(stream).epoch
        for start, end in self._pace.cuts(len(answer.changes)):
            changes = answer.changes[start:end]
            self._write(Slice(stream=stream, kind=kind, epoch=epoch, changes=changes, expected=None))
        self._tell("waiting")

    # --- receipts

    def _send_receipts(self) -> None:
        """Send what is pending. What cannot be sent now stays pending for the next chance."""
        self._n_receipts = 0
        while receipts := self._erp.pending(MAX_RECEIPTS):
            self._tell("receipts")
            try:
                self._hub.send_receipts(self._run_id, receipts)
            except TemporaryError:
                return
            self._patiently(lambda told=receipts: self._erp.told(told))  # type: ignore[misc]  # as above

    # --- telling and waiting

    def _tell(self, phase: str, trouble: TemporaryError | None = None) -> None:
        self._phase = phase
        if self._report(Progress(phase=phase, counts=self._counts, totals=self._totals, trouble=trouble)):
            raise StoppedError

    def _wait_out(self, pause_s: float, error: TemporaryError) -> None:
        """Wait, a second at a time, so that a stop is heard and the run's beat goes on."""
        if isinstance(error, ErpBusyError) and pause_s > 5:
            pause_s = 5.0
        while pause_s > 0:
            self._tell(self._phase, error)
            self._wait(min(1.0, pause_s))
            pause_s -= 1.0
        self._tell(self._phase)


def _n_rows(head: StreamHead) -> int:
    return head.customers + head.orders + head.items + head.payments


def _totals(heads: Streams, streams: Sequence[str]) -> Totals:
    ours = [head for head in heads.streams if head.stream in streams]
    return Totals(
        customers=sum(head.customers for head in ours),
        orders=sum(head.orders for head in ours),
        items=sum(head.items for head in ours),
        payments=sum(head.payments for head in ours),
    )
