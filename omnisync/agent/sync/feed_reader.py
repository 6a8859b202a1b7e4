"""The hub's feed, page by page: the next ones are fetched while one is written, and what cannot be read is passed.

Source: docs/contract.md "The feed".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from threading import Thread

from msgspec import Struct
from msgspec.structs import replace

from omnisync.agent.erp.base import PreparedRecord
from omnisync.agent.errors import FeedError
from omnisync.agent.hub_api.client import HubClient, read_decoded
from omnisync.agent.hub_api.transport import ExpiredError, UnreadableResponseError
from omnisync.agent.retry import Retry
from omnisync.contract.feed import Page, Unreadable, unnamed_record
from omnisync.contract.streams import Stream


class DecodedPage(Struct, frozen=True):
    """A page, the changes of it that cannot be read, and those that were made ready.

    `is_prefetched` says that it came as a thread had fetched it: so do the pages fetched after it.
    """

    page: Page
    unreadable: tuple[Unreadable, ...] = ()
    prepared: Mapping[str, PreparedRecord] = {}
    is_prefetched: bool = False


class Prefetch(Struct, frozen=True):
    """A page on its way, and what of it was made ready: as they will have come."""

    read: Future[DecodedPage]
    prepared: Future[Mapping[str, PreparedRecord]]


def start_daemon_thread(target: Callable[[], None]) -> None:
    """Start a thread that the process does not wait for: a run told to stop leaves a page it will not write."""
    Thread(target=target, name="prefetch", daemon=True).start()


class FeedReader:
    """Reads pages of at most `limit` changes, and fetches `n_ahead` of them before their turn.

    `prepare_page` is the ERP's: it works on a page before its turn.
    """

    def __init__(
        self,
        hub: HubClient,
        prepare_page: Callable[[Stream, bytes], Mapping[str, PreparedRecord]],
        retrying: Retry,
        *,
        limit: int,
        n_ahead: int,
        start_thread: Callable[[Callable[[], None]], None],
    ) -> None:
        self._hub = hub
        self._prepare_page = prepare_page
        self._retrying = retrying
        self._most = self._limit = limit
        self._n_ahead = n_ahead
        self._start_thread = start_thread

    def prefetch(
        self, stream: Stream, cursor: str, until: str, going: Sequence[Prefetch], *, is_prepared: bool
    ) -> list[Prefetch]:
        """Return the pages after the cursor that threads fetch and make ready, the next one first: those that are
        `going` already, and more.

        They hide the network, and the one after the next is fetched while the next is made ready. One is fetched at
        a time.
        """
        ahead = list(going)
        while len(ahead) < self._n_ahead:
            before = ahead[-1] if ahead else None
            ahead.append(self._start_fetch(stream, cursor, until, before, is_prepared=is_prepared))
        return ahead

    def _start_fetch(
        self, stream: Stream, cursor: str, until: str, before: Prefetch | None, *, is_prepared: bool
    ) -> Prefetch:
        """Fetch the page after the cursor, or the one that follows `before` as soon as that has come."""
        ahead, limit = Prefetch(Future(), Future()), self._limit

        def fetch() -> None:
            try:
                last = before.read.result().page if before is not None else None
                if last is not None and not last.has_more:
                    ahead.read.cancel()
                    return
                after = cursor if last is None else last.cursor
                fetched = self._hub.page(stream, after, customers_until=until, limit=limit)
                ahead.read.set_result(DecodedPage(*read_decoded(fetched, stream.kind), is_prefetched=True))
                ahead.prepared.set_result(self._prepare_page(stream, fetched.body) if is_prepared else {})
            except Exception as error:  # noqa: BLE001  # carried to the importer's own thread, which raises it
                (ahead.prepared if ahead.read.done() else ahead.read).set_exception(error)

        self._start_thread(fetch)
        return ahead

    def page(
        self, stream: Stream, cursor: str, until: str, ahead: Prefetch | None = None, *, epoch: str
    ) -> DecodedPage:
        """Return the page after the cursor, or the first one when the cursor stands no more; as it was fetched ahead,
        if so.

        Raises ExpiredError, FeedError, or what outlived all patience.
        """
        try:
            return self._read_readable(stream, cursor, until, ahead, epoch)
        except ExpiredError:
            if not cursor:
                raise
            return self._read_readable(stream, "", until, None, epoch)

    def _read_readable(
        self, stream: Stream, cursor: str, until: str, ahead: Prefetch | None, epoch: str
    ) -> DecodedPage:
        """Asked for in halves while it cannot be read; a single record that cannot be read is refused by its place."""
        tries = iter([] if ahead is None else [ahead])

        def ask() -> DecodedPage:
            first = next(tries, None)
            if first is not None:
                return replace(first.read.result(), prepared=first.prepared.result())
            fetched = self._hub.page(stream, cursor, customers_until=until, limit=self._limit)
            return DecodedPage(*read_decoded(fetched, stream.kind))

        while True:
            try:
                read = self._retrying(ask)
            except UnreadableResponseError as error:
                if self._limit == 1:
                    return _skip_unreadable(stream, cursor, epoch, error)
                self._limit //= 2
            else:
                self._limit = min(self._most, self._limit * 2)
                return read


def _skip_unreadable(stream: Stream, cursor: str, epoch: str, error: UnreadableResponseError) -> DecodedPage:
    if error.next_cursor in ("", cursor):
        raise FeedError("hub_broken", **error.words)
    page = Page(contract="", epoch=epoch, changes=(), cursor=error.next_cursor, has_more=True)
    return DecodedPage(page, (unnamed_record(stream.kind, cursor),))
