"""The hub's own code as `HubClient` offers it, in this process and without sockets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from omnisync.agent.hub_api.transport import ExpiredError, RawResponse
from omnisync.contract.feed import Change, Receipt, ReceiptAnswer, RecordKind, Streams, Unreadable, read_records
from omnisync.contract.streams import Stream
from omnisync.hub import feed, receipts
from omnisync.hub.errors import ProblemError
from omnisync.hub.store import Store
from tests.support.hub_server import COMPANY


class DirectHub:
    """What `HubClient` offers, over the hub's own code in this process."""

    def __init__(self, current_store: Callable[[], Store], before_page: Callable[[], None]) -> None:
        """`current_store` is asked each time: it is another one after a restore."""
        self._current_store, self._before_page = current_store, before_page

    def streams(self, after: Sequence[tuple[Stream, str]]) -> Streams:
        places = {stream.name: cursor for stream, cursor in after}
        return msgspec.json.decode(
            self._asked(lambda: feed.streams(self._current_store(), COMPANY, places)), type=Streams
        )

    def page(self, stream: Stream, cursor: str, *, customers_until: str = "", limit: int = 1000) -> RawResponse:
        self._before_page()
        asked = feed.PageRequest(
            stream=stream.name, cursor=cursor or None, customers_until=customers_until or None, limit=limit
        )
        return RawResponse(self._asked(lambda: feed.page(self._current_store(), COMPANY, asked)), "")

    def records(self, kind: RecordKind, ids: Sequence[str]) -> tuple[tuple[Change, ...], tuple[Unreadable, ...]]:
        found = feed.changes_of(self._current_store(), COMPANY, kind, ids)
        return read_records(b'{"changes":[' + b",".join(text for _, text in found) + b"]}", kind)

    def send_receipts(self, run_id: str, told: Sequence[Receipt]) -> ReceiptAnswer:
        sent_ = msgspec.json.decode(msgspec.json.encode(tuple(told)), type=tuple[Receipt, ...])
        return ReceiptAnswer(results=tuple(receipts.save_receipts(self._current_store(), COMPANY, "producao", sent_)))

    def _asked(self, ask: Callable[[], feed.CachedAnswer]) -> bytes:
        try:
            return ask().body or b""
        except ProblemError as error:
            if error.code == "cursor_expired":
                raise ExpiredError from error
            raise
