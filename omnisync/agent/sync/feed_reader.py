"""The hub's feed, page by page: the next one is fetched while one is written, and what cannot be read is passed.

Source: docs/contract.md "The feed".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from threading import Thread

from msgspec import Struct

from omnisync.agent.erp.base import PreparedRecord
from omnisync.agent.errors import FeedError
from omnisync.agent.hub_api.client import HubClient, read_decoded
from omnisync.agent.hub_api.transport import ExpiredError, RawResponse, UnreadableResponseError
from omnisync.agent.retry import Retry
from omnisync.contract.feed import Page, Unreadable, unnamed_record
from omnisync.contract.streams import Stream


class DecodedPage(Struct, frozen=True):
    """A page, the changes of it that cannot be read, and those that were made ready."""

    page: Page
    unreadable: tuple[Unreadable, ...] = ()
    prepared: Mapping[str, PreparedRecord] = {}


Prefetch = Future[tuple[RawResponse, Mapping[str, PreparedRecord]]]
"""The next page, as it will have come."""


def start_daemon_thread(target: Callable[[], None]) -> None:
    """Start a thread that the process does not wait for: a run told to stop leaves a page it will not write."""
    Thread(target=target, name="prefetch", daemon=True).start()


class FeedReader:
    """Reads pages of at most `limit` changes. `prepare_page` is the ERP's: it works on a page before its turn."""

    def __init__(
        self,
        hub: HubClient,
        prepare_page: Callable[[Stream, bytes], Mapping[str, PreparedRecord]],
        retrying: Retry,
        *,
        limit: int,
        start_thread: Callable[[Callable[[], None]], None],
    ) -> None:
        self._hub = hub
        self._prepare_page = prepare_page
        self._retrying = retrying
        self._most = self._limit = limit
        self._start_thread = start_thread

    def prefetch(self, stream: Stream, cursor: str, until: str, *, is_prepared: bool) -> Prefetch:
        """Return the page after the cursor, fetched and made ready by a thread: it hides the network. One at a time.

        The thread does not decode: that would make SQLite slower, which takes turns with it.
        """
        future: Prefetch = Future()
        limit = self._limit

        def fetch() -> None:
            try:
                fetched = self._hub.page(stream, cursor, customers_until=until, limit=limit)
                future.set_result((fetched, self._prepare_page(stream, fetched.body) if is_prepared else {}))
            except Exception as error:  # noqa: BLE001  # carried to the importer's own thread, which raises it
                future.set_exception(error)

        self._start_thread(fetch)
        return future

    def page(
        self, stream: Stream, cursor: str, until: str, prefetched: Prefetch | None = None, *, epoch: str
    ) -> DecodedPage:
        """Return the page after the cursor, or the first one when the cursor stands no more; as it was fetched ahead,
        if so.

        Raises ExpiredError, FeedError, or what outlived all patience.
        """
        try:
            return self._read_readable(stream, cursor, until, prefetched, epoch)
        except ExpiredError:
            if not cursor:
                raise
            return self._read_readable(stream, "", until, None, epoch)

    def _read_readable(
        self, stream: Stream, cursor: str, until: str, prefetched: Prefetch | None, epoch: str
    ) -> DecodedPage:
        """Asked for in halves while it cannot be read; a single record that cannot be read is refused by its place."""
        tries = iter([] if prefetched is None else [prefetched])

        def ask() -> DecodedPage:
            first = next(tries, None)
            fetched, prepared = (
                (self._hub.page(stream, cursor, customers_until=until, limit=self._limit), {})
                if first is None
                else first.result()
            )
            return DecodedPage(*read_decoded(fetched, stream.kind), prepared)

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
