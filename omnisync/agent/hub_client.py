"""Talks to the hub, and turns every HTTP trouble into our errors. The only module that knows httpx.

Every request has a total deadline, a cap on its decoded size and on its compression ratio; redirects are never
followed, so that the token goes to no other host. Source: docs/contract.md.
"""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Struct

from omnisync import __version__
from omnisync.agent.errors import (
    BadTokenError,
    ContractVersionError,
    FeedError,
    HubBusyError,
    HubUnreachableError,
    OmnisyncError,
)
from omnisync.contract import CONTRACT
from omnisync.contract.feed import (
    MAX_PAGE,
    Identity,
    Kind,
    Receipt,
    ReceiptAnswer,
    ReceiptBatch,
    RecordsAnswer,
    Streams,
)

DEADLINE = timedelta(seconds=60)
"""For one whole request: a slow drip never trips a read timeout."""
MAX_BODY_BYTES = 32 * 2**20
MAX_RATIO = 200
"""Decoded bytes per byte received: beyond it, a gzip bomb."""
MAX_PAUSE = timedelta(minutes=15)
CHUNK_BYTES = 2**16

Answer = TypeVar("Answer")


class TooBigError(OmnisyncError):
    """The answer is larger than we read: ask for less."""

    code = "hub_broken"


class ExpiredError(OmnisyncError):
    """The cursor is of another epoch, or too old: begin again without one."""

    code = "hub_broken"


class Fetched(Struct, frozen=True):
    """A page as it came. `next_cursor` is the header's: it stands even when the body cannot be read."""

    body: bytes
    next_cursor: str


class _Problem(Struct):
    code: str = ""
    detail: str = ""


