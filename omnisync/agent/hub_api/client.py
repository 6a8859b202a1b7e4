"""The hub's client: requests, and responses as the contract's structs. The HTTP part is `transport`'s.

Source: docs/contract.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct

from omnisync import __version__
from omnisync.agent.errors import ContractVersionError, FeedError, HubUnreachableError
from omnisync.agent.hub_api.transport import NotFoundError, RawResponse, Transport, UnreadableResponseError
from omnisync.contract import CONTRACT
from omnisync.contract.batches import MEDIA_TYPE, BatchAnswer, ExportPage, UploadState, UploadStates
from omnisync.contract.feed import (
    MAX_PAGE,
    UNDECODABLE,
    Change,
    Identity,
    Lease,
    Page,
    Receipt,
    ReceiptAnswer,
    ReceiptBatch,
    RecordKind,
    Streams,
    TruncatedError,
    UndecodableError,
    Unreadable,
    read_page,
    read_records,
)
from omnisync.contract.streams import Stream, unread_orders

DecodedAnswer = TypeVar("DecodedAnswer")


class HubUploads(Struct, frozen=True, kw_only=True):
    """The state of a hub's exports. Another epoch than before means that it was restored, and may have lost some.

    `states` are by system and dataset; None of a hub that cannot tell.
    """

    epoch: str
    states: Mapping[tuple[str, str], UploadState] | None = None


class HubClient:
    """The hub of one connection. Safe to use from the importer's thread and from its one look-ahead thread."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def close(self) -> None:
        """Give the sockets back."""
        self._transport.close()

    def health(self) -> None:
        """Ask whether the hub answers at all; raises what is wrong."""
        self._transport.request("GET", "/health")

    def identity(self) -> Identity:
        """Return the company, establishments and scopes of the token."""
        return self._read(self._transport.request("GET", "/v1"), Identity)

    def streams(self, after: Sequence[tuple[Stream, str]]) -> Streams:
        """Return every stream and what waits in it after these (stream, cursor); the one request of an idle poll."""
        params = [("after", f"{stream.name}:{cursor}") for stream, cursor in after]
        found = self._read(self._transport.request("GET", "/v1/streams", params=params), Streams)
        _check_contract(found.contract)
        return found

    def page(self, stream: Stream, cursor: str, *, customers_until: str = "", limit: int = MAX_PAGE) -> RawResponse:
        """Return one page of a stream, undecoded.

        Raises ExpiredError when the cursor stands no more, UnreadableResponseError.
        """
        params = [("kinds", stream.kind), ("limit", str(limit))]
        if stream.establishment:
            params.append(("establishment", stream.establishment))
        if cursor:
            params.append(("cursor", cursor))
        if customers_until:
            params.append(("customers_until", customers_until))
        return self._transport.request("GET", "/v1/changes", params=params)

    def records(self, kind: RecordKind, ids: Sequence[str]) -> tuple[tuple[Change, ...], tuple[Unreadable, ...]]:
        """Return these records now; an erased one as its delete, an unknown id left out.

        Raises UnreadableResponseError.
        """
        params = [("kind", kind), *(("ids", id_) for id_ in ids)]
        body = self._transport.request("GET", "/v1/records", params=params).body
        with _translate_frame_errors():
            return read_records(body, kind)

    def take_over(self, establishment: str) -> Lease:
        """Take over this establishment's lease; the computer that held it is refused at its next page."""
        return self._read(self._transport.request("PUT", f"/v1/leases/{quote(establishment, safe='')}"), Lease)

    def unknown_establishments(self) -> dict[str, int]:
        """Return orders by establishment that the company has not registered: no agent reads those streams."""
        return unread_orders(self.streams(()))

    def uploads(self) -> HubUploads:
        """Return the hub's epoch and what it was sent last of every dataset; of contract 1.0, the epoch."""
        try:
            found = self._read(self._transport.request("GET", "/v1/exports"), UploadStates)
        except NotFoundError:
            return HubUploads(epoch=self.streams(()).epoch)
        _check_contract(found.contract)
        return HubUploads(epoch=found.epoch, states={(one.system, one.dataset): one for one in found.datasets})

    def send_receipts(self, run_id: str, receipts: Sequence[Receipt]) -> ReceiptAnswer:
        """Tell the hub what became of records. At least once: the hub takes them idempotently."""
        batch = msgspec.json.encode(ReceiptBatch(agent_run_id=run_id, receipts=tuple(receipts)))
        return self._read(self._transport.request("POST", "/v1/receipts", content=batch), ReceiptAnswer)

    def send_records(self, records: Sequence[bytes]) -> bytes:
        """Put records into the intake; needs the scope records:write, which salespeople have and agents have not."""
        body = b'{"records":[' + b",".join(records) + b"]}"
        return self._transport.request("POST", "/v1/records", content=body).body

    def send_batch(
        self,
        system: str,
        dataset: str,
        batch_id: str,
        body: bytes,
        *,
        digest: str,
        lines: int,
        snapshot: str = "",
        final: bool = False,
        confirmed: bool = False,
    ) -> BatchAnswer:
        """Send one batch of a dataset, its body gzip, and what became of every line of it.

        `digest` is the body's `content_digest`. The same name and body may be sent again until it is answered: it is
        taken in once. Raises BatchConflictError, TooLargeError, and what every request may.
        """
        headers = {
            "Content-Type": MEDIA_TYPE,
            "Content-Encoding": "gzip",
            "Content-Digest": digest,
            "Omnisync-Lines": str(lines),
        }
        headers |= {"Omnisync-Snapshot": snapshot} if snapshot else {}
        headers |= {"Omnisync-Final": "true"} if final else {}
        headers |= {"Omnisync-Confirmed": "true"} if confirmed else {}
        address = _batch_address(system, dataset, batch_id)
        return self._read(self._transport.request("PUT", address, content=body, headers=headers), BatchAnswer)

    def exported(self, system: str, dataset: str, cursor: str = "") -> ExportPage:
        """Return what apps read of a dataset after this cursor. Raises ExpiredError when it stands no more."""
        params = [("cursor", cursor)] if cursor else []
        address = f"/v1/exports/{quote(system, safe='')}/{quote(dataset, safe='')}"
        return self._read(self._transport.request("GET", address, params=params), ExportPage)

    def batch(self, system: str, dataset: str, batch_id: str) -> BatchAnswer | None:
        """Return what was answered to a batch; None when the hub has not taken it in."""
        try:
            return self._read(self._transport.request("GET", _batch_address(system, dataset, batch_id)), BatchAnswer)
        except NotFoundError:
            return None

    def _read(self, answer: RawResponse, kind: type[DecodedAnswer]) -> DecodedAnswer:
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except msgspec.ValidationError as error:
            raise FeedError(motivo=str(error)) from error
        except UNDECODABLE as error:
            raise HubUnreachableError("hub_corrupt") from error


def _check_contract(version: str) -> None:
    if version.partition(".")[0] != CONTRACT.partition(".")[0]:
        raise ContractVersionError(versao=__version__)


def _batch_address(system: str, dataset: str, batch_id: str) -> str:
    return f"/v1/exports/{quote(system, safe='')}/{quote(dataset, safe='')}/batches/{quote(batch_id, safe='')}"


def read_decoded(fetched: RawResponse, kind: RecordKind) -> tuple[Page, tuple[Unreadable, ...]]:
    """Return the page that was fetched.

    Raises HubUnreachableError when it came to harm on the way, UnreadableResponseError when a record in it spoils it.
    """
    with _translate_frame_errors(fetched.next_cursor):
        return read_page(fetched.body, kind)


@contextmanager
def _translate_frame_errors(next_cursor: str = "") -> Iterator[None]:
    try:
        yield
    except TruncatedError as error:
        raise HubUnreachableError("hub_corrupt") from error
    except UndecodableError as error:
        raise UnreadableResponseError(next_cursor) from error