class HubClient:
    """The hub of one connection. Safe to use from the importer's thread and from its one look-ahead thread."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._host = httpx.URL(url).host
        headers = {
            "Authorization": f"Bearer {token}",
            "User-Agent": f"omnisync/{__version__}",
            "Omnisync-Contract": CONTRACT,
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
        }
        timeout = httpx.Timeout(30, connect=10)
        self._http = httpx.Client(
            base_url=url.rstrip("/"), headers=headers, timeout=timeout, follow_redirects=False, verify=verify
        )

    def close(self) -> None:
        """Give the sockets back."""
        self._http.close()

    def health(self) -> None:
        """Ask whether the hub answers at all; raises what is wrong."""
        self._request("GET", "/health")

    def identity(self) -> Identity:
        """Who the token says we are."""
        return self._read(self._request("GET", "/v1"), Identity)

    def streams(self, after: Sequence[tuple[str, str]]) -> Streams:
        """Every stream and what waits in it after these (stream, cursor); the one request of an idle poll."""
        params = [("after", f"{stream}:{cursor}") for stream, cursor in after]
        return self._read(self._request("GET", "/v1/streams", params=params), Streams)

    def page(self, stream: str, cursor: str, *, customers_until: str = "", limit: int = MAX_PAGE) -> Fetched:
        """One page of a stream, undecoded. Raises ExpiredError when the cursor stands no more, TooBigError."""
        kind, _, establishment = stream.partition(":")
        params = [("kinds", kind), ("limit", str(limit))]
        if establishment:
            params.append(("establishment", establishment))
        if cursor:
            params.append(("cursor", cursor))
        if customers_until:
            params.append(("customers_until", customers_until))
        response, body = self._request("GET", "/v1/changes", params=params)
        return Fetched(body, response.headers.get("Omnisync-Next", ""))

    def records(self, kind: Kind, ids: Sequence[str]) -> RecordsAnswer:
        """These records now; an erased one as its delete, an unknown id left out."""
        params = [("kind", kind), *(("ids", id_) for id_ in ids)]
        return self._read(self._request("GET", "/v1/records", params=params), RecordsAnswer)

    def send_receipts(self, run_id: str, receipts: Sequence[Receipt]) -> ReceiptAnswer:
        """Tell the hub what became of records. At least once: the hub takes them idempotently."""
        batch = msgspec.json.encode(ReceiptBatch(agent_run_id=run_id, receipts=tuple(receipts)))
        return self._read(self._request("POST", "/v1/receipts", content=batch), ReceiptAnswer)

    def send_records(self, records: Sequence[bytes]) -> bytes:
        """Put records into the intake; needs the scope records:write, which salespeople have and agents have not."""
        body = b'{"records":[' + b",".join(records) + b"]}"
        return self._request("POST", "/v1/records", content=body)[1]

    # --- one request

    def _request(
        self,
        method: str,
        path: str,
        *,
        params: Sequence[tuple[str, str]] = (),
        content: bytes | None = None,
    ) -> tuple[httpx.Response, bytes]:
        headers = {} if content is None else {"Content-Type": "application/json"}
        query = "&".join(f"{name}={quote(value, safe=':')}" for name, value in params)
        deadline = self._monotonic() + DEADLINE.total_seconds()
        try:
            request = self._http.build_request(
                method, f"{path}?{query}" if query else path, content=content, headers=headers
            )
            response = self._http.send(request, stream=True)
            try:
                body = b"".join(self._decoded(response, deadline))
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise self._network_error(error) from error
        except ssl.SSLError as error:
            raise HubUnreachableError("hub_certificate", motivo=_certificate_fault(str(error))) from error
        self._check(response, body)
        return response, body

    def _decoded(self, response: httpx.Response, deadline: float) -> Iterator[bytes]:
        """The body in chunks, gunzipped by ourselves: httpx gives a cut gzip as whole, and inflates without a cap."""
        is_gzip = response.headers.get("Content-Encoding", "").lower() == "gzip"
        inflate = zlib.decompressobj(31) if is_gzip else None
        n_received = n_decoded = 0
        for raw in response.iter_raw(CHUNK_BYTES):
            n_received += len(raw)
            while raw:
                if self._monotonic() > deadline:
                    raise HubUnreachableError
                data, raw = self._inflated(inflate, raw)
                n_decoded += len(data)
                if n_decoded > MAX_BODY_BYTES or (n_decoded > CHUNK_BYTES * 16 and n_decoded > MAX_RATIO * n_received):
                    raise TooBigError(motivo="resposta grande demais")
                yield data
        if inflate is not None and n_received and not inflate.eof:
            raise HubUnreachableError("hub_corrupt")

    def _inflated(self, inflate: zlib._Decompress | None, raw: bytes) -> tuple[bytes, bytes]:
        if inflate is None:
            return raw, b""
        try:
            return inflate.decompress(raw, CHUNK_BYTES * 4), inflate.unconsumed_tail
        except zlib.error as error:
            raise HubUnreachableError("hub_corrupt") from error

    def _network_error(self, error: httpx.HTTPError) -> HubUnreachableError:
        text = str(error)
        if "CERTIFICATE_VERIFY_FAILED" in text:
            return HubUnreachableError("hub_certificate", motivo=_certificate_fault(text))
        return HubUnreachableError()

    def _check(self, response: httpx.Response, body: bytes) -> None:
        status = response.status_code
        is_json = response.headers.get("Content-Type", "").split(";")[0].strip() in (
            "application/json",
            "application/problem+json",
        )
        if status < 300:
            if not is_json:
                raise HubUnreachableError("hub_other_page", host=self._host)
            return
        if status < 400:
            target = httpx.URL(response.headers.get("Location", "")).host or "–"
            raise FeedError("hub_redirect", host=target)
        raise self._status_error(status, _problem(body) if is_json else _Problem(), response)

    def _status_error(self, status: int, problem: _Problem, response: httpx.Response) -> OmnisyncError:
        code = problem.code
        if status == 410:
            return ExpiredError()
        if status == 401 or code in ("unauthorized", "token_revoked"):
            return BadTokenError()
        if code == "company_suspended":
            return BadTokenError("company_suspended")
        if status == 426 or code == "agent_too_old":
            return ContractVersionError(versao=__version__)
        if code == "establishment_busy":
            return HubBusyError("establishment_busy", nome=problem.detail[:80], retry_at=self._retry_at(response))
        if status in (429, 503):
            retry_at = self._retry_at(response)
            busy = "maintenance" if status == 503 else "rate_limited"
            return HubBusyError(busy, retry_at=retry_at, n=_seconds_until(retry_at, self._clock()))
        if status in (408, 425, 500, 502, 504):
            return HubUnreachableError()
        if status == 407:
            return HubUnreachableError("hub_other_page", host=self._host)
        return FeedError("hub_said_no", motivo=(problem.detail or f"resposta {status}")[:300])

    def _retry_at(self, response: httpx.Response) -> datetime | None:
        """The moment Retry-After names, in seconds or as a date; capped, and None for garbage."""
        value = response.headers.get("Retry-After", "").strip()
        now = self._clock()
        if value.isascii() and value.isdigit():
            return now + min(timedelta(seconds=min(int(value), 10**6)), MAX_PAUSE)
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        return min(moment if moment.tzinfo else moment.replace(tzinfo=UTC), now + MAX_PAUSE)

    def _read(self, answer: tuple[httpx.Response, bytes], kind: type[Answer]) -> Answer:
        try:
            return msgspec.json.decode(answer[1], type=kind)
        except msgspec.ValidationError as error:
            raise FeedError(motivo=str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise HubUnreachableError("hub_corrupt") from error


def _problem(body: bytes) -> _Problem:
    try:
        return msgspec.json.decode(body, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Problem()


def _seconds_until(moment: datetime | None, now: datetime) -> int:
    return 1 if moment is None else max(1, round((moment - now).total_seconds()))


def _certificate_fault(text: str) -> str:
    for words, fault in (
        ("expired", "vencido"),
        ("self-signed", "assinado por ele mesmo"),
        ("self signed", "assinado por ele mesmo"),
        ("Hostname mismatch", "é de outro endereço"),
        ("IP address mismatch", "é de outro endereço"),
    ):
        if words in text:
            return fault
    return "emissor desconhecido"
